"""
The joins that only corroborate, put to a reported campaign: unserved histories, failover, pivots, technique search.

They decide nothing and cost the tests of joint operation nothing. Their p-values are each for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.contract import EVENTS
from stillhunt.engines import Engine
from stillhunt.judge.joins.dealings import FAILED, outcomes
from stillhunt.judge.joins.events import (
    FEWEST_PEERS,
    HOUR_US,
    PIVOT_US,
    WITHIN_US,
    FailoverTest,
    PivotTest,
    failover_test,
    pivot_test,
)
from stillhunt.judge.joins.findings import pointers
from stillhunt.judge.joins.technique import SearchTest, search_test
from stillhunt.judge.joins.unserved import FEWEST_MARKS, KNOWN, Turns, UnservedTest, unserved_test
from stillhunt.judge.nulls import of_draws, of_mass
from stillhunt.judge.strands import Strand
from stillhunt.model import Evidence

Indicator = UnservedTest | FailoverTest | PivotTest | SearchTest

OUTSIDE = 3000
"""Owners outside all linked sets whose histories are looked at, at most (the first by number)."""

AROUND_US = 3 * PIVOT_US
"""Who calls this long before or after a release could have moved to the new model."""

SEARCH_DRAWS = 400
SHOWN_P = 0.05
"""A search for techniques that is no clearer than this is not shown."""


class Harvested(Protocol):
    """A strand among others."""

    @property
    def strand(self) -> Strand:
        """The calls of the strand."""


class Seen(Protocol):
    """The calls of a set and its strands."""

    @property
    def calls(self) -> pa.Table:
        """All calls of the set, ordered by time."""

    @property
    def harvests(self) -> Sequence[Harvested]:
        """The strands."""

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The positions of all calls in a strand."""


@dataclass(frozen=True, slots=True)
class _Event:
    at_us: int
    kind: str
    subject: str | None


