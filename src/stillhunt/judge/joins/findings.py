"""The exact joins as evidence: sentences with the numbers that carry them; and the innocent explanations of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.judge.joins.circles import CircleTest
from stillhunt.judge.joins.dealings import ANSWER, REASONING, Dealings
from stillhunt.judge.joins.takeover import TakeoverTest
from stillhunt.judge.nulls import of_mass
from stillhunt.judge.strands import Strand
from stillhunt.model import Alternative, Evidence, ExchangeId

POINTERS = 20
"""Exchange ids that a piece of evidence points to, at most."""

HOUR_US = 3_600_000_000


class Harvested(Protocol):
    """A strand and what its accounts passed on."""

    @property
    def strand(self) -> Strand:
        """The calls of the strand."""

    @property
    def passed(self) -> Dealings:
        """What the set's accounts passed on among themselves."""


class Operated(Protocol):
    """The joins of one strand, each None where it could not run."""

    @property
    def replay(self) -> CircleTest | None:
        """Reasoning blocks presented by others."""

    @property
    def feedback(self) -> CircleTest | None:
        """Answers sent back by others."""

    @property
    def takeover(self) -> TakeoverTest | None:
        """Failed prompts taken over by others."""


def passed_on(calls: pa.Table, harvest: Harvested, operation: Operated) -> list[Evidence]:
    """Return the evidence of the three joins that are tests of joint operation, those that ran."""
    out = []
    if operation.replay is not None:
        out.append(_replay(calls, harvest, operation.replay))
    if operation.feedback is not None:
        out.append(_feedback(calls, harvest, operation.feedback))
    if operation.takeover is not None:
        out.append(_takeover(calls, operation.takeover))
    return out


def _replay(calls: pa.Table, harvest: Harvested, test: CircleTest) -> Evidence:
    passed = harvest.passed
    things = passed.things(REASONING, harvest.strand)
    fan_out = np.unique(passed.value[things], return_counts=True)[1]
    lag_h = passed.lag_us[things] / HOUR_US
    return Evidence(
        kind="operation",
        test="reasoning blocks presented by others (circles)",
        statement=(
            f"{len(things):,} protected reasoning blocks that were issued to one account were presented by another, by"
            f" {len(np.unique(passed.taker[things])):,} accounts. {_circle(test)} Nobody can make up a block. Half of the blocks"
            " that changed hands are counted here; the other half served to link accounts."
        ),
        statistic=float(test.repeats),
        p_value=test.p_value,
        effect={
            "blocks presented by another account": len(things),
            "accounts that presented": len(np.unique(passed.taker[things])),
            "most accounts that presented one block": int(fan_out.max(initial=0)),
            "age when presented, median hours": round(float(np.median(lag_h)), 2),
            "presented to another model": int(passed.other_model[things].sum()),
            **_counted(test),
        },
        null=of_mass(f"givers seen before, within circles of {test.circle}", test.null, test.repeats),
        exchange_ids=pointers(calls, _both(passed, things)),
    )


def _feedback(calls: pa.Table, harvest: Harvested, test: CircleTest) -> Evidence:
    passed = harvest.passed
    things = passed.things(ANSWER, harvest.strand)
    again = np.isin(passed.taken[things], passed.given[passed.kind == ANSWER])
    return Evidence(
        kind="operation",
        test="answers sent back by others (circles)",
        statement=(
            f"{len(things):,} answers that were served to one account only, and had been in nobody's prompt before, came back"
            f" in prompts of another, of {len(np.unique(passed.taker[things])):,} accounts. {_circle(test)} Half of the answers"
            " that changed hands are counted here; the other half served to link accounts."
        ),
        statistic=float(test.repeats),
        p_value=test.p_value,
        effect={
            "answers sent back by another account": len(things),
            "accounts that sent back": len(np.unique(passed.taker[things])),
            "of them answered and sent back again": int(again.sum()),
            "age when sent back, median hours": round(float(np.median(passed.lag_us[things] / HOUR_US)), 2),
            **_counted(test),
        },
        null=of_mass(f"givers seen before, within circles of {test.circle}", test.null, test.repeats),
        exchange_ids=pointers(calls, _both(passed, things)),
    )


