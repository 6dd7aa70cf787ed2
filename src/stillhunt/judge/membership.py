r"""
Membership: which owners belong to a set, one by one, by e-BH over all owners.

    e_i = Π_G [1 + π_G (L_iG(C \ {i}) - 1)]

The stake π_G is the one that would have won most on the other members, chosen on folds that i is not in: a group of
traits in which the set shares nothing costs its members nothing.

e-BH keeps the largest r with e_(r) ≥ n / (q r); it controls the false discovery rate under any dependence.
Source: R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS-B 84 (2022).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from stillhunt.judge.linkage import Population, group_means

STAKES = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9)
FOLDS = 5

WIDEST_VALUE = 2000
"""A value held by more owners than this brings nobody into question as a member."""

GROWTH = 4
"""Outsiders are scored when what they share could reach n divided by this many times the size of the core."""

PASSES = 6


def member_e_values(
    population: Population, core: npt.NDArray[np.int32], *, others: bool = True, without: int | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """
    Return owners, their log e-value against the core without them, and L (owners, groups).

    The owners are the core and, with `others`, everybody whose values could make them a member. The dependence group
    `without` says nothing either way (L = 1).
    """
    incidence = population.incidence
    _, core_value = population.rows(core)
    values, in_core = np.unique(core_value, return_counts=True)
    owners = np.unique(core).astype(np.int32)
    if others:
        owners = np.union1d(owners, _may_belong(population, values, in_core, len(owners))).astype(np.int32)
    in_set = np.isin(owners, core)
    member, value = population.rows(owners)
    kind = incidence.value_kind[value].astype(np.int64)
    at = np.minimum(np.searchsorted(values, value), len(values) - 1)
    count = np.where(values[at] == value, in_core[at], 0).astype(np.float64)
    n_kinds = len(incidence.kinds)
    core_total = np.bincount(incidence.value_kind[core_value], minlength=n_kinds).astype(np.float64)
    own = np.bincount(member * n_kinds + kind, minlength=len(owners) * n_kinds).reshape(len(owners), n_kinds)
    is_core = in_set[member]
    x = count - is_core
    total = core_total[kind] - np.where(is_core, own[member, kind], 0)
    u = population.popularity(
        value, incidence.stratum[owners][member], x + 1.0, total + own[member, kind]
    )
    ratio = np.where(total > 0, x / np.maximum(total, 1) / u, 1.0)
    means = group_means(ratio, member, kind, len(owners), incidence)
    if without is not None:
        means[:, without] = 1.0
    stakes = _stakes(means[in_set], owners[in_set])
    return owners, np.log1p(stakes[owners % FOLDS] * (means - 1)).sum(axis=1), means


def _may_belong(
    population: Population, values: npt.NDArray[np.int32], in_core: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int32]:
    """
    Return the owners of whom Π_G max_v ratio_v, over the values shared with the core, reaches n / (`GROWTH` size).

    A mean is at most its largest term and a stake at most one, so nobody else's e-value reaches that. Only owners that share
    a value which at most `WIDEST_VALUE` hold are looked at: an owner linked by wide values alone counts as e-value zero.
    """
    incidence = population.incidence
    kind = incidence.value_kind[values]
    total = np.bincount(kind, weights=in_core, minlength=len(incidence.kinds))[kind]
    rest = np.maximum(population.n_of_value[values] - in_core, 1.0)
    ratio = in_core / total * np.maximum(population.n_of_kind[kind] - total, 1.0) / rest
    narrow = values[(population.n_of_value[values] <= WIDEST_VALUE) & (ratio > 1)]
    population.scratch[values] = np.log(np.maximum(ratio, 1.0))
    found: npt.NDArray[np.int32] = _bounded_holders(
        narrow.astype(np.int64),
        population.scratch,
        incidence.kind_group[incidence.value_kind].astype(np.int64),
        population.value_start,
        incidence.owner,
        population.owner_start,
        population.by_owner_value,
        len(incidence.groups),
        np.log(incidence.n_owners) - np.log(GROWTH * size) - 1e-3,
    )
    population.scratch[values] = 0.0
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


def _stakes(means: npt.NDArray[np.float64], core: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return, per fold and group, the stake that wins most on the core's members outside the fold."""
    grid = np.array(STAKES)
    wealth = np.log1p(grid[:, None, None] * (means[None] - 1))
    out = np.zeros((FOLDS, means.shape[1]))
    for fold in range(FOLDS):
        out[fold] = grid[np.argmax(wealth[:, core % FOLDS != fold].sum(axis=1), axis=0)]
    return out


def e_bh(log_e: npt.NDArray[np.float64], n: int, q: float) -> npt.NDArray[np.bool_]:
    """Return which hypotheses e-BH rejects at level q among n (those not listed have e-value 0)."""
    order = np.argsort(-log_e, kind="stable")
    ranks = np.arange(1, len(order) + 1)
    passing = np.flatnonzero(log_e[order] >= np.log(n) - np.log(q * ranks))
    kept = np.zeros(len(log_e), dtype=bool)
    if len(passing):
        kept[order[: passing[-1] + 1]] = True
    return kept


def spoken_for(population: Population, group: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the owners of a group whose values the rest of the group makes more likely, not less (e > 1)."""
    owners, log_e, _ = member_e_values(population, group, others=False)
    return owners[log_e > 0]


def members(
    population: Population, group: npt.NDArray[np.int32], *, q: float, others: bool = True, without: int | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """
    Return the owners that belong to a set, their log e-values and their L; empty when nobody does.

    `others` and `without` are those of `member_e_values`.

    1. Score everybody against the core, at first the group as proposed.
    2. Those that e-BH keeps are members.
    3. The next core is the members and those of the old core that nothing speaks against (e ≥ 1): an owner may help to
       recognise others without being certain enough to be accused. Repeat until the members stay the same.
    """
    core = owners = group
    log_e, means = np.zeros(len(group)), np.ones((len(group), len(population.incidence.groups)))
    kept = np.zeros(len(group), dtype=bool)
    before = np.zeros(0, dtype=np.int32)
    for _ in range(PASSES):
        owners, log_e, means = member_e_values(population, core, others=others, without=without)  # 1.
        kept = e_bh(log_e, population.incidence.n_owners, q)                                 # 2.
        if np.array_equal(owners[kept], before):
            break
        before = owners[kept]
        core = owners[kept | (np.isin(owners, core) & (log_e >= 0))]                         # 3.
        if not len(core):
            break
    return owners[kept], log_e[kept], means[kept]


def without_each_group(
    population: Population, owners: npt.NDArray[np.int32], means: npt.NDArray[np.float64], *, q: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """
    Return the log factor of every group in each member's e-value, and who stays when a group says nothing: (owners, groups).

    Stakes are chosen on the members, fold by fold, as for membership itself; nobody new is looked for.
    """
    stakes = _stakes(means, owners)
    factors: npt.NDArray[np.float64] = np.log1p(stakes[owners % FOLDS] * (means - 1))
    left = factors.sum(axis=1)[:, None] - factors
    stays = np.stack([e_bh(one, population.incidence.n_owners, q) for one in left.T], axis=1)
    return factors, stays