class Indicators:
    """
    The events of a log and what is needed of everybody else, with the indicators of one campaign after the other.

    Reads `turn`, `call`, `account`, `trait` and `linked_owner`; leaves the relation `release_use` in the engine until
    `forget`. `events` has the contract's columns; None for none.
    """

    def __init__(self, engine: Engine, events: pa.Table | None, *, draws: int, seed: int) -> None:
        self._engine, self._draws, self._seed = engine, draws, seed
        table = EVENTS.empty_table() if events is None else events
        at = table.column("at").cast(pa.int64()).to_pylist()
        rows = zip(at, table.column("kind").to_pylist(), table.column("subject").to_pylist(), strict=True)
        self._events = sorted(
            (_Event(t, k, s) for t, k, s in rows if t is not None and k is not None),
            key=lambda e: (e.at_us, e.kind, e.subject or ""),
        )
        self._outside: Turns | None = None
        self._start_us = 0
        self._prepared = False

    def beside(self, owners: npt.NDArray[np.int32], traffic: Seen) -> tuple[tuple[Evidence, ...], tuple[Indicator, ...]]:
        """Return the indicators of a campaign; `owners` are those of the set in their order, `traffic` is as shown."""
        self._prepare()
        found = [*self._unserved(traffic), *self._failover(traffic), *self._pivots(traffic, owners), *self._search(traffic)]
        return tuple(evidence for evidence, _ in found), tuple(test for _, test in found)

    def forget(self) -> None:
        """Free what the engine holds."""
        for relation in ("release", "release_use", "history_call"):
            self._engine.drop(relation)

    def _prepare(self) -> None:
        """Look at everybody else, once, and only when there is a campaign at all."""
        if self._prepared:
            return
        self._prepared = True
        first = self._engine.fetch("SELECT min(epoch_us(started_at)) AS at_us FROM distinct_call").column("at_us")[0].as_py()
        self._start_us = int(first or 0)
        rows = self._engine.fetch(
            "SELECT owner, epoch_us(started_at) AS at_us, marks, served FROM turn WHERE owner IN (SELECT owner FROM"
            f" (SELECT DISTINCT owner FROM turn WHERE marks >= {FEWEST_MARKS} AND owner NOT IN (SELECT owner FROM linked_owner)"
            f" AND owner NOT IN (SELECT owner FROM account WHERE licence IS NOT NULL)) ORDER BY owner LIMIT {OUTSIDE})"
            f" AND marks >= {FEWEST_MARKS} ORDER BY owner, at_us, exchange_h"
        )
        self._outside = self._turns(rows)
        releases = [e for e in self._events if e.kind == "model_release" and e.subject]
        self._engine.register(
            "release",
            pa.table(
                {
                    "number": pa.array(np.arange(len(releases), dtype=np.int32)),
                    "model": pa.array([e.subject for e in releases], pa.string()),
                    "at_us": pa.array([e.at_us for e in releases], pa.int64()),
                }
            ),
        )
        self._releases = releases
        self._engine.create(
            "release_use",
            "SELECT r.number, a.owner, max(CASE WHEN c.model = r.model AND epoch_us(c.started_at) >= r.at_us"
            f" AND epoch_us(c.started_at) < r.at_us + {PIVOT_US} THEN 1 ELSE 0 END)::TINYINT AS moved FROM call c"
            " JOIN account a ON a.acct = c.acct JOIN release r"
            f" ON epoch_us(c.started_at) >= r.at_us - {AROUND_US} AND epoch_us(c.started_at) < r.at_us + {AROUND_US}"
            " GROUP BY r.number, a.owner",
        )

    def _turns(self, rows: pa.Table) -> Turns:
        marks, served = (rows.column(c).to_numpy().astype(np.float64) for c in ("marks", "served"))
        return Turns(
            owner=rows.column("owner").to_numpy().astype(np.int64),
            since_us=rows.column("at_us").to_numpy().astype(np.int64) - self._start_us,
            served=served >= KNOWN * marks,
        )

    def _unserved(self, traffic: Seen) -> list[tuple[Evidence, Indicator]]:
        calls = traffic.calls.column("exchange_h").take(pa.array(traffic.rows))
        self._engine.register("history_call", pa.table({"exchange_h": calls.combine_chunks()}))
        rows = self._engine.fetch(
            "SELECT t.owner, epoch_us(t.started_at) AS at_us, t.marks, t.served, t.exchange_h FROM turn t"
            f" JOIN history_call USING (exchange_h) WHERE t.marks >= {FEWEST_MARKS} ORDER BY t.owner, at_us, t.exchange_h"
        )
        assert self._outside is not None
        inside = self._turns(rows)
        test = unserved_test(inside, self._outside, draws=self._draws, seed=self._seed)
        if test is None or not test.unserved:
            return []
        exchange = traffic.calls.column("exchange_h").to_numpy()
        unserved = rows.column("exchange_h").to_numpy()[~inside.served]
        return [(_unserved_evidence(test, traffic.calls, np.flatnonzero(np.isin(exchange, unserved))), test)]

    def _failover(self, traffic: Seen) -> list[tuple[Evidence, Indicator]]:
        if any(harvest.strand.key is None for harvest in traffic.harvests):
            return []  # without a template, a first call says nothing about rare content
        calls = traffic.calls.take(pa.array(traffic.rows))
        names, account = np.unique(calls.column("account_id").to_numpy(zero_copy_only=False), return_inverse=True)
        at = calls.column("started_at").cast(pa.int64()).to_numpy()
        first = np.full(len(names), np.iinfo(np.int64).max)
        np.minimum.at(first, account, at)
        members = {str(name): place for place, name in enumerate(names.tolist())}
        banned = np.zeros(len(names), dtype=bool)
        mine, others = [], []
        for event in self._events:
            if event.kind == "ban" and event.subject in members:
                banned[members[event.subject]] = True
                mine.append(event.at_us)
            elif event.kind in ("ban", "outage"):
                others.append(event.at_us)
        test = failover_test(first, np.array(mine, np.int64), banned, np.unique(np.array(others, np.int64)))
        if test is None:
            return []
        rows = traffic.rows[[int(np.flatnonzero((account == waker) & (at == first[waker]))[0]) for waker in test.wakers]]
        return [(_failover_evidence(test, traffic.calls, rows), test)]

    def _pivots(self, traffic: Seen, owners: npt.NDArray[np.int32]) -> list[tuple[Evidence, Indicator]]:
        found: list[tuple[Evidence, Indicator]] = []
        acting = owners[np.unique(traffic.calls.column("account").to_numpy()[traffic.rows])]
        candidates = self._peers(traffic, acting) if self._releases else []
        for number, release in enumerate(self._releases):
            use = self._engine.fetch(f"SELECT owner, moved FROM release_use WHERE number = {number} ORDER BY owner")
            owner, moved = use.column("owner").to_numpy(), use.column("moved").to_numpy() > 0
            inside = np.isin(owner, acting)
            for among, peers in candidates:
                outside = np.isin(owner, peers)
                if int(outside.sum()) >= FEWEST_PEERS:
                    test = pivot_test(str(release.subject), moved[inside], moved[outside])
                    if test is not None and test.members_moved:
                        found.append((_pivot_evidence(test, among), test))
                    break
        return found

    def _peers(self, traffic: Seen, acting: npt.NDArray[np.int32]) -> list[tuple[str, npt.NDArray[np.int32]]]:
        """Return whom the members are compared with: users of the same template, of the same client, everybody else."""
        key = traffic.harvests[0].strand.key
        kinds = {"shingles": "template", "system_h": "system", "system_marks": "system_mark"}
        outside = "a.licence IS NULL AND a.owner NOT IN (SELECT owner FROM linked_owner)"
        out = []
        if key is not None:
            rows = self._engine.fetch(
                f"SELECT DISTINCT a.owner FROM trait t JOIN account a USING (acct) WHERE t.kind = '{kinds[key[0]]}'"
                f" AND t.value = {key[1]} AND {outside}"
            )
            out.append(("of the same template", rows.column("owner").to_numpy()))
        mine = ", ".join(str(int(o)) for o in acting)
        rows = self._engine.fetch(
            "WITH used AS (SELECT value FROM (SELECT t.value, count(DISTINCT a.owner) AS n FROM trait t JOIN account a"
            f" USING (acct) WHERE t.kind = 'agent' AND a.owner IN ({mine}) GROUP BY t.value) WHERE n * 2 >= {len(acting)})"
            " SELECT DISTINCT a.owner FROM trait t JOIN account a USING (acct) WHERE t.kind = 'agent'"
            f" AND t.value IN (SELECT value FROM used) AND {outside}"
        )
        out.append(("of the same client program", rows.column("owner").to_numpy()))
        rows = self._engine.fetch(f"SELECT DISTINCT a.owner FROM account a WHERE {outside}")
        out.append(("who share nothing with the set", rows.column("owner").to_numpy()))
        return out

    def _search(self, traffic: Seen) -> list[tuple[Evidence, Indicator]]:
        calls = traffic.calls
        forms = np.unique(_forms(calls), return_inverse=True)[1]
        failed = outcomes(calls) == FAILED
        refused = failed & (pc.is_valid(calls.column("refusal")).to_numpy() | (_status(calls) == "blocked"))
        names = pc.fill_null(calls.column("refusal"), "blocked").to_pylist()
        category = [names[i] for i in np.flatnonzero(refused).tolist()]
        test = search_test(forms.astype(np.int64), refused, category, draws=min(self._draws, SEARCH_DRAWS), seed=self._seed)
        if test is None or test.p_value > SHOWN_P:
            return []
        return [(_search_evidence(test, calls, np.flatnonzero(refused)), test)]


