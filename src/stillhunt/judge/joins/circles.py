"""
Circles of partners: do the members of a set pass things on at random, or each within a small circle?

Honest people who pass work on have partners: the colleague whose conversation they resume, the account they moved from, the
spare account of their own. An operator's accounts are hands: whatever one was given, any other sends back. Each taker's
things come from givers. H0: the givers of each taker form a circle of at most c. Of m things drawn from a circle, the number
of repeats (things from a giver seen before) is smallest, stochastically, when all c are drawn alike (the number of distinct
values is Schur-concave: A. Marshall, I. Olkin, B. Arnold, "Inequalities: Theory of Majorization and Its Applications",
chapter 12), so

    P(repeats ≤ r)  ≤  P(Σ_i (m_i - K_i) ≤ r),   K_i distinct values among m_i uniform draws from c

bounds the p-value exactly, whatever the circles. Of each taker only the first `MOST_EACH` things count, and one taker that
serves everybody (a support desk, a grader) is one taker among many: no account decides alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_EACH = 4
FEWEST_TAKERS = 5
"""Takers with two things or more, at least, for the test to run."""

SMALLEST_P = 1e-6
"""Things of one taker are not quite independent of each other: no smaller p-value is claimed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CircleTest:
    """The test: takers and things counted, repeats seen, the size of circle allowed, and the null's mass at 0, 1, … repeats."""

    p_value: float
    takers: int
    things: int
    repeats: int
    circle: int
    null: npt.NDArray[np.float64]


def circle_test(
    giver: npt.NDArray[np.int64], taker: npt.NDArray[np.int64], *, circle: int
) -> CircleTest | None:
    """
    Return the test of some things, ordered by when they were taken; None with too few takers.

    `giver` and `taker` number the accounts. Things that are handed to oneself are to be left out before.
    """
    order = np.argsort(taker, kind="stable")
    starts = np.flatnonzero(np.diff(taker[order], prepend=-1) != 0)
    counts, repeats = np.zeros(MOST_EACH + 1, dtype=np.int64), 0
    for givers in np.split(giver[order], starts[1:]) if len(starts) else []:
        first = givers[:MOST_EACH].tolist()
        if len(first) >= 2:
            counts[len(first)] += 1
            repeats += len(first) - len(set(first))
    if int(counts.sum()) < FEWEST_TAKERS:
        return None
    null = sum_of([(_repeats(m, circle), int(counts[m])) for m in range(2, MOST_EACH + 1)])
    return CircleTest(
        p_value=float(min(1.0, max(SMALLEST_P, null[: repeats + 1].sum()))),
        takers=int(counts.sum()),
        things=int((counts * np.arange(MOST_EACH + 1)).sum()),
        repeats=repeats,
        circle=circle,
        null=null,
    )


def sum_of(parts: Sequence[tuple[npt.NDArray[np.float64], int]]) -> npt.NDArray[np.float64]:
    """
    Return the distribution of a sum of independent counts: each distribution on 0, 1, …, with how many there are of it.

    By the product of their transforms; what is below 1e-12 is rounding.
    """
    size = 1 + sum(times * (len(mass) - 1) for mass, times in parts)
    product = np.ones(size // 2 + 1, dtype=np.complex128)
    for mass, times in parts:
        product *= np.fft.rfft(mass, size) ** times
    found: npt.NDArray[np.float64] = np.clip(np.fft.irfft(product, size), 0.0, 1.0)
    return found


def _repeats(m: int, c: int) -> npt.NDArray[np.float64]:
    """Return the probabilities of 0 … m-1 repeats among m uniform draws from c."""
    distinct = np.zeros(m + 1)
    distinct[0] = 1.0
    for _ in range(m):
        k = np.arange(m + 1)
        stay, grow = distinct * k / c, distinct * np.maximum(c - k, 0) / c
        distinct = stay
        distinct[1:] += grow[:-1]
    return distinct[:0:-1]
