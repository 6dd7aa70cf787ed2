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
    counts, repeats = [], 0
    for one in np.unique(taker):
        givers = giver[taker == one][:MOST_EACH]
        if len(givers) >= 2:
            counts.append(len(givers))
            repeats += len(givers) - len(np.unique(givers))
    if len(counts) < FEWEST_TAKERS:
        return None
    null = np.ones(1)
    for m in counts:
        null = np.convolve(null, _repeats(m, circle))
    return CircleTest(
        p_value=float(min(1.0, max(SMALLEST_P, null[: repeats + 1].sum()))),
        takers=len(counts),
        things=sum(counts),
        repeats=repeats,
        circle=circle,
        null=null,
    )


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