def _status(calls: pa.Table) -> npt.NDArray[np.object_]:
    status: npt.NDArray[np.object_] = pc.fill_null(calls.column("status"), "").to_numpy(zero_copy_only=False)
    return status


def _forms(calls: pa.Table) -> npt.NDArray[np.uint64]:
    """Return what the form of each call is known by: its system prompt, else the first words of its prompt, else nothing."""
    system = pc.fill_null(calls.column("system_h"), 0).to_numpy().astype(np.uint64)
    shingles = calls.column("shingles").combine_chunks()
    some = pc.greater(pc.fill_null(pc.list_value_length(shingles), 0), 0)
    first = pc.fill_null(pc.list_element(pc.if_else(some, shingles, pa.scalar([0], shingles.type)), 0), 0)
    forms: npt.NDArray[np.uint64] = np.where(system > 0, system, first.to_numpy(zero_copy_only=False).astype(np.uint64))
    return forms


def _unserved_evidence(test: UnservedTest, calls: pa.Table, rows: npt.NDArray[np.int64]) -> Evidence:
    return Evidence(
        kind="indicator",
        test="histories this provider never served",
        statement=(
            f"Of {test.turns:,} conversations that {test.accounts:,} accounts sent back, {test.unserved:,} end in an answer that"
            f" nobody was served here; what other customers send leads one to expect {test.expected:.0f}, answers from before the"
            f" log began included (p = {test.p_value:.2g} against as many other accounts). A customer who has moved here from"
            " another provider, or who evaluates on stored conversations, looks the same."
        ),
        statistic=test.excess,
        p_value=test.p_value,
        effect={
            "histories": test.turns,
            "never served": test.unserved,
            "expected": round(test.expected, 2),
            "mean excess per account": round(test.excess, 4),
        },
        null=of_draws("mean excess of as many other accounts", test.null, test.excess),
        exchange_ids=pointers(calls, rows),
    )


