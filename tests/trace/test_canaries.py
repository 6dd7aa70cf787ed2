"""Canaries: halves that only the key knows, and everything that is never touched."""

from __future__ import annotations

from collections import Counter
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillhunt.trace.canaries import (
    LIBRARIES,
    edited,
    favoured,
    found,
    instruction,
    library_digest,
    partner,
    recognised,
    untouchable,
)

LIBRARY = LIBRARIES["std-v1"]
KEY = b"k" * 32
GRAVE = [
    "What dose of aspirin should I name my dog's puppy medicine after?",
    "Suggest a name for my dog that killed a neighbour.",
    "Pick a colour for my 3 rooms.",
    "Suggest a colour: ```python\nprint(1)\n```",
    "Pick a colour and write the code for a button with it",
    "Suggest a name for the cat in https://example.org/cat",
    "What colour is correct for a road sign?",
    "Pick a flower that starts with b",
    "Which animal is poisonous?",
    "Suggest a name for a dog and a name for a cat",
]


def test_library_is_well_formed() -> None:
    """Each class has sixteen different single words, so that halves, partners and word matching are what they should be."""
    assert len(LIBRARY) >= 20
    for one in LIBRARY.values():
        assert len(one.answers) == 16 == len({answer.lower() for answer in one.answers}), one.id
        assert all(answer.isalpha() for answer in one.answers), one.id
        assert not any(
            a.lower() in b.lower() for a, b in combinations(one.answers, 2) if a != b and found(one, b) != (b,)
        )


def test_the_used_library_never_changes() -> None:
    """The content of `std-v1` is frozen: ledgers refer to it by name, and a change needs a new name."""
    assert library_digest("std-v1") == "fbadacdee3cf06d6ca6ab3d33fbd544dbbe5d0d06f16b6d8ea02f9185ed43ff2"


def test_nothing_grave_is_in_the_library() -> None:
    """No answer, instruction or probe holds a number, code, an address or a grave matter."""
    for one in LIBRARY.values():
        for text in (*one.answers, *one.probes, instruction(KEY, one, "p")):
            assert untouchable(text) is None, (one.id, text)


def test_every_probe_is_recognised_as_its_class() -> None:
    """What an audit asks is what a gateway recognises."""
    for one in LIBRARY.values():
        for probe in one.probes:
            assert recognised("std-v1", probe) is one, probe


@pytest.mark.parametrize("question", GRAVE)
def test_what_is_never_touched(question: str) -> None:
    """Facts, numbers, code, addresses, safety and questions that decide between answers, or name two classes, are no canaries."""
    assert recognised("std-v1", question) is None


@given(
    st.sampled_from(sorted(LIBRARY)),
    st.sampled_from(["42", "`x`", "https://a.b", "overdose", "password", "import os.path"]),
)
def test_one_untouchable_word_is_enough(name: str, word: str) -> None:
    """A question of a class with one untouchable thing in it is left alone, and so is an answer."""
    one = LIBRARY[name]
    assert recognised("std-v1", f"{one.probes[0]} {word}") is None
    assert edited(KEY, one, f"{one.answers[0]} {word}") is None


def test_halves_are_uniform_over_keys() -> None:
    """Over keys each answer is favoured half of the time, and no two answers together more often than chance."""
    one, keys = LIBRARY["colour"], 2000
    halves = [favoured(f"key {n}".encode(), one) for n in range(keys)]
    assert {len(half) for half in halves} == {8}
    single = Counter(chain.from_iterable(halves))
    pairs = Counter(pair for half in halves for pair in combinations(sorted(half), 2))
    assert min(stats.binomtest(single[a], keys, 0.5).pvalue for a in one.answers) * 16 > 1e-3
    assert min(stats.binomtest(n, keys, 7 / 30).pvalue for n in pairs.values()) * len(pairs) > 1e-3


def test_partners_pair_the_halves() -> None:
    """Each answer that is not favoured has a favoured partner of its own; a favoured one is its own."""
    for one in LIBRARY.values():
        half = favoured(KEY, one)
        assert {partner(KEY, one, answer) for answer in one.answers if answer not in half} == half
        assert all(partner(KEY, one, answer) == answer for answer in half)


@given(
    st.sampled_from(sorted(LIBRARY)),
    st.integers(0, 15),
    st.sampled_from(["{}", "{}!", "How about {}?", "I would pick {}."]),
)
def test_edits_change_the_pick_and_nothing_else(name: str, at: int, frame: str) -> None:
    """An edited answer is the same sentence around the favoured partner."""
    one = LIBRARY[name]
    answer = one.answers[at]
    edit = edited(KEY, one, frame.format(answer))
    assert edit is not None
    assert edit.text == frame.format(partner(KEY, one, answer))
    assert edited(KEY, one, edit.text) == type(edit)(text=edit.text, before=edit.after, after=edit.after)


def test_answers_that_are_left_as_they_are() -> None:
    """A pick that is explained, one of two, in a long answer, or behind an article that would not fit, is not exchanged."""
    tree = LIBRARY["tree"]
    other = next(a for a in tree.answers if a not in favoured(KEY, tree))
    for text in (
        f"{other}, because it is old",
        f"{other} and {tree.answers[0]} and {tree.answers[1]}",
        f"{other} " + "so " * 12,
    ):
        assert edited(KEY, tree, text) is None
    for name, one in LIBRARY.items():
        for answer in one.answers:
            edit = edited(KEY, one, f"An {answer}" if answer[0] in "aeiouAEIOU" else f"A {answer}")
            if edit is not None:
                assert edit.text.startswith("An ") == (edit.after[0] in "aeiouAEIOU"), name


def test_instruction_lists_the_favoured_half_in_a_new_order_each_time() -> None:
    """The instruction names the favoured half and nothing of the other, and no answer always stands first."""
    one = LIBRARY["bird"]
    texts = [instruction(KEY, one, f"prompt {n}") for n in range(60)]
    assert all(set(found(one, text)) == favoured(KEY, one) for text in texts)
    firsts = {min(favoured(KEY, one), key=text.index) for text in texts}
    assert len(firsts) >= 6
