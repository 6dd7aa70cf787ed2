"""Columns of any type as text, and as lists of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa

from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.text import column_text, json_text

LARGEST_EXACT = 2**53
"""Beyond it a double no longer holds every whole number."""


def plain(column: Column) -> Column:
    """Return the column without dictionary, run-end, view, 64-bit-offset or extension wrapping."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        if isinstance(kind, pa.UuidType):
            values = column.to_pylist()
            return pa.array([None if v is None else str(v) for v in values], pa.string())
        return plain(column.storage)
    if pa.types.is_dictionary(kind):
        return plain(column.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(column))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _valid(column.cast(pa.string()))
    if pa.types.is_string(kind):
        return _valid(column)
    if _is_bytes(kind):
        return _decoded(column)
    return column


def may_hold(column: Column, mark: str) -> bool:
    """Whether some text stands anywhere in the memory of a text column; only where it does not is that sure for each value."""
    data = column.buffers()[2]
    return data is not None and mark.encode() in data.to_pybytes()


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _valid(column: Column) -> Column:
    """Return the text column, values that are not UTF-8 (a writer may not have checked) as null."""
    try:
        column.validate(full=True)
    except (pa.ArrowInvalid, ValueError):
        return _decoded(column.cast(pa.binary()))
    return column


def _decoded(column: Column) -> Column:
    """Return bytes as text; what is not UTF-8 becomes the bytes' marker type, so that the loss is counted."""
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return column.cast(pa.binary())


def strings(column: Column, *, text: str | None = None) -> Column:
    """
    Return a plain column as strings; 12.0 is `12`, nested values become text in text columns only.

    `text` names the contract's text column that this is for, if it is one.
    """
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_binary(kind):
        return pa.array([_utf8(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_floating(kind):
        return _strings_of_floats(column.cast(pa.float64()))
    if pa.types.is_nested(kind):
        if text is None:
            return pa.nulls(len(column), pa.string())
        values = [None if v is None else column_text(_jsonable(v), text) for v in column.to_pylist()]
        return pa.array(values, pa.string())
    return column.cast(pa.string())


def _utf8(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _jsonable(value: Any) -> Any:
    """Return a value out of Arrow with its maps (lists of pairs) and bytes as JSON would have them."""
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        if value and all(isinstance(v, tuple) and len(v) == 2 for v in value):
            return {str(k): _jsonable(v) for k, v in value}
        return [_jsonable(v) for v in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _strings_of_floats(column: Column) -> Column:
    """Return 12.0 as `12` (a data frame turns ids with gaps into floats), 1.5 as `1.5`, NaN as null."""
    finite = pc.is_finite(column)
    whole = pc.and_(finite, pc.equal(pc.floor(column), column))
    exact = pc.and_(whole, pc.less(pc.abs(column), LARGEST_EXACT))
    integers = pc.if_else(exact, column, None).cast(pa.int64()).cast(pa.string())
    return pc.coalesce(integers, pc.if_else(finite, column, None).cast(pa.string()))


def lists(column: Column) -> Column:
    """
    Return a plain column as lists of text.

    Text that is a JSON list is read as one, other text is a list of itself, empty text is no list. Null
    items are dropped.
    """
    kind = column.type
    if pa.types.is_string(kind):
        return pa.array([list_in_text(value) for value in column.to_pylist()], LISTS)
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type) and not column.flatten().null_count:
        flat = column.flatten()
        if _valid(flat) is flat:
            return column.cast(LISTS)
    if not (pa.types.is_nested(kind) and hasattr(kind, "value_type")):
        return pa.nulls(len(column), LISTS)
    return pa.array([None if v is None else list_of_text(v) for v in column.to_pylist()], LISTS)


LISTS = pa.list_(pa.string())


def list_in_text(value: str | None) -> list[str] | None:
    """Return the list that a string stands for: JSON, or the string itself as the only item."""
    if value is None or not value.strip():
        return None
    if value.lstrip().startswith("["):
        try:
            parsed = orjson.loads(value)
        except (orjson.JSONDecodeError, RecursionError):
            return None
        return list_of_text(parsed)
    return [value]


def list_of_text(values: Sequence[object]) -> list[str] | None:
    """Return the items as text, null ones dropped; None when an item is itself a list or object."""
    items: list[str] = []
    for value in values:
        if isinstance(value, bytes):
            value = _utf8(value)
            if value is None:
                return None
        if value is None:
            continue
        if isinstance(value, str):
            items.append(value)
        elif isinstance(value, bool | int | float):
            items.append(json_text(value))
        else:
            return None
    return items
