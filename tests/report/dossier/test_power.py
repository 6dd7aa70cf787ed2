"""Power is what simulation gives, and exact intervals are exact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats import t as student

from stillhunt.model import NullDistribution
from stillhunt.report.dossier.power import ALPHA, clopper_pearson, interchange_power, interchange_reach, lower_point


def test_power_is_how_often_simulated_workers_are_seen() -> None:
    """Of 20,000 simulated pools with coherence zero, as many fall below the reach as the power says."""
    rng = np.random.default_rng(4)
    rho0, se, n = 0.05, 0.025, 20
    t = (rng.normal(0, se, 20_000) - rho0) / (se * np.sqrt(rng.chisquare(n - 1, 20_000) / (n - 1)))
    seen = float((t < student.ppf(ALPHA, n - 1)).mean())
    assert interchange_power(rho0, se, n) == pytest.approx(seen, abs=0.03)
    assert interchange_reach(rho0, se, n) == pytest.approx(rho0 + student.ppf(0.05, n - 1) * se)


def test_the_lower_point_leaves_one_twentieth_below() -> None:
    """In a histogram of one hundred equal bins, the point lies after five of them."""
    null = NullDistribution(label="x", edges=tuple(map(float, range(101))), counts=(7,) * 100, observed=0.0)
    assert lower_point(null) == pytest.approx(5.0)


def test_clopper_and_pearson_leave_half_the_error_at_each_end() -> None:
    """At its upper end so few hits, at its lower end so many, have probability 2.5 %."""
    low, high = clopper_pearson(3, 50)
    assert binom.cdf(3, 50, high) == pytest.approx(0.025)
    assert binom.sf(2, 50, low) == pytest.approx(0.025)
    assert clopper_pearson(0, 50)[0] == 0.0
    assert clopper_pearson(50, 50)[1] == 1.0
