"""Green lists: their share, independence and scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillhunt.errors import ConfigError
from stillhunt.trace.marks import MarkKey, words_of


@pytest.mark.parametrize("gamma", [0.25, 0.5, 0.75])
def test_green_share_is_gamma(gamma: float) -> None:
    """Over contexts and tokens the green share is gamma (exact binomial), so the null of an audit is what it says."""
    mark = MarkKey(key=b"k" * 32, gamma=gamma)
    greens = sum(int(mark.green([context], 997).sum()) for context in range(60))
    assert stats.binomtest(greens, 60 * 997, gamma).pvalue > 1e-4


def test_rows_of_different_contexts_and_keys_are_independent() -> None:
    """Two contexts, or two keys, agree on a token as often as chance has it."""
    one, other = MarkKey(key=b"k" * 32), MarkKey(key=b"l" * 32)
    rows = [one.green([1], 4000), one.green([2], 4000), other.green([1], 4000)]
    for at, row in enumerate(rows):
        for later in rows[at + 1 :]:
            assert stats.binomtest(int((row == later).sum()), 4000, 0.5).pvalue > 1e-4


@given(st.integers(0, 60_000), st.integers(1, 500), st.integers(1, 500))
def test_a_longer_vocabulary_only_adds(context: int, short: int, more: int) -> None:
    """The green row of a vocabulary is the beginning of that of a longer one: padding changes nothing."""
    mark = MarkKey(key=b"k" * 32)
    assert np.array_equal(mark.green([context], short), mark.green([context], short + more)[:short])


def test_rows_are_the_same_on_every_machine() -> None:
    """A known row: what was served years ago can still be audited."""
    row = MarkKey(key=bytes(range(32)), context=2, gamma=0.25).green([11, 70_000], 64)
    assert (
        "".join("1" if green else "0" for green in row)
        == "0010001100000010101100110010000000010011000000000000000100010110"
    )


def test_word_score_has_mean_zero_and_deviation_one_without_the_key() -> None:
    """Scores of one text under many keys have mean 0 and variance 1: nothing leans to green by itself."""
    text = " ".join(f"word{n % 37} other{n % 23}" for n in range(120))
    scores = np.array([MarkKey(key=f"{n:032}".encode()).word_score(text) for n in range(600)])
    assert abs(scores.mean()) < 4 / math.sqrt(600)
    assert 0.85 < scores.std() < 1.15


def test_the_best_of_four_is_greener_than_one() -> None:
    """Serving the best of four raises the mean score by about the expected maximum of four normal draws, 1.03."""
    mark = MarkKey(key=b"k" * 32)
    rng = np.random.default_rng(5)
    texts = [[" ".join(rng.choice([f"w{n}" for n in range(200)], 60)) for _ in range(4)] for _ in range(200)]
    best = np.mean([max(mark.word_score(text) for text in four) for four in texts])
    assert 0.8 < best < 1.25


@given(st.text())
def test_a_repeated_text_scores_as_it_does_once(text: str) -> None:
    """Words are compared without case and punctuation, and a text without a tuple scores nothing."""
    mark = MarkKey(key=b"k" * 32, context=2)
    assert mark.word_score(text) == mark.word_score(text.swapcase().lower()) or text.lower() != text.swapcase().lower()
    if len(words_of(text)) <= 2:
        assert mark.word_score(text) == 0.0


@pytest.mark.parametrize("wrong", [{"context": 4}, {"context": 0}, {"gamma": 0.0}, {"gamma": 1.0}])
def test_marks_that_teach_nothing_are_refused(wrong: dict[str, float]) -> None:
    """A context that students hardly learn, and a green share that marks nothing, are errors that say so."""
    with pytest.raises(ConfigError):
        MarkKey(key=b"k" * 32, **wrong)  # type: ignore[arg-type]


def test_a_key_is_not_shown() -> None:
    """Printing a mark key shows no byte of it."""
    assert "secret" not in repr(MarkKey(key=b"secret" * 6))
