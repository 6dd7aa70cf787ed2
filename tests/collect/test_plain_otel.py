"""Spans read as typed ones say what they say when each is read by the definition."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench import forms
from collect import fuzzing
from collect.otlp_writing import CALL, event, log, logs, pairs, span, traces, write
from collect.reading import SAMPLES, counts, left_out, rows_of
from collect.test_otel import BODIES, EVENTS, KEYS, MESSAGES, WAYS, WRAPPED, generation
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import worlds
from stillhunt.collect import otel, otel_joining
from stillhunt.plugs import Batch, Split


def check(path: Path) -> list[Batch]:
    """Compare the two ways: rows in their order, what was left out with its places, lines; return what came of it."""
    split = Split(path=str(path), format="otel")
    typed, defined = list(otel.read(split)), list(otel.read(split, fast=False))
    assert rows_of(typed) == rows_of(defined)
    assert counts(typed) == counts(defined)
    assert places(typed) == places(defined)
    assert sum(b.lines for b in typed) == sum(b.lines for b in defined)
    for batch in typed:
        lost = sum(one.count for one in batch.left_out if one.what == "line")
        assert batch.lines == batch.exchanges.num_rows + lost
    return typed


def places(batches: list[Batch]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the examples of each reason."""
    return {(one.what, one.reason): one.examples for one in left_out(batches)}


@pytest.fixture(scope="module")
def log_of_a_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a part of a small world as OTLP."""
    world = worlds.make("small", 0)
    some = world.exchanges.take(list(range(0, world.exchanges.num_rows, 9)))
    path = tmp_path_factory.mktemp("otel") / "log.jsonl"
    forms.lines(path, forms.otel(some.to_pylist()))
    return path


def spans_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the spans of a log."""
    for line in path.read_bytes().splitlines():
        for group in orjson.loads(line)["resourceSpans"]:
            yield from (one for scope in group["scopeSpans"] for one in scope["spans"])


