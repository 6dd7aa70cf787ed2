"""
Logs → the relation `raw_call`: every exchange digested, everything that was left out counted.

Without a store, all of a log is digested and kept for one run. With one, only what it does not hold is digested and added
to it, and the run is on all that it holds.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from stillhunt import collect
from stillhunt.config import Config
from stillhunt.digest import CALLS, Digester, Key
from stillhunt.engines import Engine
from stillhunt.errors import ConfigError, LogError
from stillhunt.model import LeftOut
from stillhunt.plugs import Split
from stillhunt.store.adding import Adding
from stillhunt.store.definition import Definition
from stillhunt.store.folder import Store
from stillhunt.store.sources import Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What was read: lines, exchanges, sampled shingles, filled rows by column, what was left out, and of which sources."""

    lines: int
    rows: int
    shingles: int
    present: Counter[str]
    left_out: tuple[LeftOut, ...]
    sources: tuple[str, ...]


def collected(
    engine: Engine,
    exchanges: object,
    *,
    format: str | None,
    key: Key,
    config: Config,
    bind: bool,
    store: Store | None,
    progress: Callable[[float], None],
) -> Collected:
    """
    Digest a log into `raw_call` and return what it held; `bind` makes each call commit to its texts.

    Raises `LogError` when more is broken than may be, and what reading raises.
    """
    pieces: Sequence[object] = [exchanges]
    sources: tuple[str, ...] = (f"a table in memory ({type(exchanges).__module__.split('.')[0]})",)
    if _is_paths(exchanges):
        pieces = collect.plan(_paths(exchanges), format, parts=engine.parts)
        sources = tuple(dict.fromkeys(f"{Path(p.path).name} ({p.format or 'object'})" for p in pieces if isinstance(p, Split)))
    if store is not None:
        return _added(engine, pieces, store, key, config, progress)
    digester = Digester(key, one_in=config.one_in, bind=bind)
    progress(0.0)
    summaries = engine.map(
        "raw_call", CALLS, pieces, partial(_digested, digester), lambda done: progress(min(1.0, done / len(pieces)))
    )
    return _summed([t for t in summaries if isinstance(t, Tally)], sources, config)


@contextmanager
def opened(
    folder: str | Path | None, engine: Engine, key: Key, config: Config, *, bind: bool, keep_days: int | None, now: datetime
) -> Iterator[Store | None]:
    """
    Give the store of a run, made where there is none; None where none is asked for. It keeps `keep_days` from then on.

    Raises `ConfigError` on Spark, or for days without a store, and what opening a store raises.
    """
    if folder is None:
        if keep_days is not None:
            raise ConfigError("There is nothing to keep days of without a store.\nName its folder with `--store`.")
        yield None
        return
    if engine.name != "duckdb":
        raise ConfigError(
            f"A store is not available with the engine `{engine.name}`.\n"
            "Leave `--store` away, or hunt with `--engine duckdb`."
        )
    wanted = Definition(key=key.fingerprint, one_in=config.one_in, content=bind)
    with Store.open(Path(folder), key, wanted, keep_days=keep_days, now=now) as store:
        yield store


def _added(
    engine: Engine, pieces: Sequence[object], store: Store, key: Key, config: Config, progress: Callable[[float], None]
) -> Collected:
    """
    Add what is new to a store, and view all that it holds.

    1. Digest the pieces that are not there. What is sound counts as soon as it is read.
    2. Refuse when too much of what is there and what came is broken; else let what is broken count too.
    3. Drop the days that are not kept.
    """
    if any(isinstance(p, Split) and store.folder.resolve() in Path(p.path).resolve().parents for p in pieces):
        raise ConfigError(
            f"{store.folder}: the store lies inside the logs, and would be read as one of them.\n"
            "Move it out, or name the folders of the logs one by one."
        )
    digester = Digester(key, one_in=store.definition.one_in, bind=store.definition.content)
    adding = Adding(store, pieces)
    total = max(1, len(adding.pieces))
    progress(0.0)

    def kept(number: int) -> Iterator[object]:
        return adding.kept(number, _digested(digester, pieces[number]))

    before = store.tallies
    came: list[object] = []
    if adding.pieces:                                                                        # 1.
        came = engine.map("added", CALLS, adding.pieces, kept, lambda done: progress(min(1.0, done / total)))
    _summed([*before, *(t for t in came if isinstance(t, Tally))], (), config)               # 2.
    adding.finish()
    store.age()                                                                              # 3.
    store.view(engine, "raw_call")
    days, files = len(store.days), len(store.sources)
    name = f"{store.folder.name} (a store of {days:,} day{'s' * (days != 1)} from {files:,} source{'s' * (files != 1)})"
    return _summed(store.tallies, (name,), config)


