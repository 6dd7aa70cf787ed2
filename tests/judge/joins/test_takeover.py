"""Takeover: what fails in one account and is sent by another, against people who share material or have spare accounts."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.judge.joins.takeover import _followers, _kinds, _strata, takeover_test

MINUTE = 60_000_000
Calls = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.bool_]]


def joined(*parts: Calls) -> Calls:
    """Return several pieces of a log as one."""
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def own(rng: np.random.Generator, accounts: int, each: int, failing: float, first: int = 1_000_000) -> Calls:
    """Return prompts that are everybody's own, over ten days."""
    n = accounts * each
    at = rng.integers(0, 10 * 24 * 60, n) * MINUTE
    return rng.integers(0, accounts, n), at, first + np.arange(n, dtype=np.uint64), rng.random(n) < failing


def a_class(rng: np.random.Generator, students: int, limit: int) -> Calls:
    """
    Return a class that does one sheet in one evening, question after question; who is fast runs into a limit.

    Of calls made within two minutes of the one before, a third are rate limited; so failing goes with being busy.
    """
    account, at, prompt = [], [], []
    for student in range(students):
        pace = rng.exponential(4.0, limit)
        account.append(np.full(limit, student))
        at.append((rng.integers(0, 90) + np.cumsum(pace)) * MINUTE)
        prompt.append(np.arange(1, limit + 1, dtype=np.uint64))
    a, t, p = np.concatenate(account), np.concatenate(at).astype(np.int64), np.concatenate(prompt)
    order = np.lexsort((t, a))
    fast = np.zeros(len(a), dtype=bool)
    fast[order[1:]] = (np.diff(t[order]) < 2 * MINUTE) & (np.diff(a[order]) == 0)
    return a, t, p, fast & (rng.random(len(a)) < 0.33)


def spares(rng: np.random.Generator, people: int, each: int) -> Calls:
    """Return people with three accounts who go on with the next one when one fails."""
    base = own(rng, 3 * people, each, 0.2)
    rows = np.flatnonzero(base[3])
    next_one = base[0][rows] // 3 * 3 + (base[0][rows] + rng.integers(1, 3, len(rows))) % 3
    later = base[1][rows] + rng.integers(1, 6, len(rows)) * MINUTE
    return joined(base, (next_one, later, base[2][rows], np.zeros(len(rows), bool)))


def operator(rng: np.random.Generator, accounts: int, each: int, failing: float) -> Calls:
    """Return accounts of which any takes over what fails in another."""
    base = own(rng, accounts, each, failing)
    rows = np.flatnonzero(base[3] & (rng.random(len(base[3])) < 0.9))
    other = (base[0][rows] + rng.integers(1, accounts, len(rows))) % accounts
    later = base[1][rows] + rng.integers(1, 8, len(rows)) * MINUTE
    return joined(base, (other, later, base[2][rows], np.zeros(len(rows), bool)))


def p_value(calls: Calls) -> float:
    """Return the p-value of the test, 1 where it does not run."""
    found = takeover_test(*calls)
    return 1.0 if found is None else found.p_value


@pytest.mark.parametrize(("students", "questions"), [(15, 20), (40, 12)])
def test_a_class_at_its_limit_is_rejected_at_the_level(students: int, questions: int) -> None:
    """Students who send the same questions minutes apart, and fail when they are fast, get p ≤ α no more often than α."""
    p = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        p.append(p_value(joined(a_class(rng, students, questions), own(rng, students, 10, 0.02))))
    for level in (0.01, 0.05, 0.2):
        assert not_more_often(int((np.array(p) <= level).sum()), len(p), level)


def test_the_first_part_alone_keeps_its_level_in_a_class() -> None:
    """Even without circles, calls in a row of one account are fair company for a call that fails."""
    hits = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        found = takeover_test(*joined(a_class(rng, 25, 16), own(rng, 25, 20, 0.02)))
        assert found is not None
        hits += float(found.null[found.taken_over :].sum()) <= 0.05
    assert not_more_often(hits, 150, 0.05)


