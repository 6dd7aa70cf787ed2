"""Links in compressed rows: the same as a dictionary of neighbours, component by component."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.graph.adjacency import Adjacency, components

N = 30
pairs = st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda p: p[0] < p[1]), max_size=60)


def weight_of(a: int, b: int) -> float:
    """Return a weight that tells which two owners a link has."""
    return float(100 * min(a, b) + max(a, b))


def made(links: list[tuple[int, int]], smallest: int) -> list[Adjacency]:
    """Return the components of some links."""
    i, j = (np.array([pair[side] for pair in links], dtype=np.int32) for side in (0, 1))
    s = np.array([weight_of(*pair) for pair in links], dtype=np.float64)
    return list(components(i, j, s, n_owners=N, smallest=smallest))


def neighbours(one: Adjacency) -> dict[int, list[tuple[int, float]]]:
    """Return what the rows say, in words of owners."""
    return {
        int(owner): [
            (int(one.owners[one.to[k]]), float(one.weight[k])) for k in range(one.start[row], one.start[row + 1])
        ]
        for row, owner in enumerate(one.owners)
    }


@given(pairs, st.integers(1, 4), st.randoms(use_true_random=False))
def test_rows_are_the_links_of_each_component(links: set[tuple[int, int]], smallest: int, random: object) -> None:
    """Whatever the links and their order, components and their ascending rows are those of networkx; the smaller are left out."""
    graph = nx.Graph(list(links))
    graph.add_nodes_from(range(N))
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = made(shuffled, smallest)
    wanted = sorted(sorted(c) for c in nx.connected_components(graph) if len(c) >= smallest)
    assert [one.owners.tolist() for one in found] == wanted
    for one in found:
        for owner, row in neighbours(one).items():
            assert row == [(other, weight_of(owner, other)) for other in sorted(graph[owner])]


@given(pairs, st.sets(st.integers(0, N - 1), min_size=1))
def test_links_among_some_are_those_with_both_ends_there(links: set[tuple[int, int]], some: set[int]) -> None:
    """A part of a component has the links with both ends in it, and the room it was made in is as it was before."""
    for one in made(sorted(links), 1):
        inside = sorted(some & set(one.owners.tolist()))
        room = np.full(len(one.owners), -1, dtype=np.int32)
        part = one.among(np.array(inside, dtype=np.int32), room)
        assert (room == -1).all()
        graph = nx.Graph(list(links)).subgraph(inside)
        expected = {owner: sorted(graph[owner]) if owner in graph else [] for owner in inside}
        found = {owner: [other for other, _ in row] for owner, row in neighbours(part).items()}
        assert found == expected
        assert all(w == weight_of(owner, other) for owner, row in neighbours(part).items() for other, w in row)
