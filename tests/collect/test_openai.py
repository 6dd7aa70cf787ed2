"""OpenAI bodies, captured and in batches: the mapping, and each shape of capture."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from collect.reading import SAMPLES, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import batch_inputs, captures
from stillhunt.collect.guess import guess
from stillhunt.plugs import Split
from stillhunt.testing import check_batch, check_format

BASE: list[dict[str, Any]] = [json.loads(line) for line in (SAMPLES / "openai.jsonl").read_text().splitlines()]
AROUND = {"account_id": "u-1", "timestamp": 1772442300, "request_id": "r-1"}
ASKED = {"model": "m-large", "messages": [{"role": "user", "content": "What is a groyne?"}]}
ANSWERED = BASE[0]["response"]


def one(tmp_path: Path, record: dict[str, Any]) -> tuple[dict[str, Any], dict[tuple[str, str], int]]:
    """Return the one exchange that a record gives (empty for none), and what was left out."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(record) + "\n")
    rows, left, lines = read_whole(path, "openai")
    assert lines == 1
    return {name: value for name, value in rows[0].items() if value is not None} if rows else {}, left


def hashed(text: str) -> str:
    """Return the name of a reasoning block, or of a key, with this content."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def test_sample_is_read_as_written() -> None:
    """Of nine captures seven are exchanges, one is an embedding, one names nobody."""
    rows, left, lines = read_whole(SAMPLES / "openai.jsonl", "openai")
    assert lines == 9
    ids = ["chatcmpl-1", "chatcmpl-2", "resp_3", "chatcmpl-4", "req-5", "chatcmpl-6", "chatcmpl-8"]
    assert [row["exchange_id"] for row in rows] == ids
    assert left == {
        ("line", captures.NOT_A_CALL): 1,
        ("line", "no usable `account_id`"): 1,
        ("value", "account is the API key hash, for want of an account beside the bodies"): 1,
    }


def test_a_chat_fills_the_columns_that_its_bodies_and_the_capture_know(tmp_path: Path) -> None:
    """Text, knobs, usage, who, when and from where arrive under the contract's names."""
    row, left = one(tmp_path, BASE[0])
    assert not left
    took = row.pop("ended_at") - row.pop("started_at")
    assert took.total_seconds() == 2.25
    assert row == {
        "exchange_id": "chatcmpl-1",
        "account_id": "u-tern",
        "org_id": "org-shore",
        "session_id": "tr-1",
        "end_user_id": "seat-3",
        "model": "m-large-0226",
        "system": "Answer in one line.",
        "prompt": "What is a groyne?",
        "completion": "A wall that keeps sand in place.",
        "temperature": 0.3,
        "n": 1,
        "seed": 7,
        "max_tokens": 64,
        "tokens_in": 12,
        "tokens_out": 9,
        "tokens_reasoning": 4,
        "tokens_cached": 8,
        "finish_reason": "stop",
        "status": "ok",
        "client_ip": "203.0.113.9",
        "user_agent": "shore/1.0",
        "tls_ja4": "t13d1516h2_8daaf6152771",
    }


def test_http_messages_give_headers_and_hide_the_key(tmp_path: Path) -> None:
    """Of a captured HTTP message the first address, the order of headers and a hash of the key are kept."""
    row, _ = one(tmp_path, BASE[1])
    assert row["client_ip"] == "203.0.113.9"
    assert row["header_order"] == "host,user-agent,authorization,x-forwarded-for"
    assert row["org_id"] == "org-shore"
    assert row["api_key_id"] == hashed("sk-invented-1")
    assert json.loads(row["completion"]) == [{"arguments": {"port": "Lerwick"}, "name": "tides"}]
    assert row["tools_hash"] and row["finish_reason"] == "tool_calls"


def test_responses_name_the_reasoning_presented_and_issued(tmp_path: Path) -> None:
    """Items of sealed reasoning in input and output are named by a hash of the seal and by their id."""
    row, _ = one(tmp_path, BASE[2])
    assert row["reasoning_presented"] == [hashed("sealed-one"), "rs_1"]
    assert row["reasoning_issued"] == [hashed("sealed-two"), "rs_2"]
    assert (row["system"], row["prompt"], row["completion"]) == ("Be brief.", "And another?", "Cape Cornwall.")
    assert (row["tokens_in"], row["tokens_cached"], row["tokens_reasoning"]) == (40, 16, 64)
    assert row["session_id"] == "conv_5"


