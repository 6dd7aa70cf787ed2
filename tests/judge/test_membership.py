"""Membership: each owner's own e-value, and how many of those kept may not belong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge.populations import incidence, planted

from stillhunt.judge import membership
from stillhunt.judge.bets import Core, bets, portfolio
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.membership import (
    FOLDS,
    GROWTH,
    HEDGE,
    SMALLEST_FACTOR,
    best_supported,
    e_bh,
    member_e_values,
    members,
)
from strategies import Holdings, holdings


@given(holdings(), st.data())
def test_e_values_equal_the_formula(held: Holdings, data: st.DataObject) -> None:
    """Half of the wealth follows the portfolio of the other folds, half is hedged; who is not scored could not belong."""
    n = len(held.held)
    core = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=2)))
    population = Population(held.incidence())
    owners, log_e, factors = member_e_values(population, np.array(core, dtype=np.int32))
    values = {v for o in core for v in held.held[o]}
    sharing = [o for o in range(n) if o in core or held.held[o] & values]
    assert set(core) <= set(owners.tolist()) <= set(sharing)
    everybody = np.arange(n, dtype=np.int32)
    placed = bets(Core(population, np.array(core, dtype=np.int32)), everybody, np.isin(everybody, core))
    of_group = [np.flatnonzero(np.array(held.kind_group)[placed.kind] == g) for g in range(len(held.groups))]
    for owner, log, row in zip(owners.tolist(), log_e.tolist(), factors.tolist(), strict=True):
        learned = [o for o in core if o % FOLDS != owner % FOLDS]
        plain, hedged = 1.0, 1.0
        for columns, factor in zip(of_group, row, strict=True):
            live = columns[(placed.returns[core][:, columns] > 0).any(axis=0)]
            stakes = portfolio(placed.returns[learned][:, live])
            wanted = stakes[0] + float(placed.returns[owner, live] @ stakes[1:])
            assert factor == pytest.approx(wanted, abs=1e-9)
            plain *= max(wanted, SMALLEST_FACTOR)
            kept = max(0.0, (HEDGE - stakes[0]) / max(1 - stakes[0], 1e-9))
            hedged *= max(kept + (1 - kept) * wanted, SMALLEST_FACTOR)
        assert log == pytest.approx(math.log((plain + hedged) / 2), abs=1e-6)
    for owner in set(sharing) - set(owners.tolist()):
        most = sum(math.log(max(1.0, placed.returns[owner, columns].max())) for columns in of_group)
        assert most < max(0.0, math.log(n / (GROWTH * len(core)))) + 1e-6


def test_a_household_does_not_vouch_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts that share all they have with each other, and one program with a set, are not its members."""
    n, size, two = 3000, 40, np.array([2998, 2999])
    for seed in range(3):
        found = planted(np.random.default_rng(seed), n, size)
        apart = ~np.isin(found.owner, two)
        names = found.value_kind[found.value].astype(np.int64), found.value.astype(np.int64)
        program = [np.bincount(found.value[(found.owner < size) & (names[0] == kind)]).argmax() for kind in (2, 3)]
        rows = [(found.owner[apart].astype(np.int64), names[0][apart], names[1][apart])]
        rows += [(two, np.full(2, kind), np.full(2, 900_000 + kind)) for kind in (0, 1, 4, 5)]
        rows += [(two, np.full(2, kind), np.full(2, value)) for kind, value in zip((2, 3), program, strict=True)]
        joined = incidence(*(np.concatenate(column) for column in zip(*rows, strict=True)), found.stratum.astype(np.int64))
        group = np.concatenate([np.arange(size), two]).astype(np.int32)
        kept = members(Population(joined), group, q=0.05)[0]
        assert not np.isin(two, kept).any() and (kept < size).sum() > 0.8 * size
        with monkeypatch.context() as patched:
            patched.setattr(membership, "TIED", 99)
            assert np.isin(two, members(Population(joined), group, q=0.05)[0]).all()


def test_unrelated_owners_win_nothing() -> None:
    """Averaged over the owners that do not belong, the e-value of belonging to a planted set is at most one."""
    means = []
    for seed in range(12):
        population = Population(planted(np.random.default_rng([seed, 5]), 400, 40))
        owners, log_e, _ = member_e_values(population, np.arange(40, dtype=np.int32))
        means.append(float(np.exp(log_e[owners >= 40]).sum()) / 360)
    assert np.mean(means) <= 1.0


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


def test_the_best_supported_part_of_a_group_is_the_part_that_belongs_together() -> None:
    """Of a planted group with half as many strangers in it, nearly all who belong are kept, and few strangers are."""
    kept, strangers = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        population = Population(planted(rng, 400, 30))
        group = np.sort(np.concatenate([np.arange(30), 30 + rng.permutation(370)[:15]])).astype(np.int32)
        found = best_supported(population, group)
        assert set(found.tolist()) <= set(group.tolist())
        assert linkage(population, found).weighted_log10 > linkage(population, group).weighted_log10
        kept.append((found < 30).sum() / 30)
        strangers.append((found >= 30).sum() / 15)
    assert np.mean(kept) > 0.85
    assert np.mean(strangers) < 0.1


def test_a_group_too_large_to_weigh_loses_those_whom_nothing_speaks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above one size only those stay whom the rest makes more likely; above a larger one everybody does."""
    monkeypatch.setattr(membership, "LARGEST_WEIGHED", 10)
    population = Population(planted(np.random.default_rng(3), 400, 30))
    group = np.arange(45, dtype=np.int32)
    owners, log_e, _ = member_e_values(population, group, others=False)
    assert best_supported(population, group).tolist() == owners[log_e > 0].tolist()
    monkeypatch.setattr(membership, "LARGEST_TRIMMED", 44)
    assert best_supported(population, group).tolist() == group.tolist()
