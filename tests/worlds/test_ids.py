"""What is promised of synthetic traffic: ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.worlds.columns import hex_strings, ip_strings, lists, names, nullable
from stillhunt.worlds.ids import below, mix, unit


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=50), st.integers(1, 10_000))
def test_hashes_stay_in_range(values: list[int], bound: int) -> None:
    """
    `below` gives integers from 0 to bound - 1 and `unit` fractions in [0, 1), the same for the same
    input.
    """
    h = mix(np.array(values), 3)
    assert ((below(h, bound) >= 0) & (below(h, bound) < bound)).all()
    assert ((unit(h) >= 0) & (unit(h) < 1)).all()
    assert (mix(np.array(values), 3) == h).all()


def test_hashes_are_spread_evenly() -> None:
    """
    Hashes of consecutive numbers fill sixteen bins evenly: the chi-squared statistic stays below
    its 1e-6 tail.
    """
    counts = np.bincount(below(mix(np.arange(16_000)), 16), minlength=16)
    assert ((counts - 1000) ** 2 / 1000).sum() < 60


def test_salt_makes_other_hashes() -> None:
    """Two salts give unrelated hashes of the same numbers."""
    assert not (mix(np.arange(1000), 1) == mix(np.arange(1000), 2)).any()


@given(st.lists(st.integers(0, 2**62), max_size=30, unique=True))
def test_hex_strings_are_distinct_and_equally_long(values: list[int]) -> None:
    """Different numbers give different ids of one length with the prefix."""
    texts = hex_strings(np.array(values, dtype=np.int64), "acc_", 1).to_pylist()
    assert len(set(texts)) == len(values)
    assert all(t.startswith("acc_") and len(t) == 20 for t in texts)


def test_columns_write_nulls_where_nothing_is() -> None:
    """An index of -1, an empty list and an absent flag all become null."""
    assert names(("a", "", "c"), np.array([0, 1, 2, -1])).to_pylist() == ["a", None, "c", None]
    ids = hex_strings(np.arange(3), "x_", 1)
    assert [v and len(v) for v in lists(ids, np.array([2, 0, 1])).to_pylist()] == [2, None, 1]
    assert nullable(ids, np.array([True, False, True])).null_count == 1


def test_addresses_are_dotted() -> None:
    """A 32-bit integer becomes its dotted form."""
    assert ip_strings(np.array([(240 << 24) + (1 << 16) + 515])).to_pylist() == ["240.1.2.3"]
