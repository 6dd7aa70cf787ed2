"""Calls per day, campaign above log."""

from __future__ import annotations

import re
from datetime import date, timedelta

from stillhunt.report.timeline import LONGEST_WINDOW_DAYS, sparkline, timeline, window


def test_every_day_between_the_first_and_the_last_has_its_place() -> None:
    """Days that neither names are days without calls, not days left out."""
    days = window({"2026-04-22": 3}, {"2026-04-20": 9, "2026-04-25": 1})
    assert days == [date(2026, 4, 20) + timedelta(days=i) for i in range(6)]


def test_a_window_is_cut_at_ten_years() -> None:
    """A clock that once stood at 1970 does not make a drawing of twenty thousand days."""
    days = window({"1970-01-01": 1}, {"2026-06-05": 4})
    assert len(days) == LONGEST_WINDOW_DAYS + 1
    assert days[-1] == date(2026, 6, 5)


def test_each_row_says_its_peak_and_the_axis_its_ends() -> None:
    """Two peaks on two scales; the first, the middle and the last day below."""
    log = {f"2026-04-{d:02d}": 1000 + d for d in range(1, 10)}
    drawn = timeline({"2026-04-03": 70, "2026-04-04": 35}, log)
    said = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert said == [
        "70 on the busiest day",
        "the campaign",
        "1,009 on the busiest day",
        "the whole log",
        "1 Apr",
        "5 Apr",
        "9 Apr",
    ]


def test_the_height_of_a_bar_is_its_share_of_the_peak() -> None:
    """A day with half the calls has half the height."""
    drawn = timeline({"2026-04-03": 70, "2026-04-04": 35}, {"2026-04-03": 70, "2026-04-04": 70})
    heights = [float(h) for h in re.findall(r"v-([\d.]+)", drawn)]
    assert heights[:2] == [100.0, 50.0]


def test_a_day_never_holds_fewer_calls_than_the_campaign_made() -> None:
    """Where the log's own count is missing, the campaign's stands in for it."""
    drawn = timeline({"2026-04-03": 70}, {"2026-04-04": 10})
    assert "the whole log holds 80" in drawn


def test_no_days_no_drawing() -> None:
    """Nothing is drawn of nothing, and a campaign without calls has no sparkline."""
    assert timeline({}, {}) == ""
    assert sparkline({}, {}) == ""
    assert sparkline({"2026-04-03": 0}, {}) == ""


def test_one_day_has_one_label() -> None:
    """The axis of a single day does not repeat it."""
    assert timeline({"2026-04-03": 7}, {}).count("3 Apr<") == 1
