"""Worlds of hand-overs: what is planted is there, in campaigns and among the honest who look like them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillhunt import worlds
from stillhunt.worlds.joined import KINDS, UNSHARED
from stillhunt.worlds.worlds import HANDING


@pytest.fixture(scope="module")
def world() -> worlds.World:
    """A world of joins."""
    return worlds.make("joins", 7)


@pytest.fixture(scope="module")
def cohort(world: worlds.World) -> dict[str, str]:
    """What each account is."""
    return dict(zip(world.truth["account_id"].to_pylist(), world.truth["cohort"].to_pylist(), strict=True))


def test_every_kind_is_there(world: worlds.World, cohort: dict[str, str]) -> None:
    """Each kind of campaign and of honest look-alike is in the world; the null world has the honest ones only."""
    assert {*KINDS, *HANDING} <= set(cohort.values())
    null = worlds.make("joins_null", 7, 0.5)
    assert set(HANDING) <= set(null.truth["cohort"].to_pylist())
    assert not set(KINDS) & set(null.truth["cohort"].to_pylist())


def test_blocks_change_hands(world: worlds.World, cohort: dict[str, str]) -> None:
    """Reasoning blocks of one account are presented by another in rings and in stores, there within teams of five."""
    rows = world.exchanges.select(["account_id", "reasoning_issued", "reasoning_presented"]).to_pylist()
    issued = {block: r["account_id"] for r in rows for block in r["reasoning_issued"] or ()}
    pairs = [(issued[b], r["account_id"]) for r in rows for b in r["reasoning_presented"] or () if b in issued]
    for kind, partners in (("replay_ring", 30), ("transcript_store", 4)):
        mine = [(g, t) for g, t in pairs if g != t and cohort[g] == cohort[t] == kind]
        givers = {t: {g for g, of in mine if of == t} for _, t in mine}
        assert len(mine) > 100
        assert max(len(g) for g in givers.values()) <= partners
    ring = [len({g for g, of in pairs if of == t and g != t}) for t, kind in cohort.items() if kind == "replay_ring"]
    assert np.mean(ring) > 5


def test_failed_prompts_are_sent_again_by_others(world: worlds.World, cohort: dict[str, str]) -> None:
    """Prompts that were limited or blocked are sent by another account in pools, and by a spare account of one person."""
    rows = world.exchanges.select(["account_id", "prompt", "status", "refusal_category"]).to_pylist()
    sent: dict[str, set[str]] = {}
    for r in rows:
        sent.setdefault(r["prompt"], set()).add(r["account_id"])
    for kind in ("takeover_pool", "spare_accounts"):
        failed = [r for r in rows if cohort[r["account_id"]] == kind and r["status"] in ("rate_limited", "blocked")]
        assert len(failed) > 20
        assert np.mean([len(sent[r["prompt"]]) > 1 for r in failed]) > 0.5


def test_searches_end_in_one_form(world: worlds.World, cohort: dict[str, str]) -> None:
    """A search has many system prompts and many refusals in its first third, and nearly one system prompt afterwards."""
    mine = [a for a, kind in cohort.items() if kind == "technique_search"]
    harvested = set(world.truth_exchanges["exchange_id"].to_pylist())
    calls = world.exchanges.filter(pc.is_in(world.exchanges["account_id"], value_set=pa.array(mine))).to_pylist()
    calls = [c for c in calls if c["exchange_id"] in harvested]
    third = len(calls) // 3
    before, after = (Counter(c["system"] for c in part) for part in (calls[: third - 20], calls[third + 20 :]))
    assert len(before) > 30
    assert after.most_common(1)[0][1] > 0.95 * after.total()
    refused = [c["refusal_category"] is not None for c in calls]
    assert np.mean(refused[: third - 20]) > 0.4 > 0.1 > np.mean(refused[third + 20 :])


def test_unshared_campaigns_share_no_card_and_no_address(world: worlds.World, cohort: dict[str, str]) -> None:
    """Accounts of the two unshared kinds have a card of their own, and hardly any address in common."""
    cards = dict(
        zip(world.accounts["account_id"].to_pylist(), world.accounts["payment_fingerprint"].to_pylist(), strict=True)
    )
    addresses: dict[str, set[str]] = {}
    for account, ip in zip(world.exchanges["account_id"].to_pylist(), world.exchanges["client_ip"].to_pylist(), strict=True):
        addresses.setdefault(ip.rpartition(".")[0], set()).add(account)
    for kind in UNSHARED:
        mine = {a for a, of in cohort.items() if of == kind}
        held = [cards[a] for a in mine if cards[a] is not None]
        assert len(set(held)) == len(held)
        together = sum(len(users & mine) > 1 for users in addresses.values())
        assert together <= 0.1 * sum(bool(users & mine) for users in addresses.values())
