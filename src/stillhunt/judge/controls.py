"""
The rule on sets that are known to be honest: how it ends for each of them, and the bound that follows.

A control is put to the three keys as it was given, as if nothing had been declared about its accounts. Key 2 is put to every
control, so that its p-values can be held against the diagonal; rejected is one that all three keys pass at the p-value up to
which the hunt reported sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from stillhunt.controls import Control
from stillhunt.engines import Engine
from stillhunt.judge.interchangeable import NotRun
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.operate import NAMES, JointOperation, joint_operation
from stillhunt.judge.rule import Rule
from stillhunt.judge.sets import FEWEST_OWNERS, LinkedOwners, concealed, linked_sets
from stillhunt.judge.traffic import Suspects

CONFIDENCE = 0.95
PERCENTILE = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownHonest:
    """A control before it is judged: its label, its owners in this log, how many accounts that is."""

    label: str
    owners: npt.NDArray[np.int32]
    accounts: int


def rate_upper(rejected: int, controls: int) -> float:
    """
    Return the upper end of the one-sided exact interval for the share rejected, at `CONFIDENCE`.

    Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934).
    """
    if rejected >= controls:
        return 1.0
    return float(beta.ppf(CONFIDENCE, rejected + 1, controls - rejected))


def first_percentile(values: Sequence[float]) -> float | None:
    """
    Return the k-th smallest value, k = ⌊(n + 1) / 100⌋; None where k = 0, that is for fewer than 99 values.

    A further value from the same source is smaller with probability k / (n + 1), at most one in a hundred, whatever the
    distribution (order statistics of exchangeable values). With fewer than 99 nothing that was seen is small enough.
    """
    k = int(PERCENTILE * (len(values) + 1) + 1e-9)
    return sorted(values)[k - 1] if k else None


def judge_controls(
    engine: Engine,
    population: Population,
    known: Sequence[KnownHonest],
    linked: npt.NDArray[np.int32],
    rule: Rule,
    *,
    cutoff: float,
    progress: Callable[[float], None],
) -> tuple[Control, ...]:
    """
    Put the rule to each control; `linked` are the owners that are linked to anybody (nobody's innocent others).

    1. Key 1 and membership on the control as given.
    2. Key 2 on the set that key 1 leaves, or on the control itself.
    3. Key 3, and the cut-off of the hunt.
    """
    found = [                                                                                               # 1.
        linked_sets(population, [one.owners], membership_level=rule.membership_level, linkage_level=rule.linkage_level)
        for one in known
    ]
    sets = [sets[0].owners if sets else one.owners for sets, one in zip(found, known, strict=True)]
    able = [number for number, owners in enumerate(sets) if len(owners) >= FEWEST_OWNERS]
    everybody = np.concatenate([linked, *(one.owners for one in known)]).astype(np.int32)
    suspects = Suspects(engine, [sets[number] for number in able], everybody, rule.salted)
    out = {}
    for place, number in enumerate(able):                                                                   # 2.
        traffic = suspects.traffic(place)
        operated = joint_operation(traffic, rho0=rule.rho0, draws=rule.draws, seed=rule.seed)
        one = found[number][0] if found[number] else None
        acting = np.unique(traffic.calls.column("account").to_numpy()[traffic.rows])                        # 3.
        customers = concealed(population, sets[number][acting]).customers if len(acting) else None
        out[number] = _control(population, known[number], one, operated, customers, rule, cutoff)
        progress((place + 1) / len(able))
    suspects.forget()
    return tuple(out.get(number) or _too_small(one) for number, one in enumerate(known))


def _control(
    population: Population,
    known: KnownHonest,
    found: LinkedOwners | None,
    operated: JointOperation,
    customers: float | None,
    rule: Rule,
    cutoff: float,
) -> Control:
    smallest = {
        name: min(one.p_values[name] for one in operated.strands if name in one.p_values)
        for name in NAMES
        if any(name in one.p_values for one in operated.strands)
    }
    ran = [one.interchange for one in operated.strands if not isinstance(one.interchange, NotRun)]
    coherence = [rho for test in ran for rho in (test.rho, test.quieter_rho) if rho is not None]
    disguised = customers is not None and customers >= rule.declared_customers
    rejected = found is not None and disguised and operated.p_value <= cutoff
    weighed = found.linkage if found is not None else linkage(population, known.owners)
    if found is None:
        reason = "not linked by key 1 in this log: it cannot stand for linked sets."
    elif rejected:
        reason = f"rejected: linked, p = {operated.p_value:.2g}, and it presents itself as {customers:.1f} customers."
    elif not disguised:
        reason = "no disguise: " + (
            f"it presents itself as {customers:.1f} customers." if customers is not None else "no card, no e-mail domain."
        )
    else:
        reason = f"no joint operation: p = {operated.p_value:.2g}, above {cutoff:.2g}."
    return Control(
        label=known.label,
        accounts=known.accounts,
        linked=found is not None,
        linkage_log10=weighed.weighted_log10,
        declared_customers=customers,
        p_values={NAMES[name]: p for name, p in smallest.items()},
        p_value=operated.p_value,
        coherence=min(coherence, default=None),
        rejected=rejected,
        reason=reason,
    )


def _too_small(known: KnownHonest) -> Control:
    return Control(
        label=known.label,
        accounts=known.accounts,
        linked=False,
        linkage_log10=0.0,
        declared_customers=None,
        p_values={},
        p_value=None,
        coherence=None,
        rejected=False,
        reason=f"fewer than {FEWEST_OWNERS} of its accounts have calls in this log: no set of that size is judged.",
    )
