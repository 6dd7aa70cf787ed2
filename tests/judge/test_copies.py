"""Key 2e: copies that leave several accounts at once are found; people who work from one sheet are not taken for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from chance import not_more_often
from judge.traffic import strand

from stillhunt.judge.copies import FEWEST_HOURS, CopiesTest, copies_test
from stillhunt.judge.strands import Strand

Ints = npt.NDArray[np.int64]
NOBODY = np.zeros(0, dtype=np.uint64)


def looked_at(calls: Strand, elsewhere: npt.NDArray[np.uint64] = NOBODY, seed: int = 1) -> CopiesTest | None:
    """Put the test to a strand of whose prompts linking used none."""
    return copies_test(calls, np.ones(len(calls.account), dtype=bool), elsewhere, seed=seed)


def dispensed(rng: np.random.Generator, accounts: int, prompts: int, k: int, delay_s: float) -> Strand:
    """Return a dispenser that sends each prompt to k accounts, with a delay of some seconds for each."""
    at = np.repeat(np.sort(rng.random(prompts)) * 24 * 14, k) + rng.exponential(delay_s, prompts * k) / 3600
    account = np.concatenate([rng.permutation(accounts)[:k] for _ in range(prompts)])
    return strand(account, at, np.repeat(np.arange(1, prompts + 1), k).astype(np.uint64))


def lessons(rng: np.random.Generator, students: int, hours: int, tasks: int, spread_s: float) -> Strand:
    """Return a class that works through a sheet in lessons: each student sends each task when it comes to it."""
    account, task, lesson = (x.ravel() for x in np.meshgrid(np.arange(students), np.arange(tasks), np.arange(hours)))
    at = 24.0 * lesson + 10 + (task + 0.5) / tasks / 2 + rng.normal(0, spread_s / 3600, len(account))
    return strand(account, at, (lesson * tasks + task + 1).astype(np.uint64))


def test_a_dispenser_is_found() -> None:
    """Five copies of each prompt, forty seconds apart, are told from chance every time; so are two copies."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        for k, delay_s in ((5, 40.0), (2, 20.0)):
            found = looked_at(dispensed(rng, 30, 120, k, delay_s))
            assert found is not None
            assert found.p_value < 1e-4
            assert found.within > 0.5 * found.prompts


def test_lessons_are_not_taken_for_a_dispenser() -> None:
    """Students who come to a task three minutes apart, lesson after lesson, are reported no more often than stated."""
    p_values = []
    for seed in range(300):
        rng = np.random.default_rng([seed, 2])
        found = looked_at(lessons(rng, 12, 20, 6, rng.uniform(120, 400)), seed=seed)
        assert found is not None
        p_values.append(found.p_value)
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(sum(p <= level for p in p_values), len(p_values), level)


def test_at_the_limit_the_level_is_kept() -> None:
    """When a quarter of the hours are simultaneous, p-values fall below a level no more often than the level."""
    p_values = []
    for seed in range(400):
        rng = np.random.default_rng([seed, 3])
        at = np.arange(40.0) + 0.5
        later = at + np.where(rng.random(40) < 0.25, rng.uniform(0, 59, 40), rng.uniform(61, 1700, 40)) / 3600
        account = np.concatenate([np.arange(40) % 8, (np.arange(40) + 1) % 8])
        found = looked_at(strand(account, np.concatenate([at, later]), np.tile(np.arange(1, 41), 2).astype(np.uint64)))
        assert found is not None
        p_values.append(found.p_value)
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(sum(p <= level for p in p_values), len(p_values), level)


def test_clocks_on_the_hour_do_not_count() -> None:
    """Prompts that accounts send again on other days are left out, and so are prompts that others are known to send."""
    days, accounts = 30, 10
    account = np.tile(np.arange(accounts), days)
    at = np.repeat(np.arange(days) * 24.0 + 3, accounts)
    assert looked_at(strand(account, at, np.full(days * accounts, 7, dtype=np.uint64))) is None
    digest = strand(account, at, np.repeat(np.arange(1, days + 1), accounts).astype(np.uint64))
    found = looked_at(digest)
    assert found is not None
    assert found.simultaneous == days
    assert looked_at(digest, np.arange(1, days + 1).astype(np.uint64)) is None


def test_one_busy_hour_is_one_trial() -> None:
    """However many prompts coincide within one hour, they count once; too few hours are not judged."""
    rng = np.random.default_rng(4)
    sheet = lessons(rng, 10, FEWEST_HOURS - 1, 50, 1.0)
    assert looked_at(sheet) is None
    enough = looked_at(lessons(rng, 10, FEWEST_HOURS, 50, 1.0))
    assert enough is not None
    assert enough.hours == FEWEST_HOURS


def test_prompts_that_served_linking_are_not_looked_at() -> None:
    """A strand of which every shared prompt served linking is not judged."""
    calls = dispensed(np.random.default_rng(5), 30, 120, 5, 40.0)
    assert copies_test(calls, np.zeros(len(calls.account), dtype=bool), NOBODY, seed=1) is None
