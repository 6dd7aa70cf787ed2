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
    accept: Callable[[npt.NDArray[np.int32]], bool],
    seed: int,
) -> list[npt.NDArray[np.int32]]:
    """
    Return disjoint groups of at least `SMALLEST` owners, each sorted, in the order of their first owner.

    `i`, `j`, `s` are links: two owners and the surprise of what they share. Modularity merges small groups into crowds
    when the graph is large, so a group that `accept` turns down is split again, on its own links only, until its parts
    are accepted, cannot be split, or are too small. Trying any number of groups is paid for by the test of linkage.
    """
    if not len(i):
        return []
    graph = coo_array(
        (np.concatenate([s, s]), (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(n_owners, n_owners)
    ).tocsr()
    touched = np.unique(np.concatenate([i, j])).astype(np.int32)
    accepted, waiting = [], [touched]
    while waiting:
        part = waiting.pop()
        pieces = _communities(graph, part, seed)
        if len(pieces) == 1 and part is not touched:
            continue
        for piece in pieces:
            if len(piece) < SMALLEST:
                continue
            if accept(piece):
                accepted.append(piece)
            else:
                waiting.append(piece)
    return sorted(accepted, key=lambda g: int(g[0]))


def _communities(graph: csr_array, owners: npt.NDArray[np.int32], seed: int) -> list[npt.NDArray[np.int32]]:
    """Return the communities of the links among some owners."""
    inside = graph[owners][:, owners].tocsr()
    inside.sort_indices()
    if not inside.nnz:
        return []
    _, found = graspologic_native.leiden_csr(
        inside.indptr.astype(np.int64),
        inside.indices.astype(np.int32),
        inside.data.astype(np.float64),
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
