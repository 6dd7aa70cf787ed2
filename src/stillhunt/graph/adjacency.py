"""
Links → who is next to whom, one connected component after the other.

All components lie in three arrays, one behind the other, and each numbers its owners from 0: a component is a slice, and none
of its links is copied. Twenty million links take 12 bytes for each end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

Owners = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjacency:
    """
    The links among some owners in compressed rows.

    `owners` ascend; row r is that of `owners[r]`, and its neighbours are `to[start[r]:start[r + 1]]`, rows as well, ascending,
    with the `weight` of each.
    """

    owners: Owners
    start: npt.NDArray[np.int64]
    to: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float64]

    def among(self, owners: Owners, room: npt.NDArray[np.int32]) -> Adjacency:
        """
        Return the links among some of the owners, given in ascending order.

        `room` has one number for each owner of these links, all -1, and is left so: a million of them are not written anew for
        each small group.
        """
        if len(owners) == len(self.owners):
            return self
        rows = np.searchsorted(self.owners, owners).astype(np.int32)
        room[rows] = np.arange(len(rows), dtype=np.int32)
        start, to, weight = _among(rows, room, self.start, self.to, self.weight)
        room[rows] = -1
        return Adjacency(owners=owners, start=start, to=to, weight=weight)


def components(
    i: npt.NDArray[np.int32], j: npt.NDArray[np.int32], s: npt.NDArray[np.float64], *, n_owners: int, smallest: int
) -> Iterator[Adjacency]:
    """
    Yield the connected components of at least `smallest` owners, in the order of their first owner.

    `i` < `j` are owners, `s` the weight of their link; each pair comes once.

    1. Find the first owner of each component.
    2. Put owners in the order of components, and number them inside each.
    3. Fill rows. Links in the order of `i`, then `j`, leave every row ascending: first those before it, then those behind.
    """
    if not _ascending(i, j):
        order = np.lexsort((j, i))
        i, j, s = i[order], j[order], s[order]
    first = _first_owners(i, j, n_owners)  # 1.
    of = np.argsort(first, kind="stable").astype(np.int32)  # 2.
    sizes = np.bincount(first, minlength=n_owners)
    sizes = sizes[sizes > 0]
    ends = np.cumsum(sizes)
    row = np.empty(n_owners, dtype=np.int32)
    row[of] = np.arange(n_owners, dtype=np.int32)
    start, to, weight = _filled(i, j, s, row, (row - np.repeat(ends - sizes, sizes)[row]).astype(np.int32))  # 3.
    del first, row
    for number in np.flatnonzero(sizes >= smallest).tolist():
        end = int(ends[number])
        rows = start[end - int(sizes[number]) : end + 1]
        links = slice(rows[0], rows[-1])
        yield Adjacency(
            owners=of[end - int(sizes[number]) : end], start=rows - rows[0], to=to[links], weight=weight[links]
        )


@njit(cache=True, nogil=True)
def _ascending(i, j):  # type: ignore[no-untyped-def]
    falls = 0
    for k in range(1, i.shape[0]):
        falls += i[k] < i[k - 1] or (i[k] == i[k - 1] and j[k] < j[k - 1])
    return falls == 0


@njit(cache=True, nogil=True)
def _first_owners(i, j, n_owners):  # type: ignore[no-untyped-def]
    """Return, for each owner, the smallest owner of its component: union by the smaller, with halved paths."""
    first = np.arange(n_owners, dtype=np.int32)
    for k in range(i.shape[0]):
        a, b = i[k], j[k]
        while first[a] != a:
            first[a] = first[first[a]]
            a = first[a]
        while first[b] != b:
            first[b] = first[first[b]]
            b = first[b]
        if a < b:
            first[b] = a
        else:
            first[a] = b
    for owner in range(n_owners):  # What an owner points to is smaller, and final.
        first[owner] = first[first[owner]]
    return first


@njit(cache=True, nogil=True)
def _filled(i, j, s, row, local):  # type: ignore[no-untyped-def]
    """Return rows of both directions of the links; a neighbour goes by its number in the component."""
    start = np.zeros(row.shape[0] + 1, dtype=np.int64)
    for k in range(i.shape[0]):
        start[row[i[k]] + 1] += 1
        start[row[j[k]] + 1] += 1
    for r in range(row.shape[0]):
        start[r + 1] += start[r]
    at = start[:-1].copy()
    to = np.empty(2 * i.shape[0], dtype=np.int32)
    weight = np.empty(2 * i.shape[0], dtype=np.float64)
    for k in range(i.shape[0]):
        a, b = row[i[k]], row[j[k]]
        to[at[a]], weight[at[a]] = local[j[k]], s[k]
        to[at[b]], weight[at[b]] = local[i[k]], s[k]
        at[a] += 1
        at[b] += 1
    return start, to, weight


@njit(cache=True, nogil=True)
def _among(rows, place, start, to, weight):  # type: ignore[no-untyped-def]
    """Return the links among some rows, which `place` numbers anew (-1: not among them)."""
    some = np.zeros(rows.shape[0] + 1, dtype=np.int64)
    for n in range(rows.shape[0]):
        inside = 0
        for k in range(start[rows[n]], start[rows[n] + 1]):
            inside += place[to[k]] >= 0
        some[n + 1] = some[n] + inside
    there = np.empty(some[-1], dtype=np.int32)
    heavy = np.empty(some[-1], dtype=np.float64)
    at = 0
    for n in range(rows.shape[0]):
        for k in range(start[rows[n]], start[rows[n] + 1]):
            if place[to[k]] >= 0:
                there[at], heavy[at] = place[to[k]], weight[k]
                at += 1
    return some, there, heavy
