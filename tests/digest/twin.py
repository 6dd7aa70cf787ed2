"""The kernel of the digest, said slowly: Python integers, one word at a time, no rolling anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

FULL = 2**64 - 1
_TOKEN = re.compile(
    rb"(?P<wide>[\xe3-\xff][\x80-\xbf]*)"
    rb"|(?P<word>(?:[A-Za-z_\x80-\xe1]|[0-9]+)+)"
    rb"|(?P<sign>\xe2[\x80-\xbf]*|[!-~])"
    rb"|(?P<space>[\x00-\x20\x7f])"
)


def siphash(k0: int, k1: int, message: bytes) -> int:
    """Return SipHash-2-4, from the paper."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(x: int, by: int) -> int:
        return (x << by | x >> (64 - by)) & FULL

    def rounds(count: int) -> None:
        for _ in range(count):
            for a, b, by in ((0, 1, 13), (2, 3, 16)):
                v[a] = (v[a] + v[b]) & FULL
                v[b] = turn(v[b], by) ^ v[a]
            v[0] = turn(v[0], 32)
            for a, b, by in ((2, 1, 17), (0, 3, 21)):
                v[a] = (v[a] + v[b]) & FULL
                v[b] = turn(v[b], by) ^ v[a]
            v[2] = turn(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def mix(x: int) -> int:
    """Return the finaliser of MurmurHash3."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ x >> 33) * factor & FULL
    return x ^ x >> 33


@dataclass(frozen=True)
class Read:
    """What a text says: its words, folded, and its numbers and signs as they stand, in order."""

    words: tuple[bytes, ...]
    numbers_and_signs: tuple[bytes, ...]


def read(text: bytes) -> Read:
    """Return what counts in a text: two texts that read the same are the same text."""
    words, rest = [], []
    for token in _TOKEN.finditer(text):
        if token["wide"]:
            words.append(token["wide"])
        elif token["word"]:
            words.append(re.sub(rb"[0-9]+", b"0", token["word"].lower()))
            rest += re.findall(rb"[0-9]+", token["word"])
        elif token["sign"]:
            rest.append(token["sign"])
    return Read(words=tuple(words), numbers_and_signs=tuple(rest))


def word_hash(k0: int, word: bytes) -> int:
    """Return the 64-bit hash of one folded word."""
    h = k0
    for byte in word:
        h = (h ^ byte) * 0x100000001B3 & FULL
    return mix(h)


def shingles(text: bytes, k0: int, k1: int, one_in: int) -> list[int]:
    """
    Return the sampled shingles of a text, in order: five words in a row, or all of them when there are fewer.

    The first and the last are always among them.
    """
    hashes = [word_hash(k0, word) for word in read(text).words]
    windows = [hashes[i : i + 5] for i in range(len(hashes) - 4)] or [hashes]
    kept = []
    for number, window in enumerate(windows):
        joined = 0
        for h in window:
            joined = (joined * 0x9E3779B97F4A7C15 + h) & FULL
        if window and (number in (0, len(windows) - 1) or mix(joined) * one_in < 2**64):
            kept.append(siphash(k0, k1, joined.to_bytes(8, "little")))
    return kept


def sketch(text: bytes, k0: int) -> list[int]:
    """Return the sketch: each word adds its sign to one of 128 counters, which stop at ±127."""
    counters = [0] * 128
    for word in read(text).words:
        bits = word_hash(k0, word) >> 50
        at, step = bits % 128, 1 if bits & 128 else -1
        counters[at] = max(-127, min(127, counters[at] + step))
    return counters


def whole(text: bytes, k0: int, k1: int) -> int:
    """Return the hash of a whole text: its words in order, and its numbers and signs in order."""
    total, exact = k0 ^ k1, k1
    for word in read(text).words:
        total = (total ^ word_hash(k0, word)) * 0x9E3779B97F4A7C15 & FULL
    for token in read(text).numbers_and_signs:
        for byte in (*token, 256) if token.isdigit() else token:
            exact = (exact ^ byte) * 0x100000001B3 & FULL
    return siphash(k0, k1, (total ^ mix(exact)).to_bytes(8, "little"))


def lexicon(text: bytes, lists: Sequence[Sequence[str]]) -> list[int]:
    """Return how many words of a text stand in each list; a word of two lists counts for the first."""
    first = {word.encode(): number for number, words in reversed(list(enumerate(lists))) for word in words}
    found = [first[word] for word in read(text).words if word in first]
    return [found.count(number) for number in range(len(lists))]
