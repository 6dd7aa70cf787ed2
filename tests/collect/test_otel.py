"""OpenTelemetry GenAI: each generation of writing messages down, the joining of log records, and each trap."""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from collect.otlp_writing import CALL, START_NS, event, log, logs, pairs, said, span, text, traces, wrapped, write
from collect.reading import SAMPLES, left_out, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import documents, guess, lines, opening, otel_exchange, otel_joining, otel_messages, otlp
from stillhunt.plugs import Split
from stillhunt.testing import check_batch

ASKED = [said(text("Where is the ferry?"))]
ANSWERED = [said(text("At the pier."), role="assistant", finish_reason="stop")]
MESSAGES = {"gen_ai.input.messages": json.dumps(ASKED), "gen_ai.output.messages": json.dumps(ANSWERED)}

Left = dict[tuple[str, str], int]


def hashed(signature: str) -> str:
    """Return the name of a reasoning block with this signature."""
    return hashlib.sha256(signature.encode()).hexdigest()[:32]


def read(tmp_path: Path, *records: Any) -> tuple[list[dict[str, Any]], Left, int]:
    """Return the exchanges of OTLP objects, what was left out, and the lines."""
    rows, left, lines = read_whole(write(tmp_path / "log.jsonl", *records), "otel")
    assert lines == len(rows) + sum(count for (what, _), count in left.items() if what == "line")
    return rows, left, lines


def one(
    tmp_path: Path, attributes: dict[str, Any], *, resource: Any = None, **fields: Any
) -> tuple[dict[str, Any], Left]:
    """Return the one exchange that a span gives (empty for none), and what was left out."""
    rows, left, lines = read(tmp_path, traces([span(1, attributes, **fields)], resource))
    assert lines == 1
    return (rows[0] if rows else {}), left


def lines_left(left: Left) -> Left:
    """Return what was left out of lines alone."""
    return {key: count for key, count in left.items() if key[0] == "line"}


def test_a_span_fills_every_column_it_has_a_name_for(tmp_path: Path) -> None:
    """A span of the newest conventions fills what the contract has and OpenTelemetry knows."""
    row, left = one(
        tmp_path,
        {
            **CALL,
            **MESSAGES,
            "gen_ai.system_instructions": json.dumps([text("Answer in one line.")]),
            "gen_ai.response.model": "m-large-1",
            "gen_ai.response.id": "resp-1",
            "gen_ai.conversation.id": "conv-1",
            "gen_ai.request.temperature": 0.3,
            "gen_ai.request.top_p": 0.9,
            "gen_ai.request.choice.count": 2,
            "gen_ai.request.seed": 7,
            "gen_ai.request.max_tokens": 64,
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 9,
            "gen_ai.usage.cache_read.input_tokens": 8,
            "gen_ai.usage.reasoning.output_tokens": 4,
            "gen_ai.response.finish_reasons": ["stop", "length"],
            "enduser.pseudo.id": "seat-3",
            "client.address": "203.0.113.9",
            "user_agent.original": "shore/1.0",
            "http.request.header.x-ja4": ["t13d1516h2_8daaf6152771"],
            "http.request.header.x-asn": ["AS64500"],
            "geo.country.iso_code": "NL",
            "device.id": "dev-5",
            "organization.id": "org-shore",
            "api_key.hash": "8a1f",
        },
    )
    assert left == {("value", otel_messages.ATTRIBUTES): 1}
    assert (row.pop("ended_at") - row.pop("started_at")).total_seconds() == 2.25
    assert {name: value for name, value in row.items() if value is not None} == {
        "exchange_id": "resp-1",
        "account_id": "u-tern",
        "org_id": "org-shore",
        "api_key_id": "8a1f",
        "session_id": "conv-1",
        "end_user_id": "seat-3",
        "model": "m-large-1",
        "system": "Answer in one line.",
        "prompt": "Where is the ferry?",
        "completion": "At the pier.",
        "temperature": 0.3,
        "top_p": 0.9,
        "n": 2,
        "seed": 7,
        "max_tokens": 64,
        "tokens_in": 12,
        "tokens_out": 9,
        "tokens_reasoning": 4,
        "tokens_cached": 8,
        "finish_reason": "stop",
        "status": "ok",
        "client_ip": "203.0.113.9",
        "asn": 64500,
        "country": "NL",
        "tls_ja4": "t13d1516h2_8daaf6152771",
        "user_agent": "shore/1.0",
        "device_id": "dev-5",
    }


