"""What is promised of campaigns at the edge of what can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from stillhunt.worlds import frontier


@pytest.mark.parametrize("seed", range(5))
def test_plans_are_as_difficult_as_their_name_says(seed: int) -> None:
    """Small ones are small and look like five customers; covered ones are covered; the third share nothing but text and time."""
    drawn = {name: list(frontier.plans(name, np.random.default_rng(seed))) for name in frontier.DIFFICULTIES}
    assert all(len(plans) == frontier.CAMPAIGNS for plans in drawn.values())
    assert all(10 <= p.size <= 20 and p.calls >= 20 and p.size / p.cards_k >= 5 for p in drawn["small_campaigns"])
    assert all(p.size >= 50 and 0.8 <= p.cover <= 0.9 for p in drawn["covered"])
    assert all(p.size >= 50 and p.calls >= 20 and p.adopt == 0 and p.domains_k == 0 for p in drawn["nothing_shared"])
    assert all(not p.signup_burst and p.hidden_in < 0 for p in drawn["nothing_shared"])
