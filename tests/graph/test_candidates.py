"""Pairs: scored as brute force would, from rare values only, above what chance links."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import numpy as np
from graph.relations import linked_up
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.graph import candidate_pairs
from stillhunt.graph.candidates import HUB_FEWEST, HUB_LARGEST, HUB_LIFT, MEAN_DEGREE, RARE
from strategies import Holdings, holdings

FIXTURE = [HealthCheck.function_scoped_fixture]


def brute_force(held: Holdings) -> dict[tuple[int, int], float]:
    """Return the surprise of every pair that shares a rare value, straight from the formula."""
    n = len(held.held)
    holders = Counter(v for mine in held.held for v in mine)
    popular = [v for v in holders if RARE < holders[v] <= n / HUB_LIFT]
    hubs = []
    for a, b in combinations(popular, 2):
        both = sum({a, b} <= mine for mine in held.held)
        lifted = both * n >= HUB_LIFT * holders[a] * holders[b]
        if HUB_FEWEST <= both <= HUB_LARGEST and lifted and held.kind_group[a[0]] != held.kind_group[b[0]]:
            hubs.append({a, b})
    found = {}
    for i in range(n):
        for j in range(i + 1, n):
            best: dict[int, float] = {}
            rare = any(hub <= held.held[i] and hub <= held.held[j] for hub in hubs)
            for value in held.held[i] & held.held[j]:
                if 2 * holders[value] < n:
                    group = held.kind_group[value[0]]
                    best[group] = max(best.get(group, 0.0), math.log(0.5 * n / holders[value]))
                    rare = rare or holders[value] <= RARE
            if rare:
                found[i, j] = sum(best.values())
    return found


def same_links(engine: DuckDBEngine, held: Holdings) -> int:
    """Compare the pairs found with brute force at the threshold found; return how many there are."""
    pairs = candidate_pairs(engine, linked_up(engine, held), seed=3)
    wanted = {pair: s for pair, s in brute_force(held).items() if s >= pairs.tau - 0.004}
    found = dict(zip(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True), pairs.s.tolist(), strict=True))
    assert all(s >= pairs.tau for s in found.values())
    assert set(found) <= set(wanted)
    assert all(pair in found for pair, s in wanted.items() if s >= pairs.tau + 0.004)
    assert all(abs(found[pair] - wanted[pair]) < 0.004 for pair in found)
    assert pairs.null_mean_degree <= MEAN_DEGREE
    return len(found)


@settings(suppress_health_check=FIXTURE, max_examples=12)
@given(holdings())
def test_pairs_equal_brute_force(engine: DuckDBEngine, held: Holdings) -> None:
    """The pairs at or above the threshold, and their scores, are those that comparing everybody gives."""
    same_links(engine, held)


def draw(rng: np.random.Generator, n: int, planted: int, spread: float = 1.0) -> Holdings:
    """Draw owners with cards, networks and clients of uneven popularity; the first few share cards and networks."""
    held = []
    for owner in range(n):
        mine = {(0, 10_000 + owner), (1, int(n * spread * rng.random() ** 3)), (2, int(rng.geometric(0.2)))}
        mine |= {(3, int(rng.geometric(0.3))), (4, int(rng.geometric(0.1)))}
        if owner < planted:
            mine |= {(0, int(rng.integers(planted // 3))), (1, 90_000 + int(rng.integers(planted // 3)))}
        held.append(mine)
    return Holdings(held=held, country=rng.integers(0, 3, n).tolist())


def test_pairs_equal_brute_force_where_values_are_popular(engine: DuckDBEngine) -> None:
    """With values held by more than a hundred owners, and a group planted, brute force finds the same."""
    assert same_links(engine, draw(np.random.default_rng(5), 400, 24)) > 24


def test_popular_values_bring_nobody_together(engine: DuckDBEngine) -> None:
    """Owners who share three values, each held by more than a hundred, are not compared, and that is said."""
    n = 3 * (RARE + 1)
    held = [{(kind, owner % 3) for kind in (0, 1, 4)} for owner in range(n)]
    pairs = candidate_pairs(engine, linked_up(engine, Holdings(held=held, country=[0] * n)), seed=1)
    assert len(pairs.i) == 0
    (said,) = pairs.left_out
    assert (said.what, said.count, str(RARE) in said.reason) == ("trait value", 9, True)


def test_what_half_of_all_hold_says_nothing(engine: DuckDBEngine) -> None:
    """A value that half of the owners hold adds nothing to a pair, and that is said."""
    everybody: list[set[tuple[int, int]]] = [{(4, 0), (0, owner // 2)} for owner in range(10)]
    pairs = candidate_pairs(engine, linked_up(engine, Holdings(held=everybody, country=[0] * 10)), seed=1)
    assert sum(said.count for said in pairs.left_out) == 1
    assert all(abs(s - math.log(0.5 * 10 / 2)) < 0.002 for s in pairs.s)


def test_independent_owners_are_hardly_linked(engine: DuckDBEngine) -> None:
    """Where nothing is shared but by chance, owners have as many links on average as the threshold allows, not more."""
    degrees = []
    for seed in range(6):
        pairs = candidate_pairs(engine, linked_up(engine, draw(np.random.default_rng(seed), 300, 0)), seed=seed)
        degrees.append(2 * len(pairs.i) / 300)
    assert 0.5 * MEAN_DEGREE < np.mean(degrees) < 1.1 * MEAN_DEGREE


def test_planted_owners_are_linked(engine: DuckDBEngine) -> None:
    """Owners who share cards and networks have more of their links among themselves than with all others."""
    pairs = candidate_pairs(engine, linked_up(engine, draw(np.random.default_rng(9), 400, 24)), seed=1)
    inside = (pairs.i < 24) & (pairs.j < 24)
    across = (pairs.i < 24) ^ (pairs.j < 24)
    assert 2 * inside.sum() / 24 > 3
    assert across.sum() < 2 * inside.sum()
    assert (pairs.s[inside] > 5).mean() > 2 * (pairs.s[across] > 5).mean()


def at_hubs(rng: np.random.Generator, n: int, planted: int) -> Holdings:
    """Draw owners of whom the first share nothing rare: one of two networks and one program, besides cards of their own."""
    held = draw(rng, n, 0).held
    for owner in range(planted):
        held[owner] = {v for v in held[owner] if v[0] not in (1, 2, 3)} | {(1, 90_000 + owner % 2), (2, 500), (3, 500)}
    return Holdings(held=held, country=rng.integers(0, 3, n).tolist())


def test_popular_values_that_go_together_link_their_owners(engine: DuckDBEngine) -> None:
    """A campaign that shares only popular values is linked inside, through hubs; its members have few other links."""
    planted = 2 * RARE + 20
    pairs = candidate_pairs(engine, linked_up(engine, at_hubs(np.random.default_rng(2), 6000, planted)), seed=1)
    inside = (pairs.i < planted) & (pairs.j < planted)
    assert inside.sum() > 0.4 * planted**2 / 2
    assert ((pairs.i < planted) ^ (pairs.j < planted)).sum() < 0.1 * inside.sum()


def test_pairs_at_hubs_equal_brute_force(engine: DuckDBEngine) -> None:
    """With three hubs among 1,300 owners, brute force finds the same pairs."""
    held = at_hubs(np.random.default_rng(3), 1300, 0).held
    for owner in range(105):
        held[owner] = {(0, 10_000 + owner), (1, 90_000), (3, 600), (4, 700)}
    assert same_links(engine, Holdings(held=held, country=[0] * 1300)) >= 105 * 104 / 2


@settings(suppress_health_check=FIXTURE, max_examples=8)
@given(holdings(), st.integers(0, 9))
def test_the_same_seed_gives_the_same_pairs(engine: DuckDBEngine, held: Holdings, seed: int) -> None:
    """Pairs come sorted, each once with i < j, and again the same."""
    incidence = linked_up(engine, held)
    one = candidate_pairs(engine, incidence, seed=seed)
    two = candidate_pairs(engine, incidence, seed=seed)
    together = list(zip(one.i.tolist(), one.j.tolist(), strict=True))
    assert together == sorted(set(together))
    assert all(i < j for i, j in together)
    assert (one.tau, one.s.tolist(), one.i.tolist()) == (two.tau, two.s.tolist(), two.i.tolist())


def test_nobody_to_compare_gives_no_pairs(engine: DuckDBEngine) -> None:
    """One owner, or owners without any trait, have no pairs."""
    for held in ([{(0, 1)}], [set(), set(), set()]):
        pairs = candidate_pairs(engine, linked_up(engine, Holdings(held=held, country=[0] * len(held))), seed=1)
        assert len(pairs.i) == len(pairs.s) == 0