def generation(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes and other fields of a span that says the same in one way of writing."""
    spans: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        otel_messages.ATTRIBUTES: (MESSAGES, {}),
        otel_messages.DETAILS: ({}, {"events": [event("gen_ai.client.inference.operation.details", MESSAGES)]}),
        otel_messages.EVENTS: (
            {},
            {
                "events": [
                    event("gen_ai.user.message", {"content": "Where is the ferry?"}),
                    event(
                        "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "At the pier."}}
                    ),
                ]
            },
        ),
        otel_messages.CONTENT_EVENTS: (
            {"gen_ai.response.finish_reasons": ["stop"]},
            {
                "events": [
                    event(
                        "gen_ai.content.prompt", {"gen_ai.prompt": '[{"role":"user","content":"Where is the ferry?"}]'}
                    ),
                    event(
                        "gen_ai.content.completion",
                        {"gen_ai.completion": '[{"role":"assistant","content":"At the pier."}]'},
                    ),
                ]
            },
        ),
        otel_messages.INDEXED: (
            {
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": "Where is the ferry?",
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": "At the pier.",
                "gen_ai.completion.0.finish_reason": "stop",
            },
            {},
        ),
        otel_messages.OPENINFERENCE: (
            {
                "openinference.span.kind": "LLM",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "Where is the ferry?",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.contents.0.message_content.type": "text",
                "llm.output_messages.0.message.contents.0.message_content.text": "At the pier.",
                "llm.finish_reason": "stop",
            },
            {},
        ),
        otel_messages.BODIES: (
            {
                "openinference.span.kind": "LLM",
                "input.value": '{"messages":[{"role":"user","content":"Where is the ferry?"}]}',
                "output.value": '{"choices":[{"message":{"content":"At the pier."},"finish_reason":"stop"}]}',
            },
            {},
        ),
    }
    return spans[name]


WAYS = [
    otel_messages.ATTRIBUTES,
    otel_messages.DETAILS,
    otel_messages.EVENTS,
    otel_messages.CONTENT_EVENTS,
    otel_messages.INDEXED,
    otel_messages.OPENINFERENCE,
    otel_messages.BODIES,
]


@pytest.mark.parametrize("how", WAYS)
def test_every_generation_says_the_same(how: str, tmp_path: Path) -> None:
    """Whichever way an instrumentation writes messages, prompt, answer and end are the same, and the way is counted."""
    attributes, fields = generation(how)
    row, left = one(tmp_path, {**CALL, **attributes}, **fields)
    assert (row["prompt"], row["completion"], row["finish_reason"]) == ("Where is the ferry?", "At the pier.", "stop")
    assert left == {("value", how): 1}


def test_messages_as_json_and_as_structure_are_the_same(tmp_path: Path) -> None:
    """A JSON string in an attribute and nested values give the same exchange."""
    asked = [
        said(text("first")),
        said({"type": "tool_call", "id": "c", "name": "tide", "arguments": {"at": "pier"}}, role="assistant"),
        said({"type": "tool_call_response", "id": "c", "response": {"low": "14:10"}}, role="tool"),
        said(text("second"), {"type": "uri", "modality": "image", "uri": "gs://x"}),
    ]
    written, _ = one(tmp_path, {**CALL, "gen_ai.input.messages": json.dumps(asked)})
    nested, _ = one(tmp_path, {**CALL, "gen_ai.input.messages": asked})
    assert written == nested
    assert written["prompt"] == "second"
    assert json.loads(written["history"]) == [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": '[{"arguments":{"at":"pier"},"name":"tide"}]'},
        {"role": "tool", "content": '{"low":"14:10"}'},
    ]


def test_reasoning_is_named_by_its_signature_and_stays_out_of_the_text(tmp_path: Path) -> None:
    """Signatures, sealed blocks and ids of reasoning are followed in and out; what was thought is no text."""
    thought = {"type": "reasoning", "content": "secret thought", "signature": "SIG"}
    sealed = {"type": "reasoning", "id": "rs_2", "encrypted_content": "ENC"}
    row, _ = one(
        tmp_path,
        {
            **CALL,
            "gen_ai.input.messages": [said(text("a")), said(thought, text("b"), role="assistant"), said(text("c"))],
            "gen_ai.output.messages": [said(sealed, text("d"), role="assistant")],
        },
    )
    assert row["reasoning_presented"] == [hashed("SIG")]
    assert row["reasoning_issued"] == [hashed("ENC"), "rs_2"]
    assert row["completion"] == "d"
    assert "secret" not in json.dumps(row, default=str)


def test_openinference_parts_calls_and_parameters(tmp_path: Path) -> None:
    """Lists of content, reasoning blocks, tool calls, tools and invocation parameters of OpenInference are read."""
    asked, answered = "llm.input_messages.0.message", "llm.output_messages.0.message"
    tool = {"type": "function", "function": {"name": "tide"}}
    row, left = one(
        tmp_path,
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m-large",
            "user.id": "u",
            "session.id": "s",
            f"{asked}.role": "user",
            f"{asked}.contents.0.message_content.type": "text",
            f"{asked}.contents.0.message_content.text": "Look at this.",
            f"{asked}.contents.1.message_content.type": "image",
            f"{asked}.contents.1.message_content.image.image.url": "https://x/y.png",
            f"{answered}.role": "assistant",
            f"{answered}.contents.0.message_content.type": "reasoning",
            f"{answered}.contents.0.message_content.signature": "SIG",
            f"{answered}.tool_calls.0.tool_call.id": "c",
            f"{answered}.tool_calls.0.tool_call.function.name": "tide",
            f"{answered}.tool_calls.0.tool_call.function.arguments": '{"at": "pier"}',
            "llm.invocation_parameters": json.dumps(
                {"temperature": 0.5, "max_tokens": 9, "seed": 3, "thinking": {"budget_tokens": 512}, "user": "z"}
            ),
            "llm.tools.0.tool.json_schema": json.dumps(tool),
            "llm.token_count.prompt": 5,
            "llm.token_count.completion": 6,
            "llm.token_count.prompt_details.cache_read": 2,
            "llm.token_count.completion_details.reasoning": 1,
        },
    )
    assert left == {("value", otel_messages.OPENINFERENCE): 1}
    assert (row["prompt"], row["completion"]) == ("Look at this.", '[{"arguments":{"at":"pier"},"name":"tide"}]')
    assert row["reasoning_issued"] == [hashed("SIG")]
    assert (row["temperature"], row["max_tokens"], row["seed"], row["reasoning_budget"]) == (0.5, 9, 3, 512)
    assert (row["tokens_in"], row["tokens_out"], row["tokens_cached"], row["tokens_reasoning"]) == (5, 6, 2, 1)
    assert (row["session_id"], row["end_user_id"]) == ("s", "z")
    assert row["tools_hash"] == hashed(json.dumps([tool], sort_keys=True, separators=(",", ":")))


def test_the_newer_repositorys_names_are_known(tmp_path: Path) -> None:
    """`cache_write` and `reasoning.level` are taken for what they are, and the generation is counted."""
    row, left = one(
        tmp_path,
        {
            **CALL,
            **MESSAGES,
            "gen_ai.usage.cache_write.input_tokens": 25,
            "gen_ai.usage.cache_read.input_tokens": 50,
            "gen_ai.request.reasoning.level": "high",
            "gen_ai.response.finish_reasons": ["content_filter"],
        },
    )
    assert (row["tokens_cached"], row["refusal_category"], row["reasoning_budget"]) == (50, "content_filter", None)
    assert left == {
        ("value", otel_messages.ATTRIBUTES): 1,
        ("value", otel_exchange.NEWER): 1,
        ("value", otel_exchange.LEVEL): 1,
    }


@pytest.mark.parametrize("mark", [".ref", "_ref"])
def test_content_by_reference_is_counted_and_never_fetched(mark: str, tmp_path: Path) -> None:
    """Messages that lie in a bucket leave the exchange without text, and are counted as not read."""
    row, left = one(
        tmp_path, {**CALL, f"gen_ai.input.messages{mark}": "gs://b/1", f"gen_ai.output.messages{mark}": "gs://b/2"}
    )
    assert (row["prompt"], row["completion"], row["status"]) == (None, None, "ok")
    assert left == {("value", otel_messages.BY_REFERENCE): 2, ("value", otel_messages.NONE): 1}


def test_messages_cut_by_an_attribute_limit_are_not_taken_for_text(tmp_path: Path) -> None:
    """JSON that ends early because of a limit on attribute values is counted, not read as a prompt."""
    row, left = one(tmp_path, {**CALL, **MESSAGES, "gen_ai.input.messages": json.dumps(ASKED)[:30]})
    assert (row["prompt"], row["completion"]) == (None, "At the pier.")
    assert left[("value", otel_messages.CUT_SHORT)] == 1


def test_text_that_openinference_masked_is_missing_text(tmp_path: Path) -> None:
    """The mask of hidden inputs is never a prompt that all accounts share."""
    row, left = one(
        tmp_path,
        {
            **CALL,
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "__REDACTED__",
            "llm.output_messages.0.message.content": "At the pier.",
        },
    )
    assert (row["prompt"], row["completion"]) == (None, "At the pier.")
    assert left[("value", otel_messages.HIDDEN)] == 1


@pytest.mark.parametrize(
    ("attributes", "is_call"),
    [
        ({"gen_ai.operation.name": "text_completion"}, True),
        ({"gen_ai.operation.name": "generate_content"}, True),
        ({"gen_ai.operation.name": "embeddings"}, False),
        ({"gen_ai.operation.name": "execute_tool"}, False),
        ({"gen_ai.operation.name": "invoke_agent", **MESSAGES}, False),
        ({"openinference.span.kind": "CHAIN", "input.value": "x"}, False),
        ({"openinference.span.kind": "EMBEDDING"}, False),
        ({"llm.request.type": "chat"}, True),
        ({"llm.request.type": "rerank"}, False),
        ({"gen_ai.request.model": "m", "gen_ai.usage.prompt_tokens": 3}, True),
        ({"gen_ai.request.model": "m"}, False),
        ({"http.request.method": "GET"}, False),
        ({}, False),
    ],
)
def test_only_model_calls_are_exchanges(attributes: dict[str, Any], is_call: bool, tmp_path: Path) -> None:
    """Agents, tools, embeddings and everything else of a trace are left out, and are no defect."""
    row, left = one(tmp_path, {"user.id": "u", **attributes})
    assert bool(row) == is_call
    assert lines_left(left) == ({} if is_call else {("line", otel_exchange.NOT_A_CALL): 1})


@pytest.mark.parametrize(
    ("attributes", "resource", "account", "label"),
    [
        ({"user.id": "u", "enduser.id": "e"}, {"service.name": "s"}, "u", None),
        ({"enduser.id": "e"}, {"service.name": "s"}, "e", "enduser.id"),
        ({"enduser.pseudo.id": "p"}, {"service.name": "s"}, "p", "enduser.pseudo.id"),
        ({"user.id": ""}, {"tenant.id": "t", "service.name": "s"}, "t", "tenant"),
        ({}, {"service.namespace": "n", "service.name": "s"}, "n", "service namespace"),
        ({}, {"service.name": "s"}, "s", "service name"),
        ({"metadata.user_api_key_hash": "8a1f"}, {"service.name": "litellm"}, "8a1f", "API key hash"),
        ({}, {"service.name": "unknown_service"}, None, None),
    ],
)
def test_who_the_account_is_is_counted(
    attributes: dict[str, Any], resource: dict[str, Any], account: str | None, label: str | None, tmp_path: Path
) -> None:
    """Without a user id the account is the next best name, and each time that is counted; nobody is left out."""
    call = {"gen_ai.operation.name": "chat", **MESSAGES}
    row, left = one(tmp_path, {**call, **attributes}, resource=resource)
    assert row.get("account_id") == account
    told = {reason for what, reason in left if what == "value" and reason.startswith("account")}
    assert told == ({f"account is the {label}, for want of user.id"} if label else set())
    assert lines_left(left) == ({} if account else {("line", "no usable `account_id`"): 1})


@pytest.mark.parametrize(
    ("attributes", "fields", "status"),
    [
        ({}, {"status": {"code": 1}}, "ok"),
        ({}, {"status": {"code": 2}}, "error"),
        ({}, {"status": {"code": "STATUS_CODE_ERROR"}}, "error"),
        ({"error.type": "429"}, {}, "rate_limited"),
        ({"error.type": "openai.RateLimitError"}, {}, "rate_limited"),
        ({"error.type": "ContentPolicyViolationError"}, {}, "blocked"),
        ({"http.response.status_code": 403}, {}, "blocked"),
        (
            {},
            {"status": {"code": 2}, "events": [event("exception", {"exception.type": "x.RateLimitError"})]},
            "rate_limited",
        ),
        ({"error.type": "timeout"}, {}, "error"),
    ],
)
def test_failures_are_told_apart(attributes: Any, fields: Any, status: str, tmp_path: Path) -> None:
    """A failure is a limit, a block or an error, by the span's status, its error type and its exception."""
    assert one(tmp_path, {**CALL, **attributes}, **fields)[0]["status"] == status


@pytest.mark.parametrize("time", [str(START_NS), START_NS])
def test_whole_numbers_are_strings_or_numbers(time: Any, tmp_path: Path) -> None:
    """64-bit numbers as strings, as OTLP wants, and as numbers, as some write them, are the same."""
    tokens = [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": given}} for given in ("12", 12)]
    found = []
    for attribute in tokens:
        fields = {"startTimeUnixNano": time, "attributes": [*pairs({**CALL, **MESSAGES}), attribute]}
        (row,), _, _ = read(tmp_path, traces([{**span(1, {}), **fields}]))
        found.append((row["started_at"].timestamp(), row["tokens_in"]))
    assert found == [(START_NS / 10**9, 12)] * 2


def test_a_span_without_a_time_or_ids_is_a_defect(tmp_path: Path) -> None:
    """A start of 0 is no time, and a span without ids has no name to be told apart by."""
    call = {**CALL, **MESSAGES}
    spans = [span(1, call, startTimeUnixNano="0"), span(2, call, traceId="0" * 32), span(3, call)]
    rows, left, lines = read(tmp_path, traces(spans))
    assert (len(rows), lines) == (1, 3)
    assert lines_left(left) == {("line", otel_exchange.NO_TIME): 1, ("line", "no usable `exchange_id`"): 1}


def test_a_fallback_is_told_from_a_retry_by_its_model(tmp_path: Path) -> None:
    """Spans of one trace are attempts at one request: each is an exchange, and a fallback has another model."""
    fallen = {**CALL, **MESSAGES, "gen_ai.request.model": "m-small", "gen_ai.provider.name": "other"}
    attempts = [{**CALL, **MESSAGES, "error.type": "500"}, {**CALL, **MESSAGES}, fallen]
    rows, _, _ = read(tmp_path, traces([span(n, a, traceId="f" * 32) for n, a in enumerate(attempts, start=1)]))
    assert [(row["session_id"], row["model"], row["status"]) for row in rows] == [
        ("f" * 32, "m-large", "error"),
        ("f" * 32, "m-large", "ok"),
        ("f" * 32, "m-small", "ok"),
    ]
    assert len({row["exchange_id"] for row in rows}) == 3


EVENTS = [
    log(1, "gen_ai.system.message", {"content": "Be brief."}),
    log(1, "gen_ai.user.message", {"content": "Where is the ferry?"}),
    log(
        1,
        "gen_ai.choice",
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "At the pier."}},
    ),
]


