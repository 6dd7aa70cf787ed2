"""Ratios, base rates and resemblances are what counting gives, and chance levels are not too small."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from chance import not_more_often
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.model import Campaign, SharedValue
from stillhunt.report.dossier.likelihood import ratio, release_timing, resemblance

DAY = date(2026, 1, 1)


def test_a_ratio_is_that_of_its_frequencies() -> None:
    """Half a case added to each; swapping the two turns ratio and interval over."""
    found, low, high = ratio((9, 10), (3, 200))
    assert found == pytest.approx((9.5 / 11) / (3.5 / 201))
    assert low < found < high
    back = ratio((3, 200), (9, 10))
    assert back == pytest.approx((1 / found, 1 / high, 1 / low))


def test_the_interval_of_a_ratio_holds_the_truth() -> None:
    """With both frequencies equal, the 95 % interval leaves out one no more often than chance allows, in 400 draws."""
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(400):
        a, b = (int(rng.binomial(60, 0.3)) for _ in range(2))
        _, low, high = ratio((a, 60), (b, 60))
        missed += not low <= 1 <= high
    assert not_more_often(missed, 400, 0.05)


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 60)), min_size=1, max_size=8),
    st.integers(0, 20),
    st.integers(0, 40),
)
def test_base_rates_are_those_of_a_walk(releases: list[tuple[str, int]], length: int, start: int) -> None:
    """Each window is looked at by itself, release by release."""
    listed = [(lab, DAY + timedelta(days=d)) for lab, d in releases]
    window = (DAY + timedelta(days=start), DAY + timedelta(days=start + length))
    found, anybody, n = release_timing(listed, (DAY, DAY + timedelta(days=60)), window)
    assert n == 61 - length
    for timing in found:
        days = [d for lab, d in releases if lab == timing.lab]
        hit = sum(any(s <= d <= s + length for d in days) for s in range(n))
        assert timing.base_rate == pytest.approx(hit / n)
        assert timing.in_window == sum(start <= d <= start + length for d in days)
    assert anybody >= max(t.base_rate for t in found) - 1e-12


def test_a_watch_shorter_than_the_window_has_no_base_rate() -> None:
    """Nothing is computed from no window."""
    _, anybody, n = release_timing([("A", DAY)], (DAY, DAY), (DAY, DAY + timedelta(days=30)))
    assert n == 0
    assert np.isnan(anybody)


def holding(campaign: Campaign, tags: set[str], owners: int) -> Campaign:
    """Return the campaign as if it shared these values only."""
    assert campaign.exhibits is not None
    shared = tuple(SharedValue(group="network", kind="net", tag=t, inside=2, outside=1) for t in sorted(tags))
    figures = {**campaign.exhibits.figures, "owners": owners}
    return replace(campaign, exhibits=replace(campaign.exhibits, shared=shared, figures=figures))


def test_chance_levels_are_not_too_small(campaign: Campaign) -> None:
    """Unrelated sets that hold values by chance reach a chance level of 5 % no more often than that."""
    rng = np.random.default_rng(8)
    n, size, reached = 2000, 20, 0
    holders = rng.integers(0, 60, 30)
    tags = [f"t{i}" for i in range(30)]
    assert campaign.exhibits is not None
    values = tuple(
        SharedValue(group="network", kind="net", tag=t, inside=3, outside=int(h)) for t, h in zip(tags, holders, strict=True)
    )
    past = replace(campaign, exhibits=replace(campaign.exhibits, shared=values))
    for _ in range(300):
        met = {t for t, h in zip(tags, holders, strict=True) if rng.random() < 1 - (1 - h / n) ** size}
        (found,) = resemblance(past, n, holding(campaign, met, size))
        reached += found.chance <= 0.05
    assert not_more_often(reached, 300, 0.05)


def test_the_same_rare_values_are_no_chance(campaign: Campaign) -> None:
    """A set that holds an earlier campaign's rarest values has a small chance level; one that holds none has one."""
    past = holding(campaign, {"a", "b", "c"}, 30)
    (same,) = resemblance(past, 100_000, holding(campaign, {"a", "b", "c"}, 30))
    assert same.shared == 3
    assert same.chance < 0.01
    (none,) = resemblance(past, 100_000, holding(campaign, {"x"}, 30))
    assert (none.shared, none.chance) == (0, 1.0)
