"""LiteLLM's spend logs: exports in every kind of file, and each trap."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from collect.reading import SAMPLES, counts, read_whole, rows_of
from collect.test_litellm import hashed
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import litellm, litellm_spend
from stillhunt.collect.guess import guess
from stillhunt.plugs import Split
from stillhunt.testing import check_batch

SAMPLE = SAMPLES / "litellm-spend.ndjson"
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
BASE = RECORDS[0]


def as_text(value: object) -> str | None:
    """Return a value as an export to columns has it."""
    if value is None:
        return None
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def one(tmp_path: Path, **changes: Any) -> tuple[dict[str, Any], dict[tuple[str, str], int]]:
    """Return the one exchange that a changed row gives (empty for none), and what was left out."""
    path = tmp_path / "log.ndjson"
    path.write_text(json.dumps({**BASE, **changes}) + "\n")
    rows, left, lines = read_whole(path, "litellm-spend")
    assert lines == 1
    return (rows[0] if rows else {}), left


def test_sample_is_read_as_written() -> None:
    """Of thirteen rows eight are exchanges, four are no calls of customers, one names nobody."""
    rows, left, lines = read_whole(SAMPLE, "litellm-spend")
    assert lines == 13
    assert [row["exchange_id"] for row in rows] == [
        "chatcmpl-1", "chatcmpl-1#cache1772442399.5", "call-2", "chatcmpl-3", "chatcmpl-4", "chatcmpl-5",
        "chatcmpl-6", "msg-7",
    ]  # fmt: skip
    assert left == {
        ("line", litellm.NOT_A_CALL): 2,
        ("line", litellm_spend.SETTLED): 1,
        ("line", litellm.HEALTH_CHECK): 1,
        ("line", "no usable `account_id`"): 1,
        ("value", "account is the team id, for want of `user`"): 1,
        ("value", "account is the API key hash, for want of `user`"): 1,
        ("value", litellm.REDACTED_TEXT): 2,
        ("value", litellm.TRUNCATED_TEXT): 1,
    }


def test_fields_arrive_under_the_contracts_names(tmp_path: Path) -> None:
    """A plain chat call fills every column that the table knows; a price list in `metadata` does not matter."""
    row, left = one(tmp_path)
    assert left == {}
    assert {name: value for name, value in row.items() if value is not None} == {
        "exchange_id": "chatcmpl-1",
        "account_id": "u-tern",
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "org_id": "org-shore",
        "api_key_id": "8a1f",
        "session_id": "tr-1",
        "end_user_id": "seat-3",
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
        "finish_reason": "stop",
        "status": "ok",
        "client_ip": "203.0.113.9",
        "user_agent": "shore/1.0",
    }
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 2.25


@pytest.mark.parametrize("kind", ["csv sample", "csv", "parquet", "parquet of structs", "json array"])
def test_every_kind_of_file_gives_the_same(kind: str, tmp_path: Path) -> None:
    """CSV, Parquet and JSON of the same table give the same exchanges and leave out the same, and are recognised."""
    table = pa.table({name: [as_text(row[name]) for row in RECORDS] for name in BASE})
    path = tmp_path / "log"
    if kind == "csv sample":
        path = SAMPLES / "litellm-spend.csv"
    elif kind == "csv":
        pacsv.write_csv(table, path)
    elif kind == "parquet":
        pq.write_table(table, path, row_group_size=5)
    elif kind == "parquet of structs":
        rows = [{**row, "metadata": {k: row["metadata"][k] for k in ("user_agent", "usage_object", "error_information")}}
                for row in RECORDS]  # fmt: skip
        nested = pa.array([row["metadata"] for row in rows])
        table = table.set_column(table.schema.get_field_index("metadata"), "metadata", nested)
        pq.write_table(table, path)
    else:
        path.write_text(json.dumps(RECORDS))
    assert guess(path).format == "litellm-spend"
    assert read_whole(path, "litellm-spend") == read_whole(SAMPLE, "litellm-spend")


def test_clickhouse_table_is_known_by_its_columns() -> None:
    """LiteLLM's ClickHouse table has other columns; the same call is the same exchange, with headers besides."""
    path = SAMPLES / "litellm-clickhouse.ndjson"
    assert guess(path).format == "litellm-spend"
    rows, left, lines = read_whole(path, "litellm-spend")
    assert lines == 5
    first, _, _ = read_whole(SAMPLE, "litellm-spend")
    more = {"tls_ja4": "t13d1516h2_8daaf6152771", "device_id": "dev-5", "temperature": None, "max_tokens": None}
    assert rows[0] == {**first[0], **more}
    assert [row["exchange_id"] for row in rows] == ["chatcmpl-1", "chatcmpl-1#cache1772442399.5", "call-2", "chatcmpl-3"]
    assert [row["status"] for row in rows] == ["ok", "ok", "rate_limited", "ok"]
    assert left == {
        ("line", litellm.NOT_A_CALL): 1,
        ("value", "account is the API key hash, for want of `user`"): 1,
    }


