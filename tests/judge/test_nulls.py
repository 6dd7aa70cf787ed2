"""Nulls as they are drawn: whole numbers have bars of whole numbers, everything else forty bars."""

from __future__ import annotations

import numpy as np
import pytest

from stillhunt.judge.nulls import BARS, of_draws
from stillhunt.judge.scalars import drawn
from tools import verify_dossier as second


@pytest.mark.parametrize("most", [0, 3, 39, 40, 41, 500])
def test_whole_numbers_have_bars_of_whole_numbers(most: int) -> None:
    """No bar is empty for falling between two numbers, the ends are numbers that were drawn or share a bar with one."""
    draws = np.random.default_rng(most).integers(0, most + 1, 4000).astype(np.float64)
    null = of_draws("x", draws, float(most))
    assert len(null.counts) <= BARS and sum(null.counts) == 4000 and all(null.counts)
    assert all(edge % 1 == 0.5 for edge in null.edges)
    assert null.ends[0] == 0 and most <= null.ends[1] < most + max(1, most // BARS + 1)
    found = second.of_draws(draws, float(most))
    assert {name: found[name] for name in ("null.low", "null.high")} == {"null.low": null.ends[0], "null.high": null.ends[1]}
    assert drawn(null) == pytest.approx(found)


def test_other_numbers_have_forty_bars() -> None:
    """Draws that are no whole numbers lie in bars over their range and what was observed, the same in both verifiers."""
    draws = np.random.default_rng(1).normal(0, 1, 1000)
    null = of_draws("x", draws, 9.5)
    assert len(null.counts) == BARS
    assert null.ends[0] < draws.min() and null.ends[1] >= draws.max()
    assert drawn(null) == pytest.approx(second.of_draws(draws, 9.5))
