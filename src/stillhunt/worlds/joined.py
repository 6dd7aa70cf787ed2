"""
Operators that are seen by what they hand on, five kinds. For the world `joins`.

The accounts of the first two share no card, no address and no client; they are strangers in everything but the operator's
template, and in the reasoning blocks or the answers that other accounts send back. The other three share infrastructure
like any campaign; what is special about them is stored conversations of another product, failed prompts that other
accounts take over and a second pool after a ban, and a search for a technique.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stillhunt.worlds import campaigns
from stillhunt.worlds.assemble import REFUSED
from stillhunt.worlds.campaigns import Plan, Rng
from stillhunt.worlds.catalogue import Catalogue
from stillhunt.worlds.clock import DAYS, END, HOUR, SECOND
from stillhunt.worlds.drafts import NO, Accounts, Block, Calls, concat_calls
from stillhunt.worlds.ids import Ints
from stillhunt.worlds.population import flags, numbers

KINDS = ("replay_ring", "feedback_chain", "stored_sessions", "takeover_pool", "technique_search")
UNSHARED = ("replay_ring", "feedback_chain")
MINUTE = 60 * SECOND
GRADING = 3


def _plan(kind: str, size: int, rng: Rng) -> Plan:
    """Return a plan with a template of its own, by which all is shared, or nothing: own card, own address, own client."""
    drawn = campaigns.plan("hydra", size, rng)
    return replace(
        drawn,
        kind=kind,
        calls=int(rng.integers(40, 80)),
        adopt=0.0 if kind in UNSHARED else float(rng.uniform(0.7, 0.9)),
        domains_k=0,
        cover=float(rng.uniform(0.05, 0.3)),
        hidden_in=NO,
        regulated=False,
        first_h=12,
        last_h=DAYS * 24 - 12,
        pools=2 if kind == "takeover_pool" else 1,
        judges=0.0,
    )


def campaign(
    kind: str, size: int, number: int, cohort: int, things: Catalogue, homes: Ints, rng: Rng
) -> Block:
    """Return accounts and harvested calls of one operator of that kind."""
    block = campaigns.campaign(_plan(kind, size, rng), number, cohort, things, homes, rng)
    assert block.calls is not None
    accounts, calls = block.accounts, block.calls
    accounts.adopts_h[:] = rng.integers(1, 20, size)
    if kind == "replay_ring":
        accounts.model[:] = 2
        calls.replay = _earlier(calls, 0.35, rng)
    elif kind == "feedback_chain":
        calls.quote = _earlier(calls, 0.35, rng)
        calls.kind = np.where(calls.quote >= 0, GRADING, calls.kind)
    elif kind == "stored_sessions":
        _replay_sessions(accounts, calls, rng)
    elif kind == "takeover_pool":
        calls = concat_calls([calls, _take_over(calls, block.bans, rng)])
    else:
        _search(calls, rng)
    return Block(accounts, calls, block.bans)


def _earlier(calls: Calls, share: float, rng: Rng) -> Ints:
    """Return for a share of the calls an earlier call of any account, not more than four hundred calls before."""
    n = len(calls)
    order = np.argsort(calls.at, kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    earlier = order[np.maximum(place - rng.integers(1, 400, n), 0)]
    can = (calls.at[earlier] + 3 * MINUTE < calls.at) & flags(rng, n, share)
    return np.where(can, earlier, NO)


def _replay_sessions(accounts: Accounts, calls: Calls, rng: Rng) -> None:
    """Let each account send runs of calls a minute apart, with the stored turns of another product as history."""
    order = np.lexsort((calls.at, calls.account))
    turn = np.arange(len(order)) % 4
    head = order[np.arange(len(order)) - turn]
    same = calls.account[head] == calls.account[order]
    at = np.where(same, calls.at[head] + turn * MINUTE, calls.at[order])
    calls.at[order] = np.minimum(at, END - 1)
    calls.single[:] = False
    calls.foreign[:] = True
    accounts.history_share[:] = 0.9
    accounts.foreign_share[:] = 0.0


def _take_over(calls: Calls, bans: tuple[tuple[int, int], ...], rng: Rng) -> Calls:
    """Let one call in five fail, and return those that other accounts send in its place some minutes later."""
    until = dict(bans)
    ends = np.where(flags(rng, len(calls), 0.2), rng.choice([2, 3, REFUSED], len(calls)), NO)
    calls.ends = ends.astype(np.int64)
    rows = np.flatnonzero((calls.ends >= 0) & flags(rng, len(calls), 0.9))
    again = calls.take(rows)
    again.at = again.at + rng.integers(20 * SECOND, 6 * MINUTE, len(rows))
    workers = np.unique(calls.account)
    first = {int(a): int(calls.at[calls.account == a].min()) for a in workers}
    for place, at in enumerate(again.at.tolist()):
        free = [a for a in workers.tolist() if first[a] - HOUR <= at < until.get(a, END) and a != again.account[place]]
        again.account[place] = free[int(rng.integers(0, len(free)))] if free else again.account[place]
    again.ends[:] = NO
    again.quote[:] = NO
    again.replay[:] = NO
    return again


def _search(calls: Calls, rng: Rng) -> None:
    """Let the first third of the calls try sixty ways to ask, mostly refused, and all later ones use one of them."""
    order = np.argsort(calls.at, kind="stable")
    tried = order[: len(order) // 3]
    ways = numbers(rng, 60)
    winner = int(calls.template[0])
    calls.system[:] = 2
    calls.wrap[:] = 8
    calls.template[tried] = np.where(flags(rng, len(tried), 0.1), winner, ways[rng.integers(0, 60, len(tried))])
    calls.ends[tried[flags(rng, len(tried), 0.6)]] = REFUSED

