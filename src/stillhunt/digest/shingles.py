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
from stillhunt.digest.lanes import (
    BLOCK,
    FNV_PRIME,
    LANES,
    LONGEST,
    block_masks,
    hash_words,
    join_words,
    trailing_zeros,
    write_places,
)
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
from stillhunt.digest.siphash import siphash_words

WORDS_PER_SHINGLE = 5
HALF = 64
"""Dimensions of each half of the sketch."""

AT_ONCE = 16_384
"""Bytes of texts whose words are held at once: what is made of them stays in the nearest caches."""

MAYBE = 1024
"""Words of the bit table of the lexicon."""

_CLASSES = byte_classes()
_FOLDED = folded_bytes()
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
    """
    Word lists as an open-addressing table: slot → word hash, slot → class.

    `maybe` has a bit for every 16 low bits that a hash in the table has: most words are turned away there.
    """

    maybe: npt.NDArray[np.uint64]
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
def _slow_edges(data, i, block, stop, is_open, classes, edges, n, marks, m):  # type: ignore[no-untyped-def]
    """
    Go on as `_edges` does, byte by byte, to the first ASCII byte from `block` on; return where, and its state.

    Characters of scripts without spaces are one word each; signs from outside ASCII have all their bytes in `marks`.
    """
    while i < stop and (i < block or data[i] >= 128):
        kind = classes[data[i]]
        if kind in (LETTER, CONTINUATION, DIGIT):
            if not is_open:
                edges[n] = i
                n += 1
                is_open = True
            if kind == DIGIT:
                marks[m] = i
                m += 1
            i += 1
            continue
        if is_open:
            edges[n] = i
            n += 1
            is_open = False
        if kind == WIDE:
            edges[n] = i
        elif kind != SEPARATOR:
            marks[m] = i
            m += 1
        i += 1
        if kind in (WIDE, SPARSE):
            while i < stop and classes[data[i]] == CONTINUATION:
                if kind == SPARSE:
                    marks[m] = i
                    m += 1
                i += 1
        if kind == WIDE:
            edges[n + 1] = i
            n += 2
    return i, is_open, n, m


@njit(cache=True, nogil=True)
def _edges(data, i, stop, exact, classes, tail, edges, n, marks):  # type: ignore[no-untyped-def]
    """
    Append where each word of `data[i:stop]` begins and ends; return how many edges there are now, and the hash of the rest.

    `exact` is that hash at its beginning: signs, and digits with an end after each run (12 and 3 are not 1 and 23).
    """
    prime = np.uint64(FNV_PRIME)
    one = np.uint64(1)
    size = np.int64(data.shape[0])
    m = np.int64(0)
    is_open = False
    while i < stop:
        if i + BLOCK <= size:
            letter, digit, sign, other = block_masks(data, i)
        else:
            tail[:] = 0
            tail[: size - i] = data[i:]
            letter, digit, sign, other = block_masks(tail, 0)
        here = np.uint64(0xFFFFFFFFFFFFFFFF)
        if stop - i < BLOCK:
            here = (one << np.uint64(stop - i)) - one
        if other & here:
            i, is_open, n, m = _slow_edges(data, i, min(i + BLOCK, stop), stop, is_open, classes, edges, n, marks, m)
            continue
        word = (letter | digit) & here
        turns = word ^ ((word << one) | np.uint64(is_open))
        is_open = (word >> np.uint64(63)) != 0
        if stop - i < BLOCK:
            turns &= here
            is_open = (word >> np.uint64(stop - i - 1)) != 0
        n += write_places(turns, i, edges, n)
        m += write_places((sign | digit) & here, i, marks, m)
        i += BLOCK
    if is_open:
        edges[n] = stop
        n += 1
    for k in range(m):
        at = np.uint64(marks[k])
        exact = (exact ^ np.uint64(data[at])) * prime
        if classes[data[at]] == DIGIT and (marks[k] + 1 == stop or classes[data[at + one]] != DIGIT):
            exact = (exact ^ np.uint64(256)) * prime
    return n, exact


@njit(cache=True, nogil=True)
def _slow_word(k0, data, i, stop, classes, folded):  # type: ignore[no-untyped-def]
    """Hash one word of any length as `hash_words` does."""
    word = k0
    prime = np.uint64(FNV_PRIME)
    while i < stop:
        if classes[data[i]] == DIGIT:
            word = (word ^ np.uint64(48)) * prime
            while i < stop and classes[data[i]] == DIGIT:
                i += 1
        else:
            word = (word ^ np.uint64(folded[data[i]])) * prime
            i += 1
    return _mix(word)


@njit(cache=True, nogil=True)
def _hashes(k0, data, edges, n_words, classes, folded, words):  # type: ignore[no-untyped-def]
    """Write the hash of each word, sixteen at a time; one by one those that are long or end the buffer."""
    size = np.int64(data.shape[0])
    for first in range(0, n_words, LANES):
        last = min(first + LANES, n_words) - 1
        slow = np.uint64(2**LANES - 1)
        if edges[2 * last] + LONGEST <= size:
            slow = hash_words(data, edges, first, k0, words)
        while slow:
            k = first + trailing_zeros(slow)
            if k <= last:
                words[k] = _slow_word(k0, data, edges[2 * k], edges[2 * k + 1], classes, folded)
            slow &= slow - np.uint64(1)


