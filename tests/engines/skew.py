"""One value that a fifth of all accounts hold, on a cluster: the joins where it matters, and what each task reads from shuffles."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillhunt.digest import traits, transfers
from stillhunt.engines import Engine
from stillhunt.engines.spark import SparkEngine

SPREAD = {
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "16",
    "spark.sql.files.minPartitionNum": "16",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "4KB",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "4KB",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}
"""
A small log takes the plans of a large one: no table is small enough to be sent to everybody, sixteen tasks, and bounds in
bytes that are as far below it as Spark's own (256 and 64 MB) are below a large one.
"""

OFF = {"spark.sql.adaptive.skewJoin.enabled": "false"}
PIECES = 16
POPULAR = 4
"""The value that many hold."""

QUERIES = {
    "shared_prompt": traits._shared_query(0, 1),
    "prompt": traits._prompt_query(0, 1),
    **dict(transfers._steps(0, 1)),
}
"""The relations made by joins on a value of calls, in order: shared prompts, marks of answers in prompts and in histories."""

SCHEMA = pa.schema(
    [
        ("account_id", pa.string()), ("exchange_h", pa.uint64()), ("started_at", pa.timestamp("us", "UTC")), ("model", pa.string()),
        ("prompt_h", pa.uint64()), ("shingles", pa.list_(pa.uint64())), ("answer_marks", pa.list_(pa.uint64())),
        ("turn_marks", pa.list_(pa.uint64())),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calls:
    """A log of two calls by each account; with `popular` a fifth of all accounts send one prompt, and have one history."""

    accounts: int
    popular: bool

    def __call__(self, piece: int) -> Iterator[pa.RecordBatch | object]:
        """Yield one piece of the log; every engine makes the same rows."""
        rng = np.random.default_rng([7, piece])
        account = np.repeat(np.arange(piece, self.accounts, PIECES), 2)
        n = len(account)
        seen = 1_772_409_600_000_000 + rng.integers(0, 86_400_000_000, n)
        # Multiples of four serve linking: those prompts are joined, each sent by two accounts. A prompt has marks of the answers
        # of the next two accounts, a history one; what is popular instead was served once, to the first account.
        popular = (account % 5 == 0) & self.popular
        prompt = np.where(popular, POPULAR, 4 * (1_000_000 + account // 2))
        mark = np.where(popular, POPULAR, 1000 + (account + 1) % self.accounts)
        served = [[1000 + a, POPULAR] if a == 0 else [1000 + a] for a in account.tolist()]
        marks = np.stack([mark, 1000 + (account + 2) % self.accounts], axis=1).tolist()
        lists = pa.list_(pa.uint64())
        yield pa.record_batch(
            [
                pa.array([f"account-{a}" for a in account.tolist()]), pa.array(rng.integers(0, 2**62, n).astype(np.uint64)),
                pa.array(seen, pa.timestamp("us", "UTC")), pa.array(["m"] * n), pa.array(prompt.astype(np.uint64)),
                pa.array(marks, lists), pa.array(served, lists), pa.array([[m] for m in mark.tolist()], lists),
            ],
            schema=SCHEMA,
        )  # fmt: skip


def prepare(engine: Engine, calls: Calls) -> None:
    """Make the relations that the queries read."""
    engine.map("distinct_call", SCHEMA, list(range(PIECES)), calls)
    numbers = pa.array(range(calls.accounts), pa.int32())
    names = pa.array([f"account-{a}" for a in range(calls.accounts)])
    engine.register("account", pa.table({"account_id": names, "acct": numbers, "owner": numbers}))
    engine.view("call", "SELECT c.*, a.acct FROM distinct_call c JOIN account a USING (account_id)")


def rows_of(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query, ordered."""
    return sorted((tuple(row.values()) for row in engine.fetch(sql).to_pylist()), key=repr)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What tasks read from shuffles in the stage of a query with the largest one: rows of that task, of all, and how many tasks."""

    largest: int
    rows: int
    tasks: int


Rows = dict[str, list[tuple[object, ...]]]


def run(master: str, calls: Calls, folder: Path, conf: dict[str, str]) -> tuple[dict[str, Reading], Rows]:
    """Run each query on a cluster; return what its tasks read, and its rows."""
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Spark's workers cannot import a test
    events = folder / "events"
    events.mkdir(parents=True)
    settings = {**conf, "spark.eventLog.dir": f"file://{events}"}
    engine = SparkEngine(folder / "work", master=master, conf=settings, memory_mb=512)
    rows = {}
    try:
        prepare(engine, calls)
        for name, sql in QUERIES.items():
            engine._session.sparkContext.setJobDescription(name)  # Which the event log repeats.
            engine.create(f"{name}_0", sql)
            rows[name] = rows_of(engine, f"SELECT * FROM {name}_0")
    finally:
        engine.close()
    return _read(next(events.iterdir())), rows


def _read(log: Path) -> dict[str, Reading]:
    """Take what tasks read from an event log."""
    query_of: dict[int, str] = {}
    read: dict[int, list[int]] = {}
    for line in log.open():
        event = json.loads(line)
        if event["Event"] == "SparkListenerJobStart":
            name = event.get("Properties", {}).get("spark.job.description", "")
            query_of.update(dict.fromkeys(event["Stage IDs"], name))
        elif event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
            read.setdefault(event["Stage ID"], []).append(event["Task Metrics"]["Shuffle Read Metrics"]["Total Records Read"])
    found: dict[str, Reading] = {}
    for stage, tasks in read.items():
        name = query_of.get(stage, "")
        if name in QUERIES and sum(tasks) and (name not in found or max(tasks) > found[name].largest):
            found[name] = Reading(largest=max(tasks), rows=sum(tasks), tasks=len(tasks))
    return found
