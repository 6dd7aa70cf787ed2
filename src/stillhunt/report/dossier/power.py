"""
What each test could have shown: the effect from which it would have spoken, and how likely it was to.

    interchange  rejects when (ρ̂ - ρ₀) / se < t_α; against workers with ρ = 0 its power is P(T < t_α + ρ₀ / se)
    clock        rejects when the variance ratio falls below the α point of its null
    queue        rejects when coincidences fall to the α point of its null or below; power is 1 when zero would reject

α is one twentieth: each test by itself, before the corrections that the whole rule makes.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import beta
from scipy.stats import t as student

from stillhunt.model import NullDistribution

ALPHA = 0.05


def interchange_power(rho0: float, standard_error: float, accounts: int) -> float:
    """Return the chance that the interchange test speaks when workers are interchangeable."""
    df = accounts - 1
    return float(student.cdf(student.ppf(ALPHA, df) + rho0 / max(standard_error, 1e-12), df))


def interchange_reach(rho0: float, standard_error: float, accounts: int) -> float:
    """Return the subject coherence below which the interchange test would have spoken."""
    return float(rho0 + student.ppf(ALPHA, accounts - 1) * standard_error)


def lower_point(null: NullDistribution) -> float:
    """Return the value below which `ALPHA` of a null falls, interpolated in its histogram."""
    counts = np.asarray(null.counts, dtype=np.float64)
    below = np.concatenate([[0.0], np.cumsum(counts)]) / max(counts.sum(), 1.0)
    return float(np.interp(ALPHA, below, np.asarray(null.edges)))


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """
    Return the exact interval of a rate.

    Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
    """
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high
