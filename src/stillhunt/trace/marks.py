"""
The keyed green lists of a campaign's watermark, over tokens where logits are at hand and over words where not.

Red/green marks after Kirchenbauer et al. (arXiv:2301.10226), with a context of one or two tokens: what a student picks up
are short habits, and marks with long contexts leave almost none. This module needs numpy only; a serving stack adds
`delta` to the logits of `green`, and an audit asks the same function.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from stillhunt.errors import ConfigError

CONTEXTS = (1, 2)
WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkKey:
    """
    The key of a campaign's mark, with the context (in tokens) and the share `gamma` of the vocabulary that is green.

    Raises `ConfigError` for a context that is not 1 or 2 (longer ones are hardly learnt) or a `gamma` not in (0, 1).
    """

    key: bytes
    context: int = 1
    gamma: float = 0.5

    def __post_init__(self) -> None:
        if self.context not in CONTEXTS:
            raise ConfigError(
                f"A mark with a context of {self.context} tokens was asked for.\nUse 1 or 2: students hardly learn longer ones."
            )
        if not 0.0 < self.gamma < 1.0:
            raise ConfigError(f"The green share of a mark is {self.gamma}.\nGive one between 0 and 1, as 0.5.")

    def __repr__(self) -> str:
        return f"MarkKey(context={self.context}, gamma={self.gamma})"

    def green(self, context: Sequence[int], vocabulary: int) -> npt.NDArray[np.bool_]:
        """
        Return for each token whether it is green after a context of token ids; shape (vocabulary,).

        One row per context: the HMAC of the context seeds Philox 4x64 (Salmon et al. 2011), whose stream numpy keeps
        stable. A larger vocabulary extends the row and changes nothing in it.
        """
        if len(context) != self.context:
            raise ValueError(f"the context has {len(context)} tokens and not {self.context}")
        return _row(self.key, tuple(int(token) for token in context), self.gamma, vocabulary)

    def green_word(self, context: Sequence[str], word: str) -> bool:
        """Whether a word is green after a context of words; all are compared as `words_of` gives them."""
        text = "\0".join((*context, word)).encode()
        value = int.from_bytes(hashlib.blake2b(text, key=self.key[:64], digest_size=8).digest(), "big")
        return value < self.gamma * 2**64

    def word_score(self, text: str) -> float:
        """
        Return how much greener a text is than chance, in standard deviations; 0 for a text too short to say.

        Each distinct (context, word) counts once, so that a refrain is no evidence.
        """
        words = words_of(text)
        seen = {(tuple(words[i - self.context : i]), words[i]) for i in range(self.context, len(words))}
        if not seen:
            return 0.0
        greens = sum(self.green_word(context, word) for context, word in seen)
        spread = math.sqrt(len(seen) * self.gamma * (1.0 - self.gamma))
        return (greens - self.gamma * len(seen)) / spread


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return WORDS.findall(text.lower())


@lru_cache(maxsize=4096)
def _row(key: bytes, context: tuple[int, ...], gamma: float, vocabulary: int) -> npt.NDArray[np.bool_]:
    message = b"".join(token.to_bytes(8, "little", signed=True) for token in context)
    seed = int.from_bytes(hmac.digest(key, message, "sha256")[:16], "little")
    stream = np.random.Philox(key=seed)
    # Philox gives four words a step: a whole number of steps keeps rows of all lengths one another's beginnings.
    raw = stream.random_raw(-(-vocabulary // 4) * 4)[:vocabulary]
    row: npt.NDArray[np.bool_] = raw < np.uint64(min(2**64 - 1, round(gamma * 2**64)))
    row.flags.writeable = False
    return row
