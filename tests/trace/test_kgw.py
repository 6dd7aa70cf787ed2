"""The watermark processor: what it adds to logits, with arrays that stand in for tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stillhunt.errors import ConfigError
from stillhunt.trace.marks import MarkKey
from stillhunt.trace.serve.kgw import KgwProcessor


class Scores(np.ndarray):
    """An array with the one method of a tensor that the processor uses."""

    def new_tensor(self, values: Any) -> np.ndarray:
        """Return values as an array."""
        return np.asarray(values)


@pytest.mark.parametrize("context", [1, 2])
def test_green_tokens_get_delta_and_others_nothing(context: int) -> None:
    """Row by row, the shift is delta on the tokens that are green after the row's last tokens, and nothing elsewhere."""
    key = MarkKey(key=b"k" * 32, context=context)
    ids = np.array([[5, 7, 9], [1, 2, 3]])
    before = np.random.default_rng(1).normal(size=(2, 50))
    after = KgwProcessor(key=key, delta=1.5)(ids, before.view(Scores))
    for row, ending in enumerate(ids[:, -context:].tolist()):
        assert np.allclose(after[row] - before[row], 1.5 * key.green(ending, 50))


def test_untouched_tokens_get_the_average_shift() -> None:
    """The token that ends an answer is neither green nor red: answers keep their length."""
    key = MarkKey(key=b"k" * 32, gamma=0.25)
    scores = np.zeros((1, 50)).view(Scores)
    after = KgwProcessor(key=key, delta=2.0, untouched=(3,))(np.array([[4]]), scores)
    assert after[0, 3] == 0.5


def test_texts_shorter_than_the_context_are_left_as_they_are() -> None:
    """Before there is a context there is no green list."""
    scores = np.zeros((1, 50)).view(Scores)
    assert KgwProcessor(key=MarkKey(key=b"k" * 32, context=2))(np.array([[4]]), scores) is scores


@pytest.mark.parametrize("delta", [0.0, -1.0, 2.5])
def test_a_delta_that_marks_nothing_or_too_much_is_refused(delta: float) -> None:
    """The strength of a watermark is bounded."""
    with pytest.raises(ConfigError, match="delta"):
        KgwProcessor(key=MarkKey(key=b"k" * 32), delta=delta)
