"""The accounts and events tables beside the log."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collect.reading import SAMPLES

from stillhunt import collect
from stillhunt.contract import ACCOUNTS, EVENTS
from stillhunt.errors import LogError


def test_accounts_are_one_row_each() -> None:
    """The first row of an account counts, later ones and rows without an id are left out and counted."""
    accounts, left = collect.read_table(SAMPLES / "accounts.csv", ACCOUNTS)
    assert accounts.schema.equals(ACCOUNTS)
    assert accounts["account_id"].to_pylist() == ["a-tern", "a-knot", "a-plover"]
    assert accounts["created_at"].to_pylist()[0] == dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    assert {(one.what, one.reason, one.count) for one in left} == {
        ("account", "no usable `account_id`", 1),
        ("account", "another row for the same `account_id` came first", 1),
        ("value", "column `created_at` holds something that is not a time", 1),
    }


def test_events_need_a_time_and_a_kind() -> None:
    """An event without a time is left out; the others keep their order."""
    events, left = collect.read_table(SAMPLES / "events.ndjson", EVENTS)
    assert events["kind"].to_pylist() == ["model_release", "ban"]
    assert [(one.what, one.count) for one in left] == [("event", 1)]


def test_accounts_in_parquet(tmp_path: Path) -> None:
    """The same table as Parquet, with ids as numbers, is read alike."""
    path = tmp_path / "accounts.parquet"
    pq.write_table(pa.table({"account_id": [1, 2, 1], "plan": ["team", "free", "free"]}), path)
    accounts, left = collect.read_table(path, ACCOUNTS)
    assert accounts["account_id"].to_pylist() == ["1", "2"]
    assert accounts["plan"].to_pylist() == ["team", "free"]
    assert [one.count for one in left] == [1]


def test_an_empty_table_is_no_error(tmp_path: Path) -> None:
    """A header without rows is a table without accounts."""
    path = tmp_path / "accounts.csv"
    path.write_text("account_id,plan\n")
    accounts, left = collect.read_table(path, ACCOUNTS)
    assert (accounts.num_rows, left) == (0, ())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        ("colour,size\nred,1\n", "no account could be read"),
        ("PAR1", "no account could be"),
    ],
)
def test_a_table_that_cannot_be_used_is_an_error(content: str | None, says: str, tmp_path: Path) -> None:
    """A missing file, and one of something else, stop the run: the caller asked for it by name."""
    path = tmp_path / "accounts.any"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LogError, match=says):
        collect.read_table(path, ACCOUNTS)
