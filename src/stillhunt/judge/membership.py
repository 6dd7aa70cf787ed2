r"""
Membership: which owners belong to a set, one by one, by e-BH over all owners.

    e_i = ½ Π_G e_iG + ½ Π_G h_iG,   h = e with at least `HEDGE` of the wealth not staked

where e_iG is what the bets of dependence group G return on i's values, given the core without i (`bets.py`). How much is staked
on each bet is learned from the members of the other folds: a group of traits in which the set shares nothing costs its
members nothing, and one kind of trait that all members have in common is enough to know them by when hardly anybody else has it.

e-BH keeps the largest r with e_(r) ≥ n / (q r); it controls the false discovery rate under any dependence.
Source: R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS-B 84 (2022).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from stillhunt.judge.bets import Core, bets, portfolio
from stillhunt.judge.linkage import Population, linkage

FOLDS = 5
SMALLEST_FACTOR = 1e-12
"""No factor is taken as smaller than this, so that its logarithm exists."""

HEDGE = 0.7
"""Half of the wealth is bet with at least this share not staked in each group, for members who lack most of what others share."""

WIDEST_VALUE = 2000
"""A value held by more owners than this brings nobody into question as a member."""

LIKELY = 1.0
"""The next core has all owners that e-BH keeps at this level: their evidence outweighs that few of all owners belong."""

GROWTH = 4
"""Outsiders are scored when what they share could reach n divided by this many times the size of the core."""

TIED = 2
"""Two owners of a core that share narrow values of so many dependence groups are tied: each would vouch for the other."""

NARROW = 5
"""A value that more owners of the core hold is wide: it says nothing about which of them go together."""

PASSES = 6
FEWEST = 5
LARGEST_WEIGHED = 600
"""In groups of more owners than this, the best supported part is not searched for."""

LARGEST_TRIMMED = 20_000
"""Groups of more owners than this are left as they are, so that memory does not grow with the crowd; they are split by links."""



def member_e_values(
    population: Population, core: npt.NDArray[np.int32], *, others: bool = True, without: int | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """
    Return owners, their log e-value against the core without them, and its factors e_G (owners, groups).

    The owners are the core and, with `others`, everybody whose values could make them a member. The dependence group
    `without` says nothing either way (e_G = 1).
    """
    return scored(Core(population, core), others=others, without=without)


def scored(
    known: Core, *, others: bool, without: int | None = None, also: npt.NDArray[np.int32] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return what `member_e_values` does, against a core that is known, for some owners more."""
    population, owners = known.population, known.owners
    if also is not None:
        owners = np.union1d(owners, also).astype(np.int32)
    if others:
        owners = np.union1d(owners, _may_belong(known)).astype(np.int32)
    in_set = np.isin(owners, known.owners)
    placed = bets(known, owners, in_set)
    group_of_bet = population.incidence.kind_group[placed.kind]
    factors = np.ones((len(owners), len(population.incidence.groups)))
    hedged = factors.copy()
    fold = owners % FOLDS
    for group in range(factors.shape[1]):
        if group == without:
            continue
        columns = np.flatnonzero((group_of_bet == group) & (placed.returns[in_set] > 0).any(axis=0))
        returns = placed.returns[:, columns]
        for one in np.unique(fold).tolist():
            stakes = portfolio(returns[in_set & (fold != one)])
            factors[fold == one, group] = stakes[0] + returns[fold == one] @ stakes[1:]
            kept = max(0.0, (HEDGE - stakes[0]) / max(1.0 - stakes[0], 1e-9))
            hedged[fold == one, group] = kept + (1.0 - kept) * factors[fold == one, group]
    both = [np.log(np.maximum(wealth, SMALLEST_FACTOR)).sum(axis=1) for wealth in (factors, hedged)]
    return owners, np.logaddexp(*both) - np.log(2.0), factors


