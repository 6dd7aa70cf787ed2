"""
Merkle trees as Certificate Transparency defines them, with proofs of inclusion and of consistency.

    leaf   = SHA-256(0x00 ‖ data)
    node   = SHA-256(0x01 ‖ left ‖ right)
    root of n leaves: split after the largest power of two smaller than n; the root of none is SHA-256 of nothing

Trees are built from leaf hashes, so that whoever proves needs no data. Source: B. Laurie, A. Langley, E. Kasper,
"Certificate Transparency", RFC 6962 (2013), section 2.1.

`partial_proof` is one proof for many leaves at once: the hashes of all largest subtrees without one of the leaves, from
left to right. It is checked by the same walk that makes it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from stillhunt.errors import SealError

HASH_BYTES = 32
EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree over leaf hashes, in one pass with a stack of complete subtrees."""
    if not leaves:
        return EMPTY
    stack: list[bytes] = []
    for number, leaf in enumerate(leaves, 1):
        stack.append(leaf)
        while number % 2 == 0:
            right = stack.pop()
            stack[-1] = node_hash(stack[-1], right)
            number //= 2
    while len(stack) > 1:
        right = stack.pop()
        stack[-1] = node_hash(stack[-1], right)
    return stack[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of one leaf, lowest sibling first (PATH of RFC 6962)."""
    _in_range(index, len(leaves))
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Return whether an audit path leads from a leaf at an index of a tree of a size to the root."""
    if not 0 <= index < size:
        return False
    turns = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        turns.append(index >= middle)
        low, high = (middle, high) if index >= middle else (low, middle)
    if len(turns) != len(path):
        return False
    for right, sibling in zip(reversed(turns), path, strict=True):
        leaf = node_hash(sibling, leaf) if right else node_hash(leaf, sibling)
    return leaf == expected


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """Return the proof that the tree over the first `earlier` leaves is a beginning of the whole (PROOF of RFC 6962)."""
    if not 0 < earlier <= len(leaves):
        raise SealError(f"A tree of {len(leaves)} leaves was never one of {earlier}.\nAsk for 1 to {len(leaves)}.")
    return _subproof(leaves, earlier, whole=True)


def _subproof(leaves: Sequence[bytes], earlier: int, *, whole: bool) -> list[bytes]:
    if earlier == len(leaves):
        return [] if whole else [root(leaves)]
    middle = _split(len(leaves))
    if earlier <= middle:
        return [*_subproof(leaves[:middle], earlier, whole=whole), root(leaves[middle:])]
    return [*_subproof(leaves[middle:], earlier - middle, whole=False), root(leaves[:middle])]


def verify_consistency(earlier: int, size: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the tree with root `old` is a beginning of the one with root `new`."""
    if not 0 < earlier <= size:
        return False
    if earlier == size:
        return not proof and old == new
    steps = list(proof)
    try:
        found_old, found_new = _replayed(earlier, size, old, steps, whole=True)
    except IndexError:
        return False
    return not steps and found_old == old and found_new == new


def _replayed(earlier: int, size: int, old: bytes, steps: list[bytes], *, whole: bool) -> tuple[bytes, bytes]:
    """Return the roots of the earlier and of the present subtree, taking steps from the end of the list."""
    if earlier == size:
        here = old if whole else steps.pop()
        return here, here
    middle = _split(size)
    sibling = steps.pop()
    if earlier <= middle:
        before, now = _replayed(earlier, middle, old, steps, whole=whole)
        return before, node_hash(now, sibling)
    before, now = _replayed(earlier - middle, size - middle, old, steps, whole=False)
    return node_hash(sibling, before), node_hash(sibling, now)


def partial_proof(leaves: Sequence[bytes], indices: Sequence[int]) -> list[bytes]:
    """Return what else is needed to compute the root from the leaves at some ascending indices."""
    for index in indices:
        _in_range(index, len(leaves))
    return [root(leaves[low:high]) for low, high in _gaps(0, len(leaves), indices)]


def root_from_part(size: int, indices: Sequence[int], part: Sequence[bytes], proof: Sequence[bytes]) -> bytes:
    """
    Return the root of a tree of `size` leaves from those at some ascending indices and a partial proof.

    Raises `SealError` when indices are not ascending or out of range, or there are too few or too many hashes.
    """
    ascending = all(a < b for a, b in pairwise(indices))
    inside = not indices or (indices[0] >= 0 and indices[-1] < size)
    if not (ascending and inside and len(indices) == len(part) and size >= 0):
        raise SealError("The leaves of a proof are not in order.\nThe proof was changed; ask for it anew.")
    if size == 0:
        if proof:
            raise SealError("A proof for an empty tree has hashes.\nThe proof was changed; ask for it anew.")
        return EMPTY
    rest = iter(proof)
    try:
        found = _part_root(0, size, indices, part, rest)
    except StopIteration as error:
        raise SealError("A proof has too few hashes.\nIt was cut off; ask for it anew.") from error
    if next(rest, None) is not None:
        raise SealError("A proof has too many hashes.\nIt was changed; ask for it anew.")
    return found


def _part_root(low: int, high: int, indices: Sequence[int], part: Sequence[bytes], rest: Iterator[bytes]) -> bytes:
    at = bisect_left(indices, low)
    if at == len(indices) or indices[at] >= high:
        return next(rest)
    if high - low == 1:
        return part[at]
    middle = low + _split(high - low)
    left = _part_root(low, middle, indices, part, rest)
    return node_hash(left, _part_root(middle, high, indices, part, rest))


def _gaps(low: int, high: int, indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the largest subtrees without any of the indices, left to right."""
    at = bisect_left(indices, low)
    if at == len(indices) or indices[at] >= high:
        if high > low:
            yield low, high
    elif high - low > 1:
        middle = low + _split(high - low)
        yield from _gaps(low, middle, indices)
        yield from _gaps(middle, high, indices)


def _split(n: int) -> int:
    """Return the largest power of two smaller than n (n > 1)."""
    return 1 << ((n - 1).bit_length() - 1)


def _in_range(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise SealError(f"There is no leaf {index} in a tree of {size}.\nAsk for 0 to {size - 1}.")
