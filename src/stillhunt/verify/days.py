"""What is said of the days of a hunt: which had been fixed before it, when, and which had not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from stillhunt.seal.days import Before, Fixing


def said_of_days(before: Before, calls: Mapping[int, int], stamps: Sequence[tuple[int, datetime]]) -> str:
    """
    Return in words how the days of a hunt stood before it.

    `calls` are the calls counted, by day since 1970; `stamps` the times that authorities attest, with the places of their lines.
    """
    n = len(before.same) + len(before.other) + len(before.never)
    mine = sum(calls.get(_number(one.day), 0) for one in before.same)
    said = [f"{len(before.same):,} of {n:,} days of the log, with {mine:,} of {sum(calls.values()):,} calls counted, were fixed"]
    said[0] += " before this hunt with the records that it used"
    if before.same:
        last = max(one.time for one in before.same)
        said.append(f"each at most {_lag(before.same)} after it ended, the last on {last:%Y-%m-%d %H:%MZ}")
        attested = [min(at for seq, at in stamps if seq > f.seq) for f in before.same if any(seq > f.seq for seq, _ in stamps)]
        if attested:
            said.append(f"{len(attested):,} of them attested by a third party, by {max(attested):%Y-%m-%d %H:%MZ}")
    if before.other:
        said.append(f"fixed before with other records: {spans([one.day for one in before.other])}")
    if before.never:
        said.append(f"not fixed before: {spans(before.never)}")
    return "; ".join(said)


def spans(names: Sequence[str]) -> str:
    """Return days (ISO) in words, those that follow each other as from … to …."""
    runs: list[list[int]] = []
    for number in sorted(map(_number, names)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(_iso(a) if a == b else f"{_iso(a)} to {_iso(b)}" for a, b in runs)


def _lag(fixings: Sequence[Fixing]) -> str:
    """Return how long after the end of a day it was fixed, at most."""
    lags = (one.time - datetime.fromisoformat(one.day).replace(tzinfo=UTC) - timedelta(days=1) for one in fixings)
    hours = max(lags).total_seconds() / 3600
    return f"{hours / 24:,.0f} days" if hours >= 48 else f"{max(1.0, hours):.0f} h"


def _number(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def _iso(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
