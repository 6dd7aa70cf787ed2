"""Key 2d: prompts that each go to the same number of accounts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.judge.best_of_k import multiplicity_test

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]


def chosen(rng: np.random.Generator, users: int, pool: int, uneven: float = 0.0) -> Pairs:
    """Return users who each choose twenty to forty prompts of a pool on their own."""
    p = (1.0 + np.arange(pool)) ** -uneven
    mine = [rng.choice(pool, rng.integers(20, 41), replace=False, p=p / p.sum()) for _ in range(users)]
    return np.repeat(np.arange(users), [len(m) for m in mine]), (np.concatenate(mine) + 1).astype(np.uint64)


def dispensed(rng: np.random.Generator, users: int, prompts: int, k: int) -> Pairs:
    """Return prompts that each go to k users."""
    account = np.concatenate([rng.permutation(users)[:k] for _ in range(prompts)])
    return account, np.repeat(np.arange(1, prompts + 1), k).astype(np.uint64)


@pytest.mark.parametrize(("pool", "uneven"), [(120, 0.0), (400, 0.0), (150, 0.7)])
def test_users_who_choose_are_rejected_at_the_level(pool: int, uneven: float) -> None:
    """Users who choose from a pool on their own, evenly or not, get p ≤ α no more often than α."""
    found = [
        multiplicity_test(*chosen(np.random.default_rng(s), 15, pool, uneven), draws=999, seed=s) for s in range(120)
    ]
    p = np.array([one.p_value for one in found if one is not None])
    assert len(p) == 120
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_a_class_that_does_the_same_exercises_is_not_rejected() -> None:
    """Where each does most of one sheet, or all do all of it, nothing is found."""
    rng = np.random.default_rng(1)
    for share in (0.5, 0.8):
        sheet = [np.flatnonzero(rng.random(60) < share) for _ in range(30)]
        account = np.repeat(np.arange(30), [len(s) for s in sheet])
        found = multiplicity_test(account, (np.concatenate(sheet) + 1).astype(np.uint64), draws=999, seed=1)
        assert found is None or found.p_value > 0.01
    everybody = np.repeat(np.arange(12), 50), np.tile(np.arange(1, 51), 12).astype(np.uint64)
    found = multiplicity_test(*everybody, draws=999, seed=1)
    assert found is None or found.p_value > 0.05


@pytest.mark.parametrize("k", [2, 4, 8])
def test_a_dispenser_of_k_is_rejected(k: int) -> None:
    """Prompts that go to exactly k accounts are found out, and k is named."""
    for seed in range(5):
        found = multiplicity_test(*dispensed(np.random.default_rng(seed), 30, 150, k), draws=1999, seed=seed)
        assert found is not None
        assert (found.k, found.share, found.variance, found.prompts) == (k, 1.0, 0.0, 150)
        assert found.p_value < 0.01


def test_a_dispenser_that_loses_some_is_rejected() -> None:
    """One call in twenty lost to errors does not hide a dispenser."""
    rng = np.random.default_rng(2)
    account, fill = dispensed(rng, 40, 200, 4)
    kept = rng.random(len(fill)) > 0.05
    found = multiplicity_test(account[kept], fill[kept], draws=1999, seed=1)
    assert found is not None
    assert (found.k, found.p_value < 0.01) == (4, True)


def test_prompts_that_nobody_shares_are_not_judged() -> None:
    """Few accounts, or few prompts in common, give no test."""
    rng = np.random.default_rng(3)
    assert multiplicity_test(*dispensed(rng, 7, 150, 3), draws=999, seed=1) is None
    assert multiplicity_test(*dispensed(rng, 30, 29, 3), draws=999, seed=1) is None
    assert multiplicity_test(np.zeros(0, np.int64), np.zeros(0, np.uint64), draws=999, seed=1) is None
    alone = np.arange(200, dtype=np.int64) % 20, np.arange(200, dtype=np.uint64)
    assert multiplicity_test(*alone, draws=999, seed=1) is None
