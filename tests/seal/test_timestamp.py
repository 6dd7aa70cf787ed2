"""Timestamps: an authority that the test makes, on loopback, and everything that must not pass for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from timestamping import TIME, Authority, authority, serving

from stillhunt.errors import ConfigError, SealError
from stillhunt.seal.canonical import canonical, read
from stillhunt.seal.dossier import TIMESTAMP, TIMESTAMP_TYPE, seal_dossier
from stillhunt.seal.envelope import opened
from stillhunt.seal.keys import generate
from stillhunt.seal.timestamp import claimed_time, stamped, verified_time


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that readers of these tests trust."""
    return authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def served(tsa: Authority) -> Iterator[tuple[str, dict[str, Any]]]:
    """The authority's address on loopback, and how it answers."""
    with serving(tsa) as address:
        yield address


def test_a_timestamp_says_when_data_existed(served: tuple[str, dict[str, Any]], tsa: Authority) -> None:
    """What the authority answers verifies under its root, for these bytes and no others."""
    token = stamped(served[0], b"a seal")
    assert claimed_time(token, "t") == TIME
    assert verified_time(token, b"a seal", tsa.root, "t") == TIME
    with pytest.raises(SealError, match="does not verify"):
        verified_time(token, b"another seal", tsa.root, "t")


def test_another_authority_does_not_count(served: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    """A timestamp whose certificate does not lead to a trusted root is refused."""
    token = stamped(served[0], b"a seal")
    with pytest.raises(SealError, match="does not verify"):
        verified_time(token, b"a seal", authority(tmp_path).root, "t")
    with pytest.raises(ConfigError, match="no certificate"):
        verified_time(token, b"a seal", tmp_path / "none.pem", "t")


@pytest.mark.parametrize("how", [{"granted": False}, {"nonce": 5}, {"raw": b"<html>"}])
def test_an_answer_that_is_none_is_refused(served: tuple[str, dict[str, Any]], how: dict[str, Any]) -> None:
    """A rejection, an answer to another question, and a web page are not timestamps."""
    served[1].update(how)
    try:
        with pytest.raises(SealError):
            stamped(served[0], b"a seal")
    finally:
        served[1].clear()


def test_an_authority_that_cannot_be_reached_is_said() -> None:
    """Nobody listening, or an address of another kind, is an error with the next step."""
    with pytest.raises(SealError, match="seal without `--timestamp`"):
        stamped("http://127.0.0.1:9/", b"a seal")
    with pytest.raises(ConfigError, match="begins with https"):
        stamped("file:///etc/hostname", b"a seal")


def test_a_dossier_is_sealed_with_a_timestamp(
    served: tuple[str, dict[str, Any]], tsa: Authority, tmp_path: Path
) -> None:
    """The authority's answer lies in an envelope by the signer, verifies for the seal's signature, and no bit of it can turn."""
    from stillhunt.verify.checks import FAILS, HOLDS, NOT_MADE, Trust, integrity

    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dossier.json").write_bytes(canonical({"numbers": []}))
    signer = generate(tmp_path / "key", None)
    seal_dossier(tmp_path / "d", signer=signer, now=TIME, timestamp=served[0])
    content = (tmp_path / "d" / TIMESTAMP).read_bytes()
    token, _ = opened(read(content, "t"), [signer.public], TIMESTAMP_TYPE, "t")
    assert claimed_time(token, "t") == TIME
    files = {p.name: p.read_bytes() for p in (tmp_path / "d").iterdir()}
    by = {c.name: c for c in integrity(files, Trust(tsa_roots=tsa.root))}
    assert by["timestamp"].status == HOLDS and "2026-04-01 12:30:00Z" in by["timestamp"].found
    assert {c.name: c.status for c in integrity(files, Trust())}["timestamp"] == NOT_MADE
    for at in range(0, len(content), 97):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        checks = integrity({**files, TIMESTAMP: bytes(changed)}, Trust())
        assert any(c.status == FAILS and TIMESTAMP in c.found for c in checks), at
