"""What a dossier needs beyond the evidence: every figure unrounded, each strand, each account's way in, each shared value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.judge.alternatives import active_together
from stillhunt.judge.interchangeable import distinct_fills, pool_overlap
from stillhunt.judge.joins.dealings import ANSWER, REASONING
from stillhunt.judge.linkage import Population
from stillhunt.judge.membership import without_each_group
from stillhunt.judge.operate import NAMES, JointOperation
from stillhunt.judge.rule import Rule
from stillhunt.judge.scalars import pictured, scalars
from stillhunt.judge.sets import LinkedOwners
from stillhunt.judge.strands import Strand
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.model import (
    Exhibits,
    MemberExhibit,
    Membership,
    PoolEvent,
    Profile,
    SharedValue,
    StrandExhibit,
    WithoutGroup,
)

MOST_SHARED = 40
"""Shared values of one kind that are kept, at most: those most surprising in this set."""

MOST_EVENTS = 200

_DAY_US = 86_400_000_000
_LOG10 = float(np.log(10.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A campaign as it is about to be reported, with what the exhibits need of the rule."""

    population: Population
    found: LinkedOwners
    traffic: Traffic
    operated: JointOperation
    members: tuple[Membership, ...]
    profile: Profile
    q_value: float
    rule: Rule
    keyed: Callable[[npt.NDArray[np.int32]], list[int]]
    """Numbers of values → their keyed hashes."""


def exhibits(shown: Shown) -> Exhibits:
    """Return the exhibits of a campaign but for its contrast with honest traffic, which is made for all campaigns at once."""
    members, without = _membership(shown)
    strands = tuple(_strand(shown, number, harvest) for number, harvest in enumerate(shown.traffic.harvests, 1))
    return Exhibits(
        figures=_figures(shown) | _of_strands(strands),
        strands=strands,
        shared=_shared(shown),
        members=members,
        without=without,
        events=_events(shown),
    )


def _figures(shown: Shown) -> dict[str, float | int]:
    """Return every figure of the three keys, unrounded, by the name of its recipe."""
    link, key3, profile = shown.found.linkage, shown.found.concealment, shown.profile
    groups = zip(shown.population.incidence.groups, link.groups_log10, strict=True)
    found: dict[str, float | int | None] = {
        "owners": len(shown.found.owners),
        "settings.linkage_level": shown.rule.linkage_level,
        "settings.key2_level": shown.rule.key2_level,
        "settings.membership_level": shown.rule.membership_level,
        "settings.declared_customers": shown.rule.declared_customers,
        "settings.rho0": shown.rule.rho0,
        "linkage.log10": link.weighted_log10,
        "linkage.price_log10": link.price_log10,
        "linkage.without_strongest_log10": link.without_strongest_log10,
        **{f"linkage.group.{name}": value for name, value in groups},
        "membership.kept": len(shown.found.owners),
        "key2.p_value": shown.operated.p_value,
        "key2.q_value": shown.q_value,
        "concealment.customers": key3.customers,
        "concealment.by_card": key3.by_card,
        "concealment.by_domain": key3.by_domain,
        "traffic.calls": profile.n_exchanges,
        "traffic.accounts": profile.n_accounts,
        "traffic.days": sum(n > 0 for n in profile.per_day.values()),
        "traffic.peak_calls": max(profile.per_day.values(), default=0),
        "traffic.tokens_in": profile.tokens.tokens_in,
        "traffic.tokens_out": profile.tokens.tokens_out,
        "traffic.tokens_reasoning": profile.tokens.tokens_reasoning,
        **{f"traffic.capability.{name}": part for name, part in profile.capabilities.items()},
    }
    for number, (harvest, tests) in enumerate(zip(shown.traffic.harvests, shown.operated.strands, strict=True), 1):
        found[f"strand.{number}.accounts"] = len(np.unique(harvest.strand.account))
        found[f"strand.{number}.calls"] = len(harvest.strand.rows)
        found[f"strand.{number}.p_value"] = tests.p_value
        for test in NAMES:
            of_test = {**scalars(getattr(tests, test)), **pictured(getattr(tests, test), rho0=shown.rule.rho0)}
            found |= {f"strand.{number}.{test}.{name}": value for name, value in of_test.items()}
        found |= {f"strand.{number}.{name}": value for name, value in _passed(harvest).items()}
        found |= spread(number, harvest.strand)
    names = shown.population.incidence.groups
    found |= {f"without.{n}.log10": link.weighted_log10 - g for n, g in zip(names, link.groups_log10, strict=True)}
    all_calls = shown.traffic.calls.num_rows
    found["traffic.outside"] = 1.0 - len(shown.traffic.rows) / max(1, all_calls)
    return {name: value for name, value in found.items() if value is not None}


