"""Classes of capability: which list a prompt has most words from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from digest.twin import read
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.digest.capabilities import CLASSES, METHOD, MINIMUM_HITS, classify, word_lists
from stillhunt.digest.keys import Key
from stillhunt.digest.shingles import build_lexicon, fingerprint
from strategies import SECRET

SUBKEY = Key(SECRET).words("text")


def test_every_listed_word_can_be_found() -> None:
    """Each word of the lists is one word as prompts are read, so that it can be counted."""
    for words in word_lists():
        for word in words:
            assert read(word.encode()).words == (word.encode(),)
            assert not read(word.encode()).numbers_and_signs


def test_prompts_of_one_list_are_of_its_class() -> None:
    """A prompt made of words of one list only is of that class; words of no list are `other`."""
    lists = word_lists()
    own = [[w for w in words if all(w not in other for other in lists if other is not words)][:6] for words in lists]
    texts = [*(" ".join(words) for words in own), "wake up early and water plants", ""]
    found = fingerprint(pa.array(texts), SUBKEY, build_lexicon(lists, SUBKEY), one_in=8)
    assert [CLASSES[c] for c in classify(found.lexicon)] == [*CLASSES, "other"]


@given(st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), max_size=8))
def test_the_earliest_of_the_fullest_lists_wins(counts: list[list[int]]) -> None:
    """The class has the most words, ties go to the earlier, and too few words are `other`."""
    found = classify(np.array(counts, dtype=np.uint16).reshape(-1, 7)).tolist()
    for row, best in zip(counts, found, strict=True):
        if best == len(CLASSES) - 1:
            fullest = row.index(max(row))
            assert max(row) < MINIMUM_HITS.get(CLASSES[fullest], 2)
        else:
            assert row[best] == max(row) >= MINIMUM_HITS.get(CLASSES[best], 2)
            assert max(row[:best], default=-1) < row[best]


def test_the_method_says_how_many_words_there_are() -> None:
    """The sentence printed with the shares counts the words it was made with."""
    assert f"{sum(map(len, word_lists()))} words in {len(word_lists())} lists" in METHOD
