"""What is promised of worlds that are made day by day."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt import contract
from stillhunt.worlds import clock, daily
from stillhunt.worlds.assemble import exchange_table
from stillhunt.worlds.worlds import Recipe, drawn, ids_of

SEED = 31
RECIPE = Recipe(singles=60, groups={"labelling_firm": (1, 8, 8), "coding_app": (1, 20, 20)}, operators=(1, 1), largest=30)
DRAWN_ANEW = {"ended_at", "tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached", "finish_reason"}
"""Columns with chance of their own, drawn day by day."""


def written(folder: Path) -> list[pa.Table]:
    """Plan two parts and write every day; return the days."""
    for part in range(2):
        daily.plan_part(folder, SEED, part, RECIPE)
    out = []
    for day, _ in daily.days():
        rows = daily.write_day(folder, SEED, day, folder / f"{day}.parquet")
        out.append(pq.ParquetFile(folder / f"{day}.parquet").read())
        assert out[-1].num_rows == rows
    return out


def test_days_hold_what_the_whole_part_holds(tmp_path: Path) -> None:
    """
    Every call of a plan is written once, on its day, with the texts, ids and addresses that the part has when it is written
    in one piece, also where a prompt quotes an answer of the day before or carries its history.
    """
    found = written(tmp_path)
    for day, table in enumerate(found):
        assert table.schema.equals(contract.EXCHANGES)
        at = table.column("started_at").cast(pa.int64()).to_numpy()
        assert ((at - clock.START) // clock.DAY == day).all()
    days = pa.concat_tables(found).sort_by("exchange_id")
    whole = []
    for part in range(2):
        one, _ = drawn(RECIPE, SEED, part)
        whole.append(
            exchange_table(one.accounts, ids_of(one), one.calls, one.seen, one.things, one.salt, np.random.default_rng(0))
        )
    expected = pa.concat_tables(whole).sort_by("exchange_id")
    assert expected.column("history").null_count < expected.num_rows > 500
    for name in set(contract.EXCHANGES.names) - DRAWN_ANEW:
        assert days.column(name).combine_chunks().equals(expected.column(name).combine_chunks()), name


def test_a_day_can_be_written_again(tmp_path: Path) -> None:
    """A day that was thrown away is written out again to the same bytes, and parts are told apart by progress."""
    daily.plan_part(tmp_path, SEED, 0, RECIPE)
    daily.write_day(tmp_path, SEED, 3, tmp_path / "once")
    seen: list[tuple[int, int]] = []
    daily.write_day(tmp_path, SEED, 3, tmp_path / "again", lambda done, wanted: seen.append((done, wanted)))
    assert (tmp_path / "once").read_bytes() == (tmp_path / "again").read_bytes()
    assert seen == [(1, 1)]


def test_tables_beside_the_log_cover_all_parts(tmp_path: Path) -> None:
    """Accounts, events and truth of all parts are joined, and releases of models stand there once."""
    for part in range(2):
        daily.plan_part(tmp_path, SEED, part, RECIPE)
    daily.write_side(tmp_path)
    truth = pq.read_table(tmp_path / "truth.parquet")
    accounts = pq.read_table(tmp_path / "accounts.parquet").column("account_id").to_pylist()
    assert sorted(accounts) == sorted(truth.column("account_id").to_pylist())
    assert len(set(truth.column("campaign_id").drop_null().to_pylist())) == 2
    kinds = pq.read_table(tmp_path / "events.parquet").column("kind").to_pylist()
    assert kinds.count("model_release") == 2


def test_spread_keeps_what_was_asked_for() -> None:
    """Parts hold together the independent accounts, groups and operators of one recipe; groups keep their sizes."""
    whole = replace(RECIPE, singles=103, groups={"nat_company": (16, 12, 90), "red_team": (3, 5, 14)}, operators=(7, 8), volume=3)
    parts = daily.spread(whole, 5)
    assert sum(p.singles for p in parts) == 103
    assert sum(p.operators[0] for p in parts) == sum(p.operators[1] for p in parts) == 8
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update({name: count for name, (count, _, _) in part.groups.items()})
        assert all(whole.groups[name][1:] == sizes[1:] for name, sizes in part.groups.items())
        assert part.volume == 3
    assert counts == {"nat_company": 16, "red_team": 3}


def test_volume_multiplies_what_accounts_send() -> None:
    """With ten times the volume, accounts of every cohort send several times as much, and so do operators."""
    few, many = (drawn(replace(RECIPE, volume=volume), SEED, 0)[0] for volume in (1, 10))
    for cohort in np.unique(few.accounts.cohort[few.accounts.campaign < 0]).tolist():
        each = [
            (one.accounts.cohort[one.calls.account] == cohort).sum() / (one.accounts.cohort == cohort).sum() for one in (few, many)
        ]
        assert each[1] > 5 * each[0]
    harvested = [(one.calls.harvest >= 0).sum() / (one.accounts.campaign >= 0).sum() for one in (few, many)]
    assert harvested[1] > 5 * harvested[0]
