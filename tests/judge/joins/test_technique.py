"""Technique search: many forms that are refused, then one that is not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from chance import not_more_often

from stillhunt.judge.joins.technique import FEWEST_REFUSED, SearchTest, search_test

Calls = tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]


def said(calls: Calls, draws: int = 199, seed: int = 1) -> SearchTest | None:
    """Return the test of some calls, all refusals of one category."""
    form, refused = calls
    return search_test(form, refused, ["cyber"] * int(refused.sum()), draws=draws, seed=seed)


def steady(rng: np.random.Generator, n: int, forms: int, refused: float) -> Calls:
    """Return calls in forms of different popularity, refused at one rate throughout."""
    p = (1.0 + np.arange(forms)) ** -1.0
    return rng.choice(forms, n, p=p / p.sum()), rng.random(n) < refused


def in_turn(*parts: Calls) -> Calls:
    """Return one period after the other."""
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.mark.parametrize(("forms", "refused"), [(5, 0.2), (60, 0.2), (60, 0.5)])
def test_testers_who_go_on_as_they_began_are_rejected_at_the_level(forms: int, refused: float) -> None:
    """Calls whose order says nothing (registered testers) get p ≤ α no more often than α."""
    found = [said(steady(np.random.default_rng(s), 300, forms, refused), seed=s) for s in range(150)]
    p = np.array([1.0 if one is None else one.p_value for one in found])
    for level in (0.02, 0.05, 0.2):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_one_half_of_the_pattern_is_rejected_at_the_level() -> None:
    """Somebody who settles on one prompt, or who learns what not to ask, gets p ≤ α no more often than α."""
    for second, first in (((2, 0.2), (60, 0.2)), ((40, 0.05), (40, 0.5))):
        p = []
        for seed in range(100):
            rng = np.random.default_rng(seed)
            found = said(in_turn(steady(rng, 150, *first), steady(rng, 150, *second)), seed=seed)
            p.append(1.0 if found is None else found.p_value)
        for level in (0.05, 0.2):
            assert not_more_often(int((np.array(p) <= level).sum()), len(p), level)


@pytest.mark.parametrize("searching", [60, 150])
def test_a_search_is_found(searching: int) -> None:
    """Sixty ways, mostly refused, and then one: found, with the numbers of before and after."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found = said(in_turn(steady(rng, searching, 60, 0.6), steady(rng, 300, 1, 0.03)), seed=seed)
        assert found is not None
        assert found.p_value <= 0.01
        assert found.forms_before > 5 * found.forms_after
        assert found.refused_before > 0.3 > found.refused_after
        assert (found.category, found.category_share) == ("cyber", 1.0)


def test_few_calls_or_refusals_are_not_judged() -> None:
    """Too few calls or refusals, or forms that do not become fewer, give no test."""
    rng = np.random.default_rng(1)
    assert said(steady(rng, 50, 10, 0.5)) is None
    assert said((np.zeros(200, np.int64), np.arange(200) < FEWEST_REFUSED - 1)) is None
    assert said(in_turn(steady(rng, 150, 1, 0.6), steady(rng, 150, 60, 0.02))) is None


def test_a_long_history_is_thinned() -> None:
    """Very many calls are thinned evenly, categories with them, and the search is still found."""
    rng = np.random.default_rng(4)
    form, refused = in_turn(steady(rng, 4000, 60, 0.6), steady(rng, 8000, 1, 0.03))
    names = [("cyber", "bio")[n % 2] for n in range(int(refused.sum()))]
    found = search_test(form, refused, names, draws=99, seed=1)
    assert found is not None and found.p_value <= 0.01
    assert 0.3 < found.category_share < 0.7
