"""The claim of a whole run: without campaigns hardly anything is reported; with campaigns most of them are."""

from __future__ import annotations

import pytest
from chance import not_more_often

import stillhunt
from stillhunt import worlds
from stillhunt.model import Hunt
from strategies import SECRET

LEVEL = 0.05


def hunted(world: worlds.World) -> Hunt:
    """Return what a hunt finds in a world."""
    return stillhunt.hunt(world.exchanges, world.accounts, world.events, key=SECRET, threads=1, level=LEVEL)


@pytest.mark.slow
def test_honest_worlds_give_reports_at_the_level_at_most() -> None:
    """Of worlds with every look-alike and no campaign those with any report are no more than the level allows."""
    seeds = range(100, 105)
    reporting = [seed for seed in seeds if hunted(worlds.make("small_null", seed)).campaigns]
    assert not_more_often(len(reporting), len(seeds), LEVEL), f"worlds with a report: {reporting}"


@pytest.mark.slow
def test_most_campaigns_are_found() -> None:
    """Of campaigns of 25 accounts and more, most come back with most of their accounts, nearly pure."""
    found, planted, honest, accused = 0, 0, 0, 0
    for seed in range(1, 5):
        world = worlds.make("small", seed)
        truth = {row["account_id"]: row["campaign_id"] for row in world.truth.to_pylist()}
        sets = [set(campaign.accounts) for campaign in hunted(world).campaigns]
        accused += sum(map(len, sets))
        honest += sum(truth[account] is None for one in sets for account in one)
        for name in set(truth.values()) - {None}:
            members = {account for account, campaign in truth.items() if campaign == name}
            if len(members) >= 25:
                planted += 1
                found += any(len(one & members) >= 0.5 * max(len(members), len(one)) for one in sets)
    assert planted >= 8
    assert found >= 0.6 * planted
    assert honest <= 0.05 * accused
