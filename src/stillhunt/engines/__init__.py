"""
What an engine is: the two steps that touch all the data, behind one small protocol.

`map` turns pieces of a log into a relation of batches, in parallel, where the data are; `create` and `fetch` run SQL
(DuckDB's dialect) over named relations. Only account-level tables are ever fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

Mapper = Callable[[Any], Iterator[pa.RecordBatch | object]]
"""Takes one piece of a log, yields batches of the relation and, last, one summary object."""


def nobody(_: int) -> None:
    """Tell nobody."""


class Engine(Protocol):
    """
    Maps batches and runs SQL over named relations.

    `parts` is into how many pieces a large log is best cut. `group_rows` is over how many rows one GROUP BY may run:
    where there are more, the caller cuts them by hash and asks once for each cut.
    """

    name: str
    parts: int
    group_rows: int

    def map(
        self,
        relation: str,
        schema: pa.Schema,
        pieces: Sequence[Any],
        mapper: Mapper,
        done: Callable[[int], None] = nobody,
    ) -> list[object]:
        """
        Run `mapper` over every piece, store its batches as `relation`, return the summaries in piece order.

        `mapper` and the pieces may travel to other processes. `done` is told how many pieces are finished.
        """

    def register(self, relation: str, table: pa.Table) -> None:
        """Make a small table a relation."""

    def create(self, relation: str, sql: str, *, once: bool = False) -> None:
        """
        Store the rows of a query as `relation`, replacing one of that name.

        With `once`, one query will read them, before anything they come from is replaced: an engine may compute them then.
        """

    def view(self, relation: str, sql: str) -> None:
        """Name a query without storing its rows."""

    def fetch(self, sql: str) -> pa.Table:
        """Return the rows of a query; for account-level results only."""

    def drop(self, relation: str) -> None:
        """Forget a relation and free what it takes."""

    def close(self) -> None:
        """Free everything the engine holds."""
