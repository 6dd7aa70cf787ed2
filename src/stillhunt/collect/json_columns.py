"""
Fields out of a column that holds objects: JSON as text, structs or maps, a whole column at a time.

`fields(column, {"user_agent": TEXT, "usage": {"input": WHOLE}})` gives one column for each leaf, under the names
joined by dots: `user_agent`, `usage.input`. No value becomes a Python object unless a batch holds something that
Arrow's parser does not take, such as a number where text is due; then that batch is read value by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pj

from stillhunt.collect.arrays import Bytes, Column, pc
from stillhunt.collect.strings import plain
from stillhunt.collect.text import json_text, without_surrogates

TEXT = pa.string()
WHOLE = pa.int64()
NUMBER = pa.float64()

OPEN, CLOSE = b"{}"

Wanted = Mapping[str, Any]
"""Names of fields with their types, or with the fields inside them."""


def fields(column: Column, wanted: Wanted) -> dict[str, Column]:
    """Return the wanted leaves of each object, null where an object lacks one; never raises."""
    column = plain(column)
    kind = column.type
    if pa.types.is_string(kind):
        return _of_text(column, wanted)
    if pa.types.is_struct(kind):
        return _of_struct(column, wanted)
    if pa.types.is_map(kind):
        return _of_map(column, wanted)
    return _missing(len(column), wanted)


def _missing(rows: int, wanted: Wanted) -> dict[str, Column]:
    return {name: pa.nulls(rows, kind) for name, kind in _leaves(wanted).items()}


def _leaves(wanted: Wanted, before: str = "") -> dict[str, pa.DataType]:
    found: dict[str, pa.DataType] = {}
    for name, kind in wanted.items():
        if isinstance(kind, Mapping):
            found |= _leaves(kind, f"{before}{name}.")
        else:
            found[before + name] = kind
    return found


def _of_text(column: Column, wanted: Wanted) -> dict[str, Column]:
    """
    Return the leaves of JSON text: all objects are parsed at once, each as one line.

    A line end inside JSON text is only ever space between tokens. What does not start with `{` and end with `}`
    is no object and counts as an empty one; so the line ends between `}` and `{` are as many as the objects only
    if each line is one object.
    """
    if len(column) == 0:
        return _missing(0, wanted)
    lines = column if are_lines(column) else _made_lines(column)
    data = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines), "\n")[0].as_buffer()
    try:
        if data.to_pybytes().count(b"}\n{") != len(lines) - 1:
            raise pa.ArrowInvalid("a value holds more than one object")
        table = pj.read_json(
            Bytes(data),
            read_options=pj.ReadOptions(use_threads=False, block_size=data.size + 1),
            parse_options=pj.ParseOptions(explicit_schema=_schema(wanted), unexpected_field_behavior="ignore"),
        )
        if table.num_rows != len(column):
            raise pa.ArrowInvalid("a value is less than one object")
    except (pa.ArrowException, ValueError):
        return _one_by_one(column.to_pylist(), wanted)
    found: dict[str, Column] = {}
    for name, kind in wanted.items():
        part = table[name].combine_chunks()
        part = part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part
        if isinstance(kind, Mapping):
            found |= {f"{name}.{leaf}": inner for leaf, inner in _of_struct(part, kind).items()}
        else:
            found[name] = part
    return found


def are_lines(column: Column) -> bool:
    """Whether each text goes from `{` to `}` and none has a line end, so that it can be a line as it stands."""
    if column.null_count:
        return False
    _, starts, data = column.buffers()
    if data is None:
        return False
    ends = np.frombuffer(starts, np.int32, len(column) + 1, column.offset * 4)
    bytes_ = np.frombuffer(data, np.uint8)
    inside = bytes_[ends[0] : ends[-1]]
    if len(inside) == 0 or (ends[1:] == ends[:-1]).any() or (inside < 0x20).any():
        return False
    return bool((bytes_[ends[:-1]] == OPEN).all() and (bytes_[ends[1:] - 1] == CLOSE).all())


def _made_lines(column: Column) -> Column:
    """Return each text as a line: of space at its ends and of line ends rid, and an empty object where it is none."""
    if any(pc.any(pc.match_substring(column, end)).as_py() for end in ("\n", "\r")):
        column = pc.replace_substring_regex(column, r"[\r\n]", " ")
    bare = pc.ascii_trim_whitespace(column)
    whole = pc.and_(pc.starts_with(bare, "{"), pc.ends_with(bare, "}"))
    return pc.if_else(pc.fill_null(whole, False), bare, "{}")


def _schema(wanted: Wanted) -> pa.Schema:
    return pa.schema([(name, _type(kind)) for name, kind in wanted.items()])


def _type(kind: Any) -> pa.DataType:
    return pa.struct([(name, _type(inner)) for name, inner in kind.items()]) if isinstance(kind, Mapping) else kind


def _of_struct(column: Column, wanted: Wanted) -> dict[str, Column]:
    found: dict[str, Column] = {}
    names = [field.name for field in column.type]
    for name, kind in wanted.items():
        part = plain(pc.struct_field(column, names.index(name))) if name in names else pa.nulls(len(column))
        if not isinstance(kind, Mapping):
            found[name] = part
        elif pa.types.is_null(part.type):
            found |= {f"{name}.{leaf}": empty for leaf, empty in _missing(len(column), kind).items()}
        else:
            found |= {f"{name}.{leaf}": inner for leaf, inner in fields(part, kind).items()}
    return found


def _of_map(column: Column, wanted: Wanted) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for name, kind in wanted.items():
        try:
            part = plain(pc.map_lookup(column, pa.scalar(name, column.type.key_type), "first"))
        except (pa.ArrowException, NotImplementedError):
            part = pa.nulls(len(column))
        if isinstance(kind, Mapping):
            found |= {f"{name}.{leaf}": inner for leaf, inner in fields(part, kind).items()}
        else:
            found[name] = part
    return found


def _one_by_one(values: list[str | None], wanted: Wanted) -> dict[str, Column]:
    """Return the leaves as text, value by value; what is no JSON object has none."""
    leaves = _leaves(wanted)
    found: dict[str, list[str | None]] = {name: [] for name in leaves}
    for value in values:
        try:
            parsed = None if value is None else orjson.loads(value)
        except (orjson.JSONDecodeError, RecursionError):
            parsed = None
        for name in leaves:
            found[name].append(_leaf(parsed, name.split(".")))
    return {name: pa.array(texts, pa.string()) for name, texts in found.items()}


def _leaf(value: object, path: list[str]) -> str | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or isinstance(value, list | dict):
        return None
    return without_surrogates(value) if isinstance(value, str) else json_text(value)


def texts(column: Column) -> Column:
    """Return a column that holds JSON as text, whichever way it was stored; lists and structs are written out."""
    column = plain(column)
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else json_text(_as_json(value)) for value in column.to_pylist()], TEXT)
    return pa.nulls(len(column), TEXT)


def _as_json(value: Any) -> Any:
    """Return a value out of Arrow with its maps, which are lists of pairs, as objects."""
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        if value and all(isinstance(inner, tuple) and len(inner) == 2 for inner in value):
            return {str(key): _as_json(inner) for key, inner in value}
        return [_as_json(inner) for inner in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
