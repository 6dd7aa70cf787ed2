"""
The stages in order. This is the summary of the product, and the only place that reads the clock.

    logs → collect → digest → graph → judge → Hunt
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt import contract, intake
from stillhunt.audit import accounts_of, audit
from stillhunt.config import Config
from stillhunt.coverage import coverage, unavailable_for
from stillhunt.deployment_key import key_file, read_key
from stillhunt.digest import Key, ledger, traits
from stillhunt.digest.capabilities import CLASSES, METHOD
from stillhunt.engines import Engine, choice
from stillhunt.evidence import Evidence, Keep, committed, refuse_on
from stillhunt.features import contrasts, harvest_measures, profile
from stillhunt.features.profile import per_day
from stillhunt.graph import fetch_incidence
from stillhunt.intake import Collected, merged, side_table
from stillhunt.judge.campaigns import ASSUMPTIONS, Judged, judge
from stillhunt.judge.campaigns import METHOD as RULE_METHOD
from stillhunt.judge.rule import Rule
from stillhunt.judge.sets import linkage_level
from stillhunt.model import AccountId, Claim, Hunt, LeftOut, LinkedSet, Unavailable
from stillhunt.search import LINKING_KINDS, Search, search
from stillhunt.store import tracking
from stillhunt.store.folder import Store
from stillhunt.watch.watching import Watched, freeze, judge_blocks, standing

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done (0 to 1)."""


def _quiet(stage: str, share: float) -> None:
    """Report nothing."""


def hunt(
    exchanges: object,
    accounts: object | None = None,
    events: object | None = None,
    *,
    format: str | None = None,
    key: bytes | None = None,
    controls: object | None = None,
    shuffles: int = 0,
    engine: str = "duckdb",
    master: str | None = None,
    spark_conf: Mapping[str, str] | None = None,
    evidence: Evidence | None = None,
    store: str | Path | None = None,
    keep_days: int | None = None,
    progress: Progress = _quiet,
    **settings: Any,
) -> Hunt:
    """
    Hunt for campaigns in exchanges and return them with their claims.

    `exchanges` is a path, a glob, a folder, a list of those, or a table (anything with the Arrow PyCapsule interface:
    pyarrow, Polars, pandas, DuckDB) with the columns of the log contract; so are `accounts` and `events`. `key` is the
    deployment key (at least 16 bytes); without one, the key of this user is used and made when missing.
    `controls` are sets verified to be honest (columns `set` and `account_id` or `org_id`): the rule is put to them, and the
    bound that follows goes into the claim; `shuffles` is how often, beside that, the log is hunted with every trait dealt out
    anew.
    `engine` is `duckdb`, in this process, or `spark`: then `master` is the cluster (default: the session that is active,
    else this machine) and `spark_conf` holds settings of Spark. With `evidence`, records are committed by day before anything
    is judged, and each campaign leaves a replay bundle. With `store`, a folder, only what it does not hold is digested and
    added to it, and the hunt is on all that it holds; `keep_days` says how many days it keeps, back from the newest.
    `settings` are those of `stillhunt.config.Config`.

    Raises `ConfigError`, `LogError`, `StoreError`, `PlugError`.
    """
    config = Config.of(**settings)
    refuse_on(engine, evidence)
    secret = key_of(key)
    with work_folder(config) as work:
        opened = choice.opened(engine, config, work, master=master, conf=spark_conf)
        try:
            with intake.opened(
                store, opened, secret, config, bind=evidence is not None, keep_days=keep_days, now=datetime.now(UTC)
            ) as kept:
                return run(
                    opened, exchanges, accounts, events, format=format, key=secret, config=config, controls=controls,
                    shuffles=shuffles, evidence=evidence, store=kept, progress=progress,
                )  # fmt: skip
        finally:
            opened.close()


def watch(
    exchanges: object,
    accounts: object | None = None,
    events: object | None = None,
    *,
    store: str | Path,
    format: str | None = None,
    key: bytes | None = None,
    keep_days: int | None = None,
    progress: Progress = _quiet,
    **settings: Any,
) -> tuple[Watched, ...]:
    """
    Add exchanges to a store, judge the sets that hunts have left to be watched on the days that are over, and return them.

    Arguments are those of `hunt`. May be asked as often as one likes. Raises what `hunt` raises.
    """
    config = Config.of(**settings)
    secret, now = key_of(key), datetime.now(UTC)
    with work_folder(config) as work, closing(choice.opened("duckdb", config, work, master=None, conf=None)) as engine:
        opened = intake.opened(store, engine, secret, config, bind=False, keep_days=keep_days, now=now)
        with opened as kept:
            assert kept is not None
            account_table, event_table, _ = _beside(accounts, events, kept)
            intake.collected(
                engine, exchanges, format=format, key=secret, config=config, bind=False, store=kept,
                progress=lambda share: progress("digest", share),
            )  # fmt: skip
            progress("watch", 0.0)
            rule = rule_of(secret, config, (), event_table)
            judge_blocks(engine, kept, rule, account_table, traits.account_traits(account_table, secret))
            progress("watch", 1.0)
            return standing(kept, config.level)