def _summed(tallies: Sequence[Tally], sources: tuple[str, ...], config: Config) -> Collected:
    lines = sum(t.lines for t in tallies)
    left_out = merged([item for t in tallies for item in t.left_out])
    refuse_when_too_much(left_out, lines, config.allow_left_out)
    return Collected(
        lines=lines,
        rows=sum(t.rows for t in tallies),
        shingles=sum(t.shingles for t in tallies),
        present=sum((Counter(t.present) for t in tallies), Counter()),
        left_out=left_out,
        sources=sources,
    )


def _digested(digester: Digester, piece: Any) -> Iterator[pa.RecordBatch | object]:
    """Digest one piece of a log, its tally last; this runs where the engine has its workers."""
    lines = rows = shingles = 0
    left_out: list[LeftOut] = []
    present: Counter[str] = Counter()
    for batch in collect.read(piece) if isinstance(piece, Split) else collect.tables(piece, "exchanges"):
        lines += batch.lines
        rows += batch.exchanges.num_rows
        left_out += batch.left_out
        for name in batch.exchanges.schema.names:
            present[name] += batch.exchanges.num_rows - batch.exchanges.column(name).null_count
        calls = digester.calls(batch.exchanges)
        shingles += len(calls.column("shingles").flatten())
        yield calls
    yield Tally(lines=lines, rows=rows, shingles=shingles, present=dict(present), left_out=merged(left_out))


def merged(items: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Add up what was left out for the same reason, keeping the first five examples; largest first."""
    counts: Counter[tuple[str, str, bool]] = Counter()
    examples: dict[tuple[str, str, bool], list[str]] = {}
    for item in items:
        kind = (item.what, item.reason, item.defect)
        counts[kind] += item.count
        examples.setdefault(kind, []).extend(item.examples)
    return tuple(
        LeftOut(what=kind[0], reason=kind[1], defect=kind[2], count=n, examples=tuple(sorted(examples[kind])[:5]))
        for kind, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))
        if n
    )


def refuse_when_too_much(left_out: Sequence[LeftOut], lines: int, allowed: float) -> None:
    """Raise `LogError` when more than the allowed share of lines is broken, or a file is and none may be."""
    broken = sum(item.count for item in left_out if item.defect and item.what == "line")
    files = sum(item.count for item in left_out if item.defect and item.what == "file")
    share = broken / lines if lines else 0.0
    if share <= allowed and not (files and allowed == 0.0):
        return
    worst = "\n".join(
        f"  {item.count:,} {item.what}{'s' if item.count != 1 else ''}: {item.reason}"
        + (f" ({', '.join(item.examples[:2])})" if item.examples else "")
        for item in left_out
        if item.defect and item.what in ("line", "file")
    )
    place = f"{broken:,} of {lines:,} lines ({share:.2%})"
    if files:
        place += f" and {files:,} file{'s' if files != 1 else ''}"
    advice = (
        "Nothing is left to hunt in: correct the log, or name its format with `--format`."
        if broken == lines and lines
        else f"Correct them, or read on without them with `--allow-left-out {max(math.ceil(share * 1000) / 10, 0.1):g}%`."
    )
    raise LogError(f"{place} cannot be read:\n{worst}\n{advice}")


def side_table(
    data: object | None, name: Literal["accounts", "events", "controls"], schema: pa.Schema
) -> tuple[pa.Table, tuple[LeftOut, ...]]:
    """Return a table that lies beside the log, from a file or from memory, and what of it was left out."""
    if data is None:
        return schema.empty_table(), ()
    if isinstance(data, str | Path):
        return collect.read_table(data, schema)
    batches = list(collect.tables(data, name))
    rows = pa.Table.from_batches([b.exchanges for b in batches]) if batches else schema.empty_table()
    return rows, merged([item for b in batches for item in b.left_out])


def _is_paths(data: object) -> bool:
    if isinstance(data, str | os.PathLike):
        return True
    return isinstance(data, list | tuple) and len(data) > 0 and all(isinstance(d, str | os.PathLike) for d in data)


def _paths(data: Any) -> list[str | Path]:
    return [Path(d) for d in ([data] if isinstance(data, str | os.PathLike) else data)]
