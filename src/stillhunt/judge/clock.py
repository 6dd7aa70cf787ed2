"""
Key 2a, one clock: the set's total is steadier than independent accounts with the same habits could make it.

    VR = Var_t(Σ_i N_it) / Σ_i Var_t(N_it)

Independent accounts have VR near one; people who share a day, a deadline or an outage have VR above one; accounts fed
from one regulated queue have VR below one. Null: every account's clock is turned by an independent whole number of
days, which keeps its time of day; and the total may be a tenth steadier than that, as of people who share shifts or a quota: in a
large set the least such difference would be significant. Bins of 1 h, 6 h and 1 day, Bonferroni over the three.
Source: D. Schluter, "A variance test for detecting species associations", Ecology 65 (1984); sequential Monte Carlo:
J. Besag, P. Clifford, "Sequential Monte Carlo p-values", Biometrika 78 (1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillhunt.judge.strands import Strand

SCALES_H = (1, 6, 24)
FEWEST_CALLS = 60
FEWEST_ACCOUNTS = 5
FEWEST_DAYS = 4
LEAST_RATIO = 0.9
"""The total of an honest group is assumed to be at least this variable, relative to independent accounts with the same habits."""

ENOUGH = 20
"""Monte Carlo stops when every scale has been undercut this often (Besag and Clifford's h)."""

DRAWN = 1000
"""Null draws kept for the picture."""

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockTest:
    """The clock test of a strand; `variance_ratio` and `null` belong to the scale with the smallest p-value."""

    p_value: float
    scale_h: int
    variance_ratio: float
    null: npt.NDArray[np.float64]
    draws: int
    calls: int


@njit(cache=True, nogil=True)
def _rotate(hours, account, n_accounts, days, observed, draws, enough, seed, keep):  # type: ignore[no-untyped-def]
    """Count rotations whose sum of squares is at most the observed one, per scale; keep the first few."""
    np.random.seed(seed)
    at_most = np.zeros(3, dtype=np.int64)
    used_at_stop = np.zeros(3, dtype=np.int64)
    kept = np.zeros((keep, 3))
    shift = np.zeros(n_accounts, dtype=np.int64)
    total = np.zeros(24 * days, dtype=np.int64)
    used = 0
    for draw in range(draws):
        for i in range(n_accounts):
            shift[i] = np.random.randint(0, days) * 24
        total[:] = 0
        for e in range(hours.shape[0]):
            at = hours[e] + shift[account[e]]
            if at >= 24 * days:
                at -= 24 * days
            total[at] += 1
        square_1, square_6, square_24, sum_6, sum_24 = 0, 0, 0, 0, 0
        for t in range(24 * days):
            square_1 += total[t] * total[t]
            sum_6 += total[t]
            sum_24 += total[t]
            if t % 6 == 5:
                square_6 += sum_6 * sum_6
                sum_6 = 0
            if t % 24 == 23:
                square_24 += sum_24 * sum_24
                sum_24 = 0
        used += 1
        if draw < keep:
            kept[draw, 0], kept[draw, 1], kept[draw, 2] = square_1, square_6, square_24
        squares = (square_1, square_6, square_24)
        done = draw + 1 >= keep
        for scale in range(3):
            if at_most[scale] < enough:
                if squares[scale] <= observed[scale]:
                    at_most[scale] += 1
                used_at_stop[scale] = used
            if at_most[scale] < enough:
                done = False
        if done:
            break
    return at_most, used_at_stop, kept[: min(used, keep)]


def clock_test(strand: Strand, *, draws: int, seed: int) -> ClockTest | None:
    """
    Return the clock test of a strand, or None when it has too few calls, accounts or days.

    1. Count calls per account and hour over whole days.
    2. Turn clocks by whole days; count how often the total is as steady as observed, a tenth of its variance taken off.
    3. A p-value per scale, times the number of scales.
    """
    hours, days = hours_of(strand)
    active = len(np.unique(strand.account))
    if len(hours) < FEWEST_CALLS or active < FEWEST_ACCOUNTS or days < FEWEST_DAYS:
        return None
    observed = np.array([_square(hours, scale, days) for scale in SCALES_H], dtype=np.int64)        # 1.
    level = np.array([len(hours) ** 2 / (24 * days // scale) for scale in SCALES_H])
    steady = np.floor((observed - level) / LEAST_RATIO + level).astype(np.int64)
    at_most, used, kept = _rotate(                                                                   # 2.
        hours, strand.account, strand.n_accounts, days, steady, draws, ENOUGH, seed % 2**32, min(DRAWN, draws)
    )
    p = np.where(at_most >= ENOUGH, at_most / used, (at_most + 1) / (used + 1))                      # 3.
    best = int(np.argmin(p))
    ratio = _ratio(hours, strand.account, SCALES_H[best], days)
    return ClockTest(
        p_value=float(min(1.0, len(SCALES_H) * p[best])),
        scale_h=SCALES_H[best],
        variance_ratio=float(ratio(observed[best])),
        null=LEAST_RATIO * np.array([ratio(value) for value in kept[:, best]]),
        draws=int(used.max()),
        calls=len(hours),
    )


def hours_of(strand: Strand) -> tuple[npt.NDArray[np.int64], int]:
    """Return each call's hour since the first midnight (UTC), and the number of days."""
    if not len(strand.at_us):
        return np.zeros(0, dtype=np.int64), 0
    first_day = int(strand.at_us.min()) // (24 * _HOUR_US)
    hours = strand.at_us // _HOUR_US - first_day * 24
    return hours, int(hours.max()) // 24 + 1


def _square(hours: npt.NDArray[np.int64], scale: int, days: int) -> int:
    return int((np.bincount(hours // scale, minlength=24 * days // scale).astype(np.int64) ** 2).sum())


class _ratio:
    """Turns a sum of squares of the total into a variance ratio."""

    def __init__(self, hours: npt.NDArray[np.int64], account: npt.NDArray[np.int32], scale: int, days: int) -> None:
        bins = 24 * days // scale
        cell = account.astype(np.int64) * bins + hours // scale
        own_square = float((np.unique(cell, return_counts=True)[1].astype(np.float64) ** 2).sum())
        per_account = np.bincount(account).astype(np.float64)
        self._bins = bins
        self._mean = len(hours) / bins
        self._members = own_square / bins - float(((per_account / bins) ** 2).sum())

    def __call__(self, square: float) -> float:
        return (square / self._bins - self._mean**2) / max(self._members, 1e-12)
