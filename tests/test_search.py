"""What is proposed: holders of a template, without those who have a licence."""

from __future__ import annotations

import numpy as np
from judge.populations import incidence, independent

from stillhunt.judge.linkage import Population
from stillhunt.search import crowds


def test_crowds_are_the_different_holders_of_values_of_the_kinds() -> None:
    """Each set of at least five owners that hold a value of the kinds is there once, sorted, and licensed ones are left out."""
    population = Population(incidence(*independent(np.random.default_rng(1), 400)))
    found = population.incidence
    kinds, licensed = ("tls", "agent"), np.arange(0, 400, 7)
    plain = set()
    for value in range(found.n_values):
        if found.kinds[found.value_kind[value]] in kinds:
            holders = sorted(set(found.owner[found.value == value].tolist()) - set(licensed.tolist()))
            if len(holders) >= 5:
                plain.add(tuple(holders))
    got = [tuple(one.tolist()) for one in crowds(population, kinds, licensed)]
    assert len(got) == len(set(got)) > 10
    assert set(got) == plain
    assert crowds(population, ("nothing",), licensed) == []
