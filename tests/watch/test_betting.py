"""Bets on p-values pay at most one on average, their product may be read at any time, and e-BH keeps its level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom

from stillhunt.watch.betting import LEAST, bet, shown

LEVEL = 0.05


def paid(p_values: np.ndarray) -> np.ndarray:
    """Return the logarithm of what some blocks pay."""
    flat = np.array([bet(float(p)) for p in p_values.ravel()])
    return flat.reshape(p_values.shape)


@pytest.mark.parametrize("p", [1e-9, 1e-4, 0.01, 0.3, 0.9, 0.9995, 1.0])
def test_a_bet_is_the_mixture_it_stands_for(p: float) -> None:
    """The closed form is the integral of κ p^(κ-1) over κ, also where it is a quotient of two zeros."""
    slow = quad(lambda k: k * p ** (k - 1), 0, 1, epsabs=1e-13, epsrel=1e-10)[0]
    assert math.exp(bet(p)) == pytest.approx(slow, rel=1e-6)


@given(st.floats(0, 1), st.floats(0, 1))
def test_smaller_p_values_pay_more(a: float, b: float) -> None:
    """The bet falls with the p-value, from a bounded most down to one half."""
    low, high = sorted((a, b))
    assert bet(low) >= bet(high) - 1e-12
    assert math.log(0.5) <= bet(high) <= bet(LEAST) < 30


@pytest.mark.parametrize("draws", [1, 19, 199])
def test_the_mean_bet_on_a_null_p_value_is_at_most_one(draws: int) -> None:
    """For the uniform p-values 1/(n+1), …, 1 of n Monte Carlo draws, the mean is exactly computed and at most one."""
    p_values = np.arange(1, draws + 2) / (draws + 1)
    assert np.exp(paid(p_values)).mean() <= 1.0


def test_read_after_every_block_the_null_is_rejected_no_more_often_than_stated() -> None:
    """
    Of 4,000 null sets that are looked at after each of 25 blocks, and stopped at the first success, at most 5 % succeed.

    The number that do is within the exact binomial bound (one in a thousand) of the level.
    """
    rng = np.random.default_rng(7)
    path = paid(rng.random((4000, 25))).cumsum(axis=1)
    rejected = int((path.max(axis=1) >= math.log(1 / LEVEL)).sum())
    assert rejected <= binom.ppf(0.999, 4000, LEVEL)
    assert rejected > 0


def test_a_campaign_is_seen_within_days() -> None:
    """A set whose blocks give p-values of a few hundredths passes 1/0.05 within ten blocks in four of five cases."""
    rng = np.random.default_rng(8)
    path = paid(rng.beta(0.3, 1.0, (500, 10))).cumsum(axis=1)
    assert (path.max(axis=1) >= math.log(1 / LEVEL)).mean() >= 0.8


def test_choosing_the_set_by_the_block_that_is_bet_on_breaks_the_bound() -> None:
    """Why a set is frozen: taking, block by block, the best of four null sets rejects far more often than stated."""
    rng = np.random.default_rng(9)
    path = paid(rng.random((1000, 25, 4)).min(axis=2)).cumsum(axis=1)
    assert (path.max(axis=1) >= math.log(1 / LEVEL)).mean() > 0.5


@given(st.lists(st.floats(-2, 6), max_size=12))
def test_e_bh_is_its_definition(e_log10: list[float]) -> None:
    """The sets shown are the k largest for the largest k for which all of them reach n / (k level), found by trying each k."""
    n, values = len(e_log10), sorted(e_log10, reverse=True)
    most = max((k for k in range(1, n + 1) if all(v >= math.log10(n / (k * LEVEL)) for v in values[:k])), default=0)
    found = shown(e_log10, LEVEL)
    assert int(found.sum()) == most
    assert sorted((v for v, s in zip(e_log10, found, strict=True) if s), reverse=True) == values[:most]


def test_e_bh_keeps_its_level_when_sets_depend_on_each_other() -> None:
    """With half of the sets null and all null ones fed by one and the same chance, false ones stay within the level."""
    rng = np.random.default_rng(10)
    shares = []
    for _ in range(1500):
        null = np.repeat(paid(rng.random(8)).sum(), 6)
        real = paid(rng.beta(0.15, 1.0, (6, 8))).sum(axis=1)
        found = shown((np.concatenate([null, real]) / math.log(10)).tolist(), LEVEL)
        shares.append(found[:6].sum() / max(1, found.sum()))
    assert np.mean(shares) <= LEVEL
