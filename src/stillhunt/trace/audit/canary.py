"""
The canary test: among equally good answers, does the suspect prefer the half that our key favoured?

For a class q of questions with m equally good answers, the key favoured a uniformly drawn half H_q while serving. X_qj is any
preference of the suspect for answer j that was computed without the key: how often it gave j, or how likely it finds j compared
with a reference model. T = Σ_q Σ_{j in H_q} X_qj; over the draw of the halves each class is uniform on its C(m, m/2) halves, so
that T is a sum of independent draws from known values, and its tail is exact.
(Keyed choices as evidence: J. Wei et al., "Proving membership in LLM pretraining data via data watermarks", arXiv 2402.10892.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.null_sum import Floats, NullSum, Tail, lattice, redrawn, tail

LARGEST_M = 20
"""Most answers in a class: C(20, 10) = 184,756 halves are enumerated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryClass:
    """One class of an audit: the suspect's preference for each answer, and the favoured half."""

    name: str
    preference: Mapping[str, float]
    favoured: frozenset[str]

    def __post_init__(self) -> None:
        """Refuse what is no half."""
        m = len(self.preference)
        if m % 2 or m > LARGEST_M or len(self.favoured) != m // 2 or not self.favoured <= set(self.preference):
            raise ConfigError(
                f"Canary class `{self.name}` has {m} answers of which {len(self.favoured)} are favoured.\n"
                f"An even number up to {LARGEST_M}, half of them favoured, is what the test is for."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryTest:
    """The result: exact `tail`, share of all positive preference on favoured answers, classes with any, and a drawn null."""

    classes: int
    informative: int
    favoured_share: float
    tail: Tail
    null: Floats


def canary_test(classes: Sequence[CanaryClass], *, seed: int = 0, draws: int = 4000) -> CanaryTest:
    """Return the test over classes; the same class may appear once only."""
    if len({c.name for c in classes}) < len(classes):
        raise ConfigError("A canary class appears twice, but its half was drawn once.\nAdd up its preferences first.")
    rows = [_half_sums(list(c.preference.values())) for c in classes]
    width = max((len(r) for r in rows), default=1)
    value, weight = np.zeros((len(rows), width)), np.zeros((len(rows), width))
    for i, sums in enumerate(rows):
        value[i, : len(sums)], weight[i, : len(sums)] = sums, 1.0 / len(sums)
    # The lattice rounds sums of halves, so that the observed one is looked up among them.
    rounded = lattice(value, weight)
    places = [_place(list(c.preference), c.favoured) for c in classes]
    observed = float(sum(rounded[i, j] for i, j in enumerate(places)))
    law = NullSum(value=rounded, weight=weight)
    sd = law.sd()
    positive = [max(x, 0.0) for c in classes for x in c.preference.values()]
    on_favoured = [max(c.preference[a], 0.0) for c in classes for a in c.favoured]
    return CanaryTest(
        classes=len(classes),
        informative=sum(len(set(c.preference.values())) > 1 for c in classes),
        favoured_share=sum(on_favoured) / sum(positive) if sum(positive) else 0.0,
        tail=tail(law, observed),
        null=(redrawn(law, draws, seed) - law.mean()) / sd if sd and draws else np.empty(0),
    )


def counted(answers: Sequence[str], found: Mapping[int, Collection[str]]) -> dict[str, float]:
    """
    Return how often each answer of a class was given; `found` are the answers seen in each sample.

    A sample that names several answers counts a share for each.
    """
    counts = dict.fromkeys(answers, 0.0)
    for names in found.values():
        for name in names:
            counts[name] += 1.0 / len(names)
    return counts


@cache
def _halves(m: int) -> npt.NDArray[np.int64]:
    return np.array(list(combinations(range(m), m // 2)), dtype=np.int64)


def _half_sums(preference: Sequence[float]) -> Floats:
    return np.asarray(np.asarray(preference, dtype=np.float64)[_halves(len(preference))].sum(axis=1))


def _place(answers: Sequence[str], favoured: frozenset[str]) -> int:
    chosen = np.array([i for i, a in enumerate(answers) if a in favoured])
    return int(np.flatnonzero((_halves(len(answers)) == chosen).all(axis=1))[0])
