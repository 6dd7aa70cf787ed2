"""
How small a campaign would this operator's own log show? Campaigns are planted into a copy of it and hunted.

Rounds of several campaigns are planted together, never more than one owner in twenty, and the whole run from numbering
accounts on is made on the copy. What is planted is drawn from the seed alone: as many rounds give the same table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pyarrow as pa
from scipy.stats import beta

from stillhunt import contract, pipeline
from stillhunt.config import Config
from stillhunt.controls import Power, PowerCell, Smallest
from stillhunt.digest import CALLS, Key, ledger, traits
from stillhunt.engines import Engine
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.errors import ClaimError
from stillhunt.graph import fetch_incidence
from stillhunt.intake import side_table
from stillhunt.judge.campaigns import judge
from stillhunt.judge.rule import Rule
from stillhunt.judge.sets import linkage_level
from stillhunt.model import Hunt
from stillhunt.pipeline import Progress
from stillhunt.planting import SCHEDULERS, SHARING, Cell, Donors, Planted, donors, lay_out, plant
from stillhunt.search import LINKING_KINDS, search

WANTED = 0.8
SIZES = (10, 20, 40, 80)
CALLS_EACH = (10, 30)
LARGEST_PART = 0.05
"""Planted accounts are at most this part of the log's owners in one round."""

FEWEST_DONORS = 50
FEWEST_PLANTED = 5


def power(
    exchanges: object,
    accounts: object | None = None,
    events: object | None = None,
    *,
    format: str | None = None,
    key: bytes | None = None,
    sizes: Sequence[int] = SIZES,
    calls: Sequence[int] = CALLS_EACH,
    rounds: int = 24,
    enough: Callable[[], bool] = lambda: False,
    progress: Progress = lambda stage, share: None,
    config: Config,
) -> Power:
    """
    Return what is found of campaigns planted into a copy of a log.

    1. Hunt the log as it is: whom it links is not copied.
    2. Plant a round, number owners and link and judge anew, and see which of the planted are found.
    3. Stop after `rounds`, or when `enough` says so; the table says how many there were.

    Raises `ClaimError` when there are too few honest accounts to copy, and what `stillhunt.hunt` raises.
    """
    secret = pipeline.key_of(key)
    with pipeline.work_folder(config) as work:
        engine = DuckDBEngine(work, threads=config.threads, memory_mb=config.memory_mb)
        try:
            before = pipeline.run(
                engine, exchanges, accounts, events, format=format, key=secret, config=config, progress=progress
            )
            records, _ = side_table(accounts, "accounts", contract.ACCOUNTS)
            happened, _ = side_table(events, "events", contract.EVENTS)
            rule = pipeline.rule_of(secret, config, before.unavailable, happened)
            return _planted(
                engine, before, records, rule, secret, config, tuple(sorted(sizes)), tuple(sorted(calls)), rounds, enough, progress
            )
        finally:
            engine.close()


def _planted(
    engine: Engine,
    before: Hunt,
    records: pa.Table,
    rule: Rule,
    key: Key,
    config: Config,
    sizes: tuple[int, ...],
    calls: tuple[int, ...],
    rounds: int,
    enough: Callable[[], bool],
    progress: Progress,
) -> Power:
    engine.create("base_call", f"SELECT {', '.join(CALLS.names)} FROM distinct_call")
    reported: set[str] = {a for c in before.campaigns for a in c.accounts}
    honest = donors(engine, sorted(reported | {a for s in before.linked for a in s.account_ids}))
    room = int(LARGEST_PART * before.n_owners)
    able = tuple(s for s in sizes if s <= min(room, len(honest.accounts)))
    if len(honest.accounts) < FEWEST_DONORS or not able or not len(honest.work):
        raise ClaimError(
            f"{len(honest.accounts):,} accounts are linked to nobody and may be copied, and {room:,} may be planted at a time"
            f" (one owner in twenty): too few for campaigns of {sizes[0]:,}.\nGive a longer log, or smaller sizes with `--sizes`."
        )
    cells = [Cell(size=s, sharing=h, calls=c, scheduler=t) for s, h, c, t in product(able, SHARING, calls, SCHEDULERS)]
    planted: Counter[Cell] = Counter()
    found: Counter[Cell] = Counter()
    falsely = made = 0
    for number, batch in enumerate(_rounds(cells, room, rounds, config.seed)):
        if number and enough():
            break
        progress("power", number / rounds)
        sown, hits, wrong = _round(engine, batch, number, honest, records, rule, key, config, reported)
        planted.update(sown)
        found.update(hits)
        falsely, made = falsely + wrong, number + 1
    progress("power", 1.0)
    table = tuple(_cell(cell, planted[cell], found[cell]) for cell in cells if planted[cell])
    return Power(
        wanted=WANTED,
        cells=table,
        smallest=tuple(
            Smallest(sharing=h, calls=c, scheduler=t, size=smallest(table, h, c, t))
            for h, c, t in product(SHARING, calls, SCHEDULERS)
        ),
        too_large=tuple(s for s in sizes if s not in able),
        rounds=made,
        owners=before.n_owners,
        days=len(before.per_day),
        falsely=falsely,
        meaning={**SHARING, **SCHEDULERS},
        settings=before.settings,
    )


