"""
Coins: which of k candidates is served, decided by a keyed function that nobody without the key can predict.

If a suspect model is independent of the key, the served candidate is uniform among the k given everything else. That
holds whatever the candidates are and whatever the suspect is: it is the provider's own randomness, and the whole basis
of the coin test. The coin is a function of the prompt and the *set* of candidates, so equal sets share one coin.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

from stillhunt.trace.keys import joined

SALT_BYTES = 16


class Digest(NamedTuple):
    """
    What the ledger holds of a text: `hex`, which says nothing to anybody, and `salt`, which is kept with the text.

    Whoever is shown a text and its salt can check it against `hex`; without the salt nobody can test a guess.
    """

    hex: str
    salt: bytes

    def opens(self, text: str) -> bool:
        """Whether this is the digest of a text."""
        return hmac.compare_digest(self.hex, opened(self.salt, text))


def digest_text(digest_key: bytes, text: str) -> Digest:
    """
    Return the digest of a text: SHA-256 of a salt and the text, where the salt is the keyed hash of the text.

    Equal texts have equal digests under one key, so that repeats and quoted answers can be joined; yet each text can be
    opened on its own, without the key.
    """
    salt = hmac.digest(digest_key, text.encode("utf-8", "surrogatepass"), "sha256")[:SALT_BYTES]
    return Digest(opened(salt, text), salt)


def opened(salt: bytes, text: str) -> str:
    """Return the digest that a text has with this salt, in hex."""
    return hashlib.sha256(b"stillhunt/trace/text/v1\0" + salt + text.encode("utf-8", "surrogatepass")).hexdigest()


def tag(account_key: bytes, account: str) -> str:
    """Return the 32 hex digits under which an account stands in the ledger."""
    return hmac.digest(account_key, account.encode(), "sha256").hex()[:32]


def coin_id(campaign: str, epoch: int, prompt: str, candidates: Sequence[str]) -> str:
    """Return the name of a coin: SHA-256 over campaign, epoch, prompt digest and the sorted candidate digests."""
    parts = [campaign, str(epoch), prompt, *sorted(candidates)]
    return hashlib.sha256(joined(b"stillhunt/trace/coin/v1", *(part.encode() for part in parts))).hexdigest()


def toss(coin_key: bytes, coin: str, sides: int) -> int:
    """
    Return the side on which a coin falls: an index into the sorted candidates.

    HMAC-SHA256 as a 256-bit number modulo `sides`; the bias of the modulus is below 2^-250.
    """
    if sides < 1:
        raise ValueError("a coin has at least one side")
    return int.from_bytes(hmac.digest(coin_key, bytes.fromhex(coin), "sha256"), "big") % sides


def sampled(sample_key: bytes, prompt: str) -> float:
    """
    Return a keyed number in [0, 1) for a prompt digest: calls below the share of a plan take part.

    By prompt and not by call, so that a prompt that is sent twice is treated alike both times.
    """
    return int.from_bytes(hmac.digest(sample_key, prompt.encode(), "sha256")[:8], "big") / 2**64
