"""Circles of partners: honest people pass things on to few, an operator's accounts to anybody."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.judge.joins.circles import FEWEST_TAKERS, MOST_EACH, SMALLEST_P, _repeats, circle_test, sum_of

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def circles(rng: np.random.Generator, people: int, size: int, each: float, uneven: float) -> Pairs:
    """Return things that people take from circles of their own, some partners more often than others."""
    giver, taker = [], []
    for person in range(people):
        partners = rng.choice(np.setdiff1d(np.arange(people), [person]), size, replace=False)
        p = (1.0 + np.arange(size)) ** -uneven
        m = rng.poisson(each)
        giver.append(rng.choice(partners, m, p=p / p.sum()))
        taker.append(np.full(m, person))
    return np.concatenate(giver).astype(np.int64), np.concatenate(taker).astype(np.int64)


@pytest.mark.parametrize(("size", "uneven"), [(1, 0.0), (3, 0.0), (8, 0.0), (8, 1.0)])
@pytest.mark.parametrize(("people", "each"), [(12, 6.0), (40, 3.0), (70, 1.5)])
def test_circles_are_rejected_at_the_level(size: int, uneven: float, people: int, each: float) -> None:
    """People who pass things on within circles of at most eight get p ≤ α no more often than α."""
    found = [circle_test(*circles(np.random.default_rng(s), people, size, each, uneven), circle=8) for s in range(90)]
    p = np.array([1.0 if one is None else one.p_value for one in found])
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_the_level_is_used() -> None:
    """With circles of exactly the size allowed, p ≤ 0.2 is not much rarer than 0.2: the test wastes little."""
    found = [circle_test(*circles(np.random.default_rng(s), 60, 8, 4.0, 0.0), circle=8) for s in range(200)]
    assert np.mean([one is not None and one.p_value <= 0.2 for one in found]) > 0.08


@pytest.mark.parametrize(("accounts", "each"), [(40, 5.0), (60, 3.0), (120, 2.0)])
def test_hands_of_one_operator_are_rejected(accounts: int, each: float) -> None:
    """Accounts that send back what any other was given are found in at least nine of ten cases."""
    hits = 0
    for seed in range(40):
        found = circle_test(*circles(np.random.default_rng(seed), accounts, accounts - 1, each, 0.0), circle=8)
        hits += found is not None and found.p_value <= 0.001
    assert hits >= 36


def test_a_support_desk_decides_nothing() -> None:
    """Four accounts that take from everybody are too few for the test, and one among circles hardly moves it."""
    rng = np.random.default_rng(1)
    desk = rng.integers(4, 60, 400), np.repeat(np.arange(4), 100)
    assert circle_test(*desk, circle=8) is None
    giver, taker = circles(rng, 40, 3, 4.0, 0.0)
    without = circle_test(giver, taker, circle=8)
    one = circle_test(np.append(giver, np.arange(1, 30)), np.append(taker, np.zeros(29, np.int64)), circle=8)
    assert without is not None and one is not None
    assert one.p_value > 0.5


def test_a_change_of_keys_is_the_opposite_of_one_queue() -> None:
    """New accounts that each go on with what one old account was given have p = 1."""
    found = circle_test(np.repeat(np.arange(30), 5), np.repeat(np.arange(30, 60), 5), circle=8)
    assert found is not None
    assert (found.p_value, found.things, found.repeats) == (1.0, 30 * MOST_EACH, 30 * (MOST_EACH - 1))


@pytest.mark.parametrize(("m", "c"), [(2, 3), (3, 4), (4, 3), (4, 8)])
def test_repeats_are_those_of_every_case_counted(m: int, c: int) -> None:
    """The distribution of repeats equals that over all draws of m from c."""
    cases = [m - len(set(draw)) for draw in product(range(c), repeat=m)]
    assert _repeats(m, c) == pytest.approx(np.bincount(cases, minlength=m) / len(cases))


def test_few_takers_are_not_judged() -> None:
    """Fewer takers than the least, or takers of one thing each, give no test; and no p-value is below the smallest."""
    few = np.arange(2 * (FEWEST_TAKERS - 1)), np.repeat(np.arange(FEWEST_TAKERS - 1), 2)
    assert circle_test(*few, circle=8) is None
    assert circle_test(np.arange(50), np.arange(50), circle=8) is None
    many = circle_test(np.arange(800), np.repeat(np.arange(200), 4), circle=8)
    assert many is not None and many.p_value == SMALLEST_P


def test_sums_by_transform_are_sums_by_convolution() -> None:
    """The distribution of a sum made by transforms is the one that convolution gives, to a part in a million million."""
    rng = np.random.default_rng(6)
    parts = [(rng.dirichlet(np.ones(size)), times) for size, times in ((2, 40), (4, 25), (3, 1), (1, 3))]
    slow = np.ones(1)
    for mass, times in parts:
        for _ in range(times):
            slow = np.convolve(slow, mass)
    assert sum_of(parts) == pytest.approx(slow, abs=1e-12)
