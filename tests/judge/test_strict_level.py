"""A hunt at a stricter level than the default still finds, and asks more of every key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stillhunt
from stillhunt import worlds
from stillhunt.judge.sets import LINKAGE_LEVEL, linkage_level, linked_log10
from strategies import SECRET


@given(st.floats(1e-6, 0.5))
def test_both_keys_have_a_part_of_every_level(level: float) -> None:
    """Key 1 takes a fifth of the level, at most one per cent, so that something is left for key 2 at each level there is."""
    assert 0 < linkage_level(level) <= min(LINKAGE_LEVEL, level / 5)


def test_the_default_level_asks_for_ten_to_the_two() -> None:
    """At five per cent key 1 takes one, and a set counts as linked from an e-value of a hundred."""
    assert linkage_level(0.05) == LINKAGE_LEVEL == 0.01
    assert linked_log10(linkage_level(0.05)) == 2.0


@pytest.mark.parametrize("level", [0.01, 0.001])
def test_a_strict_hunt_reports_what_is_clear(small_world: worlds.World, level: float) -> None:
    """At one per cent, and at one in a thousand, campaigns are reported, each within the level of both keys."""
    found = stillhunt.hunt(small_world.exchanges, small_world.accounts, small_world.events, key=SECRET, threads=1, level=level)
    assert found.campaigns
    for one in found.campaigns:
        assert one.q_value <= level - linkage_level(level)
        assert one.linkage_log10 >= linked_log10(linkage_level(level))
