"""
Whole days of a log, fixed in the journal without a hunt: what a daily job runs, before anybody looks at anything.

One line of the kind `day` for each: the roots over the records of its exchanges, and over the traits that its calls alone give.
A later hunt makes the same records of the same calls, so that its roots are these where nothing was added, changed or
taken away since.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt import contract, intake
from stillhunt.config import Config
from stillhunt.digest import Key, ledger, traits
from stillhunt.engines import Engine, choice
from stillhunt.errors import ConfigError
from stillhunt.evidence import DAY_US, JOURNAL, exchanges_of, iso, sign_head, traits_of
from stillhunt.intake import merged, side_table
from stillhunt.model import LeftOut
from stillhunt.pipeline import work_folder
from stillhunt.seal import days as fixed
from stillhunt.seal.canonical import Json
from stillhunt.seal.envelope import Signer
from stillhunt.seal.journal import Journal
from stillhunt.seal.records import Committed
from stillhunt.seal.timestamp import stamped

Progress = Callable[[str, float], None]

NOT_OVER, AS_BEFORE = "not over yet", "fixed before, with as many records"


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """One day that was fixed: its exchanges, and the traits that they alone give."""

    exchanges: Committed
    traits: Committed


@dataclass(frozen=True, kw_only=True, slots=True)
class Commitment:
    """What a run fixed: days, those it passed over with the reason, the journal's head afterwards (hex), what it did not read."""

    days: tuple[Day, ...]
    passed: tuple[tuple[str, str], ...]
    head: str
    left_out: tuple[LeftOut, ...]

    def document(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "days": [{"day": one.exchanges.day, **_body(one)} for one in self.days],
            "head": self.head,
            "left_out": [{"count": item.count, "reason": item.reason, "what": item.what} for item in self.left_out],
            "passed": [{"day": day, "reason": reason} for day, reason in self.passed],
        }


def commit(
    exchanges: object,
    accounts: object | None = None,
    *,
    evidence: Path,
    key: Key,
    now: datetime,
    signer: Signer | None = None,
    day: date | None = None,
    timestamp: str | None = None,
    format: str | None = None,
    store: Path | None = None,
    keep_days: int | None = None,
    progress: Progress = lambda stage, share: None,
    **settings: Any,
) -> Commitment:
    """
    Fix every day of a log that is over and has more calls than were fixed before, or just the one that is named.

    1. Collect and digest as a hunt does; with a store, only what it does not hold.
    2. Write the records of each day, exchanges and traits.
    3. Journal their roots, sign the head, and have it timestamped where an authority is named.

    Raises `ConfigError`, `LogError`, `StoreError`, `SealError`.
    """
    config = Config.of(**settings)
    if day is not None and day >= now.astimezone(UTC).date():
        raise ConfigError(f"{day}: this day is not over.\nFix it after midnight UTC, when all of its calls have arrived.")
    account_table, left_out = side_table(accounts, "accounts", contract.ACCOUNTS)
    with work_folder(config) as work:
        engine = choice.opened("duckdb", config, work, master=None, conf=None)
        try:
            with intake.opened(store, engine, key, config, bind=True, keep_days=keep_days, now=now) as kept:
                collected = intake.collected(                                                # 1.
                    engine, exchanges, format=format, key=key, config=config, bind=True, store=kept,
                    progress=lambda share: progress("digest", share),
                )  # fmt: skip
                if kept is not None:
                    account_table = kept.without_forgotten(account_table, "account_id")
                left_out = (*collected.left_out, *left_out, *ledger.build(engine, account_table))
                _account_traits(engine, account_table, key)
                with Journal.open(evidence / JOURNAL) as journal:
                    days, passed = _chosen(engine, list(fixed.fixings(list(journal.entries()))), day, now)
                    done = []
                    _apart(engine, days)
                    for number, one in enumerate(days):
                        progress("commit", number / len(days))
                        done.append(_day(engine, key, evidence, one, collected.shingles))    # 2.
                    _journal(journal, done, signer, timestamp, now)                          # 3.
                    head = journal.head.hex()
        finally:
            engine.close()
    progress("commit", 1.0)
    return Commitment(days=tuple(done), passed=tuple(passed), head=head, left_out=merged(left_out))


