"""Groups: disjoint, held together by links, split until they are accepted."""

from __future__ import annotations

import networkx as nx
import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.graph import propose
from stillhunt.graph.groups import SMALLEST

N = 40
Links = list[tuple[int, int]]

links = st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda p: p[0] < p[1]), max_size=120)


def groups_of(found: Links, s: npt.ArrayLike = 5.0, *, most: int = N, n: int = N) -> list[list[int]]:
    """Return the groups of some links, where an owner is one unit of evidence and too large a set has none."""
    i, j = (np.array([pair[side] for pair in found], dtype=np.int32) for side in (0, 1))

    def weigh(group: npt.NDArray[np.int32]) -> float:
        return float(len(group)) if len(group) <= most else -1.0

    strength = np.broadcast_to(np.asarray(s, dtype=np.float64), len(found)).copy()
    return [g.tolist() for g in propose(i, j, strength, n_owners=n, weigh=weigh, trim=lambda g: g, enough=2.0, seed=1)]


def clique(first: int, size: int) -> Links:
    """Return all links among some neighbours in number."""
    return [(a, b) for a in range(first, first + size) for b in range(a + 1, first + size)]


@given(links, st.integers(0, N))
def test_groups_are_disjoint_connected_and_accepted(found: set[tuple[int, int]], most: int) -> None:
    """Whatever the links, no owner is in two groups, each lies in one component, is big enough and was accepted."""
    groups = groups_of(sorted(found), most=most)
    members = [owner for group in groups for owner in group]
    assert len(members) == len(set(members))
    components = list(nx.connected_components(nx.Graph(list(found))))
    for group in groups:
        assert SMALLEST <= len(group) <= most
        assert group == sorted(group)
        assert any(set(group) <= component for component in components)
    assert groups == sorted(groups)
    assert groups == groups_of(sorted(found), most=most)


@given(st.lists(st.integers(2, 9), min_size=1, max_size=6))
def test_cliques_apart_are_the_groups(sizes: list[int]) -> None:
    """Of cliques without a link between them, those of five or more are the groups: the components, exactly."""
    found = [pair for k, size in enumerate(sizes) for pair in clique(10 * k, size)]
    components = nx.connected_components(nx.Graph(found))
    assert groups_of(found, n=60) == sorted(sorted(c) for c in components if len(c) >= SMALLEST)


def test_a_crowd_without_evidence_is_split() -> None:
    """Thirty small cliques in a chain, merged by modularity into larger sets, come back one by one if only they count."""
    found = [pair for k in range(60) for pair in clique(5 * k, 5)] + [(5 * k + 4, 5 * k + 5) for k in range(59)]
    assert groups_of(found, n=300, most=5) == [list(range(5 * k, 5 * k + 5)) for k in range(60)]
    assert len(groups_of(found, n=300, most=300)) < 60


def test_two_that_say_more_apart_are_parted() -> None:
    """Two cliques with a bridge are two groups when their evidence adds up to more than that of the whole."""
    found = clique(0, 10) + clique(10, 10) + [(a, b) for a in range(5) for b in range(10, 15)] + clique(30, 6)
    i, j = (np.array([pair[side] for pair in found], dtype=np.int32) for side in (0, 1))
    s = np.full(len(found), 5.0)

    def groups(bonus: float) -> list[list[int]]:
        def weigh(group: npt.NDArray[np.int32]) -> float:
            return len(group) + bonus * (len(group) == 20)

        return [g.tolist() for g in propose(i, j, s, n_owners=36, weigh=weigh, trim=lambda g: g, enough=2.0, seed=1)]

    assert groups(-5.0) == [list(range(10)), list(range(10, 20)), list(range(30, 36))]
    assert sorted(owner for group in groups(5.0) for owner in group) == [*range(20), *range(30, 36)]


def test_those_nothing_speaks_for_are_trimmed() -> None:
    """Where a set has enough evidence without some of its owners it is returned without them, and they are tried alone."""
    found = clique(0, 14) + clique(20, 6)
    i, j = (np.array([pair[side] for pair in found], dtype=np.int32) for side in (0, 1))

    def weigh(group: npt.NDArray[np.int32]) -> float:
        return 9.0 if (group < 8).all() or (group >= 20).all() else -1.0

    def trim(group: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return group[group < 8]

    groups = propose(i, j, np.ones(len(i)), n_owners=26, weigh=weigh, trim=trim, enough=2.0, seed=1)
    assert [g.tolist() for g in groups] == [list(range(8)), list(range(20, 26))]


def test_what_is_never_enough_ends() -> None:
    """When no group has enough evidence the search ends, with nothing."""
    assert groups_of(clique(0, 30), most=0) == []
    assert groups_of([]) == []


def test_stronger_links_decide() -> None:
    """An owner between two cliques goes where its links are more surprising."""
    found = clique(0, 8) + clique(8, 8) + [(0, 16), (1, 16), (8, 16), (9, 16)]
    s = [5.0] * 56 + [9.0, 9.0, 1.0, 1.0]
    assert groups_of(found, s, n=17) == [[*range(8), 16], list(range(8, 16))]
