"""Tables already in memory: anything that speaks the Arrow PyCapsule interface, and pandas of any age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import pyarrow as pa

from stillhunt.collect.arrays import Column
from stillhunt.collect.columns import column_of
from stillhunt.collect.conform import conform, pieces, sliced
from stillhunt.collect.tally import Place, Tally
from stillhunt.contract import ACCOUNTS, CONTROLS, EVENTS, EXCHANGES, REQUIRED
from stillhunt.errors import ConfigError
from stillhunt.plugs import Batch

Table = Literal["exchanges", "accounts", "events", "controls"]

SHAPES: dict[str, tuple[pa.Schema, tuple[str, ...]]] = {
    "exchanges": (EXCHANGES, REQUIRED),
    "accounts": (ACCOUNTS, ("account_id",)),
    "events": (EVENTS, ("at", "kind")),
    "controls": (CONTROLS, ("set",)),
}
"""For each table of the contract, its columns and those that a row must have."""


def tables(data: object, table: Table) -> Iterator[Batch]:
    """
    Yield the rows of a table in memory in the contract's columns, and what was left out.

    `data` is a pyarrow Table, RecordBatch or RecordBatchReader, a Polars or pandas frame, a DuckDB relation,
    or anything else with `__arrow_c_stream__` or `__arrow_c_array__`. Raises `ConfigError` for other things.
    """
    schema, required = SHAPES[table]
    odd = Tally()
    source = _batches(data, table, schema, odd)

    def each() -> Iterator[Batch]:
        before = 0
        for batch in source:
            for piece in pieces(batch):
                fitted = conform(piece, schema, required, _rows(table, before))
                odd.merge(fitted.left_out)
                yield from sliced(fitted._replace(left_out=odd.left_out()))
                odd.clear()
                before += piece.num_rows

    return each()


def _rows(table: str, before: int) -> Place:
    return lambda row: f"{table} row {before + row + 1}"


def _batches(data: Any, table: str, schema: pa.Schema, odd: Tally) -> Iterable[pa.RecordBatch]:
    if type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "columns"):
        return _of_pandas(data, schema, odd)
    try:
        if isinstance(data, pa.Table):
            batches: list[pa.RecordBatch] = _narrowed(data, schema).to_batches(max_chunksize=2**16)
            return batches
        if hasattr(data, "__arrow_c_stream__"):
            reader: Iterable[pa.RecordBatch] = pa.RecordBatchReader.from_stream(data)
            return reader
        if hasattr(data, "__arrow_c_array__"):
            return [pa.record_batch(data)]
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise ConfigError(
            f"`{table}` is a {type(data).__name__} that does not hand over a table: {error}.\n"
            "Pass rows with named columns, for example `pyarrow.table({...})`."
        ) from error
    raise ConfigError(
        f"`{table}` is a {type(data).__name__}, which is neither a path nor a table.\n"
        "Pass paths, or a pyarrow, Polars or pandas table, or a DuckDB relation."
    )


def _narrowed(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with the contract's columns only: others may be large, and slow to slice."""
    kept = [index for index, name in enumerate(data.schema.names) if name in schema.names]
    return data.select(kept) if kept else data


def _of_pandas(data: Any, schema: pa.Schema, odd: Tally) -> Iterator[pa.RecordBatch]:
    """Yield a pandas frame in batches; a column of mixed objects is taken value by value."""
    names = [str(name) for name in data.columns]
    wanted = [index for index, name in enumerate(names) if name in schema.names]
    for start in range(0, len(data), 2**16):
        part = data.iloc[start : start + 2**16]
        arrays = [_of_series(part.iloc[:, index], schema.field(names[index]), odd) for index in wanted]
        if not arrays:
            yield pa.RecordBatch.from_arrays([pa.nulls(len(part))], names=[""])
        else:
            yield pa.RecordBatch.from_arrays(arrays, names=[names[index] for index in wanted])


def _of_series(series: Any, field: pa.Field[Any], odd: Tally) -> Column:
    try:
        array = pa.Array.from_pandas(series)
        return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return column_of([None if _is_missing(value) else value for value in series.tolist()], field, odd)


def _is_missing(value: object) -> bool:
    """Whether a data frame means nothing by this: None, NaN, NaT or NA."""
    return (
        value is None
        or type(value).__name__ in ("NaTType", "NAType")
        or (isinstance(value, float) and value != value)
    )
