"""
SVG as escaped markup, and the two kinds of drawing that the page uses.

A *fluid* drawing has no view box: positions are shares of the width, so that text keeps its size on
a phone. Colours come from the page's style sheet by class, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

Attribute = str | int | float


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """One element; every attribute and every child that is not markup already is escaped."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-") if key != "viewBox" else key}="{escape(number(value))}"'
        for key, value in attributes.items()
    )
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")


def number(value: Attribute) -> str:
    """A coordinate has at most two decimals, so that the same drawing is the same bytes."""
    if not isinstance(value, float):
        return str(value)
    trimmed = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if trimmed == "-0" else trimmed


def percent(part: float) -> str:
    """A position as a share of the width."""
    return f"{number(100.0 * part)}%"


def figure(*children: str, label: str, height: int, class_: str) -> Markup:
    """A fluid drawing of `height` pixels; `label` is what a reader who cannot see it is told."""
    return element("svg", element("title", label), *children, class_=class_, role="img", width="100%", height=height)


def text(content: str, x: float, y: float, *, anchor: str = "start", class_: str = "label") -> Markup:
    """Text in a fluid drawing; `x` is a share of the width, `y` is in pixels."""
    return element("text", content, x=percent(x), y=float(y), text_anchor=anchor, class_=class_)


def rule(y: float, class_: str = "rule") -> Markup:
    """A horizontal line over the whole width."""
    return element("line", x1="0", x2="100%", y1=float(y), y2=float(y), class_=class_)


def bars(heights: Sequence[float], *, top: float, height: float, class_: str, gap: float = 0.18) -> Markup:
    """Bars of equal width over the whole width as one path; `heights` lie in 0..1 of `height` pixels."""
    if not heights:
        return Markup("")
    gap = gap if len(heights) <= 120 else 0.0
    path = "".join(
        f"M{number(i + gap / 2)} 100v{number(-100.0 * h)}h{number(1 - gap)}v{number(100.0 * h)}z"
        for i, h in enumerate(heights)
        if h > 0
    )
    return element(
        "svg",
        element("path", d=path),
        x="0",
        y=float(top),
        width="100%",
        height=float(height),
        viewBox=f"0 0 {len(heights)} 100",
        preserveAspectRatio="none",
        class_=class_,
    )