def test_a_world_is_read_alike_and_typed(log_of_a_world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column of every exchange is the same, and the definition is asked for few: else this would prove nothing."""
    asked: list[int] = []
    whole = otel_joining.exchange

    def counting(*given: Any) -> Any:
        asked.append(1)
        return whole(*given)

    assert sum(b.exchanges.num_rows for b in check(log_of_a_world)) > 500
    monkeypatch.setattr(otel_joining, "exchange", counting)
    rows = sum(b.exchanges.num_rows for b in otel.read(Split(path=str(log_of_a_world), format="otel")))
    assert len(asked) < rows / 50


@pytest.mark.parametrize("seed", range(6))
def test_spans_with_values_of_other_types_are_read_alike(seed: int, log_of_a_world: Path, tmp_path: Path) -> None:
    """Values of any type in any place, broken lines, blank ones and doubled ones: both ways agree."""
    rng = random.Random(seed)
    spans = list(spans_of(log_of_a_world))[seed * 40 : seed * 40 + 160]
    lines = [orjson.dumps(traces(spans[at : at + 2], {"service.name": "bar"})) for at in range(0, len(spans), 2)]
    lines += (SAMPLES / "otel.jsonl").read_bytes().split(b"\n")
    rng.shuffle(lines)
    odd = fuzzing.mistyped(rng, b"\n".join(lines[:50]), b"").split(b"\n")
    mixed = [*odd, *lines[50:], b"", b"  ", b"{", b'{"a": 1}', b"[]", b'{"resourceSpans": "\xff"}', b'{"resourceSpans": []}']
    rng.shuffle(mixed)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(mixed))
    check(path)


@pytest.mark.parametrize("how", WAYS)
def test_every_generation_is_read_alike(how: str, tmp_path: Path) -> None:
    """Spans of each way of writing messages down, one after the other with those of the newest way."""
    attributes, fields = generation(how)
    newest, _ = generation(WAYS[0])
    spans = [span(1, {**CALL, **attributes}, **fields), span(2, {**CALL, **newest}), span(3, {"http.route": "/"})]
    assert sum(b.exchanges.num_rows for b in check(write(tmp_path / "log.jsonl", traces(spans), traces(spans[:1])))) == 3


TEXT = {"type": "text", "content": "Where?"}
SEALED = {"type": "reasoning", "content": "hm", "signature": "SIG"}
Change = Callable[[dict[str, Any]], Any]
CHANGES: tuple[Change, ...] = (
    lambda a: a.update({"gen_ai.system_instructions": json.dumps([TEXT, TEXT])}),
    lambda a: a.update({"gen_ai.system_instructions": "[]"}),
    lambda a: a.update({"gen_ai.system_instructions": "[ ]"}),
    lambda a: a.update({"gen_ai.system_instructions": "Be brief."}),
    lambda a: a.update({"gen_ai.system_instructions": json.dumps([SEALED])}),
    lambda a: a.update({"gen_ai.system_instructions": json.dumps([{**TEXT, "content": ""}])}),
    lambda a: a.update({"gen_ai.input.messages": "[]", "gen_ai.output.messages": "[]"}),
    lambda a: a.update({"gen_ai.input.messages": "", "gen_ai.output.messages": "[{"}),
    lambda a: a.update({"gen_ai.input.messages": json.dumps([{"role": "system", "parts": [TEXT, SEALED]}])}),
    lambda a: a.update({"gen_ai.input.messages": json.dumps([{"role": "reasoning", "parts": [SEALED]}])}),
    lambda a: a.update({"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [SEALED]}])}),
    lambda a: a.update({"gen_ai.input.messages": json.dumps([{"role": "user", "parts": []}])}),
    lambda a: a.update({"gen_ai.input.messages": json.dumps([{"role": "user", "name": "Ada", "parts": [TEXT, TEXT]}])}),
    lambda a: a.update({"gen_ai.input.messages": json.dumps([{"role": "assistant", "parts": [SEALED, TEXT, SEALED]}] * 2)}),
    lambda a: a.update({"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [SEALED]}])}),
    lambda a: a.update({"gen_ai.output.messages": json.dumps([{"role": "x", "parts": [TEXT], "finish_reason": "refusal"}] * 2)}),
    lambda a: a.update({"gen_ai.output.messages": [{"role": "assistant", "parts": [TEXT]}]}),
    lambda a: a.update({"gen_ai.output.messages": json.dumps([{"role": "a", "parts": [{"type": "tool_call", "name": "f"}]}])}),
    lambda a: a.update({"gen_ai.output.messages.ref": "s3://b/k"}),
    lambda a: a.update({"gen_ai.response.finish_reasons": ["", "content_filter"]}),
    lambda a: a.update({"gen_ai.response.finish_reasons": '["stop"]', "llm.finish_reason": "x"}),
    lambda a: a.update({"gen_ai.response.finish_reasons": [], "gen_ai.output.messages": "[]"}),
    lambda a: a.update({"gen_ai.usage.input_tokens": "12", "gen_ai.usage.prompt_tokens": 13}),
    lambda a: a.update({"gen_ai.usage.input_tokens": 1.5, "gen_ai.request.temperature": 2, "gen_ai.request.seed": True}),
    lambda a: a.update({"gen_ai.response.model": "", "gen_ai.request.model": ["m", "n"]}),
    lambda a: a.update({"user.id": "anonymous", "api_key.hash": "h"}),
    lambda a: a.update({"user.id": 7, "http.request.header.x-forwarded-for": ["10.0.0.1, 10.0.0.2"]}),
    lambda a: a.update({"client.address": " , "}),
    lambda a: a.update({"gen_ai.tool.definitions": '[{"b":1,"a":2}]'}),
    lambda a: a.update({"gen_ai.tool.definitions": [{"b": 1}], "gen_ai.response.id": "resp_1"}),
    lambda a: a.update({"llm.invocation_parameters": '{"temperature":0.5,"user":"u9"}'}),
    lambda a: a.update({"gen_ai.request.reasoning.level": "high", "gen_ai.conversation.id": "c"}),
    lambda a: a.update({"error.type": "RateLimitError"}),
    lambda a: a.update({"http.response.status_code": 403}),
    lambda a: a.update({"gen_ai.operation.name": "embeddings"}),
    lambda a: a.update({"openinference.span.kind": "TOOL"}),
    lambda a: a.pop("gen_ai.operation.name"),
    lambda a: a.clear(),
)


@pytest.mark.parametrize("change", range(len(CHANGES)))
def test_what_is_not_as_most_spans_are_is_read_alike(change: int, tmp_path: Path) -> None:
    """Each way in which a span can be otherwise gives the same both ways, with its like before and after."""
    attributes = {**CALL, **MESSAGES}
    CHANGES[change](attributes)
    usual = span(1, {**CALL, **MESSAGES})
    odd = [span(2, attributes), span(3, attributes, status={"code": 2}), span(4, attributes, startTimeUnixNano="0")]
    check(write(tmp_path / "log.jsonl", traces([usual, *odd], {"user.id": "of the resource"}), traces([usual, odd[0]])))


FIELDS: tuple[dict[str, Any], ...] = (
    {"traceId": None}, {"traceId": "0" * 32}, {"spanId": ""}, {"startTimeUnixNano": "soon"},
    {"startTimeUnixNano": 1772409624974493000},
    {"endTimeUnixNano": ""}, {"endTimeUnixNano": 1e18}, {"status": None}, {"status": {"code": "STATUS_CODE_ERROR"}},
    {"events": []},
    {"events": [event("exception", {"exception.type": "GuardrailError"})], "status": {"code": 2}},
    {"attributes": None}, {"attributes": [*pairs({**CALL, **MESSAGES}), {"key": "user.id"}]}, {"attributes": [1]},
    {"attributes": [*pairs({**CALL, **MESSAGES}), *pairs({"user.id": "the last of a name"})]},
    {"attributes": [*pairs({**CALL, **MESSAGES}), {"key": "user.id", "value": {}}]},
    {"attributes": [*pairs({**CALL, **MESSAGES}), {"key": "client.as.number", "value": {"intValue": "9" * 24}}]},
    {"attributes": [*pairs({**CALL, **MESSAGES}), {"key": "client.as.number", "value": {"intValue": 10**30}}]},
    {"attributes": [*pairs({**CALL, **MESSAGES}), {"key": "asn", "value": {"boolValue": True, "intValue": "1", "arrayValue": {}}}]},
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(FIELDS)))
def test_fields_of_spans_are_read_alike(number: int, tmp_path: Path) -> None:
    """Ids, times, states, events and attributes of odd shapes give the same both ways."""
    spans = [{**span(n, {**CALL, **MESSAGES}), **(FIELDS[number] if n % 2 else {})} for n in range(1, 6)]
    check(write(tmp_path / "log.jsonl", traces(spans), traces(spans[1:])))


def test_log_records_are_joined_alike(tmp_path: Path) -> None:
    """Spans that wait for their log records, and spans that come after them, keep their place among those that pass."""
    whole = {**CALL, **MESSAGES}
    records = [
        traces([span(1, whole), span(2, CALL), span(3, whole)]),
        logs([*EVENTS, log(2, "gen_ai.user.message", {"content": "Late?"}), log(4, "gen_ai.user.message", {"content": "Early?"})]),
        traces([span(4, whole), span(2, whole), span(5, whole), span(6, CALL)]),
        {**traces([span(7, whole)]), **logs([log(6, "gen_ai.user.message", {"content": "?"})])},
    ]
    assert sum(b.exchanges.num_rows for b in check(write(tmp_path / "log.jsonl", *records))) == 8


@settings(max_examples=50, deadline=None, derandomize=True)
@given(bodies=st.lists(st.tuples(BODIES, st.lists(st.tuples(KEYS, WRAPPED), max_size=5)), max_size=5))
def test_hostile_spans_are_read_alike(bodies: Any) -> None:
    """Whatever stands in spans, both ways agree."""
    records = []
    for body, attributes in bodies:
        listed = [*pairs({**CALL, **MESSAGES}), *({"key": key, "value": value} for key, value in attributes)]
        records.append(traces([{**span(1, {}), **body, "attributes": listed}]))
    with tempfile.TemporaryDirectory() as folder:
        check(write(Path(folder) / "log.jsonl", *records))
