"""Test results → evidence: sentences with the numbers that carry them, and the null each was held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillhunt.judge.copies import LARGEST_SHARE, WINDOW_S
from stillhunt.judge.interchangeable import NotRun
from stillhunt.judge.joins.findings import passed_on
from stillhunt.judge.linkage import Population
from stillhunt.judge.nulls import copies_null, interchange_null, of_draws
from stillhunt.judge.operate import NAMES, JointOperation, Operation
from stillhunt.judge.sets import LinkedOwners, linked_log10
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.model import Evidence, ExchangeId

POINTERS = 20
"""Exchange ids that a piece of evidence points to, at most."""

TOP_VALUES = 5

WEAK_P = 0.05
"""A test with a larger p-value is shown, but not as evidence of joint operation."""


def evidence(
    population: Population,
    found: LinkedOwners,
    traffic: Traffic,
    operated: JointOperation,
    labels: Mapping[str, str],
    *,
    threshold: float,
    rho0: float,
    linkage_level: float,
) -> tuple[Evidence, ...]:
    """Return the evidence of the three keys, strongest witness first; key 2 strand by strand."""
    out = [_linkage(population, found, linkage_level), *_witnesses(population, found, labels)]
    for number, (harvest, operation) in enumerate(zip(traffic.harvests, operated.strands, strict=True), 1):
        pointers = _pointers(traffic, harvest)
        tests = (
            _clock(operation, pointers),
            _interchange(operation, rho0, pointers),
            _queue(operation, pointers),
            _multiplicity(operation, pointers),
            _copies(operation, pointers),
            *passed_on(traffic.calls, harvest, operation),
        )
        of = f"strand {number} of {len(traffic.harvests)}" if len(traffic.harvests) > 1 else ""
        shown = [_of_strand(_weak(t), of, harvest) for t in tests if t is not None]
        out += sorted(shown, key=lambda t: t.p_value or 0.0)
    out.append(_concealment(found, threshold))
    return tuple(out)


def _of_strand(test: Evidence, of: str, harvest: Harvest) -> Evidence:
    """Say which accounts a test is about, where a set has several strands."""
    if not of:
        return test
    accounts = len(np.unique(harvest.strand.account))
    return replace(test, test=f"{test.test}, {of}", statement=f"Of the {accounts:,} accounts in {of}: {test.statement}")


def _weak(test: Evidence) -> Evidence:
    """A test that does not reject stays on the page, as what it is."""
    if test.p_value is not None and test.p_value > WEAK_P:
        return replace(test, kind="indicator", statement=f"{test.statement} This test does not speak for one operator.")
    return test


def shared_kinds(population: Population, found: LinkedOwners, member: int, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the trait kinds of which a member holds a value that others of the set hold too."""
    _, set_value = population.rows(found.owners)
    values, holders = np.unique(set_value, return_counts=True)
    _, own = population.rows(found.owners[member : member + 1])
    shared = own[np.isin(own, values[holders >= 2])]
    rare = shared[population.n_of_value[shared] < 0.05 * population.incidence.n_owners]
    kinds = np.unique(population.incidence.value_kind[rare])
    return tuple(labels[population.incidence.kinds[k]] for k in kinds)


def _linkage(population: Population, found: LinkedOwners, level: float) -> Evidence:
    link = found.linkage
    names = population.incidence.groups
    strongest = int(np.argmax(link.groups_log10))
    return Evidence(
        kind="linkage",
        test="urn bet over all subsets",
        statement=(
            f"{len(found.owners):,} owners share values that unrelated customers do not: the weighted linkage e-value is"
            f" 10^{link.weighted_log10:.1f}, and any set of unrelated customers anywhere in this log reaches"
            f" 10^{linked_log10(level):.3g} with probability at most {100 * level:.3g}%."
            f" Without its strongest witness ({names[strongest]}) it is 10^{link.without_strongest_log10:.1f}."
        ),
        e_value_log10=link.weighted_log10,
        effect={
            **{f"log10 e-value, {name}": round(g, 2) for name, g in zip(names, link.groups_log10, strict=True)},
            "log10 price of choosing the set": round(link.price_log10, 2),
            "log10 without strongest witness": round(link.without_strongest_log10, 2),
        },
    )


