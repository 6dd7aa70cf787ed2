"""A hunt as `campaigns.json` and as the table of accused accounts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from stillhunt.model import Hunt
from stillhunt.report import accounts_table, campaigns_json

TOP = {
    *("schema", "claim", "campaigns", "linked", "left_out", "unavailable", "coverage", "settings"),
    *("counts", "window", "sources", "per_day", "audit"),
}
CAMPAIGN = {
    *("id", "claim", "accounts", "n_accounts", "n_exchanges", "first_seen", "last_seen", "capabilities"),
    *("capability_method", "models", "tokens", "status", "per_day", "members", "evidence", "alternatives"),
    *("ablations", "not_seen", "error", "declared_customers", "strand", "exhibits"),
}


@pytest.fixture(scope="module")
def document(hunt: Hunt) -> Any:
    """The document of the hunt with three campaigns, read back."""
    return json.loads(campaigns_json(hunt))


def test_the_document_has_the_keys_of_the_contract(document: Any) -> None:
    """Readers rely on these names, in the document and in a campaign."""
    assert document["schema"] == "stillhunt/campaigns/v1"
    assert set(document) == TOP
    assert set(document["campaigns"][0]) == CAMPAIGN
    assert document["counts"] == {
        "lines": 2_225_096,
        "exchanges": 2_104_333,
        "accounts": 31_555,
        "owners": 27_902,
    }
    assert document["window"] == {
        "first_seen": "2026-04-22T00:04:11Z",
        "last_seen": "2026-06-05T23:51:02.250000Z",
    }


def test_a_campaign_carries_its_members_its_evidence_and_its_error(document: Any, hunt: Hunt) -> None:
    """The numbers in the document are the numbers of the hunt."""
    campaign, written = hunt.campaigns[0], document["campaigns"][0]
    assert written["accounts"] == [m.account_id for m in campaign.members]
    assert written["n_accounts"] == len(written["accounts"]) == 400
    assert written["error"] == {
        "p_value": 0.0015,
        "q_value": 0.0045,
        "level": 0.1,
        "linkage_log10": 348.0,
    }
    assert [e["kind"] for e in written["evidence"]] == [e.kind for e in campaign.evidence]
    null = written["evidence"][1]["null"]
    assert len(null["edges"]) == len(null["counts"]) + 1
    assert sum(null["counts"]) == 2000
    assert written["evidence"][3]["exchange_ids"] == list(campaign.evidence[3].exchange_ids)


def test_what_was_not_accused_is_in_the_document(document: Any, hunt: Hunt) -> None:
    """Linked sets, things left out, tests that could not run and empty columns are all there."""
    assert [s["id"] for s in document["linked"]] == [s.id for s in hunt.linked]
    assert [row["count"] for row in document["left_out"]] == [row.count for row in hunt.left_out]
    assert document["unavailable"][0]["wants"] == ["history", "completion"]
    assert len(document["coverage"]) == len(hunt.coverage)


def test_the_same_hunt_has_the_same_bytes(hunt: Hunt) -> None:
    """Two writings are equal, and the order of a mapping in the hunt does not show."""
    turned = replace(hunt, settings=dict(reversed(hunt.settings.items())))
    assert campaigns_json(hunt) == campaigns_json(turned)


def test_a_hunt_that_read_nothing_is_a_document_too(void: Hunt) -> None:
    """An empty window is null, and no list is missing."""
    document = json.loads(campaigns_json(void))
    assert set(document) == TOP
    assert document["window"] == {"first_seen": None, "last_seen": None}
    assert document["campaigns"] == []


def test_every_accused_account_is_one_row(hunt: Hunt) -> None:
    """Rows are sorted by account, and no account is missing or twice."""
    table = accounts_table(hunt)
    accounts = table["account_id"].to_pylist()
    assert accounts == sorted({a for c in hunt.campaigns for a in c.accounts})
    assert table.schema.names == ["account_id", "campaign_id", "confidence"]
    member = hunt.campaigns[1].members[3]
    at = accounts.index(member.account_id)
    assert table["campaign_id"][at].as_py() == "C-2"
    assert table["confidence"][at].as_py() == member.confidence


def test_an_account_in_two_campaigns_stands_under_the_surer_one(hunt: Hunt) -> None:
    """The table has one row for it; the document keeps it in both campaigns."""
    first, second = hunt.campaigns[0], hunt.campaigns[1]
    shared = replace(second.members[0], confidence=0.5)
    surer = replace(shared, confidence=0.75)
    both = replace(
        hunt,
        campaigns=(replace(first, members=(shared,)), replace(second, members=(surer,))),
    )
    assert accounts_table(both).to_pylist() == [
        {"account_id": shared.account_id, "campaign_id": "C-2", "confidence": 0.75}
    ]


def test_no_campaign_gives_an_empty_table_with_its_columns(quiet: Hunt) -> None:
    """A reader joins on an empty table as on any other."""
    table = accounts_table(quiet)
    assert table.num_rows == 0
    assert table.schema.types == [pa.string(), pa.string(), pa.float64()]