@pytest.mark.parametrize("turned", [False, True])
def test_log_records_find_their_span_in_either_order(turned: bool, tmp_path: Path) -> None:
    """Message events in log records are joined to their span by its ids, whichever comes first in the file."""
    records = [traces([span(1, CALL)]), logs(EVENTS)]
    rows, left, lines = read(tmp_path, *(reversed(records) if turned else records))
    (row,) = rows
    assert (row["system"], row["prompt"], row["completion"]) == ("Be brief.", "Where is the ferry?", "At the pier.")
    assert (row["account_id"], row["finish_reason"], lines) == ("u-tern", "stop", 4)
    assert left == {("line", otel_joining.JOINED): 3, ("value", otel_messages.EVENTS): 1}


@pytest.mark.parametrize("turned", [False, True])
def test_log_records_in_another_file_find_their_span(turned: bool, tmp_path: Path) -> None:
    """Traces in one file and logs in another, named together or by their folder, are joined as those of one file are."""
    whole, _, _ = read(tmp_path, traces([span(1, CALL)]), logs(EVENTS))
    folder = tmp_path / "apart"
    folder.mkdir()
    write(folder / ("b.jsonl" if turned else "a.jsonl"), traces([span(1, CALL)]))
    write(folder / ("a.jsonl" if turned else "b.jsonl"), logs(EVENTS))
    for logs_given in ([folder], sorted(folder.iterdir())):
        (split,) = collect.plan(logs_given, parts=4)
        batches = list(collect.read(split))
        rows = [row for batch in batches for row in batch.exchanges.to_pylist()]
        assert rows == whole
        assert sum(batch.lines for batch in batches) == 4
        assert ("line", otel_joining.JOINED) in {(one.what, one.reason) for batch in batches for one in batch.left_out}


