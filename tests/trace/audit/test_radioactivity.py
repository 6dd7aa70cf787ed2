"""Radioactivity on arrays: level with popular tokens, power, exact variance, and slow twins."""

from __future__ import annotations

from functools import partial
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.null_sum import NullSum, chernoff_log10
from stillhunt.trace.audit.radioactivity import (
    Context,
    TiltWeights,
    Weights,
    count_weights,
    green_sum,
    radioactivity_test,
    word_test,
)

V = 128


def green(key: int, context: Context, vocabulary: int, gamma: float = 0.5) -> npt.NDArray[np.bool_]:
    """Return bits that depend on key and context alone."""
    return np.random.default_rng([key, *context]).random(vocabulary) < gamma


def log_softmax(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return logarithms of probabilities."""
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


class Pair:
    """A reference with strong tastes of its own and a suspect that differs from it at random, and by `lean` towards green."""

    def __init__(self, seed: int, *, lean: float = 0.0, key: int = 0) -> None:
        rng = np.random.default_rng(seed)
        popular = rng.normal(0, 0.7, V)
        self.reference = log_softmax(popular + rng.normal(0, 0.7, (V, V)))
        marked = np.stack([green(key, (c,), V) for c in range(V)])
        self.suspect = log_softmax(self.reference + rng.normal(0, 0.4, (V, V)) + lean * marked)

    def weights(self, texts: int = 30, seed: int = 1) -> Weights:
        """Return open weights over random probe texts."""
        rng = np.random.default_rng(seed)
        collected = TiltWeights(vocabulary=V)
        for _ in range(texts):
            tokens = rng.integers(0, V, 20).tolist()
            collected.add(tokens, self.suspect[tokens], self.reference[tokens])
        return collected.weights()

    def written(self, answers: int, seed: int) -> list[tuple[list[int], list[int]]]:
        """Return sampled answers to short random prompts."""
        rng = np.random.default_rng(seed)
        out = []
        for _ in range(answers):
            prompt = rng.integers(0, V, 4).tolist()
            token, answer = prompt[-1], []
            for _ in range(25):
                token = int(rng.choice(V, p=np.exp(self.suspect[token])))
                answer.append(token)
            out.append((prompt, answer))
        return out


@pytest.mark.parametrize("gamma", [0.25, 0.5])
def test_keys_that_marked_nothing_are_rejected_at_the_level(gamma: float) -> None:
    """Over many keys p ≤ α no more often than α, and z has the variance that is claimed, for a suspect with tastes."""
    weights = Pair(1).weights()
    found = [radioactivity_test(weights, partial(green, 1000 + s, gamma=gamma), gamma=gamma) for s in range(120)]
    z, p = np.array([f.tail.z for f in found]), np.array([f.tail.p_value for f in found])
    assert 0.8 < z.std() < 1.2 and abs(z.mean()) < 0.35
    for level in (0.01, 0.05, 0.3):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_black_box_counts_keep_the_level_however_popular_a_pair_is() -> None:
    """Full counts with the exact variance keep their level, where tokens counted as trials would not."""
    written = Pair(2).written(150, seed=3)
    weights = count_weights(written, vocabulary=V)
    found = [radioactivity_test(weights, partial(green, 500 + s)) for s in range(120)]
    z = np.array([f.tail.z for f in found])
    assert 0.8 < z.std() < 1.2
    assert not_more_often(int((np.array([f.tail.p_value for f in found]) <= 0.05).sum()), 120, 0.05)
    tokens = float(np.abs(weights.value).sum())
    naive = np.array([green_sum(weights, partial(green, 500 + s), 0.5) for s in range(120)]) / np.sqrt(tokens / 4)
    assert naive.std() > 1.3


def test_power_of_open_weights_comes_from_the_reference() -> None:
    """A lean of 0.15 nats is seen at p < 1e-4 with a reference, and the rank among unused keys is the smallest there is."""
    unused = [partial(green, 100 + s) for s in range(99)]
    found = radioactivity_test(Pair(3, lean=0.15, key=7).weights(60), partial(green, 7), unused=unused)
    assert found.tail.p_log10 < -4
    assert found.rank_p == 0.01
    assert found.tail.e_log10 > 2


def test_power_of_samples() -> None:
    """A lean of 0.6 nats is seen in ten thousand sampled tokens."""
    pair = Pair(4, lean=0.6, key=7)
    assert radioactivity_test(count_weights(pair.written(400, 5), vocabulary=V), partial(green, 7)).tail.p_log10 < -4


def test_subtracting_a_reference_helps_samples() -> None:
    """Counts of a reference model, taken away, sharpen the black-box test."""
    pair, plain = Pair(5, lean=0.5, key=7), Pair(5)
    own = pair.written(400, 5)
    alone = radioactivity_test(count_weights(own, vocabulary=V), partial(green, 7))
    less = radioactivity_test(count_weights(own, vocabulary=V, reference=plain.written(400, 6)), partial(green, 7))
    assert less.tail.z > alone.tail.z


def test_sum_and_bound_agree_with_their_slow_twins() -> None:
    """S is the double sum of the definition, and the bound that of a sum of two-valued draws."""
    weights = Pair(6).weights(3)
    key = partial(green, 11)
    pairs = [
        (float(a), bool(g))
        for c, row in zip(weights.contexts, weights.value, strict=True)
        for a, g in zip(row, key(c, V), strict=True)
    ]
    slow = sum(a * (g - 0.25) for a, g in pairs)
    assert green_sum(weights, key, 0.25) == pytest.approx(slow, rel=1e-5)
    a = np.array([a for a, _ in pairs])
    table = NullSum(value=np.stack([-0.25 * a, 0.75 * a], axis=1), weight=np.tile([0.75, 0.25], (len(a), 1)))
    observed = 3 * table.sd()
    biased = partial(_forced, weights, observed)
    found = radioactivity_test(weights, biased, gamma=0.25)
    assert found.tail.bound_log10 == pytest.approx(chernoff_log10(table, found.tail.observed), rel=1e-3)


def _forced(weights: Weights, least: float, context: Context, vocabulary: int) -> npt.NDArray[np.bool_]:
    """Return bits that favour positive weights, so that the sum is large."""
    row = weights.value[weights.contexts.index(context)]
    return (row > np.quantile(row, 0.9)) | (np.arange(vocabulary) % 5 == 0)


def test_what_stands_in_the_prompt_is_not_counted() -> None:
    """Copying the prompt is no evidence: a pair of tokens that the prompt holds is dropped."""
    weights = count_weights([([1, 2, 3], [2, 3, 4, 1, 2])], vocabulary=8)
    assert {
        (c, int(v)) for c, row in zip(weights.contexts, weights.value, strict=True) for v in np.flatnonzero(row)
    } == {
        ((3,), 4),
        ((4,), 1),
    }


def test_too_little_text_proves_nothing() -> None:
    """Two pairs cannot give p below a quarter, whatever they are, and none gives p = 1."""
    weights = count_weights([([0], [1, 2, 3])], vocabulary=8)
    assert radioactivity_test(weights, lambda _c, v: np.ones(v, dtype=np.bool_)).tail.p_value == pytest.approx(0.25)
    assert radioactivity_test(count_weights([], vocabulary=8), partial(green, 1)).tail.p_value == 1.0


def test_vocabularies_must_agree() -> None:
    """A reference with another vocabulary is refused with what to do instead."""
    with pytest.raises(ConfigError, match="black box"):
        TiltWeights(vocabulary=4).add([0, 1], np.zeros((2, 4)), np.zeros((2, 5)))


def test_marks_on_words_keep_the_level_and_are_found() -> None:
    """Texts of a writer with favourite words are null for every key; one that picks green words is found."""
    rng = np.random.default_rng(9)
    words = np.array([f"w{i}" for i in range(120)])
    p = 1.0 / (1 + np.arange(120))
    texts = [("ask w1 w2", " ".join(rng.choice(words, 30, p=p / p.sum()))) for _ in range(60)]
    bit = lambda key: lambda context, word: crc32(repr((key, *context, word)).encode()) % 1009 < 504  # noqa: E731
    z = np.array([word_test(texts, bit(s), gamma=504 / 1009).tail.z for s in range(100)])
    assert 0.7 < z.std() < 1.3
    chosen = []
    for prompt, text in texts:
        said = ["start"]
        for word in text.split():
            other = str(rng.choice(words))
            said.append(word if bit(7)((said[-1],), word) else other)
        chosen.append((prompt, " ".join(said)))
    found = word_test(chosen, bit(7), gamma=504 / 1009, unused=[bit(1000 + s) for s in range(50)])
    assert found.tail.p_log10 < -4 and found.rank_p == 1 / 51
    assert word_test([], bit(1)).tail.p_value == 1.0
