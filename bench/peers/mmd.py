"""
An alarm on the traffic as a whole: is a day's text drawn from where the benign days' was (maximum mean discrepancy)?

    MMD²(X, Y) = mean k(x, x') + mean k(y, y') - 2 mean k(x, y),  k Gaussian with the median distance as its width

It names no account, so it has no precision or recall over accounts. It is given what no operator has: seven days known to be
free of campaigns. Each later day is then tested twice, with the campaigns' calls and without them.
Source: A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola, "A kernel two-sample test", JMLR 13 (2012); a window test of
this kind as an alarm for extraction: arXiv 2606.05725.
"""

from __future__ import annotations

import numpy as np
from log import Log

DAY_US = 86_400_000_000
SAMPLE = 500
SHUFFLES = 199
BENIGN_DAYS = 7


def p_value(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """Return the permutation p-value of MMD² between two samples."""
    both = np.concatenate([x, y])
    square = (both**2).sum(axis=1)
    distance = np.maximum(square[:, None] + square[None] - 2 * both @ both.T, 0)
    kernel = np.exp(-distance / np.median(distance[distance > 0]))
    sign = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
    seen = float(sign @ kernel @ sign)
    signs = np.stack([rng.permutation(sign) for _ in range(SHUFFLES)])
    null = ((signs @ kernel) * signs).sum(axis=1)
    return float((1 + (null >= seen).sum()) / (1 + SHUFFLES))


def alarms(log: Log) -> tuple[list[float], list[float]]:
    """Return the p-values of the later days, with the calls of campaigns and without them."""
    rng = np.random.default_rng([log.seed, 5])
    truth = dict(zip(log.truth["account_id"].to_pylist(), log.truth["is_campaign"].to_pylist(), strict=True))
    campaign = np.array([any(truth[a] for a in ids) for ids in log.accounts])[log.calls["owner"]]
    text = (log.calls["sketch"] != 0).any(axis=1)
    day = (log.calls["at_us"] - log.calls["at_us"].min()) // DAY_US

    def drawn(rows: np.ndarray) -> np.ndarray:
        taken = rng.choice(rows, min(SAMPLE, len(rows)), replace=False)
        sketch = log.calls["sketch"][taken].astype(np.float64)
        return sketch / np.linalg.norm(sketch, axis=1, keepdims=True)

    benign = np.flatnonzero(text & ~campaign & (day < BENIGN_DAYS))
    mixed, honest = [], []
    for later in range(BENIGN_DAYS, int(day.max()) + 1):
        mixed.append(p_value(drawn(benign), drawn(np.flatnonzero(text & (day == later))), rng))
        honest.append(p_value(drawn(benign), drawn(np.flatnonzero(text & ~campaign & (day == later))), rng))
    return mixed, honest
