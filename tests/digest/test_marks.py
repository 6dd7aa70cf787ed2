"""Marks of answers, and the answer that a history ends in."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from digest import twin
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.digest.keys import Key
from stillhunt.digest.marks import MOST, READ_BYTES, last_answers, marks
from stillhunt.digest.shingles import build_lexicon
from strategies import SECRET, string_columns, texts

SUBKEY = Key(SECRET).words("text")
K0, K1 = map(int, SUBKEY)
LEXICON = build_lexicon([["nothing"]], SUBKEY)


@given(string_columns(), st.sampled_from((1, 2, 8)))
def test_marks_are_the_smallest_shingles(column: tuple[pa.Array, list[str | None]], one_in: int) -> None:
    """The marks of a text are the smallest of the shingles that the slow twin keeps, in order; no text has none."""
    array, values = column
    found = marks(array, SUBKEY, LEXICON, one_in=one_in).to_pylist()
    for mine, value in zip(found, values, strict=True):
        slow = twin.shingles((value or "").encode()[:READ_BYTES], K0, K1, one_in)
        assert (mine or []) == sorted(slow)[:MOST]
        assert (mine is None) == (not value)


def test_only_the_beginning_of_an_answer_is_read() -> None:
    """What an answer says after its first two kilobytes does not change its marks."""
    beginning = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(500))
    assert len(beginning) > READ_BYTES
    one, two = marks(pa.array([beginning, beginning + " and then something else"]), SUBKEY, LEXICON, one_in=4).to_pylist()
    assert one == two
    assert len(one) == MOST


def slow_last(history: str | None) -> str | None:
    """Return the last answer of a history, reading all of it."""
    for turn in reversed(json.loads(history or "[]")):
        if turn["role"] in ("assistant", "model"):
            content = turn["content"]
            return content if isinstance(content, str) else None
    return None


turns = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(("user", "assistant", "tool")),
            "content": texts(4) | st.none() | st.sampled_from(('say "assistant" or "model"', '{"role": "assistant"}', "\\")),
        }
    ).flatmap(lambda t: st.sampled_from((t, dict(reversed(t.items()))))),
    max_size=5,
)


@given(st.lists(turns, max_size=4), st.booleans())
def test_last_answer_is_that_of_a_full_reading(histories: list[list[dict[str, str | None]]], compact: bool) -> None:
    """Whatever turns say, and whichever key comes first, the answer found from the end is the last one."""
    separators = (",", ":") if compact else None
    column = [json.dumps(h, ensure_ascii=False, separators=separators) for h in histories] + [None]
    assert last_answers(pa.array(column, pa.string())).to_pylist() == [slow_last(h) for h in column]


@pytest.mark.parametrize(
    ("history", "answer"),
    [
        ('[{"role": "model", "content": [{"type": "text", "text": "one"}, {"text": "two"}, 3]}]', "one\ntwo"),
        ('[{"role": "assistant", "content": "cut off', None),
        ('{"role": "assistant", "content": "not a list"}', None),
        ('[{"role": "user", "content": "nobody answered"}]', None),
        ("", None),
        ('[{"role": "assistant", "content": 7}]', None),
        ('[{"role": "assistant", "content": "\\ud800 half"}]', None),
    ],
)
def test_odd_histories(history: str, answer: str | None) -> None:
    """Parts are joined; what is broken, or not a list of turns, has no answer and stops nothing."""
    assert last_answers(pa.array([history])).to_pylist() == [answer]