def test_files_with_nothing_to_join_are_read_side_by_side(tmp_path: Path) -> None:
    """Files that hold only spans, or both kinds, stay a split each, so that several workers can read them."""
    write(tmp_path / "a.jsonl", traces([span(1, CALL)]))
    write(tmp_path / "b.jsonl", traces([span(2, CALL)]), logs(EVENTS))
    assert len(collect.plan([tmp_path])) == 2


def test_many_files_are_read_in_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the files are, spans and log records of one time are read near each other: few wait at once."""
    monkeypatch.setattr(documents, "CHUNK_RECORDS", 1)
    monkeypatch.setattr(lines, "BLOCK", 1)
    monkeypatch.setattr(opening, "PIECE", 64)
    monkeypatch.setattr(otel_joining, "MOST_HELD", 40)
    numbers = range(1, 61)
    write(tmp_path / "spans.jsonl", *(traces([span(n, CALL)]) for n in numbers))
    said = [logs([log(n, "gen_ai.user.message", {"content": f"Question {n}?"})]) for n in numbers]
    write(tmp_path / "logs-1.jsonl", *said[:20])
    write(tmp_path / "logs-2.jsonl", *said[20:])
    (split,) = collect.plan([tmp_path])
    rows = [row for batch in collect.read(split) for row in batch.exchanges.to_pylist()]
    assert sorted(row["prompt"] for row in rows) == sorted(f"Question {n}?" for n in numbers)


def test_a_details_event_is_joined_to_its_span(tmp_path: Path) -> None:
    """The event with the details gives a span its messages, and the span gives it the account."""
    details = log(1, otel_messages.DETAILS_EVENT, None, {"gen_ai.operation.name": "chat", **MESSAGES})
    rows, left, _ = read(tmp_path, traces([span(1, CALL)]), logs([details]))
    assert [(row["account_id"], row["prompt"]) for row in rows] == [("u-tern", "Where is the ferry?")]
    assert left == {("line", otel_joining.JOINED): 1, ("value", otel_messages.DETAILS): 1}


def test_a_span_with_messages_needs_no_log_records(tmp_path: Path) -> None:
    """Where content is on spans and in events, the call is one exchange and its events are left out."""
    rows, left, lines = read(tmp_path, traces([span(1, {**CALL, **MESSAGES})]), logs(EVENTS))
    assert (len(rows), lines) == (1, 4)
    assert lines_left(left) == {("line", otel_joining.LATE): 3}


def test_events_without_their_span_are_exchanges_only_where_they_say_whose(tmp_path: Path) -> None:
    """Of log records alone, those with a caller and details with a service are exchanges; others are left out."""
    personal = [
        log(2, "gen_ai.user.message", {"content": "Hello?"}, {"user.id": "u-gull"}),
        log(2, "gen_ai.choice", {}),
    ]
    details = log(3, otel_messages.DETAILS_EVENT, None, {"gen_ai.operation.name": "chat", **MESSAGES})
    embedding = log(4, otel_messages.DETAILS_EVENT, None, {"gen_ai.operation.name": "embeddings"})
    other = log(5, "app.started", "hello")
    rows, left, lines = read(tmp_path, logs([*EVENTS, *personal, details, embedding, other], {"service.name": "shore"}))
    assert [(row["account_id"], row["prompt"]) for row in rows] == [
        ("u-gull", "Hello?"),
        ("shore", "Where is the ferry?"),
    ]
    assert lines == 8
    assert lines_left(left) == {
        ("line", otel_joining.LONE): 3,
        ("line", otel_joining.MERGED): 1,
        ("line", otel_exchange.NOT_A_CALL): 1,
        ("line", otel_joining.NOT_AN_EVENT): 1,
    }


def test_the_window_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many spans wait, the oldest goes on without its messages, and its events are left out as late."""
    monkeypatch.setattr(otel_joining, "MOST_HELD", 2)
    rows, left, _ = read(tmp_path, traces([span(n, CALL) for n in (1, 2, 3)]), logs(EVENTS))
    assert [row["prompt"] for row in rows] == [None, None, None]
    assert lines_left(left) == {("line", otel_joining.LATE): 3}


