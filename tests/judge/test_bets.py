"""Bets on an owner's values: each returns what the formula says, and none has an edge over unrelated owners."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge.populations import planted
from judge.test_linkage import popularity
from scipy.optimize import minimize

from stillhunt.judge.bets import CLASSES, FIRST_CASH, OUTSIDE, ROUNDS, SPREAD, Core, bets, portfolio
from stillhunt.judge.linkage import SHRINKAGE, VOLUMES, Population
from strategies import Holdings, holdings

Value = tuple[int, int]


def volume(held: Holdings, owner: int, kind: int) -> int:
    """Return the binary logarithm of how many values of a kind an owner holds, -1 for none."""
    n = sum(v[0] == kind for v in held.held[owner])
    return min(VOLUMES - 1, int(math.log2(n))) if n else -1


def in_class(held: Holdings, owner: int, core: list[int], size: int, kind: int, outside: int, inside: int) -> bool:
    """Say whether an owner outside the core holds a value of one class."""
    edges = [1.0, 2.0, *(max(3.0 + at, share * size) for at, share in enumerate(SPREAD)), math.inf]
    low = (0, *OUTSIDE)[outside]
    for value in held.held[owner]:
        x = sum(value in held.held[o] for o in core)
        others = sum(value in held.held[o] for o in range(len(held.held)) if o not in core)
        if value[0] == kind and edges[inside] <= x < edges[inside + 1] and low < others <= OUTSIDE[outside]:
            return True
    return False


def pooled(held: Holdings, owner: int, core: list[int], size: int, column: int, *, careful: bool) -> float:
    """Return a pooled bet on an owner outside the core, by counting over and over; `careful`: with country and volume."""
    kind, which = divmod(column, CLASSES)
    inside, outside = divmod(which, len(OUTSIDE))
    rest = [o for o in range(len(held.held)) if o not in core and volume(held, o, kind) >= 0]
    if owner not in rest:
        return 1.0
    holds = {o: in_class(held, o, core, size, kind, outside, inside) for o in rest}
    if not holds[owner]:
        return 0.0
    world = sum(holds.values()) / len(rest)
    near = [o for o in rest if held.country[o] == held.country[owner]]
    alike = [o for o in rest if volume(held, o, kind) == volume(held, owner, kind)]
    shrunk = [(sum(holds[o] for o in some) + SHRINKAGE * world) / (len(some) + SHRINKAGE) for some in (near, alike)]
    return 1.0 / max(world, *shrunk) if careful else 1.0 / world


def mean_bet(held: Holdings, owner: int, core: list[int], kind: int) -> float:
    """Return the mean bet on an owner that is not in the core."""
    ratios = []
    for value in (v for v in held.held[owner] if v[0] == kind):
        n = sum(v[0] == kind for o in core for v in held.held[o])
        x = sum(value in held.held[o] for o in core)
        ratios.append(x / n / popularity(held, value, held.country[owner], [*core, owner]) if n else 1.0)
    return sum(ratios) / len(ratios) if ratios else 1.0


@settings(deadline=None, max_examples=12)
@given(holdings(max_owners=12), st.data())
def test_bets_return_what_the_formula_says(held: Holdings, data: st.DataObject) -> None:
    """Bets on owners outside equal plain loops over the definition; on a core owner no more than is fair."""
    n = len(held.held)
    core = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=2, max_size=n - 1)))
    population = Population(held.incidence())
    known = Core(population, np.array(core, dtype=np.int32))
    everybody = np.arange(n, dtype=np.int32)
    placed = bets(known, everybody, np.isin(everybody, core))
    kinds = len(held.kinds)
    assert placed.returns.shape == (n, kinds * (1 + CLASSES))
    for owner in range(n):
        rest = [o for o in core if o != owner]
        assert placed.returns[owner, :kinds] == pytest.approx([mean_bet(held, owner, rest, k) for k in range(kinds)])
        for column in range(kinds * CLASSES):
            wanted = pooled(held, owner, rest, len(core), column, careful=owner not in core)
            found = placed.returns[owner, kinds + column]
            assert found == pytest.approx(wanted) if owner not in core else found <= wanted + 1e-9


def test_no_bet_has_an_edge_over_those_outside() -> None:
    """Whatever the core, a pooled bet returns at most one on average over the owners outside."""
    largest, won = defaultdict(float), 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        population = Population(planted(rng, 400, 40))
        core = np.sort(np.concatenate([np.arange(30), 40 + rng.permutation(360)[:10]])).astype(np.int32)
        others = np.setdiff1d(np.arange(400), core).astype(np.int32)
        placed = bets(Core(population, core), others, np.zeros(len(others), dtype=bool))
        kinds = len(population.incidence.kinds)
        for column in range(kinds, placed.returns.shape[1]):
            largest[column] = max(largest[column], float(placed.returns[:, column].mean()))
        inside = bets(Core(population, core), core, np.ones(len(core), dtype=bool)).returns
        won += inside[:, kinds:].max() > 50
    assert max(largest.values()) <= 1 + 1e-9
    assert won == 12


@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 100))
def test_the_portfolio_is_near_the_best_there_is(n: int, m: int, seed: int) -> None:
    """Stakes are shares of one unit, and grow nearly as fast as the best ones that an optimiser finds."""
    returns = np.random.default_rng(seed).gamma(0.5, 3.0, (n, m))
    stakes = portfolio(returns)
    assert stakes.min() >= 0
    assert stakes.sum() == pytest.approx(1.0)

    def loss(logits: np.ndarray) -> float:
        weight = np.exp(logits - logits.max())
        weight /= weight.sum()
        return -float(np.log(weight[0] + returns @ weight[1:]).mean())

    best = min(minimize(loss, start).fun for start in (np.zeros(m + 1), np.log(stakes + 1e-6)))
    assert float(np.log(stakes[0] + returns @ stakes[1:]).mean()) >= -best - 0.06


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 100))
def test_the_portfolio_equals_its_slow_twin(n: int, m: int, seed: int) -> None:
    """The compiled rounds are Cover's iteration as matrices say it, bets that return nothing among them."""
    rng = np.random.default_rng(seed)
    returns = rng.gamma(0.5, 3.0, (n, m)) * (rng.random((n, m)) < 0.7)
    with_cash = np.concatenate([np.ones((n, 1)), returns], axis=1)
    stakes = np.concatenate([[FIRST_CASH], np.full(m, (1.0 - FIRST_CASH) / m)])
    for _ in range(ROUNDS):
        stakes = stakes * (with_cash / (with_cash @ stakes)[:, None]).mean(axis=0)
    assert portfolio(returns) == pytest.approx(stakes / stakes.sum(), rel=1e-12, abs=1e-300)


def test_without_bets_nothing_is_staked() -> None:
    """No bets, or nobody to learn from: everything is kept."""
    assert portfolio(np.zeros((5, 0))).tolist() == [1.0]
    assert portfolio(np.zeros((0, 2))).tolist() == [1.0, 0.0, 0.0]
