"""The second verifier's statistics beside the first's, on made-up counts: joins, indicators, effect sizes, formulas."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from stillhunt.features.harvest import score_interval, superiority_of
from stillhunt.judge.joins.circles import circle_test
from stillhunt.judge.joins.events import pivot_of
from stillhunt.judge.joins.takeover import takeover_test
from stillhunt.judge.joins.technique import search_test
from stillhunt.judge.joins.unserved import Histories, unserved_of
from stillhunt.judge.scalars import Corroborated, pictured, scalars
from stillhunt.report.dossier.formulas import FORMULAS
from stillhunt.seal.bundle import Bundle
from stillhunt.verify.beside import _events
from stillhunt.verify.formula import formula as first_formula
from tools import verify_dossier as second


class Tables:
    """A bundle that has some tables."""

    def __init__(self, tables: dict[str, dict[str, Any]], about: dict[str, Any] | None = None) -> None:
        self.tables = tables
        self.about = {"settings": {"draws": 500, "seed": 3, "rho0": 0.05}, **(about or {})}

    def has(self, table: str) -> bool:
        """Whether there is a table."""
        return table in self.tables

    def of(self, table: str, column: str) -> Any:
        """A column as the second verifier reads it."""
        found = np.asarray(self.tables[table][column])
        return found.astype(np.int64) if found.dtype.kind in "iub" else found


def agree(first: dict[str, Any], other: dict[str, Any]) -> None:
    """See that every number of the first is in the second's, to nine digits."""
    for name, value in first.items():
        assert name in other, name
        assert math.isclose(value, other[name], rel_tol=1e-8, abs_tol=1e-10), (name, value, other[name])


@pytest.mark.parametrize("circle", [3, 8])
@pytest.mark.parametrize("hands", [4, 40])
def test_circles_are_the_same(circle: int, hands: int) -> None:
    """Things that pass within few partners and things that pass among everybody give the same test in both."""
    rng = np.random.default_rng(circle * 100 + hands)
    giver, taker = rng.integers(0, hands, 120), rng.integers(100, 130, 120)
    test = circle_test(giver, taker, circle=circle)
    found = second.circles(giver, taker, circle)
    assert found is not None
    agree({**scalars(test), **pictured(test, rho0=0.05)}, found)


def test_takeovers_are_the_same() -> None:
    """What two verifiers make of blocks of calls is what the hunt made of the calls."""
    rng = np.random.default_rng(5)
    n = 400
    account, prompt = rng.integers(0, 12, n), rng.integers(1, 90, n).astype(np.uint64)
    at, failed = np.sort(rng.integers(0, 10**10, n)), rng.random(n) < 0.3
    test = takeover_test(account, at, prompt, failed)
    assert test is not None
    counts = test.counts
    found = second.takeover(list(counts.blocks), counts.giver, counts.taker)
    assert found is not None
    agree({**scalars(test), **pictured(test, rho0=0.05)}, found)


def test_indicators_are_the_same() -> None:
    """Pivots, unserved histories and the search for techniques: p-values, counts and nulls agree."""
    rng = np.random.default_rng(7)
    counts = Histories(
        turns=rng.integers(1, 30, 12), unserved=np.zeros(12, np.int64), expected=rng.random(12),
        others=np.sort(rng.integers(1, 60, 200)), excess=np.round(rng.normal(0, 0.2, 200), 4),
    )  # fmt: skip
    counts.unserved[:] = counts.turns // 2
    form = np.concatenate([rng.integers(0, 30, 150), np.full(250, 7)])
    refused = np.concatenate([rng.random(150) < 0.6, rng.random(250) < 0.05])
    searched = search_test(form, refused, ["a"] * int(refused.sum()), draws=400, seed=3)
    assert searched is not None
    pivots = (pivot_of("", 38, 30, 43, 2), pivot_of("", 6, 1, 90, 40))
    first = Corroborated(unserved=unserved_of(counts, draws=500, seed=3), search=searched, pivots=pivots).figures()
    tables = Tables(
        {
            "pivots": {"members": [38, 6], "members_moved": [30, 1], "peers": [43, 90], "peers_moved": [2, 40]},
            "histories": {"turns": counts.turns, "unserved": counts.unserved, "expected": counts.expected},
            "histories-outside": {"turns": np.minimum(counts.others, 50), "excess": counts.excess},
            "search": {"form": form, "refused": refused, "category": np.where(refused, 0, -1)},
        }
    )
    tables.about["settings"]["draws"] = 500
    agree(first, second.indicators(tables))


