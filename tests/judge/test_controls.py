"""Known-honest sets: the exact interval, the percentile that refuses to guess, and how the rule ends for a set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from stillhunt.judge.controls import CONFIDENCE, first_percentile, rate_upper


@given(st.integers(1, 400), st.data())
def test_the_upper_end_is_where_so_few_would_be_a_surprise(controls: int, data: st.DataObject) -> None:
    """At the upper end of the interval, seeing as few rejected or fewer has the probability left over: five in a hundred."""
    rejected = data.draw(st.integers(0, controls - 1))
    assert binom.cdf(rejected, controls, rate_upper(rejected, controls)) == pytest.approx(1 - CONFIDENCE)


def test_the_rate_is_bounded_as_published() -> None:
    """None of 300 rejected bounds the rate by one in a hundred, none of 739 by 0.4 %; of nothing, nothing is said."""
    assert rate_upper(0, 300) == pytest.approx(0.00994, abs=1e-5)
    assert rate_upper(0, 739) == pytest.approx(0.00405, abs=1e-5)
    assert rate_upper(0, 0) == rate_upper(7, 7) == 1.0


def test_the_interval_covers() -> None:
    """Over samples at several true rates, the bound lies below the truth in at most one of twenty."""
    for controls, rate in ((30, 0.02), (120, 0.01), (300, 0.05)):
        seen = np.arange(controls + 1)
        missed = binom.pmf(seen, controls, rate)[[rate_upper(int(x), controls) < rate for x in seen]].sum()
        assert missed <= 1 - CONFIDENCE + 1e-9


def test_a_percentile_is_not_guessed() -> None:
    """With fewer than 99 values there is no first percentile; with 99 it is the smallest, with 199 the second smallest."""
    assert first_percentile([]) is None
    assert first_percentile([0.1] * 98) is None
    values = np.random.default_rng(1).permutation(199) / 1000.0
    assert first_percentile(values.tolist()) == 0.001
    assert first_percentile(sorted(values.tolist())[:99]) == 0.0


def test_one_in_a_hundred_falls_below_the_percentile() -> None:
    """Of further values from the same source at most one in a hundred is smaller, on average, and not many fewer."""
    rng = np.random.default_rng(7)
    below = []
    for _ in range(400):
        estimate = first_percentile(rng.gamma(2.0, 0.1, 150).tolist())
        assert estimate is not None
        below.append((rng.gamma(2.0, 0.1, 500) < estimate).mean())
    assert 0.004 < np.mean(below) <= 0.01
