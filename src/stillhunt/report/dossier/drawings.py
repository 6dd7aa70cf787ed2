"""Drawings that only a dossier has: effect sizes with their intervals, on one axis from never to always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from stillhunt.model import Contrast
from stillhunt.report import svg
from stillhunt.report.numbers import share

ROW = 34
TOP = 8
LEFT = 0.22
"""Share of the width that names take."""


def effects(contrasts: Sequence[Contrast], names: Mapping[str, str], counted_from: float) -> Markup:
    """One row for each measure: a bar for the interval, a dot for the estimate, lines at one half and at the threshold."""

    def at(x: float) -> float:
        return LEFT + (0.98 - LEFT) * x

    height = TOP + ROW * len(contrasts) + 24
    foot = TOP + ROW * len(contrasts)
    marks = [
        svg.element("line", x1=svg.percent(at(x)), x2=svg.percent(at(x)), y1=TOP, y2=foot, class_=class_)
        for x, class_ in ((0.0, "rule"), (0.5, "rule base"), (1.0, "rule"), (counted_from, "observed dashed"))
    ]
    for n, c in enumerate(contrasts):
        y = TOP + ROW * (n + 0.5)
        own = "own" if c.low >= counted_from else "log"
        marks += [
            svg.text(names[c.measure], 0, y + 4, class_="label strong"),
            svg.element(
                "line", x1=svg.percent(at(c.low)), x2=svg.percent(at(c.high)), y1=y, y2=y, class_=f"interval {own}"
            ),
            svg.element("circle", cx=svg.percent(at(c.superiority)), cy=y, r=4.5, class_=f"dot {own}"),
        ]
    marks += [
        svg.text("never above", at(0.0), foot + 17, anchor="start"),
        svg.text("half", at(0.5), foot + 17, anchor="middle"),
        svg.text("always", at(1.0), foot + 17, anchor="end"),
    ]
    spoken = "; ".join(
        f"{names[c.measure]} {share(c.superiority)}, interval {share(c.low)} to {share(c.high)}" for c in contrasts
    )
    return svg.figure(
        *marks, label=f"How often the campaign lies above: {spoken}.", height=height, class_="chart effects"
    )
