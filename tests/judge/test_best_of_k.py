"""Key 2d: prompts that each go to the same number of accounts."""

from __future__ import annotations

from itertools import product
from math import comb, factorial

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.judge.best_of_k import MARGIN, _distribution, multiplicity_test

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]


def chosen(rng: np.random.Generator, users: int, pool: int, uneven: float = 0.0) -> Pairs:
    """Return users who each choose twenty to forty prompts of a pool on their own."""
    p = (1.0 + np.arange(pool)) ** -uneven
    mine = [rng.choice(pool, rng.integers(20, 41), replace=False, p=p / p.sum()) for _ in range(users)]
    return np.repeat(np.arange(users), [len(m) for m in mine]), (np.concatenate(mine) + 1).astype(np.uint64)


def sections(rng: np.random.Generator, students: int, classes: int, most: float) -> Pairs:
    """Return classes with a sheet of sixty exercises each, of which every student does a share of up to `most`."""
    account, exercise = [], []
    for student in range(students * classes):
        done = np.flatnonzero(rng.random(60) < rng.uniform(0, most))
        account.append(np.full(len(done), student))
        exercise.append(done + 60 * (student // students) + 1)
    return np.concatenate(account), np.concatenate(exercise).astype(np.uint64)


def dispensed(rng: np.random.Generator, users: int, prompts: int, k: int) -> Pairs:
    """Return prompts that each go to k users."""
    account = np.concatenate([rng.permutation(users)[:k] for _ in range(prompts)])
    return account, np.repeat(np.arange(1, prompts + 1), k).astype(np.uint64)


@pytest.mark.parametrize(("users", "pool", "uneven"), [(15, 120, 0.0), (60, 400, 0.0), (15, 150, 0.7), (80, 2000, 1.0)])
def test_users_who_choose_are_rejected_at_the_level(users: int, pool: int, uneven: float) -> None:
    """Users who choose from a pool on their own, whatever its popularities, get p ≤ α no more often than α."""
    found = [multiplicity_test(*chosen(np.random.default_rng(s), users, pool, uneven)) for s in range(120)]
    p = np.array([one.p_value for one in found if one is not None])
    assert len(p) == 120
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((p <= level).sum()), len(p), level)


@pytest.mark.parametrize(("students", "classes"), [(30, 1), (30, 4), (8, 12), (5, 20)])
@pytest.mark.parametrize("most", [0.3, 0.6, 1.0])
def test_classes_with_sheets_of_their_own_are_rejected_at_the_level(students: int, classes: int, most: float) -> None:
    """Small classes, in which few come into question for an exercise, are not taken for a dispenser."""
    found = [multiplicity_test(*sections(np.random.default_rng(s), students, classes, most)) for s in range(40)]
    p = np.array([1.0 if one is None else one.p_value for one in found])
    for level in (0.01, 0.05):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_an_evaluation_that_everybody_runs_is_not_judged() -> None:
    """Accounts that all send everything, or replicas that send the same, say nothing about a dispenser."""
    everybody = np.repeat(np.arange(12), 50), np.tile(np.arange(1, 51), 12).astype(np.uint64)
    assert multiplicity_test(*everybody) is None
    account = np.repeat(np.arange(40), 30)
    replicas = account, (30 * (account // 4) + np.tile(np.arange(30), 40) + 1).astype(np.uint64)
    assert multiplicity_test(*replicas) is None


@pytest.mark.parametrize("k", [2, 4, 8])
def test_a_dispenser_of_k_is_rejected(k: int) -> None:
    """Prompts that go to exactly k accounts are found out, and k is named."""
    for seed in range(5):
        found = multiplicity_test(*dispensed(np.random.default_rng(seed), 30, 150, k))
        assert found is not None
        assert (found.k, found.near, found.prompts) == (k, (0, 150, 0), 150)
        assert found.p_value < 0.001


def test_a_dispenser_that_loses_some_and_repeats_some_is_rejected() -> None:
    """Calls lost to errors, prompts sent twice as often, and cover traffic do not hide a dispenser."""
    rng = np.random.default_rng(2)
    account, fill = dispensed(rng, 40, 200, 4)
    again, fill_again = dispensed(rng, 40, 30, 4)
    cover = np.repeat(np.arange(40), 10), np.arange(10_000, 10_400, dtype=np.uint64)
    account, fill = np.concatenate([account, again, cover[0]]), np.concatenate([fill, fill_again, cover[1]])
    pairs = np.unique(np.stack([account.astype(np.uint64), fill]), axis=1)
    pairs = pairs[:, rng.random(pairs.shape[1]) > 0.05]
    found = multiplicity_test(pairs[0].astype(np.int64), pairs[1])
    assert found is not None
    assert (found.k, found.p_value < 0.001) == (4, True)


def test_the_distribution_is_that_of_every_case_counted() -> None:
    """The conditional distribution equals that of all ways to give ten prompts to 1, 2 or 3 accounts."""
    near, ratio = (3, 5, 2), 1.4
    weights = {1: 1.0, 2: float(np.sqrt(MARGIN * ratio)), 3: 1.0}
    mass: dict[int, float] = {}
    for below, at in product(range(11), repeat=2):
        above = 10 - below - at
        if above >= 0 and at + 2 * above == near[1] + 2 * near[2]:
            ways = factorial(10) / (factorial(below) * factorial(at) * factorial(above))
            mass[at] = ways * weights[2] ** at
    values, log_p = _distribution(near, ratio)
    expected = {at: one / sum(mass.values()) for at, one in sorted(mass.items())}
    assert dict(zip(values.tolist(), np.exp(log_p).tolist(), strict=True)) == pytest.approx(expected)


def test_no_mixture_of_popularities_exceeds_the_ratio() -> None:
    """P(k)² ≤ ratio P(k-1) P(k+1) for accounts that choose on their own, whatever the prompts' popularities."""
    rng = np.random.default_rng(4)
    n = 12
    for _ in range(200):
        g = rng.beta(*rng.uniform(0.3, 5.0, 2), 6)
        weight = rng.dirichlet(np.ones(6))
        p = [sum(w * comb(n, k) * x**k * (1 - x) ** (n - k) for w, x in zip(weight, g, strict=True)) for k in range(n + 1)]
        for k in range(1, n):
            assert p[k] ** 2 <= (k + 1) * (n - k + 1) / (k * (n - k)) * p[k - 1] * p[k + 1] * (1 + 1e-9)


def test_prompts_that_nobody_shares_are_not_judged() -> None:
    """Few accounts, or few prompts in common, give no test."""
    rng = np.random.default_rng(3)
    assert multiplicity_test(*dispensed(rng, 7, 150, 3)) is None
    assert multiplicity_test(*dispensed(rng, 30, 29, 3)) is None
    assert multiplicity_test(np.zeros(0, np.int64), np.zeros(0, np.uint64)) is None
    alone = np.arange(200, dtype=np.int64) % 20, np.arange(200, dtype=np.uint64)
    assert multiplicity_test(*alone) is None
