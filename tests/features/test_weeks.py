"""Schedules of linked sets are their calls by hour of the week, and those of few calls are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stillhunt import worlds
from stillhunt.features.weeks import FEWEST_CALLS
from stillhunt.model import Hunt


def test_weeks_are_the_calls_of_the_sets(small_hunt: Hunt, small_world: worlds.World) -> None:
    """Every set with enough calls has each of them in its hour, counted once more from the log; the others have none."""
    at: dict[str, list[datetime]] = {}
    rows = small_world.exchanges.select(["account_id", "started_at"]).to_pylist()
    for row in rows:
        at.setdefault(row["account_id"], []).append(row["started_at"])
    known = [one for one in small_hunt.linked if one.week]
    assert len(known) >= 5
    for one in small_hunt.linked:
        mine = [moment for account in one.account_ids for moment in at[account]]
        week = [0] * 168
        for moment in mine:
            week[moment.weekday() * 24 + moment.hour] += 1
        assert one.week == (tuple(week) if len(mine) >= FEWEST_CALLS else ())
    campaign = small_hunt.campaigns[0]
    assert campaign.exhibits is not None
    assert sum(campaign.exhibits.week) == campaign.profile.n_exchanges
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    assert (monday - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1) % 168 == 168 - 72