def test_what_is_left_out_has_a_place(tmp_path: Path) -> None:
    """A reason for leaving out a span names the line of text that holds it."""
    path = write(tmp_path / "log.jsonl", traces([span(1, {**CALL, **MESSAGES})]), traces([span(2, {}), None]))
    found = left_out(list(collect.read(Split(path=str(path), format="otel"))))
    places = {one.reason: one.examples for one in found if one.what == "line"}
    assert places == {otel_exchange.NOT_A_CALL: ("log.jsonl:2",), otlp.NOT_A_SPAN: ("log.jsonl:2",)}


def test_other_otlp_is_counted_as_what_it_is(tmp_path: Path) -> None:
    """Metrics, empty requests and things that are no spans are lines that gave no exchange."""
    rows, left, lines = read(tmp_path, {"resourceMetrics": []}, {}, traces([]), traces([3, None]), logs(["x"]), [1])
    assert (rows, lines) == ([], 7)
    assert left == {
        ("line", otlp.METRICS): 1,
        ("line", otlp.NOTHING): 2,
        ("line", otlp.NOT_A_SPAN): 2,
        ("line", otlp.NOT_A_RECORD): 1,
        ("line", "JSON, but not an object"): 1,
    }


@pytest.mark.parametrize("layout", ["lines.jsonl", "lines.jsonl.gz", "lines.jsonl.zst", "array.json", "pretty.json"])
def test_otlp_is_recognised_in_every_layout(layout: str, tmp_path: Path) -> None:
    """Lines, packed lines, one array and indented objects are known for OTLP and read the same."""
    records = [traces([span(1, {**CALL, **MESSAGES})]), logs(EVENTS)]
    plain = write(tmp_path / "plain", *records).read_bytes()
    content = {
        "lines.jsonl": plain,
        "lines.jsonl.gz": gzip.compress(plain),
        "lines.jsonl.zst": zstandard.compress(plain),
        "array.json": json.dumps(records).encode(),
        "pretty.json": "\n".join(json.dumps(record, indent=2) for record in records).encode(),
    }[layout]
    path = tmp_path / layout
    path.write_bytes(content)
    assert guess.guess(path).format == "otel"
    assert read_whole(path, "otel") == read_whole(tmp_path / "plain", "otel")


