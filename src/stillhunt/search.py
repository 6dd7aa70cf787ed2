"""
Traits → groups, with all that the judge needs of them: the middle of a run, in one place.

A hunt goes through it once; an audit goes through it again on the same log, with what is declared about the controls
forgotten, or with everything that could link anybody broken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.digest import traits
from stillhunt.engines import Engine
from stillhunt.graph import candidate_pairs, propose
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.membership import best_supported
from stillhunt.judge.sets import LINKED_LOG10
from stillhunt.model import Incidence, LeftOut

LINKING_KINDS = [(k.kind, k.group) for k in traits.KINDS if k.group is not None]
"""The kinds of trait that link, each with its dependence group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What was proposed: the population, its groups, the links between owners without a licence, and the threshold."""

    population: Population
    groups: list[npt.NDArray[np.int32]]
    links: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]
    tau: float
    left_out: tuple[LeftOut, ...]


def search(
    engine: Engine, incidence: Incidence, *, seed: int, progress: Callable[[float], None] = lambda share: None
) -> Search:
    """
    Propose groups of owners from the incidence, which the engine holds as well.

    Licensed owners are counted in the population but never proposed.
    """
    pairs = candidate_pairs(engine, incidence, seed=seed)
    progress(0.7)
    licensed = (
        engine.fetch("SELECT owner FROM owner WHERE licence IS NOT NULL ORDER BY owner").column("owner").to_numpy()
    )
    free = ~(np.isin(pairs.i, licensed) | np.isin(pairs.j, licensed))
    links = (pairs.i[free], pairs.j[free], pairs.s[free])
    population = Population(incidence)
    groups = propose(
        *links,
        n_owners=incidence.n_owners,
        weigh=lambda group: linkage(population, group).weighted_log10,
        trim=lambda group: best_supported(population, group),
        enough=LINKED_LOG10,
        seed=seed,
    )
    return Search(population=population, groups=groups, links=links, tau=pairs.tau, left_out=pairs.left_out)
