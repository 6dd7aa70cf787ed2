"""Chance in tests: a red test is a fact, not bad luck."""

from __future__ import annotations

from scipy.stats import binom

UNLUCKY = 1e-6
"""A test of a rate fails only when the rate it proves would produce what was seen less often than this."""


def not_more_often(hits: int, trials: int, rate: float) -> bool:
    """Say whether so many hits in so many independent trials can be told from luck at this rate."""
    return bool(binom.sf(hits - 1, trials, rate) > UNLUCKY)