def _of_strands(strands: tuple[StrandExhibit, ...]) -> dict[str, float | int]:
    """Return the figures of pools: accounts at the peak, and how disjoint their prompts are."""
    active: Counter[str] = Counter()
    found: dict[str, float | int] = {}
    for one in strands:
        active.update(one.active_per_day)
        found[f"strand.{one.number}.peak_accounts"] = max(one.active_per_day.values())
        for name in ("pairs", "pairs_sharing", "prompts", "prompts_shared"):
            found[f"strand.{one.number}.{name}"] = getattr(one, name)
    return found | {"traffic.peak_accounts": max(active.values())}


def _passed(harvest: Harvest) -> dict[str, int]:
    """Return how many blocks and answers changed hands in a strand, and how many accounts took them."""
    out: dict[str, int] = {}
    for test, kind in (("replay", REASONING), ("feedback", ANSWER)):
        things = harvest.passed.things(kind, harvest.strand)
        out |= {f"{test}.passed": len(things), f"{test}.by": len(np.unique(harvest.passed.taker[things]))}
    return out


def spread(number: int, strand: Strand) -> dict[str, float]:
    """Return the bound of what two accounts of a strand share, and the share of accounts active on both sides of its middle."""
    account, fill, _ = distinct_fills(strand)
    out = {f"strand.{number}.overlap": pool_overlap(account, fill)} if len(fill) else {}
    return {**out, f"strand.{number}.together": active_together(strand)}


