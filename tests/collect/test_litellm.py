"""LiteLLM payloads: the mapping, and each trap."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from collect.reading import SAMPLES, read_whole

from stillhunt.collect import litellm

BASE: dict[str, Any] = json.loads((SAMPLES / "litellm.jsonl").read_text(encoding="utf-8").splitlines()[0])


def one(tmp_path: Path, **changes: Any) -> tuple[dict[str, Any], dict[tuple[str, str], int]]:
    """Return the one exchange that a changed payload gives (empty for none), and what was left out."""
    metadata = {**BASE["metadata"], **changes.pop("metadata", {})}
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({**BASE, **changes, "metadata": metadata}) + "\n")
    rows, left, lines = read_whole(path, "litellm")
    assert lines == 1
    return (rows[0] if rows else {}), left


def hashed(text: str) -> str:
    """Return the name of a reasoning block with this signature."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def test_sample_is_read_as_written() -> None:
    """Of ten payloads six are exchanges, three are no calls of customers, one names nobody."""
    rows, left, lines = read_whole(SAMPLES / "litellm.jsonl", "litellm")
    assert lines == 10
    assert [row["exchange_id"] for row in rows] == [
        "chatcmpl-1",
        "chatcmpl-1#cache1772442399.5",
        "call-2",
        "msg-3",
        "red-7",
        "cut-8",
    ]
    assert left == {
        ("line", litellm.NOT_A_CALL): 2,
        ("line", litellm.HEALTH_CHECK): 1,
        ("line", "no usable `account_id`"): 1,
        ("value", "account is the team id, for want of user_api_key_user_id"): 1,
        ("value", "account is the API key hash, for want of user_api_key_user_id"): 1,
        ("value", litellm.REDACTED_TEXT): 2,
        ("value", litellm.TRUNCATED_TEXT): 1,
    }


def test_fields_arrive_under_the_contracts_names(tmp_path: Path) -> None:
    """A plain chat call fills every column that LiteLLM knows."""
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
        "tls_ja4": "t13d1516h2_8daaf6152771",
        "user_agent": "shore/1.0",
        "device_id": "dev-5",
    }
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 2.25


def test_seconds_and_iso_times_are_the_same(tmp_path: Path) -> None:
    """Older exports write times as text; they are the same moments."""
    row, _ = one(tmp_path)
    other, _ = one(tmp_path, startTime="2026-03-02T09:05:00.250000", endTime="2026-03-02T09:05:02.5Z")
    assert (other["started_at"], other["ended_at"]) == (row["started_at"], row["ended_at"])


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"id": "r_cache_hit1772.5", "cache_hit": True}, "r#cache1772.5"),
        ({"id": "r", "cache_hit": True}, "r#cache1772442300.25"),
        ({"id": "r", "cache_hit": False}, "r"),
        ({"id": "None"}, "call-1"),
        ({"id": None, "litellm_call_id": None}, None),
    ],
)
def test_answers_from_the_cache_are_exchanges_of_their_own(
    payload: dict[str, Any], name: str | None, tmp_path: Path
) -> None:
    """An answer from the cache is neither a duplicate of the first nor lost; a payload without id is left out."""
    row, left = one(tmp_path, **payload)
    assert row.get("exchange_id") == name
    assert bool(left) == (name is None)


def test_retries_share_a_trace_and_stay_apart(tmp_path: Path) -> None:
    """A failed attempt and its retry are two exchanges of one session."""
    path = tmp_path / "log.jsonl"
    failed = {**BASE, "id": "call-0", "litellm_call_id": "call-0", "status": "failure"}
    path.write_text(f"{json.dumps(failed)}\n{json.dumps(BASE)}\n")
    rows, _, _ = read_whole(path, "litellm")
    assert [(row["exchange_id"], row["session_id"], row["status"]) for row in rows] == [
        ("call-0", "tr-1", "error"),
        ("chatcmpl-1", "tr-1", "ok"),
    ]


def test_a_fallback_is_told_from_a_retry_by_its_model(tmp_path: Path) -> None:
    """Attempts of one request share trace and call id: a retry is at the same model group, a fallback at another."""
    failed = {**BASE, "id": "call-0", "litellm_call_id": "call-0", "status": "failure"}
    retried = {**BASE, "id": "chatcmpl-retry", "litellm_call_id": "call-0", "model": "m-large-2026", "api_base": "https://b"}
    other = {"model": "claude-small", "model_group": "m-small", "custom_llm_provider": "anthropic"}
    fallen = {**BASE, "id": "msg-fallback", "litellm_call_id": "call-0", **other}
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (failed, retried, fallen)))
    rows, left, _ = read_whole(path, "litellm")
    assert not left
    assert [(row["exchange_id"], row["session_id"], row["model"], row["status"]) for row in rows] == [
        ("call-0", "tr-1", "m-large", "error"),
        ("chatcmpl-retry", "tr-1", "m-large", "ok"),
        ("msg-fallback", "tr-1", "m-small", "ok"),
    ]


