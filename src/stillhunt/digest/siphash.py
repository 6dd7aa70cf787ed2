"""
SipHash-2-4 over Arrow buffers: the keyed hash of every value that leaves the digest.

Source: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, uint64

from stillhunt.digest.buffers import string_buffers


@njit(uint64(uint64, uint64), cache=True, nogil=True, inline="always")
def _rotl(x, b):  # type: ignore[no-untyped-def]
    return (x << b) | (x >> (np.uint64(64) - b))


@njit(cache=True, nogil=True, inline="always")
def _round(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    v0 += v1
    v1 = _rotl(v1, np.uint64(13)) ^ v0
    v0 = _rotl(v0, np.uint64(32))
    v2 += v3
    v3 = _rotl(v3, np.uint64(16)) ^ v2
    v0 += v3
    v3 = _rotl(v3, np.uint64(21)) ^ v0
    v2 += v1
    v1 = _rotl(v1, np.uint64(17)) ^ v2
    v2 = _rotl(v2, np.uint64(32))
    return v0, v1, v2, v3


@njit(cache=True, nogil=True)
def siphash_word(k0, k1, m):  # type: ignore[no-untyped-def]
    """Return SipHash-2-4 of the eight bytes of one uint64 (little endian)."""
    v0 = k0 ^ np.uint64(0x736F6D6570736575)
    v1 = k1 ^ np.uint64(0x646F72616E646F6D)
    v2 = k0 ^ np.uint64(0x6C7967656E657261)
    v3 = k1 ^ np.uint64(0x7465646279746573)
    for word in (m, np.uint64(8) << np.uint64(56)):
        v3 ^= word
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= np.uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(cache=True, nogil=True)
def siphash_words(k0, k1, values):  # type: ignore[no-untyped-def]
    """Replace each uint64 by its SipHash-2-4; nothing in a turn depends on another, so that they run side by side."""
    for at in range(values.shape[0]):
        values[at] = siphash_word(k0, k1, values[at])


@njit(cache=True, nogil=True)
def siphash_bytes(k0, k1, data, start, stop):  # type: ignore[no-untyped-def]
    """Return SipHash-2-4 of `data[start:stop]` (uint8)."""
    v0 = k0 ^ np.uint64(0x736F6D6570736575)
    v1 = k1 ^ np.uint64(0x646F72616E646F6D)
    v2 = k0 ^ np.uint64(0x6C7967656E657261)
    v3 = k1 ^ np.uint64(0x7465646279746573)
    n = stop - start
    whole = n // 8
    for block in range(whole + 1):
        word = np.uint64(0)
        size = 8 if block < whole else n - whole * 8
        for j in range(size):
            word |= np.uint64(data[start + block * 8 + j]) << np.uint64(8 * j)
        if block == whole:
            word |= np.uint64(n & 0xFF) << np.uint64(56)
        v3 ^= word
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= np.uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@njit(cache=True, nogil=True)
def _prefix_stop(data, start, stop):  # type: ignore[no-untyped-def]
    """Index after the network part: /24 of a dotted address, /48 of a colon address."""
    last_dot = -1
    colons = 0
    third_colon = -1
    for i in range(start, stop):
        if data[i] == 46:
            last_dot = i
        elif data[i] == 58:
            colons += 1
            if colons == 3:
                third_colon = i
    if last_dot >= 0:
        return last_dot
    if third_colon >= 0:
        return third_colon
    return stop


@njit(cache=True, nogil=True)
def _hash_rows(k0, k1, offsets, data, out, prefix):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        start, stop = offsets[row], offsets[row + 1]
        if prefix:
            stop = _prefix_stop(data, start, stop)
        out[row] = siphash_bytes(k0, k1, data, start, stop)


def keyed_hash(values: pa.Array, subkey: npt.NDArray[np.uint64], *, network: bool = False) -> pa.Array:
    """
    Return one uint64 per string (null stays null, the empty string becomes null).

    With `network`, only the network part of an address is hashed: the /24 of an IPv4 address, the /48 of an
    IPv6 address, so that neighbours get equal values.
    """
    offsets, data, empty = string_buffers(values)
    out = np.empty(len(values), dtype=np.uint64)
    _hash_rows(subkey[0], subkey[1], offsets, data, out, network)
    return pa.array(out, mask=empty)
