"""
Columns of any type as moments in UTC, to the microsecond.

A time without a zone is UTC. A bare number counts from 1970 in the unit that its size gives away: seconds
below 10^11, milliseconds below 10^14, microseconds below 10^17, else nanoseconds (as seconds, 10^11 is
the year 5138; as milliseconds, 1973). Moments outside the years 1 to 9999 are none.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.numbers import FLOAT, floats, whole_in_text
from stillhunt.contract import TIMESTAMP

FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

ISO = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<hour>\d{2}:\d{2})(?P<second>:\d{2})?(?:[.,](?P<fraction>\d{1,6})\d*)?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)


WHOLE_ISO = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$"
"""What Arrow reads as it is."""


def moments(column: Column) -> Column:
    """Return a plain column as timestamps in UTC; what is no time is null."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _counted(column.cast(pa.timestamp(kind.unit)).cast(pa.int64()), kind.unit)
    if pa.types.is_date(kind):
        return _counted(column.cast(pa.timestamp("s")).cast(pa.int64()), "s")
    if pa.types.is_integer(kind):
        return _sized(column if kind == pa.int64() else pc.cast(column, pa.int64(), safe=True))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _sized(floats(column))
    if pa.types.is_string(kind):
        return _written(pc.utf8_trim_whitespace(column))
    return pa.nulls(len(column), TIMESTAMP)


def in_unit(column: Column, unit: str) -> Column:
    """Return a plain column whose bare numbers count `unit` (`s`, `ms`, `us`, `ns`) since 1970 as moments."""
    kind = column.type
    if pa.types.is_integer(kind):
        return _in_unit(pc.cast(column, pa.int64(), safe=True), unit)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _in_unit(_bounded(floats(column)), unit)
    if not pa.types.is_string(kind):
        return moments(column)
    whole = whole_in_text(pc.utf8_trim_whitespace(column))
    result = _in_unit(whole, unit)
    if whole.null_count > column.null_count:
        others = pc.if_else(pc.is_valid(whole), None, column)
        numbers = floats(others)
        written = moments(pc.if_else(pc.is_valid(numbers), None, others))
        result = pc.coalesce(result, _in_unit(_bounded(numbers), unit), written)
    return result


def _bounded(number: Column) -> Column:
    """Return finite doubles that are counts of some unit within a few thousand years; others as null."""
    return pc.if_else(pc.less(pc.abs(number), float(2**62)), number, None)


def _counted(count: Column, unit: str) -> Column:
    """Return whole numbers of `unit` since 1970 as moments."""
    per_us = PER_SECOND["us"] // PER_SECOND[unit] if unit != "ns" else 1
    if unit == "ns":
        count = _floor_divide(count, 1000)
    low, high = -(-FIRST_US // per_us), LAST_US // per_us
    inside = pc.and_(pc.greater_equal(count, low), pc.less_equal(count, high))
    return pc.multiply(pc.if_else(inside, count, None), per_us).cast(pa.int64()).cast(TIMESTAMP)


def _floor_divide(count: Column, by: int) -> Column:
    """Return count/by rounded down; Arrow's division of integers rounds towards zero."""
    quotient = pc.divide(count, by)
    rest = pc.less(pc.subtract(count, pc.multiply(quotient, by)), 0)
    return pc.if_else(rest, pc.subtract(quotient, 1), quotient)


SIZES = {"s": (0, 10**11), "ms": (10**11, 10**14), "us": (10**14, 10**17), "ns": (10**17, 2**63 - 1)}
"""From which size on (exclusive end) a bare number counts in which unit."""


def _sized(number: Column) -> Column:
    """Return bare numbers (64-bit whole ones or finite doubles) as moments; their size gives the unit."""
    kind = number.type
    if pa.types.is_integer(kind):  # the one whole number without a positive twin
        number = pc.if_else(pc.equal(number, -(2**63)), None, number)
    size = pc.abs(number)
    result = pa.nulls(len(number), TIMESTAMP)
    for unit, (low, high) in SIZES.items():
        from_low = pc.greater_equal(size, pa.scalar(low).cast(kind, safe=False))
        here = pc.and_(from_low, pc.less(size, pa.scalar(high).cast(kind, safe=False)))
        if pc.any(here).as_py():
            result = pc.coalesce(result, _in_unit(pc.if_else(here, number, None), unit))
    return result


def _in_unit(number: Column, unit: str) -> Column:
    """Return counts of `unit` since 1970 as moments, fractions rounded to the microsecond."""
    if pa.types.is_integer(number.type):
        return _counted(number, unit)
    scaled = pc.multiply(number, 10**6) if unit == "s" else pc.divide(number, PER_SECOND[unit] / 10**6)
    return _counted(pc.round(scaled).cast(pa.int64(), safe=False), "us")


def _written(text: Column) -> Column:
    """Return ISO 8601 text and numeric text as moments."""
    result = _dated(text)
    if result.null_count > text.null_count:
        result = pc.coalesce(result, _sized(whole_in_text(text)))
    if result.null_count > text.null_count:
        decimal = pc.and_(pc.match_substring_regex(text, FLOAT), pc.is_null(result))
        result = pc.coalesce(result, _sized(floats(pc.if_else(decimal, text, None))))
    return result


def _dated(text: Column) -> Column:
    """Return ISO 8601 dates and times as moments: all at once where every one is sound, else one by one."""
    if pc.all(pc.match_substring_regex(text, WHOLE_ISO), min_count=0).as_py():
        try:
            return text.cast(TIMESTAMP)
        except pa.ArrowInvalid:
            pass  # a day or time that no calendar has
    parts = pc.extract_regex(text, ISO)
    day, hour, second, fraction, zone = (
        pc.struct_field(parts, name) for name in ("day", "hour", "second", "fraction", "zone")
    )
    joined = pc.binary_join_element_wise(
        day,
        "T",
        _or(hour, "00:00"),
        _or(second, ":00"),
        ".",
        _or(fraction, "0"),
        _or(pc.replace_substring_regex(zone, "^(?:[Zz]|UTC|GMT)$", "Z"), "Z"),
        "",
    )
    try:
        return joined.cast(TIMESTAMP)
    except pa.ArrowInvalid:
        return pa.array([_moment(value) for value in joined.to_pylist()], TIMESTAMP)


def _or(part: Column, default: str) -> Column:
    """Return the part, or the default where it was not written (an absent group is an empty string)."""
    return pc.if_else(pc.equal(part, ""), default, part)


def _moment(value: str | None) -> datetime | None:
    """Return the one moment written, or None where the calendar has no such day or time."""
    try:
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
