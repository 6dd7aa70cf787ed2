"""Columns of any type as numbers: what is not a number, or does not fit, becomes null."""

from __future__ import annotations

import pyarrow as pa

from stillhunt.collect.arrays import Column, pc

FLOAT = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
SHORT = r"^[+-]?\d{1,18}$"
"""At most 18 digits always fit 64 bits; longer ones take the way through a decimal."""
LONG = r"^[+-]?\d{19,37}$"

TOP = 2.0**63


def floats(column: Column) -> Column:
    """Return a plain column as finite doubles; text is read as a decimal number."""
    kind = column.type
    if pa.types.is_string(kind):
        trimmed = pc.utf8_trim_whitespace(column)
        return _finite(_only(trimmed, FLOAT).cast(pa.float64()))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _finite(column.cast(pa.float64(), safe=False))
    return pa.nulls(len(column), pa.float64())


def integers(column: Column, *, prefix: str = "") -> Column:
    """Return a plain column as 64-bit whole numbers; 12.0 is 12, 12.5 is none; `prefix` is taken off text."""
    kind = column.type
    if pa.types.is_string(kind):
        return _integers_in_text(column, prefix)
    if pa.types.is_uint64(kind):
        return pc.if_else(pc.less_equal(column, pa.scalar(2**63 - 1, pa.uint64())), column, None).cast(
            pa.int64()
        )
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _whole(_finite(column.cast(pa.float64(), safe=False)))
    return pa.nulls(len(column), pa.int64())


def _integers_in_text(column: Column, prefix: str) -> Column:
    trimmed = pc.utf8_trim_whitespace(column)
    if prefix:
        trimmed = pc.replace_substring_regex(trimmed, rf"^(?i:{prefix})", "")
    digits = whole_in_text(trimmed)
    if digits.null_count == column.null_count:
        return digits
    return pc.coalesce(digits, _whole(floats(pc.if_else(pc.is_valid(digits), None, trimmed))))


def whole_in_text(text: Column) -> Column:
    """Return text made of digits alone as 64-bit whole numbers, other text as null."""
    short = pc.utf8_ltrim(_only(text, SHORT), "+").cast(pa.int64())
    if short.null_count == text.null_count:
        return short
    long = _only(text, LONG)
    if long.null_count == len(text):
        return short
    exact = pc.utf8_ltrim(long, "+").cast(pa.decimal128(38, 0))
    limits = [pa.scalar(limit, pa.int64()).cast(pa.decimal128(38, 0)) for limit in (-(2**63), 2**63 - 1)]
    fits = pc.and_(pc.greater_equal(exact, limits[0]), pc.less_equal(exact, limits[1]))
    return pc.coalesce(short, pc.if_else(fits, exact, None).cast(pa.int64()))


def _only(text: Column, pattern: str) -> Column:
    return pc.if_else(pc.match_substring_regex(text, pattern), text, None)


def _finite(column: Column) -> Column:
    return pc.if_else(pc.is_finite(column), column, None)


def _whole(column: Column) -> Column:
    """Return doubles that are whole and fit 64 bits as integers; others as null."""
    fits = pc.and_(
        pc.equal(pc.floor(column), column),
        pc.and_(pc.greater_equal(column, -TOP), pc.less(column, TOP)),
    )
    return pc.if_else(fits, column, None).cast(pa.int64(), safe=False)