def test_a_reference_to_reasoning_counts_as_presented(tmp_path: Path) -> None:
    """A caller that names a reasoning item by its id alone has presented it."""
    items = [{"type": "item_reference", "id": "rs_7"}, {"role": "user", "content": "Go on."}]
    row, _ = one(tmp_path, {**AROUND, "request": {"model": "m", "input": items}})
    assert row["reasoning_presented"] == ["rs_7"]


@pytest.mark.parametrize(
    ("response", "category"),
    [
        (BASE[3]["response"], "refusal"),
        ({**ANSWERED, "choices": [{"index": 0, "finish_reason": "content_filter", "message": {}}]}, "content_filter"),
        ({"object": "response", "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
         "refusal"),
        (ANSWERED, None),
    ],
)  # fmt: skip
def test_refusals_have_a_category(response: dict[str, Any], category: str | None, tmp_path: Path) -> None:
    """A refusal is told in chat and in Responses, and an answer is none."""
    row, _ = one(tmp_path, {**AROUND, "request": ASKED, "response": response})
    assert row.get("refusal_category") == category


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"response": ANSWERED}, "ok"),
        ({"response": ANSWERED, "status_code": 200}, "ok"),
        ({"response": {"error": {"type": "requests", "code": "rate_limit_exceeded"}}}, "rate_limited"),
        ({"response": {"error": {"type": "insufficient_quota"}}}, "rate_limited"),
        ({"response": {"status_code": 429, "body": "upstream busy"}}, "rate_limited"),
        ({"response": {"status_code": 403, "body": {}}}, "blocked"),
        ({"response": {"error": {"code": "content_policy_violation"}}}, "blocked"),
        ({"response": {"status_code": 500, "body": "oops"}}, "error"),
        ({"response": {"error": {"type": "server_error"}}}, "error"),
        ({}, None),
    ],
)
def test_status_follows_code_and_error(record: dict[str, Any], status: str | None, tmp_path: Path) -> None:
    """Each way to fail is one of the contract's four, and a call without its answer says nothing."""
    row, _ = one(tmp_path, {**AROUND, "request": ASKED, **record})
    assert row.get("status") == status


@pytest.mark.parametrize(
    "record",
    [
        {"request": ASKED, "response": ANSWERED},
        {"request_body": json.dumps(ASKED), "response_body": json.dumps(ANSWERED)},
        {"request": {"body": ASKED}, "response": {"status": 200, "body": ANSWERED}},
        {"request": {"postData": {"text": json.dumps(ASKED)}}, "response": {"content": {"text": json.dumps(ANSWERED)}}},
        {"custom_id": "c-1", "body": ASKED, "response": {"status_code": 200, "body": ANSWERED}},
        {**ASKED, "response": ANSWERED},
        {**ASKED, "response": "A wall that keeps sand in place."},
        {**ASKED, "completion": "A wall that keeps sand in place."},
    ],
)
def test_captures_of_each_shape_say_the_same(record: dict[str, Any], tmp_path: Path) -> None:
    """Bodies as objects, as strings, in HTTP messages, in batch lines or laid flat give one text."""
    path = tmp_path / "capture.jsonl"
    path.write_text(json.dumps({**AROUND, **record}) + "\n")
    assert guess(path).format == "openai"
    row, _ = one(tmp_path, {**AROUND, **record})
    assert (row["prompt"], row["completion"]) == ("What is a groyne?", "A wall that keeps sand in place.")
    assert (row["exchange_id"], row["account_id"]) == ("r-1", "u-1")


