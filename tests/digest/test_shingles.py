"""The compiled pass over the text does what its slow twin says, on every script and on no script at all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from digest import twin
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from stillhunt.digest.keys import Key
from stillhunt.digest.shingles import Fingerprints, build_lexicon, fingerprint
from strategies import POOL, SECRET, raw_column, raw_texts, string_columns, texts

SUBKEY = Key(SECRET).words("text")
K0, K1 = map(int, SUBKEY)
LISTS = [["def", "judge", "of"], ["judge", "is"], ["naïve", "x_0"]]
LEXICON = build_lexicon(LISTS, SUBKEY)


def made(column: pa.Array, one_in: int = 1) -> Fingerprints:
    """Return the fingerprints of a column."""
    return fingerprint(column, SUBKEY, LEXICON, one_in=one_in)


def shingle_sets(found: Fingerprints) -> list[set[int]]:
    """Return each text's shingles as a set."""
    cut = found.offsets
    return [set(found.shingles[cut[i] : cut[i + 1]].tolist()) for i in range(len(cut) - 1)]


def agrees_with_twin(column: pa.Array, contents: list[bytes], one_in: int) -> None:
    """Compare every output with the twin's; texts without a byte have no hash that anybody asks for."""
    found = made(column, one_in)
    assert found.empty.tolist() == [not text for text in contents]
    assert found.offsets[0] == 0
    for row, text in enumerate(contents):
        mine = found.shingles[found.offsets[row] : found.offsets[row + 1]].tolist()
        assert mine == twin.shingles(text, K0, K1, one_in)
        assert found.sketch[row].tolist() == twin.sketch(text, K0)
        assert found.lexicon[row].tolist() == twin.lexicon(text, LISTS)
        assert not text or found.whole[row] == twin.whole(text, K0, K1)


@given(string_columns(), st.sampled_from((1, 2, 8)))
def test_kernel_equals_its_twin(column: tuple[pa.Array, list[str | None]], one_in: int) -> None:
    """Shingles, sketch and word counts of sliced columns with nulls, in all scripts, are those of the slow twin."""
    array, values = column
    agrees_with_twin(array, [(value or "").encode() for value in values], one_in)


@given(st.lists(raw_texts(), max_size=5))
def test_kernel_equals_its_twin_on_broken_text(values: list[bytes]) -> None:
    """Bytes that are not UTF-8 are read as the twin reads them, and never past the end of their row."""
    agrees_with_twin(raw_column(values), values, 2)


def test_kernel_equals_its_twin_wherever_words_and_numbers_stand() -> None:
    """Long and short words, numbers, signs and other scripts are read alike at every place of a block and of the buffer."""
    rng = np.random.default_rng(11)
    pieces = ["a", "Judge", "x_0", "naïve", "数据", "→", "7", "12", "v1.2", ", ", "\n", "9" * 70]
    pieces += ["w" * n for n in (15, 16, 17, 90)]
    joints = ["", " ", " ", "-"]
    said = []
    for shift in range(130):
        chosen = rng.integers(0, len(pieces), int(rng.integers(0, 60)))
        said.append("." * (shift % 65) + "".join(pieces[p] + joints[int(rng.integers(0, 4))] for p in chosen.tolist()))
    said.append("the last word ends the buffer 42")
    agrees_with_twin(pa.array(said), [text.encode() for text in said], 3)


@given(st.lists(st.one_of(texts(5), st.sampled_from(("12 3", "1 23", "a,b", "A ,  B", "ab", "a b"))), max_size=12))
def test_whole_texts_are_equal_when_they_read_the_same(values: list[str]) -> None:
    """Two texts have one hash exactly when their words, numbers and signs are the same, in order."""
    hashes = made(pa.array(values, pa.string())).whole.tolist()
    readings = [twin.read(value.encode()) for value in values]
    for i in range(len(values)):
        for j in range(i):
            assert (hashes[i] == hashes[j]) == (readings[i] == readings[j])


@pytest.mark.parametrize(
    ("one", "two"),
    [("Add 12 and 3.", "Add 1 and 23."), ("v1.2", "v12."), ("say no", "say no!"), ("a b", "b a"), ("中文", "文中")],
)
def test_texts_that_ask_for_other_things_differ(one: str, two: str) -> None:
    """Other numbers, other signs or another order make another text."""
    hashes = made(pa.array([one, two])).whole
    assert hashes[0] != hashes[1]