def _witnesses(population: Population, found: LinkedOwners, labels: Mapping[str, str]) -> list[Evidence]:
    """One piece of evidence per dependence group that speaks for the set, with the most surprising shared values."""
    incidence = population.incidence
    _, value = population.rows(found.owners)
    values, inside = np.unique(value, return_counts=True)
    s = len(found.owners)
    out = []
    for group in np.argsort(-np.array(found.linkage.groups_log10), kind="stable"):
        if found.linkage.groups_log10[group] < 1:
            continue
        mine = np.flatnonzero((incidence.kind_group[incidence.value_kind[values]] == group) & (inside >= 2))
        if not len(mine):
            continue
        lift = (inside[mine] / s) / (population.n_of_value[values[mine]] / incidence.n_owners)
        top = mine[np.argsort(-(inside[mine] * np.log(np.maximum(lift, 1.0))), kind="stable")][:TOP_VALUES]
        described = dict.fromkeys(_described(population, int(values[v]), int(inside[v]), labels) for v in top)
        rows_of_group = inside[mine].sum()
        out.append(
            Evidence(
                kind="linkage",
                test=f"shared {incidence.groups[group]}",
                statement=(
                    f"{len(mine):,} {incidence.groups[group]} values are shared inside the set ({rows_of_group:,} holdings)."
                    f" Most surprising: {'; '.join(described)}."
                ),
                e_value_log10=float(found.linkage.groups_log10[group]),
                effect={"shared values": len(mine), "largest share of the set": round(float(inside[mine].max() / s), 3)},
            )
        )
    return out


def _described(population: Population, value: int, inside: int, labels: Mapping[str, str]) -> str:
    kind = labels[population.incidence.kinds[population.incidence.value_kind[value]]]
    outside = int(population.n_of_value[value]) - inside
    return f"one {kind}, held by {inside} of the set and by {outside if outside else 'no'} other owner{'' if outside == 1 else 's'}"


def _clock(operation: Operation, pointers: tuple[ExchangeId, ...]) -> Evidence | None:
    test = operation.clock
    if test is None:
        return None
    scale = "day" if test.scale_h == 24 else f"{test.scale_h} h"
    return Evidence(
        kind="operation",
        test=NAMES["clock"],
        statement=(
            f"Counted per {scale}, the set's {test.calls:,} calls vary {test.variance_ratio:.2f} times as much as independent"
            f" accounts would add up to; with each account's clock turned by whole days, and a tenth taken off for honest groups"
            f" that share shifts or a quota, the ratio averages {float(test.null.mean()):.2f} (p = {test.p_value:.2g}, three"
            f" time scales allowed for)."
        ),
        statistic=test.variance_ratio,
        p_value=test.p_value,
        effect={
            "variance ratio": round(test.variance_ratio, 4),
            "bin": scale,
            "calls": test.calls,
            "draws until decided": test.draws,
        },
        null=of_draws("variance ratio with clocks turned by whole days, less a tenth", test.null, test.variance_ratio),
        exchange_ids=pointers,
    )


def _interchange(operation: Operation, rho0: float, pointers: tuple[ExchangeId, ...]) -> Evidence | None:
    test = operation.interchange
    if isinstance(test, NotRun):
        return None
    rho, error, accounts, quieter = test.decisive
    over = f"over {test.fills:,} different prompts of {test.accounts:,} accounts"
    of_all = f"{test.rho:.3f} (standard error {test.standard_error:.3f}) {over}"
    said = f"What one account asked says nothing about what it asks next: subject coherence is {of_all}"
    if quieter:
        said = (
            f"Among the {accounts:,} accounts with the fewest calls, what one asked says nothing about what it asks next: subject"
            f" coherence is {rho:.3f} (standard error {error:.3f}). Over all it is {of_all}, as where customers' calls lie beside"
            " those of a queue"
        )
    effect: dict[str, float | int | str] = {
        "subject coherence": round(test.rho, 4),
        "standard error": round(test.standard_error, 4),
        "prompts": test.fills,
        "accounts": test.accounts,
        "overlap of two accounts, upper bound": round(test.overlap, 4),
    }
    if test.quieter_rho is not None and test.quieter_accounts is not None:
        effect |= {"quieter accounts": test.quieter_accounts, "their subject coherence": round(test.quieter_rho, 4)}
    return Evidence(
        kind="operation",
        test=NAMES["interchange"],
        statement=f"{said}; honest linked groups are assumed to have at least {rho0:g} (p = {test.p_value:.2g}).",
        statistic=rho,
        p_value=test.p_value,
        effect=effect,
        null=of_draws(
            f"subject coherence{' of the quieter accounts' if quieter else ''}, if it were {rho0:g}",
            interchange_null(rho0, error, accounts),
            rho,
        ),
        exchange_ids=pointers,
    )


