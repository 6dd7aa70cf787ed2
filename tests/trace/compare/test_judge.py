"""A judge's errors are taken out, and what is left uncertain is in the interval."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often

from stillhunt.trace.compare.judge import Errors, corrected, corrected_difference


def test_formula() -> None:
    """A judge that sees 90 % of refusals and calls 10 % of the others one says 42 % where 40 % refuse."""
    errors = Errors(refusals=1000, seen=900, others=1000, cleared=900)
    assert corrected(42, 100, errors).share == pytest.approx(0.4)


def test_intervals_cover_where_the_bare_share_does_not() -> None:
    """With a judge that errs, the corrected interval holds the true share in at least 95 % of worlds; the bare share is off."""
    rng, truth, s, c, missed, bare = np.random.default_rng(1), 0.5, 0.8, 0.95, 0, 0.0
    for _ in range(600):
        refusals = rng.binomial(200, truth)
        called = int(rng.binomial(refusals, s) + rng.binomial(200 - refusals, 1 - c))
        errors = Errors(refusals=60, seen=int(rng.binomial(60, s)), others=60, cleared=int(rng.binomial(60, c)))
        low, high = corrected(called, 200, errors).interval
        missed += not low <= truth <= high
        bare += called / 200 / 600
    assert not_more_often(missed, 600, 0.05)
    assert bare < 0.45


def test_a_loss_is_seen_through_the_errors_of_each_model() -> None:
    """
    A judge that is stricter with one model makes equal models look different; with errors measured on each the difference
    keeps zero inside, and a real loss keeps zero outside.
    """
    ours = Errors(refusals=200, seen=190, others=200, cleared=190)
    theirs = Errors(refusals=200, seen=120, others=200, cleared=198)
    equal = corrected_difference((600, 1000), (375, 1000), (ours, theirs))
    assert equal.interval[0] < 0 < equal.interval[1]
    lost = corrected_difference((905, 1000), (70, 1000), (ours, theirs))
    assert lost.interval[1] < -0.5


@pytest.mark.parametrize(
    "errors",
    [
        Errors(refusals=0, seen=0, others=30, cleared=30),
        Errors(refusals=20, seen=10, others=20, cleared=10),
        Errors(refusals=20, seen=2, others=20, cleared=3),
    ],
)
def test_a_judge_like_a_coin_says_nothing(errors: Errors) -> None:
    """Labels of one kind only, or a judge that cannot be told from a coin, leave everything possible."""
    assert corrected(30, 100, errors).interval == (0.0, 1.0)


def test_errors_are_counted_from_pairs() -> None:
    """Of true refusals those seen are counted, of the others those cleared."""
    labelled = [(True, True), (True, False), (False, False), (False, True), (False, False)]
    assert Errors.of(labelled) == Errors(refusals=2, seen=1, others=3, cleared=2)
