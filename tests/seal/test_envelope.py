"""Envelopes and keys: the vectors of DSSE and RFC 8032, and everything that must not verify."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.errors import ConfigError, SealError, StoreError
from stillhunt.seal import keys
from stillhunt.seal.canonical import canonical
from stillhunt.seal.envelope import PAYLOAD_TYPE, opened, pae, sign, statement
from stillhunt.seal.keys import CommandSigner, PublicKey, generate, open_signer, public_file, read_public

RFC8032_TEST_2 = (
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
)


def test_pae_is_that_of_the_standard() -> None:
    """The example of the DSSE protocol page."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_signatures_verify_as_in_rfc_8032() -> None:
    """Test 2 of RFC 8032 section 7.1 verifies, and with a changed message it does not."""
    _, public, message, signature = (bytes.fromhex(x) for x in RFC8032_TEST_2)
    assert PublicKey(public).verifies(signature, message)
    assert not PublicKey(public).verifies(signature, b"s")


def test_what_was_signed_opens(tmp_path: Path) -> None:
    """Payload in, payload out, with the key that signed it."""
    signer = generate(tmp_path / "key", None)
    envelope = sign(b"payload", PAYLOAD_TYPE, signer)
    assert opened(envelope, [signer.public], PAYLOAD_TYPE, "e") == (b"payload", signer.public)


def test_another_key_or_type_does_not_open_it(tmp_path: Path) -> None:
    """An envelope by a stranger, or read as another type of payload, is refused with the reason."""
    signer, stranger = generate(tmp_path / "a", None), generate(tmp_path / "b", None)
    envelope = sign(b"payload", PAYLOAD_TYPE, signer)
    with pytest.raises(SealError, match="key that is not known"):
        opened(envelope, [stranger.public], PAYLOAD_TYPE, "e")
    with pytest.raises(SealError, match="no envelope of the type"):
        opened(envelope, [signer.public], "text/plain", "e")
    empty = {**json.loads(canonical(envelope)), "signatures": []}
    with pytest.raises(SealError, match="no signature"):
        opened(empty, [signer.public], PAYLOAD_TYPE, "e")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, PublicKey]:
    """The bytes of an envelope and the key that signed it."""
    signer = generate(tmp_path_factory.mktemp("seal") / "key", None)
    return canonical(sign(b"some payload", PAYLOAD_TYPE, signer)), signer.public


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_one_bit_changed_anywhere_does_not_open(sealed: tuple[bytes, PublicKey], at: int, bit: int) -> None:
    """No bit of an envelope can change unnoticed, the unused bits of Base64 included."""
    from stillhunt.seal.canonical import read

    data, key = sealed
    changed = bytearray(data)
    changed[at % len(data)] ^= 1 << bit
    with pytest.raises(SealError):
        opened(read(bytes(changed), "e"), [key], PAYLOAD_TYPE, "e")


def test_a_statement_lists_files_by_name() -> None:
    """Subjects are in the order of names, with SHA-256 digests."""
    made: Any = statement({"b": b"\1" * 32, "a": b"\2" * 32}, "urn:test", {"x": 1})
    assert [s["name"] for s in made["subject"]] == ["a", "b"]
    assert made["subject"][1]["digest"] == {"sha256": "01" * 32}
    assert made["_type"] == "https://in-toto.io/Statement/v1"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """The private key has mode 600, is never overwritten, and its public half lies beside it."""
    signer = generate(tmp_path / "key", b"secret")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert read_public(public_file(tmp_path / "key")) == signer.public
    with pytest.raises(StoreError, match="File exists"):
        generate(tmp_path / "key", b"secret")


def test_a_passphrase_guards_the_key(tmp_path: Path) -> None:
    """Only the right passphrase opens the file; the messages tell the three mistakes apart and never the passphrase."""
    signer = generate(tmp_path / "key", b"secret")
    assert open_signer(tmp_path / "key", b"secret").public == signer.public
    for wrong, said in ((b"other", "passphrase is wrong"), (None, "under a passphrase")):
        with pytest.raises(ConfigError, match=said) as caught:
            open_signer(tmp_path / "key", wrong)
        assert "secret" not in str(caught.value)
    generate(tmp_path / "bare", None)
    with pytest.raises(ConfigError, match="has no passphrase"):
        open_signer(tmp_path / "bare", b"secret")
    with pytest.raises(ConfigError, match="cannot be read"):
        open_signer(tmp_path / "none", None)


def test_other_kinds_of_key_are_refused(tmp_path: Path) -> None:
    """A key file of another algorithm, and a private key given as a public one, are told by name."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ec").write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        open_signer(tmp_path / "ec", None)
    with pytest.raises(ConfigError, match="no PEM file of an Ed25519 public key"):
        read_public(tmp_path / "ec")


def command(script: Path, body: str) -> str:
    """Write a Python script and return the command line that runs it."""
    script.write_text(body)
    return f'"{sys.executable}" "{script}"'


def test_a_command_can_sign(tmp_path: Path) -> None:
    """A key store behind a command makes the same envelope as the key file."""
    signer = generate(tmp_path / "key", None)
    body = (
        "import sys, base64\nfrom pathlib import Path\nfrom stillhunt.seal.keys import open_signer\n"
        f"signer = open_signer(Path({str(tmp_path / 'key')!r}), None)\n"
        "print(base64.b64encode(signer.sign(sys.stdin.buffer.read())).decode())\n"
    )
    remote = CommandSigner(command(tmp_path / "kms.py", body), signer.public)
    assert sign(b"payload", PAYLOAD_TYPE, remote) == sign(b"payload", PAYLOAD_TYPE, signer)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit(3)", "command failed"),
        ("print('?')", "command failed"),
        ("print('AAAA')", "answered 3 bytes"),
        ("import base64; print(base64.b64encode(bytes(64)).decode())", "does not verify under the key"),
    ],
)
def test_a_command_that_signs_wrongly_is_noticed(tmp_path: Path, body: str, said: str) -> None:
    """A failing, talking or wrong signing command never yields an envelope."""
    signer = generate(tmp_path / "key", None)
    with pytest.raises(SealError, match=said):
        sign(b"payload", PAYLOAD_TYPE, CommandSigner(command(tmp_path / "kms.py", body), signer.public))


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `cryptography` is not installed, signing says which extra to install; importing needs nothing."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ConfigError, match=r"stillhunt\[evidence\]"):
        keys.need("cryptography.hazmat.primitives.serialization")


def test_a_public_key_is_written_as_others_read_it(tmp_path: Path) -> None:
    """The PEM of a public key is the one that `cryptography` writes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signer = generate(tmp_path / "key", None)
    theirs = Ed25519PublicKey.from_public_bytes(signer.public.raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert signer.public.pem() == theirs
