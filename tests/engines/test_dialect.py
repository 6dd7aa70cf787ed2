"""One SQL for both engines: every query of a hunt can be said in Spark's dialect, and what cannot is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stillhunt import pipeline, worlds
from stillhunt.config import Config
from stillhunt.digest import Key
from stillhunt.engines import Mapper, nobody
from stillhunt.engines.dialect import Catalogue
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.errors import StoreError
from strategies import SECRET


class Bilingual(DuckDBEngine):
    """The embedded engine, which also says each of its queries in Spark's dialect and notes what it plans."""

    def __init__(self, work: Path) -> None:
        """Open both."""
        super().__init__(work, threads=1, memory_mb=512)
        self.catalogue = Catalogue()
        self.said: list[str] = []

    def map(
        self,
        relation: str,
        schema: pa.Schema,
        pieces: Sequence[Any],
        mapper: Mapper,
        done: Callable[[int], None] = nobody,
    ) -> list[object]:
        """Note the columns."""
        self.catalogue.declare(relation, schema)
        return super().map(relation, schema, pieces, mapper, done)

    def register(self, relation: str, table: pa.Table) -> None:
        """Note the columns."""
        self.catalogue.declare(relation, table.schema)
        super().register(relation, table)

    def create(self, relation: str, sql: str, *, once: bool = False) -> None:
        """Say the query."""
        self.said.append(self.catalogue.spark(sql))
        self.catalogue.create(relation, sql)
        super().create(relation, sql)

    def view(self, relation: str, sql: str) -> None:
        """Say the query."""
        self.said.append(self.catalogue.spark(sql))
        self.catalogue.view(relation, sql)
        super().view(relation, sql)

    def fetch(self, sql: str) -> pa.Table:
        """Say the query, and see that it was planned with the types that it gives."""
        self.said.append(self.catalogue.spark(sql))
        rows = super().fetch(sql)
        assert rows.schema == self.catalogue.schema_of(sql), sql
        return rows


def test_every_query_of_a_hunt_can_be_said_to_spark(tmp_path: Path, small_world: worlds.World) -> None:
    """No query of a hunt with campaigns uses what only DuckDB has, and none computes with a hash."""
    world = small_world
    engine = Bilingual(tmp_path)
    tables = (world.exchanges, world.accounts, world.events)
    found = pipeline.run(engine, *tables, format=None, key=Key(SECRET), config=Config(threads=1))
    engine.close()
    assert found.campaigns
    assert len(engine.said) > 40
    for name in ("EPOCH_US", "UNNEST", "LIST_CONTAINS", "EXCLUDE", " // "):
        assert [sql for sql in engine.said if name in sql.upper()] == []


@pytest.mark.parametrize("sql", ["h + 1", "h % 4", "h // 4", "sum(h)", "h::VARCHAR", "hash(h)", "list_sum(hs)", "xor(h, 1)"])
def test_computing_with_a_hash_is_refused(sql: str) -> None:
    """What would give another number where hashes are signed is refused, with what to do."""
    catalogue = Catalogue()
    catalogue.declare("thing", pa.schema([("h", pa.uint64()), ("hs", pa.list_(pa.uint64())), ("n", pa.int64())]))
    with pytest.raises(StoreError, match="--engine duckdb"):
        catalogue.spark(f"SELECT {sql} AS x FROM thing")
    assert catalogue.spark("SELECT n + 1 AS x FROM thing WHERE h > 5")


def test_a_hash_stays_one_under_another_name() -> None:
    """The smallest of hashes and one of a list are hashes under the name a query gives them; how many there are is not."""
    catalogue = Catalogue()
    catalogue.declare("thing", pa.schema([("h", pa.uint64()), ("hs", pa.list_(pa.uint64())), ("n", pa.int64())]))
    for made in ("min(h)", "h", "unnest(hs)"):
        assert "PMOD" in catalogue.spark(f"SELECT n FROM (SELECT n, {made} AS given FROM thing) WHERE given % 2 = 1")
        with pytest.raises(StoreError, match="--engine duckdb"):
            catalogue.spark(f"SELECT given + 1 AS x FROM (SELECT {made} AS given FROM thing)")
    assert "PMOD" not in catalogue.spark("SELECT n FROM (SELECT count(h) AS given, n FROM thing GROUP BY n) WHERE given % 2 = 1")
