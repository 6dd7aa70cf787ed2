"""
The master key of tracing, and the keys that are derived from it for one purpose, campaign and epoch each.

Keys are derived, never stored: giving away the coin key of one campaign's epoch, as an auditor may ask, gives away
nothing about another.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stillhunt.deployment_key import read_key
from stillhunt.errors import ConfigError

MINIMUM_BYTES = 32
SALT = b"stillhunt/trace/v1"
PURPOSES = frozenset({"account", "canary", "coin", "digest", "mark", "sample", "store"})


@dataclass(frozen=True, slots=True)
class Master:
    """
    A secret of at least 32 bytes that never leaves the gateway.

    Raises `ConfigError` when it is shorter.
    """

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) < MINIMUM_BYTES:
            raise ConfigError(
                f"The master key of tracing has {len(self.secret)} bytes; it needs at least {MINIMUM_BYTES}.\n"
                "Have one made with `--key-file` and a name that does not exist yet."
            )

    def __repr__(self) -> str:
        return "Master(…)"

    def derive(self, purpose: str, campaign: str = "", epoch: int = 0) -> bytes:
        """
        Return the 32-byte key of a purpose (one of `PURPOSES`) for a campaign and epoch.

        HKDF with SHA-256 (RFC 5869); the parts of `info` carry their lengths, so that no two lists of parts are equal.
        """
        if purpose not in PURPOSES:
            raise ValueError(f"no key has the purpose {purpose!r}")
        info = joined(purpose.encode(), campaign.encode(), str(epoch).encode())
        return HKDF(algorithm=SHA256(), length=32, salt=SALT, info=info).derive(self.secret)


def joined(*parts: bytes) -> bytes:
    """Return parts in one, each after its length in eight bytes: two different lists never give the same bytes."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def commitment(key: bytes) -> str:
    """Return what may be published of a key: its SHA-256, which shows later that the key was this one all along."""
    return hashlib.sha256(b"stillhunt/trace/key/v1\0" + key).hexdigest()


def read_master(path: Path, *, make: bool) -> Master:
    """
    Return the master key in a file of hex digits; make one of 32 random bytes, readable by its owner only, when it may.

    Raises `ConfigError` when the file is missing and may not be made or holds too short a key, `StoreError` when it
    cannot be read or written.
    """
    return Master(read_key(path, make=make))


def is_digest(text: str) -> bool:
    """Whether a text is 64 hex digits, as every digest of the ledger is."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None
