"""Key 3: how many customers a set presents itself as."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.judge.concealment import Concealment, concealment, inverse_simpson


def of(cards: list[int | None], domains: list[int | None], free: tuple[int, ...] = (), n: int = 1000) -> Concealment:
    """Return the concealment of owners with these cards and domains in a log of n owners."""
    n_holders = np.ones(200)
    n_holders[list(free)] = n / 10

    def rows(values: list[int | None]) -> tuple[np.ndarray, np.ndarray]:
        known = [(owner, value) for owner, value in enumerate(values) if value is not None]
        return (np.array([o for o, _ in known], dtype=np.int32), np.array([v for _, v in known], dtype=np.int32))

    return concealment(np.arange(len(cards), dtype=np.int32), rows(cards), rows(domains), n, n_holders)


@pytest.mark.parametrize(
    ("values", "effective"),
    [([1], 1.0), ([1, 2], 2.0), ([1, 1, 2, 2], 2.0), ([1, 1, 1, 2], 1 / (9 / 16 + 1 / 16)), (range(7), 7.0)],
)
def test_inverse_simpson_by_hand(values: list[int], effective: float) -> None:
    """The effective number of values is one over the chance that two picks agree."""
    assert inverse_simpson(np.array(values, dtype=np.uint64)) == pytest.approx(effective)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_effective_number_is_between_one_and_all(values: list[int]) -> None:
    """It is at least one, at most the number of values, and that only when all are equally common."""
    found = inverse_simpson(np.array(values, dtype=np.uint64))
    distinct = len(set(values))
    assert 1 - 1e-9 <= found <= distinct + 1e-9
    even = len({values.count(v) for v in values}) == 1
    assert (found > distinct - 1e-9) == even


def test_the_plainer_of_card_and_domain_counts() -> None:
    """Eight cards under one employer's domain are one customer, and so are eight domains on one card."""
    one_domain, one_card = of([*range(8)], [100] * 8), of([0] * 8, [*range(8)])
    assert (one_domain.by_card, one_domain.by_domain, one_domain.customers) == pytest.approx((8, 1, 1))
    assert (one_card.by_card, one_card.by_domain, one_card.customers) == pytest.approx((1, 8, 1))


def test_free_mail_stands_for_persons() -> None:
    """Eight owners at one free-mail provider are eight customers; at a domain of their own they are one."""
    assert of([*range(8)], [100] * 8, free=(100,)).customers == pytest.approx(8)
    assert of([*range(8)], [100] * 4 + [101] * 4, free=(100,)).by_domain == pytest.approx(64 / (16 + 4))


def test_what_is_mostly_unknown_is_not_counted() -> None:
    """A column known for less than half of the owners says nothing; without any column nothing is said."""
    some = of([None] * 5 + [1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8])
    assert (some.by_card, some.customers) == (None, pytest.approx(8))
    nothing = of([None] * 8, [None] * 8)
    assert (nothing.by_card, nothing.by_domain, nothing.customers) == (None, None, None)
    assert of([None] * 4 + [1, 2, 3, 4], [None] * 8).customers == pytest.approx(4)
