"""
Key 2, joint operation: do the accounts behave as hands of one operator?

Eight tests on behaviour that linking did not use, put to each strand of a set; the smallest p-value over the share of the
error rate that its test may spend, whether the others could run or not, and times the number of strands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillhunt.judge.best_of_k import MultiplicityTest, multiplicity_test
from stillhunt.judge.clock import ClockTest, clock_test
from stillhunt.judge.copies import CopiesTest, copies_test
from stillhunt.judge.interchangeable import InterchangeTest, NotRun, distinct_fills, interchange_test, serves_tests
from stillhunt.judge.joins.circles import CircleTest
from stillhunt.judge.joins.dealings import feedback_test, replay_test, strand_takeover
from stillhunt.judge.joins.takeover import TakeoverTest
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.judge.work_queue import QueueTest, queue_test

NAMES = {
    "clock": "one clock (variance ratio)",
    "interchange": "interchangeable workers (subject coherence)",
    "queue": "de-duplicated queue (missing coincidences)",
    "multiplicity": "best of k (multiplicity of prompts)",
    "copies": "simultaneous copies (one prompt, several accounts, one minute)",
    "replay": "reasoning blocks presented by others (circles)",
    "feedback": "answers sent back by others (circles)",
    "takeover": "failed prompts taken over by others",
}
"""The tests, by the field of `Operation` that holds them."""

_JOIN = 0.1 / 3
WEIGHTS = {
    "clock": 0.225, "interchange": 0.315, "queue": 0.135, "multiplicity": 0.1125, "copies": 0.1125,
    "replay": _JOIN, "feedback": _JOIN, "takeover": _JOIN,
}  # fmt: skip
"""
The share of the error rate that each test may spend (weighted Bonferroni: the smallest p-value over its weight).

The three exact joins get a tenth between them: what they find they find by many orders of magnitude, so that they can pay.
Source: C. Genovese, K. Roeder, L. Wasserman, "False discovery control with p-value weighting", Biometrika 93 (2006).
"""



@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """The tests of one strand (None or `NotRun` where a test could not run) and their combined p-value."""

    clock: ClockTest | None
    interchange: InterchangeTest | NotRun
    queue: QueueTest | None
    multiplicity: MultiplicityTest | None
    copies: CopiesTest | None
    replay: CircleTest | None = None
    feedback: CircleTest | None = None
    takeover: TakeoverTest | None = None
    p_value: float

    @property
    def p_values(self) -> dict[str, float]:
        """The p-value of each test that ran, by its name in `NAMES`."""
        tests = {name: getattr(self, name) for name in NAMES}
        return {name: t.p_value for name, t in tests.items() if t is not None and not isinstance(t, NotRun)}

    def without(self, name: str) -> Operation:
        """Return the tests as if one of them had not run; those left spend no more than before."""
        aside: dict[str, Any] = {name: NotRun(reason="left aside") if name == "interchange" else None}
        left = replace(self, **aside)
        return replace(left, p_value=_combined(left.p_values))


@dataclass(frozen=True, kw_only=True, slots=True)
class JointOperation:
    """The tests of each strand of a set, and the p-value of the set: that no strand of it is jointly operated."""

    strands: tuple[Operation, ...]
    p_value: float

    @property
    def strongest(self) -> str:
        """The name of the test with the smallest p-value over its weight in any strand; the first in `NAMES` when none ran."""
        smallest = {name: min(one.p_values.get(name, 1.0) / WEIGHTS[name] for one in self.strands) for name in NAMES}
        return min(smallest, key=smallest.__getitem__)

    def without(self, name: str) -> JointOperation:
        """Return the tests of all strands as if one of them had not run."""
        return _of_set(tuple(one.without(name) for one in self.strands))

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
    return _of_set(tuple(operation(harvest, rho0=rho0, draws=draws, seed=seed) for harvest in traffic.harvests))


def _of_set(strands: tuple[Operation, ...]) -> JointOperation:
    return JointOperation(strands=strands, p_value=min(1.0, len(strands) * min(one.p_value for one in strands)))


def _combined(p_values: Mapping[str, float]) -> float:
    return min(1.0, min((p / WEIGHTS[name] for name, p in p_values.items()), default=1.0))


def operation(harvest: Harvest, *, rho0: float, draws: int, seed: int) -> Operation:
    """Run the tests that a strand allows and combine them by weighted Bonferroni over all, whether they could run or not."""
    strand = harvest.strand
    account, fill, _ = distinct_fills(strand)
    serves = serves_tests(fill)
    account, fill = account[serves], fill[serves]
    elsewhere = np.zeros(0, dtype=np.uint64)
    clock = clock_test(strand, draws=draws, seed=seed)
    interchange = interchange_test(strand, rho0=rho0, seed=seed)
    queue = None
    if harvest.others is not None:
        elsewhere = harvest.others.column("prompt_h").to_numpy().astype(np.uint64)
        known = serves_tests(elsewhere)
        queue = queue_test(
            account,
            fill,
            harvest.others.column("owner").to_numpy().astype(np.int64)[known],
            elsewhere[known],
            draws=draws,
            seed=seed,
        )
    multiplicity = multiplicity_test(account, fill)
    found = Operation(
        clock=clock,
        interchange=interchange,
        queue=queue,
        multiplicity=multiplicity,
        copies=copies_test(strand, serves_tests(strand.fill), elsewhere, seed=seed),
        replay=replay_test(strand, harvest.passed),
        feedback=feedback_test(strand, harvest.passed),
        takeover=strand_takeover(strand, harvest.passed),
        p_value=1.0,
    )
    return replace(found, p_value=_combined(found.p_values))
