"""The p-values of every test over sets known to be honest, against the diagonal, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from scipy.stats import beta, binom

from stillhunt.model import Audit
from stillhunt.report.numbers import count, counted, figure, share
from stillhunt.report.page import render
from stillhunt.report.svg import element

SIZE = 300.0
EDGE = 34.0
"""The square of the plot, and the room for its labels."""

LEVELS = (0.05, 0.01)
NAMES = {"rho0": "Coherence (rho0)", "tau": "Linking (tau)"}
ALL = "the whole of key 2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """One test over the controls: its p-values ascending, the drawing, and how many are small beside how many may be."""

    name: str
    p_values: tuple[float, ...]
    drawing: Markup
    caption: str
    small: tuple[tuple[int, int], ...]


def calibration_html(audit: Audit) -> str:
    """One self-contained page: each test against the diagonal, thresholds, and every control."""
    if audit.claimable and audit.bound is not None:
        headline = f"At most {share(audit.bound)} of the reports are honest sets, by this operator's own controls"
    elif not audit.reported:
        headline = "Nothing was reported, so there is nothing to bound"
    else:
        headline = "Insufficient controls: no bound may be claimed"
    return render(
        "calibration.html.j2",
        audit=audit,
        headline=headline,
        tests=calibrations(audit),
        levels=LEVELS,
        names=NAMES,
        broken="" if audit.full_break is None else full_break_sentence(audit),
    )


def full_break_sentence(audit: Audit) -> str:
    """What key 1 keeps of a log in which nobody is linked to anybody but by chance."""
    done = audit.full_break
    if done is None:
        return ""
    return (
        f"With every kind of trait dealt out anew inside each country, {counted(done.proposed, 'group')} "
        f"{'was' if done.proposed == 1 else 'were'} proposed in {counted(done.shuffles, 'shuffle')}, and key 1 kept"
        f" {count(done.kept)}."
        + (
            f" Of these, {count(done.of_one_country)} are a quarter or more of one country, where dealing anew breaks little"
            " and the allowance for neighbours is weak: read sets from one small country with that in mind."
            if done.of_one_country
            else ""
        )
        + (
            " It should keep hardly any: do not rely on key 1 in this log."
            if done.kept - done.of_one_country > 0.05 * done.shuffles
            else ""
        )
    )


def calibrations(audit: Audit) -> list[Calibration]:
    """Every test that ran on any control, and all of key 2 together."""
    names = dict.fromkeys(name for control in audit.controls for name in control.p_values)
    of = {name: [c.p_values[name] for c in audit.controls if name in c.p_values] for name in names}
    of[ALL] = [c.p_value for c in audit.controls if c.p_values and c.p_value is not None]
    return [_calibration(name, sorted(values)) for name, values in of.items() if values]


def _calibration(name: str, values: list[float]) -> Calibration:
    n = len(values)
    small = tuple((sum(p <= level for p in values), int(binom.ppf(0.95, n, level))) for level in LEVELS)
    below = sum(p < float(beta.ppf(0.025, k, n - k + 1)) for k, p in enumerate(values, 1))
    caption = f"{counted(n, 'control')}; smallest p {figure(values[0])}; {counted(below, 'dot')} below the band."
    return Calibration(
        name=name, p_values=tuple(values), drawing=diagonal(values, name), caption=caption, small=small
    )


def diagonal(values: Sequence[float], name: str) -> Markup:
    """The k-th smallest p-value over k / (n + 1), the diagonal, and the band of uniform order statistics."""
    n = len(values)
    at = [k / (n + 1) for k in range(1, n + 1)]
    low = [(x, float(beta.ppf(0.025, k, n - k + 1))) for k, x in enumerate(at, 1)]
    high = [(x, float(beta.ppf(0.975, k, n - k + 1))) for k, x in enumerate(at, 1)]
    band = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in [*low, *reversed(high)])
    label = f"{name}: p-values of {n} controls by rank; smallest {figure(values[0])}, median {figure(values[n // 2])}."
    marks = [
        element("text", tick, x=_x(v), y=SIZE + EDGE - 14, text_anchor="middle", class_="label")
        for v, tick in ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))
    ] + [
        element("text", tick, x=EDGE - 6, y=_y(v) + 4, text_anchor="end", class_="label")
        for v, tick in ((0.5, "0.5"), (1.0, "1"))
    ]
    return element(
        "svg",
        element("title", label),
        element("polygon", points=band, class_="track"),
        element("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="rule base"),
        element("rect", x=EDGE, y=8.0, width=SIZE - EDGE, height=SIZE - EDGE, fill="none", class_="rule"),
        *(element("circle", cx=_x(x), cy=_y(p), r=2.6, class_="own") for x, p in zip(at, values, strict=True)),
        *marks,
        element("text", "rank of the control, as a share", x=_x(0.5), y=SIZE + EDGE, text_anchor="middle", class_="label"),
        class_="graph square",
        role="img",
        viewBox=f"0 0 {SIZE + 12:.0f} {SIZE + EDGE + 6:.0f}",
    )


def _x(share: float) -> float:
    return EDGE + share * (SIZE - EDGE)


def _y(p: float) -> float:
    return 8.0 + (1 - p) * (SIZE - EDGE)
