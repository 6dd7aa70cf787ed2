"""
NDJSON under the contract's own names: one exchange a line; also `[{…}, {…}]` and indented objects.

Blocks of lines go through Arrow's parser, which is fast and gives up on a whole block at the first oddity;
then the same block is read line by line. Both ways give the same exchanges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pj

from stillhunt.collect import columns as slow_columns
from stillhunt.collect import documents, lines
from stillhunt.collect.arrays import Bytes
from stillhunt.collect.conform import conform, nothing, sliced
from stillhunt.collect.opening import head
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

Types = dict[str, pa.DataType]

PEEKED_LINES = 32
FIRST_LINES = 16
NEWLINE, OPEN, CLOSE = b"\n{}"

NOT_IN_PYTHON = re.compile(rb"[:,\[]\s*-?Inf")
"""A spelling of infinity that Arrow's parser takes and no other."""


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of an NDJSON log, and what was left out."""
    return read_as(split, EXCHANGES, REQUIRED)


def read_as(split: Split, schema: pa.Schema, required: Sequence[str]) -> Iterator[Batch]:
    """Yield the rows of one split under the names of `schema`."""
    tally = Tally()
    first = head(split.path)
    if documents.layout(first) == "lines" and not documents.refuse_wide(split, first, Tally()):
        late: Types = {}
        for block, origin in documents.line_blocks(split, tally):
            yield from _delivered(_of_block(block, origin, schema, required, tally, late), tally)
            tally.clear()
    else:
        for chunk in documents.chunks(split, tally):
            yield from _delivered(slow(chunk, schema, required, tally), tally)
            tally.clear()
    if tally.left_out():
        yield Batch(nothing(schema), tally.left_out(), tally.lines)


def _delivered(batch: Batch, tally: Tally) -> Iterator[Batch]:
    """Yield the batch in pieces, with what `tally` holds added to what it left out."""
    lines_left_out = tally.lines
    tally.merge(batch.left_out)
    yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + lines_left_out))


def _of_block(
    block: lines.Block, origin: lines.Origin, schema: pa.Schema, required: Sequence[str], tally: Tally, late: Types
) -> Batch:
    place = origin.place(block.first)
    rows = fast(block.data, schema, late)
    if rows is not None:
        return conform(rows, schema, required, place)
    return slow(documents.records_of(block, origin, tally), schema, required, tally)


def slow(chunk: documents.Chunk, schema: pa.Schema, required: Sequence[str], tally: Tally) -> Batch:
    """Return the records as rows, value by value; what cannot be held is counted in `tally`."""
    rows = slow_columns.batch_of(chunk.records, schema, tally)
    return conform(rows, schema, required, chunk.place)


def fast(data: bytes, schema: pa.Schema, late: Types | None = None) -> pa.RecordBatch | None:
    """
    Return one row for each line, in types that `conform` can cast; None where line by line is safer.

    1. Types come from some lines of the block: Arrow converts nothing, and fails on a value of another type. Columns
       that are not in these lines are not asked for, which would cost much; where one turns up later, the block
       is read once more, with its type, which is put into `late` so that the next block need not be.
    2. The bytes must be UTF-8, which Arrow does not check everywhere.
    3. There must be as many rows as lines, each from `{` to `}`: then each line is one object, as a line's
       end can lie neither inside a string nor between `}` and `{` of one value.
    """
    data = data.removeprefix(lines.BYTE_ORDER_MARK)
    types = _types(data, schema)  # 1.
    if types is None or (b"Inf" in data and NOT_IN_PYTHON.search(data)):
        return None
    late = {} if late is None else late
    try:
        pa.array([data], pa.binary()).cast(pa.string())  # 2.
    except (pa.ArrowException, ValueError):
        return None
    parsed = _with_late(data, schema, types, dict(late)) or (_with_late(data, schema, types, {}) if late else None)
    if parsed is None:
        return None
    types, table = parsed
    late.update((field.name, field.type) for field in types)
    if not _apart(data, table.num_rows):  # 3.
        return None
    if any(name in schema.names and name not in types.names for name in table.schema.names):
        return None
    columns = {name: table[name].combine_chunks() for name in types.names}
    arrays = [columns[name] if name in columns else pa.nulls(table.num_rows) for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


def _with_late(data: bytes, schema: pa.Schema, first: pa.Schema, late: Types) -> tuple[pa.Schema, pa.Table] | None:
    """Return the rows in the types of the first lines, of columns known to come late, and of those that do come late."""
    types = pa.schema([*first, *(pa.field(name, kind) for name, kind in late.items() if name not in first.names)])
    try:
        table = _parsed(data, types)
        more = [field for field in table.schema if field.name in schema.names and field.name not in types.names]
        if more:
            kinds = [(field.name, _late_type(field.type, schema.field(field.name))) for field in more]
            types = pa.schema([*types, *(pa.field(name, kind) for name, kind in kinds if kind is not None)])
            table = _parsed(data, types)
    except (pa.ArrowException, ValueError):
        return None
    return types, table


def _parsed(data: bytes, types: pa.Schema) -> pa.Table:
    return pj.read_json(
        Bytes(data),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=pj.ParseOptions(explicit_schema=types, unexpected_field_behavior="infer"),
    )


def _late_type(inferred: pa.DataType, field: pa.Field[Any]) -> pa.DataType | None:
    """Return the type to ask for, given what Arrow took a column for; None where only the slow way will do."""
    if pa.types.is_list(field.type):
        return field.type if pa.types.is_list(inferred) or pa.types.is_null(inferred) else None
    if pa.types.is_string(inferred) or pa.types.is_timestamp(inferred) or pa.types.is_null(inferred):
        return pa.string()
    if pa.types.is_int64(inferred) or (pa.types.is_float64(inferred) and not pa.types.is_string(field.type)):
        return inferred
    return None


def _apart(data: bytes, rows: int) -> bool:
    """Whether there are as many lines as rows, each from `{` to `}`: an object may span lines otherwise."""
    bare = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    array = np.frombuffer(bare, np.uint8)
    ends = np.flatnonzero(array == NEWLINE)
    if not bare.endswith(b"\n"):
        ends = np.append(ends, len(bare))
    if len(ends) != rows or bare[:1] != b"{":
        return False
    return bool((array[ends - 1] == CLOSE).all() and (array[ends[:-1] + 1] == OPEN).all())


def _types(data: bytes, schema: pa.Schema) -> pa.Schema | None:
    """Return the types that some lines have, contract column by contract column."""
    seen: dict[str, object] = {}
    for line in peeked(data):
        try:
            record = orjson.loads(line) if line else {}
        except orjson.JSONDecodeError:
            return None
        if not isinstance(record, dict):
            return None
        for name, value in record.items():
            if value is not None:
                seen.setdefault(name, value)
    types = [(field.name, _type(seen[field.name], field)) for field in schema if field.name in seen]
    sure = [(name, kind) for name, kind in types if kind is not None]
    return pa.schema(sure) if len(sure) == len(types) else None


def peeked(data: bytes) -> Iterator[bytes]:
    """Yield the first lines of a block, and some up to its end."""
    yield from data.split(b"\n", FIRST_LINES)[:FIRST_LINES]
    step = max(1, len(data) // PEEKED_LINES)
    for at in range(step, len(data), step):
        start = data.find(b"\n", at) + 1
        end = data.find(b"\n", start)
        if start and end > start:
            yield data[start:end]


def _type(value: object, field: pa.Field[Any]) -> pa.DataType | None:
    """Return the type to ask for, given a first value; None where only the slow way will do."""
    if pa.types.is_list(field.type):
        return field.type if isinstance(value, list) else None
    if isinstance(value, str):
        return pa.string()
    if type(value) is int:
        return pa.int64()
    if type(value) is float and not pa.types.is_string(field.type):
        return pa.float64()
    return None
