"""The tail of a sum whose law we made: exact, bounded, and as an e-value."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from stillhunt.trace.audit.null_sum import (
    NullSum,
    chernoff_log10,
    exact_log10,
    lattice,
    mixture_log10,
    redrawn,
    tail,
)


def enumerated(law: NullSum, observed: float) -> float:
    """Return P(T ≥ observed) by going through all outcomes."""
    rows = [list(zip(v, w, strict=True)) for v, w in zip(law.value, law.weight, strict=True)]
    return sum(
        float(np.prod([w for _, w in way])) for way in product(*rows) if sum(v for v, _ in way) >= observed - 1e-9
    )


@pytest.mark.parametrize("k", range(2, 9))
def test_exact_tail_is_what_enumeration_gives(k: int) -> None:
    """For every number of candidates the exact tail agrees with going through all outcomes, from one end to the other."""
    rng = np.random.default_rng(k)
    law = NullSum(value=np.rint(rng.normal(0, 9, (4, k))), weight=np.full((4, k), 1 / k))
    low, high = law.value.min(axis=1).sum(), law.value.max(axis=1).sum()
    for observed in np.linspace(low, high, 9).round():
        assert 10 ** exact_log10(law, observed) == pytest.approx(enumerated(law, observed), rel=1e-9)
    assert exact_log10(law, high + 1) == -np.inf


def test_exact_tail_keeps_its_digits_far_out() -> None:
    """The tail of a thousand fair coins agrees with the binomial to nine digits at p = 1e-60."""
    law = NullSum(value=np.tile([0.0, 1.0], (1000, 1)), weight=np.full((1000, 2), 0.5))
    assert exact_log10(law, 760) == pytest.approx(binom.logsf(759, 1000, 0.5) / np.log(10), rel=1e-9)


def test_uneven_weights_and_long_rows_are_exact_too() -> None:
    """A row of many equal values, or of unequal weights, has the same tail as its collapsed form."""
    long = NullSum(value=np.tile(np.repeat([0.0, 3.0], 40), (6, 1)), weight=np.full((6, 80), 1 / 80))
    uneven = NullSum(value=np.tile([0.0, 3.0], (6, 1)), weight=np.tile([0.3, 0.7], (6, 1)))
    assert 10 ** exact_log10(long, 12) == pytest.approx(binom.sf(3, 6, 0.5))
    assert 10 ** exact_log10(uneven, 12) == pytest.approx(binom.sf(3, 6, 0.7))


@pytest.mark.parametrize("seed", range(6))
def test_bound_is_above_the_exact_tail(seed: int) -> None:
    """The Chernoff bound is never below the exact tail, and within two decades of it at five standard deviations."""
    rng = np.random.default_rng(seed)
    raw, weight = rng.standard_t(3, (200, 4)), np.full((200, 4), 0.25)
    law = NullSum(value=lattice(raw, weight), weight=weight)
    for z in (0.0, 1.0, 3.0, 5.0):
        observed = float(np.ceil(law.mean() + z * law.sd()))
        assert chernoff_log10(law, observed) >= exact_log10(law, observed) - 1e-9
    assert chernoff_log10(law, observed) < exact_log10(law, observed) + 2


def test_e_value_has_mean_at_most_one() -> None:
    """Over all outcomes of a small law the mean of the e-value is one, which is what makes it an e-value."""
    rng = np.random.default_rng(1)
    law = NullSum(value=rng.normal(0, 1, (5, 4)), weight=np.full((5, 4), 0.25))
    sums = [sum(way) for way in product(*law.value.tolist())]
    assert np.mean([10 ** mixture_log10(law, s) for s in sums]) == pytest.approx(1.0)


def test_what_cannot_vary_proves_nothing() -> None:
    """Equal values throughout give p = 1 and an e-value of 1, whatever is observed."""
    law = NullSum(value=np.full((7, 3), 0.1), weight=np.full((7, 3), 1 / 3))
    found = tail(NullSum(value=lattice(law.value, law.weight), weight=law.weight), 0.0)
    assert (found.p_log10, found.bound_log10, found.e_log10, found.z) == (0.0, 0.0, 0.0, 0.0)


def test_two_sided_is_twice_the_smaller_tail() -> None:
    """Both tails together cost a factor of two, and see a sum that is too small as well."""
    law = NullSum(value=np.tile([0.0, 1.0], (50, 1)), weight=np.full((50, 2), 0.5))
    low = tail(law, 8.0, two_sided=True)
    assert low.p_value == pytest.approx(2 * binom.cdf(8, 50, 0.5))
    assert tail(law, 25.0, two_sided=True).p_value == 1.0
    assert low.e_log10 > 2


def test_redrawn_sums_follow_the_exact_law() -> None:
    """The share of redrawn sums above a value is the exact tail, as far as their number can tell."""
    rng = np.random.default_rng(2)
    weight = np.full((40, 3), 1 / 3)
    law = NullSum(value=lattice(rng.normal(0, 1, (40, 3)), weight), weight=weight)
    sums = redrawn(law, 20_000, seed=3)
    for z in (-1.0, 0.5, 1.5):
        observed = float(np.ceil(law.mean() + z * law.sd()))
        p = 10 ** exact_log10(law, observed)
        assert abs((sums >= observed).mean() - p) < 5 * (p * (1 - p) / 20_000) ** 0.5
