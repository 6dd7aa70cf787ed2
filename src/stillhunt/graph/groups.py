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

from stillhunt.graph.adjacency import Adjacency, components

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
    accepted: list[npt.NDArray[np.int32]] = []
    for component in components(i, j, s, n_owners=n_owners, smallest=SMALLEST):
        accepted += _accepted(component, weigh, trim, enough, seed)
    return sorted(accepted, key=lambda g: int(g[0]))


def _accepted(
    component: Adjacency,
    weigh: Callable[[npt.NDArray[np.int32]], float],
    trim: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int32]],
    enough: float,
    seed: int,
) -> list[npt.NDArray[np.int32]]:
    """Return the groups of one component: the last ones that have enough evidence, as `propose` says."""
    accepted: list[npt.NDArray[np.int32]] = []
    unseen = -np.inf
    waiting = [(component.owners, unseen)]
    room = np.full(len(component.owners), -1, dtype=np.int32)
    while waiting:
        whole, evidence = waiting.pop()
        parts = [p for p in _communities(component.among(whole, room), seed) if len(p) >= SMALLEST]
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
    return accepted


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


def _communities(links: Adjacency, seed: int) -> list[npt.NDArray[np.int32]]:
    """Return the communities of some links."""
    if not len(links.to):
        return []
    _, found = graspologic_native.leiden_csr(
        links.start,
        links.to,
        links.weight,
        len(links.owners),
        resolution=RESOLUTION,
        iterations=ITERATIONS,
        seed=seed,
    )
    community = np.full(len(links.owners), -1, dtype=np.int64)
    community[np.fromiter(found.keys(), dtype=np.int64)] = np.fromiter(found.values(), dtype=np.int64)
    order = np.argsort(community, kind="stable")
    cuts = np.flatnonzero(np.diff(community[order])) + 1
    return [links.owners[g] for g in np.split(order, cuts) if community[g[0]] >= 0]
