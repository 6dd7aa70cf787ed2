"""Key 2c: accounts that repeat each other less than users of the same template do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.judge import work_queue
from stillhunt.judge.work_queue import FEWEST_OTHERS, LEAST_SHARE, QueueTest, queue_test

POOL = 300


def pick(
    rng: np.random.Generator, users: int, popularity: float = 1.0, first: int = 1
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Return (account, prompt) of users who each pick ten to thirty prompts of a pool, popular ones more often."""
    p = 1.0 / np.arange(1, POOL + 1) ** popularity
    mine = [np.unique(rng.choice(POOL, rng.integers(10, 31), p=p / p.sum())) for _ in range(users)]
    account = np.repeat(np.arange(users), [len(m) for m in mine])
    return account, (np.concatenate(mine) + first).astype(np.uint64)


def dealt(rng: np.random.Generator, users: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Return prompts of the same pool dealt out so that nobody repeats anybody."""
    fill = rng.permutation(np.arange(1, POOL + 1)).astype(np.uint64)
    return np.arange(POOL) % users, fill


def run(
    members: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]], others: int, seed: int, popularity: float = 1.0
) -> QueueTest | None:
    """Test members against so many other users of the template."""
    reference = pick(np.random.default_rng([seed, 9]), others, popularity)
    return queue_test(*members, *reference, draws=1999, seed=seed)


def test_users_like_the_others_are_rejected_at_the_level() -> None:
    """A set that picks as the others do gets p ≤ α no more often than α, whether tastes are even or not."""
    for popularity in (0.0, 0.8):
        found = [run(pick(np.random.default_rng(seed), 12, popularity), 60, seed, popularity) for seed in range(150)]
        p = np.array([one.p_value for one in found if one is not None])
        assert len(p) > 130
        for level in (0.01, 0.05, 0.2):
            assert not_more_often(int((p <= level).sum()), len(p), level)


def test_sets_larger_than_the_others_are_rejected_at_the_level() -> None:
    """Where members outnumber the other users the test still ends, and keeps its level."""
    found = [run(pick(np.random.default_rng(seed), 50), 40, seed) for seed in range(60)]
    p = np.array([one.p_value for one in found if one is not None])
    assert len(p) > 50
    assert not_more_often(int((p <= 0.05).sum()), len(p), 0.05)


def test_friends_are_rejected_less() -> None:
    """Members who copy from each other, as classmates do, meet more often and are not rejected."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        account, fill = pick(rng, 12)
        fill = np.where(rng.random(len(fill)) < 0.5, fill[rng.integers(0, 20, len(fill))], fill)
        pairs = np.unique(np.stack([account.astype(np.uint64), fill]), axis=1)
        found = run((pairs[0].astype(np.int64), pairs[1]), 60, seed)
        assert found is not None and found.p_value > 0.5


def test_a_queue_without_repeats_is_rejected() -> None:
    """Prompts that are popular among the others, dealt out once each, are found out every time."""
    for seed in range(10):
        found = run(dealt(np.random.default_rng(seed), 15), 60, seed, popularity=0.5)
        assert found is not None
        assert (found.coincidences, found.others) == (0, 60)
        assert found.p_value < 0.005
        assert np.mean(found.null) == pytest.approx(LEAST_SHARE * found.expected, rel=0.03)


def test_a_few_repeats_too_few_are_no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teams that share out part of a popular benchmark repeat each other a little less than strangers do, and are not accused."""
    rng = np.random.default_rng(6)
    members, items = 60, 120
    drawn = [rng.permutation(items)[:60] for _ in range(members)]
    even = [np.concatenate([np.sort(one)[:0], one[:30], (np.arange(30) * 4 + i) % items]) for i, one in enumerate(drawn)]
    account = np.repeat(np.arange(members), [len(np.unique(one)) for one in even])
    fill = np.concatenate([np.unique(one) for one in even]).astype(np.uint64) + 1
    others = [rng.choice(items, 60, replace=False, p=np.linspace(1.2, 0.8, items) / items) for _ in range(200)]
    reference = np.repeat(np.arange(200), 60), np.concatenate(others).astype(np.uint64) + 1
    found = queue_test(account, fill, *reference, draws=1999, seed=1)
    assert found is not None and found.p_value > 0.5
    monkeypatch.setattr(work_queue, "LEAST_SHARE", 1.0)
    strict = queue_test(account, fill, *reference, draws=1999, seed=1)
    assert strict is not None and strict.p_value < 0.05
    assert 0.9 < strict.coincidences / strict.expected < 1.0


def test_a_set_with_content_of_its_own_is_not_tested() -> None:
    """A set that uses the template for other things repeats nobody for that reason, and is not judged."""
    assert run(pick(np.random.default_rng(1), 12, first=10_000), 60, 1) is None


def test_without_enough_to_compare_with_there_is_no_test() -> None:
    """Too few other users, no prompts, or prompts that hardly anybody repeats give no test."""
    rng = np.random.default_rng(2)
    assert run(pick(rng, 12), FEWEST_OTHERS, 1) is not None
    assert run(pick(rng, 12), FEWEST_OTHERS - 1, 1) is None
    assert run((np.zeros(0, np.int64), np.zeros(0, np.uint64)), 60, 1) is None
    assert run(pick(rng, 2, 0.0), 60, 1, popularity=0.0) is None


def test_busy_members_are_compared_on_what_others_can_lend() -> None:
    """A member with more prompts than any other user is compared on as many as they have."""
    rng = np.random.default_rng(3)
    busy = (
        np.repeat(np.arange(6), 200),
        np.concatenate([rng.permutation(POOL)[:200] + 1 for _ in range(6)]).astype(np.uint64),
    )
    found = run(busy, 60, 3, popularity=0.2)
    assert found is not None
    assert found.coincidences < 15 * 30**2 / POOL * 3


def test_the_same_seed_gives_the_same_test() -> None:
    """Draws depend on the seed alone."""
    members = pick(np.random.default_rng(4), 12)
    one, again = run(members, 60, 5), run(members, 60, 5)
    assert one is not None and again is not None
    assert one.null.tolist() == again.null.tolist()
    assert one.p_value == again.p_value
