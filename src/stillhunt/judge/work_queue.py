"""
Key 2c, a de-duplicated queue: the accounts repeat each other less than users of the same template do.

Only inside a template that other customers use as well. X is the number of coincidences (two accounts, one prompt).
Null: other users of the template, matched on how many different prompts they sent, lend that many of theirs, and
each coincidence among them counts with probability `LEAST_SHARE`: honest members may repeat each other somewhat less than strangers
do. In a large set the least difference would be significant. Nobody
stands in for two members, because one user's prompts meet each other too often. Where there are not twice as many others
as members, the test looks at as many members, drawn at random, as half of the others.
Honest affinity (colleagues, classmates) makes X larger, so the test errs on the honest side. Others who are linked to
anybody are no reference. A set that asks for other things than the template's users do (its own project, say) repeats
neither them nor itself: unless the set's prompts meet theirs about as often as theirs meet each other, the test does
not run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

FEWEST_OTHERS = 30
FEWEST_EXPECTED = 3.0
SMALLEST_CROSS_RATE = 0.5
"""The set must meet the others' prompts at least this often, relative to how often those meet each other."""

LEAST_SHARE = 0.75
"""Honest members are assumed to repeat each other at least this often, relative to other users of the template."""

ENOUGH = 20
DRAWN = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueTest:
    """
    The test: observed coincidences, how many others of the template would have had on average, and the null draws.

    The null draws have the others' coincidences thinned to `LEAST_SHARE` of them.
    """

    p_value: float
    coincidences: int
    expected: float
    null: npt.NDArray[np.float64]
    others: int
    draws: int


@njit(cache=True, nogil=True)
def _lend(start, fills, n_fills, sizes, eligible_from, by_size, observed, share, draws, enough, seed, keep):  # type: ignore[no-untyped-def]
    """Count draws of reference users with at most the observed coincidences; keep the first few, and the mean before thinning."""
    np.random.seed(seed)
    kept = np.zeros(keep)
    seen = np.zeros(n_fills, dtype=np.int64)
    touched = np.zeros(sizes.sum(), dtype=np.int64)
    at_most, used, lent = 0, 0, 0.0
    n_others = by_size.shape[0]
    taken = np.zeros(n_others, dtype=np.int64)
    for draw in range(draws):
        n_touched, coincidences = 0, 0
        for member in range(sizes.shape[0]):
            m = sizes[member]
            first = eligible_from[member]
            at = first + np.random.randint(0, n_others - first)
            for _ in range(n_others - first):
                if taken[at] != draw + 1:
                    break
                at = at + 1 if at + 1 < n_others else first
            while taken[at] == draw + 1:
                # Nobody as busy is left: a less busy user lends fewer, which errs on the honest side.
                at = at - 1 if at > 0 else n_others - 1
            taken[at] = draw + 1
            user = by_size[at]
            a, b = start[user], start[user + 1]
            m = min(m, b - a)
            for k in range(m):
                swap = a + k + np.random.randint(0, b - a - k)
                fills[a + k], fills[swap] = fills[swap], fills[a + k]
                value = fills[a + k]
                coincidences += seen[value]
                seen[value] += 1
                touched[n_touched] = value
                n_touched += 1
        for k in range(n_touched):
            seen[touched[k]] = 0
        used += 1
        lent += coincidences
        thinned = np.random.binomial(coincidences, share)
        if draw < keep:
            kept[draw] = thinned
        if thinned <= observed:
            at_most += 1
        if at_most >= enough and draw + 1 >= keep:
            break
    return at_most, used, kept[: min(used, keep)], lent / used


def queue_test(
    account: npt.NDArray[np.int64],
    fill: npt.NDArray[np.uint64],
    other_account: npt.NDArray[np.int64],
    other_fill: npt.NDArray[np.uint64],
    *,
    draws: int,
    seed: int,
) -> QueueTest | None:
    """
    Return the test, or None when too few others use the template or coincidences are too rare to miss.

    `account`, `fill` are the set's distinct (account, prompt) pairs, `other_*` those of other users of the template.
    A member with more prompts than the busiest other is compared on as many as that one has.
    """
    others, sizes_of = np.unique(other_account, return_counts=True)
    if len(others) < FEWEST_OTHERS or not len(account):
        return None
    if _cross_rate(fill, other_account, other_fill) < SMALLEST_CROSS_RATE:
        return None
    account, fill = _some_members(account, fill, len(others) // 2, seed)
    order = np.argsort(other_account, kind="stable")
    _, dense = np.unique(other_fill[order], return_inverse=True)
    start = np.concatenate([[0], np.cumsum(sizes_of)]).astype(np.int64)
    by_size = np.argsort(sizes_of, kind="stable").astype(np.int64)
    sorted_sizes = sizes_of[by_size]
    largest = int(sorted_sizes[max(0, len(others) - FEWEST_OTHERS // 3)])
    account, fill = _first(account, fill, largest, seed)
    sizes = np.unique(account, return_counts=True)[1].astype(np.int64)
    eligible = np.searchsorted(sorted_sizes, sizes, side="left").astype(np.int64)
    _, users = np.unique(fill, return_counts=True)
    observed = int((users * (users - 1) // 2).sum())
    at_most, used, kept, expected = _lend(
        start, dense.astype(np.int64), int(dense.max()) + 1, sizes, eligible, by_size, observed,
        LEAST_SHARE, draws, ENOUGH, seed % 2**32, min(DRAWN, draws),
    )  # fmt: skip
    if expected < FEWEST_EXPECTED:
        return None
    p_value = at_most / used if at_most >= ENOUGH else (at_most + 1) / (used + 1)
    return QueueTest(
        p_value=float(p_value), coincidences=observed, expected=float(expected), null=kept, others=len(others), draws=int(used)
    )


def _cross_rate(
    fill: npt.NDArray[np.uint64], other_account: npt.NDArray[np.int64], other_fill: npt.NDArray[np.uint64]
) -> float:
    """Return how often a prompt of the set meets one of the others, relative to one of another of the others."""
    values, users = np.unique(other_fill, return_counts=True)
    n = float(len(other_fill))
    own = np.unique(other_account, return_counts=True)[1].astype(np.float64)
    among = float((users * (users - 1.0)).sum()) / max(n * n - float((own**2).sum()), 1.0)
    at = np.minimum(np.searchsorted(values, fill), len(values) - 1)
    across = float(np.where(values[at] == fill, users[at], 0).sum()) / (n * len(fill))
    return across / among if among > 0 else 0.0


def _some_members(
    account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64], most: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Keep the prompts of at most `most` accounts, chosen at random."""
    ids = np.unique(account)
    if len(ids) <= most:
        return account, fill
    keep = np.isin(account, np.random.default_rng([seed, 5]).permutation(ids)[:most])
    return account[keep], fill[keep]


def _first(
    account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64], most: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Keep at most `most` prompts of each account, chosen at random."""
    rng = np.random.default_rng([seed, 3])
    order = np.lexsort((rng.random(len(account)), account))
    account, fill = account[order], fill[order]
    start = np.searchsorted(account, account, side="left")
    keep = np.arange(len(account)) - start < most
    return account[keep], fill[keep]
