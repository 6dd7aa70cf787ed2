"""Innocent explanations, tried one by one: what each predicts, what was seen, and whether it stands."""

from __future__ import annotations

import numpy as np

from stillhunt.judge.interchangeable import NotRun, distinct_fills, pool_overlap
from stillhunt.judge.joins.findings import explanations
from stillhunt.judge.linkage import Population
from stillhunt.judge.operate import JointOperation
from stillhunt.judge.sets import LinkedOwners
from stillhunt.judge.strands import Strand
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.model import Alternative

RULED_OUT, UNLIKELY, OPEN = "ruled out", "unlikely", "open"


def alternatives(
    population: Population, found: LinkedOwners, traffic: Traffic, operated: JointOperation, *, threshold: float
) -> tuple[Alternative, ...]:
    """
    Return the innocent explanations in the order of how often they turn out to be true.

    Where a set has several strands, an explanation stands as well as it does for the strand that it fits best.
    """
    return (
        _one_customer(found, threshold),
        _one_network(population, found),
        _one_app(population, found),
        _shared_exercise(traffic, operated),
        _schedule(operated),
        _migration(traffic),
        Alternative(
            explanation="licensed bulk use (reseller, aggregator, distillation contract, registered red team)",
            predicts="a licence in the accounts table",
            seen="no account of the set carries a licence; contracts outside the accounts table were not searched",
            verdict=OPEN,
        ),
        Alternative(
            explanation="honest accounts, stolen or rented, used by the operator",
            predicts="an honest strand of calls beside the harvested one in the same accounts",
            seen=f"{_outside(traffic):.0%} of the set's calls lie outside the harvested strand and are not counted",
            verdict=OPEN,
        ),
        *explanations(operated.strands),
    )


def _one_customer(found: LinkedOwners, threshold: float) -> Alternative:
    customers = found.concealment.customers or 0.0
    return Alternative(
        explanation="one honest customer spreading a batch over several accounts",
        predicts=f"one payer or one organisation: fewer than {threshold:g} declared customers",
        seen=f"{customers:.1f} declared customers",
        verdict=RULED_OUT if customers >= 2 * threshold else UNLIKELY,
    )


def _one_network(population: Population, found: LinkedOwners) -> Alternative:
    groups = population.incidence.groups
    evidence = dict(zip(groups, found.linkage.groups_log10, strict=True))
    rest = found.linkage.weighted_log10 - evidence.get("network", 0.0)
    return Alternative(
        explanation="people behind one company network, NAT, VPN or campus",
        predicts="shared addresses, and nothing else once addresses are left aside",
        seen=f"without addresses the weighted linkage e-value is still 10^{rest:.1f}"
        if rest >= 2
        else f"without addresses the weighted linkage e-value is 10^{rest:.1f}",
        verdict=RULED_OUT if rest >= 2 else OPEN,
    )


def _one_app(population: Population, found: LinkedOwners) -> Alternative:
    groups = population.incidence.groups
    evidence = dict(zip(groups, found.linkage.groups_log10, strict=True))
    rest = found.linkage.weighted_log10 - evidence.get("client", 0.0)
    return Alternative(
        explanation="users of one app, SDK or tutorial (one template, one client)",
        predicts="the same program and template, but unrelated payment, addresses and sign-up",
        seen=f"without client and template the weighted linkage e-value is 10^{rest:.1f}",
        verdict=RULED_OUT if rest >= 2 else OPEN,
    )


def _shared_exercise(traffic: Traffic, operated: JointOperation) -> Alternative:
    overlaps = [_overlap(harvest) for harvest in traffic.harvests]
    seen = [overlap for overlap in overlaps if overlap is not None]
    text = not any(isinstance(one.interchange, NotRun) for one in operated.strands)
    return Alternative(
        explanation="a class, a bootcamp or an evaluation working through the same material",
        predicts="accounts that share a good part of their prompts, in bursts before deadlines",
        seen=f"two accounts share at most {max(seen):.1%} of their prompts" if seen else "no text to look at",
        verdict=OPEN if not text or len(seen) < len(overlaps) else RULED_OUT if max(seen) < 0.02 else UNLIKELY,
    )


def _overlap(harvest: Harvest) -> float | None:
    account, fill, _ = distinct_fills(harvest.strand)
    return pool_overlap(account, fill) if len(fill) else None


def _schedule(operated: JointOperation) -> Alternative:
    clocks = [one.clock for one in operated.strands]
    known = [clock for clock in clocks if clock is not None]
    steadier = len(known) == len(clocks) and all(clock.p_value <= 0.05 for clock in known)
    one_queue = all(
        not isinstance(one.interchange, NotRun) and one.interchange.p_value <= 0.01 for one in operated.strands
    )
    seen = "too few calls to look at the clock"
    if known:
        worst = max(known, key=lambda clock: clock.p_value)
        null = f"{float(worst.null.mean()):.2f} with clocks turned by whole days, less a tenth"
        seen = f"variance ratio {worst.variance_ratio:.2f}, against {null}"
    return Alternative(
        explanation="separate customers on the same calendar (cron on the hour, batch windows, an outage's backlog)",
        predicts="totals that vary more than with clocks turned, and accounts that keep to their own subjects",
        seen=f"{seen}; {'accounts do not keep to subjects of their own' if one_queue else 'subjects were not decisive'}",
        verdict=RULED_OUT if steadier else UNLIKELY if one_queue else OPEN,
    )


def _migration(traffic: Traffic) -> Alternative:
    together = min(active_together(harvest.strand) for harvest in traffic.harvests)
    return Alternative(
        explanation="a customer moving from old accounts or keys to new ones",
        predicts="accounts that are active one after the other",
        seen=f"{together:.0%} of the accounts are active on both sides of the strand's middle",
        verdict=RULED_OUT if together >= 0.7 and len(traffic.harvests) == 1 else OPEN,
    )


def active_together(strand: Strand) -> float:
    """Return the share of accounts with calls on both sides of the strand's median call."""
    order = np.argsort(strand.account, kind="stable")
    at, account = strand.at_us[order].astype(np.float64), strand.account[order]
    ids, start = np.unique(account, return_index=True)
    if not len(ids):
        return 0.0
    middle = float(np.median(at))
    return float(((np.minimum.reduceat(at, start) <= middle) & (np.maximum.reduceat(at, start) >= middle)).mean())


def _outside(traffic: Traffic) -> float:
    return 1.0 - len(traffic.rows) / max(1, int(traffic.calls.num_rows))