def _may_belong(core: Core) -> npt.NDArray[np.int32]:
    """
    Return the owners of whom Π_G max_v of what a bet on v can return, over the core's values, reaches n / (`GROWTH` size).

    A portfolio returns at most what its best bet does, so nobody else's e-value reaches that. Only owners that share
    a value which at most `WIDEST_VALUE` hold are looked at: an owner linked by wide values alone counts as e-value zero.
    """
    population, incidence = core.population, core.population.incidence
    most = core.largest()
    narrow = core.values[(population.n_of_value[core.values] <= WIDEST_VALUE) & (most > 1)]
    population.scratch[core.values] = np.log(np.maximum(most, 1.0))
    found: npt.NDArray[np.int32] = _bounded_holders(
        narrow.astype(np.int64),
        population.scratch,
        incidence.kind_group[incidence.value_kind].astype(np.int64),
        population.value_start,
        incidence.owner,
        population.owner_start,
        population.by_owner_value,
        len(incidence.groups),
        np.log(incidence.n_owners) - np.log(GROWTH * len(core.owners)) - 1e-3,
    )
    population.scratch[core.values] = 0.0
    return found


@njit(cache=True, nogil=True)
def _bounded_holders(narrow, weight, group, start, holder, owner_start, held, n_groups, needed):  # type: ignore[no-untyped-def]
    """Return the holders of narrow values whose largest weights, summed over groups, reach what is needed."""
    seen = np.zeros(owner_start.shape[0] - 1, dtype=np.bool_)
    best = np.zeros(n_groups)
    found = []
    for at in range(narrow.shape[0]):
        for row in range(start[narrow[at]], start[narrow[at] + 1]):
            owner = holder[row]
            if seen[owner]:
                continue
            seen[owner] = True
            best[:] = 0.0
            for k in range(owner_start[owner], owner_start[owner + 1]):
                value = held[k]
                best[group[value]] = max(best[group[value]], weight[value])
            if best.sum() >= needed:
                found.append(owner)
    return np.array(found, dtype=np.int32)


def e_bh(log_e: npt.NDArray[np.float64], n: int, q: float) -> npt.NDArray[np.bool_]:
    """Return which hypotheses e-BH rejects at level q among n (those not listed have e-value 0)."""
    order = np.argsort(-log_e, kind="stable")
    ranks = np.arange(1, len(order) + 1)
    passing = np.flatnonzero(log_e[order] >= np.log(n) - np.log(q * ranks))
    kept = np.zeros(len(log_e), dtype=bool)
    if len(passing):
        kept[order[: passing[-1] + 1]] = True
    return kept


