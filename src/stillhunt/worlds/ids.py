"""
Numbers that look random and are functions of other numbers: the only source of chance inside texts and ids.

A text, an address or a name is a hash of what it belongs to, so the same task has the same words wherever it
is sent, and any part of a world can be made again on its own.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Hashes: TypeAlias = npt.NDArray[np.uint64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


def mix(values: npt.NDArray[Any], salt: int = 0) -> Hashes:
    """
    Return a 64-bit hash of each integer, different for each salt.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    z = values.astype(np.uint64, copy=True)
    z += np.uint64(((salt + 1) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def below(hashes: Hashes, bound: npt.NDArray[Any] | int) -> Ints:
    """Return integers from 0 to `bound - 1`, uniform in the hashes; `bound` must be below 2**31."""
    top = (hashes >> np.uint64(33)).astype(np.int64)
    return (top * bound) >> 31


def unit(hashes: Hashes) -> Floats:
    """Return the hashes as fractions in [0, 1)."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
