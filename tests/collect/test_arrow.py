"""Tables in memory are read like files."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from collect.reading import counts, rows_of

from stillhunt import collect
from stillhunt.errors import ConfigError
from stillhunt.testing import check_batch

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
TABLE = pa.table(
    {
        "exchange_id": [1, 2, 3],
        "account_id": pa.array(["a", "b", None]),
        "started_at": pa.array([NOON] * 3, pa.timestamp("ns", "UTC")),
        "prompt": ["one", None, "three"],
        "colour": ["red", "blue", "grey"],
    }
)


class OneArray:
    """Something that hands over a single batch, and nothing else."""

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return TABLE.to_batches()[0].__arrow_c_array__(requested_schema)


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_reader(),
        OneArray(),
        pl.from_arrow(TABLE),
        TABLE.to_pandas(),
        TABLE.to_pandas().astype({"account_id": "category"}),
    ],
    ids=["table", "batch", "reader", "capsule", "polars", "pandas", "categories"],
)
def test_every_kind_of_table_gives_the_same_exchanges(data: object) -> None:
    """Arrow, Polars, pandas and DuckDB tables with the same rows are the same exchanges."""
    batches = list(collect.tables(data, "exchanges"))
    for batch in batches:
        check_batch(batch)
    found = [
        (row["exchange_id"], row["account_id"], row["started_at"], row["prompt"]) for row in rows_of(batches)
    ]
    assert found == [("1", "a", NOON, "one"), ("2", "b", NOON, None)]
    assert counts(batches) == {("line", "no usable `account_id`"): 1}


def test_a_duckdb_relation_gives_the_same_exchanges() -> None:
    """A relation is read as its rows come, without a copy of the whole."""
    with duckdb.connect() as connection:
        batches = list(collect.tables(connection.from_arrow(TABLE), "exchanges"))
    assert [row["exchange_id"] for row in rows_of(batches)] == ["1", "2"]


def test_a_pandas_column_of_mixed_objects_is_taken_value_by_value() -> None:
    """Numbers, text, dates and gaps in one pandas column each become what they say."""
    frame = pd.DataFrame(
        {
            "exchange_id": ["e1", 2, "e3", 4.0],
            "account_id": ["a"] * 4,
            "started_at": [NOON, "2026-03-02T12:00:00Z", NOON.timestamp(), pd.NaT],
            "tokens_in": [1, "2", {"three": 3}, None],
        }
    )
    batches = list(collect.tables(frame, "exchanges"))
    assert [(row["exchange_id"], row["started_at"]) for row in rows_of(batches)] == [
        ("e1", NOON),
        ("2", NOON),
        ("e3", NOON),
    ]
    assert counts(batches) == {
        ("line", "no usable `started_at`"): 1,
        ("value", "column `tokens_in` holds something that is not a whole number"): 1,
    }


def test_accounts_and_events_are_tables_too() -> None:
    """Accounts need an id, events a time and a kind."""
    accounts = list(collect.tables(pa.table({"account_id": ["a", ""], "plan": ["team", "x"]}), "accounts"))
    assert accounts[0].exchanges.to_pylist() == [{"account_id": "a", "plan": "team"}]
    events = list(collect.tables(pa.table({"at": [NOON, None], "kind": ["ban", "ban"]}), "events"))
    assert events[0].exchanges.to_pylist() == [{"at": NOON, "kind": "ban"}]


@pytest.mark.parametrize("data", [7, "log.ndjson", [{"exchange_id": 1}], None])
def test_other_things_are_refused(data: object) -> None:
    """What is no table is a wrong option, and the message says what would do."""
    with pytest.raises(ConfigError, match=r"neither a path nor a table[\s\S]*Polars"):
        collect.tables(data, "exchanges")


def test_long_tables_come_in_batches() -> None:
    """A table of many rows is read in batches, and rows left out are named by their number in the table."""
    count = 70_000
    ids = [f"e{i}" for i in range(count)]
    accounts = ["a"] * (count - 1) + [None]
    table = pa.table({"exchange_id": ids, "account_id": accounts, "started_at": [1] * count})
    batches = list(collect.tables(table, "exchanges"))
    assert sum(batch.lines for batch in batches) == count
    assert [one.examples for batch in batches for one in batch.left_out] == [(f"exchanges row {count}",)]
