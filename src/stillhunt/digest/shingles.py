"""
The one pass over the text: everything that is kept of a prompt is made here.

Per text, the kernel makes
1. the hash of the whole normalised text (exact repeats);
2. sampled shingles: hashes of five words in a row, kept when below a threshold (FracMinHash: the same
   shingle is kept or dropped wherever it occurs, so sets merge by union across texts, accounts and days);
   the first and the last of a text are kept in any case, because a template may be short;
3. a split-half sketch: words counted with a random sign into two half vectors, chosen by the word, which
   estimates how much two texts are about the same thing and how reliable that estimate is;
4. the number of words from each list of the capability lexicon.
All hashes are keyed. Source of 2: L. Irber et al., "Lightweight compositional analysis of metagenomes with
FracMinHash and minimum metagenome covers", bioRxiv 2022.01.11.475838. Source of 3: K. Weinberger et al.,
"Feature hashing for large scale multitask learning", ICML 2009.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillhunt.digest.buffers import string_buffers
from stillhunt.digest.normalise import (
    CONTINUATION,
    DIGIT,
    LETTER,
    SEPARATOR,
    SPARSE,
    WIDE,
    byte_classes,
    folded_bytes,
)
from stillhunt.digest.siphash import siphash_word

WORDS_PER_SHINGLE = 5
HALF = 64
"""Dimensions of each half of the sketch."""

_CLASSES = byte_classes()
_LETTERS = np.where(np.isin(_CLASSES, (LETTER, CONTINUATION)), folded_bytes(), 0).astype(np.uint8)
_PRIME = 0x100000001B3
_BASE = 0x9E3779B97F4A7C15


class Fingerprints(NamedTuple):
    """What the kernel makes of n texts."""

    whole: npt.NDArray[np.uint64]
    """(n,) keyed hash of the whole normalised text."""
    shingles: npt.NDArray[np.uint64]
    """(total,) sampled shingles of all texts, one after the other."""
    offsets: npt.NDArray[np.int32]
    """(n + 1,) where each text's shingles begin."""
    sketch: npt.NDArray[np.int8]
    """(n, 2·HALF) split-half sketch."""
    lexicon: npt.NDArray[np.uint16]
    """(n, classes) words found from each list."""
    empty: npt.NDArray[np.bool_]
    """(n,) true where there was no text."""


class Lexicon(NamedTuple):
    """Word lists as an open-addressing table: slot → word hash, slot → class."""

    hashes: npt.NDArray[np.uint64]
    classes: npt.NDArray[np.uint8]
    n_classes: int


@njit(cache=True, nogil=True, inline="always")
def _mix(x):  # type: ignore[no-untyped-def]
    """Finaliser of MurmurHash3 (A. Appleby, public domain)."""
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return x


