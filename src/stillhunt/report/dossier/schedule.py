"""
Do two campaigns keep the same hours of the week, more than other sets of accounts would?

The likeness of two schedules is the correlation of their calls by hour of the week (UTC), each hour taken with the two before and
the two after it. Its chance level is the rank of this campaign among the other sets that the log links (companies, classes,
resellers, licensed use, other campaigns), by their likeness to the earlier campaign:

    p = (1 + sets at least as alike) / (sets + 1),   never below 1 / (sets + 1)

Valid if this campaign, had it nothing to do with the earlier one, could stand in the place of any of these sets. Every schedule is
first thinned to the same number of calls, because that of few calls is rough, and a rough one is less like any other. Two nulls
were rejected. Groups of unrelated accounts drawn from the log are smoother than any real set, and turning a schedule round the week
makes unrelated office hours look like one hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.report.dossier.constants import CONSTANTS, FEWEST_REFERENCES

HOURS = 168
BESIDE = 2
"""Hours before and after, with which an hour is taken together."""

FEWEST_CALLS = int(CONSTANTS["calls_of_a_schedule"])
DIGITS = 3
"""Decimals of a likeness: what a dossier says of other sets, and what is compared."""

_PURPOSE = 43


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedules:
    """What a comparison of schedules needs: calls that each was thinned to, and the likeness of each other set, ascending."""

    calls: int
    others: tuple[float, ...]


def references(past: Sequence[int], own: Sequence[int], others: Sequence[Sequence[int]], seed: int) -> Schedules:
    """
    Return the likeness of other sets to an earlier campaign, thinned to as many calls as leave enough of them.

    `past`, `own` and each of `others` are calls by hour of the week. Of sets with fewer calls than all are thinned to, nothing
    is taken. Empty where this campaign has too few calls itself, or the earlier one left no schedule.
    """
    sizes = sorted((sum(week) for week in others), reverse=True)
    kept = [n for n in sizes if n >= FEWEST_CALLS]
    if len(past) != HOURS or len(own) != HOURS or sum(own) < FEWEST_CALLS or not kept:
        return Schedules(calls=0, others=())
    calls = min(sum(own), kept[min(len(kept), FEWEST_REFERENCES) - 1])
    known = [week for week in others if sum(week) >= calls]
    found = (likeness(past, thinned(week, calls, seed, n)) for n, week in enumerate(known, 1))
    return Schedules(calls=calls, others=tuple(sorted(found)))


def likeness(past: Sequence[int], week: Sequence[int]) -> float:
    """Return the correlation of two smoothed schedules, to three decimals; 0 where one is flat."""
    x, y = (_smoothed(np.asarray(one, dtype=np.float64)) for one in (past, week))
    if x.std() <= 1e-12 or y.std() <= 1e-12:
        return 0.0
    return round(float(np.corrcoef(x, y)[0, 1]), DIGITS) + 0.0


def thinned(week: Sequence[int], calls: int, seed: int, number: int = 0) -> list[int]:
    """Return a schedule of which only so many calls are left, drawn without putting back; `number` 0 is this campaign's."""
    rng = np.random.default_rng([seed, _PURPOSE, number])
    return [int(n) for n in rng.multivariate_hypergeometric(np.asarray(week, dtype=np.int64), calls)]


def chance(own: float, others: Sequence[float]) -> float | None:
    """Return the chance level of a likeness; None where there are too few other sets to claim any."""
    if len(others) < FEWEST_REFERENCES:
        return None
    return (1 + sum(x >= own for x in others)) / (len(others) + 1)


def _smoothed(week: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    turned: npt.NDArray[np.float64] = sum((np.roll(week, by) for by in range(-BESIDE, BESIDE + 1)), np.zeros(HOURS))
    return turned
