"""
Key 2, joint operation: do the accounts behave as hands of one operator?

Four tests on behaviour that linking did not use, put to each strand of a set; the smallest p-value, times the number of
tests, whether they could run or not, and times the number of strands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stillhunt.judge.best_of_k import MultiplicityTest, multiplicity_test
from stillhunt.judge.clock import ClockTest, clock_test
from stillhunt.judge.interchangeable import InterchangeTest, NotRun, distinct_fills, interchange_test
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.judge.work_queue import QueueTest, queue_test

TESTS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """The four tests of one strand (None or `NotRun` where a test could not run) and their combined p-value."""

    clock: ClockTest | None
    interchange: InterchangeTest | NotRun
    queue: QueueTest | None
    multiplicity: MultiplicityTest | None
    p_value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class JointOperation:
    """The tests of each strand of a set, and the p-value of the set: that no strand of it is jointly operated."""

    strands: tuple[Operation, ...]
    p_value: float

    def shown(self, traffic: Traffic, level: float) -> tuple[Traffic, JointOperation]:
        """
        Return the strands of a reported set that are themselves shown at a level, with their traffic.

        With R of m sets reported at level q, a strand is shown at level q R / m, Bonferroni over the set's strands: the
        expected share of reported sets with a strand shown in error is at most q (Y. Benjamini, M. Bogomolov, "Selective
        inference on multiple families of hypotheses", JRSS-B 76, 2014).
        """
        kept = [i for i, one in enumerate(self.strands) if one.p_value * len(self.strands) <= level]
        return (
            replace(traffic, harvests=tuple(traffic.harvests[i] for i in kept)),
            replace(self, strands=tuple(self.strands[i] for i in kept)),
        )


def joint_operation(traffic: Traffic, *, rho0: float, draws: int, seed: int) -> JointOperation:
    """Return the tests of all strands of a set."""
    strands = tuple(operation(harvest, rho0=rho0, draws=draws, seed=seed) for harvest in traffic.harvests)
    return JointOperation(strands=strands, p_value=min(1.0, len(strands) * min(one.p_value for one in strands)))


def operation(harvest: Harvest, *, rho0: float, draws: int, seed: int) -> Operation:
    """Run the tests that a strand allows and combine them by Bonferroni over all four, whether they could run or not."""
    strand = harvest.strand
    account, fill, _ = distinct_fills(strand)
    clock = clock_test(strand, draws=draws, seed=seed)
    interchange = interchange_test(strand, rho0=rho0, seed=seed)
    queue = None
    if harvest.others is not None:
        queue = queue_test(
            account,
            fill,
            harvest.others.column("owner").to_numpy().astype(np.int64),
            harvest.others.column("prompt_h").to_numpy().astype(np.uint64),
            draws=draws,
            seed=seed,
        )
    multiplicity = multiplicity_test(account, fill)
    p_values = [t.p_value for t in (clock, interchange, queue, multiplicity) if t is not None and not isinstance(t, NotRun)]
    return Operation(
        clock=clock,
        interchange=interchange,
        queue=queue,
        multiplicity=multiplicity,
        p_value=min(1.0, TESTS * min(p_values, default=1.0)),
    )
