"""
Arrow tables as an engine without unsigned integers holds them, and back.

A 64-bit hash h becomes the signed number h - 2^63: the order stays, so that minima, comparisons and numberings are those
of the unsigned values. Shorter unsigned integers become the next longer signed type, fixed-size binaries plain ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

OFFSET = 2**63
_FLIP = np.uint64(OFFSET)
_WIDER = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.int64()}


def signed_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that stands for `kind`."""
    if pa.types.is_list(kind):
        return pa.list_(signed_type(kind.value_type))
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    return _WIDER.get(kind, kind)


def signed_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that stands for `schema`."""
    return pa.schema([(field.name, signed_type(field.type)) for field in schema])


def signed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with signed numbers in place of unsigned ones."""
    wanted = signed_schema(batch.schema)
    return pa.RecordBatch.from_arrays([_signed(column) for column in batch.columns], schema=wanted)


def unsigned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table as `schema` has it, from one with signed numbers; columns are matched by position."""
    columns = [
        pa.chunked_array([_unsigned(chunk, field.type) for chunk in column.chunks], type=field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema)


def _signed(array: pa.Array) -> pa.Array:
    if array.type == pa.uint64():
        return _flipped(array, pa.int64())
    if pa.types.is_list(array.type):
        return _relisted(array, _signed(array.values))
    return array.cast(signed_type(array.type))


def _unsigned(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind == pa.uint64():
        return _flipped(array, kind)
    if pa.types.is_list(kind):
        return _relisted(array, _unsigned(array.values, kind.value_type)).cast(kind)
    return array.cast(kind)


def _flipped(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Flip the highest bit of each value; what lies under a null is of no consequence."""
    validity, values = array.buffers()
    if values is None or not len(array):
        return pa.nulls(len(array), kind)
    held: Any = np.frombuffer(values, dtype=np.uint64)[array.offset : array.offset + len(array)] ^ _FLIP
    if not array.null_count or validity is None:
        return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(held)])
    return pa.array(held.view(np.dtype(kind.to_pandas_dtype())), mask=array.is_null().to_numpy(zero_copy_only=False))


def _relisted(array: pa.Array, values: pa.Array) -> pa.Array:
    """Return the lists of `array` with other `values` in the place of its own."""
    nulls = array.is_null() if array.null_count else None
    offsets = array.offsets
    if offsets.offset and nulls is not None:  # Arrow refuses a mask beside offsets that start inside a buffer
        offsets = pa.array(offsets.to_numpy())
    return pa.ListArray.from_arrays(offsets, values, mask=nulls)