def _rounds(cells: Sequence[Cell], room: int, rounds: int, seed: int) -> list[list[Cell]]:
    """Return which campaigns are planted together: all kinds once before any twice, in an order drawn from the seed."""
    rng = np.random.default_rng([seed, 11])
    out: list[list[Cell]] = [[]]
    while len(out) <= rounds:
        for number in rng.permutation(len(cells)).tolist():
            if sum(c.size for c in out[-1]) + cells[number].size > room:
                out.append([])
            out[-1].append(cells[number])
    return out[:rounds]


def _round(
    engine: Engine,
    batch: Sequence[Cell],
    number: int,
    honest: Donors,
    records: pa.Table,
    rule: Rule,
    key: Key,
    config: Config,
    reported: set[str],
) -> tuple[list[Cell], list[Cell], int]:
    """Plant, hunt, and return what was planted, what of it was found, and how many sets of others were reported."""
    rng = np.random.default_rng([config.seed, 12, number])
    sown = [plant(cell, place, honest, records, rng) for place, cell in enumerate(batch)]
    lay_out(engine, sown)
    everybody = pa.concat_tables([records, *(one.records for one in sown)])
    ledger.build(engine, everybody)
    engine.register("account_trait", traits.account_traits(everybody, key))
    shingles = engine.fetch("SELECT coalesce(sum(len(shingles)), 0)::BIGINT AS n FROM raw_call").column("n")[0].as_py()
    traits.build(engine, n_shingles=int(shingles))
    searched = search(
        engine, fetch_incidence(engine, LINKING_KINDS), seed=config.seed, several=config.declared_customers,
        linkage_level=linkage_level(config.level),
    )  # fmt: skip
    judged = judge(engine, searched.population, searched.groups, searched.links, rule, progress=lambda share: None)
    sets = [frozenset(c.accounts) for c in judged.campaigns]
    of = {a for one in sown for a in one.account_ids}
    wrong = sum(2 * len(s & (of | reported)) < len(s) for s in sets)
    return list(batch), [one.cell for one in sown if _is_found(one, sets)], wrong


def _is_found(one: Planted, sets: Sequence[frozenset[str]]) -> bool:
    """Reported sets of which at least half are its accounts cover at least half of it."""
    mine = frozenset(one.account_ids)
    covered = frozenset[str]().union(*(s & mine for s in sets if 2 * len(s & mine) >= len(s)))
    return 2 * len(covered) >= len(mine)


def _cell(cell: Cell, planted: int, found: int) -> PowerCell:
    low = 0.0 if not found else float(beta.ppf(0.025, found, planted - found + 1))
    high = 1.0 if found == planted else float(beta.ppf(0.975, found + 1, planted - found))
    return PowerCell(
        size=cell.size, sharing=cell.sharing, calls=cell.calls, scheduler=cell.scheduler, planted=planted, found=found,
        low=low, high=high,
    )  # fmt: skip


def smallest(table: Sequence[PowerCell], sharing: str, calls: int, scheduler: str) -> int | None:
    """
    Return the smallest size found with the wanted power, it and all larger ones.

    A size that was planted fewer than `FEWEST_PLANTED` times says nothing, and ends the search.
    """
    row = [c for c in table if (c.sharing, c.calls, c.scheduler) == (sharing, calls, scheduler)]
    out = None
    for cell in sorted(row, key=lambda c: -c.size):
        if cell.planted < FEWEST_PLANTED or cell.found < WANTED * cell.planted:
            break
        out = cell.size
    return out
