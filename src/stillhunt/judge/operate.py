"""
Key 2, joint operation: do the accounts behave as hands of one operator?

Four tests on behaviour that linking did not use; the smallest p-value, times the number of tests that could run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.judge.best_of_k import MultiplicityTest, multiplicity_test
from stillhunt.judge.clock import ClockTest, clock_test
from stillhunt.judge.interchangeable import InterchangeTest, NotRun, distinct_fills, interchange_test
from stillhunt.judge.traffic import Traffic
from stillhunt.judge.work_queue import QueueTest, queue_test

TESTS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """The four tests of one set (None or `NotRun` where a test could not run) and their combined p-value."""

    clock: ClockTest | None
    interchange: InterchangeTest | NotRun
    queue: QueueTest | None
    multiplicity: MultiplicityTest | None
    p_value: float


def operation(traffic: Traffic, *, rho0: float, draws: int, seed: int) -> Operation:
    """Run the tests that a strand allows and combine them by Bonferroni over all four, whether they could run or not."""
    strand = traffic.strand
    account, fill, _ = distinct_fills(strand)
    clock = clock_test(strand, draws=draws, seed=seed)
    interchange = interchange_test(strand, rho0=rho0, seed=seed)
    queue = None
    if traffic.others is not None:
        queue = queue_test(
            account,
            fill,
            traffic.others.column("owner").to_numpy().astype(np.int64),
            traffic.others.column("prompt_h").to_numpy().astype(np.uint64),
            draws=draws,
            seed=seed,
        )
    multiplicity = multiplicity_test(account, fill, draws=draws, seed=seed)
    p_values = [t.p_value for t in (clock, interchange, queue, multiplicity) if t is not None and not isinstance(t, NotRun)]
    return Operation(
        clock=clock,
        interchange=interchange,
        queue=queue,
        multiplicity=multiplicity,
        p_value=min(1.0, TESTS * min(p_values, default=1.0)),
    )
