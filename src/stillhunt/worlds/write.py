"""A world on disk, in each form its exchanges come in: Parquet, NDJSON, CSV. The same rows in every form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from stillhunt.errors import StoreError
from stillhunt.worlds.worlds import World

TABLES = ("exchanges", "accounts", "events", "truth", "truth_exchanges", "controls")
_BATCH = 8192


def write(world: World, out: Path) -> None:
    """
    Write `exchanges.parquet`, `accounts.parquet`, `events.parquet`, `truth.parquet`,
    `truth_exchanges.parquet` and `controls.parquet`.

    Makes the folder `out` where it is missing; raises `StoreError` where it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            pq.write_table(getattr(world, name), out / f"{name}.parquet", compression="zstd")
    except OSError as error:
        raise cannot_write(out, error) from error


def write_ndjson(world: World, path: Path) -> None:
    """
    Write the exchanges as one JSON object per line, times in ISO 8601, nulls left out; raises
    `StoreError`.
    """
    write_lines(path, (orjson.dumps({k: v for k, v in row.items() if v is not None}) for row in rows(world)))


def write_csv(world: World, path: Path) -> None:
    """
    Write the exchanges as CSV with a header; lists are JSON arrays, nulls are empty; raises
    `StoreError`.
    """
    table = world.exchanges
    for index, column in enumerate(table.schema):
        if pa.types.is_list(column.type):
            texts = [None if v is None else orjson.dumps(v).decode() for v in table[column.name].to_pylist()]
            table = table.set_column(index, column.name, pa.array(texts, pa.string()))
    try:
        csv.write_csv(table, path)
    except OSError as error:
        raise cannot_write(path, error) from error


def rows(world: World) -> Iterator[dict[str, Any]]:
    """Yield the exchanges as dictionaries, in the order of the table."""
    for batch in world.exchanges.to_batches(max_chunksize=_BATCH):
        yield from batch.to_pylist()


def write_lines(path: Path, lines: Iterator[bytes]) -> None:
    """Write one line for each entry; raises `StoreError`."""
    try:
        with path.open("wb") as file:
            for line in lines:
                file.write(line)
                file.write(b"\n")
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Return the error for a place that cannot be written."""
    return StoreError(
        f"{path}: the world cannot be written here: {error.strerror}.\nGive a folder you may write to."
    )
