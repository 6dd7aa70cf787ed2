"""What stands beside the tests in a replay bundle: effect sizes, indicators, and what the set did around events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from stillhunt.judge.joins.unserved import MOST_EACH
from stillhunt.judge.scalars import Corroborated
from stillhunt.model import Contrast, PoolEvent
from stillhunt.seal.bundle import Table, suppressed
from stillhunt.seal.canonical import Json

FIGURES = 3
"""Significant digits of what an account measures; ranks are exact."""

AROUND_H = 24
_HOUR_US = 3_600_000_000


def contrast_tables(
    contrasts: Sequence[Contrast],
    campaign: Mapping[str, npt.NDArray[np.float64]],
    matched: Mapping[str, npt.NDArray[np.float64]],
) -> dict[str, Table]:
    """
    Return a table for each effect size: whose account, rounded values, and exact ties, from the smallest value on.

    Each measure is sorted for itself, so that what one account has in two measures cannot be put together.
    """
    tables: dict[str, Table] = {}
    for number, one in enumerate(contrasts, 1):
        ours, theirs = (values[one.measure][np.isfinite(values[one.measure])] for values in (campaign, matched))
        value = np.concatenate([ours, theirs])
        mine = np.arange(len(value)) < len(ours)
        tie = rankdata(value, method="dense").astype(np.int32)
        order = np.lexsort((mine, tie))
        tables[f"contrast-{number}"] = {"campaign": mine[order], "tie": tie[order], "value": _rounded(value[order])}
    return tables


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.array([float(f"{v:.{FIGURES}g}") for v in values.tolist()], dtype=np.float64)


def indicator_tables(found: Corroborated) -> tuple[dict[str, Table], dict[str, Json]]:
    """Return the tables of the indicators, and what is said of them beside."""
    tables: dict[str, Table] = {}
    about: dict[str, Json] = {}
    if found.pivots:
        count = {name: [getattr(p, name) for p in found.pivots] for name in ("members", "members_moved", "peers", "peers_moved")}
        tables["pivots"] = {name: np.array(n, dtype=np.int64) for name, n in count.items()}
        tables["pivots"] = {**tables["pivots"], "peers_moved": suppressed(np.array(count["peers_moved"], dtype=np.int64))}
    if found.failover is not None:
        test = found.failover
        tables["failover"] = {"woken": test.null.astype(np.int32)}
        about["failover"] = {"banned": test.banned, "events": test.events, "lag_h": test.lag_h, "woken": test.woken}
    if found.unserved is not None:
        counts = found.unserved.counts
        tables["histories"] = {
            "expected": counts.expected, "turns": counts.turns.astype(np.int32), "unserved": counts.unserved.astype(np.int32),
        }  # fmt: skip
        tables["histories-outside"] = {
            "excess": np.round(counts.excess, 4), "turns": np.minimum(counts.others, MOST_EACH).astype(np.int32),
        }  # fmt: skip
    if found.search is not None:
        category = np.full(len(found.search.form), -1, dtype=np.int32)
        category[found.search.refused] = np.unique(np.array(found.search.categories), return_inverse=True)[1]
        tables["search"] = {"category": category, "form": found.search.form.astype(np.int32), "refused": found.search.refused}
    return tables, about


def event_tables(
    events: Sequence[PoolEvent], at_us: npt.NDArray[np.int64], first_us: npt.NDArray[np.int64]
) -> dict[str, Table]:
    """
    Return, for each event shown, in which hour (since 1970) it was, whether it is a ban, whose (numbered by first mention), and
    the set's calls and first calls by whole hours before and after it: (events, 48).
    """
    if not events:
        return {}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    when = [int((e.at - epoch).total_seconds() * 1_000_000 + 0.5) for e in events]
    subjects = list(dict.fromkeys(e.subject for e in events))
    return {
        "events": {
            "ban": np.array([e.kind == "ban" for e in events]),
            "calls": np.stack([_hours(at_us, w) for w in when]),
            "hour": np.array([w // _HOUR_US for w in when], dtype=np.int32),
            "subject": np.array([subjects.index(e.subject) for e in events], dtype=np.int32),
            "entered": np.stack([_hours(first_us, w) for w in when]),
        }
    }


def _hours(at_us: npt.NDArray[np.int64], when: int) -> npt.NDArray[np.int32]:
    hour = (at_us - when) // _HOUR_US + AROUND_H
    inside = hour[(hour >= 0) & (hour < 2 * AROUND_H)]
    return np.bincount(inside, minlength=2 * AROUND_H).astype(np.int32)
