"""Nothing that was planted in a log comes out in a dossier: no text, no address, no e-mail, no name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import stillhunt
from stillhunt import dossiers, report, worlds
from stillhunt.contract import ACCOUNTS, EXCHANGES, TEXT
from stillhunt.model import Hunt
from strategies import SECRET

WORD = "zq{}vortigernzyx"
NAMED = ("org_id", "api_key_id", "session_id", "end_user_id", "user_agent", "device_id")
RECORDED = ("email_domain", "referral_code", "programme", "signup_channel", "payment_fingerprint")


def account_name(name: str) -> str:
    """Return an account id that is somebody's e-mail address."""
    return f"{name}.{WORD.format('person')}@{WORD.format('mail')}.example"


@pytest.fixture(scope="module")
def planted(small_world: worlds.World) -> Hunt:
    """A hunt in a world with planted words in every text, name, address and record, and e-mail addresses for ids."""
    table = small_world.exchanges
    for name in TEXT:
        texts = [f"{t or ''} {WORD.format(name)}" for t in table.column(name).to_pylist()]
        table = with_column(table, name, texts)
    for name in NAMED:
        table = with_column(table, name, [v and f"{v}-{WORD.format(name)}" for v in table.column(name).to_pylist()])
    ids = table.column("account_id").to_pylist()
    table = with_column(table, "account_id", [account_name(a) for a in ids])
    calls = table.column("exchange_id").to_pylist()
    table = with_column(table, "exchange_id", [f"{c}-{WORD.format('call')}" for c in calls])
    rows = small_world.accounts.to_pylist()
    for row in rows:
        row["account_id"] = account_name(row["account_id"])
        for name in RECORDED:
            row[name] = row[name] and f"{row[name]}-{WORD.format(name)}"
    accounts = pa.Table.from_pylist(rows, schema=ACCOUNTS)
    return stillhunt.hunt(table, accounts, small_world.events, key=SECRET, threads=1)


def with_column(table: pa.Table, name: str, values: list[str]) -> pa.Table:
    """Return a table with one column replaced."""
    return table.set_column(table.column_names.index(name), EXCHANGES.field(name), pa.array(values, pa.string()))


def test_no_planted_word_is_in_a_dossier(planted: Hunt, small_world: worlds.World, tmp_path: Path) -> None:
    """Dossier, letter and JSON of every campaign hold no planted word, no address, no account id and no call id."""
    assert planted.campaigns
    report.write(planted, tmp_path / "hunt")
    inside = (tmp_path / "hunt" / "campaigns.json").read_text("utf-8")
    assert WORD.format("person") in inside
    addresses = {a for a in small_world.exchanges.column("client_ip").to_pylist() if a and a.count(".") == 3}
    for campaign in planted.campaigns:
        places = dossiers.write(campaign.id, hunt=tmp_path / "hunt", out=tmp_path / campaign.id)
        for place in places.values():
            content = place.read_text("utf-8").lower()
            assert "vortigern" not in content
            assert not [a for a in addresses if a in content]
            assert not [p for e in campaign.evidence for p in e.exchange_ids if p.lower() in content]