def _takeover(calls: pa.Table, test: TakeoverTest) -> Evidence:
    return Evidence(
        kind="operation",
        test="failed prompts taken over by others",
        statement=(
            f"Of {test.failed:,} calls that were blocked, rate limited or refused, {test.taken_over:,} were followed within ten"
            f" minutes by the same prompt from another account that had not sent it before; of {test.served:,} calls that were"
            f" served, {test.followed:,}. Were failing and being followed unrelated,"
            f" {float((test.null * np.arange(len(test.null))).sum()):.1f} failed calls would have been followed"
            f" (p = {test.p_value:.2g}, a circle of {test.circle.circle} accounts of one person allowed for)."
        ),
        statistic=float(test.taken_over),
        p_value=test.p_value,
        effect={
            "failed calls": test.failed,
            "failed calls taken over": test.taken_over,
            "served calls": test.served,
            "served calls followed": test.followed,
            "p-value of the circles": test.circle.p_value,
        },
        null=of_mass("failed calls followed, if failing did not matter", test.null, test.taken_over),
        exchange_ids=pointers(calls, test.rows),
    )


def _circle(test: CircleTest) -> str:
    expected = float((test.null * np.arange(len(test.null))).sum())
    return (
        f"Of {test.things:,} counted for {test.takers:,} accounts, {test.repeats:,} came from an account that the same one had"
        f" taken from before; circles of {test.circle} partners would give {expected:.1f} or more (p = {test.p_value:.2g})."
    )


def _counted(test: CircleTest) -> dict[str, float | int | str]:
    return {"counted": test.things, "from a giver seen before": test.repeats, "circle allowed": test.circle}


def _both(passed: Dealings, things: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the calls in which things were given and taken, one pair after the other."""
    return np.stack([passed.given[things], passed.taken[things]], axis=1).ravel()


def pointers(calls: pa.Table, rows: npt.NDArray[np.int64]) -> tuple[ExchangeId, ...]:
    """Return the exchange ids of the first few of some calls, each once."""
    first = list(dict.fromkeys(rows.tolist()))[:POINTERS]
    return tuple(ExchangeId(i) for i in calls.column("exchange_id").take(pa.array(first, pa.int64())).to_pylist())


def explanations(operated: Sequence[Operated]) -> tuple[Alternative, ...]:
    """Return the innocent explanations of the joins that ran in any strand."""
    out: list[Alternative] = []
    circles = [t for one in operated for t in (one.replay, one.feedback) if t is not None]
    if circles:
        worst = max(circles, key=lambda test: test.p_value)
        seen = (
            f"{worst.repeats} of {worst.things} came from a giver seen before (p = {worst.p_value:.2g} for circles of"
            f" {worst.circle})"
        )
        apart = "unlikely" if worst.p_value <= 0.01 else "open"
        out += [
            Alternative(
                explanation="a company or team that keeps its conversations in one store and resumes them from any account",
                predicts="blocks and answers pass within circles of colleagues, and one organisation or mail domain",
                seen=seen,
                verdict=apart,
            ),
            Alternative(
                explanation="conversations carried over when keys or accounts were changed",
                predicts="each new account presents what one old account was given",
                seen=seen,
                verdict="ruled out" if worst.p_value <= 0.001 else apart,
            ),
            Alternative(
                explanation="a service that works with its customers' own keys and hands their conversations on",
                predicts="the same program in front of all accounts, and a contract that says so",
                seen="logs do not show who stands between; ask the accounts' owners which service they use",
                verdict="open",
            ),
        ]
    if any(one.feedback is not None for one in operated):
        out.append(
            Alternative(
                explanation="popular answers, or public text that the model recited and somebody quotes",
                predicts="texts served to several owners, or found in prompts before they were served",
                seen="such texts were left out; a text recited to one customer only, and pasted by another from elsewhere,"
                " cannot be told apart one by one, but does not come from within the set",
                verdict="unlikely",
            )
        )
    takeovers = [one.takeover for one in operated if one.takeover is not None]
    if takeovers:
        most = max(takeovers, key=lambda test: test.p_value)
        out.append(
            Alternative(
                explanation="people with a second account of their own, or a router that falls back on another key of one customer",
                predicts="each account is followed by the same one or two",
                seen=f"circles of {most.circle.circle} accounts have p = {most.circle.p_value:.2g}",
                verdict="unlikely" if most.circle.p_value <= 0.01 else "open",
            )
        )
    return tuple(out)
