"""Key 1: the e-value is the one the formula says, and unrelated owners do not win the bet."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from chance import not_more_often
from hypothesis import given
from hypothesis import strategies as st
from judge.populations import incidence, independent, planted

from stillhunt.judge.linkage import SHRINKAGE, STAKES, Linkage, Population, linkage, price_log10
from strategies import Holdings, holdings


def popularity(held: Holdings, value: tuple[int, int], country: int, left_out: list[int]) -> float:
    """Return u_v of a value for an owner of a country, a set of owners left out: world or country, the larger."""

    def count(owners: list[int], *, kind_only: bool) -> int:
        return sum((v[0] == value[0]) if kind_only else (v == value) for o in owners for v in held.held[o])

    everybody = list(range(len(held.held)))
    there = [o for o in everybody if held.country[o] == country]
    mine, of_kind = count(left_out, kind_only=False), count(left_out, kind_only=True)
    world = (count(everybody, kind_only=False) - mine + 1) / (count(everybody, kind_only=True) - of_kind + 1)
    nearby = max(count(there, kind_only=False) - mine, 0) + SHRINKAGE * world
    return max(world, nearby / (max(count(there, kind_only=True) - of_kind, 0) + SHRINKAGE))


def likelihood_ratio(held: Holdings, owner: int, group: int, earlier: list[int], left_out: list[int]) -> float:
    """Return L_iG: the mean over the group's kinds, and over the owner's values, of (x_v / N) / u_v."""
    by_kind = defaultdict(list)
    for value in held.held[owner]:
        if held.kind_group[value[0]] == group:
            n = sum(v[0] == value[0] for o in earlier for v in held.held[o])
            x = sum(v == value for o in earlier for v in held.held[o])
            u = popularity(held, value, held.country[owner], left_out)
            by_kind[value[0]].append(x / n / u if n else 1.0)
    means = [sum(ratios) / len(ratios) for ratios in by_kind.values()]
    return sum(means) / len(means) if means else 1.0


def bet(held: Holdings, owners: list[int], group: int) -> float:
    """Return the wealth of a gambler who stakes on each member having what the earlier ones had."""
    ratios = [likelihood_ratio(held, owner, group, owners[:k], owners) for k, owner in enumerate(owners)]
    return sum(math.prod(1 + pi * (ratio - 1) for ratio in ratios) for pi in STAKES) / len(STAKES)


def found(held: Holdings, owners: list[int]) -> Linkage:
    """Return the linkage of some owners."""
    return linkage(Population(held.incidence()), np.array(owners, dtype=np.int32))


@given(holdings(), st.data())
def test_linkage_equals_the_formula(held: Holdings, data: st.DataObject) -> None:
    """The e-value of each group and the weighted whole are those that plain loops over the formula give."""
    n = len(held.held)
    owners = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1)))
    link = found(held, owners)
    wealth = [bet(held, owners, group) for group in range(len(held.groups))]
    assert link.groups_log10 == pytest.approx([math.log10(w) for w in wealth], abs=1e-9)
    weight = 1 / (2 * len(owners) ** 2 * math.comb(n, len(owners)))
    assert link.weighted_log10 == pytest.approx(math.log10(weight * math.prod(wealth)), abs=1e-8)
    assert link.price_log10 == pytest.approx(-math.log10(weight), abs=1e-8)
    strongest = math.log10(max(wealth))
    assert link.without_strongest_log10 == pytest.approx(link.weighted_log10 - strongest, abs=1e-8)


@given(holdings(), st.permutations(range(6)))
def test_names_of_values_do_not_matter(held: Holdings, names: list[int]) -> None:
    """Calling the values of every kind by other names changes nothing."""
    renamed = Holdings(held=[{(k, names[v]) for k, v in mine} for mine in held.held], country=held.country)
    owners = list(range(5))
    assert found(held, owners).groups_log10 == pytest.approx(found(renamed, owners).groups_log10, abs=1e-9)


@given(holdings(min_owners=8), st.randoms(use_true_random=False))
def test_names_of_the_others_do_not_matter(held: Holdings, random: object) -> None:
    """Changing who the owners outside the set are changes nothing; only what they hold counts."""
    rest = list(range(5, len(held.held)))
    random.shuffle(rest)  # type: ignore[attr-defined]
    order = [*range(5), *rest]
    moved = Holdings(held=[held.held[o] for o in order], country=[held.country[o] for o in order])
    assert found(held, list(range(5))).weighted_log10 == pytest.approx(found(moved, list(range(5))).weighted_log10)


@pytest.mark.parametrize(("n", "s"), [(10, 5), (60, 7), (12, 12)])
def test_prices_of_all_sets_add_up_to_less_than_one(n: int, s: int) -> None:
    """The weights of all subsets of all sizes together are at most one, as one e-value needs."""
    assert sum(math.comb(n, k) * 10 ** -price_log10(n, k) for k in range(1, n + 1)) < 1
    assert 10 ** -price_log10(n, s) == pytest.approx(1 / (2 * s**2 * math.comb(n, s)))


@pytest.mark.parametrize("neighbours", [False, True])
def test_unrelated_owners_do_not_win(neighbours: bool) -> None:
    """Sets drawn blindly, from all owners or from one country, reach 1/α no more often than α, group by group."""
    reached = {0.25: np.zeros(6, dtype=int), 0.05: np.zeros(6, dtype=int), 0.01: np.zeros(6, dtype=int)}
    trials = 400
    for seed in range(trials):
        rng = np.random.default_rng([seed, neighbours])
        owner, kind, value, country = independent(rng, 200)
        pool = np.flatnonzero(country == 0) if neighbours else np.arange(200)
        owners = np.sort(rng.permutation(pool)[: rng.integers(5, 40)]).astype(np.int32)
        link = linkage(Population(incidence(owner, kind, value, country)), owners)
        wealth = np.array([*link.groups_log10, sum(link.groups_log10)])
        for level, hits in reached.items():
            hits += wealth >= -np.log10(level)
    for level, hits in reached.items():
        assert all(not_more_often(int(count), trials, level) for count in hits)


@pytest.mark.parametrize("size", [15, 25, 50])
def test_owners_who_share_cards_and_networks_win(size: int) -> None:
    """Groups of fifteen and more, each card and network among about four, pass with evidence to spare."""
    passed = 0
    for seed in range(10):
        link = linkage(
            Population(planted(np.random.default_rng(seed), 300, size, k=5)), np.arange(size, dtype=np.int32)
        )
        passed += link.weighted_log10 >= 2
        assert min(link.groups_log10[:2]) > 2
    assert passed >= 7


def test_a_popular_value_is_no_evidence() -> None:
    """Members who all hold what nearly everybody holds win nothing by it."""
    held: list[set[tuple[int, int]]] = [{(1, 0), (0, owner)} for owner in range(60)]
    link = found(Holdings(held=held, country=[0] * 60), list(range(10)))
    assert abs(link.groups_log10[1]) < 0.1


def test_lookups_of_a_population() -> None:
    """A population gives each owner's values and each value's owners."""
    held = Holdings(held=[{(0, 1), (1, 5)}, set(), {(1, 5)}], country=[0, 0, 1])
    population = Population(held.incidence())
    member, value = population.rows(np.array([2, 0, 1], dtype=np.int32))
    assert list(zip(member.tolist(), value.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 1)]
    assert population.holders(1).tolist() == [0, 2]
    assert population.n_of_value.tolist() == [1, 2]
