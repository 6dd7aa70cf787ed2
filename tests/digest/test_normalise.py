"""Byte classes and characters agree: what a byte table decides is what Unicode would say, block by block."""

from __future__ import annotations

import pytest
from digest.twin import read
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.digest import normalise
from stillhunt.digest.normalise import byte_classes, folded_bytes


@given(st.characters(min_codepoint=0xA0, exclude_categories=["Cs"]))
def test_class_of_a_character_is_that_of_its_block(character: str) -> None:
    """Up to U+1FFF characters are letters, from U+2000 they are signs, from U+3000 each is a word of its own."""
    code = ord(character)
    wanted = normalise.LETTER if code < 0x2000 else normalise.SPARSE if code < 0x3000 else normalise.WIDE
    first, *rest = character.encode()
    assert byte_classes()[first] == wanted
    assert all(byte_classes()[byte] == normalise.CONTINUATION for byte in rest)


@given(st.characters(max_codepoint=0x7F))
def test_class_of_an_ascii_character(character: str) -> None:
    """Letters and the underscore are letters, digits digits, other signs marks, and the rest parts words."""
    found = byte_classes()[ord(character)]
    if character.isalpha() or character == "_":
        assert found == normalise.LETTER
    elif character.isdigit():
        assert found == normalise.DIGIT
    elif character.isprintable() and character != " ":
        assert found == normalise.MARK
    else:
        assert found == normalise.SEPARATOR


def test_only_capitals_are_folded() -> None:
    """Folding is `lower` on ASCII and leaves every other byte as it stands."""
    assert bytes(folded_bytes()) == bytes(range(256)).lower()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop!", ["don", "t", "stop"]),
        ("snake_case v2.10", ["snake_case", "v0", "0"]),
        ("数据 is データ", ["数", "据", "is", "デ", "ー", "タ"]),
        ("naïve—thing…", ["naïve", "thing"]),
        ("abc漢def", ["abc", "漢", "def"]),
    ],
)
def test_words_of_texts(text: str, words: list[str]) -> None:
    """Words are what a reader would call words, or single characters in scripts without spaces."""
    assert [word.decode() for word in read(text.encode()).words] == words
