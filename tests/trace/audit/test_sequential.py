"""The coin test as a game that may stop at any time."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from chance import not_more_often
from tests.trace.audit.worlds_of_coins import suspect

from stillhunt.trace.audit.coin import CoinScores, coin_scores
from stillhunt.trace.audit.sequential import GRID, WARM_UP, e_process, predictable_residuals

BETS: tuple[Literal["mixture", "predictable"], ...] = ("mixture", "predictable")


@pytest.mark.parametrize("bet", BETS)
@pytest.mark.parametrize("heavy", [False, True])
def test_capital_seldom_ever_reaches_one_over_alpha(bet: Literal["mixture", "predictable"], heavy: bool) -> None:
    """Looking after every exchange and stopping at the best moment still errs at most α of the time."""
    best = [e_process(suspect(s, 150, k=(2, 5), heavy=heavy), bet=bet).log10.max() for s in range(300)]
    for alpha in (0.2, 0.05, 0.01):
        assert not_more_often(int((np.array(best) >= -np.log10(alpha)).sum()), len(best), alpha)


@pytest.mark.parametrize("bet", BETS)
def test_power(bet: Literal["mixture", "predictable"]) -> None:
    """With a gain of one, the game is won at 1e-5 within 150 exchanges in nearly all worlds."""
    stopped = [e_process(suspect(s, 150, gain=1.0), bet=bet).stopped for s in range(30)]
    assert sum(s is not None for s in stopped) >= 28


def conversation(seed: int, turns: int) -> CoinScores:
    """
    Return one long conversation that gives earlier coins away: what is asked next, and so the candidates, depend on them.

    After an answer with a high score the later candidates are far apart, after one with a low score they are close: a test that
    looked at all candidates before their time would be wrong here.
    """
    rng = np.random.default_rng(seed)
    scores, served, spread = [], [], 1.0
    for _ in range(turns):
        own = spread * rng.normal(0, 1, 3)
        c = int(rng.integers(3))
        spread = 3.0 if own[c] > own.mean() else 0.4
        scores.append(own.tolist())
        served.append(c)
    return coin_scores(scores, served, [[list(np.square(s)) for s in scores]], conversation=["one"] * turns)


@pytest.mark.parametrize("bet", BETS)
def test_turns_of_one_conversation_may_be_used(bet: Literal["mixture", "predictable"]) -> None:
    """Where later candidates depend on earlier coins, the game keeps its level."""
    best = [e_process(conversation(s, 80), bet=bet).log10.max() for s in range(300)]
    for alpha in (0.2, 0.05):
        assert not_more_often(int((np.array(best) >= -np.log10(alpha)).sum()), len(best), alpha)


def slow(world: CoinScores) -> float:
    """Return log10 of the capital of the mixture, exchange by exchange from the definition."""
    sets = [slice(a, b) for a, b in zip(world.start, world.start[1:], strict=False)]
    centre = lambda x: x - x.mean(axis=0)  # noqa: E731
    capital, squares = np.ones(len(GRID)), []
    for i, here in enumerate(sets):
        s, r = centre(world.score[here]), centre(world.references[here])
        b = np.zeros(r.shape[1])
        if i >= WARM_UP:
            past_r = np.concatenate([centre(world.references[x]) for x in sets[:i]])
            past_s = np.concatenate([centre(world.score[x]) for x in sets[:i]])
            b = np.linalg.lstsq(past_r, past_s, rcond=None)[0]
        u = s - r @ b
        if i >= WARM_UP:
            u_scaled = u / np.sqrt(np.sum(squares[WARM_UP // 2 :]) / (i - WARM_UP // 2))
            for g, lam in enumerate(GRID):
                capital[g] *= np.exp(lam * u_scaled[world.served[i]]) / np.mean(np.exp(lam * u_scaled))
        squares.append(float(np.mean(u**2)))
    return float(np.log10(capital.mean()))


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_its_slow_twin(seed: int) -> None:
    """The capital is the one that the definition gives, step by step."""
    world = suspect(seed, 60, k=(2, 4), gain=0.7)
    assert e_process(world).e_log10 == pytest.approx(slow(world), abs=1e-3)


def test_nothing_after_an_exchange_changes_the_capital_before_it() -> None:
    """The capital after 40 exchanges is the same whether or not there are more: nothing looks ahead."""
    world = suspect(1, 80, gain=0.5)
    head = world.take(np.arange(40))
    assert np.allclose(e_process(world).log10[:40], e_process(head).log10, atol=1e-9)
    assert np.allclose(predictable_residuals(world)[: head.start[-1]], predictable_residuals(head))


def test_an_empty_game_is_a_fair_one() -> None:
    """Without exchanges the capital is one."""
    assert e_process(coin_scores([], [])).e_log10 == 0.0
