"""Verification: an untouched dossier holds, and nothing in it can be changed, added or taken away unnoticed."""

from __future__ import annotations

import json
import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hunted import Hunted
from verify.conftest import NOW, written

from stillhunt.cli import main
from stillhunt.errors import ConfigError
from stillhunt.seal.canonical import Json, canonical
from stillhunt.seal.dossier import ENVELOPE, JOURNAL, UNSIGNED_FILES, files_of, seal_dossier
from stillhunt.seal.keyring import revoked, rotated, started
from stillhunt.seal.keys import generate, read_public
from stillhunt.verify import Check, Trust, verify
from stillhunt.verify.checks import FAILS, HOLDS, NOT_MADE, integrity

FLIPS = 1200
NOBODY = Trust()


def status(checks: list[Check] | tuple[Check, ...], name: str) -> str:
    """Return the status of one check."""
    return next(c.status for c in checks if c.name == name)


def test_an_untouched_dossier_holds(sealed: Path, hunted: Hunted, values: dict[str, Json]) -> None:
    """Every check that can be made holds, every number with a recipe is reproduced, and what was not checked is named."""
    verdict = verify(sealed, Trust(key=hunted.signer.public))
    assert verdict.holds
    assert {c.name for c in verdict.checks if c.status == HOLDS} == {
        "keys", "signature", "signer", "files", "journal", "configuration", "calls committed", "numbers",
    }  # fmt: skip
    assert {c.name for c in verdict.checks if c.status == NOT_MADE} == {
        "timestamp", "journal noted before", "days fixed before", "disclosed records", "who wrote the log", "who else",
        "exact counts", "others", "calls", "words", "pages",
    }  # fmt: skip
    assert sum(n.status == "reproduced" for n in verdict.numbers) == len(values)
    assert [n.status for n in verdict.numbers if n.id == "m"] == ["needs the log"]


def test_one_bit_turned_anywhere_fails_and_the_file_is_named(files: dict[str, bytes]) -> None:
    """Whatever bit of whatever file is turned, a check fails and the file is named in what it found."""
    rng = random.Random(7)
    names = sorted(files)
    sizes = [len(files[name]) for name in names]
    for number in range(FLIPS):
        # Half of the flips go to files evenly, so that small files are hit too.
        name = names[number % len(names)] if number % 2 else rng.choices(names, sizes)[0]
        at = rng.randrange(len(files[name]))
        content = bytearray(files[name])
        content[at] ^= 1 << rng.randrange(8)
        checks = integrity({**files, name: bytes(content)}, NOBODY)
        failed = [c for c in checks if c.status == FAILS]
        assert failed, (name, at)
        assert any(name in c.found for c in failed), (name, at, [c.found for c in failed])


def test_a_file_added_or_taken_away_is_named(files: dict[str, bytes]) -> None:
    """Files that were not signed and files that are missing are told apart from changed ones."""
    for name in files:
        left = {n: c for n, c in files.items() if n != name}
        failed = [c for c in integrity(left, NOBODY) if c.status == FAILS]
        assert any(name in c.found and "missing" in c.found for c in failed), name
    more = [c for c in integrity({**files, "bundle/more.npz": b""}, NOBODY) if c.status == FAILS]
    assert [c.found for c in more] == ["bundle/more.npz was added"]


def copied(sealed: Path, folder: Path) -> Path:
    """Return a copy of the dossier that may be changed."""
    shutil.copytree(sealed, folder)
    return folder