@pytest.mark.parametrize(
    "kind",
    [
        "embedding",
        "aembedding",
        "aimage_generation",
        "/v1/traces",
        "arerank",
        "atranscription",
        "amoderation",
    ],
)
def test_other_calls_are_left_out_without_blame(kind: str, tmp_path: Path) -> None:
    """Embeddings, pictures, speech and traces are no exchanges, and no defect of the log."""
    assert one(tmp_path, call_type=kind) == ({}, {("line", litellm.NOT_A_CALL): 1})


@pytest.mark.parametrize(
    "kind",
    ["acompletion", "completion", "atext_completion", "anthropic_messages", "aresponses", "", "/v1/messages"],
)
def test_calls_of_every_text_api_are_exchanges(kind: str, tmp_path: Path) -> None:
    """Chat, text completion, Anthropic messages and Responses calls, and calls refused early, are exchanges."""
    assert one(tmp_path, call_type=kind)[0]["exchange_id"] == "chatcmpl-1"


@pytest.mark.parametrize(
    ("missing", "account", "label"),
    [
        (1, "org-shore", "organisation id"),
        (2, "team-2", "team id"),
        (3, "8a1f", "API key hash"),
        (4, "seat-3", "end user id"),
    ],
)
def test_who_the_account_is_is_counted(missing: int, account: str, label: str, tmp_path: Path) -> None:
    """Without a user id the account is the next best name, and each time that is counted."""
    names = ["user_api_key_user_id", "user_api_key_org_id", "user_api_key_team_id", "user_api_key_hash"]
    row, left = one(tmp_path, metadata=dict.fromkeys(names[:missing]))
    assert row["account_id"] == account
    assert left == {("value", f"account is the {label}, for want of user_api_key_user_id"): 1}


def test_the_default_user_is_nobody(tmp_path: Path) -> None:
    """`default_user_id` stands for every key made without a user: it is not one account."""
    row, _ = one(tmp_path, metadata={"user_api_key_user_id": "default_user_id"})
    assert row["account_id"] == "org-shore"


@pytest.mark.parametrize(
    ("error", "fields", "status"),
    [
        ({"error_code": "429", "error_class": "RateLimitError"}, {}, "rate_limited"),
        ({"error_code": "400", "error_class": "BudgetExceededError"}, {}, "rate_limited"),
        ({"error_code": "400", "error_class": "ContentPolicyViolationError"}, {}, "blocked"),
        ({"error_code": "403", "error_class": ""}, {}, "blocked"),
        ({"error_code": "400", "error_class": "X"}, {"guardrail_status": "guardrail_intervened"}, "blocked"),
        ({"error_code": "500", "error_class": "InternalServerError"}, {}, "error"),
        (None, None, "error"),
    ],
)
def test_failures_are_told_apart(error: Any, fields: Any, status: str, tmp_path: Path) -> None:
    """A failure is a limit, a block or an error, by its class, its code and the guardrails."""
    row, _ = one(tmp_path, status="failure", error_information=error, status_fields=fields, response={})
    assert row["status"] == status


def test_redacted_text_is_missing_text(tmp_path: Path) -> None:
    """What LiteLLM redacted is null, never a prompt that thousands of accounts share."""
    for response in (
        {"text": "redacted-by-litellm"},
        {"choices": [{"message": {"content": "redacted-by-litellm"}}]},
    ):
        row, left = one(
            tmp_path, messages=[{"role": "user", "content": "redacted-by-litellm"}], response=response
        )
        assert (row["prompt"], row["completion"]) == (None, None)
        assert left == {("value", litellm.REDACTED_TEXT): 2}


def test_thinking_is_named_by_its_signature_and_stays_out_of_the_text(tmp_path: Path) -> None:
    """Signatures issued and presented are named alike, so that a block can be followed; thinking is no text."""
    block = {"type": "thinking", "thinking": "secret thought", "signature": "SIG"}
    sealed = {"type": "redacted_thinking", "data": "SEALED"}
    row, _ = one(
        tmp_path,
        messages=[
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "answer", "thinking_blocks": [block]},
            {"role": "user", "content": "second"},
        ],
        response={"choices": [{"message": {"content": "done", "thinking_blocks": [block, sealed]}}]},
    )
    assert row["reasoning_presented"] == [hashed("SIG")]
    assert row["reasoning_issued"] == [hashed("SIG"), hashed("SEALED")]
    assert "secret" not in json.dumps(row, default=str)
    assert json.loads(row["history"]) == [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
    ]
    assert row["prompt"] == "second"


