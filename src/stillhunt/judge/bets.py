r"""
What may be bet on an owner's values, given a core of other owners, and how the stakes are divided.

Two kinds of bets, on every kind of trait k. With C the core without owner i, x_v of its N values of the kind equal to v, and u_v
the popularity of v outside it:

    mean bet      L = mean over i's values v of (x_v / N) / u_v
    pooled bet    L = 1[i holds a value of class b] / p_b,   p_b = the share of owners outside the core, i among them, that do

A class b holds the values of C that are equally rare: those held by one owner of C, by several, by a tenth of it or by four
tenths, and by up to 1, 2, 5, 20 or 100 owners outside it, i among them. The count of a value is symmetric in i and the owners
outside, so under the null, that i is one of them, each of them is as likely to be the one who holds it: E[L] ≤ 1 exactly. Where
a mean bet cannot tell "nobody else holds this card" from "one other might", because it prices one card, the pooled bet prices
all cards of the core at once.
Beyond that, p_b is raised to what it is in the owner's country and among owners with as many values (both shrunk to the world's
with weight 50), so that neighbours and busy owners are not surprising.

Stakes: inside a dependence group the bets share one unit of wealth, and what is not staked is kept,

    e_G = w_0 + Σ_b w_b L_b,   w ≥ 0,   Σ w = 1

with w the log-optimal portfolio of the other members (T. Cover, "An algorithm for maximizing expected log investment return",
IEEE Transactions on Information Theory 30, 1984), so that a group of traits in which the set shares nothing costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillhunt.judge.linkage import SHRINKAGE, VOLUMES, Population

OUTSIDE = (1, 2, 5, 20, 100)
"""A value of a class is held by up to so many owners outside the core, the owner bet on among them."""

SPREAD = (0.1, 0.4)
"""Shares of the core from which a value counts as widespread in it."""

CLASSES = (2 + len(SPREAD)) * len(OUTSIDE)
"""Classes of one kind: held by one owner of the core, by several, or widespread in it, times `OUTSIDE`."""

ROUNDS = 40
FIRST_CASH = 0.5
"""The portfolio starts with this share not staked and the rest in equal parts."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


COUNTED = ("rest", "rest_country", "rest_volume", "hits", "hits_country", "hits_volume")
"""What a core counts of the owners outside it."""