@njit(cache=True, nogil=True)
def _counts(words, first, n_words, total, sketch, lex_maybe, lex_hash, lex_class, lexicon, found):  # type: ignore[no-untyped-def]
    """Add each word to the sketch and the lexicon counts; return the hash of the text with all words folded in, in order."""
    base = np.uint64(_BASE)
    n_found = np.uint64(0)
    one = np.uint64(1)
    for k in range(first, first + n_words):
        word = words[np.uint64(k)]
        total = (total ^ word) * base
        bits = word >> np.uint64(50)
        at = bits & np.uint64(2 * HALF - 1)
        value = np.int64(sketch[at]) + np.int64((bits >> np.uint64(6)) & np.uint64(2)) - 1
        if -127 <= value <= 127:
            sketch[at] = value
        maybe = lex_maybe[(word >> np.uint64(6)) & np.uint64(MAYBE - 1)]
        found[n_found] = word
        n_found += (maybe >> (word & np.uint64(63))) & one
    mask = np.uint64(lex_hash.shape[0] - 1)
    for k in range(n_found):
        word = found[k]
        slot = word & mask
        while lex_hash[slot] != 0:
            if lex_hash[slot] == word:
                lexicon[lex_class[slot]] += 1
                break
            slot = (slot + one) & mask
    return total


@njit(cache=True, nogil=True)
def _sampled(words, first, n_words, joined, keep, out, used):  # type: ignore[no-untyped-def]
    """Append the sampled shingles of one text, not yet keyed, to `out`; return how many there are now."""
    if n_words < WORDS_PER_SHINGLE:
        if n_words == 0:
            return used
        whole = np.uint64(0)
        for k in range(first, first + n_words):
            whole = whole * np.uint64(_BASE) + words[k]
        out[used] = whole
        return used + 1
    at = np.uint64(used)
    if n_words > WORDS_PER_SHINGLE:
        out[at] = joined[first + WORDS_PER_SHINGLE - 1]
        at += np.uint64(1)
    last = first + n_words - 1
    for k in range(first + WORDS_PER_SHINGLE, last):
        out[at] = joined[np.uint64(k)]
        at += np.uint64(keep[np.uint64(k)])
    out[at] = joined[last]
    return np.int64(at) + 1


@njit(cache=True, nogil=True)
def _kernel(  # type: ignore[no-untyped-def]
    k0, k1, offsets, data, classes, folded, threshold, whole, out, out_offsets, sketch,
    lex_maybe, lex_hash, lex_class, lexicon,
):  # fmt: skip
    """
    Fill the outputs, some texts at a time; return the number of shingles, or -1 when `out` is too small.

    1. Find where words begin and end.
    2. Hash the words, and join each with the four before it: across the ends of texts as well, which nobody asks for.
    3. Count words in the sketch and the lexicon, and fold them into the hash of the text.
    4. Sample shingles.
    5. Key everything at the end.
    """
    rows = whole.shape[0]
    room = AT_ONCE
    for row in range(rows):
        room = max(room, int(offsets[row + 1]) - int(offsets[row]))
    edges = np.zeros(2 * room + 4 * LANES, dtype=np.int64)
    padded = np.zeros(room + 2 * LANES + WORDS_PER_SHINGLE, dtype=np.uint64)
    words = padded[WORDS_PER_SHINGLE - 1 :]
    joined = np.zeros(room + 2 * LANES, dtype=np.uint64)
    keep = np.zeros(room + 2 * LANES, dtype=np.uint8)
    found = np.zeros(room + 1, dtype=np.uint64)
    marks = np.zeros(room + BLOCK, dtype=np.int64)
    tail = np.zeros(BLOCK, dtype=np.uint8)
    used, done = 0, 0
    out_offsets[0] = 0
    while done < rows:
        n, stop = np.int64(0), done
        while stop < rows and (stop == done or np.int64(offsets[stop + 1]) - np.int64(offsets[done]) <= AT_ONCE):
            out_offsets[stop + 1] = n // 2
            n, whole[stop] = _edges(                                                           # 1.
                data, np.int64(offsets[stop]), np.int64(offsets[stop + 1]), k1, classes, tail, edges, n, marks
            )
            stop += 1
        edges[n : n + 2 * LANES] = 0
        n_words = n // 2
        if used + n_words + 1 > out.shape[0]:
            return -1
        _hashes(k0, data, edges, n_words, classes, folded, words)                              # 2.
        for first in range(0, n_words, LANES):
            join_words(padded, first, np.uint64(_BASE), threshold, joined, keep)
        for row in range(done, stop):
            begin = int(out_offsets[row + 1])
            its = (n_words if row + 1 == stop else int(out_offsets[row + 2])) - begin
            total = _counts(                                                                   # 3.
                words, begin, its, k0 ^ k1, sketch[row], lex_maybe, lex_hash, lex_class, lexicon[row], found
            )
            whole[row] = total ^ _mix(whole[row])
            used = _sampled(words, begin, its, joined, keep, out, used)                        # 4.
            out_offsets[row + 1] = used
        done = stop
    siphash_words(k0, k1, whole)                                                               # 5.
    siphash_words(k0, k1, out[:used])
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
            subkey[0], subkey[1], offsets, data, _CLASSES, _FOLDED, threshold,
            whole, shingles, out_offsets, sketch, lexicon.maybe, lexicon.hashes, lexicon.classes, counts,
        )  # fmt: skip
        if used >= 0:
            return Fingerprints(whole, shingles[:used], out_offsets, sketch, counts, empty)
        capacity *= 2


@njit(cache=True, nogil=True)
def _hash_word(k0, data):  # type: ignore[no-untyped-def]
    word = k0
    for i in range(data.shape[0]):
        word = (word ^ np.uint64(data[i])) * np.uint64(FNV_PRIME)
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
    maybe = np.zeros(MAYBE, dtype=np.uint64)
    for value in entries:
        maybe[value >> 6 & (MAYBE - 1)] |= np.uint64(1 << (value & 63))
    return Lexicon(maybe, hashes, classes, len(lists))
