"""Resemblance of schedules: its level holds where nothing ties two campaigns, and it is found where one hand keeps one clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from stillhunt.report.dossier.constants import FEWEST_REFERENCES
from stillhunt.report.dossier.schedule import HOURS, chance, likeness, references, thinned

WORLDS = 400
LEVEL = 0.05


def rhythm(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the weekly rhythm of some crowd: office hours of a few places, evenings, or a machine that runs in windows."""
    hour, day = np.arange(HOURS) % 24, np.arange(HOURS) // 24
    if rng.random() < 0.3:
        start, length = rng.integers(24), rng.integers(3, 20)
        shape = ((hour - start) % 24 < length) + 0.05
    else:
        centre = rng.choice([2.0, 8.0, 14.0, 20.0]) + rng.normal(0, 1.5)
        away = np.minimum((hour - centre) % 24, (centre - hour) % 24)
        shape = np.exp(-((away / rng.uniform(2, 6)) ** 2)) + 0.03
    quiet = np.where(day >= 5, rng.uniform(0.05, 1.0), 1.0)
    return shape * quiet * rng.gamma(8, 1 / 8, HOURS)


def calls_of(rng: np.random.Generator, shape: npt.NDArray[np.float64], n: int) -> list[int]:
    """Return so many calls, spread over the week by a rhythm."""
    return [int(x) for x in rng.multinomial(n, shape / shape.sum())]


def level_of(rng: np.random.Generator, *, same: bool, sets: int = 24) -> float | None:
    """Return the chance level in a world in which a campaign keeps the rhythm of an earlier one, or one of its own."""
    theirs = rhythm(rng)
    past = calls_of(rng, theirs, int(rng.integers(300, 3000)))
    mine = theirs if same else rhythm(rng)
    own = calls_of(rng, mine, int(rng.integers(150, 3000)))
    others = [calls_of(rng, rhythm(rng), int(rng.integers(110, 4000))) for _ in range(sets)]
    found = references(past, own, others, 1)
    return chance(likeness(past, thinned(own, found.calls, 1)), found.others)


def exceeds(levels: Sequence[float | None]) -> int:
    """Return how many worlds reach the level."""
    return sum(p is not None and p <= LEVEL for p in levels)


def test_unrelated_campaigns_look_alike_as_often_as_it_says() -> None:
    """Over worlds without a relation, the chance level is at most one in twenty no more often than that (exact binomial bound)."""
    rng = np.random.default_rng(5)
    levels = [level_of(rng, same=False) for _ in range(WORLDS)]
    assert None not in levels
    assert exceeds(levels) <= binom.ppf(0.999, WORLDS, LEVEL)
    assert 0.4 < float(np.mean([p for p in levels if p is not None])) < 0.6


def test_one_clock_is_found() -> None:
    """Where both campaigns keep one rhythm, most worlds reach the smallest level that the number of sets allows."""
    rng = np.random.default_rng(6)
    levels = [level_of(rng, same=True) for _ in range(100)]
    assert exceeds(levels) >= 60
    assert min(p for p in levels if p is not None) == pytest.approx(1 / (FEWEST_REFERENCES + 1), abs=0.02)


def test_thinning_is_what_keeps_the_level() -> None:
    """Beside sets of few calls, a campaign of many would look alike too often if schedules were compared as they are."""
    rng = np.random.default_rng(7)
    raw, fair = [], []
    for _ in range(150):
        past = calls_of(rng, rhythm(rng), 3000)
        own = calls_of(rng, rhythm(rng), 3000)
        others = [calls_of(rng, rhythm(rng), 100) for _ in range(24)]
        raw.append(chance(likeness(past, own), [likeness(past, week) for week in others]))
        found = references(past, own, others, 1)
        fair.append(chance(likeness(past, thinned(own, found.calls, 1)), found.others))
    assert exceeds(fair) <= binom.ppf(0.999, 150, LEVEL)
    assert exceeds(raw) >= exceeds(fair)


def test_a_schedule_turned_round_the_week_is_no_null() -> None:
    """Unrelated crowds that keep office hours of one place: turned clocks would call them one hand, other sets do not."""
    rng = np.random.default_rng(8)
    hour, day = np.arange(HOURS) % 24, np.arange(HOURS) // 24

    def office() -> npt.NDArray[np.float64]:
        shape = np.exp(-(((hour - 14 + rng.normal(0, 1)) / 4) ** 2)) + 0.02
        return shape * np.where(day >= 5, 0.2, 1.0) * rng.gamma(8, 1 / 8, HOURS)

    turned, ranked = [], []
    for _ in range(60):
        past, own = (calls_of(rng, office(), 800) for _ in range(2))
        seen = likeness(past, own)
        turned.append(float(np.mean([likeness(past, np.roll(own, by).tolist()) >= seen for by in range(HOURS)])))
        others = [calls_of(rng, office(), 800) for _ in range(24)]
        found = references(past, own, others, 1)
        ranked.append(chance(likeness(past, thinned(own, found.calls, 1)), found.others))
    assert exceeds(turned) > 50
    assert exceeds(ranked) <= binom.ppf(0.999, 60, LEVEL)


def test_nothing_is_claimed_of_too_few() -> None:
    """With fewer sets than give one in twenty, with too few calls, or without a schedule of the earlier one, there is no level."""
    rng = np.random.default_rng(9)
    assert level_of(rng, same=True, sets=FEWEST_REFERENCES - 1) is None
    week = [10] * HOURS
    assert references(week, [0] * (HOURS - 1) + [99], [week] * 30, 1).others == ()
    assert references([], week, [week] * 30, 1).others == ()
    assert references(week, week, [[0] * (HOURS - 1) + [99]] * 30, 1).others == ()
    assert chance(0.5, [0.1] * 99) == 0.01


def test_a_schedule_that_is_thinned_keeps_its_calls() -> None:
    """So many calls are left, none in an hour that had none, the same whenever it is drawn; a flat one is like no other."""
    week = [0, 5] * (HOURS // 2)
    left = thinned(week, 100, 3, 7)
    assert sum(left) == 100 and all(0 <= a <= b for a, b in zip(left, week, strict=True))
    assert left == thinned(week, 100, 3, 7) != thinned(week, 100, 3, 8)
    assert likeness(week, [1] * HOURS) == 0.0
    assert likeness(list(range(HOURS)), list(range(HOURS))) == 1.0
