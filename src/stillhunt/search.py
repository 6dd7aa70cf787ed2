"""
Traits → groups, with all that the judge needs of them: the middle of a run, in one place.

A hunt goes through it once; an audit goes through it again on the same log, with what is declared about the controls
forgotten, or with everything that could link anybody broken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.digest import traits
from stillhunt.engines import Engine
from stillhunt.graph import candidate_pairs, propose
from stillhunt.graph.groups import SMALLEST
from stillhunt.graph.holders import WIDEST, with_holders
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.membership import best_supported
from stillhunt.judge.sets import LINKAGE_LEVEL, concealed, linked_log10
from stillhunt.model import Incidence, LeftOut

LINKING_KINDS = [(k.kind, k.group) for k in traits.KINDS if k.group is not None]
"""The kinds of trait that link, each with its dependence group."""

TEMPLATES = ("tools", "system", "system_mark", "template")
"""The kinds of which all holders of a value are proposed as a group: what accounts do, not where they are."""

PROBED = 300
"""Of more holders than this the first so many are weighed first, and the crowd left where these are not linked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What was proposed: the population, its groups, the links between owners without a licence, and the threshold."""

    population: Population
    groups: list[npt.NDArray[np.int32]]
    links: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]
    tau: float
    left_out: tuple[LeftOut, ...]


def search(
    engine: Engine,
    incidence: Incidence,
    *,
    seed: int,
    several: float,
    linkage_level: float = LINKAGE_LEVEL,
    progress: Callable[[float], None] = lambda share: None,
) -> Search:
    """
    Propose groups of owners from the incidence, which the engine holds as well.

    Licensed owners are counted in the population but never proposed. A group that links propose and that looks like fewer than
    `several` unrelated customers is one customer with many accounts, and stays as it is. Groups are split until they are linked
    at `linkage_level`.
    """
    enough = linked_log10(linkage_level)
    pairs = candidate_pairs(engine, incidence, seed=seed)
    progress(0.7)
    licensed = (
        engine.fetch("SELECT owner FROM owner WHERE licence IS NOT NULL ORDER BY owner").column("owner").to_numpy()
    )
    free = ~(np.isin(pairs.i, licensed) | np.isin(pairs.j, licensed))
    links = (pairs.i[free], pairs.j[free], pairs.s[free])
    population = Population(incidence)

    def evidence(group: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        weighed = linkage(population, group)
        return np.array(weighed.groups_log10) * (weighed.weighted_log10 >= enough)

    def one_customer(group: npt.NDArray[np.int32]) -> bool:
        customers = concealed(population, group).customers
        return customers is not None and customers < several

    groups = propose(
        *links,
        n_owners=incidence.n_owners,
        weigh=lambda group: linkage(population, group).weighted_log10,
        trim=lambda group: best_supported(population, group),
        enough=enough,
        seed=seed,
    )
    likely = [
        crowd
        for crowd in crowds(population, TEMPLATES, licensed)
        if len(crowd) <= PROBED or evidence(crowd[:PROBED]).any()
    ]
    progress(0.9)
    groups = with_holders(
        groups, likely, n_owners=incidence.n_owners, evidence=evidence, one_customer=one_customer
    )
    return Search(population=population, groups=groups, links=links, tau=pairs.tau, left_out=pairs.left_out)


def crowds(
    population: Population, kinds: Sequence[str], licensed: npt.NDArray[np.integer[Any]]
) -> list[npt.NDArray[np.int32]]:
    """Return the different sets of owners, without licensed ones, that hold a value of some kinds, each sorted."""
    incidence = population.incidence
    numbers = [incidence.kinds.index(kind) for kind in kinds if kind in incidence.kinds]
    wide = (population.n_of_value >= SMALLEST) & (population.n_of_value <= WIDEST)
    free = np.ones(incidence.n_owners, dtype=bool)
    free[licensed] = False
    found: dict[bytes, npt.NDArray[np.int32]] = {}
    for value in np.flatnonzero(wide & np.isin(incidence.value_kind, numbers)).tolist():
        holders = population.holders(value)
        holders = np.sort(holders[free[holders]]).astype(np.int32)
        found.setdefault(hashlib.blake2b(holders.tobytes(), digest_size=16).digest(), holders)
    return [holders for holders in found.values() if len(holders) >= SMALLEST]
