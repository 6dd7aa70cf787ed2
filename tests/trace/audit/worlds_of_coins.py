"""Scores of suspects that did or did not learn from what was served, as arrays."""

from __future__ import annotations

import numpy as np

from stillhunt.trace.audit.coin import CoinScores, coin_scores


def suspect(
    seed: int, n: int, *, k: int | tuple[int, int] = 4, gain: float = 0.0, accounts: int = 1, heavy: bool = False
) -> CoinScores:
    """
    Return scores of n exchanges; the served answer is likelier by `gain` standard deviations.

    Most of a score is what the answer is (shared with two references); `k` is the number of candidates or its range; `heavy`
    draws what is left from Student's t with two degrees of freedom.
    """
    rng = np.random.default_rng(seed)
    sizes = np.full(n, k) if isinstance(k, int) else rng.integers(k[0], k[1] + 1, n)
    served = rng.integers(0, sizes)
    scores, teacher, length = [], [], []
    for size, c in zip(sizes, served, strict=True):
        nature, long = rng.normal(0, 3, size), rng.integers(10, 60, size).astype(float)
        left = rng.standard_t(2, size) if heavy else rng.normal(0, 1, size)
        own = -60 + 1.1 * nature - 0.4 * long + left
        own[c] += gain
        scores.append(own)
        teacher.append(-50 + nature - 0.3 * long)
        length.append(long)
    return coin_scores(scores, served.tolist(), [teacher, length], account=[f"a{i % accounts}" for i in range(n)])
