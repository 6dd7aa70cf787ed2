"""Key 2a: steadiness of the total, held against clocks turned by whole days."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from chance import not_more_often
from judge.traffic import human_hours, strand
from scipy.stats import binom

from stillhunt.judge import clock
from stillhunt.judge.clock import LEAST_RATIO, SCALES_H, clock_test
from stillhunt.judge.strands import Strand


def counts(found: Strand, turned: tuple[int, ...], days: int) -> np.ndarray:
    """Return calls per account and hour with each account's clock turned by some days."""
    first = found.at_us.min() // (24 * 3_600_000_000) * 24
    hours = found.at_us // 3_600_000_000 - first
    table = np.zeros((found.n_accounts, 24 * days))
    for account, hour in zip(found.account, hours, strict=True):
        table[account, (hour + 24 * turned[account]) % (24 * days)] += 1
    return table


def variance_ratio(table: np.ndarray, scale: int) -> float:
    """Return Var_t(Σ_i N_it) / Σ_i Var_t(N_it) in bins of some hours."""
    bins = table.reshape(len(table), -1, scale).sum(axis=2)
    return float(bins.sum(axis=0).var() / bins.var(axis=1).sum())


def test_counting_rotations_equals_trying_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small set the p-value is that of all rotations, less a tenth, and the ratio that of the definition."""
    monkeypatch.setattr(clock, "ENOUGH", 10**9)
    draws = 20_000
    for seed in range(3):
        found = human_hours(np.random.default_rng(seed), 5, 4, 16)
        result = clock_test(found, draws=draws, seed=seed)
        assert result is not None
        turns = [counts(found, turned, 4) for turned in product(range(4), repeat=5)]
        exact = []
        for scale in SCALES_H:
            observed = variance_ratio(turns[0], scale)
            exact.append(float(np.mean([LEAST_RATIO * variance_ratio(t, scale) <= observed + 1e-9 for t in turns])))
        assert result.variance_ratio == pytest.approx(variance_ratio(turns[0], result.scale_h))
        null = [LEAST_RATIO * variance_ratio(t, result.scale_h) for t in turns]
        assert result.null.mean() == pytest.approx(np.mean(null), rel=0.05)
        assert set(np.round(result.null, 9)) <= set(np.round(null, 9))
        hits = round(min(1.0, result.p_value) / 3 * (draws + 1)) - 1
        if result.p_value < 1:
            assert binom.cdf(hits, draws, min(exact)) > 1e-6 and binom.sf(hits - 1, draws, min(exact)) > 1e-6
        assert (result.draws, result.calls) == (draws, len(found.at_us))


def p_values(worlds: list[Strand]) -> np.ndarray:
    """Return the p-value of each set."""
    found = [clock_test(one, draws=1999, seed=number) for number, one in enumerate(worlds)]
    assert all(one is not None for one in found)
    return np.array([one.p_value for one in found if one is not None])


def test_independent_accounts_are_rejected_at_the_level() -> None:
    """Accounts with human hours of their own get p ≤ α no more often than α, at the level of each scale and in all."""
    p = p_values([human_hours(np.random.default_rng(seed), 12, 7, 9) for seed in range(300)])
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((p <= level).sum()), len(p), level)
    assert (p < 1).mean() > 0.02


def together(seed: int) -> Strand:
    """Return accounts that share good days and bad ones, as colleagues do."""
    rng = np.random.default_rng([seed, 2])
    busy = rng.gamma(1.0, 1.0, 7)
    account = np.repeat(np.arange(12), rng.poisson(9, 12))
    day = rng.choice(7, len(account), p=busy / busy.sum())
    return strand(account, 24 * day + (9 + rng.gamma(2.0, 2.0, len(account))) % 24)


def test_accounts_that_vary_together_are_rejected_less() -> None:
    """Shared days off and deadlines make the test milder, never sharper."""
    p = p_values([together(seed) for seed in range(100)])
    assert not_more_often(int((p <= 0.05).sum()), len(p), 0.05)
    assert (p == 1).mean() > 0.9


def in_shifts(seed: int) -> Strand:
    """Return a set over many days, in which two of thirty pairs of colleagues take turns: one works when the other does not."""
    rng = np.random.default_rng([seed, 6])
    duty = rng.random((2, 4000)) < 0.5
    works = np.concatenate([duty, ~duty, rng.random((56, 4000)) < 0.5])
    calls = rng.poisson(2 * works)
    account, day = np.nonzero(calls)
    account, day = np.repeat(account, calls[account, day]), np.repeat(day, calls[account, day])
    return strand(account, 24 * day + (9 + rng.gamma(2.0, 2.0, len(account))) % 24)


def test_a_few_who_share_shifts_are_not_one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A total somewhat steadier than that of independent accounts, in so large a set that it is significant, is no evidence."""
    worlds = [in_shifts(seed) for seed in range(4)]
    assert p_values(worlds).min() > 0.5
    monkeypatch.setattr(clock, "LEAST_RATIO", 1.0)
    assert p_values(worlds).min() < 0.05


def dispensed(seed: int, accounts: int, calls: int) -> Strand:
    """Return accounts served in turn from one steady queue."""
    rng = np.random.default_rng([seed, 3])
    hour = np.sort(24 * 7 * (np.arange(calls) + 0.3 * rng.random(calls)) / calls)
    return strand(np.arange(calls) % accounts, hour)


def test_accounts_served_in_turn_are_rejected() -> None:
    """A steady queue dealt to accounts in turn, or at random, is found out every time."""
    turn = [dispensed(seed, 20, 300) for seed in range(10)]
    rng = np.random.default_rng(4)
    dealt = [strand(rng.integers(0, 20, 300), (one.at_us - one.at_us.min()) / 3.6e9) for one in turn]
    assert p_values(turn).max() < 0.01
    assert p_values(dealt).max() < 0.01


def test_too_little_is_not_tested() -> None:
    """Few calls, few accounts, few days or none at all give no test."""
    rng = np.random.default_rng(5)
    enough = human_hours(rng, 12, 7, 9)
    assert clock_test(enough, draws=199, seed=0) is not None
    assert clock_test(human_hours(rng, 12, 7, 2), draws=199, seed=0) is None
    assert clock_test(human_hours(rng, 4, 7, 40), draws=199, seed=0) is None
    assert clock_test(human_hours(rng, 12, 3, 9), draws=199, seed=0) is None
    assert clock_test(strand(np.zeros(0, np.int64), np.zeros(0)), draws=199, seed=0) is None


def test_the_same_seed_gives_the_same_test() -> None:
    """Draws depend on the seed alone."""
    one, again, other = (clock_test(together(1), draws=999, seed=seed) for seed in (7, 7, 8))
    assert one is not None and again is not None and other is not None
    assert one.null.tolist() == again.null.tolist() != other.null.tolist()
    assert one.p_value == again.p_value
