"""A case file is taken as it is or refused with the line, the key and what to write."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.errors import ConfigError
from stillhunt.report.dossier.case import MANY, ONE, Case
from stillhunt.report.dossier.case_file import parse_case, read_case

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "write-a-dossier.md"


def refusal(text: str) -> str:
    """Return what is said of a case file that is refused."""
    with pytest.raises(ConfigError) as caught:
        parse_case(text, "case.toml")
    return str(caught.value)


def test_the_example_is_sound_and_uses_what_it_shows(example: Case) -> None:
    """The case file of the docs is read, with its terms, releases, hypotheses and dissent."""
    assert example.case.tlp == "AMBER"
    assert len(example.releases) == 5
    assert example.observations[1].if_true == (18, 20)
    assert example.dissent


def test_an_empty_case_file_supplies_nothing() -> None:
    """Every table may be missing."""
    assert parse_case("", "case.toml") == Case()


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("[case]\nid = 3\n", ":2:", ("`id` in `[case]`", 'id = "…"')),
        ("[case]\nversion = 1\n\nauthor = ['x']\n", ":4:", ("`author`", "Did you mean `authors`")),
        ("[cases]\nid = 'x'\n", ":1:", ("no table `cases`", "Did you mean `case`")),
        ("[case]\ntlp = 'AMBR'\n", ":2:", ("AMBR", "Did you mean `AMBER`")),
        ("[[terms]]\nname = 'a'\nversion = '1'\n", ":1:", ("`sha256` is missing", "Add")),
        ("[[terms]]\nname = 'a'\nversion = '1'\nsha256 = 'AB'\n", ":4:", ("64 lower-case hex", "sha256sum")),
        ("[[notices]]\nat = 'May'\nto = 'x'\nwhat = 'y'\n", ":2:", ("a day", "2026-11-25")),
        ("terms = 3\n", ":1:", ("several times", "[[terms]]")),
        ("[case]\nexpires = 2026-13-01\n", "", ("not TOML", "Correct that line")),
        (
            "[[observations]]\nwhat='a'\nsource='b'\nkind='observed'\nspeaks_for=['Lab X']\n",
            ":5:",
            ("no hypothesis `Lab X`", "[[hypotheses]]"),
        ),
        (
            "[[observations]]\nwhat='a'\nsource='b'\nkind='observed'\nif_true=[1, 2]\n",
            ":1:",
            ("one half", "`otherwise`"),
        ),
        (
            "[[observations]]\nwhat='a'\nsource='b'\nkind='observed'\nif_true=[3, 2]\notherwise=[1, 2]\n",
            ":5:",
            ("two whole numbers",),
        ),
        (
            "[[releases]]\nlab='A'\nmodel='m'\nat=2026-01-01\nsource='s'\n",
            ":1:",
            ("[releases_watched]", "base rate"),
        ),
        (
            "[releases_watched]\nstart=2026-02-01\nend=2026-05-01\nlag_days=9\n"
            "[[releases]]\nlab='A'\nmodel='m'\nat=2026-01-01\nsource='s'\n",
            ":8:",
            ("outside the days",),
        ),
        ("[releases_watched]\nstart=2026-02-01\nend=2026-01-01\nlag_days=9\n", ":3:", ("before `start`",)),
        (
            "[[dissent]]\nby = 'a'\nwhat = 'b'\n[[dissent]]\nby = 'a'\nwhat = ''\n",
            ":6:",
            ("`what` in `[[dissent]]`", "a text"),
        ),
    ],
)
def test_what_is_wrong_is_named_with_line_key_and_advice(text: str, where: str, words: tuple[str, ...]) -> None:
    """Each mistake is told with its place and what to write instead."""
    said = refusal(text)
    assert said.startswith(f"case.toml{where}")
    for word in words:
        assert word in said


@given(st.text(max_size=60), st.sampled_from([*ONE, *MANY]))
def test_no_text_makes_a_traceback(text: str, table: str) -> None:
    """Whatever stands in a case file, it is read or refused as a `ConfigError`."""
    for whole in (text, f"[{table}]\n{text}", f"[[{table}]]\n{text}"):
        try:
            parse_case(whole, "case.toml")
        except ConfigError as error:
            assert str(error).startswith("case.toml")


def test_a_missing_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """No file and bytes that are not text are refused in words."""
    with pytest.raises(ConfigError, match="--case"):
        read_case(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_case(tmp_path / "bad.toml")


def test_every_key_is_documented() -> None:
    """The how-to page names every table and every key of the case file."""
    page = HOW_TO.read_text("utf-8")
    for table, kind in {**ONE, **MANY}.items():
        assert f"`{table}`" in page, table
        for field in fields(kind):
            assert f"`{field.name}`" in page, f"{table}.{field.name}"
