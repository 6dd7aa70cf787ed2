"""Measures of a harvest count what is there, and their contrast is right as often as it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from chance import not_more_often
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from stillhunt.digest.calls import CALLS
from stillhunt.features.harvest import COMES_BACK, FIXED_PART, MEASURES, contrasts, harvest_measures

COLUMNS = (
    *("account_id", "started_at", "prompt_h", "shingles", "capability"),
    *("tokens_in", "tokens_out", "tokens_reasoning"),
)
SCHEMA = pa.schema([CALLS.field(name) for name in COLUMNS])
START = datetime(2026, 3, 1, tzinfo=UTC)

call = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from("ab"),
        "prompt_h": st.none() | st.integers(1, 6),
        "shingles": st.none() | st.lists(st.integers(1, 9), max_size=5, unique=True),
        "capability": st.none() | st.integers(0, 2),
        "tokens_in": st.none() | st.integers(0, 9),
        "tokens_out": st.none() | st.integers(0, 9),
        "tokens_reasoning": st.none() | st.integers(0, 9),
    }
)


def slow_no_return(mine: list[dict[str, Any]]) -> float:
    """Return the share of later prompts that do not come back, by plain sets."""
    asked = [row for row in mine if row["prompt_h"] is not None]
    in_prompts: dict[int, int] = {}
    for row in mine:
        for value in row["shingles"] or []:
            in_prompts[value] = in_prompts.get(value, 0) + 1
    fixed = {v for v, n in in_prompts.items() if n > FIXED_PART * max(len(asked), 1)}
    seen: set[int] = set()
    prompts: set[int] = set()
    new = later = 0
    first = True
    for row in mine:
        own = set(row["shingles"] or []) - fixed
        if row["prompt_h"] is not None:
            back = row["prompt_h"] in prompts or (own and len(own & seen) >= COMES_BACK * len(own))
            if not first:
                later += 1
                new += not back
            first = False
            prompts.add(row["prompt_h"])
        seen |= own
    return new / later if later >= 4 else float("nan")


@given(st.lists(call, min_size=5, max_size=30))
def test_no_return_is_what_plain_sets_give(rows: list[dict[str, Any]]) -> None:
    """The share of prompts that do not come back is that of a walk over the calls, one by one."""
    timed = [row | {"started_at": START + timedelta(hours=n)} for n, row in enumerate(rows)]
    found = harvest_measures(pa.Table.from_pylist(timed, schema=SCHEMA))["no return"]
    by_account = [[row for row in timed if row["account_id"] == name] for name in "ab"]
    expected = [slow_no_return(mine) for mine in by_account if len(mine) >= 5]
    np.testing.assert_allclose(found, expected)


def test_each_measure_is_its_formula() -> None:
    """Focus, reasoning, hunger and repeats of a crowd that is small enough to count by hand."""
    rows = [
        {
            "account_id": name,
            "started_at": START + timedelta(hours=n),
            "prompt_h": 100 * (name == "b" and n > 0) + n + 1,
            "shingles": [],
            "capability": int(n == 0),
            "tokens_in": 10,
            "tokens_out": 20,
            "tokens_reasoning": 50,
        }
        for name in "ab"
        for n in range(5)
    ]
    found = harvest_measures(pa.Table.from_pylist(rows, schema=SCHEMA))
    assert set(found) == set(MEASURES)
    assert found["focus"].tolist() == pytest.approx([4 * 3 / (5 * 4)] * 2)
    assert found["reasoning"].tolist() == pytest.approx([2.5, 2.5])
    assert found["hunger"].tolist() == pytest.approx([2.0, 2.0])
    assert found["repeats"].tolist() == pytest.approx([0.2, 0.2])


def crowds(seed: int, shift: float, m: int = 20, n: int = 60) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two crowds of accounts; ours lies `shift` standard deviations above."""
    rng = np.random.default_rng(seed)
    nothing = np.zeros(0)
    ours = dict.fromkeys(MEASURES, nothing) | {"hunger": rng.normal(shift, 1, m)}
    theirs = dict.fromkeys(MEASURES, nothing) | {"hunger": rng.normal(0, 1, n)}
    return ours, theirs


def test_superiority_is_mann_and_whitneys() -> None:
    """The effect size is U / (m n), with ties counted half."""
    rng = np.random.default_rng(3)
    ours, theirs = rng.integers(0, 4, 12).astype(float), rng.integers(0, 4, 15).astype(float)
    nothing = dict.fromkeys(MEASURES, np.zeros(0))
    found = contrasts(nothing | {"focus": ours}, nothing | {"focus": theirs})[0]
    assert found.superiority == pytest.approx(mannwhitneyu(ours, theirs).statistic / (12 * 15))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 400 worlds without a difference, the 95 % interval leaves out one half no more often than chance allows."""
    missed = sum(
        not found.low <= 0.5 <= found.high for seed in range(400) for found in contrasts(*crowds(seed, 0.0))
    )
    assert not_more_often(missed, 400, 0.05)


def test_a_large_difference_is_seen() -> None:
    """One and a half standard deviations put the whole interval above 0.64 in nearly every world."""
    seen = sum(found.low > 0.64 for seed in range(100) for found in contrasts(*crowds(seed, 1.5)))
    assert seen >= 95


def test_the_interval_has_a_width_at_its_ends() -> None:
    """Crowds that do not overlap give an interval from below one up to one, never a point."""
    ours, theirs = crowds(1, 50.0)
    found = contrasts(ours, theirs)[0]
    assert found.superiority == found.high == 1.0
    assert 0.8 < found.low < 1.0


def test_a_log_without_text_and_tokens_has_no_contrast() -> None:
    """Where nothing was written down, no measure has a value and nothing is compared."""
    rows = [{"account_id": f"a{i % 10}", "started_at": START + timedelta(hours=i)} for i in range(100)]
    found = harvest_measures(pa.Table.from_pylist(rows, schema=SCHEMA))
    assert all(np.isnan(values).all() for values in found.values())
    assert contrasts(found, found) == ()
