"""The coin test on samples alone."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often

from stillhunt.trace.audit.coin import coin_test
from stillhunt.trace.audit.likeness import likeness, nearest
from stillhunt.trace.audit.overlap import f1, grams_of, overlaps

WORDS = np.array([f"w{i}" for i in range(40)])


def world(seed: int, n: int, copied: float) -> tuple[list[list[str]], list[list[str]], list[int]]:
    """Return candidates, samples that copy the served candidate with a probability and are of their own otherwise, and coins."""
    rng = np.random.default_rng(seed)
    say = lambda: " ".join(rng.choice(WORDS, int(rng.integers(6, 20))))  # noqa: E731
    drawn = [[say() for _ in range(3)] for _ in range(n)]
    coins = rng.integers(0, 3, n).tolist()
    samples = [[d[c] if rng.random() < copied else say() for _ in range(2)] for d, c in zip(drawn, coins, strict=True)]
    return drawn, samples, coins


def test_level_and_power() -> None:
    """A suspect of its own words stays at the level; one that recites every fifth answer is found in 60 exchanges."""
    p = np.array([coin_test(overlaps(*world(s, 30, 0.0)), draws=0).tail.p_value for s in range(150)])
    for level in (0.01, 0.05, 0.3):
        assert not_more_often(int((p <= level).sum()), len(p), level)
    assert coin_test(overlaps(*world(1, 60, 0.2))).tail.p_log10 < -4


def test_overlap_of_texts() -> None:
    """Equal texts overlap wholly, strangers not at all, and order counts beyond single words."""
    assert f1(grams_of("a b c d"), grams_of("A b c d")) == 1.0
    assert f1(grams_of("a b"), grams_of("c d")) == 0.0
    assert f1(grams_of("a b c d"), grams_of("d c b a")) == pytest.approx(0.25)
    assert f1(grams_of(""), grams_of("")) == 0.0


def test_prompts_without_samples_prove_nothing() -> None:
    """Where the budget ended before a prompt was asked, its candidates score alike."""
    drawn, _, coins = world(2, 10, 0.0)
    assert coin_test(overlaps(drawn, [[]] * 10, coins)).tail.p_value == 1.0


def test_likeness_is_a_number_and_nothing_more() -> None:
    """The nearest of several models is named by count, equal texts overlap wholly, and nothing has a p-value."""
    own = ["the cat sat on the mat", "a dog ran home"]
    others = {"a": own, "b": ["the cat lay on a mat", "no"]}
    assert likeness(own, others)["a"] == 1.0 > likeness(own, others)["b"] > 0
    assert nearest(own, others) == {"a": 2, "b": 0}
    assert likeness([], {"a": []}) == {"a": 0.0}
