"""
Worlds too large for the disk, made day by day: who calls when is drawn first, texts are written when the day comes.

A plan holds every call as numbers, some thirty bytes each, one folder a day. A day that was written out can be thrown away
and written out again, to the same bytes. Parts have their own people and operators and share the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt import contract
from stillhunt.worlds import clock
from stillhunt.worlds.assemble import Observed, exchange_table
from stillhunt.worlds.catalogue import catalogue
from stillhunt.worlds.columns import hex_strings, take
from stillhunt.worlds.drafts import NO, Accounts, Calls
from stillhunt.worlds.ids import Bools, Ints
from stillhunt.worlds.worlds import Drawn, Recipe, drawn

SIDE = ("accounts", "events", "truth")
TURNS = 3
"""How many calls back a prompt can reach: a history holds two, and an older prompt may quote an answer."""

_POINTERS = ("quote", "replay", "previous")
"""What is the place of another call of the part."""

_OF_SEEN = "seen_"
_INSIDE = "inside"


def plan_part(folder: Path, seed: int, part: int, recipe: Recipe) -> int:
    """
    Draw one part of a world and write its plan; return how many calls it has.

    `folder/plan/day=…/part-0000.parquet` and `folder/people/part-0000.npz`; the tables that lie beside the log as
    `folder/side/accounts-0000.parquet` and so on. Memory grows with the calls of the part.
    """
    one, side = drawn(recipe, seed, part)
    for name, table in side.items():
        _write(table, folder / "side" / f"{name}-{part:04d}.parquet")
    people = folder / "people" / f"part-{part:04d}.npz"
    people.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = {f.name: getattr(one.accounts, f.name) for f in fields(Accounts)}
    with people.open("wb") as file:
        np.savez(file, ids=one.ids, salt=np.array(one.salt), **columns)
    number = (one.calls.at - clock.START) // clock.DAY
    for day in range(clock.DAYS):
        rows, inside = _with_earlier(one, np.flatnonzero(number == day))
        _write(_numbers(one, rows, inside), folder / "plan" / _name(day) / f"part-{part:04d}.parquet")
    return len(one.calls)


def write_day(folder: Path, seed: int, day: int, out: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """
    Write the log of one day of a plan as one Parquet file, a row group for each part; return how many exchanges it has.

    Rows of a part are ordered by time. `progress(done, wanted)` is called after each part.
    """
    parts = sorted((folder / "plan" / _name(day)).glob("part-*.parquet"))
    rows = 0
    with pq.ParquetWriter(out, contract.EXCHANGES, compression="zstd", compression_level=1) as writer:
        for done, path in enumerate(parts, 1):
            table = _rendered(folder, path, seed, day)
            rows += table.num_rows
            if table.num_rows:
                writer.write_table(table)
            if progress is not None:
                progress(done, len(parts))
    return rows


def write_side(folder: Path) -> None:
    """Join the tables that lie beside the log: `folder/accounts.parquet`, `events.parquet`, `truth.parquet`."""
    for name in SIDE:
        table = pa.concat_tables([pq.read_table(p) for p in sorted((folder / "side").glob(f"{name}-*.parquet"))])
        if name == "events":
            table = table.group_by(["at", "kind", "subject"], use_threads=False).aggregate([])
            table = table.sort_by([("at", "ascending"), ("subject", "ascending")])
        _write(table, folder / f"{name}.parquet")


def days() -> Iterator[tuple[int, str]]:
    """Yield the number of each day and the name of its folder, `day=2026-03-02` and so on."""
    for day in range(clock.DAYS):
        yield day, _name(day)


def _name(day: int) -> str:
    return f"day={datetime.fromtimestamp((clock.START + day * clock.DAY) / 1e6, UTC):%Y-%m-%d}"


def _with_earlier(one: Drawn, rows: Ints) -> tuple[Ints, Bools]:
    """Return some calls and those that their texts take something from, and which of them were asked for."""
    wanted = np.zeros(len(one.calls), dtype=np.bool_)
    wanted[rows] = True
    reached, newest = wanted.copy(), rows
    for _ in range(TURNS):
        pointed = np.concatenate([one.calls.quote[newest], one.calls.replay[newest], one.seen.previous[newest]])
        pointed = np.unique(pointed[pointed >= 0])
        newest = pointed[~reached[pointed]]
        reached[newest] = True
    found = np.flatnonzero(reached)
    return found, wanted[found]


def _numbers(one: Drawn, rows: Ints, inside: Bools) -> pa.Table:
    """Return the given calls, with what is seen of them, as columns of numbers; places of other calls are moved along."""
    place = np.full(len(one.calls) + 1, NO, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    columns: dict[str, Any] = {_INSIDE: inside}
    for prefix, found in (("", one.calls), (_OF_SEEN, one.seen)):
        for f in fields(found):
            values = getattr(found, f.name)[rows]
            columns[prefix + f.name] = place[values] if f.name in _POINTERS else values
    return pa.table(columns)


def _rendered(folder: Path, path: Path, seed: int, day: int) -> pa.Table:
    """Return the exchanges of one part on one day, ordered by time."""
    number = int(path.stem.removeprefix("part-"))
    held = pq.ParquetFile(path).read()
    columns = {name: held.column(name).to_numpy() for name in held.column_names}
    if not columns[_INSIDE].any():
        return contract.EXCHANGES.empty_table()
    calls = Calls(**{f.name: columns[f.name] for f in fields(Calls)})
    seen = Observed(**{f.name: columns[_OF_SEEN + f.name] for f in fields(Observed)})
    with np.load(folder / "people" / path.with_suffix(".npz").name) as people:
        accounts = Accounts(**{f.name: people[f.name] for f in fields(Accounts)})
        ids = hex_strings(people["ids"], "acc_", 1, 16)
        salt = int(people["salt"])
    rng = np.random.default_rng([seed, number, day, 20260302])
    table = exchange_table(accounts, ids, calls, seen, catalogue(seed), salt, rng)
    inside = np.flatnonzero(columns[_INSIDE])
    found: pa.Table = take(table, inside[np.argsort(calls.at[inside], kind="stable")])
    return found


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", compression_level=1)


def spread(recipe: Recipe, parts: int) -> Sequence[Recipe]:
    """
    Return recipes of so many parts that hold together what one recipe asks for; groups keep their sizes.

    Independent accounts are divided evenly; groups are dealt out one by one, and so are operators, of which there are as
    many as `recipe.operators` says at most.
    """
    dealt: list[dict[str, tuple[int, int, int]]] = [{} for _ in range(parts)]
    turn = 0
    for name, (count, least, most) in recipe.groups.items():
        for _ in range(count):
            mine = dealt[turn % parts]
            mine[name] = (mine.get(name, (0, least, most))[0] + 1, least, most)
            turn += 1
    operators = np.bincount(np.arange(recipe.operators[1]) * parts // max(recipe.operators[1], 1), minlength=parts)
    return [
        Recipe(
            singles=recipe.singles * (number + 1) // parts - recipe.singles * number // parts,
            groups=dealt[number],
            operators=(int(operators[number]), int(operators[number])),
            largest=recipe.largest,
            bans_one_in=recipe.bans_one_in,
            volume=recipe.volume,
        )
        for number in range(parts)
    ]