def test_a_first_line_longer_than_what_is_looked_at_is_known_by_its_first_key(tmp_path: Path) -> None:
    """Batches of many spans are one long line: its first key says that it is OTLP."""
    path = write(tmp_path / "log.jsonl", traces([span(1, {**CALL, "gen_ai.prompt": "x" * 2**21})]))
    assert guess.guess(path).format == "otel"


def test_a_large_log_stays_in_one_piece(tmp_path: Path) -> None:
    """What belongs together may be anywhere in a file, so that a file of OTLP is one split, of which only one part reads."""
    path = write(tmp_path / "log.jsonl", traces([span(1, CALL)]))
    with path.open("ab") as file:
        file.truncate(200 * 2**20)
    assert [split.parts for split in collect.plan([path], "otel", parts=4)] == [1]
    assert list(collect.read(Split(path=str(path), format="otel", part=1, parts=2))) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"attributes": "x"},
        {"attributes": [3, None, {"key": 3, "value": {}}, {"value": 1}]},
        {"events": {"a": 1}, "status": [], "name": 7},
        {"events": [None, 3, {"name": ["x"]}, {"name": "gen_ai.choice", "attributes": "y"}]},
        {"traceId": 5, "spanId": None},
        {"startTimeUnixNano": {"a": 1}},
        {"startTimeUnixNano": "yesterday"},
        {"startTimeUnixNano": "9" * 40},
        {"endTimeUnixNano": -1},
    ],
)
def test_fields_of_odd_shapes_never_raise(odd: dict[str, Any], tmp_path: Path) -> None:
    """A span with a field of the wrong shape is an exchange or left out, and never an error."""
    _, _, lines = read(tmp_path, traces([{**span(1, {**CALL, **MESSAGES}), **odd}]))
    assert lines == 1


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"intValue": "12"}, 12),
        ({"intValue": True}, None),
        ({"intValue": "1e9"}, None),
        ({"doubleValue": "NaN"}, None),
        ({"doubleValue": "0.5"}, 0.5),
        ({"bytesValue": "aGk="}, "aGk="),
        ({"arrayValue": {}}, []),
        ({"arrayValue": 3}, None),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}}, {"a": 1}),
        ({}, None),
        ({"otherValue": 1}, None),
        ("bare", None),
    ],
)
def test_values_are_unwrapped_or_missing(given: Any, found: Any) -> None:
    """Each kind of value becomes JSON's own; what is none is missing."""
    assert otlp.value(given) == found


