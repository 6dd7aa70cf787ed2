"""Parquet under the contract's own names: only the columns that the contract has, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect.conform import MOST_ROWS, Fit, conform, nothing, sliced
from stillhunt.collect.lines import span
from stillhunt.collect.tally import Place
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.model import LeftOut
from stillhunt.plugs import Batch, Split

BATCH_BYTES = 32 * 2**20


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split (a range of row groups) of a Parquet log, and what was left out."""
    return read_as(split, EXCHANGES, REQUIRED)


def read_as(split: Split, schema: pa.Schema, required: Sequence[str]) -> Iterator[Batch]:
    """Yield the rows of one split under the names of `schema`; a broken row group is left out."""
    return read_with(split, schema, lambda rows, place: conform(rows, schema, required, place))


def read_with(split: Split, schema: pa.Schema, fit: Fit) -> Iterator[Batch]:
    """Yield what `fit` makes of the columns that `schema` names; what is lost is told with no rows of it."""
    name = Path(split.path).name
    try:
        file = pq.ParquetFile(split.path, pre_buffer=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        if split.part == 0:
            yield _lost(schema, _cause(error), name)
        return
    with file:
        first, stop = span(file.num_row_groups, split.part, split.parts)
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        starts = [0, *accumulate(counts)]
        wanted = [column for column in file.schema_arrow.names if column in schema.names]
        for group in range(first, stop):
            row = starts[group]
            try:
                for batch in _batches(file, group, wanted):
                    yield from sliced(fit(batch, _rows(name, row)))
                    row += batch.num_rows
            except (pa.ArrowException, OSError, ValueError) as error:
                reason = f"a row group of it cannot be decoded ({type(error).__name__})"
                yield _lost(schema, reason, f"{name} row {row + 1}")


def names(path: str | Path) -> list[str]:
    """Return the names of a Parquet file's columns; none where it cannot be opened."""
    try:
        with pq.ParquetFile(path) as file:
            return [str(name) for name in file.schema_arrow.names]
    except (pa.ArrowException, OSError, ValueError):
        return []


def _batches(file: pq.ParquetFile, group: int, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield a row group's batches of about 32 MB, and no more than 65,536 rows."""
    about = file.metadata.row_group(group)
    if not wanted:  # no columns leave no batches, yet the rows are there and must be counted
        yield pa.RecordBatch.from_arrays([pa.nulls(about.num_rows)], names=[""])
        return
    per_row = max(1, about.total_byte_size // max(1, about.num_rows))
    rows = max(1, min(MOST_ROWS, BATCH_BYTES // per_row))
    yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=wanted, use_threads=False)


def _rows(name: str, before: int) -> Place:
    return lambda row: f"{name} row {before + row + 1}"


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be read ({error.strerror})"
    return "it is not a whole Parquet file (cut off, damaged or something else)"


def _lost(schema: pa.Schema, reason: str, place: str) -> Batch:
    return Batch(
        nothing(schema), (LeftOut(what="file", reason=reason, count=1, defect=True, examples=(place,)),), 0
    )
