"""Membership: each owner's own e-value, and how many of those kept may not belong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge.populations import planted
from judge.test_linkage import likelihood_ratio

from stillhunt.judge.linkage import Population
from stillhunt.judge.membership import FOLDS, GROWTH, STAKES, e_bh, member_e_values, members, spoken_for
from strategies import Holdings, holdings


def best_stake(ratios: list[float]) -> float:
    """Return the stake that would have won most on these likelihood ratios, the smallest where several would."""
    wealth = [sum(math.log1p(stake * (ratio - 1)) for ratio in ratios) for stake in STAKES]
    return STAKES[wealth.index(max(wealth))]


@given(holdings(), st.data())
def test_e_values_equal_the_formula(held: Holdings, data: st.DataObject) -> None:
    """The core and whoever shares enough with it to matter bet against the core without them, and nobody else does."""
    n, groups = len(held.held), range(len(held.groups))
    core = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=2)))
    owners, log_e, means = member_e_values(Population(held.incidence()), np.array(core, dtype=np.int32))
    values = {v for o in core for v in held.held[o]}
    sharing = [o for o in range(n) if o in core or held.held[o] & values]
    assert set(core) <= set(owners.tolist()) <= set(sharing)
    rest = {owner: [o for o in core if o != owner] for owner in sharing}
    ratios = {o: [likelihood_ratio(held, o, g, rest[o], [*rest[o], o]) for g in groups] for o in rest}
    for owner, log, row in zip(owners.tolist(), log_e.tolist(), means.tolist(), strict=True):
        assert row == pytest.approx(ratios[owner], abs=1e-9)
        others = [ratios[o] for o in core if o % FOLDS != owner % FOLDS]
        stakes = [best_stake([of_one[g] for of_one in others]) for g in groups]
        wanted = sum(math.log1p(stakes[g] * (ratios[owner][g] - 1)) for g in groups)
        assert log == pytest.approx(wanted, abs=1e-9)
    for owner in set(sharing) - set(owners.tolist()):
        most = sum(math.log(max(1.0, ratios[owner][g])) for g in groups)
        assert most < max(0.0, math.log(n / (GROWTH * len(core)))) + 1e-6


@given(st.lists(st.floats(-3, 12), max_size=20), st.integers(0, 30), st.sampled_from((0.05, 0.2)))
def test_e_bh_keeps_the_largest_number_that_passes(log_e: list[float], more: int, q: float) -> None:
    """Of n hypotheses it rejects the r largest e-values, r the largest with e_(r) ≥ n / (q r)."""
    n = max(1, len(log_e) + more)
    kept = e_bh(np.array(log_e), n, q)
    largest = sorted(log_e, reverse=True)
    r = max((r for r in range(1, len(log_e) + 1) if math.exp(largest[r - 1]) >= n / (q * r) * (1 + 1e-12)), default=0)
    assert r <= kept.sum() <= r + sum(math.isclose(math.exp(e), n / (q * k)) for k, e in enumerate(largest, 1))
    assert sorted(np.array(log_e)[kept].tolist(), reverse=True) == largest[: kept.sum()]


def test_few_of_those_kept_do_not_belong() -> None:
    """Of a planted group proposed with strangers in it, nearly all come back, and strangers within the stated share."""
    q, false_share, recalled = 0.05, [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        population = Population(planted(rng, 400, 40))
        group = np.concatenate([np.arange(36), 40 + rng.permutation(360)[:8]]).astype(np.int32)
        owners, log_e, means = members(population, np.sort(group), q=q)
        false_share.append((owners >= 40).mean() if len(owners) else 0.0)
        recalled.append((owners < 40).sum() / 40)
        assert len(owners) == len(log_e) == len(means)
    assert np.mean(false_share) <= q
    assert np.mean(recalled) > 0.8


def test_a_group_of_strangers_has_no_members() -> None:
    """From a group of unrelated owners nobody is kept."""
    for seed in range(15):
        rng = np.random.default_rng(seed)
        population = Population(planted(rng, 400, 30))
        owners, _, _ = members(population, np.sort(30 + rng.permutation(370)[:25]).astype(np.int32), q=0.05)
        assert len(owners) <= 1


def test_owners_left_out_of_the_proposal_are_found() -> None:
    """Owners that share the group's cards and networks join it although they were not proposed."""
    joined = []
    for seed in range(10):
        population = Population(planted(np.random.default_rng(seed), 400, 40))
        owners, _, _ = members(population, np.arange(30, dtype=np.int32), q=0.05)
        joined.append(((owners >= 30) & (owners < 40)).sum())
    assert np.mean(joined) > 4


def test_strangers_are_not_spoken_for() -> None:
    """Of a planted group with strangers in it, nearly all who belong are spoken for, and most strangers are not."""
    kept, strangers = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        population = Population(planted(rng, 400, 30))
        group = np.sort(np.concatenate([np.arange(30), 30 + rng.permutation(370)[:15]])).astype(np.int32)
        found = spoken_for(population, group)
        assert set(found.tolist()) <= set(group.tolist())
        kept.append((found < 30).sum() / 30)
        strangers.append((found >= 30).sum() / 15)
    assert np.mean(kept) > 0.95
    assert np.mean(strangers) < 0.5
