"""
Key 1, linkage: the members share values that independent owners would not share by chance.

An urn bet. Members come in order; before each one, a gambler who has seen only the earlier members stakes on the next
one holding the values they held. Under the null (members' values are independent draws from the population, given the
country) no stake has an edge, so the gambler's wealth E has expectation at most one, and the sum over all subsets of
weighted wealths w_C E_C is one e-value: by Markov's inequality the chance that any set of unrelated owners reaches
1/α is at most α, however the set was found.

    L_iG = mean over the kinds of G and over i's values v of (x_v / N) / u_v,   u_v = (n_v - x_v^C + 1) / (N_all - N^C + 1)
    E_C  = Π_G mean_{π} Π_i [1 + π (L_iG - 1)],   π ∈ {.05, .3, .8}
    w_C  = 1 / (2 s² binom(n, s)),   s = |C|

where x_v of N earlier incidences in C equal v. The popularity u_v is the larger of the world's and the member's own
country's (shrunk to the world's with weight 50), so that neighbours are never surprised to be neighbours.
Source of e-values: V. Vovk, R. Wang, "E-values: calibration, combination and applications", Annals of Statistics 49 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import gammaln, logsumexp

from stillhunt.model import Incidence

STAKES = (0.05, 0.3, 0.8)
SHRINKAGE = 50.0
VOLUMES = 6
"""Owners are alike in volume when the binary logarithms of how many values of the kind they hold are, up to 2^5."""

_LOG10 = float(np.log(10.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Linkage:
    """The linkage evidence of one set, in log10: weighted e-value, and the e-value of each dependence group."""

    weighted_log10: float
    groups_log10: tuple[float, ...]
    price_log10: float

    @property
    def without_strongest_log10(self) -> float:
        """The weighted e-value when the strongest dependence group is taken away."""
        return self.weighted_log10 - max(self.groups_log10, default=0.0)


class Population:
    """
    The incidence with its counts, laid out for looking up one owner's values quickly.

    Read-only after construction, but for scratch arrays (values), which whoever uses them leaves as they were: zero.
    """

    def __init__(self, incidence: Incidence) -> None:
        self.incidence = incidence
        order = np.argsort(incidence.owner, kind="stable")
        self.by_owner_value = incidence.value[order]
        self.owner_start = np.searchsorted(incidence.owner[order], np.arange(incidence.n_owners + 1))
        self.value_start = np.searchsorted(incidence.value, np.arange(incidence.n_values + 1))
        self.n_of_value = np.diff(self.value_start).astype(np.float64)
        self.scratch = np.zeros(incidence.n_values, dtype=np.float32)
        self._in_set = np.zeros(incidence.n_values, dtype=np.int32)
        self._earlier = np.zeros(incidence.n_values, dtype=np.int32)
        n_kinds = len(incidence.kinds)
        self.n_of_kind = np.bincount(incidence.value_kind[incidence.value], minlength=n_kinds).astype(np.float64)
        self._strata = int(incidence.stratum.max(initial=0)) + 1
        cell = incidence.value.astype(np.int64) * self._strata + incidence.stratum[incidence.owner]
        self._cells, counts = np.unique(cell, return_counts=True)
        self._cell_counts = counts.astype(np.float64)
        self._cell_start = np.searchsorted(self._cells, np.arange(incidence.n_values + 1) * self._strata)
        kind_cell = incidence.value_kind[incidence.value].astype(np.int64) * self._strata
        kind_cell += incidence.stratum[incidence.owner]
        self._n_of_kind_stratum = np.bincount(kind_cell, minlength=n_kinds * self._strata).astype(np.float64)
        self._volume = self._volumes()
        has = self._volume >= 0
        kind_of, owner_of = np.nonzero(has.T)
        strata = incidence.stratum[owner_of].astype(np.int64)
        self.owners_of_kind = has.sum(axis=0).astype(np.float64)
        self.owners_of_kind_country = np.bincount(
            kind_of * self._strata + strata, minlength=n_kinds * self._strata
        ).reshape(n_kinds, self._strata).astype(np.float64)
        self.owners_of_kind_volume = np.bincount(
            kind_of * VOLUMES + self._volume[owner_of, kind_of], minlength=n_kinds * VOLUMES
        ).reshape(n_kinds, VOLUMES).astype(np.float64)

    def _volumes(self) -> npt.NDArray[np.int8]:
        """Return the binary logarithm of how many values of each kind each owner holds, at most 5; -1 for none."""
        incidence, n_kinds = self.incidence, len(self.incidence.kinds)
        cell = incidence.owner.astype(np.int64) * n_kinds + incidence.value_kind[incidence.value]
        count = np.bincount(cell, minlength=incidence.n_owners * n_kinds).reshape(incidence.n_owners, n_kinds)
        edges = 2 ** np.arange(VOLUMES)
        return (np.searchsorted(edges, count, side="right") - 1).astype(np.int8)

    def volume(self, owners: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return the binary logarithm of how many values of each kind some owners hold, (owners, kinds); -1 for none."""
        return self._volume[owners].astype(np.int64)

    def rows(self, owners: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Return (member position, value) of every value the owners hold, members in the given order."""
        starts, stops = self.owner_start[owners], self.owner_start[owners + 1]
        lengths = stops - starts
        member = np.repeat(np.arange(len(owners)), lengths)
        at = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(starts, lengths)
        return member, self.by_owner_value[at]

    def holders(self, value: int) -> npt.NDArray[np.int32]:
        """Return the owners that hold a value."""
        return self.incidence.owner[self.value_start[value] : self.value_start[value + 1]]

    def in_country(self, value: npt.NDArray[np.integer], stratum: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Return how many owners of a country hold a value."""
        value, stratum = np.broadcast_arrays(value, stratum)
        there: npt.NDArray[np.float64] = _there(
            value.ravel(), stratum.ravel(), self._strata, self._cells, self._cell_counts, self._cell_start
        )
        return there.reshape(value.shape)

    def kind_in_country(self, kind: npt.NDArray[np.integer], stratum: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Return how many holdings of a kind there are in a country."""
        held: npt.NDArray[np.float64] = self._n_of_kind_stratum[kind.astype(np.int64) * self._strata + stratum]
        return held

    def recounted(
        self,
        *,
        n_of_value: npt.NDArray[np.float64],
        n_of_kind: npt.NDArray[np.float64],
        in_country: npt.NDArray[np.float64],
        kind_in_country: npt.NDArray[np.float64],
    ) -> None:
        """
        Put counts of the whole population in the place of those of the incidence, which then holds a part of the owners.

        `in_country` is (values, countries), `kind_in_country` (kinds, countries).
        """
        self.n_of_value, self.n_of_kind = n_of_value, n_of_kind
        self._strata = in_country.shape[1]
        self._cells, self._cell_counts = np.arange(in_country.size), in_country.ravel()
        self._cell_start = np.arange(in_country.shape[0] + 1) * self._strata
        self._n_of_kind_stratum = kind_in_country.ravel()

    def wealth(self, owners: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Return the logarithm of the wealth of who bets on owners in the order given: (stakes, groups)."""
        incidence = self.incidence
        won: npt.NDArray[np.float64] = _wealth(
            owners, self.owner_start, self.by_owner_value, incidence.value_kind, incidence.kind_group,
            len(incidence.groups), self.n_of_value, self.n_of_kind, incidence.stratum, self._strata, self._cells,
            self._cell_counts, self._cell_start, self._n_of_kind_stratum, SHRINKAGE, np.array(STAKES), self._in_set, self._earlier,
        )  # fmt: skip
        return won

    def popularity(
        self,
        value: npt.NDArray[np.int32],
        stratum: npt.NDArray[np.int16],
        set_count: npt.NDArray[np.float64],
        set_total: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """
        Return u_v of each row, the set left out, as the larger of the world's and the country's.

        `set_count` and `set_total` are the set's own incidences of the value and of its kind.
        """
        kind = self.incidence.value_kind[value]
        world = (self.n_of_value[value] - set_count + 1) / (self.n_of_kind[kind] - set_total + 1)
        outside = np.maximum(self.in_country(value, stratum) - set_count, 0.0)
        total = self.kind_in_country(kind, stratum)
        country = (outside + SHRINKAGE * world) / (np.maximum(total - set_total, 0.0) + SHRINKAGE)
        larger: npt.NDArray[np.float64] = np.maximum(world, country)
        return larger


def price_log10(n: int, s: int) -> float:
    """Return -log10 w_C: the price of having chosen one of all subsets of n owners."""
    choose = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1)
    return float((np.log(2.0) + 2 * np.log(s) + choose) / _LOG10)


def linkage(population: Population, owners: npt.NDArray[np.int32]) -> Linkage:
    """
    Return the linkage evidence of a set of owners, taken in the order given (ascending: by first call).

    1. Count, for each member and value, how many earlier members hold it.
    2. Turn counts into likelihood ratios and average them inside the dependence group.
    3. Bet, multiply the groups, pay the price of selection.
    """
    log_wealth = population.wealth(owners)
    groups = (logsumexp(log_wealth, axis=0) - np.log(len(STAKES))) / _LOG10
    price = price_log10(population.incidence.n_owners, len(owners))
    return Linkage(
        weighted_log10=float(groups.sum() - price),
        groups_log10=tuple(float(g) for g in groups),
        price_log10=price,
    )


@njit(cache=True, nogil=True)
def _count_of(value, country, strata, cells, cell_counts, cell_start):  # type: ignore[no-untyped-def]
    """Return how many owners of a country hold a value; the countries of a value lie side by side, ascending."""
    cell = value * strata + country
    low, high = cell_start[value], cell_start[value + 1]
    while low < high:
        middle = (low + high) // 2
        if cells[middle] < cell:
            low = middle + 1
        else:
            high = middle
    return cell_counts[low] if low < cell_start[value + 1] and cells[low] == cell else 0.0


@njit(cache=True, nogil=True)
def _there(value, country, strata, cells, cell_counts, cell_start):  # type: ignore[no-untyped-def]
    out = np.empty(value.shape[0])
    for k in range(value.shape[0]):
        out[k] = _count_of(np.int64(value[k]), np.int64(country[k]), strata, cells, cell_counts, cell_start)
    return out


@njit(cache=True, nogil=True)
def _wealth(  # type: ignore[no-untyped-def]
    owners, start, held, kind_of, group_of, n_groups, n_of_value, n_of_kind, country_of, strata, cells, cell_counts,
    cell_start, kind_in_country, shrinkage, stakes, in_set, earlier,
):  # fmt: skip
    """Return the logarithm of the gambler's wealth by (stake, group); `in_set` and `earlier` come and go with zeros."""
    n_kinds = group_of.shape[0]
    of_kind, kind_before = np.zeros(n_kinds), np.zeros(n_kinds)
    log_wealth = np.zeros((stakes.shape[0], n_groups))
    summed, count = np.zeros(n_kinds), np.zeros(n_kinds)
    mean, kinds_held = np.zeros(n_groups), np.zeros(n_groups)
    for i in range(owners.shape[0]):                                                                 # 1.
        for at in range(start[owners[i]], start[owners[i] + 1]):
            in_set[held[at]] += 1
            of_kind[kind_of[held[at]]] += 1
    for i in range(owners.shape[0]):
        country = country_of[owners[i]]
        summed[:], count[:], mean[:], kinds_held[:] = 0.0, 0.0, 0.0, 0.0
        for at in range(start[owners[i]], start[owners[i] + 1]):                                     # 2.
            value = held[at]
            kind = kind_of[value]
            count[kind] += 1
            if kind_before[kind] == 0:
                summed[kind] += 1.0
                continue
            if earlier[value] == 0:
                continue
            world = (n_of_value[value] - in_set[value] + 1) / (n_of_kind[kind] - of_kind[kind] + 1)
            there = _count_of(np.int64(value), country, strata, cells, cell_counts, cell_start)
            outside = max(there - in_set[value], 0.0)
            total = max(kind_in_country[np.int64(kind) * strata + country] - of_kind[kind], 0.0)
            u = max(world, (outside + shrinkage * world) / (total + shrinkage))
            summed[kind] += earlier[value] / kind_before[kind] / u
        for kind in range(n_kinds):
            if count[kind] > 0:
                mean[group_of[kind]] += summed[kind] / count[kind]
                kinds_held[group_of[kind]] += 1
        for group in range(n_groups):                                                                # 3.
            if kinds_held[group] > 0:
                for stake in range(stakes.shape[0]):
                    log_wealth[stake, group] += np.log1p(stakes[stake] * (mean[group] / kinds_held[group] - 1.0))
        for at in range(start[owners[i]], start[owners[i] + 1]):
            earlier[held[at]] += 1
            kind_before[kind_of[held[at]]] += 1
    for i in range(owners.shape[0]):
        for at in range(start[owners[i]], start[owners[i] + 1]):
            in_set[held[at]] = 0
            earlier[held[at]] = 0
    return log_wealth
