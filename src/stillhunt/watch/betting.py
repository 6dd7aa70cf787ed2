"""
From the p-value of each block of days to evidence that may be read at any time.

Under the null, given all that came before a block, its p-value is at or above uniform: P(p ≤ u | before) ≤ u. A calibrator
f with ∫ f(p) dp ≤ 1, decreasing, makes a bet of it: E[f(p) | before] ≤ 1. The product over blocks is then a test
supermartingale, and by Ville's inequality (J. Ville, "Étude critique de la notion de collectif", 1939)

    P(the product ever reaches 1/α) ≤ α.

So it may be read after each block, and stopping for whatever reason keeps the level. The calibrator is the mixture of all
κ p^(κ-1) over κ in (0, 1), f(p) = (1 - p + p ln p) / (p (ln p)²), which needs no guess of how small p-values will be (V. Vovk,
R. Wang, "E-values: calibration, combination and applications", Annals of Statistics 49, 2021, equation 2).

Sets are reported by e-BH (R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS-B 84, 2022): its level holds
under any dependence between the sets, and at any time at which all are read together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEAST = 1e-12
"""A p-value below this counts as this: no test here can tell."""


def bet(p_value: float) -> float:
    """Return the natural logarithm of what a block pays: between log 1/2, for p = 1, and about 20."""
    p = min(1.0, max(LEAST, p_value))
    log = math.log(p)
    if log > -1e-3:
        return math.log(0.5 - log / 6)
    return math.log((1 - p + p * log) / (p * log * log))


def shown(e_log10: Sequence[float], level: float) -> npt.NDArray[np.bool_]:
    """
    Return which sets e-BH reports at a level, from the log10 of their e-values.

    The k largest are reported, for the largest k of which each is at least n / (k level).
    """
    values = np.asarray(e_log10, dtype=np.float64)
    n = len(values)
    if not n:
        return np.zeros(0, dtype=bool)
    order = np.argsort(-values, kind="stable")
    needed = math.log10(n / level) - np.log10(np.arange(1, n + 1))
    passes = np.flatnonzero(values[order] >= needed)
    out = np.zeros(n, dtype=bool)
    out[order[: passes[-1] + 1 if len(passes) else 0]] = True
    return out
