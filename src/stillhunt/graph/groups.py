"""
Links → groups of owners held together by many of them (Leiden).

Source: V. A. Traag, L. Waltman, N. J. van Eck, "From Louvain to Leiden: guaranteeing well-connected communities",
Scientific Reports 9, 5233 (2019); implementation: graspologic-native (MIT).
"""

from __future__ import annotations

from collections.abc import Callable

import graspologic_native
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

SMALLEST = 5
"""Groups of fewer owners than this are not judged."""

ITERATIONS = 4
RESOLUTION = 1.0


def propose(
    i: npt.NDArray[np.int32],
    j: npt.NDArray[np.int32],
    s: npt.NDArray[np.float64],
    *,
    n_owners: int,
    weigh: Callable[[npt.NDArray[np.int32]], float],
    trim: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int32]],
    enough: float,
    seed: int,
) -> list[npt.NDArray[np.int32]]:
    """
    Return disjoint groups of at least `SMALLEST` owners, each sorted, in the order of their first owner.

    `i`, `j`, `s` are links: two owners and the surprise of what they share. `weigh` returns the log weight of evidence
    that a set is linked; groups with at least `enough` are returned.

    Modularity merges small groups into crowds when the graph is large. So a group with too little evidence is split
    again, on its own links only, until its parts have enough, cannot be split, or are too small; and a group whose parts
    have more evidence apart than together (two operators, or one and an honest neighbour) is split as well. Before a
    group is split, `trim` may take away those of its owners without whom there is more evidence; they are looked at again by
    themselves. Trying any number of groups is paid for by the test of linkage.
    """
    if not len(i):
        return []
    half = coo_array((s, (i, j)), shape=(n_owners, n_owners)).tocsr()
    graph = (half + half.T).tocsr()
    del half
    touched = np.unique(np.concatenate([i, j])).astype(np.int32)
    accepted: list[npt.NDArray[np.int32]] = []
    unseen = -np.inf
    waiting = [(part, unseen) for part in _components(graph, touched)]
    while waiting:
        whole, evidence = waiting.pop()
        parts = [p for p in _communities(graph, whole, seed) if len(p) >= SMALLEST]
        if len(parts) == 1 and len(parts[0]) == len(whole) and evidence > unseen:
            parts = []
        weights = [weigh(part) for part in parts]
        if evidence >= enough:
            apart = _apart(whole, parts, weights, weigh, enough)
            if sum(w for _, w in apart if w >= enough) <= evidence:
                accepted.append(whole)
            else:
                waiting += apart
            continue
        for part, weight in zip(parts, weights, strict=True):
            kept = trim(part)
            if SMALLEST <= len(kept) < len(part) and (trimmed := weigh(kept)) >= max(enough, weight):
                waiting += [(kept, trimmed), (np.setdiff1d(part, kept), unseen)]
            else:
                waiting.append((part, weight))
    return sorted(accepted, key=lambda g: int(g[0]))


def _components(graph: csr_array, touched: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int32]]:
    """Return the connected components of at least `SMALLEST` owners."""
    number = connected_components(graph, directed=False)[1][touched]
    order = np.argsort(number, kind="stable")
    cuts = np.flatnonzero(np.diff(number[order])) + 1
    return [np.sort(touched[part]) for part in np.split(order, cuts) if len(part) >= SMALLEST]


def _apart(
    whole: npt.NDArray[np.int32],
    parts: list[npt.NDArray[np.int32]],
    weights: list[float],
    weigh: Callable[[npt.NDArray[np.int32]], float],
    enough: float,
) -> list[tuple[npt.NDArray[np.int32], float]]:
    """Return the best way to take a group apart: into all its parts, or one part from the rest."""
    ways = [list(zip(parts, weights, strict=True))]
    for part, weight in ways[0]:
        rest = np.setdiff1d(whole, part)
        if weight >= enough and len(rest) >= SMALLEST:
            ways.append([(part, weight), (rest, weigh(rest))])
    return max(ways, key=lambda way: sum(w for _, w in way if w >= enough))


def _inside(graph: csr_array, owners: npt.NDArray[np.int32]) -> csr_array:
    """
    Return the links among some owners, in ascending order, numbered by their places.

    The links of a whole component are copied once: a large one is most of the graph.
    """
    rows = graph[owners]
    rows.sort_indices()
    place = np.full(graph.shape[0], -1, dtype=np.int32)
    place[owners] = np.arange(len(owners), dtype=np.int32)
    to = place[rows.indices]
    within = to >= 0
    if within.all():
        return csr_array((rows.data, to, rows.indptr), shape=(len(owners), len(owners)))
    start = np.concatenate([[0], np.cumsum(within)])[rows.indptr]
    return csr_array((rows.data[within], to[within], start), shape=(len(owners), len(owners)))


def _communities(graph: csr_array, owners: npt.NDArray[np.int32], seed: int) -> list[npt.NDArray[np.int32]]:
    """Return the communities of the links among some owners."""
    inside = _inside(graph, owners)
    if not inside.nnz:
        return []
    _, found = graspologic_native.leiden_csr(
        inside.indptr.astype(np.int64, copy=False),
        inside.indices.astype(np.int32, copy=False),
        inside.data.astype(np.float64, copy=False),
        len(owners),
        resolution=RESOLUTION,
        iterations=ITERATIONS,
        seed=seed,
    )
    community = np.full(len(owners), -1, dtype=np.int64)
    community[np.fromiter(found.keys(), dtype=np.int64)] = np.fromiter(found.values(), dtype=np.int64)
    order = np.argsort(community, kind="stable")
    cuts = np.flatnonzero(np.diff(community[order])) + 1
    return [np.sort(owners[g]) for g in np.split(order, cuts) if community[g[0]] >= 0]