def test_responses_api_bodies(tmp_path: Path) -> None:
    """Input items, instructions, encrypted reasoning and function calls of the Responses API are read."""
    row, _ = one(
        tmp_path,
        call_type="aresponses",
        messages=[
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "When is low tide?"}],
            },
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "ENC"},
            {"type": "function_call", "name": "tide", "arguments": '{"place":"Sylt"}', "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "14:10"},
        ],
        response={
            "status": "completed",
            "output": [
                {"type": "reasoning", "id": "rs_2", "encrypted_content": "ENC2"},
                {"type": "message", "content": [{"type": "output_text", "text": "At ten past two."}]},
            ],
        },
        model_parameters={"instructions": "Be brief.", "max_output_tokens": 9},
    )
    assert (row["system"], row["prompt"], row["completion"]) == (
        "Be brief.",
        "When is low tide?",
        "At ten past two.",
    )
    assert row["reasoning_presented"] == [hashed("ENC"), "rs_1"]
    assert row["reasoning_issued"] == [hashed("ENC2"), "rs_2"]
    assert [turn["role"] for turn in json.loads(row["history"])] == ["assistant", "tool"]
    assert (row["finish_reason"], row["max_tokens"]) == ("completed", 9)


def test_tool_calls_are_text_without_their_ids(tmp_path: Path) -> None:
    """Two equal tool calls are equal text: ids, key order and spacing of arguments do not count."""
    texts = set()
    for call_id, arguments in (("a", '{"x": 1, "y": 2}'), ("b", '{"y":2,"x":1}')):
        call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}
        row, _ = one(tmp_path, response={"choices": [{"message": {"content": None, "tool_calls": [call]}}]})
        texts.add(row["completion"])
    assert texts == {'[{"arguments":{"x":1,"y":2},"name":"f"}]'}


def test_tools_have_a_hash_that_ignores_key_order(tmp_path: Path) -> None:
    """The same tool schema has the same hash however its keys are ordered; another has another."""
    schemas = [[{"name": "f", "a": 1}], [{"a": 1, "name": "f"}], [{"a": 2, "name": "f"}]]
    hashes = [one(tmp_path, model_parameters={"tools": tools})[0]["tools_hash"] for tools in schemas]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("response", "text", "category"),
    [
        ("plain text", "plain text", None),
        ({"choices": [{"text": "old style", "finish_reason": "length"}]}, "old style", None),
        ({"candidates": [{"content": {"parts": [{"text": "one"}, {"text": "two"}]}}]}, "one\ntwo", None),
        ({"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}, "a\n\nb", None),
        (
            {"stop_reason": "refusal", "stop_details": {"category": "frontier_llm"}, "content": []},
            None,
            "frontier_llm",
        ),
        ({"choices": [{"message": {"content": None, "refusal": "No."}}]}, "No.", "refusal"),
        (
            {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]},
            "",
            "content_filter",
        ),
        ('{"choices": [{"message": {"content": "in a string"}}]}', "in a string", None),
        ([], None, None),
        (None, None, None),
        ({"choices": [None, 3, {}]}, None, None),
    ],
)
def test_responses_of_every_shape(
    response: Any, text: str | None, category: str | None, tmp_path: Path
) -> None:
    """Text and refusals are found in the bodies of the different APIs."""
    row, _ = one(tmp_path, response=response)
    assert (row["completion"], row["refusal_category"]) == (text, category)


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": {"requester_custom_headers": ["x"], "usage_object": "many"}},
        {"messages": [1, None, [], {"role": 3, "content": {"a": [{}]}}]},
        {"messages": {"messages": 3}, "response": {"output": [3, None]}},
        {"model_parameters": [], "response": {"choices": "none"}, "request_tags": "x"},
        {"call_type": None, "error_information": [], "startTime": "1772442300.25"},
        {"model_parameters": {"temperature": "hot", "n": [1], "thinking": 3, "tools": {}}},
    ],
)
def test_fields_of_odd_shapes_do_not_lose_the_exchange(odd: dict[str, Any], tmp_path: Path) -> None:
    """A payload with a field of the wrong shape is still an exchange."""
    row, _ = one(tmp_path, **odd)
    assert row["exchange_id"] == "chatcmpl-1"
