"""The embedded engine: what goes in comes out, in order, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.errors import LogError, StoreError

SCHEMA = pa.schema([("piece", pa.int64()), ("text", pa.string())])


def rows(piece: tuple[int, list[str]]) -> Iterator[pa.RecordBatch | object]:
    """Yield one batch per string of a piece, an empty one, and how many there were."""
    number, strings = piece
    for text in strings:
        yield pa.RecordBatch.from_pylist([{"piece": number, "text": text}], schema=SCHEMA)
    yield pa.RecordBatch.from_pylist([], schema=SCHEMA)
    yield len(strings)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.lists(st.lists(st.text("aé漢'", max_size=3), max_size=3), min_size=1, max_size=4))
def test_mapped_rows_all_come_out(engine: DuckDBEngine, pieces: list[list[str]]) -> None:
    """Mapping keeps every row of every piece and gives the summaries in the order of the pieces."""
    summaries = engine.map("mapped", SCHEMA, list(enumerate(pieces)), rows)
    assert summaries == [len(strings) for strings in pieces]
    found = engine.fetch("SELECT * FROM mapped").select(["piece", "text"]).to_pylist()
    wanted = [(number, text) for number, strings in enumerate(pieces) for text in strings]
    assert sorted((row["piece"], row["text"]) for row in found[: len(wanted)]) == sorted(wanted)


def test_a_second_thread_gives_the_same_rows(tmp_path: Path) -> None:
    """Two threads store what one does."""
    pieces = [(number, [f"{number}.{n}" for n in range(5)]) for number in range(9)]
    found = []
    for threads in (1, 2):
        engine = DuckDBEngine(tmp_path / str(threads), threads=threads, memory_mb=256)
        assert engine.map("mapped", SCHEMA, pieces, rows) == [5] * 9
        found.append(engine.fetch("SELECT * FROM mapped ORDER BY ALL"))
        engine.close()
    assert found[0].num_rows == 45
    assert found[0].equals(found[1])


def test_relations_are_stored_replaced_viewed_and_dropped(engine: DuckDBEngine) -> None:
    """A stored query keeps its rows when its source changes, a view follows it, a dropped one is gone."""
    engine.register("numbers", pa.table({"x": [1, 2, 3]}))
    engine.create("doubled", "SELECT 2 * x AS x FROM numbers")
    engine.view("alive", "SELECT sum(x)::BIGINT AS total FROM numbers")
    engine.register("numbers", pa.table({"x": [10]}))
    assert engine.fetch("SELECT x FROM doubled ORDER BY x").column("x").to_pylist() == [2, 4, 6]
    assert engine.fetch("FROM alive").column("total").to_pylist() == [10]
    engine.create("doubled", "SELECT 0 AS x")
    assert engine.fetch("FROM doubled").column("x").to_pylist() == [0]
    engine.drop("doubled")
    engine.drop("doubled")
    with pytest.raises(duckdb.CatalogException):
        engine.fetch("FROM doubled")


def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    """The working folder is gone after closing, and what else lies beside it is not."""
    beside = tmp_path / "mine.txt"
    beside.write_text("keep")
    engine = DuckDBEngine(tmp_path, threads=1, memory_mb=256)
    engine.map("mapped", SCHEMA, [(0, ["a"])], rows)
    assert len(list(tmp_path.iterdir())) == 2
    engine.close()
    assert list(tmp_path.iterdir()) == [beside]


def test_a_folder_with_a_quote_in_its_name_can_be_used(tmp_path: Path) -> None:
    """Names are quoted wherever they become part of a statement."""
    engine = DuckDBEngine(tmp_path / "it's; here", threads=1, memory_mb=256)
    engine.map("mapped", SCHEMA, [(0, ["a"])], rows)
    assert engine.fetch("FROM mapped").num_rows == 1
    engine.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """Where a file stands in the way of the working folder, the error names the place and the option."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(StoreError, match=r"(?s)file.*cannot be written.*--work"):
        DuckDBEngine(in_the_way, threads=1, memory_mb=256)


def test_a_folder_in_use_is_said(engine: DuckDBEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database in the folder cannot be opened, the error says what to do about it."""

    def locked(*_: Any) -> None:
        raise duckdb.IOException("lock held elsewhere")

    monkeypatch.setattr(duckdb, "connect", locked)
    with pytest.raises(StoreError, match=r"(?s)lock held elsewhere.*close the run that uses it"):
        DuckDBEngine(tmp_path, threads=1, memory_mb=256)


def test_failures_of_a_mapper_come_through(engine: DuckDBEngine) -> None:
    """An error about the log stays what it is; a full disk becomes an error about the folder."""

    def broken(error: Exception) -> Iterator[object]:
        raise error
        yield

    with pytest.raises(LogError, match="bad log"):
        engine.map("mapped", SCHEMA, [LogError("bad log")], broken)
    with pytest.raises(StoreError, match=r"(?s)no space.*--work"):
        engine.map("mapped", SCHEMA, [OSError(28, "no space")], broken)


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    """A query that cannot keep to its memory limit is an error that names the option."""
    engine = DuckDBEngine(tmp_path, threads=1, memory_mb=1)
    with pytest.raises(StoreError, match="--memory"):
        engine.create("big", "SELECT list(x) AS l FROM (SELECT range AS x FROM range(3000000))")
    engine.close()


def test_times_are_utc(engine: DuckDBEngine) -> None:
    """A moment's hour is the hour in UTC, wherever the machine stands."""
    moment = pa.array([1_772_409_600_000_000], pa.timestamp("us", tz="UTC"))
    engine.register("moments", pa.table({"seen": moment}))
    found = engine.fetch("SELECT hour(seen) AS h, seen FROM moments").to_pylist()[0]
    assert found["h"] == 0
    assert found["seen"].utcoffset().total_seconds() == 0