@njit(cache=True, nogil=True)
def _kernel(  # type: ignore[no-untyped-def]
    k0, k1, offsets, data, classes, letters, threshold, whole, out, out_offsets, sketch, lex_hash, lex_class, lexicon
):
    """
    Fill the outputs; return the number of shingles, or -1 when `out` is too small.

    1. Scan to the end of a word, hashing its folded bytes; a run of digits counts as one placeholder.
    2. At its end, fold the word into the hash of the text, the sketch, the lexicon counts and the shingle.
    3. Keep the shingle when its hash is below `threshold`, and the first.
    4. Keep the last shingle.
    """
    window = np.zeros(WORDS_PER_SHINGLE, dtype=np.uint64)
    prime = np.uint64(_PRIME)
    base = np.uint64(_BASE)
    top = np.uint64(1)
    for _ in range(WORDS_PER_SHINGLE):
        top *= base
    mask = np.uint64(lex_hash.shape[0] - 1)
    used = 0
    capacity = out.shape[0]
    out_offsets[0] = 0
    for row in range(whole.shape[0]):
        exact = k1
        rolling = np.uint64(0)
        total = k0 ^ k1
        n_words = 0
        ring = 0
        kept = False
        i = np.int64(offsets[row])
        stop = np.int64(offsets[row + 1])
        while i < stop:
            word = k0
            start = i
            while i < stop:                                                                # 1.
                letter = letters[data[i]]
                if letter == 0:
                    kind = classes[data[i]]
                    if kind == WIDE:
                        if i > start:
                            break
                        word = (word ^ np.uint64(data[i])) * prime
                        i += 1
                        while i < stop and classes[data[i]] == CONTINUATION:
                            word = (word ^ np.uint64(data[i])) * prime
                            i += 1
                        break
                    if kind != DIGIT:
                        break
                    word = (word ^ np.uint64(48)) * prime
                    while i < stop and classes[data[i]] == DIGIT:
                        exact = (exact ^ np.uint64(data[i])) * prime
                        i += 1
                    exact = (exact ^ np.uint64(256)) * prime  # 12 and 3 are not 1 and 23
                else:
                    word = (word ^ np.uint64(letter)) * prime
                    i += 1
            if i == start:
                kind = classes[data[i]]
                if kind != SEPARATOR:
                    exact = (exact ^ np.uint64(data[i])) * prime
                i += 1
                if kind == SPARSE:
                    while i < stop and classes[data[i]] == CONTINUATION:
                        exact = (exact ^ np.uint64(data[i])) * prime
                        i += 1
                continue
            word = _mix(word)                                                              # 2.
            total = (total ^ word) * base
            bits = word >> np.uint64(50)
            at = np.int64(bits & np.uint64(2 * HALF - 1))
            value = sketch[row, at] + (1 if bits & np.uint64(2 * HALF) else -1)
            if -127 <= value <= 127:
                sketch[row, at] = value
            slot = word & mask
            while lex_hash[slot] != 0:
                if lex_hash[slot] == word:
                    lexicon[row, lex_class[slot]] += 1
                    break
                slot = (slot + np.uint64(1)) & mask
            rolling = rolling * base + word - window[ring] * top
            window[ring] = word
            ring += 1
            if ring == WORDS_PER_SHINGLE:
                ring = 0
            n_words += 1
            kept = n_words == WORDS_PER_SHINGLE or (n_words > WORDS_PER_SHINGLE and _mix(rolling) < threshold)
            if kept:                                                                       # 3.
                if used == capacity:
                    return -1
                out[used] = siphash_word(k0, k1, rolling)
                used += 1
        if n_words > 0 and not kept:                                                       # 4.
            if used == capacity:
                return -1
            out[used] = siphash_word(k0, k1, rolling)
            used += 1
        window[:] = 0
        whole[row] = siphash_word(k0, k1, total ^ _mix(exact))
        out_offsets[row + 1] = used
    return used


def fingerprint(
    texts: pa.Array, subkey: npt.NDArray[np.uint64], lexicon: Lexicon, *, one_in: int
) -> Fingerprints:
    """
    Fingerprint n texts in one pass over their bytes, keeping about one shingle in `one_in`, the first and the last.

    Texts of fewer than five words give one shingle of all their words.
    """
    offsets, data, empty = string_buffers(texts)
    n = len(texts)
    whole = np.zeros(n, dtype=np.uint64)
    out_offsets = np.zeros(n + 1, dtype=np.int32)
    threshold = np.uint64(2**64 // one_in - (1 if one_in == 1 else 0))
    size = int(offsets[-1] - offsets[0]) if n else 0
    capacity = 2 * n + size // (3 * one_in) + 64
    while True:
        shingles = np.empty(capacity, dtype=np.uint64)
        sketch = np.zeros((n, 2 * HALF), dtype=np.int8)
        counts = np.zeros((n, lexicon.n_classes), dtype=np.uint16)
        used = _kernel(
            subkey[0], subkey[1], offsets, data, _CLASSES, _LETTERS, threshold,
            whole, shingles, out_offsets, sketch, lexicon.hashes, lexicon.classes, counts,
        )  # fmt: skip
        if used >= 0:
            return Fingerprints(whole, shingles[:used], out_offsets, sketch, counts, empty)
        capacity *= 2


@njit(cache=True, nogil=True)
def _hash_word(k0, data):  # type: ignore[no-untyped-def]
    word = k0
    for i in range(data.shape[0]):
        word = (word ^ np.uint64(data[i])) * np.uint64(_PRIME)
    return _mix(word)


def build_lexicon(lists: list[list[str]], subkey: npt.NDArray[np.uint64]) -> Lexicon:
    """Return the table of some lists of lower-case words; a word in two lists counts for the first."""
    entries: dict[int, int] = {}
    for number, words in enumerate(lists):
        for word in words:
            data = np.frombuffer(word.encode(), dtype=np.uint8)
            entries.setdefault(int(_hash_word(subkey[0], data)), number)
    size = 1 << max(8, (4 * len(entries)).bit_length())
    hashes = np.zeros(size, dtype=np.uint64)
    classes = np.zeros(size, dtype=np.uint8)
    for value, number in entries.items():
        slot = value & (size - 1)
        while hashes[slot]:
            slot = (slot + 1) & (size - 1)
        hashes[slot] = value
        classes[slot] = number
    return Lexicon(hashes, classes, len(lists))
