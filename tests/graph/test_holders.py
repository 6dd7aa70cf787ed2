"""Crowds that hold one value: they take the place of groups only where they say more than those do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.graph.groups import SMALLEST
from stillhunt.graph.holders import Evidence, Owners, with_holders

N = 40
TEAMS = np.arange(N) // 10
"""Ten owners in a row are one operator's."""

sets_of_owners = st.lists(st.sets(st.integers(0, N - 1), min_size=SMALLEST), max_size=8)


def owners(members: Sequence[int] | set[int] | range) -> Owners:
    """Return owners, sorted."""
    return np.array(sorted(members), dtype=np.int32)


def of_one_team(group: Owners) -> float:
    """Return evidence for sets that are mostly one operator's: more for each of its owners, less for each stranger."""
    mine = int(np.bincount(TEAMS[group]).max())
    evidence = 3.0 * mine - 2.0 * (len(group) - mine) - 10.0
    return evidence if evidence >= 2 else 0.0


def by_two(evidence: Callable[[Owners], float]) -> Callable[[Owners], Evidence]:
    """Return evidence of which two groups of traits carry one half each."""
    return lambda group: np.full(2, evidence(group) / 2)


def found(groups: list[Owners], crowds: list[Owners], evidence: Callable[[Owners], float] = of_one_team) -> list[list[int]]:
    """Return what becomes of some groups beside some crowds."""
    return [g.tolist() for g in with_holders(groups, crowds, n_owners=N, evidence=by_two(evidence))]


def disjoint(sets: list[set[int]]) -> list[Owners]:
    """Return what is left of some sets when each owner stays in the first that has it, where enough is left."""
    taken: set[int] = set()
    out = []
    for one in sets:
        left = one - taken
        if len(left) >= SMALLEST:
            out.append(owners(left))
            taken |= left
    return out


@given(sets_of_owners, sets_of_owners)
def test_groups_stay_disjoint_and_evidence_never_falls(groups: list[set[int]], crowds: list[set[int]]) -> None:
    """Whatever comes in, no owner is in two groups, and there is at least as much evidence as there was."""
    before = disjoint(groups)
    after = with_holders(before, [owners(c) for c in crowds], n_owners=N, evidence=by_two(of_one_team))
    members = [o for g in after for o in g.tolist()]
    assert len(members) == len(set(members))
    assert all(len(g) >= SMALLEST and g.tolist() == sorted(g.tolist()) for g in after)
    assert sum(map(of_one_team, after)) >= sum(map(of_one_team, before))
    assert [int(g[0]) for g in after] == sorted(int(g[0]) for g in after)


@given(sets_of_owners, st.randoms(use_true_random=False))
def test_the_order_of_crowds_does_not_matter(crowds: list[set[int]], rng: np.random.Generator) -> None:
    """The same crowds in another order give the same groups."""
    listed = [owners(c) for c in crowds]
    shuffled = list(listed)
    rng.shuffle(shuffled)
    assert found([], listed) == found([], shuffled)


def test_without_crowds_nothing_changes() -> None:
    """Groups stay as they are, also those with no evidence."""
    groups = [owners(range(5)), owners(range(7, 15))]
    assert found(groups, []) == [g.tolist() for g in groups]


def test_holders_are_found_that_no_link_proposed() -> None:
    """Owners that hold a value come out as a group when that passes, and not when it does not."""
    assert found([], [owners(range(10))]) == [list(range(10))]
    assert found([], [owners(range(0, 40, 4))]) == []


def test_the_whole_takes_the_place_of_its_parts() -> None:
    """Two parts that links proposed become the one set that all hold a value."""
    parts = [owners(range(4, 10)), owners([0, 1, 2, 3, 30])]
    assert found(parts, [owners(range(10))]) == [list(range(10))]


def test_what_a_group_has_besides_stays_with_it() -> None:
    """A group that lies mostly among the holders keeps its owners that do not hold the value, where that says more."""
    assert found([owners(range(2, 10))], [owners(range(7))]) == [list(range(10))]


def test_two_operators_with_one_value_in_common_stay_two() -> None:
    """A value that two groups hold between them does not join them when they say more apart."""
    groups = [owners(range(10)), owners(range(10, 20))]
    assert found(groups, [owners(range(20))]) == [g.tolist() for g in groups]


def test_linked_groups_are_joined_by_two_witnesses() -> None:
    """A value that alone speaks for the whole joins strangers to a group, but not two groups that are linked without it."""
    groups, crowd = [owners(range(10)), owners(range(10, 20))], owners(range(24))

    def evidence(other: float) -> Callable[[Owners], Evidence]:
        return lambda group: np.array([len(group) ** 2, other * len(group) ** 1.5])

    def joined(groups: list[Owners], other: float) -> int:
        return len(with_holders(groups, [crowd], n_owners=N, evidence=evidence(other)))

    assert joined(groups, 0.1) == 1
    assert joined(groups, -0.1) == 2
    assert joined(groups[:1], -0.1) == 1


def test_a_crowd_leaves_to_others_what_is_theirs() -> None:
    """Holders among a larger group of others are left there when it would lose more than is gained."""
    assert found([owners(range(10))], [owners([8, 9, *range(20, 30)])]) == [list(range(10)), list(range(20, 30))]


def test_who_holds_the_value_and_nothing_else_stays_outside() -> None:
    """Owners that add to the evidence no more than the one value says are not joined to a group of a popular program."""
    price = np.log10(N / 20)

    def evidence(each: float) -> Callable[[Owners], float]:
        return lambda group: 5.0 * int((group < 10).sum()) + each * int((group >= 10).sum())

    group, crowd = owners(range(10)), owners(range(20))
    assert found([group], [crowd], evidence(0.9 * price)) == [list(range(10))]
    assert found([group], [crowd], evidence(1.1 * price)) == [list(range(20))]


def test_one_customer_stays_apart() -> None:
    """Groups that look like one customer each are not joined by a value that they all hold, nor do they lose anybody to it."""
    groups = [owners(range(6)), owners(range(6, 12)), owners(range(12, 20))]
    crowd = owners([0, 1, *range(6, 20), *range(30, 36)])

    def size(group: Owners) -> float:
        return 10.0 * len(group)

    joined = with_holders(groups, [crowd], n_owners=N, evidence=by_two(size), one_customer=lambda g: len(g) == 6)
    assert [g.tolist() for g in joined] == [list(range(6)), list(range(6, 12)), [*range(12, 20), *range(30, 36)]]
    assert len(with_holders(groups, [crowd], n_owners=N, evidence=by_two(size))) < 3
