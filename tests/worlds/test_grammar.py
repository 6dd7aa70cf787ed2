"""What is promised of synthetic traffic: grammar."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.worlds import grammar
from stillhunt.worlds.frames import CLASSES
from stillhunt.worlds.frames_intl import LANGUAGES
from stillhunt.worlds.grammar import Fill, Ragged, expand, join, render, take
from stillhunt.worlds.ids import mix
from stillhunt.worlds.topics import TOPICS, subjects

RAGGED = st.lists(st.lists(st.integers(0, 200), max_size=5), min_size=1, max_size=6)


def ragged(rows: list[list[int]]) -> Ragged:
    """Return the rows in flat form."""
    flat = np.array([t for row in rows for t in row], dtype=np.int32)
    return Ragged(flat, np.cumsum([0, *map(len, rows)]))


def rows_of(texts: Ragged) -> list[list[int]]:
    """Return the flat form as rows."""
    return [texts.tokens[a:b].tolist() for a, b in zip(texts.offsets[:-1], texts.offsets[1:], strict=True)]


def sentences(role: str, keys: np.ndarray, language: int = 0, topic: int = 0) -> list[str]:
    """Return one rendered frame of the role for each key."""
    n = len(keys)
    languages, topics = np.full(n, language), np.full(n, topic)
    frames = grammar.choose(role, languages, keys)
    made: list[str] = render(expand(frames[:, None], Fill(keys, topics, languages, np.arange(n)))).to_pylist()
    return made


@given(RAGGED)
def test_join_is_concatenation_row_by_row(rows: list[list[int]]) -> None:
    """Joining flat forms equals joining the rows one by one."""
    other = [[*reversed(row), 7] for row in rows]
    assert rows_of(join([ragged(rows), ragged(other)])) == [a + b for a, b in zip(rows, other, strict=True)]


@given(RAGGED)
def test_take_picks_rows_and_minus_one_is_empty(rows: list[list[int]]) -> None:
    """Taking rows equals picking them from a list; row -1 is the empty text."""
    picked = [len(rows) - 1, -1, 0]
    assert rows_of(take(ragged(rows), np.array(picked))) == [rows[-1], [], rows[0]]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20))
def test_equal_keys_make_equal_texts(keys: list[int]) -> None:
    """A text is a function of its key: made again, alone or among others, it is the same."""
    h = mix(np.array(keys))
    together = sentences("task:software", h)
    languages = np.zeros(1, dtype=np.int64)
    frame = grammar.choose("task:software", languages, h[:1])[:, None]
    alone = render(expand(frame, Fill(h[:1], languages, languages, languages))).to_pylist()
    assert together[0] == alone[0]


def test_no_slot_stays_open() -> None:
    """Every role in every language renders to a text without a slot mark."""
    keys = mix(np.arange(40))
    for role, language in grammar.lexicon().roles:
        for text in sentences(role, keys, language, 17):
            assert text, role
            assert not any("{" + slot + "}" in text for slot in grammar.SLOTS), text


def test_every_language_can_ask_for_every_class() -> None:
    """There is a task frame for each class of request in each of the twelve languages."""
    assert len(LANGUAGES) == 12
    for name in CLASSES:
        assert all((f"task:{name}", n) in grammar.lexicon().roles for n in range(len(LANGUAGES)))


def test_escaped_texts_are_json() -> None:
    """The JSON form of a text, between quotes, parses to the text."""
    keys = mix(np.arange(60))
    zeros = np.zeros(60, dtype=np.int64)
    texts = expand(grammar.choose("code", zeros, keys)[:, None], Fill(keys, zeros, zeros, zeros))
    plain, escaped = render(texts).to_pylist(), render(texts, as_json=True).to_pylist()
    assert [json.loads(f'"{t}"') for t in escaped] == plain


def test_topics_have_their_own_words() -> None:
    """There are 150 topics of about 80 English words, and two topics share fewer than half of their words."""
    nouns = subjects().nouns[0]
    assert TOPICS == len(nouns) == 150
    assert all(70 <= len(words) <= 80 for words in nouns)
    shared = [len(set(nouns[i]) & set(nouns[i + 1])) for i in range(TOPICS - 1)]
    assert max(shared) < 40


def test_several_sentences_differ() -> None:
    """Sentences drawn together for one template are all different."""
    drawn = np.stack(grammar.choose_several("elicit", mix(np.arange(200)), 4), axis=1)
    assert all(len(set(row)) == 4 for row in drawn.tolist())
