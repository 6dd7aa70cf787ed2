"""
Values → groups of owners: all who hold one template, where that explains more than the links do.

A pair that has nothing but a template of some hundred owners in common is not surprising enough to be a link; a hundred such
owners who signed up in the same few hours, or who hand on each other's answers, are. Links propose the parts in which pairs share
two things; the holders of the template are the whole.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stillhunt.graph.groups import SMALLEST

Owners: TypeAlias = npt.NDArray[np.int32]
Evidence: TypeAlias = npt.NDArray[np.float64]

WIDEST = 20_000
"""The holders of a value that more owners hold are not proposed."""


def with_holders(
    groups: Sequence[Owners],
    crowds: Sequence[Owners],
    *,
    n_owners: int,
    evidence: Callable[[Owners], Evidence],
    one_customer: Callable[[Owners], bool] = lambda group: False,
) -> list[Owners]:
    """
    Return disjoint groups, each sorted, in the order of their first owner: those given, or the crowds that say more than they do.

    `crowds` are sets of owners that hold one value each, sorted. `evidence` returns how much there is that a set is linked, log10
    by group of traits, and nothing but 0 for one that does not pass as linked. It must not contain the price of choosing a set:
    that is smaller for one large set than for its two halves, and would join two operators' accounts. Instead each owner costs
    what the one value would say for it: log10 of `n_owners` over the size of the largest set at hand. Who has nothing else in
    common with a group is not worth it.

    Groups that are linked already are joined only where a second group of traits says more of the whole than of its parts: two
    operators that use one program stay two, however much the program says.

    A group that presents itself as `one_customer` stays as it is: several laboratories that run one public benchmark, each over
    accounts of its own, must not look like many customers under one hand because they hold its template.

    Small crowds first, there are three ways to put one among the groups found so far: take its owners from all groups that it
    touches; take them only from groups that lie mostly in it; or be one with those. The way with the most evidence is taken, if
    that is more than there was. Trying any number of groups is paid for by the test of linkage.
    """
    known: dict[bytes, Evidence] = {}

    def weighed(group: Owners) -> Evidence:
        name = hashlib.blake2b(group.tobytes(), digest_size=16).digest()
        if name not in known:
            known[name] = evidence(group)
        return known[name]

    found = dict(enumerate(groups))
    number_of = np.full(n_owners, -1, dtype=np.int64)
    standing = np.zeros(n_owners, dtype=bool)
    for number, group in found.items():
        number_of[group] = number
        standing[group] = one_customer(group)
    following = len(found)
    open_to = [crowd[~standing[crowd]] for crowd in crowds]
    for crowd in sorted((one for one in open_to if len(one) >= SMALLEST), key=lambda one: (len(one), one.tolist())):
        best = _best_way(crowd, found, number_of, weighed)
        for n in best:
            if n >= 0:
                number_of[found.pop(n)] = -1
        for part in best.values():
            if _worth(part, weighed):
                found[following] = part
                number_of[part] = following
                following += 1
    return sorted(found.values(), key=lambda g: int(g[0]))


def _worth(group: Owners, weighed: Callable[[Owners], Evidence]) -> float:
    return float(weighed(group).sum()) if len(group) >= SMALLEST else 0.0


def _best_way(
    crowd: Owners, found: dict[int, Owners], number_of: npt.NDArray[np.int64], weighed: Callable[[Owners], Evidence]
) -> dict[int, Owners]:
    """Return the way of `_ways` with the most evidence, if that is more than there was, or nothing."""
    best: dict[int, Owners] = {}
    gain = 0.0
    for way in _ways(crowd, found, number_of):
        before = [found[n] for n in way if n >= 0]
        each = math.log10(len(number_of) / max(len(crowd), SMALLEST, *map(len, before)))
        more = sum(_worth(part, weighed) - each * len(part) for part in way.values() if _worth(part, weighed))
        more -= sum(_worth(group, weighed) - each * len(group) for group in before)
        if more > gain and _worth(way[-1], weighed) and _may_join(before, way[-1], weighed):
            best, gain = way, more
    return best


def _may_join(groups: Sequence[Owners], whole: Owners, weighed: Callable[[Owners], Evidence]) -> bool:
    """Return whether at most one linked group is joined, or there are two witnesses of the whole: more than one group of traits."""
    joined = [g for g in groups if 2 * np.isin(g, whole).sum() > len(g) and weighed(g).sum() > 0]
    if len(joined) < 2:
        return True
    more = weighed(whole) - np.sum([weighed(g) for g in joined], axis=0)
    return bool(more.sum() - more.max() > 0)


def _ways(crowd: Owners, found: dict[int, Owners], number_of: npt.NDArray[np.int64]) -> Iterator[dict[int, Owners]]:
    """Yield what becomes of the groups that change, and under -1 the new group."""
    there, among = np.unique(number_of[crowd], return_counts=True)
    touched = {n: k for n, k in zip(there.tolist(), among.tolist(), strict=True) if n >= 0}
    inside = [n for n, k in touched.items() if 2 * k > len(found[n])]
    if any(k == len(crowd) == len(found[n]) for n, k in touched.items()):
        return
    yield {n: np.setdiff1d(found[n], crowd, assume_unique=True) for n in touched} | {-1: crowd}
    free = crowd[np.isin(number_of[crowd], [-1, *inside])]
    if len(free) < len(crowd):
        yield {n: np.setdiff1d(found[n], crowd, assume_unique=True) for n in inside} | {-1: free}
    if inside:
        yield {n: found[n][:0] for n in inside} | {-1: np.unique(np.concatenate([free, *(found[n] for n in inside)]))}