def _queue(operation: Operation, pointers: tuple[ExchangeId, ...]) -> Evidence | None:
    test = operation.queue
    if test is None:
        return None
    return Evidence(
        kind="operation",
        test=NAMES["queue"],
        statement=(
            f"Accounts of the set sent the same prompt {test.coincidences:,} times; {test.others:,} other users of the same"
            f" template, matched on how much they send, would have done so {test.expected:.1f} times; a quarter less is allowed for"
                f" (p = {test.p_value:.2g})."
        ),
        statistic=float(test.coincidences),
        p_value=test.p_value,
        effect={"coincidences": test.coincidences, "expected": round(test.expected, 2), "other users": test.others},
        null=of_draws("coincidences among other users of the template, a quarter taken off", test.null, float(test.coincidences)),
        exchange_ids=pointers,
    )


def _multiplicity(operation: Operation, pointers: tuple[ExchangeId, ...]) -> Evidence | None:
    test = operation.multiplicity
    if test is None:
        return None
    k, (below, at, above) = test.k, test.near
    return Evidence(
        kind="operation",
        test=NAMES["multiplicity"],
        statement=(
            f"{below:,} prompts were sent by exactly {k - 1} account{'s' if k > 2 else ''}, {at:,} by exactly {k} and {above:,}"
            f" by exactly {k + 1}. Accounts that choose on their own, however popular each prompt is, would send about"
            f" {float(test.null.mean()):.0f} of these to exactly {k} at most (p = {test.p_value:.2g},"
            f" {test.looked_at} values of k allowed for)."
        ),
        statistic=float(at),
        p_value=test.p_value,
        effect={
            "k": k,
            "prompts sent by k-1": below,
            "prompts sent by k": at,
            "prompts sent by k+1": above,
            "prompts that several accounts sent": test.prompts,
            "chance that who shares one prompt shares the next": round(test.co_use, 4),
        },
        null=of_draws(f"prompts sent by exactly {k} accounts, accounts choosing on their own", test.null, float(at)),
        exchange_ids=pointers,
    )


def _copies(operation: Operation, pointers: tuple[ExchangeId, ...]) -> Evidence | None:
    test = operation.copies
    if test is None:
        return None
    null = copies_null(test.hours, LARGEST_SHARE)
    return Evidence(
        kind="operation",
        test=NAMES["copies"],
        statement=(
            f"In {test.simultaneous:,} of {test.hours:,} hours in which accounts of the set shared prompts, most of these prompts"
            f" left two accounts within {WINDOW_S} seconds of each other ({test.within:,} of {test.prompts:,} prompts); people who"
            f" work from one sheet are allowed {LARGEST_SHARE:.0%} of the hours (p = {test.p_value:.2g})."
        ),
        statistic=float(test.simultaneous),
        p_value=test.p_value,
        effect={
            "hours with shared prompts": test.hours,
            "hours with simultaneous prompts": test.simultaneous,
            "prompts that several accounts sent": test.prompts,
            "of these, simultaneous": test.within,
        },
        null=of_draws(f"hours, if {LARGEST_SHARE:.0%} of them were", null, float(test.simultaneous)),
        exchange_ids=pointers,
    )


def _concealment(found: LinkedOwners, threshold: float) -> Evidence:
    seen = found.concealment
    assert seen.customers is not None
    parts = [
        f"{value:.1f} by {name}"
        for name, value in (("payment card", seen.by_card), ("e-mail domain", seen.by_domain))
        if value is not None
    ]
    return Evidence(
        kind="concealment",
        test="declared customers (inverse Simpson)",
        statement=(
            f"The set presents itself as {seen.customers:.1f} unrelated customers ({', '.join(parts)});"
            f" the published threshold is {threshold:g}. This is a definition, not a test."
        ),
        statistic=seen.customers,
        effect={"declared customers": round(seen.customers, 2), "threshold": threshold},
    )


def _pointers(traffic: Traffic, harvest: Harvest) -> tuple[ExchangeId, ...]:
    """The first strand call of each of the first accounts: where an analyst starts to read."""
    strand = harvest.strand
    first = np.unique(strand.account, return_index=True)[1][:POINTERS]
    ids: Sequence[str] = traffic.calls.column("exchange_id").take(pa.array(strand.rows[first])).to_pylist()
    return tuple(ExchangeId(i) for i in ids)
