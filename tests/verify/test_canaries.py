"""Nothing that was planted in a log comes out: one hunt, everything that is handed out of it, and every line it printed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from stillhunt import worlds
from stillhunt.cli import main
from stillhunt.contract import ACCOUNTS, EXCHANGES, TEXT

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "example-case.toml"
MARK = "vortigern"
"""In every text, name and record; nowhere in anything that is written."""

NAME = "hengist"
"""In every account id and call id: the operator's own results name accounts, and nothing that is handed out does."""

CALLS = ("api_key_id", "session_id", "end_user_id", "user_agent", "device_id", "tls_ja4")
RECORDS = ("email_domain", "email_hash", "phone_hash", "referral_code", "programme", "signup_channel", "payment_fingerprint")


def marked(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Return a table with the mark at the end of every value of a column; texts have one where they were empty too."""
    if name not in table.column_names:
        return table
    always = name in TEXT
    values = [f"{v or ''} zq{MARK}{name}zyx" if v or always else None for v in table.column(name).to_pylist()]
    return table.set_column(table.column_names.index(name), schema.field(name), pa.array(values, pa.string()))


def named(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Return a table in which a column of ids holds e-mail addresses."""
    values = [None if v is None else f"{v}.{NAME}@{NAME}.example" for v in table.column(name).to_pylist()]
    return table.set_column(table.column_names.index(name), schema.field(name), pa.array(values, pa.string()))


def planted(world: worlds.World, folder: Path) -> set[str]:
    """Write a world with marks in everything that says who, where or what, and return the addresses in it."""
    exchanges, accounts = world.exchanges, world.accounts
    for name in (*TEXT, *CALLS):
        exchanges = marked(exchanges, EXCHANGES, name)
    for name in RECORDS:
        accounts = marked(accounts, ACCOUNTS, name)
    for name in ("account_id", "exchange_id"):
        exchanges = named(exchanges, EXCHANGES, name)
    accounts = named(accounts, ACCOUNTS, "account_id")
    whole = worlds.World(
        **{**{f: getattr(world, f) for f in world.__dataclass_fields__}, "exchanges": exchanges, "accounts": accounts}
    )
    worlds.write(whole, folder)
    columns = (exchanges.column("client_ip"), accounts.column("signup_ip"))
    return {a for column in columns for a in column.unique().drop_null().to_pylist() if len(a) > 7}


def everything(folder: Path) -> bytes:
    """Return all bytes under a folder, in lower case, what is compressed unpacked; of a PDF its text."""
    parts = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().decompress(content)
        if path.suffix == ".pdf" and shutil.which("pdftotext"):
            content = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout
        parts.append(content.lower())
    return b"\n".join(parts)


def test_nothing_planted_comes_out(
    small_world: worlds.World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """
    Marks in prompts, answers, addresses, e-mails, phones, names, devices, cards and user agents are nowhere.

    Not in the hunt's own results, its evidence, its journal, its bundles, nor in dossier, letter, PDF or disclosure, nor
    in a line on stdout or stderr. Ids of accounts and calls, which are e-mail addresses here, are in none that is handed out.
    """
    monkeypatch.setenv("STILLHUNT_KEY_FILE", str(tmp_path / "deployment.key"))
    monkeypatch.chdir(tmp_path)
    addresses = planted(small_world, Path("world"))
    assert len(addresses) > 1000
    files = [f"world/{name}.parquet" for name in ("exchanges", "accounts", "events")]
    hunt = ["hunt", files[0], "--accounts", files[1], "--events", files[2], "--out", "hunt", "--evidence", "evidence"]
    assert main(["keys", "new", "--ring", "keys.json", "--seal-key", "seal.key", "--no-passphrase"]) == 0
    nights = ["commit", files[0], "--accounts", files[1], "--evidence", "evidence", "--seal-key", "seal.key"]
    assert main([*nights, "--day", "2026-03-05"]) == 0
    assert main([*hunt, "--seal-key", "seal.key"]) == 0
    campaign = next(p.name for p in sorted(Path("hunt/bundles").iterdir()) if p.is_dir())
    pdf = ["--pdf"] if shutil.which("chromium") and shutil.which("pdftotext") else []
    case = ["--case", str(EXAMPLE), *pdf]
    assert main(["report", campaign, "--hunt", "hunt", "--out", "out/dossier", "--seal-key", "seal.key", *case]) == 0
    shown = ["--evidence", "evidence", "--out", "out/disclosure.json", "--sample", "20", "--word", "anything"]
    assert main(["disclose", "out/dossier", *shown]) == 0
    assert main(["verify", "out/dossier", "--disclosed", "out/disclosure.json"]) == 0
    seen = capfd.readouterr()
    assert NAME.encode() in (Path("hunt") / "campaigns.json").read_bytes()
    results = everything(Path("hunt")) + everything(Path("evidence"))
    handed = everything(Path("out")) + (seen.out + seen.err).lower().encode()
    assert MARK.encode() not in results + handed
    assert NAME.encode() not in handed + everything(Path("hunt/bundles")) + everything(Path("evidence"))
    assert not [a for a in addresses if a.lower().encode() in handed]
    if pdf:
        assert b"campaign" in everything(Path("out/dossier/letter.pdf").parent)