def _account_traits(engine: Engine, accounts: pa.Table, key: Key) -> None:
    """Make `account_trait`: what account records carry counts from an account's first call on, so that it is in some day."""
    engine.register("recorded_trait", traits.account_traits(accounts, key))
    engine.create(
        "account_trait",
        "SELECT account_id, kind, value, a.first_at AS started_at FROM recorded_trait JOIN account a USING (account_id)",
    )


def _chosen(
    engine: Engine, before: Sequence[fixed.Fixing], named: date | None, now: datetime
) -> tuple[list[int], list[tuple[str, str]]]:
    """
    Return the days to fix, since 1970, and those passed over with the reason.

    Raises `ConfigError` when the day that is named has no call.
    """
    rows = engine.fetch(
        f"SELECT epoch_us(started_at) // {DAY_US} AS day, count(*) AS n FROM distinct_call"
        " WHERE started_at IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    calls = {int(row["day"]): int(row["n"]) for row in rows}
    today = (now.astimezone(UTC).date() - date(1970, 1, 1)).days
    sizes = {one.day: one.size for one in before}
    if named is not None:
        wanted = (named - date(1970, 1, 1)).days
        if wanted not in calls:
            raise ConfigError(f"{named}: these logs have no call of this day.\nDays are UTC; name another, or other logs.")
        return [wanted], []
    chosen, passed = [], []
    for day, n in calls.items():
        reason = NOT_OVER if day >= today else _reason(n, sizes.get(iso(day), 0))
        if reason:
            passed.append((iso(day), reason))
        else:
            chosen.append(day)
    return chosen, passed


def _reason(calls: int, size: int) -> str:
    """Return why a day that is over is not fixed again, nothing when it is to be."""
    if calls == size:
        return AS_BEFORE
    return f"only {calls:,} of the {size:,} records fixed before are here" if calls < size else ""


def _apart(engine: Engine, days: Sequence[int]) -> None:
    """Put the calls of each day into a relation of its own, before `distinct_call` becomes one of them."""
    for day in days:
        engine.create(f"calls_of_{day}", f"SELECT * FROM distinct_call WHERE epoch_us(started_at) // {DAY_US} = {day}")


def _day(engine: Engine, key: Key, folder: Path, day: int, shingles: int) -> Day:
    """Write the records of one day; the traits are those of its calls alone, so that no later day can change them."""
    engine.view("distinct_call", f"SELECT * FROM calls_of_{day}")
    engine.view("call", "SELECT c.*, a.acct FROM distinct_call c JOIN account a USING (account_id)")
    traits.build(engine, n_shingles=shingles)
    done = Day(
        exchanges=exchanges_of(engine, key, folder, day), traits=traits_of(engine, key, folder, fixed.TRAITS_OF_DAY, day)
    )
    engine.drop(f"calls_of_{day}")
    return done


def _journal(journal: Journal, days: Sequence[Day], signer: Signer | None, timestamp: str | None, now: datetime) -> None:
    if not days:
        return
    journal.append_all([(fixed.DAY, {"day": one.exchanges.day, **_body(one)}) for one in days], at=now)
    sign_head(journal, signer, now)
    if timestamp is not None:
        token = base64.b64encode(stamped(timestamp, journal.head)).decode()
        journal.append(fixed.STAMP, {"token": token}, at=now)


def _body(one: Day) -> Mapping[str, Json]:
    return {
        "exchanges": {"root": one.exchanges.root.hex(), "size": one.exchanges.size},
        "traits": {"root": one.traits.root.hex(), "size": one.traits.size},
    }
