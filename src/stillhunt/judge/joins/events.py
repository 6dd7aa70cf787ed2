"""
What the set did when something happened: pools that wake after bans, and moves to a new model.

Both are indicators. A burst is one observation however many accounts take part in it, and honest groups move together too:
a company onboards, an app changes its default. The p-values say how unusual the timing is; they decide nothing.

**Failover.** Accounts of the set are banned; others of the set send their first call with the set's rare content within
`WITHIN_US`. The number of such accounts is compared with what the same clock shows after other bans (of accounts outside)
and after outages: each is one draw, so the p-value cannot be below 1 / (1 + others).

**Pivot.** Members that use a new model within a day of its release, against the other users of the same template (or, where
it has too few, of the same client) who called in the days around it: hypergeometric tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

HOUR_US = 3_600_000_000
WITHIN_US = 12 * HOUR_US
SAME_BAN_US = 6 * HOUR_US
"""Bans of a set that lie closer together are one event."""

FEWEST_WAKERS = 3
FEWEST_OTHERS = 9
PIVOT_US = 24 * HOUR_US
FEWEST_PEERS = 30

SMALLEST_P = 1e-6
"""Accounts do not quite decide for themselves: no smaller p-value is claimed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailoverTest:
    """Accounts banned and when (µs), accounts that woke after it, and how many did after each other ban or outage."""

    p_value: float
    banned: int
    at_us: int
    woken: int
    lag_h: float
    null: npt.NDArray[np.float64]
    wakers: npt.NDArray[np.int64]
    events: int


def failover_test(
    first_us: npt.NDArray[np.int64],
    bans_us: npt.NDArray[np.int64],
    banned: npt.NDArray[np.bool_],
    others_us: npt.NDArray[np.int64],
) -> FailoverTest | None:
    """
    Return the event study of a set, or None when nobody was banned, nobody woke, or there is too little to compare with.

    `first_us` (accounts,) is when each account of the set first called in the strand; `banned` marks those banned, at
    `bans_us` (bans,); `others_us` are the moments of bans outside and of outages.

    1. Bans close together are one event, at its first ban; of several events the one with most wakers is looked at.
    2. Count the accounts that woke after it, and after each other event; Bonferroni over the events of the set.
    """
    if not len(bans_us):
        return None
    bans_us = np.sort(bans_us)
    events = bans_us[np.concatenate([[True], np.diff(bans_us) > SAME_BAN_US])]             # 1.
    starts = np.sort(first_us[~banned])
    counts = _woken(starts, events)
    at = int(events[int(np.argmax(counts))])
    woken = int(counts.max())
    others = others_us[np.abs(others_us[:, None] - events[None]).min(axis=1) > WITHIN_US] if len(others_us) else others_us
    if woken < FEWEST_WAKERS or len(others) < FEWEST_OTHERS:
        return None
    null = _woken(starts, others).astype(np.float64)                                       # 2.
    wakers = np.flatnonzero(~banned & (first_us > at) & (first_us <= at + WITHIN_US))
    return FailoverTest(
        p_value=failover_p(woken, null, len(events)),
        banned=int(banned.sum()),
        at_us=at,
        woken=woken,
        lag_h=float((np.median(first_us[wakers]) - at) / HOUR_US),
        null=null,
        wakers=wakers,
        events=len(events),
    )


def failover_p(woken: int, null: npt.NDArray[np.float64], events: int) -> float:
    """Return the p-value of so many wakers after one of the set's events, given those after each other event."""
    return float(min(1.0, events * (1 + int((null >= woken).sum())) / (len(null) + 1)))


def _woken(starts: npt.NDArray[np.int64], events: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many of the starts lie within the time allowed after each event."""
    after: npt.NDArray[np.int64] = np.searchsorted(starts, events + WITHIN_US, side="right")
    return after - np.searchsorted(starts, events, side="right")


@dataclass(frozen=True, kw_only=True, slots=True)
class PivotTest:
    """Members and peers that called around a release, how many of each used the new model within a day, and the tail."""

    p_value: float
    model: str
    members: int
    members_moved: int
    peers: int
    peers_moved: int
    null: npt.NDArray[np.float64]


def pivot_test(
    model: str, members_moved: npt.NDArray[np.bool_], peers_moved: npt.NDArray[np.bool_]
) -> PivotTest | None:
    """
    Return the comparison of members with other users of the same template or client; None with too few of either.

    Both say of each account that called around the release whether it used the new model within a day. `null` is the mass of
    the number of members among those that moved.
    """
    if len(members_moved) < 5 or len(peers_moved) < FEWEST_PEERS:
        return None
    return pivot_of(model, len(members_moved), int(members_moved.sum()), len(peers_moved), int(peers_moved.sum()))


def pivot_of(model: str, members: int, members_moved: int, peers: int, peers_moved: int) -> PivotTest:
    """Return the comparison of what was counted."""
    null = hypergeom.pmf(np.arange(members + 1), members + peers, members_moved + peers_moved, members)
    return PivotTest(
        p_value=float(min(1.0, max(SMALLEST_P, null[members_moved:].sum()))),
        model=model,
        members=members,
        members_moved=members_moved,
        peers=peers,
        peers_moved=peers_moved,
        null=null,
    )
