"""Innocent explanations, tried one by one: what each predicts, what was seen, and whether it stands."""

from __future__ import annotations

import numpy as np

from stillhunt.judge.interchangeable import NotRun, distinct_fills, pool_overlap
from stillhunt.judge.linkage import Population
from stillhunt.judge.operate import Operation
from stillhunt.judge.sets import LinkedOwners
from stillhunt.judge.traffic import Traffic
from stillhunt.model import Alternative

RULED_OUT, UNLIKELY, OPEN = "ruled out", "unlikely", "open"


def alternatives(
    population: Population, found: LinkedOwners, traffic: Traffic, operation: Operation, *, threshold: float
) -> tuple[Alternative, ...]:
    """Return the innocent explanations in the order of how often they turn out to be true."""
    return (
        _one_customer(found, threshold),
        _one_network(population, found),
        _one_app(population, found),
        _shared_exercise(traffic, operation),
        _schedule(operation),
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


def _shared_exercise(traffic: Traffic, operation: Operation) -> Alternative:
    account, fill, _ = distinct_fills(traffic.strand)
    overlap = pool_overlap(account, fill) if len(fill) else 0.0
    text = not isinstance(operation.interchange, NotRun)
    return Alternative(
        explanation="a class, a bootcamp or an evaluation working through the same material",
        predicts="accounts that share a good part of their prompts, in bursts before deadlines",
        seen=f"two accounts share at most {overlap:.1%} of their prompts" if len(fill) else "no text to look at",
        verdict=RULED_OUT if text and overlap < 0.02 else UNLIKELY if text else OPEN,
    )


def _schedule(operation: Operation) -> Alternative:
    clock, workers = operation.clock, operation.interchange
    steadier = clock is not None and clock.p_value <= 0.05
    one_queue = not isinstance(workers, NotRun) and workers.p_value <= 0.01
    seen = (
        f"variance ratio {clock.variance_ratio:.2f}, against {float(clock.null.mean()):.2f} with clocks turned by whole days"
        if clock is not None
        else "too few calls to look at the clock"
    )
    return Alternative(
        explanation="separate customers on the same calendar (cron on the hour, batch windows, an outage's backlog)",
        predicts="totals that vary more than with clocks turned, and accounts that keep to their own subjects",
        seen=f"{seen}; {'accounts do not keep to subjects of their own' if one_queue else 'subjects were not decisive'}",
        verdict=RULED_OUT if steadier else UNLIKELY if one_queue else OPEN,
    )


def _migration(traffic: Traffic) -> Alternative:
    at = traffic.strand.at_us.astype(np.float64)
    account = traffic.strand.account
    ids, start = np.unique(account, return_index=True)
    first = np.minimum.reduceat(at, start)
    last = np.maximum.reduceat(at, start)
    middle = float(np.median(at))
    together = float(((first <= middle) & (last >= middle)).mean()) if len(ids) else 0.0
    return Alternative(
        explanation="a customer moving from old accounts or keys to new ones",
        predicts="accounts that are active one after the other",
        seen=f"{together:.0%} of the accounts are active on both sides of the strand's middle",
        verdict=RULED_OUT if together >= 0.7 else OPEN,
    )


def _outside(traffic: Traffic) -> float:
    return 1.0 - len(traffic.strand.rows) / max(1, int(traffic.calls.num_rows))
