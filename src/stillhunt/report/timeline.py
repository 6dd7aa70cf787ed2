"""Calls per day: the campaign above, the whole log below, on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from markupsafe import Markup

from stillhunt.report import svg
from stillhunt.report.numbers import count, day, short_day

HEIGHT = 226
PANEL = 74
TOPS = (20, 126)
LABEL_LIFT = 5
AXIS = 218
LONGEST_WINDOW_DAYS = 3660
FEWEST_DAYS_FOR_MIDDLE_LABEL = 5


def timeline(campaign: Mapping[str, int], log: Mapping[str, int]) -> Markup:
    """
    Two rows of bars, calls per UTC day of the campaign and of the whole log, each on its own scale.

    Both map ISO dates to counts. In the row below, the campaign's part of each day is filled. Nothing
    is drawn when neither has a day.
    """
    days = window(campaign, log)
    if not days:
        return Markup("")
    own = [campaign.get(d.isoformat(), 0) for d in days]
    whole = [max(log.get(d.isoformat(), 0), n) for d, n in zip(days, own, strict=True)]
    parts = [
        panel("the campaign", own, own, top=TOPS[0]),
        panel("the whole log", whole, own, top=TOPS[1]),
        axis(days),
    ]
    return svg.figure(*parts, label=spoken(days, own, whole), height=HEIGHT, class_="chart timeline")


def sparkline(campaign: Mapping[str, int], log: Mapping[str, int]) -> Markup:
    """The campaign's calls per day in the height of a line of text."""
    days = window(campaign, log)
    own = [campaign.get(d.isoformat(), 0) for d in days]
    peak = max(own, default=0)
    if not peak:
        return Markup("")
    marks = svg.bars([n / peak for n in own], top=0, height=22, class_="own", gap=0.1)
    label = f"Calls per day, at most {count(peak)}"
    return svg.figure(marks, label=label, height=22, class_="spark")


def window(campaign: Mapping[str, int], log: Mapping[str, int]) -> list[date]:
    """Every day from the first to the last that either names; the last ten years of a longer span."""
    named = sorted({date.fromisoformat(d) for d in (*campaign, *log)})
    if not named:
        return []
    first = max(named[0], named[-1] - timedelta(days=LONGEST_WINDOW_DAYS))
    return [first + timedelta(days=i) for i in range((named[-1] - first).days + 1)]


def panel(name: str, total: Sequence[int], own: Sequence[int], *, top: int) -> Markup:
    """One row: a rule at its peak with the number above it, a rule at zero, the bars between."""
    peak = max(total)
    scale = max(peak, 1)
    marks = [
        svg.rule(top),
        svg.text(f"{count(peak)} on the busiest day", 0, top - LABEL_LIFT, class_="label strong"),
        svg.text(name, 1, top - LABEL_LIFT, anchor="end"),
        svg.rule(top + PANEL, "rule base"),
    ]
    if total is not own:
        marks.append(svg.bars([n / scale for n in total], top=top, height=PANEL, class_="log"))
    marks.append(svg.bars([n / scale for n in own], top=top, height=PANEL, class_="own"))
    return Markup("").join(marks)


def axis(days: Sequence[date]) -> Markup:
    """The first, the middle and the last day; one label where all are the same day."""
    marks = [svg.text(short_day(days[0]), 0, AXIS)]
    if len(days) >= FEWEST_DAYS_FOR_MIDDLE_LABEL:
        middle = len(days) // 2
        marks.append(svg.text(short_day(days[middle]), (middle + 0.5) / len(days), AXIS, anchor="middle"))
    if len(days) > 1:
        marks.append(svg.text(short_day(days[-1]), 1, AXIS, anchor="end"))
    return Markup("").join(marks)


def spoken(days: Sequence[date], own: Sequence[int], whole: Sequence[int]) -> str:
    """The drawing in words."""
    busiest = max(range(len(days)), key=lambda i: own[i])
    return (
        f"Calls per day from {day(days[0])} to {day(days[-1])}. The campaign makes {count(sum(own))} calls, "
        f"at most {count(own[busiest])} on {day(days[busiest])}; the whole log holds {count(sum(whole))}."
    )