def test_a_false_number_is_not_reproduced(
    hunted: Hunted, values: dict[str, Json], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A dossier whose author signed another number than the bundle gives does not hold, and the number is named."""
    folder = tmp_path / "dossier"
    written(folder, hunted, {**values, "traffic.calls": 10**6, "strand.9.clock.p_value": 0.5})
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    assert main(["verify", str(folder)]) == 1
    out = capfd.readouterr().out
    assert "the bundle gives 1,0" not in out
    assert "says 1000000; the bundle gives" in out
    assert "says 0.5; the bundle gives nothing" in out
    assert "This dossier does not hold: numbers." in out


def test_a_seal_by_another_key_is_told_by_the_key_given(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """Who seals a changed dossier anew with a key of their own is caught by whoever brings the signer's key."""
    folder = copied(sealed, tmp_path / "dossier")
    forger = generate(tmp_path / "forger", None)
    (folder / "dossier.html").write_text("<p>Something else.</p>")
    seal_dossier(folder, signer=forger, now=NOW)
    assert status(verify(folder, NOBODY).checks, "signer") == NOT_MADE
    verdict = verify(folder, Trust(key=hunted.signer.public))
    assert status(verdict.checks, "signer") == FAILS
    assert not verdict.holds


def test_an_unsealed_dossier_does_not_hold(sealed: Path, tmp_path: Path) -> None:
    """Without an envelope anybody could have written it, and verification says so; the numbers are still recomputed."""
    folder = copied(sealed, tmp_path / "dossier")
    (folder / ENVELOPE).unlink()
    verdict = verify(folder, NOBODY)
    assert not verdict.holds
    assert status(verdict.checks, "signature") == FAILS
    assert status(verdict.checks, "numbers") == HOLDS


def test_a_journal_of_another_hunt_is_noticed(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """A signed dossier whose journal lacks the roots of its calls fails, whoever signed it."""
    folder = copied(sealed, tmp_path / "dossier")
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (folder / JOURNAL).write_bytes(lines[0])
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    assert status(verify(folder, NOBODY).checks, "configuration") == FAILS


def test_a_bundle_that_was_not_journaled_is_noticed(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """A bundle made after the result was journaled is not the one that the journal names."""
    folder = copied(sealed, tmp_path / "dossier")
    index = json.loads((folder / "bundle" / "bundle.json").read_bytes())
    index["about"]["settings"]["draws"] = 21
    (folder / "bundle" / "bundle.json").write_bytes(canonical(index))
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    found = [c.found for c in verify(folder, NOBODY).checks if c.status == FAILS]
    assert any("not the bundle that was journaled" in f for f in found)


def test_a_key_revoked_before_it_signed_does_not_count(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """Signatures from before the revocation stand; later ones fail with the reason."""
    following = generate(tmp_path / "next", None)
    ring = started(hunted.signer, at=NOW - timedelta(days=3))
    ring = rotated(ring, hunted.signer, following, at=NOW - timedelta(days=2))
    ring = revoked(ring, following, hunted.signer.public.keyid, "the laptop was lost", at=NOW - timedelta(days=1))
    folder = copied(sealed, tmp_path / "dossier")
    seal_dossier(folder, signer=hunted.signer, now=NOW - timedelta(days=2), ring=ring)
    assert verify(folder, NOBODY).holds
    seal_dossier(folder, signer=hunted.signer, now=NOW, ring=ring)
    failed = [c.found for c in verify(folder, NOBODY).checks if c.status == FAILS]
    assert any("revoked" in f and "the laptop was lost" in f for f in failed)
    seal_dossier(folder, signer=following, now=NOW, ring=ring)
    assert verify(folder, Trust(key=following.public)).holds


def test_the_private_key_is_nowhere_in_the_dossier(files: dict[str, bytes], hunted: Hunted) -> None:
    """Neither the private key nor its file is among what is handed out."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = (hunted.out.parent / "seal.key").read_bytes()
    raw = load_pem_private_key(pem, None).private_bytes_raw()  # type: ignore[union-attr]
    for name, content in files.items():
        assert raw not in content and raw.hex().encode() not in content and b"PRIVATE" not in content, name


def test_the_same_dossier_is_sealed_with_the_same_bytes(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """Signing again at the same time gives the same bytes; at another time only the envelope and the keys differ."""
    folder = copied(sealed, tmp_path / "dossier")
    seal_dossier(folder, signer=hunted.signer, now=NOW)
    assert files_of(folder) == files_of(sealed)
    seal_dossier(folder, signer=hunted.signer, now=NOW + timedelta(hours=1))
    one, two = files_of(folder), files_of(sealed)
    assert {name for name in one if one[name] != two[name]} == {ENVELOPE, "keys.json"}
    assert set(UNSIGNED_FILES) == {ENVELOPE, "timestamp.json"}


def test_verify_speaks_json_and_by_exit_status(
    sealed: Path, hunted: Hunted, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--json` prints the verdict alone; the status is 0 where everything holds and 2 where there is no dossier."""
    (tmp_path / "key.pub").write_bytes(hunted.signer.public.pem())
    assert read_public(tmp_path / "key.pub") == hunted.signer.public
    assert main(["verify", str(sealed), "--key", str(tmp_path / "key.pub"), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["holds"] and len(document["numbers"]) > 40
    assert main(["verify", str(tmp_path)]) == 2
    assert "no dossier.json here" in capfd.readouterr().err
    with pytest.raises(ConfigError):
        verify(tmp_path, NOBODY)
