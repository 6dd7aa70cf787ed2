"""Paired tests and intervals: against slow twins, over null worlds, and with power."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from chance import not_more_often
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.trace.compare.paired import (
    difference_interval,
    holm,
    paired,
    share_interval,
    sign_tail,
    smallest_seen,
    stratified_tail,
)


@given(st.integers(0, 14), st.integers(0, 14))
def test_sign_tail_is_its_definition(k: int, more: int) -> None:
    """The tail of fair throws is the sum of their chances, written out."""
    n = k + more
    assert sign_tail(k, n) == pytest.approx(sum(comb(n, i) for i in range(k, n + 1)) / 2**n)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1, max_size=2))
def test_stratified_tail_is_its_definition(tables: list[tuple[int, int, int, int]]) -> None:
    """The exact tail equals counting every way to choose which items the suspect gets right within each table."""
    ways, above = 0, 0
    choices = []
    for a, b, c, d in tables:
        rows, right = [1] * (a + b) + [0] * (c + d), a + c
        from itertools import combinations

        choices.append([sum(rows[i] for i in chosen) for chosen in combinations(range(len(rows)), right)])
    for picked in product(*choices):
        ways += 1
        above += sum(picked) >= sum(t[0] for t in tables)
    assert stratified_tail(tables) == pytest.approx(above / ways)


def test_null_pairs_are_called_at_the_level_at_most() -> None:
    """Two models that are equally good at every item differ beyond the level in no more worlds than the level."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(2000):
        easy = rng.beta(1, 1, 60)
        hits += paired((rng.random(60) < easy).tolist(), (rng.random(60) < easy).tolist()).p_more <= 0.05
    assert not_more_often(hits, 2000, 0.05)
    assert hits > 10


def test_a_gain_is_seen() -> None:
    """A model that learned a fifth of what the other cannot do is told from it at 150 items in most worlds."""
    rng, seen = np.random.default_rng(2), 0
    for _ in range(100):
        first = rng.random(150) < 0.5
        second = first | (rng.random(150) < 0.2)
        seen += paired(first.tolist(), second.tolist()).p_more < 0.01
    assert seen > 90


def test_intervals_cover() -> None:
    """Shares and paired differences lie in their intervals in at least the stated part of worlds, at odd sizes and edges."""
    rng = np.random.default_rng(3)
    for n, more, less in ((12, 0.3, 0.0), (40, 0.2, 0.1), (150, 0.05, 0.05), (25, 0.0, 0.0)):
        missed = 0
        for _ in range(800):
            m, k, _ = rng.multinomial(n, (more, less, 1 - more - less))
            low, high = difference_interval(int(m), int(k), n)
            missed += not low <= more - less <= high
        assert not_more_often(missed, 800, 0.05)
    for n, share in ((9, 0.1), (60, 0.5), (200, 0.99)):
        missed = sum(
            not low <= share <= high for low, high in (share_interval(int(k), n) for k in rng.binomial(n, share, 800))
        )
        assert not_more_often(missed, 800, 0.05)


def test_intervals_are_not_everything() -> None:
    """With 400 items an interval of a difference is narrow enough to be of use."""
    low, high = difference_interval(80, 20, 400)
    assert 0.05 < low < 0.15 < high < 0.25


def test_nothing_asked() -> None:
    """Without items nothing is claimed: p is 1, the intervals are everything."""
    none = paired([], [])
    assert (none.p_more, none.difference, share_interval(0, 0)) == (1.0, 0.0, (0.0, 1.0))
    assert holm([]) == []
    assert stratified_tail([]) == 1.0


def test_smallest_gain_that_is_seen() -> None:
    """A gain of the size that is printed beside a negative is found about as often as promised; four items find nothing."""
    rng, share = np.random.default_rng(4), smallest_seen(60, level=0.05)
    seen = sum(paired([False] * 60, (rng.random(60) < share).tolist()).p_more <= 0.05 for _ in range(400))
    assert 0.74 < seen / 400 < 0.86
    assert smallest_seen(4, level=0.05) > 1


def test_different_items_are_refused() -> None:
    """Answers to different numbers of items are no pairs."""
    with pytest.raises(ValueError, match="different items"):
        paired([True], [True, False])
