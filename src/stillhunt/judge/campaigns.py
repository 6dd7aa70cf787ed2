"""Linked sets → campaigns with their claims, and the sets that are not accused, each with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.judge.ablation import Regrouped, Reported, ablations, regrouped
from stillhunt.judge.alternatives import alternatives
from stillhunt.judge.clock import LEAST_RATIO
from stillhunt.judge.evidence import evidence, shared_kinds
from stillhunt.judge.exhibits import Shown, exhibits
from stillhunt.judge.false_discovery import adjusted
from stillhunt.judge.interchangeable import NotRun
from stillhunt.judge.joins.dealings import PARTNERS
from stillhunt.judge.joins.events import FailoverTest, PivotTest
from stillhunt.judge.joins.indicators import Indicators
from stillhunt.judge.joins.takeover import OWN_ACCOUNTS
from stillhunt.judge.joins.technique import SearchTest
from stillhunt.judge.joins.unserved import UnservedTest
from stillhunt.judge.linkage import Population
from stillhunt.judge.matched import contrasted
from stillhunt.judge.operate import JointOperation, joint_operation
from stillhunt.judge.replayable import Case, Replayable, replayable, with_contrasts
from stillhunt.judge.rule import Rule
from stillhunt.judge.scalars import Corroborated
from stillhunt.judge.sets import LinkedOwners, concealed, linked_sets
from stillhunt.judge.traffic import Suspects, Traffic
from stillhunt.judge.work_queue import LEAST_SHARE
from stillhunt.model import AccountId, Campaign, Claim, Link, LinkedSet, Membership

DRAWN_LINKS = 4000
"""Links kept with a campaign for drawing, at most (the most surprising)."""

ASSUMPTIONS = (
    "key 1: the values that unrelated customers hold are independent between the trait groups, given the country",
    f"key 2: honest linked groups vary together or independently in time, so that their total is at least {LEAST_RATIO:g} times as"
    f" variable as that of independent accounts; they repeat each other at least {LEAST_SHARE:g} times as much as other users of"
    " their template do; and each of their accounts keeps to its own subject at least as much as the stated coherence",
    f"key 2, exact joins: who presents or quotes what others of an honest group were given does so within a circle of at most"
    f" {PARTNERS} partners; a person falls back on at most {OWN_ACCOUNTS} accounts",
    "organisations are declared truthfully: accounts of one organisation are one owner",
    "the p-values of different sets are independent or positively dependent (Benjamini–Hochberg)",
)

METHOD = (
    "link, operate, conceal: an urn-bet e-value over all subsets of owners; variance ratio, subject coherence, missing"
    " coincidences, prompt multiplicity, simultaneous copies, and reasoning blocks, answers and failed prompts that pass between"
    " accounts, on behaviour that linking did not use, weighted Bonferroni over the eight; inverse Simpson index of cards and"
    " e-mail domains; Benjamini–Hochberg over the sets that pass keys 1 and 3; e-BH over accounts"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """
    Everything the judge has to say: campaigns, sets not accused, and how many sets key 2 was put to.

    `cutoff` is the p-value up to which sets were reported (with none reported, at which one would have been); `owners` are
    all that are linked to anybody.
    `bundles` has the replay bundle of each campaign by its id, where the rule asks for them.
    """

    campaigns: tuple[Campaign, ...]
    linked: tuple[LinkedSet, ...]
    tested: int
    cutoff: float
    owners: npt.NDArray[np.int32]
    bundles: Mapping[str, Replayable]


def judge(
    engine: Engine,
    population: Population,
    groups: Sequence[npt.NDArray[np.int32]],
    links: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]],
    rule: Rule,
    *,
    progress: Callable[[float], None],
) -> Judged:
    """
    Apply the whole rule to proposed groups of owners.

    1. Keys 1 and 3: which groups are linked, and which of those present themselves as several customers.
    2. Key 2 on each of them.
    3. Benjamini–Hochberg over the sets put to key 2.
    4. Every linked set becomes a campaign or an entry of the list of those not accused. Key 3 must also hold for the
       owners that have a part in the strands shown.
    5. Every campaign is judged again without its strongest leg, and put beside matched honest accounts.
    """
    found = _linked(engine, population, groups, rule)                                            # 1.
    disguised = [f for f in found if _disguised(f, rule)]
    linked_owners = np.concatenate([np.zeros(0, np.int32), *(f.owners for f in found)])
    suspects = Suspects(engine, [one.owners for one in disguised], linked_owners, rule.salted)
    hints = Indicators(engine, rule.events, draws=rule.draws, seed=rule.seed)
    operations = _operations(suspects, len(disguised), rule, progress)                           # 2.
    q_values = adjusted(p_values := np.array([o.p_value for o in operations], dtype=np.float64))  # 3.
    names = _account_names(engine)
    level = rule.key2_level
    for_strands = level * float((q_values <= level).mean()) if len(q_values) else 0.0
    campaigns, linked, measured = [], [], []                                                     # 4.
    kept: dict[str, Replayable] = {}
    for number, (one, operated, q) in enumerate(zip(disguised, operations, q_values.tolist(), strict=True)):
        if q <= level:
            whole = suspects.traffic(number)
            traffic, shown = operated.shown(whole, for_strands)
            acting = np.unique(traffic.calls.column("account").to_numpy()[traffic.rows])
            one = replace(one, concealment=concealed(population, one.owners[acting]))
            if _disguised(one, rule):
                campaign, beside = _beside(hints, _campaign(engine, population, one, traffic, shown, q, links, rule), one, traffic)
                leg = Reported(found=one, traffic=whole, operated=operated, p_values=p_values, number=number, level=level)
                again = regrouped(population, leg, rule)                                     # 5.
                kept |= _kept(population, _case(campaign, leg, traffic, shown, for_strands, again, beside), rule)
                campaigns.append(replace(campaign, ablations=ablations(population, leg, again, campaign.accounts, rule)))
                measured.append(rule.measured(traffic.calls.take(pa.array(traffic.rows))))
            else:
                linked.append(_not_accused(population, one, None, names, rule))
        else:
            linked.append(_not_accused(population, one, operated, names, rule))
    hints.forget()
    suspects.forget()
    tested = {id(one) for one in disguised}
    linked += [_not_accused(population, one, None, names, rule) for one in found if id(one) not in tested]
    campaigns, matched = contrasted(engine, campaigns, measured, linked_owners, rule)
    kept = _compared(kept, campaigns, measured, matched)
    campaigns.sort(key=lambda c: (-c.profile.n_exchanges, c.id))
    linked.sort(key=lambda s: (s.list_name, -len(s.account_ids), s.id))
    cutoff = level * max(1, int((q_values <= level).sum())) / max(1, len(disguised))
    return Judged(
        campaigns=tuple(campaigns), linked=tuple(linked), tested=len(disguised), cutoff=cutoff, owners=linked_owners, bundles=kept
    )  # fmt: skip


def _linked(
    engine: Engine, population: Population, groups: Sequence[npt.NDArray[np.int32]], rule: Rule
) -> list[LinkedOwners]:
    """Return the sets that key 1 passes, without owners that have a licence."""
    rows = engine.fetch("SELECT owner FROM owner WHERE licence IS NOT NULL ORDER BY owner")
    return linked_sets(
        population, groups, membership_level=rule.membership_level, linkage_level=rule.linkage_level,
        licensed=rows.column("owner").to_numpy().astype(np.int32),
    )  # fmt: skip


def _operations(
    suspects: Suspects, sets: int, rule: Rule, progress: Callable[[float], None]
) -> list[JointOperation]:
    out = []
    for number in range(sets):
        out.append(joint_operation(suspects.traffic(number), rho0=rule.rho0, draws=rule.draws, seed=rule.seed))
        progress((number + 1) / sets)
    return out


def _kept(population: Population, case: Case, rule: Rule) -> dict[str, Replayable]:
    """Return the bundle of a campaign by its id, where the rule asks for bundles."""
    return {case.campaign.id: replayable(population, case, rule)} if rule.keep else {}


def _compared(
    kept: Mapping[str, Replayable], campaigns: Sequence[Campaign], measured: Sequence[Any], matched: Sequence[Any]
) -> dict[str, Replayable]:
    """Return the bundles with the effect sizes of their campaigns."""
    beside = {one.id: (one.exhibits, own, theirs) for one, own, theirs in zip(campaigns, measured, matched, strict=True)}
    out = {}
    for name, bundle in kept.items():
        shown, own, theirs = beside[name]
        out[name] = bundle if shown is None else with_contrasts(bundle, shown.contrasts, own, theirs)
    return out


def _beside(
    hints: Indicators, campaign: Campaign, found: LinkedOwners, traffic: Traffic
) -> tuple[Campaign, Corroborated]:
    """Return a campaign with its indicators, and these as tests."""
    seen, tests = hints.beside(found.owners, traffic)
    kinds: dict[str, Any] = {"unserved": UnservedTest, "failover": FailoverTest, "search": SearchTest}
    first = {name: next((t for t in tests if isinstance(t, kind)), None) for name, kind in kinds.items()}
    beside = Corroborated(**first, pivots=tuple(t for t in tests if isinstance(t, PivotTest)))
    assert campaign.exhibits is not None
    shown = replace(campaign.exhibits, figures={**campaign.exhibits.figures, **beside.figures()})
    return replace(campaign, evidence=(*campaign.evidence, *seen), exhibits=shown), beside


def _case(
    campaign: Campaign, leg: Reported, traffic: Traffic, shown: JointOperation, strand_level: float, again: Regrouped,
    beside: Corroborated,
) -> Case:  # fmt: skip
    """Return a campaign with what its numbers follow from; strands that are not shown give their p-values only."""
    return Case(
        campaign=campaign,
        found=leg.found,
        traffic=traffic,
        operated=shown,
        others=tuple(one for one in leg.operated.strands if not any(one is other for other in shown.strands)),
        p_values=leg.p_values,
        number=leg.number,
        strand_level=strand_level,
        again=again,
        beside=beside,
        salt=traffic.harvests[0].strand.salt,
    )


def _disguised(found: LinkedOwners, rule: Rule) -> bool:
    customers = found.concealment.customers
    return customers is not None and customers >= rule.declared_customers


@dataclass(frozen=True, slots=True)
class _Names:
    account_ids: npt.NDArray[np.object_]
    start: npt.NDArray[np.int64]
    calls: npt.NDArray[np.int64]

    def of(self, owners: npt.NDArray[np.int32]) -> list[str]:
        """Return the account ids of some owners, sorted."""
        return sorted(a for o in owners.tolist() for a in self.account_ids[self.start[o] : self.start[o + 1]])


def _account_names(engine: Engine) -> _Names:
    rows = engine.fetch(
        "SELECT a.owner, a.account_id, s.n FROM account a JOIN"
        " (SELECT account_id, count(*) AS n FROM distinct_call GROUP BY account_id) s USING (account_id)"
        " ORDER BY a.owner, a.account_id"
    )
    owner = rows.column("owner").to_numpy()
    n = int(owner.max(initial=-1)) + 1
    return _Names(
        account_ids=np.array(rows.column("account_id").to_pylist(), dtype=object),
        start=np.searchsorted(owner, np.arange(n + 1)),
        calls=rows.column("n").to_numpy(),
    )


def _campaign(
    engine: Engine,
    population: Population,
    found: LinkedOwners,
    traffic: Traffic,
    operated: JointOperation,
    q_value: float,
    links: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]],
    rule: Rule,
) -> Campaign:
    members = _members(population, found, traffic, rule)
    strand_calls = traffic.calls.take(pa.array(traffic.rows))
    ids = sorted(m.account_id for m in members)
    customers = found.concealment.customers
    assert customers is not None
    number = rule.tag([str(i) for i in ids])
    shown = Shown(
        population=population,
        found=found,
        traffic=traffic,
        operated=operated,
        members=members,
        profile=rule.profile(strand_calls),
        q_value=q_value,
        rule=rule,
        keyed=lambda values: _keyed(engine, values),
    )
    return Campaign(
        id=f"campaign-{number}",
        claim=Claim(
            statement=(
                f"These {len(members):,} accounts are linked beyond chance, operated jointly, and presented as"
                f" {customers:.1f} unrelated customers. Nothing is claimed about who operates them or to what end."
            ),
            level=rule.level,
            method=METHOD,
            assumptions=ASSUMPTIONS,
            seed=rule.seed,
        ),
        members=members,
        profile=shown.profile,
        evidence=evidence(
            population, found, traffic, operated, rule.labels, threshold=rule.declared_customers, rho0=rule.rho0,
            linkage_level=rule.linkage_level,
        ),
        alternatives=alternatives(population, found, traffic, operated, threshold=rule.declared_customers),
        not_seen=(*rule.not_seen, *_tests_not_run(operated)),
        links=_links(found.owners, links, members, traffic, population),
        linkage_log10=found.linkage.weighted_log10,
        p_value=operated.p_value,
        q_value=q_value,
        declared_customers=customers,
        strand="; ".join(dict.fromkeys(harvest.strand.description for harvest in traffic.harvests)),
        exhibits=exhibits(shown),
    )


def _keyed(engine: Engine, values: npt.NDArray[np.int32]) -> list[int]:
    """Return the keyed hashes of some values, in the same order."""
    engine.register("shown_value", pa.table({"value_id": values}))
    rows = engine.fetch("SELECT value_id, v.value FROM value v JOIN shown_value USING (value_id) ORDER BY value_id")
    engine.drop("shown_value")
    found = dict(zip(rows.column("value_id").to_pylist(), rows.column("value").to_pylist(), strict=True))
    return [int(found[v]) for v in values.tolist()]


def _members(
    population: Population, found: LinkedOwners, traffic: Traffic, rule: Rule
) -> tuple[Membership, ...]:
    """Accounts with at least one call in the strand, most certain first; confidence is 1 - n / (r e), bounded by 0."""
    account_ids = traffic.calls.column("account_id").to_pylist()
    position = traffic.calls.column("account").to_numpy()
    in_strand = np.zeros(len(account_ids), dtype=bool)
    in_strand[traffic.rows] = True
    inside: dict[str, list[int]] = {}
    for name, owner, harvested in zip(account_ids, position.tolist(), in_strand.tolist(), strict=True):
        counts = inside.setdefault(name, [owner, 0, 0])
        counts[1 if harvested else 2] += 1
    n, r = population.incidence.n_owners, len(found.owners)
    out = []
    for name, (owner, harvested, other) in inside.items():
        if not harvested:
            continue
        log_e = float(found.log_e[owner])
        bound = float(np.exp(np.clip(np.log(n / r) - log_e, -700, 0)))
        out.append(
            Membership(
                account_id=AccountId(name),
                confidence=round(1.0 - bound, 6),
                e_value_log10=round(log_e / np.log(10), 3),
                n_exchanges=harvested,
                n_other=other,
                shared=shared_kinds(population, found, owner, rule.labels),
            )
        )
    return tuple(sorted(out, key=lambda m: (-m.e_value_log10, m.account_id)))


def _links(
    owners: npt.NDArray[np.int32],
    links: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]],
    members: tuple[Membership, ...],
    traffic: Traffic,
    population: Population,
) -> tuple[Link, ...]:
    i, j, s = links
    inside = np.isin(i, owners) & np.isin(j, owners)
    i, j, s = i[inside], j[inside], s[inside]
    order = np.lexsort((j, i, -s))[:DRAWN_LINKS]
    accused = {m.account_id for m in members}
    first: dict[int, AccountId] = {}
    for name, position in zip(
        traffic.calls.column("account_id").to_pylist(), traffic.calls.column("account").to_pylist(), strict=True
    ):
        if name in accused:
            owner = int(owners[position])
            first[owner] = min(first.get(owner, AccountId(name)), AccountId(name))
    out = []
    for k in order.tolist():
        a, b = int(i[k]), int(j[k])
        if a in first and b in first:
            out.append(Link(a=first[a], b=first[b], surprise=round(float(s[k]), 3), groups=_groups(population, a, b)))
    return tuple(out)


def _groups(population: Population, a: int, b: int) -> tuple[str, ...]:
    """The dependence groups in which two owners share a value."""
    incidence = population.incidence
    _, one = population.rows(np.array([a], dtype=np.int32))
    _, two = population.rows(np.array([b], dtype=np.int32))
    shared = np.intersect1d(one, two)
    shared = shared[2 * population.n_of_value[shared] < incidence.n_owners]
    return tuple(incidence.groups[g] for g in np.unique(incidence.kind_group[incidence.value_kind[shared]]))


def _not_accused(
    population: Population, found: LinkedOwners, operated: JointOperation | None, names: _Names, rule: Rule
) -> LinkedSet:
    customers = found.concealment.customers
    ids = names.of(found.owners)
    if operated is not None:
        list_name = "honest group"
        reason = (
            "linked, but nothing shows that one operator runs it: the tests of joint operation give"
            f" p = {operated.p_value:.2g}."
        )
    elif customers is None:
        list_name = "not examined"
        reason = "linked, but how it presents itself could not be seen: no card and no e-mail domain for most accounts."
    else:
        list_name = "one customer, many accounts"
        reason = (
            f"linked, and it does not hide it: it presents itself as {customers:.1f} customers,"
            f" fewer than {rule.declared_customers:g}."
        )
    groups = [
        name
        for name, g in zip(population.incidence.groups, found.linkage.groups_log10, strict=True)
        if g >= 1
    ]
    calls = sum(int(names.calls[names.start[o] : names.start[o + 1]].sum()) for o in found.owners.tolist())
    return LinkedSet(
        id=f"set-{rule.tag(ids)}",
        account_ids=tuple(AccountId(i) for i in ids),
        owners=len(found.owners),
        n_exchanges=calls,
        linkage_log10=found.linkage.weighted_log10,
        p_value=None if operated is None else operated.p_value,
        declared_customers=customers,
        reason=reason,
        list_name=list_name,
        shared=tuple(groups),
    )


def _tests_not_run(operated: JointOperation) -> tuple[str, ...]:
    out = []
    for one in operated.strands:
        if one.clock is None:
            out.append("the clock test did not run: too few calls, accounts or days")
        if isinstance(one.interchange, NotRun):
            out.append(f"the interchange test did not run: {one.interchange.reason}")
        if one.queue is None:
            out.append("the queue test did not run: the template has too few other users, or coincidences are too rare there")
        if one.copies is None:
            out.append("the test of simultaneous copies did not run: too few prompts are shared, or in too few hours")
        if one.multiplicity is None:
            out.append("the best-of-k test did not run: too few prompts are shared, or always by the same accounts")
        if one.replay is None:
            out.append("the test of reasoning blocks did not run: too few accounts presented blocks of others")
        if one.feedback is None:
            out.append("the test of answers sent back did not run: too few accounts sent answers of others")
        if one.takeover is None:
            out.append("the test of failed prompts did not run: too few failed, or too few were taken over")
    return tuple(dict.fromkeys(out))
