"""
Accusations judged again with their strongest leg taken away: who would still be accused.

An accusation that stands on one kind of trait, or on one test, may be explained by whatever innocent thing explains that
one. Every campaign is therefore put to the whole rule twice more: without the dependence group of traits that says most for
its linkage, and without the test that says most for its joint operation. Nothing is decided by it; a reader sees how much
rests on one leg. The search for candidates is not repeated, and the strands stay as they were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stillhunt.judge.false_discovery import adjusted
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.membership import belonging
from stillhunt.judge.operate import NAMES, JointOperation, Operation, joint_operation
from stillhunt.judge.rule import Rule
from stillhunt.judge.sets import FEWEST_OWNERS, SECOND_WITNESS_LOG10, LinkedOwners, concealed, linked_log10
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.model import Ablation, AccountId


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """
    A set that is reported, and the p-values of all sets put to key 2, of which its own has the number `number`.

    `level` is that of the Benjamini–Hochberg step; `traffic` and `operated` have every strand, shown or not.
    """

    found: LinkedOwners
    traffic: Traffic
    operated: JointOperation
    p_values: npt.NDArray[np.float64]
    number: int
    level: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Regrouped:
    """
    A set without one dependence group of traits: who is left of it, against which core, and their traffic and tests.

    `passes` says whether key 1 still holds; `fewer` whether anybody has gone, and key 2 was put to the rest.
    """

    group: int
    core: npt.NDArray[np.int32]
    log10: float
    passes: bool
    fewer: bool
    traffic: Traffic
    operated: JointOperation

    def shown(self, traffic: Traffic) -> list[tuple[Harvest, Operation]]:
        """Return the strands whose whole is shown in some traffic, with their tests; none where key 2 was not put again."""
        return self._strands(traffic, shown=True) if self.fewer else []

    def hidden(self, traffic: Traffic) -> list[Operation]:
        """Return the tests of the strands that some traffic does not show."""
        return [tests for _, tests in self._strands(traffic, shown=False)]

    def _strands(self, traffic: Traffic, *, shown: bool) -> list[tuple[Harvest, Operation]]:
        keys = {harvest.strand.rows[:1].tobytes() for harvest in traffic.harvests}
        whole = zip(self.whole, self.traffic.harvests, self.operated.strands, strict=True)
        return [(h, t) for one, h, t in whole if (one.strand.rows[:1].tobytes() in keys) == shown]

    whole: tuple[Harvest, ...]
    """The strands of the set before anybody was taken out."""


def ablations(
    population: Population, reported: Reported, again: Regrouped, accused: tuple[AccountId, ...], rule: Rule
) -> tuple[Ablation, ...]:
    """Return what is left of an accusation without its strongest trait group, `again`, and without its strongest test."""
    return (_without_group(population, reported, again, accused, rule), _without_test(population, reported, accused, rule))


def regrouped(population: Population, reported: Reported, rule: Rule) -> Regrouped:
    """
    Judge a set again with its strongest dependence group saying nothing.

    1. Membership and key 1 of those who are left; two witnesses of the remaining groups.
    2. Key 2 on their calls, where anybody has gone.
    """
    found = reported.found
    group = int(np.argmax(found.linkage.groups_log10))
    left = belonging(population, found.owners, q=rule.membership_level, others=False, without=group)     # 1.
    owners = left.owners
    log10, witnesses = linked_without(population, owners, group)
    traffic, operated = reported.traffic, reported.operated
    passes = len(owners) >= FEWEST_OWNERS and log10 >= linked_log10(rule.linkage_level) and witnesses >= 2
    fewer = passes and len(owners) < len(found.owners)
    if fewer:                                                                                            # 2.
        traffic = _of(traffic, np.searchsorted(found.owners, owners))
        operated = joint_operation(traffic, rho0=rule.rho0, draws=rule.draws, seed=rule.seed)
    return Regrouped(
        group=group, core=left.core, log10=log10, passes=passes, fewer=fewer, traffic=traffic, operated=operated,
        whole=reported.traffic.harvests,
    )  # fmt: skip


def _without_group(
    population: Population, reported: Reported, again: Regrouped, accused: tuple[AccountId, ...], rule: Rule
) -> Ablation:
    """Put the rest of the rule to what is left of a set without one dependence group."""
    operated, passes = again.operated, again.passes
    stays, q = _standing(population, reported, again.traffic, operated, rule) if passes else ((), None)
    return Ablation(
        kind="linkage",
        without=population.incidence.groups[again.group],
        linkage_log10=again.log10,
        p_value=operated.p_value if passes else None,
        q_value=q,
        accounts=_of_accused(accused, stays),
    )


def _without_test(
    population: Population, reported: Reported, accused: tuple[AccountId, ...], rule: Rule
) -> Ablation:
    """Judge again as if the strongest test had not run in any strand; the tests left still pay for all."""
    name = reported.operated.strongest
    operated = reported.operated.without(name)
    stays, q = _standing(population, reported, reported.traffic, operated, rule)
    return Ablation(
        kind="operation",
        without=NAMES[name],
        linkage_log10=reported.found.linkage.weighted_log10,
        p_value=operated.p_value,
        q_value=q,
        accounts=_of_accused(accused, stays),
    )


def linked_without(population: Population, owners: npt.NDArray[np.int32], group: int) -> tuple[float, int]:
    """Return the weighted linkage e-value (log10) of some owners without a group, and the witnesses among the others."""
    if not len(owners):
        return 0.0, 0
    weighed = linkage(population, owners)
    others = [g for number, g in enumerate(weighed.groups_log10) if number != group]
    return weighed.weighted_log10 - weighed.groups_log10[group], sum(g >= SECOND_WITNESS_LOG10 for g in others)


def _standing(
    population: Population, reported: Reported, traffic: Traffic, operated: JointOperation, rule: Rule
) -> tuple[tuple[str, ...], float]:
    """Return the accounts in strands that would be shown, and the q-value, with the other sets as they are; key 3 too."""
    p_values = reported.p_values.copy()
    p_values[reported.number] = operated.p_value
    q_values = adjusted(p_values)
    q = float(q_values[reported.number])
    if q > reported.level:
        return (), q
    seen, _ = operated.shown(traffic, reported.level * float((q_values <= reported.level).mean()))
    if not seen.harvests or not len(seen.rows):
        return (), q
    acting = np.unique(seen.calls.column("account").to_numpy()[seen.rows])
    customers = concealed(population, reported.found.owners[acting]).customers
    if customers is None or customers < rule.declared_customers:
        return (), q
    return tuple(seen.calls.column("account_id").take(seen.rows).unique().to_pylist()), q


def _of(traffic: Traffic, positions: npt.NDArray[np.int64]) -> Traffic:
    """Return the strands of a set with the calls of some of its owners only, each strand as it was chosen."""
    return replace(
        traffic,
        harvests=tuple(
            replace(harvest, strand=harvest.strand.of(np.isin(harvest.strand.account, positions)))
            for harvest in traffic.harvests
        ),
    )


def _of_accused(accused: tuple[AccountId, ...], stays: tuple[str, ...]) -> tuple[AccountId, ...]:
    left = set(stays)
    return tuple(account for account in accused if account in left)
