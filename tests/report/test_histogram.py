"""Null distributions with the observed value marked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.model import NullDistribution
from stillhunt.report.histogram import histogram

NULL = NullDistribution(label="ratio", edges=(0.0, 1.0, 2.0, 4.0), counts=(10, 30, 20), observed=3.0)


def marks(drawn: str) -> float:
    """Where the observed value is drawn, in per cent of the width."""
    found = re.search(r'<line x1="([\d.]+)%" x2="\1%"', drawn)
    assert found
    return float(found[1])


@given(st.floats(-1e6, 1e6))
def test_the_observed_value_is_always_inside_the_drawing(observed: float) -> None:
    """The axis is wide enough for the null and for what was seen."""
    assert 0 <= marks(histogram(replace(NULL, observed=observed))) <= 100


def test_a_larger_observed_value_stands_further_right() -> None:
    """Order on the page is order of values."""
    at = [marks(histogram(replace(NULL, observed=x))) for x in (0.5, 1.5, 3.5)]
    assert at == sorted(at)
    assert len(set(at)) == 3


def test_the_area_of_a_bar_is_its_count() -> None:
    """A bin twice as wide with two thirds of the count is a third as high."""
    drawn = histogram(NULL)
    bars = re.findall(r'<rect x="[\d.]+%" width="([\d.]+)%" y="[\d.]+" height="([\d.]+)"', drawn)
    areas = [float(w) * float(h) for w, h in bars]
    assert areas[1] / areas[0] == pytest.approx(3, rel=0.01)
    assert areas[2] / areas[0] == pytest.approx(2, rel=0.01)


def test_empty_bins_at_the_ends_are_not_part_of_the_null() -> None:
    """The axis names where the null falls, also when its bins reach as far as the observed value."""
    wide = NullDistribution(
        label="ratio", edges=(-9.0, -3.0, 0.0, 1.0, 2.0, 4.0, 9.0), counts=(0, 0, 10, 30, 20, 0), observed=3.0
    )
    assert histogram(wide) == histogram(NULL)


def test_bars_of_whole_numbers_end_at_these_numbers() -> None:
    """Where bars stand for counts, the axis names the counts, once where there is only one."""
    counted = NullDistribution(label="n", edges=(-0.5, 0.5, 1.5, 2.5), counts=(5, 9, 0), observed=2.0)
    assert counted.ends == (0.0, 1.0)
    drawn = histogram(counted)
    assert ">0</text>" in drawn and ">1</text>" in drawn and "0.5" not in re.sub(r'"[^"]*"', "", drawn)
    alone = histogram(replace(counted, counts=(5, 0, 0)))
    assert alone.count(">0</text>") == 1
    assert NULL.ends == (0.0, 4.0)


def test_the_drawing_is_told_in_words() -> None:
    """A reader who cannot see it learns the range, the observed value and how much lies below."""
    assert (
        "Histogram of 60 values of “ratio” between 0 and 4; the observed value is 3, "
        "with about 40 of them below it." in histogram(NULL)
    )


@pytest.mark.parametrize(
    "null",
    [
        replace(NULL, counts=(0, 0, 0)),
        NullDistribution(label="", edges=(), counts=(), observed=1.0),
        NullDistribution(label="", edges=(1.0, 1.0), counts=(5,), observed=1.0),
        replace(NULL, observed=float("nan")),
        replace(NULL, edges=(float("-inf"), 1.0, 2.0, 4.0)),
    ],
)
def test_a_null_that_cannot_be_drawn_is_not_drawn(null: NullDistribution) -> None:
    """No counts, no width, or a number that is not finite: no picture rather than a wrong one."""
    assert histogram(null) == ""
