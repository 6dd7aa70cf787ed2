"""Plain words for identifiers, and values from a log made visible."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stillhunt.contract import ACCOUNTS, EXCHANGES
from stillhunt.report import words


def test_every_column_that_has_words_is_in_the_contract() -> None:
    """A word for a column that no log can hold would never be said."""
    assert set(words.COLUMNS) <= {*EXCHANGES.names, *ACCOUNTS.names}


def test_three_rungs_of_the_ladder_are_claimed_and_four_are_not() -> None:
    """Coordinated, jointly operated and disguised are claimed; purpose, terms, who and use are not."""
    assert [rung for rung, _, claimed in words.LADDER if claimed] == [
        "Coordinated",
        "Jointly operated",
        "Disguised",
    ]
    assert len(words.LADDER) == 7


@given(st.text())
def test_every_character_of_a_value_can_be_seen(text: str) -> None:
    """Nothing invisible is left, and text that is visible is left alone."""
    shown = words.printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_a_character_that_turns_the_direction_of_writing_is_escaped() -> None:
    """An id cannot pose as another by reversing itself."""
    assert words.printable("acct_\u202e21") == "acct_\\u202e21"


def test_an_identifier_reads_as_words() -> None:
    """Underscores are spaces, and nothing is called nothing."""
    assert words.plain("software_engineering") == "software engineering"
    assert words.plain("_") == "unnamed"
