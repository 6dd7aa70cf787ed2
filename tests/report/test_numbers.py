"""Numbers and dates as a reader would say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.report import numbers


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "0"),
        (24_871, "24,871"),
        (999_999, "999,999"),
        (1_000_000, "1 million"),
        (28_800_000, "28.8 million"),
        (151_000_000, "151 million"),
        (999_600_000, "1 billion"),
        (2_340_000_000, "2.3 billion"),
    ],
)
def test_a_count_is_written_out_below_a_million_and_rounded_above(n: int, said: str) -> None:
    """24,871 is exact; 28,800,000 is 28.8 million."""
    assert numbers.count(n) == said


def test_a_noun_follows_its_number() -> None:
    """Nought and many take the plural, one takes the singular."""
    assert [numbers.counted(n, "account") for n in (0, 1, 2)] == ["0 accounts", "1 account", "2 accounts"]


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (0.0, "0 %"),
        (0.0004, "under 0.1 %"),
        (0.043, "4.3 %"),
        (0.04, "4 %"),
        (0.61, "61 %"),
        (0.994, "99.4 %"),
        (0.9999, "over 99.9 %"),
        (1.0, "100 %"),
        (float("nan"), "unknown"),
    ],
)
def test_a_share_never_rounds_to_none_or_to_all(x: float, said: str) -> None:
    """Only nothing is 0 % and only everything is 100 %."""
    assert numbers.share(x) == said


@given(st.floats(min_value=0.0, max_value=1.0))
def test_a_confidence_is_never_written_as_certainty(x: float) -> None:
    """However close to one, a confidence does not read 100 %, and what is written is not above it."""
    said = numbers.confidence(x)
    assert not said.startswith("100")
    assert float(said.removeprefix("over ").removesuffix(" %")) <= 100 * x + 1e-9


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (None, "–"),
        (4, "4"),
        (0.0, "0"),
        (-0.0213, "−0.0213"),
        (2310.4, "2,310"),
        (0.00001, "10⁻⁵"),
        (-2.5e-7, "−2.5 × 10⁻⁷"),
        (float("inf"), "not finite"),
        ("1 hour", "1 hour"),
    ],
)
def test_a_figure_shows_three_digits_or_a_power_of_ten(x: float | int | str | None, said: str) -> None:
    """Small p-values are powers of ten, not strings of noughts."""
    assert numbers.figure(x) == said


def test_odds_are_written_out_near_one_and_as_powers_beyond() -> None:
    """An e-value of 10³⁷ is odds of 10³⁷ to 1; one of 20 is 20 to 1."""
    assert numbers.odds(37.2) == "10³⁷ to 1"
    assert numbers.odds(-12.0) == "10⁻¹² to 1"
    assert numbers.odds(1.30103) == "20 to 1"
    assert numbers.odds(None) == "–"
    assert numbers.odds(float("-inf")) == "not finite"


def test_an_effective_number_is_whole_from_ten_upwards() -> None:
    """57.1 declared customers are 57; 4.8 are 4.8."""
    assert [numbers.effective(n) for n in (57.1, 9.96, 4.8, 4.0, None)] == ["57", "10", "4.8", "4", "–"]


def test_a_span_names_the_year_once_unless_it_changes() -> None:
    """Days of one year share it; one day is one day; two years are both named."""
    first, last = datetime(2026, 4, 22, tzinfo=UTC), datetime(2026, 6, 5, 23, tzinfo=UTC)
    assert numbers.span(first, last) == "between 22 April and 5 June 2026"
    assert numbers.span(last, last) == "on 5 June 2026"
    assert numbers.span(first.replace(year=2025), last) == "between 22 April 2025 and 5 June 2026"
    assert numbers.short_span(first, last) == "22 Apr to 5 Jun 2026"
    assert numbers.short_span(first.replace(year=2025), last) == "22 Apr 2025 to 5 Jun 2026"
    assert numbers.short_span(last, last) == "5 Jun 2026"


def test_a_moment_is_written_in_utc() -> None:
    """A moment in another zone is moved to UTC; one without a zone is in UTC already."""
    east = datetime(2026, 6, 6, 1, 30, tzinfo=timezone(timedelta(hours=3)))
    assert numbers.iso(east) == "2026-06-05T22:30:00Z"
    assert numbers.day(east) == "5 June 2026"
    assert numbers.minute(east) == "5 June 2026, 22:30 UTC"
    assert numbers.iso(datetime(2026, 6, 6, 1, 30, 0, 250)) == "2026-06-06T01:30:00.000250Z"
    assert numbers.iso(None) is None


def test_words_in_a_row_end_in_a_conjunction() -> None:
    """None, one, two and three words."""
    assert numbers.listed([]) == ""
    assert numbers.listed(["a"]) == "a"
    assert numbers.listed(["a", "b"]) == "a and b"
    assert numbers.listed(["a", "b", "c"], "or") == "a, b or c"
