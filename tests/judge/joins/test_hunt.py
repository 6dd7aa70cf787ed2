"""The joins in a whole hunt: campaigns that share nothing else are linked by them, and honest hand-overs accuse nobody."""

from __future__ import annotations

from collections import Counter

import pytest

import stillhunt
from stillhunt import worlds
from stillhunt.judge.operate import NAMES
from stillhunt.model import Campaign, Hunt
from stillhunt.worlds.joined import KINDS, UNSHARED
from strategies import SECRET


@pytest.fixture(scope="module")
def world() -> worlds.World:
    """A world of joins."""
    return worlds.make("joins", 2)


@pytest.fixture(scope="module")
def hunt(world: worlds.World) -> Hunt:
    """What a hunt finds in it."""
    return stillhunt.hunt(world.exchanges, world.accounts, world.events, key=SECRET, threads=1)


def kind_of(campaign: Campaign, world: worlds.World) -> str:
    """Return the cohort that most accounts of a campaign are of."""
    cohort = dict(zip(world.truth["account_id"].to_pylist(), world.truth["cohort"].to_pylist(), strict=True))
    return Counter(cohort[a] for a in campaign.accounts).most_common(1)[0][0]


def test_nobody_honest_is_accused(hunt: Hunt, world: worlds.World) -> None:
    """Teams with a shared store, companies that moved here and people with spare accounts are in no campaign."""
    honest = set(world.truth.filter(world.truth["campaign_id"].is_null())["account_id"].to_pylist())
    assert hunt.campaigns
    assert [a for c in hunt.campaigns for a in c.accounts if a in honest] == []


def test_what_is_handed_on_links_campaigns_that_share_nothing_else(hunt: Hunt, world: worlds.World) -> None:
    """A campaign with a card, an address and a client for each account is found, and its links name what was handed on."""
    found = {kind_of(c, world): c for c in hunt.campaigns}
    mine = [found[kind] for kind in UNSHARED if kind in found]
    assert mine
    for campaign in mine:
        groups = Counter(g for link in campaign.links for g in link.groups)
        assert groups["reasoning"] + groups["answers"] > len(campaign.members)


def test_each_kind_shows_its_join(hunt: Hunt, world: worlds.World) -> None:
    """Each kind of campaign that is found has the evidence it was planted with, clear and pointing to its calls."""
    planted = {
        "replay_ring": NAMES["replay"],
        "feedback_chain": NAMES["feedback"],
        "takeover_pool": NAMES["takeover"],
        "stored_sessions": "histories this provider never served",
        "technique_search": "technique search",
    }
    assert set(planted) == set(KINDS)
    sender = dict(zip(world.exchanges["exchange_id"].to_pylist(), world.exchanges["account_id"].to_pylist(), strict=True))
    for campaign in hunt.campaigns:
        (item, *_) = [e for e in campaign.evidence if e.test.startswith(planted[kind_of(campaign, world)])]
        assert item.p_value is not None and item.p_value <= 0.01
        assert item.null is not None and item.exchange_ids
        assert {sender[i] for i in item.exchange_ids} <= set(campaign.accounts)


def test_indicators_decide_nothing(hunt: Hunt) -> None:
    """No campaign's p-value comes from an indicator, and each join that ran has its innocent explanations beside it."""
    for campaign in hunt.campaigns:
        tests = {item.test for item in campaign.evidence if item.kind == "operation"}
        assert tests & {name for t in tests for name in NAMES.values() if t.startswith(name)}
        explained = " ".join(a.explanation for a in campaign.alternatives)
        if any(item.test.startswith(NAMES["replay"]) for item in campaign.evidence):
            assert "one store" in explained and "customers' own keys" in explained
        if any(item.test.startswith(NAMES["takeover"]) for item in campaign.evidence):
            assert "second account" in explained


def test_without_the_columns_the_joins_are_unavailable(world: worlds.World) -> None:
    """A log without answers, histories and reasoning says which joins did not run and what they want."""
    columns = ["completion", "history", "reasoning_issued", "reasoning_presented", "refusal_category", "finish_reason", "status"]
    bare = stillhunt.hunt(world.exchanges.drop_columns(columns), world.accounts, key=SECRET, threads=1, draws=199)
    lost = {u.what: u.wants for u in bare.unavailable}
    for name in ("replay", "feedback", "takeover"):
        assert lost[f"test: {NAMES[name].split(' (')[0]}"]
    assert lost["test: histories this provider never served"] == ("history", "completion")
    assert lost["test: move to a new model"] == lost["test: accounts that wake after a ban"] == ("events",)
    for campaign in bare.campaigns:
        assert not any(e.test.startswith((NAMES["replay"], NAMES["feedback"], NAMES["takeover"])) for e in campaign.evidence)
