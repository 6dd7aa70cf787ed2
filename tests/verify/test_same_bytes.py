"""The same hunt gives the same dossier: what is handed out depends on log, key and settings, and on no clock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from hunted import Hunted, hunted_in
from verify.conftest import NOW

from stillhunt import dossiers, report, worlds
from stillhunt.seal.dossier import ENVELOPE, JOURNAL, KEYS, add_evidence, files_of, integrity, seal_dossier
from stillhunt.verify import evidence_of

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "example-case.toml"


def handed_out(hunted: Hunted, folder: Path) -> dict[str, bytes]:
    """Write and seal the dossier of a hunt's largest campaign and return its files."""
    hunt = folder / "hunt"
    report.write(hunted.hunt, hunt)
    (hunt / "bundles").symlink_to(hunted.out / "bundles")
    out = folder / "dossier"
    out.mkdir()
    known = {"recomputed": evidence_of(hunt, hunted.campaign), "integrity": integrity(hunt, hunted.campaign)}
    dossiers.write(hunted.campaign, hunt=hunt, out=out, case=EXAMPLE, **known)
    add_evidence(out, hunt=hunt, campaign=hunted.campaign)
    seal_dossier(out, signer=hunted.signer, now=NOW)
    return files_of(out)


def test_the_same_hunt_gives_the_same_dossier(hunted: Hunted, small_world: worlds.World, tmp_path: Path) -> None:
    """
    Hunted twice, a log gives the same pages, the same JSON and the same bundle, byte for byte.

    The journals differ in when their lines were written and in what follows from that (hashes, signatures); envelope and key
    ring carry the time and key of signing.
    """
    again = hunted_in(tmp_path / "again", small_world)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    same_signer = replace(again, signer=hunted.signer)
    one, two = handed_out(hunted, tmp_path / "one"), handed_out(same_signer, tmp_path / "two")
    assert one.keys() == two.keys()
    differing = {name for name in one if one[name] != two[name]}
    assert differing <= {ENVELOPE, JOURNAL, KEYS}
    lines = [[json.loads(line) for line in files[JOURNAL].splitlines()] for files in (one, two)]
    kept = [[(row["kind"], row["body"]) for row in rows if row["kind"] != "signature"] for rows in lines]
    assert kept[0] == kept[1]
