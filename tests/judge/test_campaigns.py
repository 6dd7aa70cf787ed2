"""What a judged hunt says: every accusation with its evidence, everybody else with the reason."""

from __future__ import annotations

from collections import Counter

import pytest

import stillhunt
from stillhunt import worlds
from stillhunt.judge.operate import NAMES, WEIGHTS
from stillhunt.model import Hunt
from strategies import SECRET


def test_campaigns_are_reported_below_the_level(small_hunt: Hunt) -> None:
    """Campaigns are there, and none has an adjusted p-value above what the level leaves after key 1."""
    assert len(small_hunt.campaigns) >= 2
    for campaign in small_hunt.campaigns:
        assert campaign.p_value <= campaign.q_value <= 0.05 - 0.01
        assert campaign.linkage_log10 >= 2
        assert campaign.declared_customers >= 4


def test_nobody_is_in_two_sets(small_hunt: Hunt) -> None:
    """No account is in two campaigns, or in a campaign and in a list of those not accused."""
    accused = [account for campaign in small_hunt.campaigns for account in campaign.accounts]
    listed = [account for one in small_hunt.linked for account in one.account_ids]
    assert accused
    assert listed
    assert Counter(accused + listed).most_common(1)[0][1] == 1


def test_every_key_has_its_evidence(small_hunt: Hunt) -> None:
    """Each campaign shows evidence of linkage by two witnesses, of operation, and of concealment."""
    for campaign in small_hunt.campaigns:
        kinds = Counter(item.kind for item in campaign.evidence)
        assert kinds["linkage"] >= 3
        assert kinds["operation"] >= 1
        assert kinds["concealment"] == 1
        weight = {name: WEIGHTS[test] for test, name in NAMES.items()}
        tests = [(e.p_value, e.test.split(", strand")[0]) for e in campaign.evidence]
        priced = [p / weight[test] for p, test in tests if p is not None and test in weight]
        assert campaign.p_value == pytest.approx(min(1.0, min(priced)))
        for item in campaign.evidence:
            if item.null is not None:
                assert len(item.null.edges) == len(item.null.counts) + 1
                assert item.null.edges[0] <= item.null.observed <= item.null.edges[-1]


def test_evidence_points_to_calls_of_members(small_hunt: Hunt, small_world: worlds.World) -> None:
    """The exchanges that evidence points to exist and are of accounts of the campaign."""
    ids = small_world.exchanges.column("exchange_id").to_pylist()
    sender = dict(zip(ids, small_world.exchanges.column("account_id").to_pylist(), strict=True))
    for campaign in small_hunt.campaigns:
        pointed = [name for item in campaign.evidence for name in item.exchange_ids]
        assert pointed
        assert {sender[name] for name in pointed} <= set(campaign.accounts)


def test_members_add_up_to_the_profile(small_hunt: Hunt, small_world: worlds.World) -> None:
    """Calls of members, in the strand and beside it, are those of the log; the profile counts the strand."""
    sent = Counter(small_world.exchanges.column("account_id").to_pylist())
    for campaign in small_hunt.campaigns:
        assert sum(m.n_exchanges for m in campaign.members) == campaign.profile.n_exchanges
        assert len(campaign.members) == campaign.profile.n_accounts
        for member in campaign.members:
            assert member.n_exchanges + member.n_other == sent[member.account_id]
            assert member.n_exchanges > 0
            assert 0.9 < member.confidence <= 1
        order = [m.e_value_log10 for m in campaign.members]
        assert order == sorted(order, reverse=True)


def test_links_join_members_by_what_they_share(small_hunt: Hunt) -> None:
    """Links drawn are between two members, strongest first, and name the groups of traits shared."""
    for campaign in small_hunt.campaigns:
        assert campaign.links
        for link in campaign.links:
            assert {link.a, link.b} <= set(campaign.accounts) and link.a != link.b
            assert link.groups
        surprise = [link.surprise for link in campaign.links]
        assert surprise == sorted(surprise, reverse=True)


def test_innocent_explanations_are_tried(small_hunt: Hunt) -> None:
    """Each campaign answers at least six innocent explanations, each with what it predicts and what was seen."""
    for campaign in small_hunt.campaigns:
        assert len({a.explanation for a in campaign.alternatives}) == len(campaign.alternatives) >= 6
        assert {a.verdict for a in campaign.alternatives} <= {"ruled out", "unlikely", "open"}
        assert all(a.predicts and a.seen for a in campaign.alternatives)


def test_those_not_accused_have_a_reason(small_hunt: Hunt) -> None:
    """Each linked set that is not a campaign says which key it did not pass, in keeping with its numbers."""
    seen = Counter(one.list_name for one in small_hunt.linked)
    assert {"honest group", "one customer, many accounts", "licensed", "not examined"} >= set(seen)
    assert seen["licensed"]
    for one in small_hunt.linked:
        assert one.reason.endswith(".")
        assert (one.p_value is not None) == (one.list_name == "honest group")
        if one.list_name == "one customer, many accounts":
            assert one.declared_customers is not None and one.declared_customers < 4


def test_a_licence_protects(small_world: worlds.World, small_hunt: Hunt) -> None:
    """Accounts with a licence are listed as licensed and never accused."""
    records = small_world.accounts.to_pylist()
    callers = set(small_world.exchanges.column("account_id").to_pylist())
    licensed = {r["account_id"] for r in records if r["licence"]} & callers
    assert licensed
    listed = {a for one in small_hunt.linked if one.list_name == "licensed" for a in one.account_ids}
    assert listed == licensed
    assert not listed & {a for c in small_hunt.campaigns for a in c.accounts}


def test_without_identity_nobody_is_accused(small_world: worlds.World) -> None:
    """Without cards and mail domains key 3 is missing: linked sets are not examined, and the hunt says what it wants."""
    bare = small_world.accounts.drop_columns(["payment_fingerprint", "email_domain"])
    found = stillhunt.hunt(small_world.exchanges, bare, key=SECRET, threads=1)
    assert found.campaigns == ()
    assert "not examined" in {one.list_name for one in found.linked}
    assert any("accounts.payment_fingerprint" in u.wants and "key 3" in u.what for u in found.unavailable)
