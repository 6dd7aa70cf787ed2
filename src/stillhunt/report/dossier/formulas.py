"""
Formulas by which a number of a dossier follows from others: a recipe `upper(n3, n4)` names one and the lines it takes.

Whoever checks a dossier can compute these without the bundle; the dossier and `verify` use the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from scipy.stats import binom

from stillhunt.report.dossier.likelihood import ratio
from stillhunt.report.dossier.power import clopper_pearson, interchange_power, interchange_reach


def _upper(hits: float, trials: float, confidence: float = 0.95) -> float:
    return clopper_pearson(int(hits), int(trials), confidence)[1]


def _fair_coin(heads: float, tosses: float) -> float:
    """Return the chance of so many heads or more."""
    return float(binom.sf(int(heads) - 1, int(tosses), 0.5))


def _likelihood(end: int) -> Callable[..., float]:
    def of(k1: float, n1: float, k0: float, n0: float) -> float:
        return ratio((int(k1), int(n1)), (int(k0), int(n0)))[end]

    return of


FORMULAS: Mapping[str, Callable[..., float]] = {
    "difference": lambda a, b: a - b,
    "inverse": lambda a: 1 / max(a, 1e-300),
    "sum": lambda *a: math.fsum(a),
    "upper": _upper,
    "fair_coin": _fair_coin,
    "reach": lambda rho0, se, accounts: interchange_reach(rho0, se, int(accounts)),
    "power": lambda rho0, se, accounts: interchange_power(rho0, se, int(accounts)),
    "likelihood": _likelihood(0),
    "likelihood_low": _likelihood(1),
    "likelihood_high": _likelihood(2),
}
"""The formula of a recipe, by name."""
