"""Strands: which of a set's calls are judged, chosen by who uses a template and how rarely others do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.digest.calls import CALLS
from stillhunt.judge.blinding import recoded
from stillhunt.judge.strands import Strand, StrandChoice, choose_strand, choose_strands
from stillhunt.judge.strands import cut as cut_strand

COLUMNS = ("started_at", "prompt_h", "shingles", "sketch", "system_h", "system_marks")
SCHEMA = pa.schema([("account", pa.int32()), *((name, CALLS.field(name).type) for name in COLUMNS if name != "sketch")])
SCHEMA = SCHEMA.append(pa.field("sketch", pa.binary()))  # as an engine returns it
START = datetime(2026, 3, 2, tzinfo=UTC)
LOG = 100_000
POPULAR = range(9000, 9010)
"""Values that half of the log carries."""


def call(account: int, hour: float, prompt: int | None = None, **columns: Any) -> dict[str, Any]:
    """Return one digested call."""
    row = {"account": account, "started_at": START + timedelta(hours=hour), "prompt_h": prompt, **columns}
    return {"sketch": None if prompt is None else bytes([prompt % 100]) * 128, **row}


def cut(calls: list[dict[str, Any]], accounts: int) -> Strand:
    """Return the main strand in a log in which some values are popular and all others rare."""
    return cut_strand(table(calls), choose_strand(table(calls), accounts, popularity, LOG), accounts)


def popularity(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return in how many calls of the log values are."""
    return np.where(np.isin(values, list(POPULAR)), LOG / 2, 0.0)


def table(calls: list[dict[str, Any]]) -> pa.Table:
    """Return calls as an engine does."""
    rows = [{name: row.get(name) for name in SCHEMA.names} for row in calls]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def strands(calls: list[dict[str, Any]], accounts: int) -> list[StrandChoice]:
    """Return all strands."""
    return choose_strands(table(calls), accounts, popularity, LOG)


def harvest(accounts: int, each: int) -> list[dict[str, Any]]:
    """Return calls with one template of five parts, each with content of its own."""
    return [
        call(a, n, 1 + a * each + n, shingles=[11, 12, 13, 14, 15, 10_000 + a * each + n])
        for a in range(accounts)
        for n in range(each)
    ]


def test_cover_traffic_is_left_out() -> None:
    """Calls without the shared template, twice as many, are not in the strand."""
    cover = [call(a, 50 + n, 5000 + 40 * a + n, shingles=[20_000 + 40 * a + n]) for a in range(8) for n in range(20)]
    calls = cover[:60] + harvest(8, 10) + cover[60:]
    found = cut(calls, 8)
    assert sorted(found.rows.tolist()) == list(range(60, 140))
    assert found.key is not None and found.key[0] == "shingles" and 11 <= found.key[1] <= 15
    assert (found.n_accounts, "template" in found.description) == (8, True)


def test_a_template_that_the_whole_log_uses_is_not_chosen() -> None:
    """Of a popular template in all calls and a rare one in half of them the rare one is the strand."""
    calls = harvest(8, 10) + [
        call(a, 50 + n, 6000 + a * 10 + n, shingles=list(POPULAR)) for a in range(8) for n in range(10)
    ]
    for row in calls[:80]:
        row["shingles"] = [*row["shingles"], *POPULAR]
    assert sorted(cut(calls, 8).rows.tolist()) == list(range(80))


