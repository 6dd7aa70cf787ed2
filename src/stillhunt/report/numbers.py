"""Numbers and dates as a reader would say them: counts, shares, error figures, days and spans of days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MILLION = 1_000_000
BILLION = 1_000_000_000


def count(n: int) -> str:
    """A whole number is written out below a million (`24,871`) and rounded above (`28.8 million`)."""
    if abs(n) < MILLION:
        return f"{n:,}"
    unit, word = (MILLION, "million") if abs(n) < 999_500_000 else (BILLION, "billion")
    scaled = n / unit
    return f"{scaled:,.0f} {word}" if abs(scaled) >= 100 else f"{scaled:.1f} {word}".replace(".0 ", " ")


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """A number carries its noun in the right number: `1 account`, `2 accounts`."""
    return f"{count(n)} {singular if n == 1 else plural or singular + 's'}"


def share(x: float) -> str:
    """A share is a percentage to the whole point, with a decimal below 10 % and bounds at both ends."""
    if not math.isfinite(x):
        return "unknown"
    percent = 100 * x
    if percent == 0 or percent >= 100:
        return f"{percent:.0f} %"
    if percent < 0.1:
        return "under 0.1 %"
    if percent > 99.9:
        return "over 99.9 %"
    rounded = f"{percent:.1f}" if percent < 10 or percent > 99 else f"{percent:.0f}"
    return f"{rounded.removesuffix('.0')} %"


def figure(x: float | int | str | None) -> str:
    """A statistic shows three significant digits, powers of ten where it is very small or very large."""
    if x is None:
        return "–"
    if isinstance(x, str):
        return x
    if isinstance(x, int):
        return f"{x:,}"
    if not math.isfinite(x):
        return "not finite"
    if x == 0:
        return "0"
    if 1e-4 <= abs(x) < 1e6:
        return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}".replace("-", "−")
    mantissa, exponent = f"{x:.1e}".split("e")
    digits = mantissa.removesuffix(".0").replace("-", "−")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return power if digits == "1" else f"{digits} × {power}"


def effective(n: float | None) -> str:
    """An effective number is whole from ten upwards and has a decimal below."""
    if n is None or not math.isfinite(n):
        return "–"
    return count(round(n)) if n >= 9.95 else f"{n:.1f}".removesuffix(".0")


def odds(log10: float | None) -> str:
    """An e-value of 10ᵏ turned a stake of 1 into 10ᵏ, betting against chance at fair odds; below 1 the bet lost."""
    if log10 is None:
        return "–"
    if not math.isfinite(log10):
        return "not finite"
    if abs(log10) < 3:
        return f"{figure(10**log10)} to 1"
    return f"10{str(round(log10)).translate(SUPERSCRIPT)} to 1"


def confidence(x: float) -> str:
    """A confidence is a percentage that never rounds up to certainty."""
    if x > 0.9999:
        return "over 99.99 %"
    return f"{math.floor(x * 1e4) / 100:.2f} %" if x >= 0.99 else f"{math.floor(x * 1e3) / 10:.1f} %"


def utc(moment: datetime) -> datetime:
    """A moment without a zone is one in UTC, as the log contract says."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso(moment: datetime | None) -> str | None:
    """A moment in ISO 8601 with a `Z`, and microseconds only where there are any."""
    return None if moment is None else utc(moment).replace(tzinfo=None).isoformat() + "Z"


def day(moment: date) -> str:
    """A day is `5 June 2026`, in UTC for a moment."""
    at = utc(moment) if isinstance(moment, datetime) else moment
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def short_day(moment: date) -> str:
    """A day on an axis is `5 Jun`."""
    return f"{moment.day} {MONTHS[moment.month - 1][:3]}"


def minute(moment: datetime) -> str:
    """A moment is a day and the time in UTC: `5 June 2026, 14:07 UTC`."""
    return f"{day(moment)}, {utc(moment):%H:%M} UTC"


def span(first: datetime, last: datetime) -> str:
    """Two moments are `between 22 April and 5 June 2026`, or `on 5 June 2026` when they share the day."""
    a, b = utc(first), utc(last)
    if a.date() == b.date():
        return f"on {day(b)}"
    start = day(a).removesuffix(f" {a.year}") if a.year == b.year else day(a)
    return f"between {start} and {day(b)}"


def short_span(first: datetime, last: datetime) -> str:
    """Two moments in a table are `22 Apr to 5 Jun 2026`."""
    a, b = utc(first).date(), utc(last).date()
    if a == b:
        return f"{short_day(b)} {b.year}"
    return f"{short_day(a)}{f' {a.year}' if a.year != b.year else ''} to {short_day(b)} {b.year}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Words in a row take commas, and the last a conjunction: `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
