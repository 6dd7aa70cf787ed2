"""Benjamini–Hochberg is Benjamini–Hochberg."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from stillhunt.judge.false_discovery import adjusted

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(p_values)
def test_adjusted_p_values_equal_those_of_scipy(p: list[float]) -> None:
    """They are what another implementation gives."""
    assert adjusted(np.array(p)) == pytest.approx(false_discovery_control(p, method="bh"), abs=1e-12)


@given(p_values, st.data())
def test_smaller_p_values_never_hurt(p: list[float], data: st.DataObject) -> None:
    """Lowering any p-value raises no adjusted one, and order is kept."""
    one = np.array(p)
    two = one * np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(p), max_size=len(p))))
    assert (adjusted(two) <= adjusted(one) + 1e-12).all()
    assert (np.diff(adjusted(one)[np.argsort(one)]) >= 0).all()
    assert (adjusted(one) >= one - 1e-12).all()


def test_nothing_is_adjusted_to_nothing() -> None:
    """Without sets there is nothing to report."""
    assert len(adjusted(np.zeros(0))) == 0


def test_uniform_p_values_are_reported_at_the_level() -> None:
    """When every set is honest anything is reported no more often than the level."""
    rng = np.random.default_rng(1)
    hits = sum(adjusted(rng.random(rng.integers(1, 20))).min() <= 0.05 for _ in range(2000))
    assert not_more_often(hits, 2000, 0.05)
    assert hits > 50
