"""Selective disclosure: fifty records are shown and proved, by choice or by lot, and nothing in the file can be changed."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from hunted import Hunted
from verify.conftest import NOW

from stillhunt import worlds
from stillhunt.cli import main
from stillhunt.digest.traits import KINDS
from stillhunt.errors import ConfigError, SealError
from stillhunt.evidence import Evidence
from stillhunt.pipeline import hunt
from stillhunt.seal.canonical import canonical
from stillhunt.seal.dossier import files_of, seal_dossier
from stillhunt.verify import Trust
from stillhunt.verify.checks import FAILS, check_disclosed, integrity
from strategies import SECRET
from tools import verify_dossier as second

FLIPS = 1000
WORD = "seventeen green bottles"


@pytest.fixture(scope="module")
def by_lot(sealed: Path, hunted: Hunted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty calls of the campaign, drawn by a word."""
    out = tmp_path_factory.mktemp("disclosed") / "disclosure.json"
    arguments = ["--evidence", str(hunted.evidence), "--out", str(out), "--sample", "50", "--word", WORD]
    assert main(["disclose", str(sealed), *arguments]) == 0
    return out


def test_both_verifiers_check_what_was_drawn(
    sealed: Path, by_lot: Path, hunted: Hunted, capfd: pytest.CaptureFixture[str]
) -> None:
    """Fifty records with their salts lead to the journaled roots, and are those that the word draws; few bytes, no other record."""
    document = json.loads(by_lot.read_bytes())
    assert sum(len(day["records"]) for day in document["days"]) == 50
    assert by_lot.stat().st_size < 200_000
    assert main(["verify", str(sealed), "--disclosed", str(by_lot)]) == 0
    told = " ".join(capfd.readouterr().out.split())
    alike = "(50 calls of the campaign, with hour, account and equal prompts as in the bundle)"
    assert f"50 records were committed as they are shown {alike}; the word `{WORD}` draws just these" in told
    assert second.main([str(sealed), "--disclosed", str(by_lot)]) == 0
    assert f"disclosed records: holds, 50 records, drawn by the word '{WORD}'" in capfd.readouterr().out


def test_calls_can_be_chosen_by_their_ids(
    sealed: Path, hunted: Hunted, files: dict[str, bytes], small_world: worlds.World, tmp_path: Path
) -> None:
    """Calls of anybody in the log are found with the deployment key and shown; whose choice it was is said."""
    ids = small_world.exchanges.column("exchange_id").to_pylist()[5::900]
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    (tmp_path / "key").write_text(SECRET.hex())
    out = tmp_path / "chosen.json"
    where = ["--evidence", str(hunted.evidence), "--out", str(out), "--key-file", str(tmp_path / "key")]
    assert main(["disclose", str(sealed), *where, "--calls", str(tmp_path / "ids.txt")]) == 0
    found = [c for c in integrity(files, Trust(), out.read_bytes()) if c.name == "disclosed records"]
    assert len(found) == 1
    assert found[0].found.startswith(f"{len(ids)} records were committed as they are shown")
    assert found[0].found.endswith("; the operator chose them")
    assert second.verify(files, None, out.read_bytes())["failed"] == []
    (tmp_path / "ids.txt").write_text("nobody-knows-this-call\n")
    assert main(["disclose", str(sealed), *where, "--calls", str(tmp_path / "ids.txt")]) == 2


