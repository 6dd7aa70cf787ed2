"""Arrow columns from plain arrays: ids, choices from a short list, lists, addresses, nulls."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.worlds.ids import Bools, Ints, mix

Column: TypeAlias = "pa.Array[Any]"

_HEX = np.frombuffer("".join(f"{i:02x}" for i in range(256)).encode(), np.uint8).reshape(256, 2)


def column(values: Any, kind: Any = None, *, mask: Bools | None = None) -> Column:
    """Return an Arrow array of the values, null where `mask` is true or a float is not a number."""
    made: Column = pa.array(values, kind, mask=mask, from_pandas=True)
    return made


def take(values: Any, rows: Ints, *, mask: Bools | None = None) -> Any:
    """Return the given rows of an array or a table, null where `mask` is true."""
    return values.take(column(rows, mask=mask))


def nullable(values: Column, present: Bools) -> Column:
    """Return the array with a null where `present` is false."""
    found: Column = pc.if_else(column(present), values, pa.scalar(None, values.type))
    return found


def strings(offsets: npt.NDArray[np.int32], data: Any) -> Column:
    """Return the texts that lie in a buffer, text `i` from byte `offsets[i]` to byte `offsets[i + 1]`."""
    bounds = pa.py_buffer(np.ascontiguousarray(offsets).tobytes())
    made: Column = pa.StringArray.from_buffers(len(offsets) - 1, bounds, data)
    return made


def hex_strings(values: npt.NDArray[Any], prefix: str, salt: int, digits: int = 16) -> Column:
    """Return `prefix` and `digits` (at most 32, even) hex digits for each number, all of the same length."""
    n = len(values)
    words = np.stack([mix(values, salt), mix(values, salt + 7919)], axis=1)
    raw = np.ascontiguousarray(words).view(np.uint8).reshape(n, 16)[:, : digits // 2]
    head = np.broadcast_to(np.frombuffer(prefix.encode(), np.uint8), (n, len(prefix)))
    text = np.ascontiguousarray(np.concatenate([head, _HEX[raw].reshape(n, digits)], axis=1))
    offsets = np.arange(n + 1, dtype=np.int32) * (len(prefix) + digits)
    made: Column = strings(offsets, pa.py_buffer(text.tobytes()))
    return made


def names(choices: tuple[str, ...], index: Ints) -> Column:
    """Return the chosen strings, null where the index is -1 or the string empty."""
    texts = column([choice or None for choice in choices], pa.string())
    chosen: Column = take(texts, index, mask=index < 0)
    return chosen


def lists(values: Column, counts: Ints) -> Column:
    """Return lists of the given lengths, null where the length is zero."""
    offsets = column(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    build: Any = pa.ListArray.from_arrays
    made: Column = build(offsets, values, mask=column(counts == 0))
    return made


def ip_strings(ip: Ints) -> Column:
    """Return addresses in dotted form."""
    found, place = np.unique(ip, return_inverse=True)
    text = column([f"{v >> 24}.{v >> 16 & 255}.{v >> 8 & 255}.{v & 255}" for v in found.tolist()])
    made: Column = take(text, place)
    return made


def byte_lengths(text: Column) -> Ints:
    """Return the length of each text in bytes, zero for null."""
    lengths: Any = pc.fill_null(pc.call_function("binary_length", [text]), 0)
    counted: Ints = lengths.to_numpy(zero_copy_only=False).astype(np.int64)
    return counted


def org_strings(org: Ints) -> Column:
    """Return organisation ids, null for none."""
    return nullable(hex_strings(org, "org_", 12, 12), org >= 0)