@given(texts(20), st.sampled_from((" ", "\n", "\t ", "\x00")))
def test_case_and_spacing_do_not_count(text: str, space: str) -> None:
    """Capitals of ASCII and white space around a text change nothing."""
    shouted = "".join(c.upper() if c.isascii() else c for c in text)
    found = made(pa.array([text, space + shouted + space]), 2)
    assert found.whole[0] == found.whole[1]
    assert shingle_sets(found)[0] == shingle_sets(found)[1]


def test_numbers_do_not_part_templates() -> None:
    """Two texts that differ in numbers alone share every shingle, and are two texts."""
    found = made(pa.array(["rate answer 1 of 200 on a scale", "rate answer 17 of 3 on a scale"]))
    assert shingle_sets(found)[0] == shingle_sets(found)[1]
    assert found.whole[0] != found.whole[1]


def test_counters_stop_at_their_limit() -> None:
    """A word said a thousand times fills its counter and does not wrap around."""
    found = made(pa.array(["word " * 1000]))
    assert sorted(np.abs(found.sketch[0]).tolist())[-2:] == [0, 127]


@given(texts(40), texts(40))
def test_shingles_of_a_whole_are_those_of_its_parts(one: str, two: str) -> None:
    """Joining two texts keeps the shingles of both and adds at most the four across the seam."""
    found = shingle_sets(made(pa.array([one, two, one + " " + two])))
    words = [len(twin.read(text.encode()).words) for text in (one, two)]
    parts = set().union(*(mine for mine, n in zip(found[:2], words, strict=True) if n >= 5))
    across = min(4, words[0]) if words[1] else 0
    if min(words) >= 5:
        assert parts <= found[2]
        assert len(found[2] - parts) <= across


def random_words(rng: np.random.Generator, n: int) -> list[str]:
    """Return n words that hardly ever repeat."""
    return ["".join(chr(97 + c) for c in rng.integers(0, 26, 9)) for _ in range(n)]


def test_one_changed_word_touches_five_shingles() -> None:
    """Changing one word of a text changes the five shingles that it is in, and no other."""
    words = random_words(np.random.default_rng(1), 200)
    found = shingle_sets(made(pa.array([" ".join(words), " ".join([*words[:100], "other", *words[101:]])])))
    assert len(found[0]) == 196
    assert len(found[0] & found[1]) == 191


@pytest.mark.parametrize("one_in", [2, 8, 64])
def test_sampling_rate_is_as_said(one_in: int) -> None:
    """The number of shingles kept is binomial with the stated rate."""
    n = 20_000
    kept = len(made(pa.array([" ".join(random_words(np.random.default_rng(one_in), n + 4))]), one_in).shingles)
    assert 1e-6 < binom.cdf(kept, n, 1 / one_in) < 1 - 1e-6


def test_sampling_depends_on_the_shingle_alone() -> None:
    """What is kept at a lower rate is a subset of what is kept at a higher one, wherever it stands."""
    text = " ".join(random_words(np.random.default_rng(3), 3000))
    fine = shingle_sets(made(pa.array([text]), 2))[0]
    coarse = shingle_sets(made(pa.array(["before all that " + text]), 16))[0]
    assert len(coarse - fine) <= 4
    assert len(coarse) > 100


def test_two_keys_have_nothing_in_common() -> None:
    """Under another key every hash is another and the sketches are unrelated."""
    text = pa.array([" ".join(random_words(np.random.default_rng(4), 2000))])
    other_key = Key(b"another key, as long").words("text")
    mine, other = made(text), fingerprint(text, other_key, build_lexicon(LISTS, other_key), one_in=1)
    assert mine.whole[0] != other.whole[0]
    assert not shingle_sets(mine)[0] & shingle_sets(other)[0]
    assert abs(np.corrcoef(mine.sketch[0], other.sketch[0])[0, 1]) < 0.5


def test_sketches_tell_what_texts_are_about() -> None:
    """Texts from one pool of words have like sketches in both halves; texts from two pools do not."""
    rng = np.random.default_rng(5)
    pools = [random_words(rng, 30) for _ in range(2)]
    said = [" ".join(rng.choice(pools[i // 20], 60)) for i in range(40)]
    sketches = made(pa.array(said)).sketch.astype(float)
    for half in (sketches[:, :64], sketches[:, 64:]):
        alike = half @ half.T
        same = (alike[:20, :20].sum() - np.trace(alike[:20, :20])) / (20 * 19)
        assert same > 2 * abs(alike[:20, 20:].mean())


def test_many_short_texts_fit() -> None:
    """Columns that give more shingles than was planned for come out whole."""
    found = made(pa.array([" ".join(POOL[:2])] * 5000 + ["a b c d e f g h i j " * 2000]))
    assert len(found.shingles) == 5000 + 19_996
