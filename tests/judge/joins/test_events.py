"""Pools that wake after a ban, and moves to a new model."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often

from stillhunt.judge.joins.events import FEWEST_OTHERS, HOUR_US, SMALLEST_P, failover_test, pivot_test

WEEKS = 3 * 7 * 24


def hours(values: object) -> np.ndarray:  # type: ignore[type-arg]
    """Return hours as microseconds."""
    return (np.asarray(values, dtype=np.float64) * HOUR_US).astype(np.int64)


def test_wakes_that_have_nothing_to_do_with_bans_are_rejected_at_the_level() -> None:
    """A company that comes on board in one burst, at any time, gets p ≤ α no more often than α: a burst counts once."""
    p = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        first = hours(rng.uniform(0, WEEKS) + rng.exponential(3.0, 40))
        banned = np.zeros(40, dtype=bool)
        banned[:4] = True
        ban = rng.uniform(24, WEEKS)
        found = failover_test(first, hours(ban + rng.uniform(0, 2, 4)), banned, hours(rng.uniform(24, WEEKS, 60)))
        p.append(1.0 if found is None else found.p_value)
    for level in (0.02, 0.05, 0.2):
        assert not_more_often(int((np.array(p) <= level).sum()), len(p), level)


def test_a_second_pool_is_found() -> None:
    """Accounts that first call within hours of a ban of the others are found as clearly as the other bans allow."""
    rng = np.random.default_rng(2)
    first = hours(np.concatenate([rng.uniform(0, 100, 20), 251.0 + rng.exponential(2.0, 20)]))
    banned = np.arange(40) < 20
    found = failover_test(first, hours(250 + rng.uniform(0, 2, 20)), banned, hours(rng.uniform(300, WEEKS, 59)))
    assert found is not None
    assert found.woken >= 18
    assert found.banned == 20
    assert found.p_value == pytest.approx(1 / 60)
    assert set(found.wakers.tolist()) <= set(range(20, 40))
    assert 0 < found.lag_h < 8


def test_without_bans_or_company_there_is_no_event_study() -> None:
    """No ban in the set, nobody who wakes, or too few other events: no test."""
    first, banned = hours(np.arange(40) * 10.0), np.arange(40) < 3
    others = hours(np.linspace(30, 400, FEWEST_OTHERS))
    assert failover_test(first, np.zeros(0, np.int64), banned, others) is None
    assert failover_test(first, hours([1000.0]), banned, others) is None
    assert failover_test(hours(np.full(40, 101.0)), hours([100.0]), banned, others[:3]) is None


def test_members_who_decide_for_themselves_are_rejected_at_the_level() -> None:
    """Members who move to a new model as often as others do get p ≤ α no more often than α."""
    p = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found = pivot_test("m", rng.random(30) < 0.15, rng.random(200) < 0.15)
        assert found is not None
        p.append(found.p_value)
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((np.array(p) <= level).sum()), len(p), level)


def test_a_common_move_is_found() -> None:
    """Nine of ten members against one in ten others is beyond doubt, and no smaller p-value is claimed than the smallest."""
    found = pivot_test("m", np.arange(30) < 27, np.arange(200) < 20)
    assert found is not None
    assert (found.members_moved, found.peers_moved, found.p_value) == (27, 20, SMALLEST_P)
    assert float(found.null.sum()) == pytest.approx(1.0)


def test_an_app_that_moves_everybody_says_nothing() -> None:
    """Where the other users of the app moved as well, the members' move is what was to be expected."""
    found = pivot_test("m", np.ones(30, bool), np.arange(200) < 197)
    assert found is not None and found.p_value > 0.3
    assert pivot_test("m", np.ones(30, bool), np.ones(10, bool)) is None
    assert pivot_test("m", np.ones(4, bool), np.ones(200, bool)) is None
