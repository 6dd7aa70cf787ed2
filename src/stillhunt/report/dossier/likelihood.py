"""
How much more likely something is under one hypothesis than otherwise, where that can be computed at all.

From counts (seen in k1 of n1 cases like the hypothesis, in k0 of n0 others):

    LR = ((k1 + ½) / (n1 + 1)) / ((k0 + ½) / (n0 + 1)),   with the log-normal interval of D. Katz et al.
         ("Obtaining confidence intervals for the risk ratio in cohort studies", Biometrics 34 (1978)) on these counts

From a chance level b alone (how often it would be seen if unrelated): the ratio is at most 1 / b, since no probability
exceeds one. Ratios of different observations are never multiplied: nobody knows how they depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from stillhunt.model import Campaign

Z95 = 1.959963984540054


def ratio(if_true: Sequence[int], otherwise: Sequence[int]) -> tuple[float, float, float]:
    """Return the likelihood ratio of an observation and its 95 % interval, from two pairs (seen, of how many)."""
    (k1, n1), (k0, n0) = if_true, otherwise
    a, b = k1 + 0.5, k0 + 0.5
    found = (a / (n1 + 1)) / (b / (n0 + 1))
    spread = Z95 * float(np.sqrt(max(1 / a - 1 / (n1 + 1), 0.0) + max(1 / b - 1 / (n0 + 1), 0.0)))
    return found, found * float(np.exp(-spread)), found * float(np.exp(spread))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseTiming:
    """One lab's releases in the window after a campaign, and how often any window of that length has one."""

    lab: str
    releases: int
    in_window: int
    base_rate: float


def release_timing(
    releases: Sequence[tuple[str, date]], watched: tuple[date, date], window: tuple[date, date]
) -> tuple[tuple[ReleaseTiming, ...], float, int]:
    """
    Return each lab's timing, the base rate of any lab at all, and the number of windows the rates are over.

    A base rate is the share of all windows as long as `window`, day by day inside the days that are watched, in which at
    least one release falls.
    """
    length = (window[1] - window[0]).days
    starts = range(max((watched[1] - watched[0]).days - length + 1, 0))
    windows = [(watched[0] + timedelta(days=s), watched[0] + timedelta(days=s + length)) for s in starts]

    def rate(days: Sequence[date]) -> float:
        hit = sum(any(a <= d <= b for d in days) for a, b in windows)
        return hit / len(windows) if windows else float("nan")

    by_lab: dict[str, list[date]] = {}
    for lab, at in releases:
        by_lab.setdefault(lab, []).append(at)
    timing = tuple(
        ReleaseTiming(
            lab=lab,
            releases=len(days),
            in_window=sum(window[0] <= d <= window[1] for d in days),
            base_rate=rate(days),
        )
        for lab, days in sorted(by_lab.items())
    )
    return timing, rate([d for _, d in releases]), len(windows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resemblance:
    """
    What two campaigns share in one group of traits, with the chance that an unrelated set shares as much.

    `chance` is Σ p_v over the earlier campaign's values that are at most as likely to be met as the least likely one shared,
    with p_v = 1 - (1 - (o_v + 1) / (n + 1))^s, o_v other owners among n, s owners here: a union bound, valid however the
    values depend on each other.
    """

    group: str
    values: int
    shared: int
    chance: float


def resemblance(past: Campaign, n_owners: int, now: Campaign) -> tuple[Resemblance, ...]:
    """Return the resemblance of a campaign to an earlier one, group by group."""
    if past.exhibits is None or now.exhibits is None:
        return ()
    here = {v.tag for v in now.exhibits.shared}
    values = [(v.group, v.outside, v.tag in here) for v in past.exhibits.shared]
    return resembling(values, n_owners, int(now.exhibits.figures["owners"]))


def resembling(values: Sequence[tuple[str, int, bool]], n_owners: int, size: int) -> tuple[Resemblance, ...]:
    """Return what `size` owners share with an earlier campaign; of each value: group, owners outside, found here."""
    out = []
    for group in dict.fromkeys(group for group, _, _ in values):
        met = [(1 - (1 - min(1.0, (n + 1) / (n_owners + 1))) ** size, here) for of, n, here in values if of == group]
        shared = [p for p, here in met if here]
        least = min(shared, default=1.0)
        chance = min(1.0, sum(p for p, _ in met if p <= least)) if shared else 1.0
        out.append(Resemblance(group=group, values=len(met), shared=len(shared), chance=chance))
    return tuple(out)
