"""Histories that were never served, against late logs, edits and customers who come from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often

from stillhunt.judge.joins.unserved import FEWEST_OUTSIDE, Turns, unserved_test

DAY = 86_400_000_000


def customers(rng: np.random.Generator, owners: int, each: float, foreign: tuple[float, float], first: int = 0) -> Turns:
    """
    Return turns of customers, each with a foreign share of its own (a beta law), over three weeks of a log.

    Conversations last up to two days: at the beginning of the log most of what is sent back was served before it.
    """
    counts = rng.poisson(each, owners) + 1
    owner = np.repeat(np.arange(first, first + owners), counts)
    share = np.repeat(rng.beta(*foreign, owners), counts)
    at = rng.integers(0, 21 * DAY, len(owner))
    answered = at - rng.exponential(0.7 * DAY, len(owner))
    return Turns(owner=owner, since_us=at, served=(answered >= 0) & (rng.random(len(owner)) >= share))


def between(turns: Turns, first: int, last: int) -> Turns:
    """Return the turns of some days."""
    kept = (turns.since_us >= first * DAY) & (turns.since_us < last * DAY)
    return Turns(owner=turns.owner[kept], since_us=turns.since_us[kept], served=turns.served[kept])


@pytest.mark.parametrize("days", [(0, 21), (0, 6), (10, 14)])
def test_other_customers_are_rejected_at_the_level(days: tuple[int, int]) -> None:
    """Customers like all others get p ≤ α no more often than α, those too who only called when the log had just begun."""
    p = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        outside = customers(rng, 200, 12.0, (0.6, 6.0), first=1000)
        inside = between(customers(rng, 15, 12.0 * 21 / (days[1] - days[0]), (0.6, 6.0)), *days)
        found = unserved_test(inside, outside, draws=199, seed=seed)
        p.append(1.0 if found is None else found.p_value)
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((np.array(p) <= level).sum()), len(p), level)


def test_stored_sessions_are_found() -> None:
    """Accounts of whose histories half were never served stand out among customers who bring a tenth from elsewhere."""
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        outside = customers(rng, 200, 12.0, (0.6, 6.0), first=1000)
        found = unserved_test(customers(rng, 15, 12.0, (20.0, 20.0)), outside, draws=999, seed=seed)
        hits += found is not None and found.p_value <= 0.01
    assert hits >= 19


def test_a_late_log_is_not_held_against_anybody() -> None:
    """What is sent back while the log is young is mostly unserved, and is left out; accounts of that time are not judged."""
    rng = np.random.default_rng(1)
    outside = customers(rng, 400, 20.0, (0.6, 12.0), first=1000)
    inside = between(customers(rng, 30, 200.0, (0.6, 12.0)), 0, 1)
    assert (~inside.served).mean() > 0.5
    assert unserved_test(inside, outside, draws=199, seed=1) is None
    found = unserved_test(customers(rng, 30, 60.0, (0.6, 12.0)), outside, draws=199, seed=1)
    assert found is not None
    assert abs(found.excess) < 0.05


def test_where_there_is_nobody_to_compare_with_nothing_is_said() -> None:
    """Too few histories, accounts or outsiders give no test."""
    rng = np.random.default_rng(2)
    many, few = customers(rng, 30, 12.0, (1.0, 9.0)), customers(rng, FEWEST_OUTSIDE - 1, 12.0, (1.0, 9.0))
    assert unserved_test(many, few, draws=99, seed=1) is None
    assert unserved_test(customers(rng, 4, 12.0, (1.0, 9.0)), many, draws=99, seed=1) is None
