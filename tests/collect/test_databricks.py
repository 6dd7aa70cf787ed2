"""Databricks inference tables: the mapping, every kind of file, what was not logged, hostile values."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from collect.reading import SAMPLES, read_whole
from collect.test_litellm_spend import VALUES, as_text
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import databricks
from stillhunt.collect.guess import guess
from stillhunt.plugs import Split
from stillhunt.testing import check_batch

SAMPLE = SAMPLES / "databricks.jsonl"
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def test_sample_is_read_as_written() -> None:
    """Of seven rows five are exchanges, one is an embedding, one names nobody; one account is only an end user."""
    rows, left, lines = read_whole(SAMPLE, "databricks")
    assert lines == 7
    assert [row["exchange_id"] for row in rows] == ["dbx-1", "dbx-2", "dbx-3", "dbx-4", "dbx-7"]
    assert left == {
        ("line", databricks.NOT_A_CALL): 1,
        ("line", "no usable `account_id`"): 1,
        ("value", databricks.NOT_LOGGED): 1,
        ("value", databricks.SAMPLED): 1,
        ("value", "account is the end user id, for want of `requester`"): 1,
    }


def test_both_bodies_and_the_columns_beside_them_are_read() -> None:
    """The first row has a value for everything that the format can carry."""
    row = read_whole(SAMPLE, "databricks")[0][0]
    assert (row["account_id"], row["end_user_id"], row["model"]) == ("sp-acme", "eu-7", "atlas-2")
    assert (row["system"], row["prompt"]) == ("You sort letters.", "Which letter is first?")
    assert row["completion"] == 'A.\n[{"arguments":{"by":"age"},"name":"sort"}]'
    assert (row["temperature"], row["max_tokens"], row["finish_reason"]) == (0.2, 64, "tool_calls")
    assert (row["tokens_in"], row["tokens_out"], row["status"]) == (21, 5, "ok")
    assert str(row["started_at"]) == "2026-03-02 09:00:00.250000+00:00"
    assert str(row["ended_at"]) == "2026-03-02 09:00:01.750000+00:00"


def test_statuses_and_streams_are_told() -> None:
    """A limit, a refusal at the door and a stream of chunks, by `status_code` and the chunks' text."""
    rows = {row["exchange_id"]: row for row in read_whole(SAMPLE, "databricks")[0]}
    assert [rows[f"dbx-{n}"]["status"] for n in (2, 3, 4, 7)] == ["rate_limited", "ok", "ok", "blocked"]
    assert (rows["dbx-4"]["completion"], rows["dbx-4"]["finish_reason"]) == ("B is.", "stop")
    assert (rows["dbx-3"]["completion"], rows["dbx-3"]["model"]) == (None, "ent-9")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_every_kind_of_file_gives_the_same(suffix: str, tmp_path: Path) -> None:
    """Parquet with a list of codes, and CSV with the list as JSON, give what the lines of JSON give."""
    path = tmp_path / f"export.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(RECORDS), path)
    else:
        pacsv.write_csv(pa.table({name: [as_text(row[name]) for row in RECORDS] for name in RECORDS[0]}), path)
    assert guess(path).format == "databricks"
    assert read_whole(path, "databricks") == read_whole(SAMPLE, "databricks")


@given(st.dictionaries(st.sampled_from(databricks.COLUMNS), VALUES, max_size=6))
@settings(max_examples=80, deadline=None)
def test_hostile_values_never_raise(changes: dict[str, Any]) -> None:
    """Whatever stands in a column, the row is an exchange or is counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_text(json.dumps({**RECORDS[0], **changes}) + "\n")
        batches = list(collect.read(Split(path=str(path), format="databricks")))
        for batch in batches:
            check_batch(batch)
        assert sum(batch.lines for batch in batches) == 1


def test_a_number_beyond_all_bounds_in_place_of_a_body_never_raises(tmp_path: Path) -> None:
    """Where other rows have an object, a number that no type holds is a body that says nothing."""
    row = '{"databricks_request_id": "d-%d", "request_time": "2026-03-02T09:05:00Z", "requester": "r", "request": %s}'
    bodies = ('{"messages": []}', "1" + "0" * 400, "1e999")
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(row % pair for pair in enumerate(bodies)))
    assert len(read_whole(path, "databricks")[0]) == 3
