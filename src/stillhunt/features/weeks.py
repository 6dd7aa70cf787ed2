"""Schedules of sets that are linked and not accused: what a later campaign's schedule is compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.model import LinkedSet

HOURS = 168
FEWEST_CALLS = 100
"""Fewer calls over the hours of a week say nothing about a schedule."""

_HOUR_US = 3_600_000_000
_FROM_MONDAY = 72
"""Hours from Monday to the Thursday with which 1970 began."""


def with_weeks(engine: Engine, linked: tuple[LinkedSet, ...]) -> tuple[LinkedSet, ...]:
    """Return sets with the calls of all of their accounts by hour of the week (UTC, from Monday), where they have enough."""
    enough = {number: one for number, one in enumerate(linked) if one.n_exchanges >= FEWEST_CALLS}
    if not enough:
        return linked
    engine.register(
        "account_of_set",
        pa.table(
            {
                "number": pa.array([n for n, one in enough.items() for _ in one.account_ids], pa.int64()),
                "account_id": pa.array([a for one in enough.values() for a in one.account_ids], pa.string()),
            }
        ),
    )
    rows = engine.fetch(
        f"SELECT number, (epoch_us(started_at) // {_HOUR_US} + {_FROM_MONDAY}) % {HOURS} AS hour, count(*) AS n"
        " FROM distinct_call JOIN account_of_set USING (account_id) WHERE started_at IS NOT NULL GROUP BY 1, 2"
    )
    weeks = np.zeros((len(linked), HOURS), dtype=np.int64)
    weeks[rows.column("number").to_numpy(), rows.column("hour").to_numpy()] = rows.column("n").to_numpy()
    return tuple(
        replace(one, week=tuple(weeks[n].tolist())) if weeks[n].sum() >= FEWEST_CALLS else one for n, one in enumerate(linked)
    )
