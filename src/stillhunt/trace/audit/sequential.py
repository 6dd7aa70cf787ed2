"""
The coin test as a game that may stop at any time, and that may use every turn of a conversation.

For exchange i in the order of time, E_i(l) = e^{l u_{i,c_i}} / ((1/k) Σ_j e^{l u_ij}). Whatever l and u were chosen before the
coin, its mean over the coin is 1, so that ∏ E_i is a test martingale and P(it ever reaches 1/α) ≤ α (J. Ville, 1939; see
A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, Statistical Science 38, 2023). Everything that u depends on (the coefficients of
the references, the scale) comes from earlier exchanges alone: later prompts may quote earlier served answers, which is also
why their candidates must not be looked at before their time.

Two ways to choose l: `mixture` averages the capital over a grid; `predictable` bets with the l that would have won most so far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import logsumexp

from stillhunt.trace.audit.coin import CoinScores, padded, within_sets
from stillhunt.trace.audit.null_sum import LOG10, Floats

GRID = 0.05 * 2.0 ** np.arange(0.0, 6.25, 0.5)
"""Values of l in units of one over the residuals' standard deviation so far: from a shy to a bold bet."""

WARM_UP = 8
"""Exchanges that only set the scale: nothing is bet on them."""

RIDGE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class EProcess:
    """The logarithm (base 10) of the capital after each exchange; `stopped` is the count at which it first reached 1/alpha."""

    log10: Floats
    alpha: float
    stopped: int | None

    @property
    def e_log10(self) -> float:
        """The capital at the end, which is an e-value."""
        return float(self.log10[-1]) if len(self.log10) else 0.0

    @property
    def p_log10(self) -> float:
        """The anytime-valid p-value: one over the largest capital so far."""
        return min(0.0, -float(self.log10.max(initial=0.0)))


def e_process(
    scores: CoinScores, *, alpha: float = 1e-5, bet: Literal["mixture", "predictable"] = "mixture"
) -> EProcess:
    """Return the test martingale over the exchanges in the order in which they stand."""
    n = len(scores)
    if not n:
        return EProcess(log10=np.empty(0), alpha=alpha, stopped=None)
    table, weight = padded(scores, predictable_residuals(scores))
    scale = _scale_before(table, weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.where(scale[:, None] > 0, table / scale[:, None], 0.0)
    u[:WARM_UP] = 0.0
    won = u[np.arange(n), scores.served]
    bets = np.stack([lam * won - logsumexp(lam * u, b=weight, axis=1) for lam in GRID], axis=1)
    capital = np.cumsum(bets, axis=0)
    if bet == "mixture":
        log10 = (logsumexp(capital, axis=1) - math.log(len(GRID))) / LOG10
    else:
        before = np.vstack([np.zeros(len(GRID)), capital[:-1]])
        log10 = np.cumsum(bets[np.arange(n), before.argmax(axis=1)]) / LOG10
    reached = np.flatnonzero(log10 >= -math.log10(alpha))
    return EProcess(log10=log10, alpha=alpha, stopped=int(reached[0]) + 1 if len(reached) else None)


def predictable_residuals(scores: CoinScores) -> Floats:
    """Return residuals within sets whose coefficients were fitted on earlier sets alone."""
    s, r = within_sets(scores, scores.score), within_sets(scores, scores.references)
    width = r.shape[1]
    if not width:
        return s
    first = scores.start[:-1]
    gram = np.cumsum(np.add.reduceat(r[:, :, None] * r[:, None, :], first, axis=0), axis=0)
    cross = np.cumsum(np.add.reduceat(r * s[:, None], first, axis=0), axis=0)
    before_gram = np.concatenate([np.zeros((1, width, width)), gram[:-1]])
    before_cross = np.concatenate([np.zeros((1, width)), cross[:-1]])
    diagonal = np.einsum("njj->nj", before_gram)
    unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = before_gram / (unit[:, :, None] * unit[:, None, :]) + RIDGE * np.eye(width)
    b = np.linalg.solve(scaled, (before_cross / unit)[:, :, None])[:, :, 0] / unit
    b[:WARM_UP] = 0.0
    return np.asarray(s - (r * np.repeat(b, np.diff(scores.start), axis=0)).sum(axis=1))


def _scale_before(table: Floats, weight: Floats) -> Floats:
    """Return the root mean square of the residuals of all earlier exchanges that were fitted, 0 for the first."""
    square = (weight * table**2).sum(axis=1)
    square[: WARM_UP // 2] = 0.0
    count = np.maximum(np.arange(len(table)) - WARM_UP // 2, 1)
    return np.asarray(np.sqrt(np.concatenate([[0.0], np.cumsum(square)[:-1]]) / count))
