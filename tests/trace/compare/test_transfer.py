"""Capability transfer: gains, the teacher's advantage, and the comparison with a control that takes difficulty away."""

from __future__ import annotations

import numpy as np
import pytest
from chance import not_more_often

from stillhunt.trace.compare.outcomes import gathered
from stillhunt.trace.compare.transfer import ALL, Items, items, transfers


def world(seed: int, n: int = 400, *, learned: float = 0.0, suspect: float = 0.8, groups: int = 2) -> Items:
    """
    Return items of varying difficulty; every model's success depends on it, and the suspect is abler than its base model.

    Of what the teacher gets right the suspect knows a share `learned` more.
    """
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 1.5, n)

    def answers(ability: float) -> np.ndarray:
        return rng.random(n) < 1 / (1 + np.exp(hard - ability))

    teacher, other, start, own = answers(1.0), answers(0.6), answers(-0.5), answers(suspect)
    own |= teacher & (rng.random(n) < learned)
    as_tuple = lambda x: tuple(bool(v) for v in x)  # noqa: E731
    return Items(
        groups=tuple(f"g{i % groups}" for i in range(n)),
        base=as_tuple(start),
        suspect=as_tuple(own),
        teacher=as_tuple(teacher),
        controls={"control": as_tuple(other)},
    )


def test_a_better_suspect_that_did_not_learn_from_the_teacher_is_at_its_level() -> None:
    """Difficulty alone makes gains fall on what the teacher knows; against a control it does so no more often than the level."""
    hits = 0
    for seed in range(400):
        (row,) = transfers(world(seed, groups=1))
        assert row.gain_p is not None and row.towards_p is not None
        hits += row.towards_p <= 0.05
    assert not_more_often(hits, 400, 0.05)
    assert hits > 3


def test_without_a_control_difficulty_would_pass_for_transfer() -> None:
    """The innocent suspect closes far more of the teacher's advantage than of the rest: why that share has no p-value."""
    of = world(1, 4000, groups=1)
    (row,) = transfers(of)
    rest = [s for s, b, t in zip(of.suspect, of.base, of.teacher, strict=True) if not b and not t]
    assert row.closed / row.advantage > sum(rest) / len(rest) + 0.15


def test_a_suspect_that_learned_from_the_teacher_is_seen() -> None:
    """One that took over 60 % of what the teacher knows is told from difficulty in nearly every world of 800 items."""
    rows = [transfers(world(seed, 800, learned=0.6, suspect=0.0, groups=1))[0] for seed in range(40)]
    assert sum(r.towards_p is not None and r.towards_p < 0.01 for r in rows) >= 36
    assert all(r.gain_p is not None and r.gain_p < 1e-4 for r in rows)


def test_focus_bounds_what_is_adjusted_for() -> None:
    """Holm's adjustment runs over the capabilities of the campaign; others are shown without a verdict, and all together last."""
    of = world(2, groups=3)
    every, one = transfers(of), transfers(of, focus=["g1"])
    assert [r.group for r in every] == ["g0", "g1", "g2", ALL]
    assert [r.group for r in one] == ["g1", "g0", "g2", ALL]
    assert [r.tested for r in one] == [True, False, False, False]
    assert one[0].gain_p == pytest.approx(one[0].gain.p_more)
    assert [r.gain.n for r in one][3] == sum(r.gain.n for r in one[:3]) == 400


def test_all_controls_must_be_beaten() -> None:
    """With a second control that knows exactly what the teacher knows nothing can be told, and the adjusted p says so."""
    of = world(3, 800, learned=0.6, suspect=0.0, groups=1)
    twice = Items(
        groups=of.groups,
        base=of.base,
        suspect=of.suspect,
        teacher=of.teacher,
        controls={**of.controls, "twin": of.teacher},
    )
    assert transfers(of)[0].towards_p < 1e-3 < transfers(twice)[0].towards_p == 1.0  # type: ignore[operator]


def test_only_items_that_all_were_put_to_count() -> None:
    """An item that one model lacks is in no pair."""
    full = gathered("t", [{"item": i, "group": "g", "correct": True} for i in range(4)])
    less = gathered("b", [{"item": i, "group": "g", "correct": False} for i in range(1, 9)])
    of = items(less, full, full)
    assert of.groups == ("g",) * 3
    assert of.base == (False,) * 3 and of.teacher == (True,) * 3
