"""
When calls happen: hours of the day, working weeks, bursts, and an operator's regulated clock.

Windows start on a Monday at 00:00 UTC. Times are µs since 1970.
"""

from __future__ import annotations

import numpy as np

from stillhunt.worlds.ids import Floats, Ints

DAYS = 21
START = 1_772_409_600_000_000
"""2026-03-02 00:00 UTC, a Monday, in µs since 1970."""
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
END = START + DAYS * DAY

OFFICE_HOURS, EVENINGS, FLAT, CRON, NIGHTS = range(5)

_SHAPES: dict[int, tuple[float, ...]] = {
    OFFICE_HOURS: (1, 1, 1, 1, 1, 2, 4, 8, 20, 40, 48, 45, 28, 38, 46, 45, 40, 30, 18, 12, 10, 9, 6, 3),
    EVENINGS: (8, 5, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 13, 12, 12, 13, 15, 18, 24, 32, 40, 42, 32, 18),
    FLAT: (1,) * 24,
    CRON: (6, 4, 4, 4, 4, 4, 8, 6, 4, 4, 4, 4, 6, 4, 4, 4, 4, 4, 6, 4, 4, 4, 4, 4),
    NIGHTS: (40, 42, 40, 38, 34, 28, 14, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 6, 12, 20, 30, 36),
}
HOURS: Floats = np.cumsum(np.array([_SHAPES[k] for k in range(5)], dtype=float), axis=1)
HOURS /= HOURS[:, -1:]
_WEEKEND = np.array([0.25, 1.1, 1.0, 1.0, 0.9])


def hour_of_day(rhythm: Ints, rng: np.random.Generator) -> Floats:
    """Return a local hour in [0, 24) for each rhythm."""
    u = rng.random(len(rhythm))
    hour = (HOURS[rhythm] < u[:, None]).sum(axis=1)
    fraction: Floats = hour + rng.random(len(rhythm))
    return fraction


def day_weights(rhythm: Ints, burst: Floats, first_h: Ints, last_h: Ints, rng: np.random.Generator) -> Floats:
    """
    Return cumulative weights over the days of the window, shape (accounts, days).

    `burst` is the shape of a gamma law: below 1 a few days hold most of the calls, above 5 all days are
    alike.
    """
    weight = rng.gamma(burst[:, None], 1.0, (len(rhythm), DAYS)) + 1e-9
    weekend = np.arange(DAYS) % 7 >= 5
    weight *= np.where(weekend[None, :], _WEEKEND[rhythm][:, None], 1.0)
    day = np.arange(DAYS)[None, :] * 24
    alive = (day + 24 > first_h[:, None]) & (day < last_h[:, None])
    weight = np.where(alive, weight, 0.0)
    weight[~alive.any(axis=1), -1] = 1.0
    total: Floats = np.cumsum(weight, axis=1)
    return total / total[:, -1:]


def session_starts(
    rows: Ints, days: Floats, rhythm: Ints, utc_offset_h: Ints, rng: np.random.Generator
) -> Ints:
    """Return a start for each session of the accounts `rows`; other arguments are per account."""
    u = rng.random(len(rows))
    day = (days[rows] < u[:, None]).sum(axis=1)
    hour = hour_of_day(rhythm[rows], rng) - utc_offset_h[rows]
    starts: Ints = START + day * DAY + np.rint((hour % 24) * HOUR).astype(np.int64)
    return starts


def regulated(n: int, first: int, last: int, jitter: float, rng: np.random.Generator) -> Ints:
    """
    Return `n` times between two limits at a steady rate: each gap is the mean gap, give or take
    `jitter` of it.
    """
    gaps = np.maximum(rng.normal(1.0, jitter, n), 0.02)
    at = np.cumsum(gaps)
    times: Ints = first + np.rint(at / (at[-1] + gaps[0]) * (last - first)).astype(np.int64)
    return times


def with_working_hours(at: Ints, rhythm: int, utc_offset_h: int) -> Ints:
    """
    Return the times with each day squeezed into the rhythm's hours, order kept.

    The time of day is read as a quantile of the rhythm, so an even rate becomes that rhythm's rate.
    """
    day, within = np.divmod(at - START + utc_offset_h * HOUR, DAY)
    edges = np.concatenate([[0.0], HOURS[rhythm]])
    hours = np.interp(within / DAY, edges, np.arange(25.0))
    warped: Ints = START + day * DAY + np.rint(hours * HOUR).astype(np.int64) - utc_offset_h * HOUR
    return warped
