"""What a person at a terminal is shown."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt import terminal
from stillhunt.backtest import Reported, score, score_hunt
from stillhunt.model import Hunt
from stillhunt.worlds import World


class _Screen(io.StringIO):
    """A stderr that a person is looking at."""

    def isatty(self) -> bool:
        return True


@given(st.lists(st.lists(st.text("abcé ", max_size=9), min_size=3, max_size=3), max_size=5))
def test_columns_of_a_table_line_up(rows: list[list[str]]) -> None:
    """Every cell stands in its column, on the left, or on the right where asked for."""
    header = ["one", "two", "three"]
    lines = terminal.table(header, rows, right=(1,))
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(3)]
    starts = [0, widths[0] + 2, widths[0] + widths[1] + 4]
    for row, line in zip(rows, lines[2:], strict=True):
        cells = [line.ljust(200)[start : start + width] for start, width in zip(starts, widths, strict=True)]
        assert [cells[0].rstrip(), cells[2].rstrip()] == [row[0].rstrip(), row[2].rstrip()]
        assert cells[1].rstrip() == row[1].rjust(widths[1]).rstrip()


def test_bars_are_shown_where_a_person_is_looking(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a terminal, progress is drawn on stderr, and nothing goes to stdout."""
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with terminal.shown(quiet=False) as progress:
        progress("digest", 0.5)
        progress("judge", 0.0)
    assert "Reading the log" in screen.getvalue()
    assert capfd.readouterr().out == ""


def test_each_stage_is_a_line_where_nobody_is_looking(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, a stage is named once, however often it reports; with `quiet` never."""
    for quiet in (False, True):
        with terminal.shown(quiet=quiet) as progress:
            for done in (0.0, 0.5, 1.0):
                progress("digest", done)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Reading the log …\n")


def test_the_table_says_what_is_true_of_each_campaign(small_hunt: Hunt, small_world: World) -> None:
    """Beside the truth, each campaign's row names its cohort and how much of the true campaign was found."""
    result = score_hunt(small_hunt, small_world.truth)
    lines = terminal.found(small_hunt, result)
    true = {c.campaign_id: c for c in result.campaigns}
    assert result.reported
    for row in result.reported:
        (line,) = (line for line in lines if line.startswith(row.id))
        if row.campaign_id is not None and not row.false:
            whole = true[row.campaign_id]
            assert line.endswith(f"{whole.accused:,} of {whole.accounts:,}")


def test_accused_lookalikes_are_named(small_world: World) -> None:
    """When look-alikes are accused, the line says how many of which cohort."""
    rows = [r for r in small_world.truth.to_pylist() if r["cohort"] == "hackathon"]
    accused = frozenset(r["account_id"] for r in rows[:3])
    text = " ".join(terminal.beside_truth(score([Reported(id="r", accounts=accused)], small_world.truth)))
    assert "Look-alikes accused: 3 of " in text
    assert f"hackathon 3 of {len(rows)}" in text
    assert "of 1 reported campaign, 1 consist mostly of honest accounts" in text
