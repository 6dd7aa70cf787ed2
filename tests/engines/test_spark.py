"""
The cluster engine against the embedded one: the same rows, types and campaigns, also when a worker dies.

Spark runs as it does in earnest: a master and two workers as processes of their own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from engines import skew
from engines.cluster import CONF, Cluster, cluster, requirements

from stillhunt import cli, pipeline, worlds
from stillhunt.engines import Engine
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.engines.spark import SparkEngine
from stillhunt.errors import ConfigError, LogError, StoreError
from stillhunt.model import Hunt
from strategies import SECRET

pytestmark = [
    pytest.mark.slow,
    # Py4J leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with two workers."""
    with cluster(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def logs(small_world: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a small world with a campaign in it."""
    folder = tmp_path_factory.mktemp("world")
    worlds.write(small_world, folder)
    return {name: str(folder / f"{name}.parquet") for name in ("exchanges", "accounts", "events")}


@pytest.fixture(scope="module")
def wanted(logs: dict[str, str]) -> Hunt:
    """What the embedded engine finds."""
    found = pipeline.hunt(**logs, key=SECRET, threads=1)
    assert found.campaigns
    assert found.linked
    return found


def differing(one: Hunt, other: Hunt) -> list[str]:
    """Return the parts of two hunts that differ, but for the name of the engine."""
    names = [f.name for f in fields(Hunt) if f.name != "settings" and getattr(one, f.name) != getattr(other, f.name)]
    return names + sorted(n for n in one.settings if n != "engine" and one.settings[n] != other.settings[n])


def test_a_killed_worker_changes_nothing(spark: Cluster, logs: dict[str, str], wanted: Hunt) -> None:
    """With one of two workers killed while traits are counted, a hunt gives what the embedded engine gives."""
    killed: list[str] = []

    def kill() -> None:
        spark.kill_worker()
        killed.append("while the hunt ran")

    def progress(stage: str, share: float) -> None:
        if stage == "traits" and not timer.is_alive():
            timer.start()
        if stage == "judge" and share == 1.0:
            assert killed

    timer = threading.Timer(0.5, kill)
    found = pipeline.hunt(
        **logs, key=SECRET, threads=1, engine="spark", master=spark.url, spark_conf=CONF, progress=progress
    )
    assert killed
    assert spark.alive() == 1
    assert found.settings["engine"] == "spark"
    assert differing(found, wanted) == []


def test_a_popular_value_is_cut_into_tasks(spark: Cluster, tmp_path: Path) -> None:
    """With one prompt and one history at a fifth of all accounts no task reads far more than the mean; uncut, one does."""
    calls = skew.Calls(1500, popular=True)
    cut, rows = skew.run(spark.url, calls, tmp_path / "cut", {**CONF, **skew.SPREAD})
    whole, others = skew.run(spark.url, calls, tmp_path / "whole", {**CONF, **skew.SPREAD, **skew.OFF})
    embedded = DuckDBEngine(tmp_path, threads=1, memory_mb=512)
    try:
        skew.prepare(embedded, calls)
        for name, sql in skew.QUERIES.items():
            embedded.create(f"{name}_0", sql)
            assert rows[name] == others[name] == skew.rows_of(embedded, f"SELECT * FROM {name}_0"), name
    finally:
        embedded.close()
    for name, least in (("prompt", 2.5), ("said_mark", 2.0), ("turn_mark", 2.5)):  # A prompt has one other mark as well.
        assert whole[name].largest * whole[name].tasks > least * whole[name].rows, name
    for name, reading in cut.items():
        assert reading.largest * reading.tasks < 1.7 * reading.rows, name


HASHES = [0, 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1, 14224117083013211963]


def things() -> pa.Table:
    """A table with every type that digested calls have, nulls and values at the edges among them."""
    n = len(HASHES)
    lists = [HASHES[:k] if k % 3 else None for k in range(n)]
    return pa.table(
        {
            "id": pa.array(range(n), pa.int32()),
            "h": pa.array([None, *HASHES[1:]], pa.uint64()),
            "marks": pa.array(lists, pa.list_(pa.uint64())),
            "small": pa.array([None, *range(250, 250 + n - 1)], pa.uint8()) if n < 7 else pa.array(range(249, 249 + n), pa.uint8()),
            "sketch": pa.array([bytes([k] * 4) for k in range(n)], pa.binary(4)),
            "seen": pa.array([1_772_409_600_000_000 + k for k in range(n)], pa.timestamp("us", tz="UTC")),
            "word": pa.array(["b", "ä", None, "a", "", "B", "漢"], pa.string()),
        }
    )


STATEMENTS = (
    "SELECT * FROM thing ORDER BY id",
    "SELECT min(h) AS low, max(h) AS high, count(DISTINCT h) AS n FROM thing",
    "SELECT id FROM thing WHERE h % 5 = 1 AND h % 1 = 0 ORDER BY id",
    "SELECT id FROM thing WHERE h IS NOT NULL AND h % 1000 > 700 ORDER BY id",
    "SELECT id FROM (SELECT id, min(h) AS given FROM thing GROUP BY id) WHERE given % 2 = 1 ORDER BY id",
    "SELECT id, CASE WHEN one % 4 = 3 THEN 1 ELSE 0 END AS p FROM (SELECT id, unnest(marks) AS one FROM thing) ORDER BY id, p",
    "SELECT id FROM thing WHERE h >= 9223372036854775808 ORDER BY id",
    "SELECT id FROM thing WHERE h = 14224117083013211963",
    "SELECT id FROM thing WHERE h IN (1, 18446744073709551615) ORDER BY id",
    "SELECT (row_number() OVER (ORDER BY h, id) - 1)::INTEGER AS place, h FROM thing ORDER BY place",
    "SELECT value, count(*) AS n FROM (SELECT unnest(marks) AS value FROM thing) GROUP BY value ORDER BY value",
    "SELECT id FROM thing WHERE list_contains(marks, h) ORDER BY id",
    "SELECT word, max(epoch_us(seen)) // 1000 AS ms FROM thing GROUP BY word ORDER BY word",
    "SELECT * EXCLUDE (rank) FROM (SELECT id, word, row_number() OVER (ORDER BY word DESC, id) AS rank FROM thing) ORDER BY id",
    "SELECT count(*) FILTER (small > 250) AS some, sum(id)::BIGINT AS ids, sum(small) AS all_small FROM thing",
    "SELECT total, word FROM alive CROSS JOIN thing ORDER BY word NULLS FIRST",
)
"""What the pipeline's queries are made of, and what hashes at the edges could break."""


def prepare(engine: Engine) -> None:
    """Make relations in every way there is: registered, stored, replaced by a query on itself, and viewed."""
    engine.register("thing", things().slice(0, 2))
    engine.view("alive", "SELECT count(*) AS total FROM thing")
    engine.register("thing", things())
    engine.create("doubled", "SELECT id, h FROM thing WHERE id > 1")
    engine.create("doubled", "SELECT id + 1 AS id, h FROM doubled")
    engine.create("later", "SELECT id FROM doubled WHERE h IS NOT NULL", once=True)


def pieces(piece: tuple[int, object]) -> Iterator[pa.RecordBatch | object]:
    """Yield a slice of the table and what it is worth; raise what is no number."""
    number, rows = piece
    if isinstance(rows, Exception):
        raise rows
    if isinstance(rows, int):
        yield from things().slice(number, rows).to_batches()
    yield {"piece": number, "rows": np.int64(rows) if isinstance(rows, int) else 0}


def test_engines_give_the_same_rows(tmp_path: Path) -> None:
    """Relations, types, hashes at the edges, mapped pieces and errors are the same on both engines."""
    requirements()
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Spark's workers cannot import a test
    schema = things().schema
    embedded = DuckDBEngine(tmp_path, threads=1, memory_mb=512)
    remote = SparkEngine(tmp_path / "it's here", master="local[1]", conf=CONF, memory_mb=512)
    heard: list[int] = []
    try:
        for engine in (embedded, remote):
            prepare(engine)
        for sql in (*STATEMENTS, "SELECT * FROM doubled ORDER BY id", "SELECT * FROM later ORDER BY id"):
            ours, theirs = remote.fetch(sql), embedded.fetch(sql)
            assert ours.schema == theirs.schema, sql
            assert ours.to_pylist() == theirs.to_pylist(), sql
        cut = [(0, 3), (3, 0), (3, 2), (5, None), (5, 2)]
        assert remote.map("mapped", schema, cut, pieces, heard.append) == embedded.map("mapped", schema, cut, pieces)
        assert remote.fetch("SELECT * FROM mapped ORDER BY id").equals(embedded.fetch("SELECT * FROM mapped ORDER BY id"))
        assert heard[-1] == len(cut)
        with pytest.raises(LogError, match="bad log"):
            remote.map("mapped", schema, [(0, 1), (1, LogError("bad log"))], pieces)
        for sum_of_hashes in ("SELECT h + 1 AS h FROM thing", "SELECT h % 5 AS h FROM thing", "SELECT sum(h) AS h FROM thing"):
            with pytest.raises(StoreError, match=r"(?s)computes with the hash `h`.*--engine duckdb"):
                remote.fetch(sum_of_hashes)
        remote.drop("doubled")
        with pytest.raises(Exception, match="doubled"):
            remote.fetch("SELECT * FROM doubled")
    finally:
        remote.close()
        embedded.close()
    assert list((tmp_path / "it's here").iterdir()) == []


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without PySpark, without Java, without a master and without a shared folder, the error says what to do."""

    def refused(match: str, **options: Any) -> None:
        with pytest.raises(ConfigError, match=match):
            pipeline.hunt(pa.table({}), key=SECRET, engine="spark", **options)

    refused("--work", master="spark://far.example:7077")
    refused("--work", master="yarn")
    pytest.importorskip("pyspark")
    refused(r"No Spark master answers at spark://127\.0\.0\.1:9", master="spark://127.0.0.1:9")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    refused(r"Java 17.*\n.*JAVA_HOME")
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    refused(r"pip install .*spark")


def test_the_command_line_hands_over_what_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`--engine`, `--master` and `--spark-conf` reach the hunt; they are refused where they make no sense."""
    told: dict[str, object] = {}

    def hunt(*_: object, **options: object) -> Hunt:
        told.update(options)
        raise LogError("far enough")

    monkeypatch.setattr(pipeline, "hunt", hunt)
    arguments = ["hunt", "s3a://logs/march", "--out", str(tmp_path / "out"), "--engine", "spark", "--master", "yarn"]
    settings = ["--spark-conf", "spark.executor.memory=8g", "--spark-conf", "spark.x=a=b"]
    assert cli.main([*arguments, *settings]) == 2
    assert told["engine"] == "spark"
    assert told["master"] == "yarn"
    assert told["spark_conf"] == {"spark.executor.memory": "8g", "spark.x": "a=b"}
    assert cli.main([*arguments, "--spark-conf", "memory=8g"]) == 2
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="--engine spark"):
        pipeline.hunt(pa.table({}), key=SECRET, master="yarn")
    with pytest.raises(ConfigError, match="no engine `dask`"):
        pipeline.hunt(pa.table({}), key=SECRET, engine="dask")
