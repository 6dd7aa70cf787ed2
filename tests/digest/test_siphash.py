"""SipHash is SipHash, and every column is hashed as the values that stand in it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from digest.twin import siphash
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.digest.keys import Key
from stillhunt.digest.siphash import keyed_hash, siphash_bytes, siphash_word
from strategies import SECRET, string_columns

K0, K1 = (np.uint64(int.from_bytes(bytes(range(start, start + 8)), "little")) for start in (0, 8))
PUBLISHED = {
    0: "310e0edd47db6f72",
    1: "fd67dc93c539f874",
    2: "5a4fa9d909806c0d",
    3: "2d7efbd796666785",
    7: "37d1018bf50002ab",
    8: "6224939a79f5f593",
    15: "e545be4961ca29a1",
}
"""Length of the message 00 01 02 … → output, from the authors' test vectors for SipHash-2-4 (64 bits)."""

SUBKEY = Key(SECRET).words("network")


@pytest.mark.parametrize("length", PUBLISHED)
def test_published_vectors(length: int) -> None:
    """The authors' test vectors come out, byte for byte."""
    found = siphash_bytes(K0, K1, np.arange(64, dtype=np.uint8), 0, length)
    assert int(found).to_bytes(8, "little").hex() == PUBLISHED[length]
    assert siphash(int(K0), int(K1), bytes(range(length))) == int(found)


@given(st.integers(0, 2**64 - 1))
def test_a_word_is_hashed_as_its_eight_bytes(word: int) -> None:
    """Hashing a number gives the hash of its little-endian bytes."""
    data = np.frombuffer(word.to_bytes(8, "little"), dtype=np.uint8)
    assert siphash_word(K0, K1, np.uint64(word)) == siphash_bytes(K0, K1, data, 0, 8)


@given(string_columns())
def test_columns_are_hashed_value_by_value(column: tuple[pa.Array, list[str | None]]) -> None:
    """A sliced column with nulls gives each value's own hash; null and the empty string have none."""
    array, values = column
    k0, k1 = map(int, SUBKEY)
    assert keyed_hash(array, SUBKEY).to_pylist() == [siphash(k0, k1, v.encode()) if v else None for v in values]


def networks(*addresses: str) -> list[int]:
    """Return the network value of each address."""
    found: list[int] = keyed_hash(pa.array(addresses), SUBKEY, network=True).to_pylist()
    return found


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.integers(0, 255), st.integers(0, 2))
def test_neighbours_of_a_24_share_a_network(address: list[int], host: int, changed: int) -> None:
    """IPv4 addresses share a network exactly when their first three numbers are the same."""
    neighbour = [*address[:3], host]
    stranger = [n if i != changed else (n + 1) % 256 for i, n in enumerate(address)]
    one, two, three = networks(*(".".join(map(str, a)) for a in (address, neighbour, stranger)))
    assert one == two != three


@given(st.lists(st.integers(0, 0xFFFF), min_size=8, max_size=8), st.integers(0, 0xFFFF), st.integers(0, 2))
def test_neighbours_of_a_48_share_a_network(address: list[int], host: int, changed: int) -> None:
    """IPv6 addresses share a network exactly when their first three groups are the same."""
    neighbour = [*address[:3], *[host] * 5]
    stranger = [n if i != changed else n ^ 1 for i, n in enumerate(address)]
    one, two, three = networks(*(":".join(f"{n:x}" for n in a) for a in (address, neighbour, stranger)))
    assert one == two != three


def test_mapped_and_shortened_addresses_have_networks() -> None:
    """An IPv4 address written inside IPv6 has the /24 as its network; a shortened IPv6 address its /48."""
    one, two, three = networks("::ffff:192.0.2.1", "::ffff:192.0.2.200", "::ffff:192.0.3.1")
    assert one == two != three
    one, two, three = networks("2001:db8:7::1", "2001:db8:7:0:1::9", "2001:db8:8::1")
    assert one == two != three


def test_what_is_no_address_is_its_own_network() -> None:
    """Without a dot or a third colon the whole value counts."""
    one, two, again = networks("unix", "unix2", "unix")
    assert one == again != two
