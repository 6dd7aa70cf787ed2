"""Langfuse exports: the mapping, every kind of file, and each trap."""

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
from stillhunt.collect import langfuse
from stillhunt.collect.guess import guess
from stillhunt.plugs import Split
from stillhunt.testing import check_batch

SAMPLE = SAMPLES / "langfuse.jsonl"
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
BASE = RECORDS[0]


def one(tmp_path: Path, **changes: Any) -> tuple[dict[str, Any], dict[tuple[str, str], int]]:
    """Return the one exchange that a changed observation gives (empty for none), and what was left out."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({**BASE, **changes}) + "\n")
    rows, left, lines = read_whole(path, "langfuse")
    assert lines == 1
    return (rows[0] if rows else {}), left


def test_sample_is_read_as_written() -> None:
    """Of seven observations four are exchanges, two are no generations, one names nobody at all."""
    rows, left, lines = read_whole(SAMPLE, "langfuse")
    assert lines == 7
    assert [row["exchange_id"] for row in rows] == ["obs-1", "obs-4", "obs-5", "obs-6"]
    assert [row["account_id"] for row in rows] == ["u-tern", "8a1f", "u-tern", "proj-1"]
    assert [row["status"] for row in rows] == ["ok", "ok", "rate_limited", "ok"]
    assert left == {
        ("line", langfuse.NOT_A_GENERATION): 2,
        ("line", "no usable `account_id`"): 1,
        ("value", langfuse.NO_END): 1,
        ("value", "account is the API key hash, for want of `user_id`"): 1,
        ("value", "account is the project id, for want of `user_id`"): 1,
    }


def test_fields_arrive_under_the_contracts_names(tmp_path: Path) -> None:
    """A generation fills every column that Langfuse knows; its kinds of tokens, which do not overlap, are added up."""
    row, left = one(tmp_path)
    assert left == {}
    assert {name: value for name, value in row.items() if value is not None} == {
        "exchange_id": "obs-1",
        "account_id": "u-tern",
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "api_key_id": "8a1f",
        "session_id": "sess-1",
        "model": "m-large",
        "system": "Answer in one line.",
        "prompt": "What is a groyne?",
        "completion": "A wall that keeps sand in place.",
        "temperature": 0.3,
        "max_tokens": 64,
        "tokens_in": 12,
        "tokens_out": 9,
        "tokens_reasoning": 4,
        "tokens_cached": 8,
        "status": "ok",
        "client_ip": "203.0.113.9",
        "user_agent": "shore/1.0",
    }


def test_latency_in_either_unit_changes_nothing(tmp_path: Path) -> None:
    """The end comes from the timestamps: a latency of 2 (seconds) and one of 2000 (milliseconds) give the same end."""
    ends = {one(tmp_path, latency=latency)[0]["ended_at"] for latency in (2.0, 2000, "2000", None)}
    assert len(ends) == 1
    row, left = one(tmp_path, end_time=None, latency=2000)
    assert row["ended_at"] is None and left == {("value", langfuse.NO_END): 1}


def test_the_project_is_no_organisation(tmp_path: Path) -> None:
    """All of an export is one project: as an organisation it would make one owner of all accounts."""
    assert one(tmp_path)[0]["org_id"] is None
    assert one(tmp_path, metadata={"user_api_key_team_id": "team-2"})[0]["org_id"] == "team-2"


@pytest.mark.parametrize("kind", ["csv", "parquet of text", "parquet of maps", "json array"])
def test_every_kind_of_file_gives_the_same(kind: str, tmp_path: Path) -> None:
    """CSV, Parquet with text or with maps and times, and JSON give the same exchanges, and are recognised."""
    table = pa.table({name: [as_text(row[name]) for row in RECORDS] for name in BASE})
    path = tmp_path / "log"
    if kind == "csv":
        pacsv.write_csv(table, path)
    elif kind == "json array":
        path.write_text(json.dumps(RECORDS, indent=1))
    else:
        if kind == "parquet of maps":
            usage = pa.array([list(row["usage_details"].items()) for row in RECORDS], pa.map_(pa.string(), pa.int64()))
            facts = pa.array([list(row["metadata"].items()) for row in RECORDS], pa.map_(pa.string(), pa.string()))
            tools = pa.array([list(row["tool_definitions"].items()) for row in RECORDS], pa.map_(pa.string(), pa.string()))
            times = pa.array([row["start_time"] for row in RECORDS]).cast(pa.timestamp("us"))
            for name, column in (("usage_details", usage), ("metadata", facts), ("start_time", times),
                                 ("tool_definitions", tools)):  # fmt: skip
                table = table.set_column(table.schema.get_field_index(name), name, column)
        pq.write_table(table, path)
    assert guess(path).format == "langfuse"
    assert read_whole(path, "langfuse") == read_whole(SAMPLE, "langfuse")


@pytest.mark.parametrize(
    ("fields", "prompt", "completion"),
    [
        ({"input": "Plain words", "output": "More"}, "Plain words", "More"),
        ({"input": '"A JSON string"', "output": '"Another"'}, "A JSON string", "Another"),
        ({"input": '{"role":"user","content":"Q"}', "output": '{"content":"A"}'}, "Q", "A"),
        ({"input": [{"role": "user", "content": "Q"}], "output": {"choices": [{"message": {"content": "A"}}]}}, "Q", "A"),
        ({"input": "", "output": None}, None, None),
        ({"input": "{broken", "output": "[broken"}, "{broken", "[broken"),
    ],
)
def test_inputs_and_outputs_of_every_shape(
    fields: dict[str, Any], prompt: str | None, completion: str | None, tmp_path: Path
) -> None:
    """Plain text, strings of JSON, single messages, lists of turns and whole bodies are read."""
    row, _ = one(tmp_path, **fields)
    assert (row["prompt"], row["completion"]) == (prompt, completion)


def test_tools_are_hashed_whatever_their_order(tmp_path: Path) -> None:
    """Definitions of tools beside the input are hashed; the order of keys does not matter."""
    first, _ = one(tmp_path, tool_definitions={"a": "1", "b": "2"})
    second, _ = one(tmp_path, tool_definitions={"b": "2", "a": "1"})
    other, _ = one(tmp_path, tool_definitions={"b": "2"})
    assert first["tools_hash"] == second["tools_hash"] != other["tools_hash"]


@settings(max_examples=50, deadline=None)
@given(changes=st.lists(st.dictionaries(st.sampled_from(sorted(BASE)), VALUES, max_size=6), min_size=1, max_size=4))
def test_values_of_any_kind_never_raise(changes: list[dict[str, Any]]) -> None:
    """Whatever the fields hold, every observation is an exchange or left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_text("".join(json.dumps({**BASE, **change}) + "\n" for change in changes))
        batches = list(collect.read(Split(path=str(path), format="langfuse")))
        for batch in batches:
            check_batch(batch)
        assert sum(batch.lines for batch in batches) == len(changes)


def test_a_fallback_is_told_from_a_retry_by_its_model(tmp_path: Path) -> None:
    """Generations of one trace are attempts at one request: each is an exchange, and a fallback has another model."""
    failed = {**BASE, "id": "obs-a", "session_id": None, "level": "ERROR", "status_message": "500", "output": None}
    retried = {**failed, "id": "obs-b", "level": "DEFAULT", "status_message": None, "output": BASE["output"]}
    fallen = {**retried, "id": "obs-c", "provided_model_name": "m-small"}
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (failed, retried, fallen)))
    rows, _, _ = read_whole(path, "langfuse")
    (trace,) = {row["session_id"] for row in rows}
    assert trace == BASE["trace_id"]
    assert [(row["exchange_id"], row["model"], row["status"]) for row in rows] == [
        ("obs-a", BASE["provided_model_name"], "error"),
        ("obs-b", BASE["provided_model_name"], "ok"),
        ("obs-c", "m-small", "ok"),
    ]
