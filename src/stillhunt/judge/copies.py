"""
Key 2e, simultaneous copies: one prompt leaves several accounts in the same minute, hour after hour.

Who draws several answers to a prompt sends it through several hands at once. People who work from one sheet send the same
prompts too, but each when they come to it. For every prompt that several accounts of the set sent, and that nobody outside is
known to send, take two of those accounts at random: were they within a minute of each other? An hour of the log counts as
one trial, a success when most of its prompts were, because what happens within an hour may have one cause (a lesson, a
deadline). H0: in at most `LARGEST_SHARE` of the hours; exact binomial test.

Prompts that one account sent on several days (a health check, a nightly job) are left out: clocks on the hour would make them
coincide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from stillhunt.judge.strands import Strand

WINDOW_S = 60
LARGEST_SHARE = 0.25
"""The share of hours in which people who share a sheet are allowed to send most of its prompts within a minute of each other."""

FEWEST_ACCOUNTS = 5
FEWEST_HOURS = 16
SMALLEST_P = 1e-6
"""Hours are not quite independent of each other: no smaller p-value is claimed."""

_S_US = 1_000_000
_HOUR_US = 3_600 * _S_US
_DAY_US = 24 * _HOUR_US


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiesTest:
    """The test: hours looked at, hours in which most prompts left two accounts within a minute, and the prompts compared."""

    p_value: float
    hours: int
    simultaneous: int
    prompts: int
    within: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """What the test counts: of each prompt compared, the hour of the earlier of two calls, and whether they were close."""

    hour: npt.NDArray[np.int64]
    close: npt.NDArray[np.bool_]


def copies_test(
    strand: Strand, serves: npt.NDArray[np.bool_], known_elsewhere: npt.NDArray[np.uint64], *, seed: int
) -> CopiesTest | None:
    """
    Return the test of a strand, or None when too few prompts are shared or in too few hours.

    `serves` marks the calls whose prompts linking did not use; `known_elsewhere` are prompts that others send.
    """
    pairs = copied_pairs(strand, serves, known_elsewhere, seed=seed)
    return None if pairs is None else copies_of(pairs)


def copied_pairs(
    strand: Strand, serves: npt.NDArray[np.bool_], known_elsewhere: npt.NDArray[np.uint64], *, seed: int
) -> Pairs | None:
    """
    Return the pairs that the test counts, or None when too few accounts are in them.

    1. Keep the first call of each account with each prompt; drop prompts that an account sent on several days.
    2. Of each prompt that several accounts sent, take two accounts at random.
    3. Say of each pair in which hour it was, by the earlier call, and whether it was within a minute.
    """
    use = serves & (strand.fill != 0) & ~np.isin(strand.fill, known_elsewhere)
    if not use.any():
        return None
    account, fill, at = strand.account[use].astype(np.int64), strand.fill[use], strand.at_us[use]
    order = np.lexsort((at, account, fill))                                                          # 1.
    account, fill, at = account[order], fill[order], at[order]
    new = np.ones(len(fill), dtype=bool)
    new[1:] = (fill[1:] != fill[:-1]) | (account[1:] != account[:-1])
    begins = np.flatnonzero(new)
    ends = np.append(begins[1:], len(fill)) - 1
    daily = np.unique(fill[begins][at[ends] // _DAY_US != at[begins] // _DAY_US])
    account, fill, at = account[begins], fill[begins], at[begins]
    kept = ~np.isin(fill, daily)
    account, fill, at = account[kept], fill[kept], at[kept]
    draw = np.random.default_rng([seed, 6]).random(len(fill))                                        # 2.
    order = np.lexsort((draw, fill))
    account, fill, at = account[order], fill[order], at[order]
    first = np.flatnonzero(np.diff(fill, prepend=np.uint64(0)) != 0)
    several = np.diff(np.append(first, len(fill))) >= 2
    first = first[several]
    if len(np.unique(np.concatenate([account[first], account[first + 1]]))) < FEWEST_ACCOUNTS:
        return None
    within = np.abs(at[first + 1] - at[first]) <= WINDOW_S * _S_US                                   # 3.
    return Pairs(hour=np.minimum(at[first], at[first + 1]) // _HOUR_US, close=within)


def copies_of(pairs: Pairs) -> CopiesTest | None:
    """Count the hours in which most pairs are close and return the test, or None when there are too few hours."""
    _, hour, count = np.unique(pairs.hour, return_inverse=True, return_counts=True)
    close = np.bincount(hour, weights=pairs.close, minlength=len(count))
    if len(count) < FEWEST_HOURS:
        return None
    simultaneous = int((2 * close > count).sum())
    p = float(binom.sf(simultaneous - 1, len(count), LARGEST_SHARE))
    return CopiesTest(
        p_value=max(SMALLEST_P, p),
        hours=len(count),
        simultaneous=simultaneous,
        prompts=len(pairs.hour),
        within=int(pairs.close.sum()),
    )