def test_batches_need_a_folder_that_names_their_account(tmp_path: Path) -> None:
    """A line of a batch's output names nobody; a folder `account_id=…` does, for all lines in it."""
    _, left, lines = read_whole(SAMPLES / "openai-batch.jsonl", "openai")
    assert (lines, left) == (3, {("line", "no usable `account_id`"): 3, ("value", batch_inputs.NOT_BESIDE): 3})
    path = tmp_path / "account_id=u-tern" / "timestamp=ignored" / "out.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes((SAMPLES / "openai-batch.jsonl").read_bytes())
    rows, left, _ = read_whole(path, "openai")
    assert [(row["exchange_id"], row["account_id"], row["completion"]) for row in rows] == [
        ("chatcmpl-b1", "u-tern", "One.")
    ]
    assert left == {("line", "no usable `started_at`"): 2, ("value", batch_inputs.NOT_BESIDE): 3}


@pytest.mark.parametrize(
    ("around", "account", "won"),
    [
        ({"account": {"id": "a"}, "org_id": "o"}, "a", None),
        ({"metadata": {"org_id": "o", "user_id": "u"}}, "o", "organisation id"),
        ({"api_key": "sk-1", "user_id": "u"}, hashed("sk-1"), "API key hash"),
        ({"api_key_id": "sk-1"}, hashed("sk-1"), "API key hash"),
        ({"user_id": "u"}, "u", "end user id"),
    ],
)
def test_the_identity_that_won_is_counted(
    around: dict[str, Any], account: str, won: str | None, tmp_path: Path
) -> None:
    """The account is looked for in a stated order, and what stood in for it is counted."""
    row, left = one(tmp_path, {"timestamp": 1772442300, "request": ASKED, "response": ANSWERED, **around})
    assert row["account_id"] == account
    expected = f"account is the {won}, for want of an account beside the bodies"
    assert left == ({("value", expected): 1} if won else {})


def test_streams_are_put_together(tmp_path: Path) -> None:
    """Chunks of a streamed chat, and events of a streamed response, give the answer of an unstreamed one."""
    row, _ = one(tmp_path, BASE[5])
    assert (row["completion"], row["finish_reason"], row["tokens_out"]) == ("Salt marsh.", "stop", 2)
    events = [{"type": "response.created", "response": {"id": "resp_3"}},
              {"type": "response.completed", "response": BASE[2]["response"]}]  # fmt: skip
    row, _ = one(tmp_path, {**AROUND, "request": BASE[2]["request"], "response": events})
    assert (row["completion"], row["tokens_reasoning"]) == ("Cape Cornwall.", 64)
    pieces = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "t", "arguments": a}}]}}]}
        for a in ('{"a":', "1}")
    ]
    row, _ = one(tmp_path, {**AROUND, "request": ASKED, "response": pieces})
    assert row["completion"] == '[{"arguments":{"a":1},"name":"t"}]'


def test_keys_and_secrets_never_pass(tmp_path: Path) -> None:
    """No raw key of a capture is found in any column."""
    for record in BASE:
        row, left = one(tmp_path, record)
        assert "sk-invented" not in repr((row, left))


@pytest.mark.parametrize("sample", ["openai.jsonl", "openai-batch.jsonl"])
def test_the_format_keeps_its_contract(sample: str, tmp_path: Path) -> None:
    """Every line is accounted for, parts make the whole, and damage never raises."""
    path = tmp_path / "account_id=u-1" / sample
    path.parent.mkdir()
    path.write_bytes((SAMPLES / sample).read_bytes())
    assert check_format(collect.FORMATS["openai"], path, tmp_path) >= 1


NAMES = [
    *captures.REQUEST, *captures.RESPONSE, *captures.INSIDE, "messages", "input", "choices", "output", "type", "role",
    "headers", "usage", "error", "custom_id", "result", "tools", "delta", "index", "message", "event", "metadata",
]  # fmt: skip
HOSTILE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
              st.sampled_from(["user", "assistant", "message", "reasoning", "data: {}", '{"messages": []}', "[{}]"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(record=st.dictionaries(st.sampled_from(NAMES), HOSTILE, max_size=6))
def test_hostile_captures_never_raise(record: dict[str, Any]) -> None:
    """Whatever stands where a body should be, each line is an exchange or left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_text(json.dumps({**AROUND, **record}) + "\n")
        guess(path)
        for name in ("openai", "anthropic", "bedrock"):
            batches = list(collect.read(Split(path=str(path), format=name)))
            assert sum(batch.lines for batch in batches) == 1
            for batch in batches:
                check_batch(batch)