def test_what_accounts_have_can_be_shown(
    sealed: Path, hunted: Hunted, files: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Traits of a kind, or one shared value by its tag, of the campaign's accounts alone; both verifiers say who has them."""
    campaign = hunted.hunt.campaigns[0]
    assert campaign.exhibits is not None
    listed = {"accounts": [{"tag": m.tag} for m in campaign.exhibits.members]}
    value = max(campaign.exhibits.shared, key=lambda v: v.inside)
    kind = next(k.kind for k in KINDS if k.label == value.kind)
    other = next(k.kind for k in KINDS if k.kind in ("card", "email_domain") and k.kind != kind)
    dossier = tmp_path / "dossier"
    shutil.copytree(sealed, dossier)
    whole = json.loads(files["dossier.json"]) | listed
    (dossier / "dossier.json").write_bytes(canonical(whole))
    seal_dossier(dossier, signer=hunted.signer, now=NOW)
    (tmp_path / "key").write_text(SECRET.hex())
    where = ["disclose", str(dossier), "--evidence", str(hunted.evidence), "--key-file", str(tmp_path / "key")]
    shown = tmp_path / "shown.json"
    assert main([*where, "--out", str(shown), "--traits", f"{kind}:{value.tag}", other]) == 0
    rows = [json.loads(r["record"]) for day in json.loads(shown.read_bytes())["days"] for r in day["records"]]
    holders = {r["account"] for r in rows if r["kind"] == kind}
    assert 2 <= len(holders) <= value.inside and {r["kind"] for r in rows} == {kind, other}
    assert len({r["value"] for r in rows if r["kind"] == kind}) == 1
    said = f"{kind}, 1 different among {len(holders)} accounts of this dossier"
    capfd.readouterr()
    assert main(["verify", str(dossier), "--disclosed", str(shown)]) == 0
    assert said in " ".join(capfd.readouterr().out.split())
    assert second.main([str(dossier), "--disclosed", str(shown)]) == 0
    assert said in capfd.readouterr().out
    now = files_of(dossier)
    forged = canonical(json.loads(shown.read_bytes()) | {"asked": {"by": "sample", "records": 3, "word": ""}})
    assert any(c.status == FAILS for c in integrity(now, Trust(), forged))
    with pytest.raises(second.Wrong, match="not those that the word draws"):
        second.seal(now, None, forged)
    assert main([*where, "--out", str(shown), "--traits", "shoe"]) == 2
    assert "Name a kind (" in capfd.readouterr().err


def test_another_word_draws_other_records(files: dict[str, bytes], by_lot: Path) -> None:
    """Who says that the records were drawn by another word, or that more were, is caught by both verifiers."""
    whole = json.loads(by_lot.read_bytes())
    for asked in ({"by": "sample", "records": 50, "word": "other"}, {"by": "sample", "records": 51, "word": WORD}, {"by": "me"}):
        changed = canonical({**whole, "asked": asked})
        failed = [c.found for c in integrity(files, Trust(), changed) if c.status == FAILS]
        assert any(f.startswith("disclosure.json") for f in failed)
        with pytest.raises(second.Wrong, match=r"disclosure\.json"):
            second.seal(files, None, changed)


def test_one_bit_turned_in_a_disclosure_fails(files: dict[str, bytes], by_lot: Path) -> None:
    """Whatever bit of the file is turned, both verifiers fail and name it."""
    content = by_lot.read_bytes()
    rng = random.Random(3)
    bundle = second.Bundle(files)
    lines = second.journal(files["journal.jsonl"])
    roots = {("exchanges", d["day"]): (d["size"], d["root"]) for x in lines if x["kind"] == "exchanges" for d in x["body"]["days"]}
    for number in range(FLIPS):
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        with pytest.raises(SealError, match=r"disclosure\.json"):
            check_disclosed(bytes(changed), roots, files)
        with pytest.raises(second.Wrong, match=r"disclosure\.json"):
            second.disclosed(bytes(changed), bundle, lines)
        if number < 3:
            assert any(c.status == FAILS and "disclosure.json" in c.found for c in integrity(files, Trust(), bytes(changed)))


def test_evidence_on_a_cluster_is_refused(small_world: worlds.World, tmp_path: Path) -> None:
    """Evidence with the Spark engine is refused before anything is read, with the reason and what to do."""
    asked = Evidence(folder=tmp_path / "evidence", bundles=tmp_path / "bundles")
    with pytest.raises(ConfigError, match=r"(?s)one machine.*--engine duckdb"):
        hunt(small_world.exchanges, key=SECRET, engine="spark", evidence=asked)
