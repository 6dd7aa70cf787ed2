"""Key 2b: whether accounts keep to subjects of their own."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often
from hypothesis import given
from hypothesis import strategies as st
from judge.traffic import Subjects, strand

from stillhunt.judge.interchangeable import (
    LARGEST_OVERLAP,
    SMALLEST_P,
    InterchangeTest,
    NotRun,
    distinct_fills,
    interchange_test,
    pool_overlap,
)

RHO0 = 0.10


def coherent(seed: int, rho: float, words: int, accounts: int = 20, texts: int = 14) -> InterchangeTest | NotRun:
    """
    Test accounts whose texts share a share `rho` of their subject.

    Each text is about the account's own subject with probability √rho, else about any: two texts of one account are
    then both about its own with probability rho.
    """
    rng = np.random.default_rng([seed, round(1000 * rho), words])
    world = Subjects(rng)
    account = np.repeat(np.arange(accounts), texts)
    own = rng.permutation(world.count)[account % world.count]
    subject = np.where(rng.random(len(account)) < np.sqrt(rho), own, rng.integers(0, world.count, len(account)))
    return interchange_test(world.ask(account, subject, words), rho0=RHO0, seed=seed)


@pytest.mark.parametrize(("rho", "words"), [(RHO0, 30), (RHO0, 60), (0.2, 30), (0.6, 30), (0.6, 60)])
def test_accounts_with_subjects_are_rejected_at_the_level(rho: float, words: int) -> None:
    """At the stated coherence and above it, for short texts and long, p ≤ α comes no more often than α."""
    found = [coherent(seed, rho, words) for seed in range(20)]
    p = np.array([one.p_value for one in found if isinstance(one, InterchangeTest)])
    assert len(p) > 10
    for level in (0.01, 0.05):
        assert not_more_often(int((p <= level).sum()), len(p), level)


@pytest.mark.parametrize("words", [30, 60])
def test_workers_that_take_whatever_comes_are_rejected(words: int) -> None:
    """Accounts that ask about anything are found out, and their coherence is near zero."""
    found = [coherent(seed, 0.0, words, accounts=40, texts=20) for seed in range(6)]
    for one in found:
        assert isinstance(one, InterchangeTest)
        assert abs(one.rho) < 5 * one.standard_error + 0.02
        assert (one.accounts, one.fills) == (40, 800)
    assert sum(isinstance(one, InterchangeTest) and one.p_value < 0.01 for one in found) >= 5


def pool(seed: int, *, busy: float, quiet: float, extra: float, rho0: float = 0.05) -> InterchangeTest:
    """
    Test 60 accounts with 16 texts each, of which every second has as many again.

    Texts are about the account's own subject with the probability given for quiet and for busy accounts, else about any; the
    additional ones of busy accounts with the probability `extra`.
    """
    rng = np.random.default_rng([seed, 60])
    world = Subjects(rng)
    account = np.concatenate([np.repeat(np.arange(60), 16), np.repeat(np.arange(0, 60, 2), 16)])
    own = rng.permutation(world.count)[account % world.count]
    share = np.where(account % 2 == 0, busy, quiet)
    share[60 * 16 :] = extra
    subject = np.where(rng.random(len(account)) < share, own, rng.integers(0, world.count, len(account)))
    found = interchange_test(world.ask(account, subject, 40), rho0=rho0, seed=seed)
    assert isinstance(found, InterchangeTest)
    return found


@pytest.mark.parametrize("rho", [0.05, 0.3])
def test_a_second_look_at_the_quieter_accounts_keeps_the_level(rho: float) -> None:
    """With accounts of different volume, at the stated coherence and above it, p ≤ α comes no more often than α."""
    found = [pool(seed, busy=rho**0.5, quiet=rho**0.5, extra=rho**0.5) for seed in range(12)]
    assert {one.quieter_accounts for one in found} == {30}
    for level in (0.01, 0.05):
        assert not_more_often(sum(one.p_value <= level for one in found), len(found), level)


def test_a_harvest_below_the_calls_of_customers_is_found() -> None:
    """Accounts of one queue, half of which carry as many calls of customers with subjects: the quieter half tells."""
    found = [pool(seed, busy=0.0, quiet=0.0, extra=0.4) for seed in range(4)]
    assert all(one.quieter_p_value is not None and one.quieter_p_value < 0.002 for one in found)
    assert all(one.p_value < 0.02 and one.decisive[3] for one in found)
    assert np.mean([one.rho for one in found]) > 0.03


def test_busy_honest_accounts_are_not_judged_by_quiet_others() -> None:
    """Where the whole is clearly coherent, quiet accounts without subjects do not speak for the set."""
    for seed in range(3):
        found = pool(seed, busy=0.7, quiet=0.0, extra=0.7)
        assert found.rho > 0.1
        assert found.p_value > 0.5
        assert not found.decisive[3]


def test_coherence_is_not_taken_for_less_than_it_is() -> None:
    """Accounts that always ask about one thing of their own have a coherence of about one or more, however short."""
    for words in (16, 30, 60):
        rng = np.random.default_rng(words)
        world = Subjects(rng, subjects=10)
        account = np.repeat(np.arange(30), 12)
        found = interchange_test(world.ask(account, account % 10, words), rho0=RHO0, seed=1)
        assert isinstance(found, InterchangeTest)
        assert found.rho > 0.8
        assert found.p_value > 0.99


def test_no_p_value_is_smaller_than_is_claimed() -> None:
    """However clear the case, a t-test claims no more than a millionth."""
    found = coherent(1, 0.0, 80, accounts=60, texts=25)
    assert isinstance(found, InterchangeTest)
    assert SMALLEST_P <= found.p_value < 1e-3


def test_a_small_pool_that_everybody_works_through_is_no_queue() -> None:
    """Where accounts share a good part of their prompts, as in a course, the test does not run and says why."""
    rng = np.random.default_rng(3)
    world = Subjects(rng)
    pool = world.ask(np.zeros(40, np.int64), rng.integers(0, 40, 40), 30)
    picks = np.concatenate([rng.permutation(40)[:20] for _ in range(15)])
    found = interchange_test(
        strand(np.repeat(np.arange(15), 20), np.arange(300) / 9, pool.fill[picks], pool.sketch[picks]),
        rho0=RHO0,
        seed=1,
    )
    assert isinstance(found, NotRun)
    assert "shared pool" in found.reason


def test_texts_about_nothing_are_not_judged() -> None:
    """Where words are all drawn from one bag there is no subject to keep to, and the test does not run."""
    rng = np.random.default_rng(4)
    account = np.repeat(np.arange(20), 15)
    found = interchange_test(Subjects(rng, subjects=1).ask(account, np.zeros_like(account), 16), rho0=RHO0, seed=1)
    assert isinstance(found, NotRun)
    assert "too short" in found.reason


def test_too_few_accounts_are_not_judged() -> None:
    """Fewer than eight accounts with three different prompts are too few; repeats of one prompt are one."""
    world = Subjects(np.random.default_rng(5))
    few = interchange_test(world.ask(np.repeat(np.arange(7), 9), np.arange(63) % 40, 30), rho0=RHO0, seed=1)
    assert isinstance(few, NotRun)
    one = world.ask(np.arange(12), np.arange(12), 30)
    repeats = strand(
        np.tile(one.account, 5).astype(np.int64), np.arange(60.0), np.tile(one.fill, 5), np.tile(one.sketch, (5, 1))
    )
    assert isinstance(interchange_test(repeats, rho0=RHO0, seed=1), NotRun)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=30))
def test_distinct_prompts_of_accounts(calls: list[tuple[int, int]]) -> None:
    """Each account's prompts count once, with their sketch; calls without text do not count."""
    account = np.array([a for a, _ in calls], dtype=np.int64)
    fill = np.array([f for _, f in calls], dtype=np.uint64)
    sketch = np.repeat(fill.astype(np.int8)[:, None], 128, axis=1)
    found = distinct_fills(strand(account, np.zeros(len(calls)), fill, sketch))
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == sorted({c for c in calls if c[1]})
    assert found[2][:, 0].tolist() == found[1].astype(float).tolist()


def test_overlap_is_an_upper_bound() -> None:
    """The bound lies above the true share that two accounts have in common, nearly always, and near it in large sets."""
    rng = np.random.default_rng(6)
    below = 0
    for _ in range(200):
        pool, each = 2000, 60
        fill = np.concatenate([rng.permutation(pool)[:each] for _ in range(12)]).astype(np.uint64)
        below += pool_overlap(np.repeat(np.arange(12), each), fill) < each / pool
    assert below <= 200 * 0.05
    disjoint = pool_overlap(np.repeat(np.arange(50), 40), np.arange(2000, dtype=np.uint64))
    assert 0 < disjoint < LARGEST_OVERLAP