def test_people_with_spare_accounts_are_rejected_at_the_level() -> None:
    """People who go on with an account of their own when one fails get p ≤ α no more often than α."""
    p = np.array([p_value(spares(np.random.default_rng(s), 15, 25)) for s in range(80)])
    for level in (0.01, 0.05):
        assert not_more_often(int((p <= level).sum()), len(p), level)
    found = takeover_test(*spares(np.random.default_rng(0), 15, 25))
    assert found is not None and found.null[found.taken_over :].sum() < 1e-9


def test_an_outage_says_nothing() -> None:
    """Calls that all fail in the same hours, and are tried again by whoever wanted the same, give no finding."""
    rng = np.random.default_rng(3)
    account, at, prompt, _ = a_class(rng, 30, 15)
    down = (at > 40 * MINUTE) & (at < 100 * MINUTE)
    assert p_value((account, at, prompt, down)) > 0.05


@pytest.mark.parametrize(("accounts", "each", "failing"), [(20, 60, 0.2), (50, 40, 0.15)])
def test_an_operator_that_takes_over_is_rejected(accounts: int, each: int, failing: float) -> None:
    """Accounts of which any takes over what fails in another are found in at least nine of ten cases."""
    p = [p_value(operator(np.random.default_rng(s), accounts, each, failing)) for s in range(20)]
    assert sum(one <= 0.001 for one in p) >= 18


def test_rows_point_to_the_failed_calls() -> None:
    """The positions returned are of failed calls whose prompt another account sent within ten minutes."""
    calls = operator(np.random.default_rng(5), 20, 60, 0.2)
    found = takeover_test(*calls)
    assert found is not None
    assert len(found.rows) == found.taken_over > 20
    for row in found.rows.tolist():
        assert calls[3][row]
        after = (calls[2] == calls[2][row]) & (calls[0] != calls[0][row])
        assert ((calls[1][after] > calls[1][row]) & (calls[1][after] <= calls[1][row] + 10 * MINUTE)).any()


def test_few_failures_are_not_judged() -> None:
    """A log in which hardly anything fails, or nothing is taken over, gives no test."""
    assert takeover_test(*own(np.random.default_rng(0), 20, 30, 0.0)) is None
    assert takeover_test(*own(np.random.default_rng(0), 20, 30, 0.2)) is None
    nothing = np.zeros(0, np.int64)
    assert takeover_test(nothing, nothing, nothing.astype(np.uint64), nothing.astype(bool)) is None


def test_strata_are_those_of_every_case_counted() -> None:
    """The distribution equals that over all ways to place the followed calls among the calls of each stratum."""
    stratum = np.array([0, 0, 0, 0, 1, 1, 1])
    failed = np.array([1, 1, 0, 0, 1, 0, 0], dtype=bool)
    followed = np.array([1, 0, 1, 0, 0, 1, 0], dtype=bool)
    mass = np.zeros(4)
    for first in combinations(range(4), 2):
        for second in combinations(range(4, 7), 1):
            mass[int(failed[[*first, *second]].sum())] += 1
    assert _strata(_kinds(stratum, failed, followed)) == pytest.approx(mass / mass.sum())


def test_followers_are_those_of_a_slow_search() -> None:
    """The follower of a call is the first call after it, within ten minutes, by an account that had not sent the prompt before."""
    rng = np.random.default_rng(8)
    account, prompt = rng.integers(0, 5, 300), rng.integers(1, 30, 300).astype(np.uint64)
    at = rng.permutation(3000)[:300] * MINUTE // 2
    found = _followers(account, at, prompt)
    for call in range(300):
        alike = [n for n in range(300) if prompt[n] == prompt[call] and account[n] != account[call]]
        before = {n: [m for m in alike if account[m] == account[n] and at[m] < at[n]] for n in alike}
        new = [n for n in alike if not before[n]]
        after = [n for n in new if at[call] < at[n] <= at[call] + 10 * MINUTE]
        assert found[call] == (min(after, key=lambda n: at[n]) if after else -1)