def test_variants_of_a_template_are_one_strand() -> None:
    """Calls that carry most of a family's parts belong to it even without the key itself."""
    calls = harvest(8, 10)
    for number, row in enumerate(calls):
        if number % 5 == 0:
            row["shingles"] = [part for part in row["shingles"] if part != 11 + number // 5 % 5]
    assert len(cut(calls, 8).rows) == 80


def test_a_shared_system_prompt_is_a_strand() -> None:
    """Where the system prompt is what is shared, its calls are the strand."""
    calls = [call(a, n, 1 + 10 * a + n, system_h=77 if n < 6 else None, system_marks=[5, 6] if n < 6 else None,
                  shingles=[30_000 + 10 * a + n]) for a in range(8) for n in range(10)]  # fmt: skip
    found = cut(calls, 8)
    assert len(found.rows) == 48
    assert found.key in {("system_h", 77), ("system_marks", 5), ("system_marks", 6)}


def test_without_a_shared_template_every_call_is_in_the_strand() -> None:
    """Accounts with nothing in common in their texts are judged on all that they sent."""
    calls = [call(a, n, 1 + 10 * a + n, shingles=[40_000 + 10 * a + n]) for a in range(8) for n in range(10)]
    found = cut(calls, 8)
    assert (len(found.rows), found.key) == (80, None)
    assert "all calls" in found.description


def test_a_template_in_a_few_calls_is_not_what_the_set_is_about() -> None:
    """A template in one call of twenty is passed over: every call is looked at."""
    calls = [
        call(a, n, 1 + 20 * a + n, shingles=[11] if n == 0 else [50_000 + 20 * a + n])
        for a in range(8)
        for n in range(20)
    ]
    assert (len(cut(calls, 8).rows), cut(calls, 8).key) == (160, None)


def test_a_template_that_half_of_the_accounts_use_is_found_under_cover() -> None:
    """A template in one call of ten of every account is the strand; one that a third of the accounts use so is not."""
    for users, rows in ((8, 80), (3, 800)):
        calls = [
            call(a, n, 1 + 100 * a + n, shingles=[11] if n < 10 and a < users else [50_000 + 100 * a + n])
            for a in range(8)
            for n in range(100)
        ]
        assert len(cut(calls, 8).rows) == rows


def test_a_log_without_text_has_a_strand() -> None:
    """Without any text all calls are the strand, with no content."""
    found = cut([call(a, n) for a in range(6) for n in range(5)], 6)
    assert (len(found.rows), found.key, found.fill.any(), found.sketch.any()) == (30, None, False, False)


def test_a_strand_is_sorted_and_points_to_its_calls() -> None:
    """Rows go by account and time, and each says where it was cut from."""
    calls = harvest(6, 8)
    order = np.random.default_rng(1).permutation(len(calls))
    found = cut([calls[k] for k in order], 6)
    assert np.lexsort((found.at_us, found.account)).tolist() == list(range(48))
    mixed = [calls[k] for k in order]
    for position, (account, fill, sketch) in enumerate(zip(found.account, found.fill, found.sketch, strict=True)):
        row = mixed[found.rows[position]]
        assert (row["account"], recoded(np.array([row["prompt_h"]], dtype=np.uint64), b"")[0]) == (account, fill)
        assert bytes(sketch.astype(np.uint8)) == row["sketch"]


def pool(first: int, accounts: int, parts: list[int]) -> list[dict[str, Any]]:
    """Return calls of some accounts with a template of their own and ten calls each."""
    return [
        call(first + a, n, 1 + (first + a) * 10 + n, shingles=[*parts, 60_000 + (first + a) * 10 + n])
        for a in range(accounts)
        for n in range(10)
    ]


def test_a_second_pool_with_its_own_template_is_a_second_strand() -> None:
    """Accounts that never use the first template are judged by theirs; no account is in two strands."""
    calls = pool(0, 10, [11, 12]) + pool(10, 9, [21, 22])
    first, second = strands(calls, 19)
    assert (sorted(first.rows), sorted(second.rows)) == (list(range(100)), list(range(100, 190)))
    assert first.key in {("shingles", 11), ("shingles", 12)} and second.key in {("shingles", 21), ("shingles", 22)}


def test_a_few_accounts_without_the_template_are_no_strand() -> None:
    """Seven accounts that are left over are not judged at all."""
    assert [len(one.rows) for one in strands(pool(0, 10, [11, 12]) + pool(10, 7, [21, 22]), 17)] == [100]


def test_strands_are_at_most_four() -> None:
    """Six pools, each smaller than the one before, give four strands."""
    sizes = (60, 40, 25, 16, 10, 8)
    calls = [row for number, size in enumerate(sizes) for row in pool(100 * number, size, [100 + number])]
    found = strands(calls, sum(sizes))
    rows = np.concatenate([one.rows for one in found])
    assert [len(one.rows) for one in found] == [600, 400, 250, 160]
    assert len(rows) == len(set(rows.tolist()))


def test_left_over_accounts_without_any_template_are_looked_at_in_full() -> None:
    """Where those left over have no template in common, all their calls are the second strand."""
    rest = [call(10 + a, n, 900 + 10 * a + n, shingles=[70_000 + 10 * a + n]) for a in range(9) for n in range(10)]
    first, second = strands(pool(0, 10, [11, 12]) + rest, 19)
    assert (len(first.rows), sorted(second.rows), second.key) == (100, list(range(100, 190)), None)
