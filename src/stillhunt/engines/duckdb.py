"""The embedded engine: streams, spills to disk, keeps to a memory limit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.engines import Mapper, nobody
from stillhunt.errors import StoreError

ROW_GROUP = 131_072


class DuckDBEngine:
    """
    Runs in this process, on `threads` threads, within `memory_mb` for queries; `work` holds what is mapped or spilled.

    The folder `work` is made when missing and emptied on `close`. Raises `StoreError` when it cannot be written.
    """

    name = "duckdb"
    group_rows = 4_000_000

    def __init__(self, work: Path, *, threads: int, memory_mb: int) -> None:
        self._work = work / "stillhunt-work"
        self._threads = threads
        self.parts = 4 * threads
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            self._connection = duckdb.connect(str(self._work / "relations.duckdb"))
        except (OSError, duckdb.Error) as error:
            raise StoreError(
                f"The working folder {self._work} cannot be written: {error}.\n"
                "Give another with `--work`, or close the run that uses it."
            ) from error
        self._connection.execute(f"SET threads = {threads}")
        self._connection.execute(f"SET memory_limit = '{memory_mb}MiB'")
        self._connection.execute(f"SET temp_directory = '{_quoted(self._work / 'spill')}'")
        self._connection.execute("SET preserve_insertion_order = false")
        self._connection.execute("SET TimeZone = 'UTC'")
        # With it, DuckDB 2.0.0 ends some joins of unnested lists with an internal error ("dict-surviving cache: global
        # dictionary column changed identity") that invalidates the database; demo world 501 is a case. Costs no time here.
        self._connection.execute("SET disabled_optimizers = 'statistics_propagation'")

    def map(
        self,
        relation: str,
        schema: pa.Schema,
        pieces: Sequence[Any],
        mapper: Mapper,
        done: Callable[[int], None] = nobody,
    ) -> list[object]:
        """Write one Parquet file per piece, `threads` at a time, and view them as `relation`."""
        folder = self._work / relation
        folder.mkdir(exist_ok=True)
        finished: list[int] = []

        def run(numbered: tuple[int, Any]) -> object:
            number, piece = numbered
            summary: object = None
            with pq.ParquetWriter(folder / f"{number:06}.parquet", schema, compression="lz4") as writer:
                for item in mapper(piece):
                    if isinstance(item, pa.RecordBatch):
                        if item.num_rows:
                            writer.write_batch(item, row_group_size=ROW_GROUP)
                    else:
                        summary = item
            finished.append(number)
            done(len(finished))
            return summary

        with ThreadPoolExecutor(self._threads) as pool:
            try:
                summaries = list(pool.map(run, enumerate(pieces)))
            except OSError as error:
                raise StoreError(
                    f"Writing to {folder} failed: {error}.\nFree some space, or give another folder with `--work`."
                ) from error
        self._connection.execute(
            f"CREATE OR REPLACE VIEW {relation} AS SELECT * FROM read_parquet('{_quoted(folder)}/*.parquet')"
        )
        return summaries

    def register(self, relation: str, table: pa.Table) -> None:
        """Copy a small table in."""
        self._connection.register("incoming", table)
        self._connection.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM incoming")
        self._connection.unregister("incoming")

    def create(self, relation: str, sql: str, *, once: bool = False) -> None:
        """Store a query's rows as a table, also when one query reads them: that frees what making them took."""
        self._run(f"CREATE OR REPLACE TABLE {relation} AS {sql}")

    def view(self, relation: str, sql: str) -> None:
        """Create a view."""
        self._run(f"CREATE OR REPLACE VIEW {relation} AS {sql}")

    def fetch(self, sql: str) -> pa.Table:
        """Return a query's rows as one Arrow table."""
        return self._query(sql)

    def drop(self, relation: str) -> None:
        """Drop a table."""
        self._connection.execute(f"DROP TABLE IF EXISTS {relation}")

    def close(self) -> None:
        """Close the database and remove the working folder."""
        self._connection.close()
        shutil.rmtree(self._work, ignore_errors=True)

    def _run(self, sql: str) -> None:
        with self._failures_explained():
            self._connection.execute(sql)

    def _query(self, sql: str) -> pa.Table:
        with self._failures_explained():
            return self._connection.sql(sql).to_arrow_table()

    @contextmanager
    def _failures_explained(self) -> Iterator[None]:
        try:
            yield
        except duckdb.IOException as error:
            raise StoreError(
                f"The working folder {self._work} failed: {error}.\n"
                "Free some space there, or give another folder with `--work`."
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise StoreError(
                f"A query needs more than its memory limit: {error}.\nRaise it with `--memory`."
            ) from error


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
