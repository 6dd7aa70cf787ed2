"""Accusations without their strongest leg: what the rule says then is what it would have said without that evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge.populations import planted
from judge.traffic import human_hours

from stillhunt.judge.clock import ClockTest
from stillhunt.judge.interchangeable import NotRun
from stillhunt.judge.linkage import Population
from stillhunt.judge.membership import members
from stillhunt.judge.operate import NAMES, WEIGHTS, JointOperation, Operation
from stillhunt.judge.work_queue import QueueTest
from stillhunt.model import Hunt, Incidence
from strategies import Holdings, holdings


def stripped(held: Incidence, group: int) -> Incidence:
    """Return an incidence in which nobody holds a value of one group."""
    keep = held.kind_group[held.value_kind[held.value]] != group
    return replace(held, owner=held.owner[keep], value=held.value[keep])


@given(holdings(), st.data())
def test_a_group_left_aside_is_a_group_that_was_never_seen(held: Holdings, data: st.DataObject) -> None:
    """Members without a group are those of a log in which nobody has a value of it."""
    incidence = held.incidence()
    core = np.array(sorted(data.draw(st.sets(st.integers(0, len(held.held) - 1), min_size=2))), dtype=np.int32)
    for group in range(len(incidence.groups)):
        owners, log_e, _ = members(Population(incidence), core, q=0.5, others=False, without=group)
        twin, twin_log_e, _ = members(Population(stripped(incidence, group)), core, q=0.5, others=False)
        assert owners.tolist() == twin.tolist()
        assert log_e == pytest.approx(twin_log_e, abs=1e-9)


def test_a_group_with_many_witnesses_keeps_its_members() -> None:
    """Accounts that share cards, networks and a program mostly stay members when any one of these is left aside."""
    population = Population(planted(np.random.default_rng(3), 600, 40, k=8))
    whole, _, _ = members(population, np.arange(40, dtype=np.int32), q=0.05)
    assert len(whole) >= 35
    for group in range(3):
        left, _, _ = members(population, whole, q=0.05, others=False, without=group)
        assert set(left.tolist()) <= set(whole.tolist())
        assert len(left) >= 20


def clock(p: float) -> ClockTest:
    """Return a clock test with a p-value."""
    return ClockTest(p_value=p, scale_h=1, variance_ratio=0.5, null=np.ones(3), draws=10, calls=100)


def queue(p: float) -> QueueTest:
    """Return a queue test with a p-value."""
    return QueueTest(p_value=p, coincidences=0, expected=9.0, others=50, null=np.ones(3), draws=10)


def test_without_the_strongest_test_the_next_one_counts() -> None:
    """The strongest test is the smallest p-value of any strand; without it the next smallest pays for all tests still."""
    none = NotRun(reason="")
    one = Operation(clock=clock(1e-5), interchange=none, queue=queue(1e-3), multiplicity=None, copies=None, p_value=0.0)
    two = Operation(clock=clock(0.5), interchange=none, queue=None, multiplicity=None, copies=None, p_value=0.0)
    found = JointOperation(strands=(one, two), p_value=0.0)
    assert found.strongest == "clock"
    left = found.without("clock")
    assert [s.p_value for s in left.strands] == [pytest.approx(1e-3 / WEIGHTS["queue"]), 1.0]
    assert left.p_value == pytest.approx(2e-3 / WEIGHTS["queue"])
    assert left.without("queue").p_value == 1.0
    for name in NAMES:
        assert name not in one.without(name).p_values


def test_every_campaign_says_who_stays(small_hunt: Hunt) -> None:
    """Each campaign is judged again without one trait group and without one test; nobody new is accused by that."""
    for campaign in small_hunt.campaigns:
        linkage, operation = campaign.ablations
        assert (linkage.kind, operation.kind) == ("linkage", "operation")
        assert linkage.without in {g for link in campaign.links for g in link.groups}
        fewer = len(linkage.accounts) < len(campaign.accounts)
        assert fewer or linkage.linkage_log10 < campaign.linkage_log10
        assert operation.without in {e.test for e in campaign.evidence if e.p_value is not None}
        assert operation.p_value is not None and operation.p_value >= campaign.p_value
        for one in campaign.ablations:
            assert [a for a in campaign.accounts if a in set(one.accounts)] == list(one.accounts)
            if one.accounts:
                assert one.linkage_log10 >= 2
                assert one.q_value is not None and one.q_value <= 0.05 - 0.01


def test_a_strand_keeps_the_calls_it_is_told_to() -> None:
    """A strand with some of its calls has these calls, all columns alike, and numbers accounts as before."""
    whole = human_hours(np.random.default_rng(5), 10, 7, 12.0)
    part = whole.of(whole.account % 2 == 0)
    assert set(part.account.tolist()) == {0, 2, 4, 6, 8}
    assert part.n_accounts == whole.n_accounts
    at = dict(zip(whole.rows.tolist(), whole.at_us.tolist(), strict=True))
    assert [at[row] for row in part.rows.tolist()] == part.at_us.tolist()
    assert len(part.fill) == len(part.sketch) == len(part.account)
