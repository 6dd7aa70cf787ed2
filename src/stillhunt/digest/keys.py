"""
The deployment key: fingerprints made under it mean nothing to anybody else.

Short or guessable texts are the reason the key exists: without it a fingerprint of "hello" could be
looked up. Whoever holds the key and a fingerprint can test guesses, so the key is kept like a password.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.errors import ConfigError

MINIMUM_BYTES = 16


@dataclass(frozen=True, slots=True)
class Key:
    """
    A secret of at least 16 bytes from which one subkey per purpose is derived.

    Purposes are separated so that equal strings in different columns do not get equal fingerprints
    unless they are meant to be compared. Raises `ConfigError` when the secret is too short.
    """

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) < MINIMUM_BYTES:
            raise ConfigError(
                f"The key has {len(self.secret)} bytes; a key needs at least {MINIMUM_BYTES}.\n"
                "Give a longer one with `--key-file`, or leave the option out to have one made."
            )

    def __repr__(self) -> str:
        return f"Key(fingerprint={self.fingerprint!r})"

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that tell keys apart without revealing them."""
        return self._derive("fingerprint").hex()[:12]

    def words(self, purpose: str) -> npt.NDArray[np.uint64]:
        """Return the 128-bit subkey of a purpose as two uint64 (BLAKE2b, keyed; RFC 7693)."""
        return np.frombuffer(self._derive(purpose), dtype="<u8").astype(np.uint64)

    def tag(self, purpose: str, parts: list[str], digits: int = 8) -> str:
        """Return a short keyed hex tag of some strings, order kept."""
        digest = hashlib.blake2b(key=self._derive(purpose), digest_size=16)
        for part in parts:
            digest.update(len(part.encode()).to_bytes(8, "little"))
            digest.update(part.encode())
        return digest.hexdigest()[:digits]

    def digest(self, purpose: str, parts: Iterable[str | None]) -> bytes:
        """Return 32 bytes that commit to some texts, missing ones told from empty ones (BLAKE2b, keyed)."""
        digest = hashlib.blake2b(key=self._derive(purpose), digest_size=32)
        for part in parts:
            content = b"" if part is None else part.encode("utf-8", "surrogatepass")
            digest.update((0 if part is None else len(content) + 1).to_bytes(8, "little"))
            digest.update(content)
        return digest.digest()

    def _derive(self, purpose: str) -> bytes:
        secret = hashlib.blake2b(self.secret, digest_size=64).digest()
        return hashlib.blake2b(purpose.encode(), key=secret, digest_size=16).digest()
