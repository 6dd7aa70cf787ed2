"""Key 2 in all: which calls are judged, and how the tests are put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from digest.logs import call, digest
from judge.traffic import strand

from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.judge.interchangeable import NotRun
from stillhunt.judge.operate import WEIGHTS, JointOperation, Operation, joint_operation
from stillhunt.judge.traffic import Harvest, Suspects, Traffic

TEMPLATE = "Grade the answer below from one to ten and say in a sentence why it is so:"


def judged(engine: DuckDBEngine, calls: list[dict[str, Any]], owners: int) -> tuple[Traffic, Operation]:
    """Judge the first owners of a log."""
    digest(engine, calls, [])
    members = np.arange(owners, dtype=np.int32)
    traffic = Suspects(engine, [members], members).traffic(0)
    found = joint_operation(traffic, rho0=0.1, draws=999, seed=1)
    (only,) = found.strands
    assert found.p_value == only.p_value
    return traffic, only


def test_where_no_test_can_run_nothing_is_found(engine: DuckDBEngine) -> None:
    """A set with a handful of calls without text has p = 1 and says which tests did not run."""
    traffic, found = judged(engine, [call(f"a{n % 5}", n) for n in range(10)], 5)
    assert found.p_value == 1.0
    assert (found.clock, found.queue, found.multiplicity, found.copies) == (None, None, None, None)
    assert isinstance(found.interchange, NotRun)
    assert traffic.calls.num_rows == 10


def test_one_clock_is_enough(engine: DuckDBEngine) -> None:
    """A steady queue without text is found by its clock, at the price of all tests that might have run."""
    calls = [call(f"a{n % 12:02}", n * 0.7) for n in range(240)] + [call("other", n * 0.3) for n in range(50)]
    calls = [c | {"account_id": "z" + c["account_id"]} if c["account_id"] == "other" else c for c in calls]
    late = [c | {"started_at": c["started_at"].replace(year=2027)} for c in calls if c["account_id"] == "zother"]
    traffic, found = judged(engine, [c for c in calls if c["account_id"] != "zother"] + late, 12)
    assert found.clock is not None
    assert found.p_value == pytest.approx(found.clock.p_value / WEIGHTS["clock"])
    assert found.p_value < 0.1
    assert traffic.calls.num_rows == 240


def test_others_of_a_template_are_those_who_are_not_linked(engine: DuckDBEngine) -> None:
    """The queue test compares a set with the template's other users, and with them only."""
    rng = np.random.default_rng(1)
    topics = [f"item {'abcdefghijklmnopqrst'[n // 20]} {'abcdefghijklmnopqrst'[n % 20]}" for n in range(60)]
    calls = []
    for n, topic in enumerate(rng.permutation(topics).tolist() * 2):
        calls.append(call(f"a{n % 6}", n * 0.1, prompt=f"{TEMPLATE} {topic}", exchange_id=f"m{n}"))
    for user in range(40):
        for n, topic in enumerate(rng.choice(topics, 20, replace=False).tolist()):
            calls.append(
                call(f"u{user}", 20 + user + n / 100, prompt=f"{TEMPLATE} {topic}", exchange_id=f"u{user}.{n}")
            )
    for n in range(30):
        calls.append(call(f"v{n}", 90 + n, prompt="Something quite different that nobody else asks at all today"))
    traffic, found = judged(engine, calls, 6)
    assert traffic.harvests[0].strand.key is not None
    assert found.queue is not None
    assert found.queue.others == 40


def test_a_set_pays_for_its_strands_and_shows_those_that_pass() -> None:
    """The smallest p-value counts times the number of strands; a strand that does not pass by itself is not shown."""
    nothing = Operation(
        clock=None, interchange=NotRun(reason=""), queue=None, multiplicity=None, copies=None, p_value=1.0
    )
    strands = tuple(Harvest(strand=strand(np.arange(3), np.arange(3.0)), others=None) for _ in range(3))
    traffic = Traffic(calls=pa.table({"account": [0]}), harvests=strands)
    found = JointOperation(strands=(nothing, replace(nothing, p_value=0.001), replace(nothing, p_value=0.02)), p_value=0.003)
    seen, shown = found.shown(traffic, 0.04)
    assert [one.p_value for one in shown.strands] == [0.001]
    assert (len(seen.harvests), seen.harvests[0] is strands[1], shown.p_value) == (1, True, 0.003)
    assert len(found.shown(traffic, 0.06)[1].strands) == 2
