"""
Key 2d, best of k: each prompt goes to the same number of accounts, as a dispenser does it and a crowd never does.

M_f is the number of accounts that sent prompt f. Accounts that choose from a pool on their own make M_f vary at least as
much as if all prompts were equally likely (popular ones only add to it); an operator that draws k answers from k
accounts makes M_f nearly constant. Statistic: the variance of M_f over the prompts seen. Null: every account draws as
many different prompts as it sent from a pool of equally likely ones, of the size that gives as many prompts in all.
An evaluation that everybody runs in full has M_f = n in the null as well, and is not rejected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.optimize import brentq

FEWEST_ACCOUNTS = 8
FEWEST_SHARED = 30
ENOUGH = 20
DRAWN = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiplicityTest:
    """The test: the most common number of accounts per shared prompt, its share, and the variance against the null."""

    p_value: float
    k: int
    share: float
    variance: float
    null: npt.NDArray[np.float64]
    prompts: int
    draws: int


@njit(cache=True, nogil=True)
def _draw(sizes, pool, observed, draws, enough, seed, keep):  # type: ignore[no-untyped-def]
    """Count draws in which the multiplicity varies at most as much as observed; keep the first few variances."""
    np.random.seed(seed)
    kept = np.zeros(keep)
    times = np.zeros(pool, dtype=np.int64)
    order = np.arange(pool)
    at_most, used = 0, 0
    for draw in range(draws):
        times[:] = 0
        for account in range(sizes.shape[0]):
            for k in range(sizes[account]):
                swap = k + np.random.randint(0, pool - k)
                order[k], order[swap] = order[swap], order[k]
                times[order[k]] += 1
        n, total, square = 0, 0, 0
        for f in range(pool):
            if times[f] > 0:
                n += 1
                total += times[f]
                square += times[f] * times[f]
        variance = square / n - (total / n) ** 2
        used += 1
        if draw < keep:
            kept[draw] = variance
        if variance <= observed:
            at_most += 1
        if at_most >= enough and draw + 1 >= keep:
            break
    return at_most, used, kept[: min(used, keep)]


def multiplicity_test(
    account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64], *, draws: int, seed: int
) -> MultiplicityTest | None:
    """
    Return the test of a set's distinct (account, prompt) pairs, or None when accounts share too few prompts.

    The number of draws is cut for large sets so that no test makes more than two hundred million picks.
    """
    sizes = np.unique(account, return_counts=True)[1].astype(np.int64)
    _, times = np.unique(fill, return_counts=True)
    if len(sizes) < FEWEST_ACCOUNTS or int((times >= 2).sum()) < FEWEST_SHARED or len(times) <= int(sizes.max()):
        return None
    pool = _pool(sizes, len(times))
    draws = max(999, min(draws, int(2e8 / (len(fill) + pool))))
    observed = float(times.var())
    at_most, used, kept = _draw(sizes, pool, observed + 1e-12, draws, ENOUGH, seed % 2**32, min(DRAWN, draws))
    shared = times[times >= 2]
    values, counts = np.unique(shared, return_counts=True)
    return MultiplicityTest(
        p_value=float(at_most / used if at_most >= ENOUGH else (at_most + 1) / (used + 1)),
        k=int(values[np.argmax(counts)]),
        share=float(counts.max() / len(shared)),
        variance=observed,
        null=kept,
        prompts=len(times),
        draws=int(used),
    )


def _pool(sizes: npt.NDArray[np.int64], seen: int) -> int:
    """Return the pool size F with F (1 - Π_i (1 - m_i / F)) = prompts seen."""

    def missing(pool: float) -> float:
        return pool * -float(np.expm1(np.log1p(-np.minimum(sizes / pool, 1 - 1e-12)).sum())) - seen

    low, high = float(max(seen, int(sizes.max()) + 1)), float(1000 * seen)
    if missing(low) >= 0:
        return int(np.ceil(low))
    if missing(high) <= 0:
        return int(high)
    return int(np.ceil(brentq(missing, low, high)))
