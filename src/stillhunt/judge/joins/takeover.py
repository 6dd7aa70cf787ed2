"""
Takeover: what one account was refused, another sends within minutes.

A call of account A fails (blocked, rate limited, refused); within `WITHIN_US` another account B of the set sends the same
prompt, for the first time. People who work through shared material do that too, but not because A failed. So a failed
call is compared with the calls that the same account made just before and after it:

    H0, first part: among `BLOCK` calls in a row of one account, failing and being followed by another account are
    independent (the exact test over strata; W. Cochran, "Some methods for strengthening the common χ² tests",
    Biometrics 10, 1954).
    H0, second part: what follows a failure comes from a circle of at most `OWN_ACCOUNTS`: the spare accounts of one person.

Both must be rejected: the p-value is the larger one (an intersection-union test; R. Berger, "Multiparameter hypothesis
testing and acceptance sampling", Technometrics 24, 1982). An outage, or a ban after which nothing is served, makes calls in
a row fail alike, and then says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from stillhunt.judge.joins.circles import SMALLEST_P, CircleTest, circle_test, sum_of

WITHIN_US = 10 * 60 * 1_000_000
BLOCK = 4
OWN_ACCOUNTS = 3
"""Accounts that one person falls back on, at most, in the innocent explanation."""

FEWEST_FAILED = 8
"""Failed calls with a prompt, at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Takeovers:
    """
    What the test counts.

    `blocks` (5, kinds) has the kinds of blocks there are: calls, failed, followed, both, and how many blocks are of the kind.
    `giver` took over from `taker` (failed calls taken over, by account and time), both as accounts.
    """

    blocks: npt.NDArray[np.int64]
    giver: npt.NDArray[np.int64]
    taker: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeoverTest:
    """
    The test, with what it counted: failed calls, how many of them another account took over, and the same of other calls.

    `null` is the mass of the number taken over at 0, 1, …; `rows` are the positions of the failed calls taken over. `counts` is
    all that the test depends on.
    """

    p_value: float
    failed: int
    taken_over: int
    served: int
    followed: int
    null: npt.NDArray[np.float64]
    circle: CircleTest
    rows: npt.NDArray[np.int64]
    counts: Takeovers


def takeover_test(
    account: npt.NDArray[np.int64],
    at_us: npt.NDArray[np.int64],
    prompt: npt.NDArray[np.uint64],
    failed: npt.NDArray[np.bool_],
) -> TakeoverTest | None:
    """
    Return the test of a strand's calls, in any order; None when there are too few failures or takers.

    1. Find, for each call, the first call of the same prompt by another account that had not sent it before.
    2. Exact test over blocks of calls in a row.
    3. Circles of those who took over.
    """
    has = prompt != 0
    rows = np.flatnonzero(has)
    account, at_us, prompt, failed = account[has], at_us[has], prompt[has], failed[has]
    if int(failed.sum()) < FEWEST_FAILED:
        return None
    follower = _followers(account, at_us, prompt)                                          # 1.
    followed = follower >= 0
    order = np.lexsort((at_us, account))
    order = order[(failed & followed)[order]]
    counts = Takeovers(
        blocks=_kinds(_blocks(account, at_us), failed, followed), giver=account[follower[order]], taker=account[order]
    )
    return takeover_of(counts, rows[order])                                                # 2. 3.


def takeover_of(counts: Takeovers, rows: npt.NDArray[np.int64]) -> TakeoverTest | None:
    """Return the test of what was counted; `rows` are the positions of the failed calls taken over. None with too few takers."""
    calls, failed, followed, both, times = counts.blocks
    null = _strata(counts.blocks)
    taken_over = int((both * times).sum())
    circle = circle_test(counts.giver, counts.taker, circle=OWN_ACCOUNTS)
    if circle is None or not len(null):
        return None
    return TakeoverTest(
        p_value=float(min(1.0, max(SMALLEST_P, null[taken_over:].sum(), circle.p_value))),
        failed=int((failed * times).sum()),
        taken_over=taken_over,
        served=int(((calls - failed) * times).sum()),
        followed=int(((followed - both) * times).sum()),
        null=null,
        circle=circle,
        rows=rows,
        counts=counts,
    )


def _followers(
    account: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64], prompt: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return for each call the position of the call that follows it within the time allowed, -1 for none."""
    order = np.lexsort((at_us, account, prompt))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (prompt[order][1:] != prompt[order][:-1]) | (account[order][1:] != account[order][:-1])
    first = np.zeros(len(order), dtype=bool)
    first[order[new]] = True
    order = np.lexsort((account, ~first, at_us, prompt))
    firsts = np.flatnonzero(first[order])
    place = np.searchsorted(firsts, np.arange(len(order)), side="right")
    after = order[firsts[np.minimum(place, len(firsts) - 1)]]
    lag = at_us[after] - at_us[order]
    # The next first call of a prompt is by another account: the call at hand is, or comes after, the first of its own.
    follows = (place < len(firsts)) & (prompt[after] == prompt[order]) & (lag > 0) & (lag <= WITHIN_US)
    out = np.full(len(account), -1, dtype=np.int64)
    out[order[follows]] = after[follows]
    return out


def _blocks(account: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each call the number of its block: `BLOCK` calls in a row of one account."""
    order = np.lexsort((at_us, account))
    starts = np.flatnonzero(np.concatenate([[True], account[order][1:] != account[order][:-1]]))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    new = place % BLOCK == 0
    out = np.empty(len(order), dtype=np.int64)
    out[order] = np.cumsum(new) - 1
    return out


def _kinds(
    stratum: npt.NDArray[np.int64], failed: npt.NDArray[np.bool_], followed: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the kinds of strata, (5, kinds): calls, failed, followed, both, and how many are of the kind."""
    _, place = np.unique(stratum, return_inverse=True)
    marks = (failed, followed, failed & followed)
    shape = np.stack([np.bincount(place), *(np.bincount(place, weights=mark) for mark in marks)]).astype(np.int64)
    kinds, times = np.unique(shape, axis=1, return_counts=True)
    return np.concatenate([kinds, times[None].astype(np.int64)])


def _strata(blocks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the distribution of the number of calls that failed and were followed, given the margins of each stratum."""
    margins, at = np.unique(blocks[:3, (blocks[1] > 0) & (blocks[2] > 0)], axis=1, return_inverse=True)
    times = np.bincount(at.ravel(), weights=blocks[4, (blocks[1] > 0) & (blocks[2] > 0)]).astype(np.int64)
    return sum_of([(_hypergeometric(n, f, g), t) for (n, f, g), t in zip(margins.T.tolist(), times.tolist(), strict=True)])


def _hypergeometric(n: int, failed: int, followed: int) -> npt.NDArray[np.float64]:
    """Return the probabilities of 0 … min(failed, followed) calls that are both, of n calls."""
    mass: npt.NDArray[np.float64] = hypergeom.pmf(np.arange(min(failed, followed) + 1), n, failed, followed)
    return mass
