"""
Any columns become the contract's columns, and what does not fit is counted instead of raised.

A value that cannot be what its column holds becomes null. A row without one of the required values is
not an exchange (or account, or event) and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from stillhunt.collect import moments, numbers, strings
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.tally import MOST_EXAMPLES, Place, Tally
from stillhunt.contract import TEXT
from stillhunt.plugs import Batch

MOST_ROWS = 65_536
MOST_BYTES = 64 * 2**20

Fit = Callable[[pa.RecordBatch, Place], Batch]
"""What makes a batch of rows as they are in a file into exchanges."""


def conform(batch: pa.RecordBatch, schema: pa.Schema, required: Sequence[str], place: Place) -> Batch:
    """
    Return the rows of `batch` in the names and types of `schema`, with what did not fit.

    1. Keep the columns that `schema` names, the first of each name; a required one that is missing is null.
    2. Cast each; a value that cannot be cast is null and is counted.
    3. Leave out rows whose required values are missing or empty.

    `place(i)` tells where row `i` comes from. Never raises, whatever the columns hold.
    """
    return conformed(batch, schema, required, place)[0]


def conformed(batch: pa.RecordBatch, schema: pa.Schema, required: Sequence[str], place: Place) -> tuple[Batch, Column]:
    """Return the same as `conform`, and for each row of `batch` whether it was kept."""
    tally = Tally()
    columns: dict[str, Column] = {}
    for field in schema:
        index = batch.schema.names.index(field.name) if field.name in batch.schema.names else None  # 1.
        if index is None and field.name not in required:
            continue
        source = pa.nulls(batch.num_rows) if index is None else batch.column(index)
        column, misfits = cast(source, field)  # 2.
        columns[field.name] = column
        if misfits and field.name not in required:
            tally.add("value", misfit(field), misfits)
    chosen = pa.schema([field for field in schema if field.name in columns])
    rows = pa.RecordBatch.from_arrays(list(columns.values()), schema=chosen)
    keep = _complete(rows, required, place, tally)  # 3.
    kept = rows if pc.all(keep).as_py() is not False else rows.filter(keep)
    return Batch(kept, tally.left_out(), batch.num_rows), keep


def nothing(schema: pa.Schema) -> pa.RecordBatch:
    """Return no rows, under all the names of `schema`."""
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def misfit(field: pa.Field[Any]) -> str:
    """Return the reason for a null put in place of a value that column `field` cannot hold."""
    return f"column `{field.name}` holds something that is not {_noun(field.type)}"


def cast(column: Column, field: pa.Field[Any]) -> tuple[Column, int]:
    """Return `column` in the type of `field`, and how many values had to become null for it."""
    try:
        plain = strings.plain(column)
        fitted = _fit(plain, field)
        return fitted, max(0, fitted.null_count - _missing(plain, field))
    except (pa.ArrowException, ValueError, TypeError, OverflowError, NotImplementedError):
        return pa.nulls(len(column), field.type), len(column) - column.null_count


def _missing(column: Column, field: pa.Field[Any]) -> int:
    """Return how many values are missing: null, NaN (out of a data frame), or empty where no text is due."""
    missing: int = column.null_count
    if pa.types.is_floating(column.type):
        missing += pc.sum(pc.is_nan(column)).as_py() or 0
    elif pa.types.is_string(column.type) and not pa.types.is_string(field.type):
        missing += pc.sum(pc.equal(pc.utf8_trim_whitespace(column), "")).as_py() or 0
    return missing


def _fit(column: Column, field: pa.Field[Any]) -> Column:
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), field.type)
    if pa.types.is_list(field.type):
        return strings.lists(column)
    if pa.types.is_timestamp(field.type):
        return moments.moments(column)
    if pa.types.is_floating(field.type):
        return numbers.floats(column)
    if pa.types.is_integer(field.type):
        return numbers.integers(column, prefix="AS" if field.name == "asn" else "")
    return strings.strings(column, text=field.name if field.name in TEXT else None)


def _noun(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return "a list of text"
    if pa.types.is_timestamp(kind):
        return "a time"
    if pa.types.is_floating(kind):
        return "a number"
    return "a whole number" if pa.types.is_integer(kind) else "text"


def _complete(rows: pa.RecordBatch, required: Sequence[str], place: Place, tally: Tally) -> Column:
    """Return which rows have every required value; count the others, each by the first that it lacks."""
    keep = pa.array([True]).take(pa.repeat(pa.scalar(0), rows.num_rows))
    for name in required:
        column = rows.column(name)
        has = pc.is_valid(column)
        if pa.types.is_string(column.type):
            has = pc.and_(has, pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), False))
        lost = pc.and_not(keep, has)
        count = pc.sum(lost).as_py() or 0
        if count:
            reason = f"no usable `{name}`"
            first = pc.indices_nonzero(lost)[:MOST_EXAMPLES].to_pylist()
            tally.add("line", reason, count, defect=True, places=map(place, first))
            keep = pc.and_(keep, has)
    return keep


def sliced(batch: Batch) -> Iterator[Batch]:
    """Yield the batch in pieces of at most 65,536 rows and about 64 MB; the first tells what was left out."""
    left_out, lines_left_out = batch.left_out, batch.lines - batch.exchanges.num_rows
    for piece in pieces(batch.exchanges):
        yield Batch(piece, left_out, piece.num_rows + lines_left_out)
        left_out, lines_left_out = (), 0


def pieces(rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield slices of at most 65,536 rows and about 64 MB, at least one; one huge row stays whole."""
    if rows.num_rows <= 1 or (rows.num_rows <= MOST_ROWS and rows.nbytes <= MOST_BYTES):
        yield rows
    elif rows.num_rows > MOST_ROWS:
        for start in range(0, rows.num_rows, MOST_ROWS):
            yield from pieces(rows.slice(start, MOST_ROWS))
    else:
        half = rows.num_rows // 2
        yield from pieces(rows.slice(0, half))
        yield from pieces(rows.slice(half))
