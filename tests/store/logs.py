"""Small logs for the tests of the store: a few calls a day by a few accounts, each with a prompt of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect import parquet
from stillhunt.config import Config
from stillhunt.contract import TIMESTAMP
from stillhunt.digest import Digester, Key
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.intake import Collected, collected, opened
from stillhunt.plugs import Split
from stillhunt.store.adding import Adding
from stillhunt.store.definition import Definition
from stillhunt.store.folder import Store
from stillhunt.store.sources import Tally

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
START = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNTS = ("ann", "bob", "cyd")


def calls(day: int, *, of: tuple[str, ...] = ACCOUNTS, note: str = "") -> pa.Table:
    """Return two calls of each account on a day."""
    rows = [(f"{note}{day}-{a}-{k}", a, START + timedelta(days=day, minutes=7 * k)) for a in of for k in range(2)]
    return pa.table(
        {
            "exchange_id": [r[0] for r in rows],
            "account_id": [r[1] for r in rows],
            "started_at": pa.array([r[2] for r in rows], TIMESTAMP),
            "prompt": [f"please solve the vortigern {r[0]} and say how it was done" for r in rows],
            "client_ip": ["198.51.100.77"] * len(rows),
        }
    )


def write(path: Path, *days: int, of: tuple[str, ...] = ACCOUNTS, note: str = "") -> Path:
    """Write a log with the calls of some days."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables([calls(d, of=of, note=note) for d in days]), path)
    return path


def add(
    folder: Path, work: Path, key: Key, logs: object, *, keep_days: int | None = None, now: datetime = NOW,
    config: Config | None = None, bind: bool = False, format: str | None = None,
) -> tuple[Collected, set[str]]:
    """Read logs into a store, as a hunt does; return what was collected, and the ids of all calls that a hunt would see."""
    engine = DuckDBEngine(work, threads=1, memory_mb=256)
    config = config or Config(threads=1)
    try:
        with opened(folder, engine, key, config, bind=bind, keep_days=keep_days, now=now) as store:
            found = collected(
                engine, logs, format=format, key=key, config=config, bind=bind, store=store, progress=lambda share: None
            )
            return found, set(engine.fetch("SELECT exchange_id FROM raw_call").column(0).to_pylist())
    finally:
        engine.close()


def ids(*days: int, of: tuple[str, ...] = ACCOUNTS, note: str = "") -> set[str]:
    """Return the ids of the calls of some days."""
    return {i for d in days for i in calls(d, of=of, note=note).column("exchange_id").to_pylist()}


def open_store(folder: Path, key: Key, *, keep_days: int | None = None) -> Store:
    """Open a store as a hunt with the usual settings does."""
    return Store.open(folder, key, Definition(key=key.fingerprint, one_in=8, content=False), keep_days=keep_days, now=NOW)


def feed(store: Store, paths: Sequence[Path]) -> None:
    """Read logs into a store without an engine, one piece after the other."""
    digester = Digester(store.key, one_in=8)
    pieces = [Split(path=str(path), format="parquet") for path in paths]
    adding = Adding(store, pieces)
    for number in adding.pieces:
        rows = [batch.exchanges for batch in parquet.read(pieces[number])]
        tally = Tally(lines=sum(r.num_rows for r in rows), rows=sum(r.num_rows for r in rows))
        list(adding.kept(number, iter([*(digester.calls(r) for r in rows), tally])))
    adding.finish()
    store.age()


def held(store: Store) -> set[str]:
    """Return the ids of all calls of a store."""
    found = [pq.read_table(store.folder / p.path, columns=["exchange_id"], partitioning=None) for p in store.parts]
    rows = [i for table in found for i in table.column("exchange_id").to_pylist()]
    return set(rows)


class Killed(BaseException):
    """The process dies here."""


@contextmanager
def killed_after(steps: int) -> Iterator[list[str]]:
    """
    Let the process die before its step number `steps` of those that change what is on the disk, and do nothing after.

    A write that it dies in leaves half of what was to be written. Gives the list of the steps that were made.
    """
    made: list[str] = []
    real = {name: getattr(os, name) for name in ("replace", "unlink", "write", "rmdir")}

    def step(name: str) -> object:
        def run(*args: object, **named: object) -> object:
            if len(made) >= steps:
                if name == "write" and len(made) == steps:
                    made.append("half a write")
                    real["write"](args[0], bytes(args[1])[: len(bytes(args[1])) // 2])  # type: ignore[arg-type]
                raise Killed
            made.append(name)
            return real[name](*args, **named)

        return run

    with mock.patch.multiple(os, **{name: step(name) for name in real}):
        yield made
