"""What a hunt would find in an operator's own log, as JSON and as a page with a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stillhunt.controls import Power, PowerCell, Smallest
from stillhunt.report.canonical import encode
from stillhunt.report.numbers import count, counted, share
from stillhunt.report.page import render
from stillhunt.report.svg import element, number

SCHEMA = "stillhunt/power/v1"
WIDTH, HEIGHT = 320.0, 220.0
LEFT, TOP, FOOT = 34.0, 10.0, 34.0
DASHES = ("", "6 3", "2 3")
"""How the lines of one picture are told apart, in the order of how much is shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One picture: a scheduler and calls per account, a line for each degree of sharing."""

    title: str
    drawing: Markup
    caption: str


def power_json(power: Power) -> bytes:
    """The table as canonical JSON under `stillhunt/power/v1`."""
    return encode(
        {
            "schema": SCHEMA,
            "wanted": power.wanted,
            "smallest": [_named(s) | {"size": s.size} for s in power.smallest],
            "cells": [
                _named(c)
                | {"size": c.size, "planted": c.planted, "found": c.found, "interval_95": [c.low, c.high]}
                for c in power.cells
            ],
            "too_large": list(power.too_large),
            "rounds": power.rounds,
            "owners": power.owners,
            "days": power.days,
            "falsely_reported": power.falsely,
            "meaning": dict(power.meaning),
            "settings": dict(power.settings),
        }
    )


def _named(row: Smallest | PowerCell) -> dict[str, str | int | float | list[float] | None]:
    return {"sharing": row.sharing, "calls_per_account": row.calls, "scheduler": row.scheduler}


def power_html(power: Power) -> str:
    """One self-contained page: the smallest campaigns found, and a picture for each scheduler and volume."""
    return render(
        "power.html.j2",
        power=power,
        headline=headline(power),
        panels=panels(power),
        dashes=list(zip(sharings(power), DASHES, strict=False)),
    )


def headline(power: Power) -> str:
    """The smallest size over all kinds, and how many kinds were found at no size that was planted."""
    sizes = [s.size for s in power.smallest if s.size is not None]
    never = sum(s.size is None for s in power.smallest)
    if not sizes:
        return f"No kind of planted campaign can be said to be found with {share(power.wanted)} power on this log"
    best = f"The easiest kind of planted campaign is found from {counted(min(sizes), 'account')} on"
    if not never:
        return f"{best}, every kind from {count(max(sizes))} on"
    return f"{best}; of {count(never)} of {counted(len(power.smallest), 'kind')} that cannot be said at any size"


def sharings(power: Power) -> list[str]:
    """Degrees of sharing, most first."""
    return list(dict.fromkeys(s.sharing for s in power.smallest))


def panels(power: Power) -> list[Panel]:
    """A picture for each scheduler and volume."""
    kinds = dict.fromkeys((s.scheduler, s.calls) for s in power.smallest)
    out = []
    for scheduler, calls in kinds:
        mine = [c for c in power.cells if (c.scheduler, c.calls) == (scheduler, calls)]
        if not mine:
            continue
        ends = [
            f"{s.sharing} shared: {'not found' if s.size is None else f'from {count(s.size)} accounts on'}"
            for s in power.smallest
            if (s.scheduler, s.calls) == (scheduler, calls)
        ]
        title = f"{scheduler}, {counted(calls, 'call')} for each account"
        drawing = curves(mine, sharings(power), power.wanted, title)
        out.append(Panel(title=title, drawing=drawing, caption="; ".join(ends) + "."))
    return out


def curves(cells: Sequence[PowerCell], lines: Sequence[str], wanted: float, title: str) -> Markup:
    """The share found over the size, sizes on a logarithmic axis, bars for the exact intervals."""
    sizes = sorted({c.size for c in cells})
    low, high = math.log(sizes[0]), math.log(max(sizes[-1], sizes[0] + 1))

    def x(size: int) -> float:
        return LEFT + (WIDTH - LEFT - 10) * (math.log(size) - low) / (high - low)

    def y(part: float) -> float:
        return TOP + (HEIGHT - TOP - FOOT) * (1 - part)

    marks = []
    for place, sharing in enumerate(lines):
        row = sorted((c for c in cells if c.sharing == sharing), key=lambda c: c.size)
        offset = 3.0 * (place - (len(lines) - 1) / 2)
        points = [(x(c.size) + offset, y(c.found / c.planted)) for c in row]
        dash = {"stroke_dasharray": DASHES[place % len(DASHES)]} if DASHES[place % len(DASHES)] else {}
        line = " ".join(f"{number(a)},{number(b)}" for a, b in points)
        marks.append(element("polyline", points=line, class_="curve", **dash))
        for cell, (a, b) in zip(row, points, strict=True):
            marks.append(element("line", x1=a, x2=a, y1=y(cell.low), y2=y(cell.high), class_="whisker"))
            marks.append(element("circle", cx=a, cy=b, r=2.8, class_="own"))
    ticks = [element("text", str(s), x=x(s), y=HEIGHT - FOOT + 16, text_anchor="middle", class_="label") for s in sizes]
    ticks += [
        element("text", t, x=LEFT - 6, y=y(v) + 4, text_anchor="end", class_="label")
        for v, t in ((0.0, "0 %"), (wanted, f"{100 * wanted:.0f} %"), (1.0, "100 %"))
    ]
    return element(
        "svg",
        element("title", f"Share of planted campaigns found, by size: {title}"),
        element("line", x1=LEFT, x2=WIDTH, y1=y(wanted), y2=y(wanted), class_="rule base"),
        element("line", x1=LEFT, x2=WIDTH, y1=y(0), y2=y(0), class_="rule"),
        element("line", x1=LEFT, x2=WIDTH, y1=y(1), y2=y(1), class_="rule"),
        *marks,
        *ticks,
        element("text", "accounts", x=(LEFT + WIDTH) / 2, y=HEIGHT - 2, text_anchor="middle", class_="label"),
        class_="graph square",
        role="img",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
    )