class Core:
    """
    A core of owners and what is known of its values: how many of the core hold each, and how many others.

    `values` are the core's values in ascending order, `inside` and `outside` the owners of the core and the others that hold
    each; `rest` counts owners outside the core by kind, by (kind, country) and by (kind, volume), and `hits` those that hold a
    value of each class. Where the population holds a part of the owners, `counted` has these counts of the whole, by name.
    """

    def __init__(
        self, population: Population, core: npt.NDArray[np.int32], counted: Mapping[str, Floats] | None = None
    ) -> None:
        incidence = population.incidence
        self.population = population
        self.owners = np.unique(core).astype(np.int32)
        _, held = population.rows(self.owners)
        self.values, self.inside = np.unique(held, return_counts=True)
        self.outside = (population.n_of_value[self.values] - self.inside).astype(np.int64)
        self.kind = incidence.value_kind[self.values].astype(np.int64)
        self.total = np.bincount(self.kind, weights=self.inside, minlength=len(incidence.kinds))
        if counted is None:
            self._count_rest()
            self._count_hits()
        else:
            self.rest, self.rest_country, self.rest_volume = (counted[name] for name in COUNTED[:3])
            self.hits, self.hits_country, self.hits_volume = (counted[name] for name in COUNTED[3:])

    def _count_rest(self) -> None:
        population, incidence = self.population, self.population.incidence
        kinds = np.arange(len(incidence.kinds))
        volume = population.volume(self.owners)
        has = volume >= 0
        kind = np.broadcast_to(kinds, has.shape)[has]
        stratum = np.broadcast_to(incidence.stratum[self.owners][:, None], has.shape)[has].astype(np.int64)
        self.rest = population.owners_of_kind.copy()
        self.rest_country = population.owners_of_kind_country.copy()
        self.rest_volume = population.owners_of_kind_volume.copy()
        np.subtract.at(self.rest, kind, 1)
        np.subtract.at(self.rest_country, (kind, stratum), 1)
        np.subtract.at(self.rest_volume, (kind, volume[has]), 1)

    def _count_hits(self) -> None:
        """Count the owners outside that hold a value of each class: in all, by country and by volume."""
        population, incidence = self.population, self.population.incidence
        narrow = np.flatnonzero((self.outside >= 1) & (self.outside <= OUTSIDE[-1]))
        value = self.values[narrow].astype(np.int64)
        start, stop = population.value_start[value], population.value_start[value + 1]
        lengths = stop - start
        at = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(start, lengths)
        holder = incidence.owner[at].astype(np.int64)
        of_value = class_of(self.inside[narrow], self.outside[narrow], len(self.owners))
        cell = np.repeat(self.kind[narrow] * CLASSES + of_value, lengths)
        others = ~np.isin(holder, self.owners)
        pair = np.unique(holder[others] * (len(incidence.kinds) * CLASSES) + cell[others])
        holder, cell = pair // (len(incidence.kinds) * CLASSES), pair % (len(incidence.kinds) * CLASSES)
        n = len(incidence.kinds) * CLASSES
        self.hits = np.bincount(cell, minlength=n).astype(np.float64)
        country = incidence.stratum[holder].astype(np.int64)
        strata = self.rest_country.shape[1]
        self.hits_country = np.bincount(cell * strata + country, minlength=n * strata).reshape(n, strata).astype(np.float64)
        volume = population.volume(holder.astype(np.int32))[np.arange(len(holder)), cell // CLASSES]
        self.hits_volume = np.bincount(cell * VOLUMES + volume, minlength=n * VOLUMES).reshape(n, VOLUMES).astype(np.float64)

    def holders(self, value: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
        """Return how many owners of the core hold each value, and how many others do where the core does (else 0)."""
        if not len(self.values):
            return np.zeros(len(value), dtype=np.int64), np.zeros(len(value), dtype=np.int64)
        at = np.minimum(np.searchsorted(self.values, value), len(self.values) - 1)
        known = self.values[at] == value
        return np.where(known, self.inside[at], 0), np.where(known, self.outside[at], 0)

    def largest(self) -> Floats:
        """Return, per value of the core, the most that a bet on an owner outside who holds it can return."""
        population = self.population
        spread = self.inside / self.total[self.kind] * np.maximum(population.n_of_kind[self.kind] - self.total[self.kind], 1.0)
        mean = spread / np.maximum(self.outside, 1)
        cell = self.kind * CLASSES + class_of(self.inside, self.outside, len(self.owners))
        pooled = (self.rest[self.kind] + 1.0) / np.maximum(self.hits[cell], 1.0)
        larger: Floats = np.maximum(mean, np.where(self.outside <= OUTSIDE[-1], pooled, 0.0))
        return larger


@dataclass(frozen=True, kw_only=True, slots=True)
class Bets:
    """What each bet returns on each owner, (owners, bets), and the kind of trait that each bet is on."""

    returns: Floats
    kind: Ints


def class_of(inside: npt.NDArray[np.integer], outside: npt.NDArray[np.integer], size: int) -> Ints:
    """Return the class of values held by so many of `size` owners of the core and so many outside (the last where too many)."""
    rarity = np.minimum(np.searchsorted(OUTSIDE, outside), len(OUTSIDE) - 1)
    edges = [2.0, *(max(3.0 + at, share * size) for at, share in enumerate(SPREAD))]
    return (np.searchsorted(edges, inside, side="right") * len(OUTSIDE) + rarity).astype(np.int64)


def bets(core: Core, owners: npt.NDArray[np.int32], is_core: npt.NDArray[np.bool_]) -> Bets:
    """
    Return every bet on some owners; an owner of the core is left out of it when it is bet on.

    1. Mean bets: average the likelihood ratio over an owner's values of a kind. Without any, there is no bet: 1.
    2. Pooled bets: who holds a value of a class, over the share of owners that do.
    """
    population, incidence = core.population, core.population.incidence
    n_kinds = len(incidence.kinds)
    member, value = population.rows(owners)
    kind = incidence.value_kind[value].astype(np.int64)
    own = is_core[member].astype(np.int64)
    inside, outside = core.holders(value)
    inside, outside = inside - own, outside + own
    volume = population.volume(owners)
    count = np.bincount(member * n_kinds + kind, minlength=len(owners) * n_kinds).reshape(len(owners), n_kinds)
    total = core.total[kind] - np.where(is_core[member], count[member, kind], 0)
    set_total = (total + count[member, kind]).astype(np.float64)
    u = population.popularity(value, incidence.stratum[owners][member], inside.astype(np.float64) + 1.0, set_total)
    ratio = np.where(total > 0, inside / np.maximum(total, 1) / u, 1.0)                              # 1.
    summed = np.bincount(member * n_kinds + kind, weights=ratio, minlength=len(owners) * n_kinds).reshape(len(owners), n_kinds)
    mean = np.where(count > 0, summed / np.maximum(count, 1), 1.0)
    pooled = _pooled(core, owners, volume, member, kind, inside, outside, own)                      # 2.
    return Bets(
        returns=np.concatenate([mean, pooled], axis=1),
        kind=np.concatenate([np.arange(n_kinds), np.repeat(np.arange(n_kinds), CLASSES)]),
    )


def _pooled(
    core: Core,
    owners: npt.NDArray[np.int32],
    volume: Ints,
    member: Ints,
    kind: Ints,
    inside: Ints,
    outside: Ints,
    own: Ints,
) -> Floats:
    """Return the pooled bets, (owners, kinds × classes); `volume` is (owners, kinds), the rest one entry per value held."""
    n_kinds, n = len(core.population.incidence.kinds), len(owners)
    width = n_kinds * CLASSES
    in_class = (inside >= 1) & (outside <= OUTSIDE[-1])
    cell = member[in_class] * width + kind[in_class] * CLASSES + class_of(inside[in_class], outside[in_class], len(core.owners))
    holds = np.bincount(cell, minlength=n * width).reshape(n, width) > 0
    # Other holders of an owner's own values count as if none of them were in the class already: p is never too small.
    moved = np.bincount(cell, weights=((outside - 1) * own)[in_class], minlength=n * width).reshape(n, width)
    column = np.repeat(np.arange(n_kinds), CLASSES)
    has = volume >= 0
    where, which = np.nonzero(holds)
    k = column[which]
    is_out = np.ones(n) if not len(own) else 1.0 - np.bincount(member, weights=own, minlength=n) / np.maximum(
        np.bincount(member, minlength=n), 1
    )
    # An owner outside is among those counted already; one of the core is one more.
    more = 1.0 - is_out[where]
    world = (core.hits[which] + moved[where, which] + more) / np.maximum(core.rest[k] + more, 1.0)
    country = core.population.incidence.stratum[owners][where]
    busy = volume[where, k]
    near = (core.hits_country[which, country] + SHRINKAGE * world) / (core.rest_country[k, country] + SHRINKAGE)
    alike = (core.hits_volume[which, busy] + SHRINKAGE * world) / (core.rest_volume[k, busy] + SHRINKAGE)
    returns = np.where(has[:, column], 0.0, 1.0)
    returns[where, which] = 1.0 / np.minimum(np.maximum(np.maximum(world, near), alike), 1.0)
    return returns


def portfolio(returns: Floats) -> Floats:
    """
    Return the log-optimal stakes on some bets, the first entry what is not staked; `returns` is (owners, bets).

    Cover's iteration from a fixed start, a fixed number of rounds: w_b ← w_b mean_i(L_ib / Σ_b w_b L_ib).
    """
    n, m = returns.shape
    if not n or not m:
        return np.concatenate([[1.0], np.zeros(m)])
    stakes: Floats = _cover(np.ascontiguousarray(returns, dtype=np.float64), ROUNDS, FIRST_CASH)
    return stakes


@njit(cache=True, nogil=True)
def _cover(returns, rounds, first_cash):  # type: ignore[no-untyped-def]
    """Run the rounds of Cover's iteration; the sums go over owners, and over bets, in order."""
    n, m = returns.shape
    stakes = np.full(m + 1, (1.0 - first_cash) / m)
    stakes[0] = first_cash
    gained = np.empty(m + 1)
    for _ in range(rounds):
        gained[:] = 0.0
        for i in range(n):
            wealth = stakes[0]
            for b in range(m):
                wealth += stakes[b + 1] * returns[i, b]
            gained[0] += 1.0 / wealth
            for b in range(m):
                gained[b + 1] += returns[i, b] / wealth
        for b in range(m + 1):
            stakes[b] *= gained[b] / n
    return stakes / stakes.sum()