def test_values_nested_without_end_are_cut(tmp_path: Path) -> None:
    """Depth beyond what messages have is cut off and does not exhaust the stack."""
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(100):
        deep = {"arrayValue": {"values": [deep]}}
    attribute = {"key": "gen_ai.input.messages", "value": deep}
    (row,), _, _ = read(tmp_path, traces([{**span(1, {}), "attributes": [*pairs(CALL), attribute]}]))
    assert row["prompt"] is None


KEYS = st.sampled_from(
    [
        "gen_ai.operation.name",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.prompt.0.content",
        "gen_ai.prompt.0.tool_calls.0.name",
        "gen_ai.completion.0.content",
        "gen_ai.response.id",
        "gen_ai.response.finish_reasons",
        "gen_ai.tool.definitions",
        "gen_ai.usage.input_tokens",
        "llm.input_messages.0.message.contents.0.message_content.type",
        "llm.output_messages.0.message.content",
        "llm.invocation_parameters",
        "llm.tools.0.tool.json_schema",
        "openinference.span.kind",
        "input.value",
        "user.id",
        "client.address",
        "error.type",
        "event.name",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["chat", "LLM", '[{"role":"user","parts":[null,{"type":[]}]}]', '{"a":{}}', "[{", "gen_ai.choice"]),
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["role", "parts", "content", "type", "name", "message", "index"]), inner, max_size=3
        ),
    ),
    max_leaves=8,
)
WRAPPED = st.one_of(ANY.map(wrapped), ANY)
BODIES = st.dictionaries(
    st.sampled_from(
        ["traceId", "spanId", "startTimeUnixNano", "timeUnixNano", "eventName", "events", "body", "name", "status"]
    ),
    st.one_of(WRAPPED, st.sampled_from(["1", START_NS, "gen_ai.choice", "gen_ai.user.message"])),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    bodies=st.lists(st.tuples(BODIES, st.lists(st.tuples(KEYS, WRAPPED), max_size=5), st.booleans()), max_size=5),
)
def test_hostile_spans_and_records_are_accounted_for(bodies: Any) -> None:
    """Whatever stands in spans and log records, reading does not raise and every one is a line."""
    records = []
    for body, attributes, is_log in bodies:
        listed = [{"key": key, "value": value} for key, value in attributes]
        made = {"traceId": "1", "spanId": "1", "startTimeUnixNano": START_NS, **body, "attributes": listed}
        records.append(logs([made]) if is_log else traces([made]))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "log.jsonl", *records)
        batches = list(collect.read(Split(path=str(path), format="otel")))
    for batch in batches:
        check_batch(batch)
    assert sum(batch.lines for batch in batches) == len(records)


def test_the_sample_is_read_as_written() -> None:
    """Of the sample's spans and log records, one call of each generation is an exchange."""
    rows, left, lines = read_whole(SAMPLES / "otel.jsonl", "otel")
    assert sorted(row["prompt"] for row in rows) == [f"Question {number} of the sample?" for number in range(1, 7)]
    assert {row["completion"] for row in rows} == {"An answer of the sample."}
    assert lines == 12
    assert lines_left(left) == {
        ("line", otel_exchange.NOT_A_CALL): 1,
        ("line", otel_joining.JOINED): 3,
        ("line", "no usable `account_id`"): 1,
        ("line", otlp.METRICS): 1,
    }
