"""
Key 2, joint operation: do the accounts behave as hands of one operator?

Four tests on behaviour that linking did not use; the smallest p-value, times the number of tests that could run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.judge.best_of_k import MultiplicityTest, multiplicity_test
from stillhunt.judge.clock import ClockTest, clock_test
from stillhunt.judge.interchangeable import InterchangeTest, NotRun, distinct_fills, interchange_test
from stillhunt.judge.strands import Strand, main_strand
from stillhunt.judge.work_queue import QueueTest, queue_test

TESTS = 4
OTHERS = 3000
"""Other users of a template that are looked at, at most (the first by number: a choice blind to behaviour)."""

COLUMNS = (
    "account_id", "exchange_id", "started_at", "model", "status", "tokens_in", "tokens_out", "tokens_reasoning",
    "prompt_h", "shingles", "sketch", "capability", "system_h", "system_marks",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """The four tests of one set (None or `NotRun` where a test could not run) and their combined p-value."""

    calls: pa.Table
    owners: npt.NDArray[np.int32]
    strand: Strand
    clock: ClockTest | None
    interchange: InterchangeTest | NotRun
    queue: QueueTest | None
    multiplicity: MultiplicityTest | None
    p_value: float


def operation(
    engine: Engine, owners: npt.NDArray[np.int32], *, rho0: float, draws: int, seed: int
) -> Operation:
    """
    Judge the main strand of a set of owners.

    1. Fetch the set's calls and cut out the main strand.
    2. Run the tests that the strand allows.
    3. Combine by Bonferroni over all four, whether they could run or not.
    """
    calls = _calls_of(engine, owners)                                                           # 1.
    strand = main_strand(calls, len(owners), lambda values: _calls_with(engine, values), _size(engine))
    clock = clock_test(strand, draws=draws, seed=seed)                                          # 2.
    interchange = interchange_test(strand, rho0=rho0, seed=seed)
    queue = _queue(engine, strand, owners, draws=draws, seed=seed)
    account, fill, _ = distinct_fills(strand)
    multiplicity = multiplicity_test(account, fill, draws=draws, seed=seed)
    p_values = [t.p_value for t in (clock, interchange, queue, multiplicity) if t is not None and not isinstance(t, NotRun)]
    return Operation(
        calls=calls,
        owners=owners,
        strand=strand,
        clock=clock,
        interchange=interchange,
        queue=queue,
        multiplicity=multiplicity,
        p_value=min(1.0, TESTS * min(p_values, default=1.0)),                                   # 3.
    )


def _calls_of(engine: Engine, owners: npt.NDArray[np.int32]) -> pa.Table:
    engine.register("suspect", pa.table({"owner": owners, "account": np.arange(len(owners), dtype=np.int32)}))
    columns = ", ".join(f"c.{name}" for name in COLUMNS)
    return engine.fetch(
        f"SELECT s.account, {columns} FROM call c JOIN account a ON a.acct = c.acct JOIN suspect s ON s.owner = a.owner"
        " ORDER BY c.started_at, c.exchange_h"
    )


def _calls_with(engine: Engine, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return how many calls of the log carry each value as a template, a system prompt or a part of one."""
    engine.register("template_key", pa.table({"value": values}))
    rows = engine.fetch(
        "SELECT k.value, coalesce(sum(t.n), 0)::BIGINT AS n FROM template_key k LEFT JOIN"
        " (SELECT value, n FROM trait WHERE kind IN ('system', 'system_mark', 'template')) t USING (value)"
        " GROUP BY k.value ORDER BY k.value"
    )
    at = np.searchsorted(rows.column("value").to_numpy(), values)
    calls: npt.NDArray[np.float64] = rows.column("n").to_numpy()[at].astype(np.float64)
    return calls


def _size(engine: Engine) -> int:
    return int(engine.fetch("SELECT count(*) AS n FROM distinct_call").column("n")[0].as_py())


def _queue(
    engine: Engine, strand: Strand, owners: npt.NDArray[np.int32], *, draws: int, seed: int
) -> QueueTest | None:
    if strand.key is None:
        return None
    column, value = strand.key
    holds = f"{column} = {value}" if column == "system_h" else f"list_contains({column}, {value}::UBIGINT)"
    users = engine.fetch(
        "SELECT DISTINCT a.owner, c.prompt_h FROM call c JOIN account a ON a.acct = c.acct"
        f" WHERE c.prompt_h IS NOT NULL AND {holds} AND a.licence IS NULL"
        " AND a.owner NOT IN (SELECT owner FROM linked_owner) ORDER BY a.owner, c.prompt_h"
    )
    owner = users.column("owner").to_numpy()
    first = np.unique(owner)[:OTHERS]
    inside = np.isin(owner, first)
    account, fill, _ = distinct_fills(strand)
    return queue_test(
        account,
        fill,
        owner[inside].astype(np.int64),
        users.column("prompt_h").to_numpy()[inside].astype(np.uint64),
        draws=draws,
        seed=seed,
    )
