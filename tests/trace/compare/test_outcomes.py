"""Outcomes are read from rows and from logs of Inspect; what says nothing is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillhunt.errors import ConfigError
from stillhunt.trace.compare.outcomes import gathered, read


def test_rows_that_say_nothing_are_counted() -> None:
    """A row without an outcome, an empty answer and a second row for an item are left out with their reasons."""
    found = gathered(
        "m",
        [
            {"item": 1, "correct": True},
            {"item": 1, "correct": False},
            {"item": 2, "correct": "P"},
            {"item": 3, "kind": "harmful", "answer": "  "},
            {"item": 4, "kind": "harmful", "answer": "I cannot help with that."},
            {"item": 5, "kind": "harmful"},
            {"kind": "harmful", "refused": True},
            {"item": 6, "kind": "odd", "refused": True},
        ],
    )
    assert {key: o.yes for key, o in found.rows.items()} == {("ability", "1"): True, ("harmful", "4"): True}
    assert sum(row.count for row in found.left_out) == 6
    assert len(found.left_out) == 5


def test_scores_of_inspect_are_understood() -> None:
    """C and I, numbers and truth values are right and wrong."""
    values = ["C", "I", 1, 0, 1.0, 0.0, True, False]
    found = gathered("m", [{"item": i, "correct": v} for i, v in enumerate(values)])
    assert [found.rows["ability", str(i)].yes for i in range(8)] == [True, False] * 4


@pytest.mark.parametrize("text", ["[1]\n", "{\n", '{"item": 1}\nnot json\n'])
def test_a_bad_line_is_named(tmp_path: Path, text: str) -> None:
    """A line that is no object is an error with its file and number, and no traceback."""
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(ConfigError, match=r"rows\.jsonl, line \d"):
        read(tmp_path / "rows.jsonl")


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match="no file"):
        read(tmp_path / "none.jsonl")


def test_a_file_of_rows_is_named_for_itself(tmp_path: Path) -> None:
    """The model's name is the file's."""
    (tmp_path / "ours.jsonl").write_text(json.dumps({"item": "a", "group": "x", "correct": True}) + "\n\n")
    found = read(tmp_path / "ours.jsonl")
    assert found.name == "ours" and found.rows["ability", "a"].group == "x"
