"""What is promised of synthetic traffic: clock."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.worlds import clock


def test_regulated_clock_is_steadier_than_chance() -> None:
    """Hourly counts of a regulated clock vary far less than a Poisson process of the same rate."""
    rng = np.random.default_rng(1)
    at = clock.regulated(4800, clock.START, clock.START + 20 * clock.DAY, 0.2, rng)
    counts = np.bincount((at - clock.START) // clock.HOUR, minlength=480)
    assert counts.var() < 0.3 * counts.mean()


@given(st.integers(1, 500), st.floats(0.0, 0.5))
def test_regulated_times_are_in_order_and_inside(n: int, jitter: float) -> None:
    """Times never go back and stay between the limits."""
    at = clock.regulated(n, clock.START, clock.END, jitter, np.random.default_rng(0))
    assert (np.diff(at) >= 0).all()
    assert at[0] >= clock.START and at[-1] <= clock.END


def test_working_hours_keep_order_and_day() -> None:
    """Squeezing a day into office hours keeps the order of calls and moves most of them to daytime."""
    even = np.linspace(clock.START, clock.START + 5 * clock.DAY - 1, 5000).astype(np.int64)
    at = clock.with_working_hours(even, clock.OFFICE_HOURS, 0)
    assert (np.diff(at) >= 0).all()
    hours = (at - clock.START) // clock.HOUR % 24
    assert ((hours >= 8) & (hours < 19)).mean() > 0.7


def test_bursty_accounts_crowd_their_days() -> None:
    """A small gamma shape puts most of an account's weight on few days, a large one spreads it."""
    rng = np.random.default_rng(2)
    zeros, last = np.zeros(400, dtype=np.int64), np.full(400, clock.DAYS * 24)
    top = []
    for burst in (0.2, 20.0):
        total = clock.day_weights(zeros + clock.FLAT, np.full(400, burst), zeros, last, rng)
        days = np.diff(np.concatenate([np.zeros((400, 1)), total], axis=1), axis=1)
        top.append(np.sort(days, axis=1)[:, -3:].sum(axis=1).mean())
    assert top[0] > 0.5 > 0.3 > top[1]


def test_no_call_on_days_before_sign_up() -> None:
    """Days that end before an account's first hour have no weight."""
    rng = np.random.default_rng(3)
    one = np.ones(50, dtype=np.int64)
    total = clock.day_weights(one, np.ones(50), one * 240, one * clock.DAYS * 24, rng)
    assert (total[:, 9] == 0).all()
