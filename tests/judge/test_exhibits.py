"""Exhibits are the campaign's own numbers, seen from closer."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import stillhunt
from stillhunt import worlds
from stillhunt.contract import ACCOUNTS
from stillhunt.digest import Key
from stillhunt.judge.operate import NAMES
from stillhunt.model import Campaign, Exhibits, Hunt
from stillhunt.report import campaigns_json
from strategies import SECRET


def shown(campaign: Campaign) -> Exhibits:
    """Return the exhibits of a campaign, which a hunt always makes."""
    assert campaign.exhibits is not None
    return campaign.exhibits


def test_every_account_is_an_exhibit_under_its_tag(small_hunt: Hunt) -> None:
    """Members stand in the same order, with the same calls, under keyed tags; no account id is among the exhibits."""
    for campaign in small_hunt.campaigns:
        exhibits = shown(campaign)
        key = Key(SECRET)
        assert [m.tag for m in exhibits.members] == [key.tag("account", [a], digits=12) for a in campaign.accounts]
        assert [m.n_exchanges for m in exhibits.members] == [m.n_exchanges for m in campaign.members]
        document = json.loads(campaigns_json(small_hunt))["campaigns"]
        mine = json.dumps(next(c["exhibits"] for c in document if c["id"] == campaign.id))
        assert not [a for a in campaign.accounts if a in mine]


def test_strands_add_up_to_the_campaign(small_hunt: Hunt) -> None:
    """Calls and accounts of the strands are those of the profile; no day has more accounts than the strand."""
    for campaign in small_hunt.campaigns:
        strands = shown(campaign).strands
        assert sum(s.calls for s in strands) == campaign.profile.n_exchanges
        assert sum(s.accounts for s in strands) == campaign.profile.n_accounts
        for strand in strands:
            assert sum(strand.hours) == strand.calls
            assert 0 < max(strand.active_per_day.values()) <= strand.accounts
            assert 0 <= strand.pairs_sharing <= strand.pairs == strand.accounts * (strand.accounts - 1) // 2


def test_figures_are_those_of_the_campaign(small_hunt: Hunt) -> None:
    """The figures, which recipes compute again, are the unrounded numbers of the evidence."""
    for campaign in small_hunt.campaigns:
        figures = shown(campaign).figures
        assert figures["linkage.log10"] == campaign.linkage_log10
        assert figures["key2.p_value"] == campaign.p_value
        assert figures["key2.q_value"] == campaign.q_value
        groups = sum(v for k, v in figures.items() if k.startswith("linkage.group."))
        assert groups - figures["linkage.price_log10"] == pytest.approx(campaign.linkage_log10)
        of_strands = [e for e in campaign.evidence if e.test.partition(", strand ")[0] in NAMES.values()]
        p_values = [e.p_value for e in of_strands if e.p_value is not None]
        tests = [v for k, v in figures.items() if k.endswith(".p_value") and k.count(".") == 3]
        assert sorted(tests) == sorted(p_values)


def test_without_a_group_the_rest_of_the_bet_stands(small_hunt: Hunt) -> None:
    """A group taken away leaves the sum of the others; an account that hangs on a group is not counted without it."""
    for campaign in small_hunt.campaigns:
        exhibits = shown(campaign)
        assert min(w.linkage_log10 for w in exhibits.without) == pytest.approx(
            exhibits.figures["linkage.without_strongest_log10"]
        )
        for without in exhibits.without:
            hanging = sum(without.group in m.hangs_on for m in exhibits.members)
            assert without.accounts == len(exhibits.members) - hanging


def test_shared_values_are_the_rare_ones(small_hunt: Hunt) -> None:
    """Every value shown is held by several of the set, and more often in the set than in the log."""
    for campaign in small_hunt.campaigns:
        owners = shown(campaign).figures["owners"]
        assert shown(campaign).shared
        for value in shown(campaign).shared:
            assert 2 <= value.inside <= owners
            assert value.inside / owners > (value.inside + value.outside) / small_hunt.n_owners


def test_matched_accounts_are_many_and_honest(small_hunt: Hunt) -> None:
    """Each campaign has a contrast, with accounts beside it that are at most five times as many."""
    for campaign in small_hunt.campaigns:
        assert {c.measure for c in shown(campaign).contrasts} >= {"focus", "no return", "hunger"}
        for contrast in shown(campaign).contrasts:
            assert 8 <= contrast.matched_accounts <= 5 * len(campaign.members)
            assert 0 <= contrast.low <= contrast.superiority <= contrast.high <= 1


def test_licensed_accounts_are_nobodys_match(small_world: worlds.World) -> None:
    """Where everybody outside holds a licence, nobody is matched and no contrast is shown."""
    accused = {row["account_id"] for row in small_world.truth.to_pylist() if row["campaign_id"] is not None}
    rows = small_world.accounts.to_pylist()
    for row in rows:
        row["licence"] = None if row["account_id"] in accused else "reseller"
    table = small_world.accounts.from_pylist(rows, schema=ACCOUNTS)
    found = stillhunt.hunt(small_world.exchanges, table, small_world.events, key=SECRET, threads=1)
    for campaign in found.campaigns:
        assert shown(campaign).contrasts == ()


def test_bans_of_members_are_events(small_world: worlds.World, small_hunt: Hunt) -> None:
    """A ban of a member inside the campaign's days is shown under the member's tag, with the calls of the days around it."""
    campaign = small_hunt.campaigns[0]
    victim = campaign.accounts[0]
    at = campaign.profile.first_seen + (campaign.profile.last_seen - campaign.profile.first_seen) / 2
    rows = [*small_world.events.to_pylist(), {"at": at, "kind": "ban", "subject": victim}]
    events = small_world.events.from_pylist(rows, schema=small_world.events.schema)
    found = stillhunt.hunt(small_world.exchanges, small_world.accounts, events, key=SECRET, threads=1)
    again = next(c for c in found.campaigns if c.id == campaign.id)
    ban = next(e for e in shown(again).events if e.kind == "ban")
    assert ban.subject == shown(again).members[0].tag
    assert ban.calls_before > 0
    assert ban.calls_after > 0
    first = [m.first_seen for m in shown(again).members]
    assert ban.entered == sum(ban.at <= at < ban.at + timedelta(days=1) for at in first)
    assert ban.entered_before == sum(ban.at - timedelta(days=1) <= at < ban.at for at in first)