def test_effect_sizes_are_the_same() -> None:
    """Superiority, interval and medians of a measure with ties."""
    rng = np.random.default_rng(9)
    ours, theirs = rng.integers(0, 6, 20) / 2, rng.integers(0, 9, 60) / 2
    value = np.concatenate([ours, theirs])
    mine = np.arange(80) < 20
    tie = np.unique(value, return_inverse=True)[1]
    found = second.contrasts(Tables({"contrast-1": {"campaign": mine, "tie": tie, "value": value}}, {"contrasts": ["focus"]}))
    superiority = superiority_of(ours, theirs)
    low, high = score_interval(superiority, 20, 60)
    agree({"contrast.focus.superiority": superiority, "contrast.focus.low": low, "contrast.focus.high": high}, found)
    assert found["contrasts.matched"] == 60


def test_events_and_waves_are_the_same() -> None:
    """Days of events, and how many different accounts are banned in each wave, a day from its first ban to the next wave."""
    rng = np.random.default_rng(13)
    hour = np.sort(rng.integers(490_000, 490_200, 25))
    tables = {
        "events": {
            "ban": rng.random(25) < 0.7, "hour": hour, "subject": rng.integers(0, 9, 25),
            "calls": rng.integers(0, 5, (25, 48)), "entered": rng.integers(0, 2, (25, 48)),
        }
    }  # fmt: skip
    first = _events(Bundle(about={}, tables=tables))
    assert first == second.events(Tables(tables))
    assert sum(name.startswith("wave.") for name in first) >= 4
    assert first["event.1.day"] == (date(1970, 1, 1) + timedelta(hours=int(hour[0]))).isoformat()


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("upper", (0, 50)), ("upper", (2, 169_676)), ("upper", (7, 7)), ("fair_coin", (11, 12)), ("difference", (38, 25)),
        ("inverse", (0.33,)), ("sum", (1, 2, 9)), ("reach", (0.05, 0.004, 31)), ("power", (0.05, 0.004, 31)),
        ("likelihood", (18, 20, 21, 60)), ("likelihood_low", (18, 20, 21, 60)), ("likelihood_high", (18, 20, 21, 60)),
    ],
)  # fmt: skip
def test_formulas_are_the_same(name: str, of: tuple[float, ...]) -> None:
    """Each formula over other lines gives the same in both."""
    lines = [{"id": f"n{i}", "value": x, "recipe": None, "needs": "the log"} for i, x in enumerate(of)]
    recipe = f"{name}({', '.join(f'n{i}' for i in range(len(of)))})"
    assert math.isclose(second.formula(recipe, lines), FORMULAS[name](*map(float, of)), rel_tol=1e-9)


def test_no_formula_says_what_nothing_else_does() -> None:
    """A formula over anything but lines of the list gives nothing, in both."""
    lines: list[dict[str, Any]] = [{"id": "n1", "value": 3, "recipe": None, "needs": "the log"}]
    for recipe in ("sum(7)", "difference(n1, 2)", "sum(n1, 4)", "inverse(0.5)"):
        assert second.formula(recipe, lines) is None
        assert first_formula(recipe, lines) is None
    assert second.formula("sum(n1)", lines) == first_formula("sum(n1)", lines) == 3


def test_lines_are_counted() -> None:
    """How many lines need something is counted over the first few."""
    needs = {"recipe": None, "needs": "the log"}
    has = {"recipe": "x", "needs": None}
    lines: list[dict[str, Any]] = [{"id": f"n{i}", "value": 1, **(needs if i % 2 else has)} for i in range(9)]
    assert [second.formula(r, lines) for r in ("lines(5, any)", "lines(5, the log)", "lines(5, a recipe)")] == [5, 2, 3]


def test_points_of_students_distribution_are_right() -> None:
    """Its quantiles agree with SciPy's where the null of the interchange test is drawn from them."""
    at = np.linspace(0.0005, 0.9995, 41)
    for df in (7, 30, 400):
        assert np.allclose(second.student_point(at, df), student.ppf(at, df), rtol=1e-9, atol=1e-11)
    assert second.student(0.0, 9) == 0.5