def run(
    engine: Engine,
    exchanges: object,
    accounts: object | None,
    events: object | None,
    *,
    format: str | None,
    key: Key,
    config: Config,
    controls: object | None = None,
    shuffles: int = 0,
    evidence: Evidence | None = None,
    store: Store | None = None,
    progress: Progress = _quiet,
) -> Hunt:
    """
    Run the stages on an engine. With a store, campaigns go by the ids that they keep, and it is told what became of them.

    1. Collect and digest: every exchange becomes a call without text; lines are counted.
    2. Number accounts and owners; make traits. Where evidence is asked for, commit to both before anything is judged.
    3. Link: incidence, candidate pairs, groups. Licensed owners are counted in the population but never proposed.
    4. Judge: the three keys.
    5. Say what was left out and what could not be seen.
    6. Where there are controls, put the rule to them and say what may be claimed.
    """
    account_table, event_table, left_beside = _beside(accounts, events, store)
    control_table, left_controls = side_table(controls, "controls", contract.CONTROLS)
    collected = intake.collected(  # 1.
        engine, exchanges, format=format, key=key, config=config, bind=evidence is not None, store=store,
        progress=lambda share: progress("digest", share),
    )  # fmt: skip
    left_out = [*collected.left_out, *left_beside]
    progress("accounts", 0.0)
    left_out += ledger.build(engine, account_table)  # 2.
    known_honest = None if controls is None else accounts_of(engine, control_table)
    engine.register("account_trait", traits.account_traits(account_table, key))
    progress("traits", 0.0)
    traits.build(engine, n_shingles=collected.shingles)
    progress("commit", 0.0)
    keep = None if evidence is None else committed(engine, key, config, evidence, lambda: datetime.now(UTC))
    searched = _searched(engine, config, progress)  # 3.
    left_out += searched.left_out
    unavailable = unavailable_for(collected.present, account_table, event_table)
    rule = tracking.named(rule_of(key, config, unavailable, event_table), store)
    judged = _judged(engine, searched, rule, keep, progress)  # 4.
    found = _hunt(  # 5.
        engine, judged, collected, left_out, unavailable, account_table, event_table, config, key, searched.tau
    )
    _remember(store, found, event_table)
    if known_honest is None:
        return found
    audited = audit(  # 6.
        engine, known_honest, searched, judged, rule, config, shuffles=shuffles, shingles=collected.shingles,
        progress=lambda share: progress("audit", share),
    )  # fmt: skip
    audited = replace(audited, left_out=merged([*audited.left_out, *left_controls]))
    return replace(found, claim=_claim(config, audited.statement), audit=audited)


def _searched(engine: Engine, config: Config, progress: Progress) -> Search:
    progress("links", 0.0)
    return search(
        engine,
        fetch_incidence(engine, LINKING_KINDS),
        seed=config.seed,
        several=config.declared_customers,
        linkage_level=linkage_level(config.level),
        progress=lambda share: progress("links", share),
    )


def _beside(
    accounts: object | None, events: object | None, store: Store | None
) -> tuple[pa.Table, pa.Table, tuple[LeftOut, ...]]:
    """Return accounts and events, without those that were removed from a store, and what of them was left out."""
    account_table, left_accounts = side_table(accounts, "accounts", contract.ACCOUNTS)
    event_table, left_events = side_table(events, "events", contract.EVENTS)
    if store is not None:
        account_table = store.without_forgotten(account_table, "account_id")
        event_table = store.without_forgotten(event_table, "subject")
    return account_table, event_table, (*left_accounts, *left_events)


def _remember(store: Store | None, found: Hunt, events: pa.Table) -> None:
    """Tell a store what became of campaigns, and leave it the sets that are to be watched."""
    if store is not None:
        tracking.follow(store, found, events)
        freeze(store, found)


def _judged(engine: Engine, searched: Search, rule: Rule, keep: Keep | None, progress: Progress) -> Judged:
    """Judge what was proposed; where evidence is asked for, write the replay bundle of each campaign."""
    progress("judge", 0.0)
    judged = judge(
        engine, searched.population, searched.groups, searched.links, replace(rule, keep=keep is not None),
        progress=lambda share: progress("judge", share),
    )  # fmt: skip
    progress("judge", 1.0)
    if keep is not None:
        keep(judged.bundles)
    return judged


def rule_of(key: Key, config: Config, unavailable: tuple[Unavailable, ...], events: pa.Table) -> Rule:
    """Return the rule that a run with these settings applies."""
    return Rule(
        level=config.level,
        membership_level=config.membership_level,
        declared_customers=config.declared_customers,
        rho0=config.rho0,
        draws=config.draws,
        seed=config.seed,
        tag=lambda ids: key.tag("campaign", ids),
        salted=lambda ids: bytes.fromhex(key.tag("bundle", ids, digits=32)),
        labels={k.kind: k.label for k in traits.KINDS},
        name=lambda purpose, parts: key.tag(purpose, parts, digits=12),
        profile=lambda calls: profile(calls, classes=CLASSES, method=METHOD),
        measured=harvest_measures,
        contrast=contrasts,
        events=events,
        not_seen=(
            "transcripts bought from customers or collected by a product in between leave no trace in these logs",
            "accounts that share nothing with the others, or sent too little, are not in this set even if they belong",
            *(f"{u.what}: {u.consequence}" for u in unavailable),
        ),
    )