def test_the_payload_of_the_same_call_is_the_same_exchange() -> None:
    """A call read out of the spend log has the id, the account and the text that its callback's payload gives."""
    payload, _, _ = read_whole(SAMPLES / "litellm.jsonl", "litellm")
    spend, _, _ = read_whole(SAMPLE, "litellm-spend")
    carried = ("exchange_id", "account_id", "org_id", "api_key_id", "session_id", "model", "system", "prompt", "completion")
    assert {name: payload[0][name] for name in carried} == {name: spend[0][name] for name in carried}
    assert payload[1]["exchange_id"] == spend[1]["exchange_id"]


def test_retries_share_a_session_and_stay_apart() -> None:
    """A failed attempt and its fallback share the trace id; each is an exchange."""
    rows, _, _ = read_whole(SAMPLE, "litellm-spend")
    shared = [(row["exchange_id"], row["status"]) for row in rows if row["session_id"] == "tr-2"]
    assert shared == [("call-2", "rate_limited"), ("chatcmpl-3", "ok")]


def test_a_fallback_is_told_from_a_retry_by_its_model(tmp_path: Path) -> None:
    """Rows of one session are attempts at one request: a retry has the same model group, a fallback another."""
    base = json.loads(SAMPLE.read_text(encoding="utf-8").splitlines()[0])
    fallen = {"request_id": "msg-f", "model": "claude-small", "model_group": "m-small", "custom_llm_provider": "anthropic"}
    path = tmp_path / "log.ndjson"
    path.write_text("".join(json.dumps({**base, **one}) + "\n" for one in ({}, {"request_id": "chatcmpl-r"}, fallen)))
    rows, _, _ = read_whole(path, "litellm-spend")
    assert len({row["session_id"] for row in rows}) == 1
    assert [(row["exchange_id"], row["model"]) for row in rows] == [
        (base["request_id"], "m-large"), ("chatcmpl-r", "m-large"), ("msg-f", "m-small"),
    ]  # fmt: skip


def test_reasoning_and_refusals_come_out_of_the_bodies() -> None:
    """Signatures presented and issued, the tools' hash and the kind of refusal are read from stored bodies."""
    rows, _, _ = read_whole(SAMPLE, "litellm-spend")
    row = rows[-1]
    assert (row["system"], row["prompt"]) == ("Be brief.", "And?")
    assert (row["reasoning_presented"], row["reasoning_issued"]) == ([hashed("SIG")], [hashed("SIG2")])
    assert (row["refusal_category"], row["reasoning_budget"]) == ("reasoning_extraction", 2048)
    assert row["tools_hash"] is not None


def test_text_that_was_cut_or_taken_is_not_a_template() -> None:
    """What LiteLLM redacted is null and what it cut at 2,048 characters is counted; without bodies there is no text."""
    rows, _, _ = read_whole(SAMPLE, "litellm-spend")
    by_id = {row["exchange_id"]: row for row in rows}
    assert (by_id["chatcmpl-5"]["prompt"], by_id["chatcmpl-5"]["completion"]) == (None, None)
    assert "litellm_truncated" in str(by_id["chatcmpl-4"]["prompt"])
    assert (by_id["chatcmpl-6"]["prompt"], by_id["chatcmpl-6"]["completion"]) == (None, None)


