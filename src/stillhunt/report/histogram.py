"""Where a statistic would fall under its null, with the observed value marked."""

from __future__ import annotations

import math
from dataclasses import replace

from markupsafe import Markup

from stillhunt.model import NullDistribution
from stillhunt.report import svg
from stillhunt.report.numbers import count, figure

HEIGHT = 138
TOP = 24
PLOT = 88
AXIS = 131
MARGIN = 0.04


def histogram(null: NullDistribution) -> Markup:
    """
    Bars for the null and a line for the observed value, on an axis wide enough for both.

    Bins may be of unequal width: a bar's area is its count. Nothing is drawn for a null without counts,
    or where a number is not finite.
    """
    if not sum(null.counts) or not all(map(math.isfinite, (*null.edges, null.observed))):
        return Markup("")
    null = trimmed(null)
    low, high = axis(null)
    if high <= low:
        return Markup("")

    def at(x: float) -> float:
        return (x - low) / (high - low)

    bins = list(zip(null.edges, null.edges[1:], null.counts, strict=False))
    density = [n / (b - a) if b > a else 0.0 for a, b, n in bins]
    peak = max(density) or 1.0
    bars = [
        svg.element(
            "rect",
            x=svg.percent(at(a)),
            width=svg.percent(at(b) - at(a)),
            y=TOP + PLOT * (1 - d / peak),
            height=PLOT * d / peak,
            class_="null",
        )
        for (a, b, _), d in zip(bins, density, strict=True)
        if d > 0
    ]
    mark = at(null.observed)
    anchor, lean = ("end", -0.012) if mark > 0.5 else ("start", 0.012)
    return svg.figure(
        *bars,
        svg.rule(TOP + PLOT, "rule base"),
        svg.element("line", x1=svg.percent(mark), x2=svg.percent(mark), y1=4, y2=TOP + PLOT, class_="observed"),
        svg.text(f"observed {figure(null.observed)}", mark + lean, 14, anchor=anchor, class_="label strong own"),
        *(svg.text(figure(x), at(x), AXIS, anchor=end_anchor(at(x))) for x in dict.fromkeys(null.ends)),
        label=spoken(null),
        height=HEIGHT,
        class_="chart histogram",
    )


def trimmed(null: NullDistribution) -> NullDistribution:
    """The null without the empty bins at its ends, which are not part of where it falls."""
    filled = [i for i, n in enumerate(null.counts) if n]
    first, last = filled[0], filled[-1]
    return replace(null, edges=null.edges[first : last + 2], counts=null.counts[first : last + 1])


def axis(null: NullDistribution) -> tuple[float, float]:
    """The range that holds the null and the observed value, with a margin."""
    points = (*null.edges, null.observed)
    low, high = min(points), max(points)
    return low - MARGIN * (high - low), high + MARGIN * (high - low)


def end_anchor(at: float) -> str:
    """Text near the left end starts there, near the right end it ends there."""
    return "start" if at < 0.15 else "end" if at > 0.85 else "middle"


def spoken(null: NullDistribution) -> str:
    """The drawing in words."""
    total = sum(null.counts)
    bins = zip(null.edges, null.edges[1:], null.counts, strict=False)
    below = sum(n for _, b, n in bins if b <= null.observed)
    return (
        f"Histogram of {count(total)} values of “{null.label}” between {figure(null.ends[0])} and "
        f"{figure(null.ends[1])}; the observed value is {figure(null.observed)}, "
        f"with about {count(below)} of them below it."
    )