def _hunt(
    engine: Engine,
    judged: Judged,
    collected: Collected,
    left_out: list[LeftOut],
    unavailable: tuple[Unavailable, ...],
    accounts: pa.Table,
    events: pa.Table,
    config: Config,
    key: Key,
    tau: float,
) -> Hunt:
    totals = engine.fetch(
        "SELECT count(*) AS n, min(epoch_us(started_at)) AS first, max(epoch_us(started_at)) AS last FROM distinct_call"
    ).to_pylist()[0]
    counts = engine.fetch("SELECT (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM owner) AS owners")
    days = engine.fetch(
        "SELECT epoch_us(started_at) // 86400000000 AS day, count(*) AS n FROM distinct_call GROUP BY 1 ORDER BY 1"
    )
    repeated = np.repeat(days.column("day").to_numpy().astype(np.int64), days.column("n").to_numpy())
    return Hunt(
        claim=_claim(config, NO_BOUND),
        campaigns=judged.campaigns,
        linked=(*judged.linked, *_licensed(engine, key)),
        left_out=merged(left_out),
        unavailable=unavailable,
        coverage=coverage(collected.present, collected.rows, accounts),
        n_lines=collected.lines,
        n_exchanges=int(totals["n"]),
        n_accounts=int(counts.column("accounts")[0].as_py()),
        n_owners=int(counts.column("owners")[0].as_py()),
        first_seen=_moment(totals["first"]),
        last_seen=_moment(totals["last"]),
        sources=collected.sources,
        settings=_settings(config, key, engine, judged, events, tau),
        per_day=per_day(repeated),
    )


NO_BOUND = (
    "No bound from this operator's own verified-honest groups has been computed: the level rests on the assumptions named"
    " here."
)


def _claim(config: Config, bound: str) -> Claim:
    """Return what is claimed of the whole list; `bound` says what the operator's own honest sets add to it."""
    return Claim(
        statement=(
            f"Of the campaigns reported, at most {config.level:.0%} are honest sets of accounts, in expectation;"
            f" of the accounts of a campaign, at most {config.membership_level:.0%} do not belong to it, in expectation."
            f" {bound}"
        ),
        level=config.level,
        method=RULE_METHOD,
        assumptions=ASSUMPTIONS,
        seed=config.seed,
    )


def _settings(
    config: Config, key: Key, engine: Engine, judged: Judged, events: pa.Table, tau: float
) -> dict[str, float | int | str]:
    """Everything that the result depends on, besides the log."""
    return {
        "level": config.level,
        "membership_level": config.membership_level,
        "declared_customers": config.declared_customers,
        "rho0": config.rho0,
        "one_in": config.one_in,
        "draws": config.draws,
        "seed": config.seed,
        "tau": round(tau, 3),
        "sets tested": judged.tested,
        "events": events.num_rows,
        "key fingerprint": key.fingerprint,
        "engine": engine.name,
    }


def _licensed(engine: Engine, key: Key) -> tuple[LinkedSet, ...]:
    """Licensed use, one entry per licence: excluded from accusation and listed as excluded."""
    rows = engine.fetch(
        "SELECT a.licence, a.account_id, a.owner, n FROM account a JOIN (SELECT account_id, count(*) AS n FROM distinct_call"
        " GROUP BY account_id) USING (account_id) WHERE a.licence IS NOT NULL ORDER BY a.licence, a.account_id"
    ).to_pylist()
    out = []
    for licence in dict.fromkeys(r["licence"] for r in rows):
        mine = [r for r in rows if r["licence"] == licence]
        ids = [r["account_id"] for r in mine]
        out.append(
            LinkedSet(
                id=f"licence-{key.tag('campaign', [licence, *ids])}",
                account_ids=tuple(AccountId(i) for i in ids),
                owners=len({r["owner"] for r in mine}),
                n_exchanges=sum(r["n"] for r in mine),
                linkage_log10=0.0,
                p_value=None,
                declared_customers=None,
                reason=f"the accounts table says `{licence}`: excluded before any test was made.",
                list_name="licensed",
            )
        )
    return tuple(out)


def _moment(us: int | None) -> datetime | None:
    return None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def key_of(secret: bytes | None) -> Key:
    """Return the deployment key: the one that is given, else that of this user, made when missing."""
    return Key(secret if secret is not None else read_key(key_file(), make=True))


@contextmanager
def work_folder(config: Config) -> Iterator[Path]:
    """Give the folder for intermediate files; a temporary one goes away afterwards."""
    if config.work is not None:
        yield Path(config.work)
        return
    with tempfile.TemporaryDirectory(prefix="stillhunt-") as folder:
        yield Path(folder)
