"""
Blinding: what the tests of joint operation read is coded anew for each set, before they read it.

An outsider can recompute a test only from what it read. So that this can be handed out, hashes of prompts and sketches of
their words are coded under a salt that belongs to one set in one hunt: the codes mean nothing in another set, and without
the deployment key nobody can compute the salt. The tests look at equality of prompts and at inner products of sketches, and
both survive.

    prompts    v → BLAKE2b(v, key = salt), 64 bits (0, no prompt, stays 0; v modulo `LINKING_ONE_IN` is kept)
    sketches   each half is turned: x → (H D₃)(H D₂)(H D₁) x / 512, with H the 64 × 64 Hadamard matrix and D_r diagonal
               matrices of signs drawn under the salt, then rounded to 1/254 of unit length

Turning changes every coordinate and no inner product; rounding takes away what exact lengths and angles would give away
(N. Ailon, B. Chazelle, "The fast Johnson–Lindenstrauss transform", SIAM Journal on Computing 39, 2009, for H D).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from stillhunt.model import LINKING_ONE_IN

STEPS = 254.0
"""Steps in one unit of length; ±127 of them reach half of it, beyond which coordinates are cut."""

TURNS = 3


def recoded(values: npt.NDArray[np.uint64], salt: bytes) -> npt.NDArray[np.uint64]:
    """Return the code of each value under a salt; equal values have equal codes, 0 stays 0, and what serves linking still does."""
    distinct, place = np.unique(values, return_inverse=True)
    codes = np.array([_code(value, salt) for value in distinct.tolist()], dtype=np.uint64)
    return codes[place] if len(codes) else values.copy()


def _code(value: int, salt: bytes) -> int:
    if value == 0:
        return 0
    code = int.from_bytes(hashlib.blake2b(value.to_bytes(8, "little"), digest_size=8, key=salt).digest(), "little")
    return code - code % LINKING_ONE_IN + value % LINKING_ONE_IN


def turned(sketch: npt.NDArray[np.float64], salt: bytes) -> npt.NDArray[np.float64]:
    """Return sketches (rows, width) with each half turned under a salt; widths of a half must be powers of two."""
    half = sketch.shape[1] // 2
    if not half:
        return sketch
    out = np.zeros(sketch.shape)
    for number in range(2):
        part = sketch[:, number * half : (number + 1) * half]
        for turn in range(TURNS):
            part = _hadamard(part * _signs(salt, b"half %d turn %d" % (number, turn), half))
        out[:, number * half : (number + 1) * half] = part / half ** (TURNS / 2)
    return out


def rounded(sketch: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Return sketches of unit length in steps of 1/254, cut at ±127 steps."""
    return np.clip(np.rint(sketch * STEPS), -127, 127).astype(np.int8)


def _signs(salt: bytes, purpose: bytes, n: int) -> npt.NDArray[np.float64]:
    bits = np.unpackbits(np.frombuffer(hashlib.blake2b(purpose, digest_size=64, key=salt).digest(), dtype=np.uint8))
    signs: npt.NDArray[np.float64] = 1.0 - 2.0 * bits[:n].astype(np.float64)
    return signs


def _hadamard(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rows times the Hadamard matrix, not scaled; sums of whole numbers stay exact."""
    n, width = rows.shape
    step = 1
    while step < width:
        pairs = rows.reshape(n, width // (2 * step), 2, step)
        rows = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2).reshape(n, width)
        step *= 2
    return rows
