"""
Signing keys: Ed25519 key files under a passphrase, or a command that signs, as key-management services offer.

A private key lies in a file of its own, encrypted where a passphrase is given, readable by its owner only; it never
enters a dossier. A command gets the bytes to sign on its standard input and answers with the signature in Base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhunt.errors import ConfigError, SealError, StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_BYTES = 32
COMMAND_SECONDS = 60.0


def need(module: str) -> Any:
    """
    Return a module of the extra `evidence`.

    Raises `ConfigError`, which names the extra, when it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"Signatures and timestamps need the package `{module.partition('.')[0]}`, which is not installed.\n"
            "Install the extra: pip install 'stillhunt[evidence]'"
        ) from error


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key of 32 bytes; `keyid` is the SHA-256 of them in hex."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise SealError(f"A public key has {len(self.raw)} bytes instead of {KEY_BYTES}.\nGive an Ed25519 key.")

    @property
    def keyid(self) -> str:
        """What signatures name the key by."""
        return hashlib.sha256(self.raw).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Return whether a signature of some bytes is by this key."""
        ed25519 = need("cryptography.hazmat.primitives.asymmetric.ed25519")
        invalid = need("cryptography.exceptions").InvalidSignature
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (invalid, ValueError):
            return False
        return True

    def pem(self) -> bytes:
        """Return the key as PEM (SubjectPublicKeyInfo), which other tools read."""
        head = bytes.fromhex("302a300506032b6570032100")
        return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(head + self.raw) + b"\n-----END PUBLIC KEY-----\n"


@dataclass(frozen=True, slots=True)
class FileSigner:
    """Signs with a private key that is held in memory."""

    _private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"FileSigner(keyid={self.public.keyid[:16]!r})"

    @property
    def public(self) -> PublicKey:
        """The key under which signatures verify."""
        return PublicKey(self._private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""
        return self._private.sign(data)


@dataclass(frozen=True, slots=True)
class CommandSigner:
    """Signs by running a command: bytes on its standard input, the signature in Base64 on its standard output."""

    command: str
    public: PublicKey

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes; raise `SealError` when the command fails or answers something else."""
        advice = "It must read the bytes to sign and write their Ed25519 signature in Base64."
        try:
            done = subprocess.run(
                shlex.split(self.command), input=data, capture_output=True, timeout=COMMAND_SECONDS, check=True
            )
            signature = base64.b64decode(done.stdout.strip(), validate=True)
        except (OSError, subprocess.SubprocessError, binascii.Error, ValueError) as error:
            raise SealError(f"The signing command failed ({type(error).__name__}).\n{advice}") from error
        if len(signature) != 2 * KEY_BYTES:
            raise SealError(f"The signing command answered {len(signature)} bytes instead of 64.\n{advice}")
        return signature


def generate(path: Path, passphrase: bytes | None) -> FileSigner:
    """
    Make a key, write it to a file that must not exist (PKCS #8 PEM, mode 600) and return its signer.

    The public key is written beside it, as `NAME.pub`. Raises `StoreError` when a file exists or cannot be written.
    """
    ed25519 = need("cryptography.hazmat.primitives.asymmetric.ed25519")
    forms = need("cryptography.hazmat.primitives.serialization")
    private = ed25519.Ed25519PrivateKey.generate()
    protection = forms.BestAvailableEncryption(passphrase) if passphrase else forms.NoEncryption()
    pem = private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, protection)
    signer = FileSigner(private)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
        public_file(path).write_bytes(signer.public.pem())
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be written: {error.strerror}.\nGive the name of a new file.") from error
    return signer


def public_file(path: Path) -> Path:
    """Return where the public key of a key file lies."""
    return path.with_name(path.name + ".pub")


def open_signer(path: Path, passphrase: bytes | None) -> FileSigner:
    """
    Return the signer of a key file.

    Raises `ConfigError` when it is no Ed25519 key, or the passphrase is missing, wrong or not needed.
    """
    forms = need("cryptography.hazmat.primitives.serialization")
    ed25519 = need("cryptography.hazmat.primitives.asymmetric.ed25519")
    try:
        private = forms.load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise ConfigError(f"{path}: this key file cannot be read: {error.strerror}.\nGive another.") from error
    except TypeError as error:
        needed = "has no passphrase, and one was given" if passphrase else "is under a passphrase, and none was given"
        raise ConfigError(f"{path}: this key file {needed}.\nSee STILLHUNT_SEAL_PASSPHRASE.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: the passphrase is wrong, or this is no PEM key file.\nGive another.") from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise ConfigError(f"{path}: this is not an Ed25519 key.\nMake one with `stillhunt keys new`.")
    return FileSigner(private)


def read_public(path: Path) -> PublicKey:
    """Return the public key in a PEM file; raise `ConfigError` when there is none."""
    forms = need("cryptography.hazmat.primitives.serialization")
    try:
        key = forms.load_pem_public_key(path.read_bytes())
        return PublicKey(key.public_bytes_raw())
    except OSError as error:
        raise ConfigError(f"{path}: this key file cannot be read: {error.strerror}.\nGive another.") from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: this is no PEM file of an Ed25519 public key.\nGive the signer's `.pub`.") from error