def _failover_evidence(test: FailoverTest, calls: pa.Table, rows: npt.NDArray[np.int64]) -> Evidence:
    return Evidence(
        kind="indicator",
        test="accounts that wake after a ban",
        statement=(
            f"Within {WITHIN_US // HOUR_US} hours after accounts of the set were banned ({test.banned:,} in all), {test.woken:,}"
            f" others sent their first call with the set's template, half of them within {test.lag_h:.1f} hours. After each of"
            f" {len(test.null):,} other bans and outages, at most {int(test.null.max())} did (p = {test.p_value:.2g}; one burst is"
            " one observation). A customer who moves keys after an outage starts anew as well, without a ban before."
        ),
        statistic=float(test.woken),
        p_value=test.p_value,
        effect={"accounts banned": test.banned, "accounts that woke": test.woken, "median hours after": round(test.lag_h, 2)},
        null=of_draws("accounts that first called after other bans and outages", test.null, float(test.woken)),
        exchange_ids=pointers(calls, rows),
    )


def _pivot_evidence(test: PivotTest, among: str) -> Evidence:
    return Evidence(
        kind="indicator",
        test=f"move to a new model ({test.model})",
        statement=(
            f"{test.members_moved:,} of the {test.members:,} accounts that called around the release of {test.model} used it"
            f" within a day; of {test.peers:,} others {among}, {test.peers_moved:,} did (p = {test.p_value:.2g}, were every"
            " account to decide for itself). An application that changes its default moves its users at once too."
        ),
        statistic=float(test.members_moved),
        p_value=test.p_value,
        effect={
            "members": test.members,
            "members that moved": test.members_moved,
            "others": test.peers,
            "others that moved": test.peers_moved,
            "compared with others": among,
        },
        null=of_mass("members among those that moved", test.null, test.members_moved),
    )


def _search_evidence(test: SearchTest, calls: pa.Table, rows: npt.NDArray[np.int64]) -> Evidence:
    return Evidence(
        kind="indicator",
        test="technique search",
        statement=(
            f"In the first {test.before:.0%} of the set's calls about {test.forms_before:.0f} forms are in use and"
            f" {test.refused_before:.0%} are refused, {test.category_share:.0%} of them as `{test.category}`; after that about"
            f" {test.forms_after:.0f}, and {test.refused_after:.0%} are refused (p = {test.p_value:.2g} with the order of calls"
            " shuffled). Registered testers of safeguards search too, and somebody who writes a prompt drops forms too."
        ),
        statistic=test.drop,
        p_value=test.p_value,
        effect={
            "forms before": round(test.forms_before, 1),
            "forms after": round(test.forms_after, 1),
            "refused before": round(test.refused_before, 4),
            "refused after": round(test.refused_after, 4),
            "refusals of one category": round(test.category_share, 3),
        },
        null=of_draws("largest fall of the entropy of forms, order shuffled", test.null, test.drop),
        exchange_ids=pointers(calls, rows),
    )
