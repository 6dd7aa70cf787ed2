"""
Exact tests and intervals for two models that were put to the same items.

Of n items, `more` are those with an outcome for the second model only, `less` those with it for the first only. If both models
are equally good at every item, each of the more + less items is as likely to be one as the other (Q. McNemar, Psychometrika 12,
1947): the p-value is a binomial tail. All intervals cover with at least their level (C. Clopper, E. Pearson, Biometrika 26, 1934,
joined by Bonferroni's inequality): with few items they are wide, and that is what there is to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, binom, hypergeom

from stillhunt.trace.audit.attribution import holm_log10

Interval = tuple[float, float]
Table = tuple[int, int, int, int]
"""A two by two table: (a, b) of the first row, (c, d) of the second."""

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """
    Two models on the same `n` items: how many had the outcome with each, and with one only.

    `p_more` is the exact p-value against "no more with the second model than with the first", `difference` the second's share less
    the first's, `interval` covers it with at least `level`.
    """

    n: int
    first: int
    second: int
    more: int
    less: int
    p_more: float
    difference: float
    interval: Interval
    level: float


def paired(first: Sequence[bool], second: Sequence[bool], *, level: float = LEVEL) -> Paired:
    """Return the comparison of two models, item by item; both sequences are in the order of the items."""
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape:
        raise ValueError("two models were put to different items")
    more, less, n = int((~a & b).sum()), int((a & ~b).sum()), len(a)
    return Paired(
        n=n,
        first=int(a.sum()),
        second=int(b.sum()),
        more=more,
        less=less,
        p_more=sign_tail(more, more + less),
        difference=(more - less) / n if n else 0.0,
        interval=difference_interval(more, less, n, level=level),
        level=level,
    )


def sign_tail(k: int, n: int) -> float:
    """Return P(at least k heads in n throws of a fair coin)."""
    return float(min(1.0, binom.sf(k - 1, n, 0.5))) if n else 1.0


def share_interval(k: int, n: int, *, level: float = LEVEL) -> Interval:
    """Return Clopper and Pearson's interval of a share of k in n; without anything seen it is everything."""
    if not n:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.isf(tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def difference_interval(more: int, less: int, n: int, *, level: float = LEVEL) -> Interval:
    """
    Return an interval of the difference of two paired shares that covers with at least `level`.

    The difference is d (2q - 1), with d the share of items on which the models differ and q the share of these that the second
    has. Each gets an interval at half of what may be missed; q's holds whatever d is, so that both hold together.
    """
    half = (1 + level) / 2
    d_low, d_high = share_interval(more + less, n, level=half)
    q_low, q_high = share_interval(more, more + less, level=half)
    low, high = 2 * q_low - 1, 2 * q_high - 1
    return (low * (d_low if low > 0 else d_high), high * (d_high if high > 0 else d_low))


def stratified_tail(tables: Sequence[Table]) -> float:
    """
    Return the exact p-value that the first cells of several two by two tables add up to so much, with all margins fixed.

    Under independence within each table its first cell is hypergeometric; the sum is their convolution (as in the test of N. Mantel
    and W. Haenszel, JNCI 22, 1959, with its exact tail). One table is the exact test of R. Fisher.
    """
    law, offset, observed = np.ones(1), 0, 0
    for a, b, c, d in tables:
        total, row, column = a + b + c + d, a + b, a + c
        low, high = max(0, row + column - total), min(row, column)
        law = np.convolve(law, hypergeom.pmf(np.arange(low, high + 1), total, row, column))
        offset, observed = offset + low, observed + a
    return float(min(1.0, law[observed - offset :].sum()))


def smallest_seen(n: int, *, level: float, power: float = 0.8) -> float:
    """
    Return the smallest share of n items that, gained without any loss, would give p below `level` with that probability.

    A planning figure for what a negative could have missed; above 1 where no gain would have been seen.
    """
    need = math.ceil(-math.log2(level))
    if need > n:
        return math.inf
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if binom.sf(need - 1, n, middle) >= power else (middle, high)
    return high


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given."""
    with np.errstate(divide="ignore"):
        return [float(x) for x in 10.0 ** holm_log10(np.log10(np.array(p, dtype=np.float64)))]
