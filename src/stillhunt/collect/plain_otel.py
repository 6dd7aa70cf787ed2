"""
Lines of OTLP traces as typed spans: calls that have their messages themselves, made columns some hundred at a time.

What it makes of a span is what `otel_exchange.exchange` makes of it, which is the definition; a line or a span of another shape
is left to that. Messages of the conventions 1.37 and later are read here where each is nothing but text and reasoning; those
of the other generations are given to `otel_messages.talk_of`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET

from stillhunt.collect import plain
from stillhunt.collect.messages import ASSISTANT_ROLES, REDACTED, SYSTEM_ROLES, hash_of
from stillhunt.collect.otel_exchange import (
    CALLS,
    GENERATION_3,
    LEVEL,
    NEWER,
    NOBODY,
    NOT_A_CALL,
    PLACES,
    account_by,
    finish_by,
    is_call_by,
    known,
    moment,
    opened,
    refusal_in,
    status,
)
from stillhunt.collect.otel_joining import Joining, names_messages
from stillhunt.collect.otel_messages import ATTRIBUTES, MESSAGES, REFERENCES, talk_of
from stillhunt.collect.plain_otlp import Named, Span, Value, got, item_of, raw_of, singles, traces
from stillhunt.collect.tally import Tally
from stillhunt.collect.text import json_text
from stillhunt.contract import EXCHANGES


class Part(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Text in a message, or a block of reasoning."""

    type: Literal["text", "reasoning"]
    content: str
    signature: str | None = None


class Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A message that is nothing but text and reasoning."""

    role: str
    parts: list[Part]
    finish_reason: str | None = None


class Turn(msgspec.Struct, gc=False):
    """A turn as `history` has it."""

    role: str
    content: str | None


_messages = msgspec.json.Decoder(list[Message]).decode
_parts = msgspec.json.Decoder(list[Part]).decode
_written = msgspec.json.Encoder().encode

ODD = REFERENCES | {"llm.invocation_parameters", "llm.tools.0.tool.json_schema", "llm.request.functions.0.name"}
"""Attributes whose span is left to the definition."""

MESSAGE_NAMES = frozenset(MESSAGES)
MARKS = ODD | GENERATION_3 | MESSAGE_NAMES

FORWARDED = "http.request.header.x-forwarded-for"
RANKED: dict[str, list[str]] = {}
for _name, (_column, _rank) in sorted(PLACES.items(), key=lambda place: place[1][1]):
    RANKED.setdefault(_column, []).append(_name)


class Told(NamedTuple):
    """What is known of a span before spans become columns."""

    number: int
    named: Named
    resource: Named
    exchange_id: object
    account_id: str | None
    started_at: object
    ended_at: object
    trace: str | None
    system: str | None
    prompt: str | None
    history: str | None
    reasoning_presented: list[str] | None
    completion: str | None
    reasoning_issued: list[str] | None
    finish_reason: object
    refusal_category: object
    status: str


class Said(NamedTuple):
    """What was asked and answered in a span."""

    system: str | None
    prompt: str | None
    history: str | None
    presented: list[str] | None
    completion: str | None
    issued: list[str] | None
    finish: object = None
    refusal_category: str | None = None


class Spans:
    """Takes lines of OTLP; gives the exchanges in them that need nothing else, and leaves the other spans to a `Joining`."""

    def __init__(self, joining: Joining, tally: Tally) -> None:
        """Start with nothing taken."""
        self._joining, self._tally = joining, tally
        self._told: list[Told] = []
        self._made: list[tuple[pa.RecordBatch, Any]] = []
        self._noted: Counter[str] = Counter()
        self._tools: dict[str, str | None] = {}

    def take(self, line: bytes) -> bool:
        """Take in the spans of a line, and return True; or take nothing, and return False."""
        try:
            groups = traces(line).resourceSpans if plain.is_utf_8(line) else []
        except plain.REFUSED:
            return False
        if not any(scope.spans for group in groups for scope in group.scopeSpans):
            return False
        lost = 0
        for group in groups:
            resource = {pair.key: pair.value for pair in group.resource.attributes} if group.resource is not None else {}
            for span in chain.from_iterable(scope.spans for scope in group.scopeSpans):
                named = {pair.key: pair.value for pair in span.attributes}
                operation = named.get("gen_ai.operation.name")
                usual = operation is not None and operation.stringValue in CALLS and "openinference.span.kind" not in named
                if not usual and not is_call_by(named, got, span.name):
                    lost += 1
                elif not self._passed(span, named, resource):
                    self._joining.take(item_of(span, named, resource))
        if lost:
            self._tally.note(NOT_A_CALL, "line", count=lost)
        for reason, count in self._noted.items():
            self._tally.note(reason, count=count)
        self._noted.clear()
        if len(self._told) >= plain.TOGETHER:
            self._become_columns()
        return True

    def _passed(self, span: Span, named: Named, resource: Named) -> bool:
        """Take a call that has its messages itself, if no log record waits for it; say whether it was taken."""
        started = moment(span.startTimeUnixNano)
        marks = named.keys() & MARKS
        if started is None or span.events or not ODD.isdisjoint(marks):
            return False
        if MESSAGE_NAMES.isdisjoint(marks) and not names_messages(named):
            return False
        trace, own = span.traceId, span.spanId
        named_trace = trace if trace and trace.strip("0") else None
        key = f"{trace}:{own}" if named_trace and own and own.strip("0") else None
        place = self._joining.passed(key)
        if place is None:
            return False
        note = self._note
        said = texts_of(named)
        if said is None:
            talk = talk_of(raw_of(named), (), note)
            note(talk.how)
            request, response = talk.request, talk.response
            said = Said(request.system, request.prompt, request.history, request.presented or None, response.completion,
                        response.issued or None, response.finish_reason, response.refusal_category)  # fmt: skip
        else:
            note(ATTRIBUTES)
        if not GENERATION_3.isdisjoint(marks):
            note(NEWER)
            if "gen_ai.request.reasoning.level" in named:
                note(LEVEL)
        reasons, user = named.get("gen_ai.response.finish_reasons"), named.get("user.id")
        finish = first_reason(reasons) or finish_by(named, got, said.finish)
        account = None if user is None else user.stringValue
        if type(account) is not str or account.strip() in NOBODY:
            account = account_by(named, resource, note, got)
        self._told.append(
            Told(place, named, resource, known(got(named.get("gen_ai.response.id"))) or key, account, started,
                 moment(span.endTimeUnixNano), named_trace, said.system, said.prompt, said.history, said.presented,
                 said.completion, said.issued, finish, said.refusal_category or refusal_in(finish),
                 self._status(span, named, resource))
        )  # fmt: skip
        return True

    def _note(self, reason: str) -> None:
        self._noted[reason] += 1

    def _status(self, span: Span, named: Named, resource: Named) -> str:
        code = None if span.status is None else span.status.code
        if code in (None, 0, 1, "STATUS_CODE_OK") and "error.type" not in named and "http.response.status_code" not in named:
            return "ok"
        return status(item_of(span, named, resource))

    def batches(self) -> list[tuple[pa.RecordBatch, Any]]:
        """Return, and forget, what was taken: rows with the number of each among all that were made."""
        if self._told:
            self._become_columns()
        made, self._made = self._made, []
        if not made:
            return []
        if len(made) > 1:
            names = [name for name in EXCHANGES.names if any(name in rows.schema.names for rows, _ in made)]
            arrays = [[rows[name] if name in rows.schema.names else pa.nulls(len(rows)) for rows, _ in made] for name in names]
            rows = pa.RecordBatch.from_arrays([plain.joined(parts) for parts in arrays], names=names)
            return [(rows, np.concatenate([numbers for _, numbers in made]))]
        return made

    def _become_columns(self) -> None:
        told, self._told = self._told, []
        columns: dict[str, Any] = dict(zip(Told._fields, zip(*told, strict=True), strict=True))
        numbers = np.array(columns.pop("number"), np.int64)
        named, resources, traces = columns.pop("named"), columns.pop("resource"), columns.pop("trace")
        columns |= attribute_columns(named, resources)
        columns["session_id"] = plain.first_of(len(told), columns.get("session_id"), traces)
        addresses = plain.first_of(len(told), columns.get("client_ip"), lambda: singles(named, FORWARDED), blanks=())
        columns["client_ip"] = [one.split(",")[0].strip() or None if isinstance(one, str) else None for one in addresses]
        columns["tools_hash"] = [self._tools_hash(one.get("gen_ai.tool.definitions")) for one in named]
        held = {name: columns[name] for name in EXCHANGES.names if name in columns and plain.there(columns[name])}
        arrays = [plain.array_of(column, name, self._tally) for name, column in held.items()]
        self._made.append((pa.RecordBatch.from_arrays(arrays, names=list(held)), numbers))

    def _tools_hash(self, held: Value | None) -> str | None:
        if held is None:
            return None
        text = held.stringValue
        if not isinstance(text, str):
            tools = opened(got(held))
            return hash_of(json_text(tools)) if isinstance(tools, list) and tools else None
        if text not in self._tools:
            tools = opened(text)
            if len(self._tools) >= MOST_TOOLS:
                self._tools.clear()
            self._tools[text] = hash_of(json_text(tools)) if isinstance(tools, list) and tools else None
        return self._tools[text]


MOST_TOOLS = 256
"""Lists of tools whose hashes are kept at hand."""


def attribute_columns(named: Sequence[Named], resources: Sequence[Named]) -> dict[str, list[object]]:
    """Return the columns that an attribute fills as it is: the best attribute of the span, else of its resource."""
    here = set().union(*named)
    there = set().union(*{id(one): one for one in resources}.values())
    found: dict[str, list[object]] = {}
    for column, names in RANKED.items():
        for held, seen in ((named, here), (resources, there)):
            for name in names:
                if name in seen:
                    own = singles(held, name)
                    before = found.get(column)
                    found[column] = own if before is None else [b if a is None else a for a, b in zip(before, own, strict=True)]
    return found


def first_reason(held: Value | None) -> str | None:
    """Return the first of a list of reasons why a model stopped, where there is one."""
    if held is None or held.stringValue is not UNSET or held.arrayValue is UNSET or not held.arrayValue.values:
        return None
    first = held.arrayValue.values[0].stringValue
    return first if first is not UNSET and first else None


def texts_of(named: Named) -> Said | None:
    """Return what was asked and answered, where messages are attributes in JSON and each is nothing but text; else None."""
    held = [named.get(name) for name in MESSAGES]
    texts: list[Any] = [None if one is None else one.stringValue for one in held]
    for text in texts:
        if text is not None and (text is UNSET or text[:1] != "[" or text[-1:] != "]"):
            return None
    instructions, asked, answered = texts
    try:
        rules = None if instructions is None else _parts(instructions)
        turns = [] if asked is None else _messages(asked)
        answers = [] if answered is None else _messages(answered)
    except plain.REFUSED:
        return None
    if rules == [] or not (rules or turns or answers):
        return None
    instructed = text_in(rules) if rules else None
    return None if instructed is None and rules else _said([] if instructed is None else [instructed], turns, answers)


def text_in(parts: list[Part]) -> str | None:
    """Return the text of a message."""
    if len(parts) == 1 and parts[0].type == "text":
        return parts[0].content
    texts = [part.content for part in parts if part.type == "text"]
    return "\n".join(texts) if texts else None


def blocks_in(parts: list[Part]) -> list[str]:
    """Return the names of a message's blocks of reasoning, as `messages.signatures` does."""
    signatures = [part.signature for part in parts if part.signature]
    return list(dict.fromkeys(hash_of(one) for one in signatures if one != REDACTED)) if signatures else signatures


def _said(rules: list[str], turns: list[Message], answers: list[Message]) -> Said | None:
    talk: list[Turn] = []
    presented: list[str] = []
    newest = -1
    for turn in turns:
        role = turn.role
        if not turn.parts or role == "reasoning":
            return None
        text = text_in(turn.parts)
        if role in SYSTEM_ROLES:
            if text:
                rules.append(text)
            continue
        if role in ASSISTANT_ROLES:
            presented += blocks_in(turn.parts)
        elif role == "user" and text is not None:
            newest = len(talk)
        talk.append(Turn(role, text))
    prompt = talk.pop(newest).content if newest >= 0 else None
    said = []
    issued: list[str] = []
    for answer in answers:
        if not answer.parts:
            return None
        text = text_in(answer.parts)
        said += [] if text is None else [text]
        issued += blocks_in(answer.parts)
    finish = (answers[0].finish_reason or None) if answers else None
    return Said(
        "\n".join(rules) if rules else None, prompt,
        _written(talk).decode() if talk else None, presented or None, "\n\n".join(said) if said else None, issued or None, finish,
        refusal_in(finish),
    )  # fmt: skip
