"""
Groups → sets that are linked, with the owners that belong to them, and what each presents itself as.

Keys 1 and 3 are decided here; both use traits only. What is left for key 2 are the sets that pass both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.judge.concealment import Concealment, concealment
from stillhunt.judge.linkage import Linkage, Population, linkage
from stillhunt.judge.membership import belonging

LINKAGE_LEVEL = 0.01
LINKAGE_SHARE = 5
"""Key 1 takes a fifth of a hunt's level, and at most this much; the rest is for key 2."""

SECOND_WITNESS_LOG10 = 2.0
"""A second dependence group must carry an e-value of at least 100 of its own."""

FEWEST_OWNERS = 5

NOBODY = np.zeros(0, dtype=np.int32)


def linkage_level(level: float) -> float:
    """Return the chance that any set of unrelated owners at all may pass key 1, for a hunt at that level."""
    return min(LINKAGE_LEVEL, level / LINKAGE_SHARE)


def linked_log10(linkage_level: float) -> float:
    """Return the weighted linkage e-value, in log10, from which a set counts as linked (Markov's inequality)."""
    return -float(np.log10(linkage_level))


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedOwners:
    """
    A set that passes key 1: its owners, their log e-values and L by group, the linkage, and key 3.

    `group` is the set as proposed, on which the linkage was weighed; `core` the owners that membership was scored against.
    """

    owners: npt.NDArray[np.int32]
    log_e: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64]
    linkage: Linkage
    concealment: Concealment
    group: npt.NDArray[np.int32]
    core: npt.NDArray[np.int32]


def linked_sets(
    population: Population,
    groups: Iterable[npt.NDArray[np.int32]],
    *,
    membership_level: float,
    linkage_level: float = LINKAGE_LEVEL,
    licensed: npt.NDArray[np.integer[Any]] = NOBODY,
) -> list[LinkedOwners]:
    """
    Return the disjoint sets that are linked beyond chance, by two witnesses.

    1. Key 1 on the group as proposed, and a second witness.
    2. Membership, owner by owner; `licensed` owners are no members of anything, whatever they share.
    3. An owner that belongs to two sets stays with the one it has more evidence for; key 3 on what is left.
    """
    found, enough = [], linked_log10(linkage_level)
    for group in groups:
        weighed = linkage(population, group)                                                    # 1.
        witnesses = sum(g >= SECOND_WITNESS_LOG10 for g in weighed.groups_log10)
        if weighed.weighted_log10 < enough or witnesses < 2:
            continue
        belong = belonging(population, group, q=membership_level)                                # 2.
        own = ~np.isin(belong.owners, licensed)
        found.append(_Scored(belong.owners[own], belong.log_e[own], belong.means[own], weighed, group, belong.core))
    out = []
    for one in _disjoint(found):                                                                 # 3.
        if len(one.owners) >= FEWEST_OWNERS:
            out.append(
                LinkedOwners(
                    owners=one.owners,
                    log_e=one.log_e,
                    means=one.means,
                    linkage=one.linkage,
                    group=one.group,
                    core=one.core,
                    concealment=concealed(population, one.owners),
                )
            )
    return out


class _Scored(NamedTuple):
    owners: npt.NDArray[np.int32]
    log_e: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64]
    linkage: Linkage
    group: npt.NDArray[np.int32]
    core: npt.NDArray[np.int32]


def _disjoint(found: list[_Scored]) -> list[_Scored]:
    best: dict[int, tuple[float, int]] = {}
    for number, one in enumerate(found):
        for owner, e in zip(one.owners.tolist(), one.log_e.tolist(), strict=True):
            if owner not in best or e > best[owner][0]:
                best[owner] = (e, number)
    out = []
    for number, one in enumerate(found):
        mine = np.array([best[owner][1] == number for owner in one.owners.tolist()], dtype=bool)
        out.append(one._replace(owners=one.owners[mine], log_e=one.log_e[mine], means=one.means[mine]))
    return out


def concealed(population: Population, owners: npt.NDArray[np.int32]) -> Concealment:
    """Return key 3 of some owners."""
    incidence = population.incidence
    return concealment(
        owners,
        _rows_of(population, owners, "card"),
        _rows_of(population, owners, "email_domain"),
        incidence.n_owners,
        population.n_of_value,
    )


def _rows_of(
    population: Population, owners: npt.NDArray[np.int32], kind: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return (owner, value) of the values of one kind that some owners hold."""
    incidence = population.incidence
    if kind not in incidence.kinds:
        nothing = np.zeros(0, dtype=np.int32)
        return nothing, nothing
    member, value = population.rows(owners)
    mine = incidence.value_kind[value] == incidence.kinds.index(kind)
    return owners[member[mine]], value[mine]
