"""The numbers that a test result holds, by name: the same names in a hunt's figures and in what is recomputed from a bundle."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.judge.best_of_k import MultiplicityTest
from stillhunt.judge.clock import ClockTest
from stillhunt.judge.copies import LARGEST_SHARE, CopiesTest
from stillhunt.judge.interchangeable import InterchangeTest
from stillhunt.judge.joins.circles import CircleTest
from stillhunt.judge.joins.events import FailoverTest, PivotTest
from stillhunt.judge.joins.takeover import TakeoverTest
from stillhunt.judge.joins.technique import SearchTest
from stillhunt.judge.joins.unserved import UnservedTest
from stillhunt.judge.nulls import copies_null, interchange_null, of_draws, of_mass
from stillhunt.judge.work_queue import QueueTest
from stillhunt.model import NullDistribution

POINT = 0.05
"""A test of lower tails speaks below this point of its null; the dossier says where that is."""


def scalars(test: object) -> dict[str, float | int]:
    """
    Return the numbers of a test, none where it did not run.

    A null drawn gives its mean as `null_mean`; one known exactly, on 0, 1, …, gives it as `expected`. The circles of a
    takeover test give their size and p-value.
    """
    if not is_dataclass(test) or not hasattr(test, "p_value"):
        return {}
    out: dict[str, float | int] = {}
    for field in fields(test):
        value = getattr(test, field.name)
        if field.name == "near":
            out |= dict(zip(("below", "at", "above"), value, strict=True))
        elif field.name == "null" and isinstance(test, CircleTest | TakeoverTest | PivotTest):
            out["expected"] = mean_of(value)
        elif field.name == "null":
            out["null_mean"] = float(value.mean())
        elif field.name == "circle" and isinstance(value, CircleTest):
            out |= {"circle": value.circle, "circle_p_value": value.p_value}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            out[field.name] = value
    if isinstance(test, MultiplicityTest):
        out |= {"k_less": test.k - 1, "k_more": test.k + 1}
    if isinstance(test, FailoverTest):
        out |= {"others": len(test.null), "most": int(test.null.max(initial=0))}
    return out


def mean_of(mass: npt.NDArray[np.float64]) -> float:
    """Return the mean of a distribution on 0, 1, …"""
    return float((mass * np.arange(len(mass))).sum())


def drawn(null: NullDistribution) -> dict[str, float]:
    """Return the ends of a null as it is drawn, empty bars left out, where the test observed it, and where `POINT` of it lies."""
    counts = np.asarray(null.counts, dtype=np.float64)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return {}
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return {
        "null.low": null.ends[0],
        "null.high": null.ends[1],
        "null.observed": null.observed,
        "null.point": float(np.interp(POINT, below, np.asarray(null.edges))),
    }


def pictured(test: object, *, rho0: float) -> dict[str, float]:
    """Return `drawn` of a test's null; nothing where the test did not run."""
    null: NullDistribution | None = None
    if isinstance(test, ClockTest):
        null = of_draws("", test.null, test.variance_ratio)
    elif isinstance(test, InterchangeTest):
        rho, error, accounts, _ = test.decisive
        null = of_draws("", interchange_null(rho0, error, accounts), rho)
    elif isinstance(test, QueueTest):
        null = of_draws("", test.null, float(test.coincidences))
    elif isinstance(test, MultiplicityTest):
        null = of_draws("", test.null, float(test.near[1]))
    elif isinstance(test, CopiesTest):
        null = of_draws("", copies_null(test.hours, LARGEST_SHARE), float(test.simultaneous))
    elif isinstance(test, CircleTest):
        null = of_mass("", test.null, test.repeats)
    elif isinstance(test, TakeoverTest):
        null = of_mass("", test.null, test.taken_over)
    elif isinstance(test, PivotTest):
        null = of_mass("", test.null, test.members_moved)
    elif isinstance(test, FailoverTest):
        null = of_draws("", test.null, float(test.woken))
    elif isinstance(test, UnservedTest):
        null = of_draws("", test.null, test.excess)
    elif isinstance(test, SearchTest):
        null = of_draws("", test.null, test.drop)
    return {} if null is None else drawn(null)


@dataclass(frozen=True, kw_only=True, slots=True)
class Corroborated:
    """The indicators of one campaign, each None where it could not run or had nothing to show; a pivot for each release."""

    unserved: UnservedTest | None = None
    failover: FailoverTest | None = None
    pivots: tuple[PivotTest, ...] = ()
    search: SearchTest | None = None

    def figures(self) -> dict[str, float | int]:
        """Return the numbers of all of them: `unserved.…`, `failover.…`, `pivot.1.…`, `search.…`."""
        tests = {"unserved": self.unserved, "failover": self.failover, "search": self.search}
        named: dict[str, object] = {**tests, **{f"pivot.{n}": test for n, test in enumerate(self.pivots, 1)}}
        out: dict[str, float | int] = {}
        for name, test in named.items():
            out |= {f"{name}.{key}": value for key, value in {**scalars(test), **pictured(test, rho0=0.0)}.items()}
        out.pop("failover.at_us", None)
        return out