@pytest.mark.parametrize(
    ("missing", "account", "label"),
    [
        (["user"], "org-shore", "organisation id"),
        (["user", "organization_id"], "team-2", "team id"),
        (["user", "organization_id", "team_id"], "8a1f", "API key hash"),
        (["user", "organization_id", "team_id", "api_key"], "seat-3", "end user id"),
    ],
)
def test_who_the_account_is_is_counted(missing: list[str], account: str, label: str, tmp_path: Path) -> None:
    """Without a user the account is the next best name, and each time that is counted."""
    row, left = one(tmp_path, **dict.fromkeys(missing, ""))
    assert row["account_id"] == account
    assert left == {("value", f"account is the {label}, for want of `user`"): 1}


@pytest.mark.parametrize("time", ["2026-03-02 09:05:00.25", "2026-03-02T09:05:00.250Z", 1772442300.25, 1772442300250,
                                  "1772442300250000000"])  # fmt: skip
def test_times_of_every_spelling_are_the_same_moment(time: object, tmp_path: Path) -> None:
    """ISO text with and without a zone, float seconds, milliseconds and nanoseconds as text are one moment."""
    assert one(tmp_path, startTime=time)[0]["started_at"] == one(tmp_path)[0]["started_at"]


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": "not JSON"},
        {"metadata": ["x"], "request_tags": {"a": 1}},
        {"metadata": {"usage_object": "many", "error_information": 3, "user_agent": {"a": 1}}},
        {"messages": "[[[", "response": "{", "proxy_server_request": 3},
        {"proxy_server_request": {"messages": {"a": [1]}, "tools": 5}, "response": [1, None]},
        {"prompt_tokens": "lots", "cache_hit": [1], "session_id": {"a": 1}, "model": 7},
        {"proxy_server_request": "x", "response": "plain"},
    ],
)
def test_fields_of_odd_shapes_do_not_lose_the_exchange(odd: dict[str, Any], tmp_path: Path) -> None:
    """A row with a field of the wrong shape is still an exchange."""
    assert one(tmp_path, **odd)[0]["exchange_id"] == "chatcmpl-1"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["messages", "role", "content", "usage_object", "error_information", "choices", "a"]), inner, max_size=3
), max_leaves=8)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(changes=st.lists(st.dictionaries(st.sampled_from(sorted(BASE)), VALUES, max_size=6), min_size=1, max_size=4))
def test_values_of_any_kind_never_raise(changes: list[dict[str, Any]]) -> None:
    """Whatever the columns hold, as JSON and as text in Parquet, every row is an exchange or left out."""
    rows = [{**BASE, **change} for change in changes]
    with tempfile.TemporaryDirectory() as folder:
        json_path, parquet_path = Path(folder) / "log.ndjson", Path(folder) / "log.parquet"
        json_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        clean = {n: [None if (t := as_text(r[n])) is None else t.encode("utf-8", "replace") for r in rows] for n in BASE}
        pq.write_table(pa.table(clean), parquet_path)
        for path in (json_path, parquet_path):
            batches = list(collect.read(Split(path=str(path), format="litellm-spend")))
            for batch in batches:
                check_batch(batch)
            assert sum(batch.lines for batch in batches) == len(rows)


def test_no_row_becomes_an_object_in_columns_without_bodies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rows of Parquet without stored prompts are read by column operations alone: nothing is parsed value by value."""
    bare = [{**row, "proxy_server_request": {}, "response": {}, "messages": {}} for row in RECORDS]
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({name: [as_text(row[name]) for row in bare] for name in BASE}), path)

    def forbidden(*_: object) -> object:
        raise AssertionError("a value was parsed on its own")

    monkeypatch.setattr("stillhunt.collect.json_columns.orjson.loads", forbidden)
    batches = list(collect.read(Split(path=str(path), format="litellm-spend")))
    assert len(rows_of(batches)) == 8
    assert counts(batches)[("line", litellm.NOT_A_CALL)] == 2