def best_supported(population: Population, group: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """
    Return the owners of a group for whom, taken together, the evidence of linkage is strongest; at most the group.

    1. Order the owners by their e-value against the rest, and weigh the first 5, 6, … of those whom the rest makes more likely
       (e > 1), in steps of a quarter.
    2. Begin again with the heaviest of these sets, until none is heavier. In a large group only those with e > 1 are kept.

    Any number of sets may be tried: the weight has the price of choosing among all of them in it.
    """
    if len(group) > LARGEST_TRIMMED:
        return group
    if len(group) > LARGEST_WEIGHED:
        owners, log_e, _ = member_e_values(population, group, others=False)
        return owners[log_e > 0]
    best, weight = group, linkage(population, group).weighted_log10
    for _ in range(PASSES):
        owners, log_e, _ = member_e_values(population, best, others=False)                       # 1.
        order = owners[np.argsort(-log_e, kind="stable")][: max(int((log_e > 0).sum()), FEWEST)]
        sizes = sorted({*np.minimum(len(order), np.rint(FEWEST * 1.25 ** np.arange(24))).astype(int).tolist()})
        tried = [np.sort(order[:size]) for size in sizes]
        weights = [linkage(population, one).weighted_log10 for one in tried]
        heaviest = int(np.argmax(weights))                                                       # 2.
        if weights[heaviest] <= weight:
            break
        best, weight = tried[heaviest], weights[heaviest]
    return best


def members(
    population: Population, group: npt.NDArray[np.int32], *, q: float, others: bool = True, without: int | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """
    Return the owners that belong to a set, their log e-values and their L; empty when nobody does.

    As `belonging`, without the core.
    """
    return belonging(population, group, q=q, others=others, without=without)[:3]


class Belonging(NamedTuple):
    """The owners that belong to a set, their log e-values, their L, and the core that they were scored against."""

    owners: npt.NDArray[np.int32]
    log_e: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64]
    core: npt.NDArray[np.int32]


def belonging(
    population: Population, group: npt.NDArray[np.int32], *, q: float, others: bool = True, without: int | None = None
) -> Belonging:
    """
    Return the owners that belong to a set, with the core that tells; empty when nobody does.

    `others` and `without` are those of `member_e_values`.

    1. Score everybody against the core, at first the group as proposed.
    2. Those that e-BH keeps are members.
    3. The next core is those who belong as likely as not, and those of the old core that nothing speaks against (e ≥ 1): an
       owner may help to recognise others without being certain enough to be accused, and one that is left outside counts
       as an unrelated holder of what it shares. Repeat until the members stay the same.
    4. A household or a small firm that uses a campaign's template has its card and its device in common with itself, and that
       template with the rest. Owners that only those they are tied to speak for are no members. Not asked again `without` a group.
    """
    core = against = owners = group
    log_e, means = np.zeros(len(group)), np.ones((len(group), len(population.incidence.groups)))
    kept = np.zeros(len(group), dtype=bool)
    before = np.zeros(0, dtype=np.int32)
    for _ in range(PASSES):
        against = core
        owners, log_e, means = member_e_values(population, core, others=others, without=without)  # 1.
        kept = e_bh(log_e, population.incidence.n_owners, q)                                 # 2.
        if np.array_equal(owners[kept], before):
            break
        before = owners[kept]
        likely = e_bh(log_e, population.incidence.n_owners, LIKELY)
        core = owners[likely | (np.isin(owners, core) & (log_e >= 0))]                       # 3.
        if not len(core):
            break
    if without is None:
        kept &= ~np.isin(owners, _alone(population, against, int(kept.sum())))               # 4.
    return Belonging(owners[kept], log_e[kept], means[kept], against)


def _alone(population: Population, core: npt.NDArray[np.int32], r: int) -> npt.NDArray[np.int32]:
    """
    Return the owners of a core that only those they are tied to speak for.

    1. Two owners are tied by values of two dependence groups or more that both hold, and at most `NARROW` of the core. What ties
       connect is a clump, if it is at most an eighth of the core.
    2. Each clump is scored against the core without it (and without the other clumps of its fold). It is left alone where none of
       its owners is as likely as not to be one of `r` members.
    """
    number = _clumps(population, core)                                                               # 1.
    size = np.bincount(number, minlength=1)[number]
    clumped = (size > 1) & (size <= len(core) // 8)
    found = [np.zeros(0, dtype=np.int32)]
    for fold in range(FOLDS if clumped.any() else 0):                                          # 2.
        aside = clumped & (number % FOLDS == fold)
        if not aside.any() or aside.all():
            continue
        owners, log_e, _ = scored(Core(population, core[~aside]), others=False, also=core[aside])
        likely = np.zeros(int(number.max()) + 1)
        np.maximum.at(likely, number[aside], log_e[np.searchsorted(owners, core[aside])])
        found.append(core[aside & (likely[number] < np.log(population.incidence.n_owners / max(r, 1)))])
    return np.sort(np.concatenate(found))


def _clumps(population: Population, core: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the number of the clump that each owner of a core lies in."""
    incidence = population.incidence
    member, value = population.rows(core)
    _, at, held = np.unique(value, return_inverse=True, return_counts=True)
    narrow = (held[at] >= 2) & (held[at] <= NARROW)
    member, at, group = member[narrow], at[narrow], incidence.kind_group[incidence.value_kind[value[narrow]]]
    ties = csr_array((len(core), len(core)), dtype=np.int64)
    for one in np.unique(group):
        mine = group == one
        holds = coo_array((np.ones(int(mine.sum()), dtype=np.int64), (member[mine], at[mine])), shape=(len(core), len(held)))
        ties = ties + (holds.tocsr() @ holds.tocsr().T).astype(bool).astype(np.int64)
    return np.asarray(connected_components(ties >= TIED, directed=False)[1], dtype=np.int32)


def without_each_group(
    population: Population, owners: npt.NDArray[np.int32], means: npt.NDArray[np.float64], *, q: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """
    Return the log factor of every group in each member's e-value, and who stays when a group says nothing: (owners, groups).

    Stakes are chosen on the members, fold by fold, as for membership itself; nobody new is looked for. `means` are the factors e_G.
    """
    factors: npt.NDArray[np.float64] = np.log(np.maximum(means, SMALLEST_FACTOR))
    stays = []
    for group in range(means.shape[1]):
        scored, left, _ = member_e_values(population, owners, others=False, without=group)
        kept = e_bh(left, population.incidence.n_owners, q)
        stays.append(kept[np.searchsorted(scored, owners)])
    return factors, np.stack(stays, axis=1)
