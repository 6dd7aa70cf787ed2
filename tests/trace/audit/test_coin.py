"""The coin test on arrays: level under hostile nulls, power, and its slow twin."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from chance import not_more_often
from tests.trace.audit.worlds_of_coins import suspect

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.coin import (
    CoinScores,
    coin_scores,
    coin_test,
    first_turns,
    residuals,
    with_coins,
)


def p_values(worlds: list[CoinScores], **how: bool) -> np.ndarray:
    """Return the p-value of each world."""
    return np.array([coin_test(w, draws=0, **how).tail.p_value for w in worlds])


NULLS = {
    "two candidates": {"k": 2},
    "two to eight candidates": {"k": (2, 8)},
    "heavy tails": {"k": 3, "heavy": True},
}


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("name", NULLS)
def test_suspects_that_never_saw_our_answers_are_rejected_at_the_level(name: str, two_sided: bool) -> None:
    """Whatever the scores look like, p ≤ α happens no more often than α."""
    p = p_values([suspect(s, 40, **NULLS[name]) for s in range(200)], two_sided=two_sided)
    for level in (0.001, 0.01, 0.05, 0.2, 0.5):
        assert not_more_often(int((p <= level).sum()), len(p), level)


def test_p_is_uniform_and_not_merely_valid() -> None:
    """Under the null p falls below a level about as often as the level says: the test wastes nothing."""
    p = p_values([suspect(s, 60, k=4) for s in range(200)])
    for level in (0.1, 0.3, 0.5):
        assert not_more_often(int((p > level).sum()), len(p), 1 - level + 0.02)


def test_power_is_what_the_gain_promises() -> None:
    """With a gain of one standard deviation, 60 exchanges give p < 1e-5 in nearly all worlds."""
    found = [coin_test(suspect(s, 60, gain=1.0), draws=0) for s in range(40)]
    assert sum(f.tail.p_log10 < -5 for f in found) >= 38
    # With k = 4 a gain of 1 moves the served one by 3/4; within its set a value then has variance 3/4 + 3/16.
    assert np.mean([f.gain for f in found]) == pytest.approx(0.75 / (0.75 + 3 / 16) ** 0.5, rel=0.1)


def test_references_take_away_what_the_answers_are() -> None:
    """Without references the same world shows next to nothing: what an answer is hides what was learned."""
    world = suspect(3, 60, gain=1.0)
    bare = coin_scores(
        [world.score[a:b].tolist() for a, b in zip(world.start, world.start[1:], strict=False)], world.served.tolist()
    )
    assert coin_test(world).tail.p_log10 < -5 < coin_test(bare).tail.p_log10


def test_a_rehearsal_takes_away_the_drift_of_any_student() -> None:
    """A reference that drifted as the suspect did makes the same world far sharper, and an innocent one stays at its level."""
    sharper, innocent = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for gain, out in ((1.0, sharper), (0.0, innocent)):
            drift, own = rng.normal(0, 2, (40, 3)), rng.normal(0, 1, (40, 3))
            served = rng.integers(0, 3, 40)
            own[np.arange(40), served] += gain
            rehearsal = drift + rng.normal(0, 0.5, (40, 3))
            with_, without = (coin_scores((own + drift).tolist(), served, r) for r in ([rehearsal.tolist()], []))
            out.append((coin_test(with_, draws=0).tail.p_log10, coin_test(without, draws=0).tail.p_log10))
    assert np.median([a for a, _ in sharper]) < 2 * np.median([b for _, b in sharper])
    assert not_more_often(sum(a <= -1 for a, _ in innocent), 40, 0.1)


def test_coefficients_do_not_look_at_the_coins() -> None:
    """With other coins the residuals are the same, so that fitting them cannot manufacture evidence."""
    world = suspect(5, 80, gain=1.0)
    u, b = residuals(world)
    u2, b2 = residuals(with_coins(world, 9))
    assert np.array_equal(u, u2) and np.array_equal(b, b2)
    assert coin_test(with_coins(world, 9)).tail.p_log10 > -4


def slow(world: CoinScores) -> float:
    """Return p by least squares from the definition, and by going through all coins."""
    sets = [range(a, b) for a, b in zip(world.start, world.start[1:], strict=False)]
    centred = lambda x: np.concatenate([x[list(s)] - x[list(s)].mean(axis=0) for s in sets])  # noqa: E731
    s, r = centred(world.score), centred(world.references)
    u = s - r @ np.linalg.pinv(r) @ s
    sd = np.sqrt(sum(np.var(u[list(x)]) for x in sets))
    steps = [np.rint(32 * u[list(x)] / sd) for x in sets]
    observed = sum(x[c] for x, c in zip(steps, world.served, strict=True))
    ways = [sum(way) for way in product(*[x.tolist() for x in steps])]
    return float(np.mean([w >= observed for w in ways]))


@pytest.mark.parametrize("seed", range(8))
def test_it_agrees_with_its_slow_twin(seed: int) -> None:
    """The test gives the p-value that the definition gives, coin by coin."""
    world = suspect(seed, 7, k=(2, 4), gain=0.5)
    assert coin_test(world).tail.p_value == pytest.approx(slow(world), rel=1e-6)


def test_equal_scores_prove_nothing() -> None:
    """A suspect to which all candidates are alike gets p = 1, and one with ties is judged on the rest."""
    flat = coin_scores([[1.5, 1.5]] * 30, [0, 1] * 15)
    assert coin_test(flat).tail.p_value == 1.0
    tied = coin_scores([[1.0, 1.0, 0.0]] * 30, [0] * 30)
    assert coin_test(tied).tail.p_value == pytest.approx((2 / 3) ** 30, rel=1e-6)


def test_no_exchange_proves_nothing() -> None:
    """An audit with no exchange at all gives p = 1 instead of an error."""
    assert coin_test(coin_scores([], [])).tail.p_value == 1.0


def test_one_giant_exchange_cannot_carry_the_test() -> None:
    """However large one score is, one exchange of k candidates cannot give p below 1/k."""
    world = coin_scores([[1e9, 0.0, 0.0]] + [[0.0, 0.0, 0.0]] * 50, [0] * 51)
    assert coin_test(world).tail.p_value == pytest.approx(1 / 3)


def test_an_account_whose_coins_are_known_does_not_taint_the_others() -> None:
    """A suspect that was trained on one account's answers, coins and all, is null on every other account."""
    p = []
    for seed in range(200):
        world = suspect(seed, 60, accounts=3, k=4)
        known = np.array([a == "a0" for a in world.account])
        score = world.score.copy()
        score[(world.start[:-1] + world.served)[known]] += 50.0
        learned = CoinScores(**{f: getattr(world, f) for f in world.__dataclass_fields__} | {"score": score})
        p.append(coin_test(learned.take(~known), draws=0).tail.p_value)
    for level in (0.01, 0.05, 0.3):
        assert not_more_often(int((np.array(p) <= level).sum()), len(p), level)


def test_shared_conversations_are_refused_until_one_turn_is_kept() -> None:
    """Later turns give earlier coins away: the test refuses them, and keeps the first turn of each conversation."""
    world = coin_scores([[0.0, 1.0]] * 4, [1] * 4, conversation=["x", "x", "y", "y"], exchange_id=["1", "2", "3", "4"])
    with pytest.raises(ConfigError, match="conversation"):
        coin_test(world)
    assert first_turns(world).exchange_id == ("1", "3")


@pytest.mark.parametrize(("scores", "served"), [([[1.0]], [0]), ([[1.0, 2.0]], [2]), ([[1.0, float("nan")]], [0])])
def test_sets_that_no_coin_decided_are_refused(scores: list[list[float]], served: list[int]) -> None:
    """One candidate, a served one that is not there, or a score that is not a number: an error that says what to do."""
    with pytest.raises(ConfigError, match="\n"):
        coin_scores(scores, served)