def _strand(shown: Shown, number: int, harvest: Harvest) -> StrandExhibit:
    """Return one strand as an exhibit: who, when, how much, and how disjoint its accounts' prompts are."""
    strand = harvest.strand
    calls = shown.traffic.calls.take(pa.array(strand.rows))
    profile = shown.rule.profile(calls)
    at = calls.column("started_at").cast(pa.int64()).to_numpy()
    names = calls.column("account_id").combine_chunks().dictionary_encode().indices.to_numpy()
    active = Counter(d for d, _ in {(int(d), int(a)) for d, a in zip(at // _DAY_US, names, strict=True)})
    account, fill, _ = distinct_fills(strand)
    pairs, sharing, prompts, several = _disjointness(account, fill)
    return StrandExhibit(
        number=number,
        family=None if strand.key is None else shown.rule.name("family", [strand.key[0], f"{strand.key[1]:016x}"]),
        description=strand.description,
        accounts=profile.n_accounts,
        calls=profile.n_exchanges,
        first_seen=profile.first_seen,
        last_seen=profile.last_seen,
        active_per_day={(date(1970, 1, 1) + timedelta(days=d)).isoformat(): n for d, n in sorted(active.items())},
        capabilities=profile.capabilities,
        hours=tuple(int(n) for n in np.bincount(at // 3_600_000_000 % 24, minlength=24)),
        pairs=pairs,
        pairs_sharing=sharing,
        prompts=prompts,
        prompts_shared=several,
    )


def _disjointness(account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64]) -> tuple[int, int, int, int]:
    """Return pairs of owners, pairs with a prompt in common, different prompts, and prompts that several owners sent."""
    _, prompt, senders = np.unique(fill, return_inverse=True, return_counts=True)
    several = senders >= 2
    together: set[tuple[int, int]] = set()
    inside = several[prompt] if len(prompt) else np.zeros(0, bool)
    order = np.lexsort((account[inside], prompt[inside]))
    held, who = prompt[inside][order], account[inside][order]
    for group in np.split(who, np.flatnonzero(np.diff(held)) + 1) if len(who) else []:
        ids = group.tolist()
        together.update((a, b) for i, a in enumerate(ids) for b in ids[i + 1 :])
    n = len(np.unique(account))
    return n * (n - 1) // 2, len(together), len(senders), int(several.sum())


def most_shared(population: Population, owners: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """
    Return the values that several owners of a set hold, most surprising first (k log(lift) of k holders), and how many do.

    Of each kind at most `MOST_SHARED`.
    """
    incidence = population.incidence
    _, value = population.rows(owners)
    values, inside = np.unique(value, return_counts=True)
    values, inside = values[inside >= 2], inside[inside >= 2]
    in_log = population.n_of_value[values]
    lift = (inside / len(owners)) / (in_log / incidence.n_owners)
    weight = inside * np.log(np.maximum(lift, 1.0))
    order = np.lexsort((values, -weight))
    order = order[weight[order] > 0]
    kinds = incidence.value_kind[values[order]]
    rank = np.zeros(len(order), dtype=np.int64)
    for kind in np.unique(kinds):
        rank[kinds == kind] = np.arange(int((kinds == kind).sum()))
    order = order[rank < MOST_SHARED]
    return values[order].astype(np.int32), inside[order].astype(np.int64)


def _shared(shown: Shown) -> tuple[SharedValue, ...]:
    """Return the most surprising shared values as exhibits."""
    incidence = shown.population.incidence
    values, inside = most_shared(shown.population, shown.found.owners)
    out = []
    for value, n, keyed in zip(values.tolist(), inside.tolist(), shown.keyed(values), strict=True):
        kind = int(incidence.value_kind[value])
        out.append(
            SharedValue(
                group=incidence.groups[incidence.kind_group[kind]],
                kind=shown.rule.labels[incidence.kinds[kind]],
                tag=shown.rule.name("shared", [incidence.kinds[kind], f"{keyed:016x}"]),
                inside=n,
                outside=int(shown.population.n_of_value[value]) - n,
            )
        )
    return tuple(out)


def _membership(shown: Shown) -> tuple[tuple[MemberExhibit, ...], tuple[WithoutGroup, ...]]:
    """Return how each account came in, and who stays without each trait group."""
    found, calls = shown.found, shown.traffic.calls
    names = shown.population.incidence.groups
    factors, stays = without_each_group(shown.population, found.owners, found.means, q=shown.rule.membership_level)
    seen: dict[str, tuple[int, int, int, int]] = {}
    for number, harvest in enumerate(shown.traffic.harvests, 1):
        part = calls.select(["account_id", "account", "started_at"]).take(pa.array(harvest.strand.rows))
        spans = part.group_by(["account_id", "account"]).aggregate([("started_at", "min"), ("started_at", "max")])
        first, last = (spans.column(f"started_at_{end}").cast(pa.int64()).to_pylist() for end in ("min", "max"))
        ids = zip(spans.column("account_id").to_pylist(), spans.column("account").to_pylist(), strict=True)
        for (name, owner), start, stop in zip(ids, first, last, strict=True):
            seen[name] = (number, owner, start, stop)
    out = []
    for member in shown.members:
        number, owner, start, stop = seen[member.account_id]
        out.append(
            MemberExhibit(
                tag=shown.rule.name("account", [str(member.account_id)]),
                strand=number,
                n_exchanges=member.n_exchanges,
                first_seen=_moment(start),
                last_seen=_moment(stop),
                groups={n: round(float(f) / _LOG10, 4) for n, f in zip(names, factors[owner], strict=True) if f},
                hangs_on=tuple(n for n, stay in zip(names, stays[owner], strict=True) if not stay),
            )
        )
    owners = np.array([seen[m.account_id][1] for m in shown.members])
    without = tuple(
        WithoutGroup(
            group=name,
            linkage_log10=found.linkage.weighted_log10 - found.linkage.groups_log10[g],
            accounts=int(stays[owners, g].sum()),
        )
        for g, name in enumerate(names)
    )
    return tuple(out), without


def _events(shown: Shown) -> tuple[PoolEvent, ...]:
    """Return bans of the campaign's accounts and releases of models inside its days, and what it did around each."""
    calls = shown.traffic.calls.take(pa.array(shown.traffic.rows))
    at = np.sort(calls.column("started_at").cast(pa.int64()).to_numpy())
    firsts = pc.cast(
        calls.group_by("account_id").aggregate([("started_at", "min")]).column("started_at_min"), pa.int64()
    ).to_numpy()
    accounts = {str(m.account_id) for m in shown.members}
    out = []
    for event in shown.rule.events.to_pylist():
        if event["at"] is None or event["kind"] not in ("ban", "model_release"):
            continue
        when = int(event["at"].timestamp() * 1e6)
        subject = str(event["subject"] or "")
        inside = at[0] <= when <= at[-1] + _DAY_US
        if not (inside and (event["kind"] == "model_release" or subject in accounts)):
            continue
        before, now, after = np.searchsorted(at, [when - _DAY_US, when, when + _DAY_US])
        out.append(
            PoolEvent(
                at=_moment(when),
                kind=event["kind"],
                subject=shown.rule.name("account", [subject]) if event["kind"] == "ban" else subject,
                calls_before=int(now - before),
                calls_after=int(after - now),
                entered_before=int(((firsts >= when - _DAY_US) & (firsts < when)).sum()),
                entered=int(((firsts >= when) & (firsts < when + _DAY_US)).sum()),
            )
        )
    return tuple(sorted(out, key=lambda e: (e.at, e.kind, e.subject))[:MOST_EVENTS])


def _moment(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))
