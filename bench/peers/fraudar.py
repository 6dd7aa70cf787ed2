"""
FRAUDAR, from the paper: greedy peeling of the densest block of a bipartite graph, camouflage weighing little.

g(S) = f(S) / |S| with f the sum of the weights of edges inside S; an edge to a value of degree d weighs 1 / log(d + c), so
that values which everybody has add little. The node that loses least is removed until none is left; the best S on the way is
the block (a half-approximation). Blocks are taken one after the other, edges of found blocks removed.
Source: B. Hooi, H. A. Song, A. Beutel, N. Shah, K. Shin, C. Faloutsos, "FRAUDAR: bounding graph fraud in the face of
camouflage", KDD 2016.
"""

from __future__ import annotations

import heapq

import numpy as np

C = 5.0


def blocks(owner: np.ndarray, value: np.ndarray, n_owners: int, n_values: int, most: int) -> list[np.ndarray]:
    """Return the owners of the densest blocks, the densest first."""
    out = []
    for _ in range(most):
        if not len(owner):
            break
        kept_owner, kept_value = densest(owner, value, n_owners, n_values)
        if kept_owner.sum() < 2:
            break
        out.append(np.flatnonzero(kept_owner))
        inside = kept_owner[owner] & kept_value[value]
        owner, value = owner[~inside], value[~inside]
    return out


def densest(owner: np.ndarray, value: np.ndarray, n_owners: int, n_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which owners and which values are in the densest block that peeling finds."""
    n = n_owners + n_values
    weight_of = 1.0 / np.log(np.bincount(value, minlength=n_values) + C)
    a = np.concatenate([owner, value + n_owners]).astype(np.int64)
    b = np.concatenate([value + n_owners, owner]).astype(np.int64)
    w = np.concatenate([weight_of[value], weight_of[value]])
    order = np.argsort(a, kind="stable")
    start = np.searchsorted(a[order], np.arange(n + 1)).tolist()
    other, weight = b[order].tolist(), w[order].tolist()
    loses = np.bincount(a, weights=w, minlength=n).tolist()
    alive = [start[k] < start[k + 1] for k in range(n)]
    left, total = sum(alive), float(weight_of[value].sum())
    heap = [(loses[k], k) for k in range(n) if alive[k]]
    heapq.heapify(heap)
    best, best_at, removed = total / max(left, 1), 0, []
    while left > 1:
        lost, node = heapq.heappop(heap)
        if not alive[node] or lost > loses[node] + 1e-12:
            continue
        alive[node] = False
        removed.append(node)
        left, total = left - 1, total - loses[node]
        for k in range(start[node], start[node + 1]):
            near = other[k]
            if alive[near]:
                loses[near] -= weight[k]
                heapq.heappush(heap, (loses[near], near))
        if total / left > best:
            best, best_at = total / left, len(removed)
    inside = np.zeros(n, dtype=bool)
    inside[np.unique(a)] = True
    inside[removed[:best_at]] = False
    return inside[:n_owners], inside[n_owners:]
