"""What the accounts of one set passed on among themselves, and how their calls ended: what the joins look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.engines import Engine
from stillhunt.judge.interchangeable import serves_tests
from stillhunt.judge.joins.circles import CircleTest, circle_test
from stillhunt.judge.joins.takeover import TakeoverTest, takeover_test
from stillhunt.judge.strands import Strand

REASONING, ANSWER = "reasoning", "answer"

PARTNERS = 8
"""Accounts among which honest colleagues pass conversations and answers on, at most."""

OK, FAILED, ASIDE = 0, 1, 2
"""How a call ended: served; blocked, rate limited or refused; in another error, which says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dealings:
    """
    Things handed from one account of a set to another, ordered by when they were taken, and the outcome of every call.

    `giver` and `taker` number the set's accounts, `given` and `taken` are the positions of the two calls in the set's calls
    (things,). `lag_us` is the age of the thing, `other_model` whether it was taken on another model than given. `value` names
    the thing. `outcome` (calls,).
    """

    kind: npt.NDArray[np.str_]
    value: npt.NDArray[np.uint64]
    giver: npt.NDArray[np.int64]
    taker: npt.NDArray[np.int64]
    given: npt.NDArray[np.int64]
    taken: npt.NDArray[np.int64]
    lag_us: npt.NDArray[np.int64]
    other_model: npt.NDArray[np.bool_]
    outcome: npt.NDArray[np.int8]

    def things(self, kind: str, strand: Strand) -> npt.NDArray[np.int64]:
        """Return the positions of things of a kind that accounts of a strand took in it from each other, each thing once."""
        mine = (self.kind == kind) & np.isin(self.taken, strand.rows) & np.isin(self.giver, strand.account)
        rows = np.flatnonzero(mine)
        pairs = np.stack([self.value[rows], self.taker[rows].astype(np.uint64)])
        rows = rows[np.sort(np.unique(pairs, axis=1, return_index=True)[1])] if len(rows) else rows
        return rows[np.argsort(self.taken[rows], kind="stable")]


NOTHING = Dealings(
    kind=np.zeros(0, dtype="U9"),
    value=np.zeros(0, dtype=np.uint64),
    giver=np.zeros(0, dtype=np.int64),
    taker=np.zeros(0, dtype=np.int64),
    given=np.zeros(0, dtype=np.int64),
    taken=np.zeros(0, dtype=np.int64),
    lag_us=np.zeros(0, dtype=np.int64),
    other_model=np.zeros(0, dtype=np.bool_),
    outcome=np.zeros(0, dtype=np.int8),
)
"""No dealings, and no call whose outcome is known."""


def prepare(engine: Engine) -> None:
    """Make `suspect_handed` from `handed` and `suspect`: what one owner of a set handed another, of the half for tests."""
    engine.create(
        "suspect_handed",
        "SELECT g.number, h.kind, h.value, g.account AS giver, t.account AS taker, h.given_h, h.taken_h, h.given_at,"
        " h.taken_at, h.given_model, h.taken_model FROM handed h JOIN suspect g ON g.owner = h.giver"
        " JOIN suspect t ON t.owner = h.taker AND t.number = g.number WHERE h.half = 1 AND h.giver <> h.taker",
    )


def dealings(engine: Engine, number: int, calls: pa.Table) -> Dealings:
    """Return the dealings of the set with this number; `calls` are all its calls, with `exchange_h`, in their order."""
    rows = engine.fetch(
        "SELECT kind, value, giver, taker, given_h, taken_h, given_at, taken_at, coalesce(given_model <> taken_model, false)"
        f" AS other_model FROM suspect_handed WHERE number = {number} ORDER BY taken_at, taken_h, kind, value"
    )
    exchange = calls.column("exchange_h").to_numpy()
    order = np.argsort(exchange, kind="stable")

    def position(name: str) -> npt.NDArray[np.int64]:
        """Return the positions in `calls` of the calls with these hashes."""
        found: npt.NDArray[np.int64] = order[np.searchsorted(exchange[order], rows.column(name).to_numpy())]
        return found

    at = [rows.column(name).cast(pa.int64()).to_numpy() for name in ("given_at", "taken_at")]
    return Dealings(
        kind=np.array(rows.column("kind").to_pylist(), dtype="U9"),
        value=rows.column("value").to_numpy(),
        giver=rows.column("giver").to_numpy().astype(np.int64),
        taker=rows.column("taker").to_numpy().astype(np.int64),
        given=position("given_h"),
        taken=position("taken_h"),
        lag_us=at[1] - at[0],
        other_model=rows.column("other_model").to_numpy(),
        outcome=outcomes(calls),
    )


def outcomes(calls: pa.Table) -> npt.NDArray[np.int8]:
    """Return how each call ended; a call without a status was served unless it was refused."""
    status = calls.column("status")
    refused = pc.is_valid(calls.column("refusal")).to_numpy()
    hindered = pc.fill_null(pc.is_in(status, value_set=pa.array(["blocked", "rate_limited"])), False).to_numpy()
    erred = pc.fill_null(pc.equal(status, "error"), False).to_numpy()
    out = np.full(calls.num_rows, OK, dtype=np.int8)
    out[erred] = ASIDE
    out[refused | hindered] = FAILED
    return out


def replay_test(strand: Strand, passed: Dealings) -> CircleTest | None:
    """
    Return the test of reasoning blocks issued to one account of a strand and presented by another.

    Nobody can make up a block: what is tested is not whether blocks change hands, but whether they do so within circles, as
    colleagues, key changes and shared conversations make them.
    """
    things = passed.things(REASONING, strand)
    return circle_test(passed.giver[things], passed.taker[things], circle=PARTNERS)


def feedback_test(strand: Strand, passed: Dealings) -> CircleTest | None:
    """Return the test of answers served to one account of a strand that come back in the prompts of another."""
    things = passed.things(ANSWER, strand)
    return circle_test(passed.giver[things], passed.taker[things], circle=PARTNERS)


def strand_takeover(strand: Strand, passed: Dealings) -> TakeoverTest | None:
    """Return the test of prompts that fail in one account of a strand and are sent by another; of those that do not link."""
    if not len(passed.outcome):
        return None
    outcome = passed.outcome[strand.rows]
    known = np.flatnonzero((outcome != ASIDE) & serves_tests(strand.fill))
    found = takeover_test(
        strand.account[known].astype(np.int64), strand.at_us[known], strand.fill[known], outcome[known] == FAILED
    )
    return found if found is None else _placed(found, strand.rows[known])


def _placed(test: TakeoverTest, rows: npt.NDArray[np.int64]) -> TakeoverTest:
    """Return the test with the positions of its calls among all calls of the set."""
    return replace(test, rows=rows[test.rows])
