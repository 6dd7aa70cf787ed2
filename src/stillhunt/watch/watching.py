"""
Freezing sets after a hunt, and judging them on later days.

A set is frozen with the accounts that it has, and is judged from the day on that follows the last call in the store: nothing
that it is judged on had a part in choosing it. Accounts that join later do not count, and a set that changes is not frozen
anew while it is watched: choosing who belongs by what a day shows, and betting on that day, would be betting on what is known.
Blocks are `BLOCK_DAYS` days of the calendar from there, fixed beforehand for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from stillhunt.digest import ledger, traits
from stillhunt.engines import Engine
from stillhunt.judge.operate import joint_operation
from stillhunt.judge.rule import Rule
from stillhunt.judge.traffic import Suspects
from stillhunt.model import Hunt
from stillhunt.store import disk, watched
from stillhunt.store.folder import Store
from stillhunt.store.watched import Block, Candidate
from stillhunt.watch.betting import bet, shown

BLOCK_DAYS = 3
"""Days of a block: long enough for the tests to have something to see, short enough to be told soon."""

FEWEST_ACCOUNTS = 5
"""A block in which fewer of the set's accounts have a call is not judged: nothing is staked on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """
    A watched set as it stands: `e_log10` is what its bets have paid, log10; `highest` the most that it had ever paid.

    `shown` says whether e-BH reports it among all that are watched.
    """

    id: str
    accounts: int
    from_day: str
    blocks: tuple[Block, ...]
    e_log10: float
    highest: float
    shown: bool


def freeze(store: Store, hunt: Hunt) -> None:
    """
    Watch the sets that a hunt put to key 2 and that are not watched yet: campaigns, and linked sets that were not accused.

    A set of which a watched one holds more than half is watched already.
    """
    if hunt.last_seen is None:
        return
    known = watched.read(store.folder)
    last = max(store.days)
    from_day = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    sets = [(c.id, c.accounts) for c in hunt.campaigns]
    sets += [(s.id, s.account_ids) for s in hunt.linked if s.list_name == "honest group"]
    new = {}
    for name, accounts in sets:
        members = frozenset(store.account(a) for a in accounts)
        if name in known or any(2 * len(one.members & members) > len(members) for one in known.values()):
            continue
        new[name] = Candidate(members=members, from_day=from_day)
    if new:
        with disk.explained(store.folder):
            watched.write(store.folder, {**known, **new})


def judge_blocks(engine: Engine, store: Store, rule: Rule, accounts: pa.Table, account_trait: pa.Table) -> None:
    """
    Judge every watched set on the blocks that are over, and write down what came of it.

    A block is over when the store has a call of a later day; calls that come in for it afterwards no longer count.

    1. Sets that have a block over, by the days of it.
    2. Number accounts and make traits from the calls of those days alone.
    3. Key 2 on each set's calls.
    """
    known = dict(watched.read(store.folder))
    days = store.days
    while due := _due(known, days[-1] if days else ""):                                      # 1.
        for (first, last), names in sorted(due.items()):
            store.view(engine, "raw_call", first=first, last=last)                             # 2.
            ledger.build(engine, accounts)
            engine.register("account_trait", account_trait)
            shingles = engine.fetch("SELECT coalesce(sum(len(shingles)), 0)::BIGINT AS n FROM raw_call").column("n")[0].as_py()
            traits.build(engine, n_shingles=int(shingles))
            for name, block in _judged(engine, store, rule, {n: known[n] for n in names}, first, last).items():  # 3.
                known[name] = replace(known[name], blocks=(*known[name].blocks, block))
        with disk.explained(store.folder):
            watched.write(store.folder, known)


def standing(store: Store, level: float) -> tuple[Watched, ...]:
    """Return all watched sets as they stand, the strongest first; valid whenever it is asked."""
    known = sorted(watched.read(store.folder).items())
    paths = [np.cumsum([0.0, *(0.0 if b.p_value is None else bet(b.p_value) for b in one.blocks)]) for _, one in known]
    now = [float(path[-1]) / float(np.log(10)) for path in paths]
    found = [
        Watched(
            id=name, accounts=len(one.members), from_day=one.from_day, blocks=one.blocks, e_log10=e,
            highest=float(path.max()) / float(np.log(10)), shown=bool(reported),
        )
        for (name, one), path, e, reported in zip(known, paths, now, shown(now, level), strict=True)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda w: (-w.e_log10, w.id)))


def _due(known: dict[str, Candidate], newest: str) -> dict[tuple[str, str], list[str]]:
    """Return the next block of each set that has one over, as the days of it → the sets."""
    out: dict[tuple[str, str], list[str]] = {}
    for name, one in known.items():
        first = date.fromisoformat(one.from_day) + timedelta(days=BLOCK_DAYS * len(one.blocks))
        last = (first + timedelta(days=BLOCK_DAYS - 1)).isoformat()
        if last < newest:
            out.setdefault((first.isoformat(), last), []).append(name)
    return out


def _judged(
    engine: Engine, store: Store, rule: Rule, sets: dict[str, Candidate], first: str, last: str
) -> dict[str, Block]:
    """Return the block of each set; None as its p-value where too few of its accounts have a call, or no test could run."""
    rows = engine.fetch(
        "SELECT a.account_id, a.owner, n FROM account a JOIN (SELECT account_id, count(*) AS n FROM distinct_call"
        " GROUP BY account_id) USING (account_id) ORDER BY a.account_id"
    )
    wanted = frozenset[str]().union(*(one.members for one in sets.values()))
    mine = [r for r in rows.to_pylist() if store.account(r["account_id"]) in wanted]
    held = {
        name: [r for r in mine if store.account(r["account_id"]) in one.members] for name, one in sorted(sets.items())
    }
    owners = {name: np.unique(np.array([r["owner"] for r in found], dtype=np.int32)) for name, found in held.items()}
    able = [name for name in held if len(owners[name]) >= FEWEST_ACCOUNTS]
    p_values: dict[str, float] = {}
    if able:
        linked = np.unique(np.concatenate([owners[name] for name in able]))
        suspects = Suspects(engine, [owners[name] for name in able], linked, rule.salted)
        for number, name in enumerate(able):
            found = joint_operation(suspects.traffic(number), rho0=rule.rho0, draws=rule.draws, seed=rule.seed)
            if any(strand.p_values for strand in found.strands):
                p_values[name] = found.p_value
        suspects.forget()
    return {
        name: Block(
            first_day=first, last_day=last, calls=sum(int(r["n"]) for r in found), p_value=p_values.get(name)
        )
        for name, found in held.items()
    }
