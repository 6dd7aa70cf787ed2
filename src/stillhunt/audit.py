"""
The whole rule on the operator's own verified-honest linked sets, and the bound that may be claimed from it.

With x of V controls rejected, r_u the upper end of the exact interval for the share rejected, M linked sets in the hunt that
nobody has verified and R sets reported, at most M r_u unverified honest sets are expected among the R. Linked sets that are
mostly accounts of controls are not in M: whether they are honest is known, and each one reported, K in all, is a false report.
The share of false reports is at most (r_u M + K) / R. This assumes that honest sets nobody has verified are no worse than those
that somebody has. A rejected control is printed and counted; no setting is changed because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from stillhunt.config import Config
from stillhunt.controls import Control, FullBreak, Threshold
from stillhunt.digest import ledger, traits
from stillhunt.engines import Engine
from stillhunt.errors import LogError
from stillhunt.graph import broken, fetch_incidence
from stillhunt.graph.candidates import MEAN_DEGREE
from stillhunt.judge.campaigns import Judged, judge
from stillhunt.judge.controls import CONFIDENCE, KnownHonest, first_percentile, judge_controls, rate_upper
from stillhunt.judge.rule import Rule
from stillhunt.judge.sets import linked_sets
from stillhunt.model import Audit, LeftOut
from stillhunt.search import LINKING_KINDS, Search, search

FEWEST_FOR_PERCENTILE = 99
FEWEST_LINKS_ALLOWED = 20
"""The threshold of linking is estimated where chance may link at least this many pairs of accounts of different controls."""

Progress = Callable[[float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """The accounts of each control that have calls in the log, and what named nobody."""

    accounts: dict[str, list[str]]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sets:
    """
    Linked sets of a hunt: `verified` are mostly accounts of controls, `unverified` the others, reported or not.

    Of all of them `reported` were reported; `falsely` of these are verified, and so known to be honest.
    """

    unverified: int
    verified: int
    reported: int
    falsely: int


def audit(
    engine: Engine,
    controls: Controls,
    searched: Search,
    judged: Judged,
    rule: Rule,
    config: Config,
    *,
    shuffles: int,
    shingles: int,
    progress: Progress,
) -> Audit:
    """
    Return what the rule says of the controls, and the bound for the hunt that was judged.

    1. What is declared about the accounts of the controls is forgotten.
    2. Where that changes anything, the search and the judge once more.
    3. The rule on each control, and whether either run accuses one of its accounts.
    4. The bound, and thresholds estimated from the controls.
    5. With `shuffles`, the log with everything broken that could link anybody.

    `shingles` is how many sampled shingles the log has. Afterwards the engine holds the relations of the last step.
    """
    names = controls.accounts
    everybody = pa.array(sorted({a for accounts in names.values() for a in accounts}), pa.string())
    again, second = searched, judged
    if undeclared(engine, everybody, shingles=shingles):                                           # 1. 2.
        again = search(
            engine, fetch_incidence(engine, LINKING_KINDS), seed=config.seed, several=config.declared_customers,
            linkage_level=rule.linkage_level,
        )  # fmt: skip
        second = judge(engine, again.population, again.groups, again.links, rule, progress=lambda share: None)
    progress(0.3)
    known = _known(engine, names)                                                                  # 3.
    found = judge_controls(
        engine, again.population, known, second.owners, rule, cutoff=judged.cutoff,
        progress=lambda share: progress(0.3 + 0.5 * share),
    )  # fmt: skip
    accused: set[str] = {a for c in (*judged.campaigns, *second.campaigns) for a in c.accounts}
    found = tuple(_as_hunted(one, names[one.label], accused) for one in found)
    return _bound(                                                                                 # 4.
        found,
        sets=_sets(judged, frozenset(everybody.to_pylist())),
        cutoff=judged.cutoff,
        level=config.level,
        thresholds=(_rho0(found, config.rho0), _tau(known, again)),
        full_break=_full_break(engine, rule, config, shuffles, progress) if shuffles else None,     # 5.
        left_out=controls.left_out,
    )


def undeclared(engine: Engine, accounts: pa.Array, *, shingles: int) -> bool:
    """
    Forget what is declared about some accounts, and return whether anything was.

    Traits, and what owners handed each other, are made anew: what passes between two accounts of one customer is no dealing
    between owners, and is one as soon as each is an owner of its own.
    """
    changed = ledger.undeclare(engine, accounts) > 0
    if changed:
        traits.build(engine, n_shingles=shingles)
    return changed


def accounts_of(engine: Engine, controls: pa.Table) -> Controls:
    """
    Return the accounts of each control that have calls, and rows that name nobody here; an account counts once.

    Raises `LogError` when no control has a call in the log.
    """
    seen = engine.fetch("SELECT account_id, owner_name FROM account ORDER BY account_id").to_pylist()
    of_org: dict[str, list[str]] = {}
    for row in seen:
        of_org.setdefault(row["owner_name"], []).append(row["account_id"])
    there = {row["account_id"] for row in seen}
    names: dict[str, list[str]] = {}
    taken: set[str] = set()
    absent = twice = 0
    for row in controls.select(["set", "account_id", "org_id"]).to_pylist():
        mine = names.setdefault(row["set"], [])
        given = [row["account_id"]] if row["account_id"] else of_org.get(f"org:{row['org_id']}", [])
        here = [a for a in given if a in there]
        absent += not here
        twice += sum(a in taken for a in here)
        mine += [a for a in here if a not in taken]
        taken.update(here)
    if not taken:
        raise LogError(
            f"None of the {controls.num_rows:,} rows of the controls names an account or an organisation with a call in this"
            " log.\nEach row needs `set` and one of `account_id` and `org_id`, spelled as in the log."
        )
    rows = (("no call of it is in this log", absent), ("it is in two controls: the first counts", twice))
    return Controls(
        accounts=names,
        left_out=tuple(LeftOut(what="control", reason=reason, count=n) for reason, n in rows if n),
    )


def _known(engine: Engine, names: dict[str, list[str]]) -> list[KnownHonest]:
    rows = engine.fetch("SELECT account_id, owner FROM account")
    number = dict(zip(rows.column("account_id").to_pylist(), rows.column("owner").to_pylist(), strict=True))
    return [
        KnownHonest(
            label=label, owners=np.unique([number[a] for a in accounts]).astype(np.int32), accounts=len(accounts)
        )
        for label, accounts in names.items()
    ]


def _as_hunted(control: Control, accounts: Iterable[str], accused: set[str]) -> Control:
    """Return the control as rejected when the hunt accuses any of its accounts, however the rule takes it as given."""
    hit = len(accused.intersection(accounts))
    if not hit or control.rejected:
        return control
    return replace(control, rejected=True, reason=f"rejected: the search accuses {hit:,} of its accounts.")


def _bound(
    controls: tuple[Control, ...],
    *,
    sets: Sets,
    cutoff: float,
    level: float,
    thresholds: tuple[Threshold, ...],
    full_break: FullBreak | None,
    left_out: tuple[LeftOut, ...],
) -> Audit:
    counted = [one for one in controls if one.linked or one.rejected]
    rejected = sum(one.rejected for one in counted)
    upper = rate_upper(rejected, len(counted))
    bound = (upper * sets.unverified + sets.falsely) / sets.reported if sets.reported else None
    claimable = bound is not None and bound <= level
    return Audit(
        controls=controls,
        linked=len(counted),
        rejected=rejected,
        confidence=CONFIDENCE,
        rate_upper=upper,
        sets=sets.unverified,
        verified_sets=sets.verified,
        falsely_reported=sets.falsely,
        reported=sets.reported,
        cutoff=cutoff,
        bound=bound,
        level=level,
        claimable=claimable,
        statement=_statement(rejected, len(counted), upper, sets, bound, level),
        thresholds=thresholds,
        full_break=full_break,
        left_out=left_out,
    )


def _sets(judged: Judged, verified: frozenset[str]) -> Sets:
    """Count the linked sets of a hunt, those mostly of verified accounts apart."""
    reported = [len(verified.intersection(one.accounts)) * 2 > len(one.accounts) for one in judged.campaigns]
    linked = [len(verified.intersection(one.account_ids)) * 2 > len(one.account_ids) for one in judged.linked]
    known = sum(reported) + sum(linked)
    return Sets(
        unverified=len(reported) + len(linked) - known, verified=known, reported=len(reported), falsely=sum(reported)
    )


def _statement(rejected: int, counted: int, upper: float, sets: Sets, bound: float | None, level: float) -> str:
    seen = (
        f"Of {counted:,} verified-honest linked sets of this operator the rule rejects {rejected:,}; with {CONFIDENCE:.0%}"
        f" confidence it rejects at most {upper:.2%} of such sets."
    )
    among = f"Over {sets.unverified:,} linked sets that nobody has verified and {sets.reported:,} reported ones"
    if sets.falsely:
        among += f", {sets.falsely:,} of them mostly accounts of controls,"
    if bound is None:
        return f"{seen} Nothing was reported, so there is no share of false reports to bound."
    if bound > level:
        share = level * sets.reported / max(1, sets.unverified)
        wanted = int(np.ceil(np.log(1 - CONFIDENCE) / np.log1p(-min(share, 1 - 1e-9))))
        need = (
            f"Rejected controls, not their number, stand in the way: read {'it' if rejected == 1 else 'them'} first."
            if rejected or sets.falsely
            else f"It would take {wanted:,} linked controls of which none is rejected."
        )
        return (
            f"{seen} {among} that is a share of {min(bound, 1.0):.0%}, more than the stated {_percent(level)}: insufficient"
            f" controls. No bound from this operator's own sets may be claimed. {need}"
        )
    return (
        f"{seen} {among}, at most {bound:.2%} of the reports are honest sets, if honest sets that nobody has verified are no worse"
        " than those that somebody has."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _rho0(controls: Sequence[Control], in_use: float) -> Threshold:
    """Return ρ0 as the first percentile of the coherence of the linked controls, or that they are too few to say."""
    seen = [one.coherence for one in controls if one.linked and one.coherence is not None]
    estimate = first_percentile(seen)
    if estimate is None:
        said = (
            f"{len(seen):,} linked controls have a coherence; a first percentile takes {FEWEST_FOR_PERCENTILE}. Nothing is"
            f" guessed: {in_use:g} remains an assumption."
        )
        if seen:
            said += f" The smallest that was seen is {min(seen):.3f}."
    elif estimate < in_use:
        said = (
            f"One in a hundred honest sets lies below {estimate:.3f}, and {in_use:g} is in use: it is too large for these"
            f" customers. Hunt again with `--rho0 {max(0.001, np.floor(1000 * estimate) / 1000):g}`, and audit that hunt on"
            " controls that were not used here."
        )
    else:
        said = f"One in a hundred honest sets lies below {estimate:.3f}; {in_use:g}, which is in use, is on the safe side."
    return Threshold(
        name="rho0", in_use=in_use, estimate=estimate, seen=len(seen), needed=FEWEST_FOR_PERCENTILE, statement=said
    )


def _tau(known: Sequence[KnownHonest], searched: Search) -> Threshold:
    """
    Return τ as accounts of different controls would have it: known to be strangers, and not made so by a shuffle.

    Chance links at most `MEAN_DEGREE` others to an account when a share MEAN_DEGREE / (n - 1) of such pairs is linked.
    """
    n = searched.population.incidence.n_owners
    of = np.full(n, -1, dtype=np.int64)
    for number, one in enumerate(known):
        of[one.owners] = number
    size = np.bincount(of[of >= 0]).astype(np.float64)
    pairs = float((size.sum() ** 2 - (size**2).sum()) / 2)
    allowed = MEAN_DEGREE * pairs / max(1, n - 1)
    i, j, s = searched.links
    strangers = np.sort(s[(of[i] >= 0) & (of[j] >= 0) & (of[i] != of[j])])[::-1]
    estimate, tau = None, searched.tau
    if allowed < FEWEST_LINKS_ALLOWED:
        said = (
            f"Accounts of different controls make {pairs:,.0f} pairs, of which chance may link {allowed:.1f}; an estimate takes"
            f" {FEWEST_LINKS_ALLOWED}. Nothing is guessed: {tau:.2f}, found by shuffling the log, remains."
        )
    elif len(strangers) <= allowed:
        estimate = tau
        said = (
            f"Of {pairs:,.0f} pairs of accounts of different controls {len(strangers):,} are linked, and chance may link"
            f" {allowed:.0f}: {tau:.2f}, found by shuffling the log, is on the safe side."
        )
    else:
        estimate = float(strangers[int(allowed)])
        said = (
            f"Of {pairs:,.0f} pairs of accounts of different controls {len(strangers):,} are linked, and chance may link"
            f" {allowed:.0f}: honest strangers have more in common here than a shuffle shows. {estimate:.2f} would do. The"
            " threshold only proposes; what is claimed does not rest on it."
        )
    return Threshold(
        name="tau", in_use=tau, estimate=estimate, seen=int(allowed), needed=FEWEST_LINKS_ALLOWED, statement=said
    )


def _full_break(engine: Engine, rule: Rule, config: Config, shuffles: int, progress: Progress) -> FullBreak:
    """Deal every kind of trait out anew inside each country, and count what key 1 still keeps: about nothing, if it is valid."""
    incidence = fetch_incidence(engine, LINKING_KINDS)
    country = np.bincount(incidence.stratum)
    proposed, kept, unbroken = 0, 0, 0
    for number in range(shuffles):
        dealt = broken(engine, incidence, seed=config.seed + 1 + number)
        found = search(
            engine, dealt, seed=config.seed, several=config.declared_customers, linkage_level=rule.linkage_level
        )
        sets = linked_sets(
            found.population, found.groups, membership_level=rule.membership_level, linkage_level=rule.linkage_level
        )
        inside = [np.bincount(incidence.stratum[one.owners], minlength=len(country)) for one in sets]
        proposed, kept = proposed + len(found.groups), kept + len(sets)
        unbroken += sum(4 * int(part.max()) >= int(country[part.argmax()]) for part in inside)
        progress(0.8 + 0.2 * (number + 1) / shuffles)
    return FullBreak(shuffles=shuffles, proposed=proposed, kept=kept, of_one_country=unbroken)
