"""
Groups → sets that are linked, with the owners that belong to them, and what each presents itself as.

Keys 1 and 3 are decided here; both use traits only. What is left for key 2 are the sets that pass both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.judge.concealment import Concealment, concealment
from stillhunt.judge.linkage import Linkage, Population, linkage
from stillhunt.judge.membership import members

LINKAGE_LEVEL = 0.01
"""The chance that any set of unrelated owners at all passes key 1."""

SECOND_WITNESS_LOG10 = 2.0
"""A second dependence group must carry an e-value of at least 100 of its own."""

FEWEST_OWNERS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedOwners:
    """A set that passes key 1: its owners, their log e-values and L by group, the linkage, and key 3."""

    owners: npt.NDArray[np.int32]
    log_e: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64]
    linkage: Linkage
    concealment: Concealment


def linked_sets(
    population: Population, groups: Iterable[npt.NDArray[np.int32]], *, membership_level: float
) -> list[LinkedOwners]:
    """
    Return the disjoint sets that are linked beyond chance, by two witnesses.

    1. Key 1 on the group as proposed.
    2. Membership, owner by owner.
    3. An owner that belongs to two sets stays with the one it has more evidence for.
    4. Key 1 again on what is left; a second witness; key 3.
    """
    found = []
    for group in groups:
        if not linked(population, group):                                                       # 1.
            continue
        owners, log_e, means = members(population, group, q=membership_level)                    # 2.
        if len(owners) >= FEWEST_OWNERS:
            found.append((owners, log_e, means))
    kept = _disjoint(found)                                                                      # 3.
    out = []
    for owners, log_e, means in kept:                                                            # 4.
        if len(owners) < FEWEST_OWNERS:
            continue
        weighed = _weighed(population, owners)
        witnesses = sum(g >= SECOND_WITNESS_LOG10 for g in weighed.groups_log10)
        if weighed.weighted_log10 < -np.log10(LINKAGE_LEVEL) or witnesses < 2:
            continue
        out.append(
            LinkedOwners(
                owners=owners, log_e=log_e, means=means, linkage=weighed, concealment=_concealed(population, owners)
            )
        )
    return out


def linked(population: Population, owners: npt.NDArray[np.int32]) -> bool:
    """Whether a set passes key 1: unrelated owners do with probability at most `LINKAGE_LEVEL`, whatever the set."""
    return _weighed(population, owners).weighted_log10 >= -np.log10(LINKAGE_LEVEL)


def _weighed(population: Population, owners: npt.NDArray[np.int32]) -> Linkage:
    return linkage(population, np.sort(owners))


def _disjoint(
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]],
) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    best: dict[int, tuple[float, int]] = {}
    for number, (owners, log_e, _) in enumerate(found):
        for owner, e in zip(owners.tolist(), log_e.tolist(), strict=True):
            if owner not in best or e > best[owner][0]:
                best[owner] = (e, number)
    out = []
    for number, (owners, log_e, means) in enumerate(found):
        mine = np.array([best[owner][1] == number for owner in owners.tolist()], dtype=bool)
        out.append((owners[mine], log_e[mine], means[mine]))
    return out


def _concealed(population: Population, owners: npt.NDArray[np.int32]) -> Concealment:
    incidence = population.incidence
    return concealment(
        owners,
        _rows_of(population, "card"),
        _rows_of(population, "email_domain"),
        incidence.n_owners,
        population.n_of_value,
    )


def _rows_of(population: Population, kind: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    incidence = population.incidence
    if kind not in incidence.kinds:
        nothing = np.zeros(0, dtype=np.int32)
        return nothing, nothing
    rows = incidence.value_kind[incidence.value] == incidence.kinds.index(kind)
    return incidence.owner[rows], incidence.value[rows]
