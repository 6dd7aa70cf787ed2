"""The history of keys: who vouches for whom, and what does not follow."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stillhunt.cli import main
from stillhunt.errors import SealError
from stillhunt.seal.canonical import canonical
from stillhunt.seal.keyring import KeyRing, read_ring, revoked, rotated, started
from stillhunt.seal.keys import FileSigner, generate
from stillhunt.sealing import key_at

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def signers(tmp_path: Path) -> list[FileSigner]:
    """Three keys."""
    return [generate(tmp_path / f"key{i}", None) for i in range(3)]


def after(days: int) -> datetime:
    """Return a moment some days later."""
    return NOW + timedelta(days=days)


def test_keys_follow_each_other(signers: list[FileSigner]) -> None:
    """A ring that was written is read back: first key, the one that followed, the one revoked with its reason."""
    ring = started(signers[0], at=NOW)
    ring = rotated(ring, signers[0], signers[1], at=after(1))
    ring = revoked(ring, signers[1], signers[0].public.keyid, "left the company", at=after(2))
    found = read_ring(ring.document(), "keys.json")
    assert found == ring
    first, second = found.keys
    assert (first.followed, first.revoked, first.reason) == (after(1), after(2), "left the company")
    assert (second.since, second.followed, second.revoked) == (after(1), None, None)
    assert found.standing("0" * 64) is None


def test_a_key_may_revoke_itself(signers: list[FileSigner]) -> None:
    """The last key can be revoked by itself, and nothing follows a revoked key."""
    ring = revoked(started(signers[0], at=NOW), signers[0], signers[0].public.keyid, "stolen", at=after(1))
    with pytest.raises(SealError, match="does not follow"):
        rotated(ring, signers[0], signers[1], at=after(2))


def test_a_stranger_adds_nothing(signers: list[FileSigner]) -> None:
    """Only the key in force lets another follow; only it or the key itself revokes; nothing goes back in time."""
    ring = started(signers[0], at=NOW)
    stranger = signers[2]
    with pytest.raises(SealError):
        rotated(ring, stranger, signers[1], at=after(1))
    with pytest.raises(SealError):
        revoked(ring, stranger, signers[0].public.keyid, "", at=after(1))
    with pytest.raises(SealError):
        revoked(ring, signers[0], stranger.public.keyid, "", at=after(1))
    with pytest.raises(SealError):
        rotated(ring, signers[0], signers[1], at=after(-1))
    with pytest.raises(SealError):
        rotated(ring, signers[0], signers[0], at=after(1))


def test_no_event_can_be_left_out_or_moved(signers: list[FileSigner]) -> None:
    """A ring without one of its events, or with two exchanged, is not read."""
    ring = rotated(started(signers[0], at=NOW), signers[0], signers[1], at=after(1))
    ring = rotated(ring, signers[1], signers[2], at=after(2))
    ring = revoked(ring, signers[2], signers[1].public.keyid, "", at=after(3))
    for events in (ring.events[1:], ring.events[:1] + ring.events[2:], (ring.events[1], ring.events[0], *ring.events[2:]), ()):
        with pytest.raises(SealError):
            read_ring(KeyRing(keys=(), events=tuple(events)).document(), "keys.json")
    with pytest.raises(SealError, match="no list of keys"):
        read_ring(canonical({"events": []}), "keys.json")


def test_keys_at_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`keys` makes a key under a passphrase, lets another follow, revokes the first and lists both; private keys stay out."""
    monkeypatch.setenv("STILLHUNT_SEAL_PASSPHRASE", "swordfish")
    ring, one, two = (str(tmp_path / name) for name in ("keys.json", "one", "two"))
    assert main(["keys", "new", "--ring", ring, "--seal-key", one]) == 0
    assert main(["keys", "new", "--ring", ring, "--seal-key", two]) == 2
    assert main(["keys", "rotate", "--ring", ring, "--seal-key", one, "--next", two]) == 0
    keyid = key_at(Path(one)).public.keyid
    assert main(["keys", "revoke", "--ring", ring, "--seal-key", two, "--keyid", keyid[:12], "--reason", "old"]) == 0
    capfd.readouterr()
    assert main(["keys", "list", "--ring", ring]) == 0
    out = capfd.readouterr().out
    assert "revoked: old" in out and "in force" in out
    assert b"ENCRYPTED" in Path(one).read_bytes()
    assert b"PRIVATE" not in Path(ring).read_bytes() and b"swordfish" not in Path(ring).read_bytes()
    monkeypatch.setenv("STILLHUNT_SEAL_PASSPHRASE", "wrong")
    assert main(["keys", "rotate", "--ring", ring, "--seal-key", two, "--next", str(tmp_path / "three")]) == 2
    assert "passphrase is wrong" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["new"], "No key was named"),
        (["list"], "there is no ring here"),
        (["rotate", "--seal-key", "x"], "No file was named for the key that follows"),
        (["revoke", "--seal-key", "x"], "there is no ring here"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, options: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each thing left out at the command line is an error with the next step, and no file is made."""
    assert main(["keys", *options, "--ring", str(tmp_path / "keys.json")]) == 2
    assert said in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_signing_command_needs_its_public_key() -> None:
    """A command without the key it signs for, or beside a key file, is refused."""
    from stillhunt.errors import ConfigError
    from stillhunt.sealing import signer_of

    with pytest.raises(ConfigError, match="needs `--seal-public`"):
        signer_of(argparse.Namespace(seal_command="x", seal_key=None, seal_public=None))
    assert signer_of(argparse.Namespace(seal_command=None, seal_key=None, seal_public=None)) is None
