"""
Unserved histories: conversations sent back with answers that this provider never gave.

Who stores the sessions of another product and replays them sends histories whose assistant turns were served by somebody
else. So do honest customers: one that moves from another vendor, an evaluation on logged conversations, an app that edits or
shortens its turns; and at the beginning of a log, everybody, because what was served before it is not in it. Therefore:

1. A turn counts as served when this provider gave at least `KNOWN` of its marks to anybody: edits and cuts leave most.
2. How many turns are known at each time since the log began is estimated from the accounts outside all linked sets (the
   coverage of the log). Times at which the log is still too young are left out; of the rest, an account's excess is the
   share of its unserved turns beyond what coverage leads one to expect.
3. The set's mean excess is compared with that of as many accounts from outside, drawn at random among those with about as
   many histories (p by resampling).

It says that a set is unusual among customers, not that one operator runs it: a company that has just moved looks the same.
So this is an indicator, and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

KNOWN = 0.34
"""A turn was served when at least this share of its marks was."""

FEWEST_MARKS = 2
FEWEST_TURNS = 20
FEWEST_ACCOUNTS = 5
FEWEST_OUTSIDE = 20
COVERAGE_BINS = 40
"""Parts of the log, with equally many turns outside, in which its coverage is estimated."""

MOST_EACH = 50
"""Turns of one account that count as its number of histories when accounts are matched, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """The last answers of histories: who sent each, how long after the log began, and whether it was served (n,)."""

    owner: npt.NDArray[np.int64]
    since_us: npt.NDArray[np.int64]
    served: npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnservedTest:
    """The test: turns and accounts looked at, unserved ones, how many were expected from coverage, and draws of the mean excess."""

    p_value: float
    accounts: int
    turns: int
    unserved: int
    expected: float
    excess: float
    null: npt.NDArray[np.float64]
    counts: Histories


@dataclass(frozen=True, kw_only=True, slots=True)
class Histories:
    """
    What the test counts, account by account.

    Of the set: `turns`, how many of them were `unserved`, how many were `expected` to be. Of accounts outside: `others`, how many
    turns, ascending, and their mean `excess`.
    """

    turns: npt.NDArray[np.int64]
    unserved: npt.NDArray[np.int64]
    expected: npt.NDArray[np.float64]
    others: npt.NDArray[np.int64]
    excess: npt.NDArray[np.float64]


def unserved_test(inside: Turns, outside: Turns, *, draws: int, seed: int) -> UnservedTest | None:
    """
    Return the test of a set's turns against those of accounts outside, or None when there are too few of either.

    1. Coverage: the share of turns outside that are unserved, by time since the log began; leave out what is too early.
    2. Each account's mean excess over the coverage.
    3. Draw as many accounts from outside, each among those with about as many turns, with replacement.
    """
    if len(np.unique(outside.owner)) < FEWEST_OUTSIDE:
        return None
    edges = np.quantile(outside.since_us, np.linspace(0, 1, COVERAGE_BINS + 1)[1:-1])      # 1.
    rate = _coverage(outside, edges)
    settled = edges[rate.too_early - 1] if rate.too_early else 0
    inside, outside = (_since(turns, settled) for turns in (inside, outside))
    ids, turns = np.unique(inside.owner, return_counts=True)
    others, others_turns = np.unique(outside.owner, return_counts=True)
    if len(inside.owner) < FEWEST_TURNS or len(ids) < FEWEST_ACCOUNTS or len(others) < FEWEST_OUTSIDE:
        return None
    expected = rate.missing[np.searchsorted(edges, inside.since_us)]
    others_expected = rate.missing[np.searchsorted(edges, outside.since_us)]
    order = np.argsort(others_turns, kind="stable")                                        # 2.
    _, place = np.unique(inside.owner, return_inverse=True)
    counts = Histories(
        turns=turns.astype(np.int64),
        unserved=np.bincount(place, weights=~inside.served).astype(np.int64),
        expected=np.bincount(place, weights=expected).astype(np.float64),
        others=others_turns[order].astype(np.int64),
        excess=_mean_by(outside.owner, ~outside.served - others_expected)[order],
    )
    return unserved_of(counts, draws=draws, seed=seed)                                     # 3.


def unserved_of(counts: Histories, *, draws: int, seed: int) -> UnservedTest:
    """Return the test of what was counted."""
    rng = np.random.default_rng([seed, 31])
    sizes = np.minimum(counts.others, MOST_EACH)
    null = np.zeros(draws)
    for m in np.minimum(counts.turns, MOST_EACH).tolist():
        low, high = _alike(sizes, m)
        null += counts.excess[rng.integers(low, high, draws)]
    null /= len(counts.turns)
    excess = float(((counts.unserved - counts.expected) / counts.turns).mean())
    return UnservedTest(
        p_value=float((1 + (null >= excess).sum()) / (draws + 1)),
        accounts=len(counts.turns),
        turns=int(counts.turns.sum()),
        unserved=int(counts.unserved.sum()),
        expected=float(counts.expected.sum()),
        excess=excess,
        null=null,
        counts=counts,
    )


@dataclass(frozen=True, slots=True)
class _Coverage:
    """The share of turns missing in each part of the log, and how many parts are too early to be looked at."""

    missing: npt.NDArray[np.float64]
    too_early: int


def _coverage(outside: Turns, edges: npt.NDArray[np.float64]) -> _Coverage:
    """
    Return the coverage; too early is every part up to the last in the first half that misses clearly more than the second.

    Clearly: beyond the largest share that any part of the second half misses.
    """
    place = np.searchsorted(edges, outside.since_us)
    counts = np.bincount(place, minlength=COVERAGE_BINS)
    missing = (np.bincount(place, weights=~outside.served, minlength=COVERAGE_BINS) + 0.5) / (counts + 1.0)
    half = COVERAGE_BINS // 2
    early = np.flatnonzero(missing[:half] > missing[half:].max())
    return _Coverage(missing, int(early.max()) + 1 if len(early) else 0)


def _since(turns: Turns, settled_us: float) -> Turns:
    """Return the turns from a moment on."""
    kept = turns.since_us > settled_us
    return Turns(owner=turns.owner[kept], since_us=turns.since_us[kept], served=turns.served[kept])


def _alike(sizes: npt.NDArray[np.int64], m: int) -> tuple[int, int]:
    """Return the range of positions in ascending sizes that are within a factor of two of m, widened to twenty at least."""
    low, high = int(np.searchsorted(sizes, m / 2)), int(np.searchsorted(sizes, 2 * m, side="right"))
    missing = FEWEST_OUTSIDE - (high - low)
    if missing > 0:
        low = max(0, low - missing)
        high = min(len(sizes), max(high, low + FEWEST_OUTSIDE))
        low = max(0, high - FEWEST_OUTSIDE)
    return low, high


def _mean_by(owner: npt.NDArray[np.int64], value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of the values of each owner, owners ascending."""
    _, place, counts = np.unique(owner, return_inverse=True, return_counts=True)
    means: npt.NDArray[np.float64] = np.bincount(place, weights=value) / counts
    return means
