"""Merkle trees: the vectors of Certificate Transparency, and the definition of RFC 6962 as a slow twin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.errors import SealError
from stillhunt.seal import merkle

CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The test vectors of github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc."""


def leaves(n: int) -> list[bytes]:
    """Return the hashes of n different leaves."""
    return [merkle.leaf_hash(b"%d" % i) for i in range(n)]


def mth(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash, word for word as RFC 6962 section 2.1 defines it (over leaf hashes)."""
    n = len(hashes)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashes[0]
    k = 1
    while 2 * k < n:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


@pytest.mark.parametrize("n", range(1, 9))
def test_roots_are_those_of_certificate_transparency(n: int) -> None:
    """The roots over the first n leaves of the published test vectors."""
    hashed = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES[:n]]
    assert merkle.root(hashed).hex() == CT_ROOTS[n - 1]


def test_the_tree_of_nothing_has_the_hash_of_nothing() -> None:
    """RFC 6962: the hash of an empty list is SHA-256 of the empty string."""
    assert merkle.root([]).hex() == hashlib.sha256().hexdigest()


@given(st.integers(0, 200))
def test_one_pass_gives_the_recursive_definition(n: int) -> None:
    """The stack of complete subtrees and the definition of the standard agree."""
    assert merkle.root(leaves(n)) == mth(leaves(n))


@given(st.integers(1, 70), st.data())
def test_inclusion_is_proved_and_nothing_else_is(n: int, data: st.DataObject) -> None:
    """A leaf's path leads to the root at its own place only, and no changed path does."""
    hashed = leaves(n)
    index = data.draw(st.integers(0, n - 1))
    path = merkle.inclusion_proof(hashed, index)
    top = merkle.root(hashed)
    assert merkle.verify_inclusion(hashed[index], index, n, path, top)
    for other in {(index + 1) % n, n - 1 - index} - {index}:
        assert not merkle.verify_inclusion(hashed[index], other, n, path, top)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"else"), index, n, path, top)
    assert not merkle.verify_inclusion(hashed[index], index, n, [*path, top], top)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert not merkle.verify_inclusion(hashed[index], index, n, changed, top)
        assert not merkle.verify_inclusion(hashed[index], index, n, path[:-1], top)


@given(st.integers(1, 70), st.data())
def test_a_longer_tree_is_shown_to_continue_a_shorter_one(n: int, data: st.DataObject) -> None:
    """Consistency holds between a tree and each of its beginnings, and not with a tree that was rewritten."""
    hashed = leaves(n)
    earlier = data.draw(st.integers(1, n))
    proof = merkle.consistency_proof(hashed, earlier)
    old, new = merkle.root(hashed[:earlier]), merkle.root(hashed)
    assert merkle.verify_consistency(earlier, n, old, new, proof)
    rewritten = merkle.root([merkle.leaf_hash(b"else"), *hashed[1:earlier]])
    assert not merkle.verify_consistency(earlier, n, rewritten, new, proof)
    assert not merkle.verify_consistency(earlier, n, old, rewritten, proof)
    assert not merkle.verify_consistency(earlier, n, old, new, [*proof, new])
    if proof:
        assert not merkle.verify_consistency(earlier, n, old, new, proof[1:])


def test_consistency_paths_are_those_of_the_standard() -> None:
    """The example of RFC 6962 section 2.1.3: PROOF(3, D[7]) = [c, d, g, l], PROOF(4) = [l], PROOF(6) = [i, j, k]."""
    a, b, c, d, e, f, j = leaves(7)
    g, h, i = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, l_ = merkle.node_hash(g, h), merkle.node_hash(i, j)
    hashed = leaves(7)
    assert merkle.consistency_proof(hashed, 3) == [c, d, g, l_]
    assert merkle.consistency_proof(hashed, 4) == [l_]
    assert merkle.consistency_proof(hashed, 6) == [i, j, k]
    assert merkle.inclusion_proof(hashed, 3) == [c, g, l_]
    assert merkle.inclusion_proof(hashed, 6) == [i, k]


@given(st.integers(0, 70), st.data())
def test_one_proof_serves_many_leaves(n: int, data: st.DataObject) -> None:
    """The root follows from any part of the leaves and the partial proof, and from nothing shorter, longer or changed."""
    hashed = leaves(n)
    indices = sorted(data.draw(st.sets(st.integers(0, n - 1)))) if n else []
    proof = merkle.partial_proof(hashed, indices)
    part = [hashed[i] for i in indices]
    top = merkle.root(hashed)
    assert merkle.root_from_part(n, indices, part, proof) == top
    with pytest.raises(SealError, match=r"too many|has hashes"):
        merkle.root_from_part(n, indices, part, [*proof, top])
    if proof:
        with pytest.raises(SealError, match="too few"):
            merkle.root_from_part(n, indices, part, proof[:-1])
    if part:
        changed = [merkle.leaf_hash(b"else"), *part[1:]]
        assert merkle.root_from_part(n, indices, changed, proof) != top


def test_proofs_of_fifty_among_fifty_thousand_are_small() -> None:
    """Fifty leaves of fifty thousand need fewer than a thousand hashes, where single paths would need sixteen each."""
    hashed = leaves(50_000)
    indices = list(range(13, 50_000, 1000))
    proof = merkle.partial_proof(hashed, indices)
    assert len(indices) == 50
    assert len(proof) < 50 * 16
    assert merkle.root_from_part(50_000, indices, [hashed[i] for i in indices], proof) == merkle.root(hashed)


def test_leaves_out_of_order_are_refused() -> None:
    """A proof whose leaves are repeated, unsorted or beyond the tree is an error, not a root."""
    hashed = leaves(5)
    for indices in ([1, 1], [2, 1], [4, 5], [-1, 2]):
        with pytest.raises(SealError, match="not in order"):
            merkle.root_from_part(5, indices, hashed[:2], [])


def test_a_leaf_that_is_not_there_has_no_proof() -> None:
    """Asking beyond the tree is an error that says how large it is."""
    with pytest.raises(SealError, match="tree of 3"):
        merkle.inclusion_proof(leaves(3), 3)
    with pytest.raises(SealError, match="never one of 4"):
        merkle.consistency_proof(leaves(3), 4)
