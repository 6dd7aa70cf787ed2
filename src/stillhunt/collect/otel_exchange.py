"""
One model call as OpenTelemetry records it, under the contract's names.

Attribute names are those of the semantic conventions up to 1.44 and of the repository semantic-conventions-genai, those of
OpenInference 0.1.42, and the older ones of OpenLLMetry and LiteLLM, whose spans are still about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from stillhunt.collect.messages import hash_of
from stillhunt.collect.otel_messages import MESSAGE_EVENTS, Event, Note, talk_of
from stillhunt.collect.otlp import Item, Raw, attributes, indexed, value
from stillhunt.collect.text import json_text

CALLS = frozenset(
    ("chat", "text_completion", "generate_content", "completion", "completions", "responses", "message", "messages")
)
"""Operations in which a model answers with text."""

INFERENCE = ("chat", "completion")
MODEL_KEYS = frozenset(("gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "llm.request.model_name"))
USED_KEYS = frozenset(
    (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.prompt.0.role",
        "gen_ai.completion.0.role",
        "gen_ai.response.finish_reasons",
    )
)

NOT_A_CALL = "not a model call"
LEVEL = "reasoning level in words; `reasoning_budget` holds tokens"
NO_TIME = "a span or event without a time"
NO_ID = "a span without ids"
NO_ACCOUNT = "a span that names nobody: neither user nor service"

IDENTITIES = (
    (("user.id", "metadata.user_api_key_user_id", "traceloop.association.properties.user_id"), "user.id"),
    (("enduser.id",), "enduser.id"),
    (("enduser.pseudo.id", "metadata.user_api_key_end_user_id"), "enduser.pseudo.id"),
    (("gen_ai.request.user", "llm.user"), "request's user parameter"),
    (
        (
            "tenant.id",
            "organization.id",
            "org.id",
            "customer.id",
            "metadata.user_api_key_org_id",
            "metadata.user_api_key_team_id",
        ),
        "tenant",
    ),
    (("api_key.hash", "metadata.user_api_key_hash"), "API key hash"),
    (("service.namespace",), "service namespace"),
    (("service.name",), "service name"),
)
"""Where the account is looked for, in order; which it was is counted, for it changes what a link means."""

PERSONAL = 4
"""So many of these name a caller of the service, not the service itself."""

NOBODY = frozenset(("", "None", "null", "default_user_id", "anonymous", "unknown", "unknown_service"))

COLUMNS = {
    "org_id": (
        "organization.id",
        "org.id",
        "tenant.id",
        "customer.id",
        "metadata.user_api_key_org_id",
        "metadata.user_api_key_team_id",
    ),
    "api_key_id": ("api_key.hash", "metadata.user_api_key_hash"),
    "session_id": (
        "gen_ai.conversation.id",
        "session.id",
        "gen_ai.session.id",
        "traceloop.association.properties.session_id",
    ),
    "end_user_id": (
        "enduser.id",
        "enduser.pseudo.id",
        "metadata.user_api_key_end_user_id",
        "gen_ai.request.user",
        "llm.user",
    ),
    "model": (
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.response.model_name",
        "llm.model_name",
        "llm.request.model_name",
    ),
    "client_ip": ("client.address", "http.client_ip", "source.address", "metadata.requester_ip_address"),
    "asn": ("client.as.number", "source.as.number", "http.request.header.x-asn"),
    "country": ("client.geo.country.iso_code", "geo.country.iso_code", "http.request.header.cf-ipcountry"),
    "tls_ja4": ("tls.client.ja4", "http.request.header.x-ja4", "http.request.header.cf-ja4"),
    "user_agent": ("user_agent.original", "http.user_agent", "http.request.header.user-agent"),
    "header_order": ("http.request.header.x-header-order",),
    "device_id": ("device.id", "http.request.header.x-device-id"),
}
KNOBS = {
    "temperature": ("gen_ai.request.temperature",),
    "top_p": ("gen_ai.request.top_p",),
    "n": ("gen_ai.request.choice.count", "gen_ai.request.n"),
    "seed": ("gen_ai.request.seed", "gen_ai.openai.request.seed"),
    "max_tokens": ("gen_ai.request.max_tokens", "llm.request.max_tokens"),
    "reasoning_budget": ("gen_ai.request.reasoning.budget_tokens", "gen_ai.request.thinking.budget_tokens"),
}
INVOCATION = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP"),
    "n": ("n", "candidate_count", "candidateCount"),
    "seed": ("seed",),
    "max_tokens": ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxTokens", "maxOutputTokens"),
}
USAGE = {
    "tokens_in": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
    ),
    "tokens_out": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
    ),
    "tokens_reasoning": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
    ),
    "tokens_cached": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.usage.cache_read_input_tokens",
    ),
}
GENERATION_3 = frozenset(
    (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.request.reasoning.level",
        "gen_ai.request.previous_response.id",
        "gen_ai.conversation.compacted",
    )
)
PLACES = {
    name: (column, rank)
    for table in (COLUMNS, KNOBS, USAGE)
    for column, names in table.items()
    for rank, name in enumerate(names)
}
"""The column that an attribute fills, and how many others come before it."""

NEWER = "attributes: names of the repository semantic-conventions-genai"

Row = dict[str, object]


Attributes = Mapping[str, Any]
"""Attributes by name, each in a wrapping of some kind."""

Read = Callable[[Any], object]
"""Takes a value out of its wrapping; of nothing it makes nothing."""


def is_call(item: Item) -> bool:
    """Whether a span or event is a call of a model that answers with text."""
    return is_call_by(item.attributes, value, item.body.get("name"))


def is_call_by(raw: Attributes, read: Read, name: object) -> bool:
    """Whether attributes are those of a call of a model that answers with text."""
    kind = read(raw.get("openinference.span.kind"))
    if kind is not None:
        return kind == "LLM"
    operation = read(raw.get("gen_ai.operation.name"))
    if operation is not None:
        return isinstance(operation, str) and operation in CALLS
    kind = read(raw.get("llm.request.type"))
    if kind is not None:
        return kind in INFERENCE
    if name == "llm_request" and not USED_KEYS.isdisjoint(raw):
        return True  # vLLM
    return not MODEL_KEYS.isdisjoint(raw) and not USED_KEYS.isdisjoint(raw)


def event_of(item: Item) -> Event | None:
    """Return a log record as an event of a model call; None where it is none."""
    name = item.body.get("eventName") or value(item.attributes.get("event.name")) or item.body.get("name")
    return Event(name, _fields(item)) if isinstance(name, str) and name in MESSAGE_EVENTS else None


def _fields(item: Item) -> dict[str, object]:
    fields = {key: value(held) for key, held in item.attributes.items()}
    body = value(item.body.get("body"))
    if isinstance(body, str) and body.startswith("{"):
        try:
            body = orjson.loads(body)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            body = None
    return {**fields, **body} if isinstance(body, dict) else fields


def own_events(item: Item) -> list[Event]:
    """Return the message events that a span holds itself."""
    listed = item.body.get("events")
    if not isinstance(listed, list) or not listed:
        return []
    found = []
    for event in listed:
        name = event.get("name") if isinstance(event, dict) else None
        if isinstance(name, str) and name in MESSAGE_EVENTS:
            found.append(Event(name, _fields(Item(True, event, _attributes(event), {}))))
    return found


def _attributes(event: Mapping[str, object]) -> Raw:
    return attributes(event.get("attributes"))


def exchange(item: Item, events: Sequence[Event], note: Note) -> Row:
    """
    Return one span (or the event that stands for it) as a row, its values not yet in the contract's types.

    `note` hears of each thing that is missing, second best or read in one of several ways.
    """
    raw, resource = item.attributes, item.resource
    talk = talk_of(raw, events, note)
    note(talk.how)
    if not GENERATION_3.isdisjoint(raw):
        note(NEWER)
    if "gen_ai.request.reasoning.level" in raw:
        note(LEVEL)
    row = _plain(raw, resource)
    row["exchange_id"] = known(value(raw.get("gen_ai.response.id"))) or item.key
    row["account_id"] = account(raw, resource, note)
    row["started_at"], row["ended_at"] = times(item)
    if row.get("session_id") is None:
        trace = item.body.get("traceId")
        row["session_id"] = trace if isinstance(trace, str) and trace.strip("0") else None
    row["client_ip"] = _address(raw, row.get("client_ip"))
    row["system"], row["prompt"], row["history"] = talk.request.system, talk.request.prompt, talk.request.history
    row["completion"] = talk.response.completion
    row["reasoning_issued"] = talk.response.issued or None
    row["reasoning_presented"] = talk.request.presented or None
    row["finish_reason"] = finish_by(raw, value, talk.response.finish_reason)
    row["status"] = status(item)
    row["refusal_category"] = talk.response.refusal_category or refusal_in(row["finish_reason"])
    row.update(_asked_for(raw, row, note))
    return row


def times(item: Item) -> tuple[object, object]:
    """Return when a span started and ended; a log record has one time. A time of 0 is none."""
    body = item.body
    if item.log:
        at = moment(body.get("timeUnixNano")) or moment(body.get("observedTimeUnixNano"))
        return at, at
    return moment(body.get("startTimeUnixNano")), moment(body.get("endTimeUnixNano"))


def moment(given: object) -> object:
    """Return nanoseconds since 1970 as a number; text of another kind is left for the column to judge."""
    if isinstance(given, str):
        if given.isascii() and given.isdecimal() and len(given) < 20:
            return int(given) or None
        return given.strip() or None
    return given or None


def account(raw: Raw, resource: Raw, note: Note) -> str | None:
    """Return who made the call, by the best name that there is; `note` hears which, where it is not the first."""
    return account_by(raw, resource, note, value)


def account_by(raw: Attributes, resource: Attributes, note: Note, read: Read) -> str | None:
    """Return the same as `account`, of attributes in any wrapping."""
    for place, (names, label) in enumerate(IDENTITIES):
        for name in names:
            found = known(read(raw.get(name))) or known(read(resource.get(name)))
            if found is not None:
                if place:
                    note(f"account is the {label}, for want of user.id")
                return found
    return None


def is_personal(raw: Raw) -> bool:
    """Whether the attributes themselves name a caller, not only the service that recorded them."""
    return any(known(value(raw.get(name))) is not None for names, _ in IDENTITIES[:PERSONAL] for name in names)


def status(item: Item) -> str:
    """Return `ok`, `error`, `rate_limited` or `blocked`, by the span's status and the kind of its error."""
    raw = item.attributes
    kind = value(raw.get("error.type"))
    given = item.body.get("status")
    code = given.get("code") if isinstance(given, dict) else None
    said = value(raw.get("http.response.status_code"))
    if kind is None and code not in (2, "2", "STATUS_CODE_ERROR") and not (isinstance(said, int) and said >= 400):
        return "ok"
    text = f"{kind or ''} {_exception(item)}"
    if said == 429 or "429" in text or "RateLimit" in text or "rate_limit" in text or "ResourceExhausted" in text:
        return "rate_limited"
    blocking = ("ContentPolicy", "content_policy", "content_filter", "Guardrail", "PermissionDenied", "403")
    return "blocked" if said == 403 or any(mark in text for mark in blocking) else "error"


def _exception(item: Item) -> str:
    """Return the type of the exception that a span recorded."""
    listed = item.body.get("events")
    for event in listed if isinstance(listed, list) else ():
        if isinstance(event, dict) and event.get("name") == "exception":
            kind = value(_attributes(event).get("exception.type"))
            if isinstance(kind, str):
                return kind
    return ""


def finish_by(raw: Attributes, read: Read, said: object) -> object:
    """Return why the model stopped: by the span's attributes, by what was `said` beside its answer, or by an older attribute."""
    reasons = read(raw.get("gen_ai.response.finish_reasons"))
    if isinstance(reasons, str) and reasons.startswith("["):
        try:
            reasons = orjson.loads(reasons)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            reasons = None
    if isinstance(reasons, list):
        reasons = next((one for one in reasons if isinstance(one, str) and one), None)
    if isinstance(reasons, str) and reasons:
        return reasons
    return said or read(raw.get("llm.finish_reason"))


def refusal_in(finish: object) -> str | None:
    """Return the kind of refusal that a finish reason names."""
    return finish if isinstance(finish, str) and finish in ("refusal", "content_filter") else None


def _asked_for(raw: Raw, row: Row, note: Note) -> Row:
    """Return the knobs of the request and the hash of its tools."""
    found: Row = {column: row.get(column) for column in KNOBS}
    tools: object = opened(value(raw.get("gen_ai.tool.definitions")))
    if "llm.invocation_parameters" in raw:
        parameters = opened(value(raw.get("llm.invocation_parameters")))
        if isinstance(parameters, dict):
            for column, names in INVOCATION.items():
                if found[column] is None:
                    found[column] = next((parameters[name] for name in names if parameters.get(name) is not None), None)
            thinking = parameters.get("thinking")
            if found["reasoning_budget"] is None and isinstance(thinking, dict):
                found["reasoning_budget"] = thinking.get("budget_tokens")
            if row.get("end_user_id") is None:
                found["end_user_id"] = known(parameters.get("safety_identifier")) or known(parameters.get("user"))
            tools = tools or parameters.get("tools")
    if not tools and ("llm.tools.0.tool.json_schema" in raw or "llm.request.functions.0.name" in raw):
        flat = {
            key: value(held) for key, held in raw.items() if key.startswith(("llm.tools.", "llm.request.functions."))
        }
        tools = [opened(one.get("tool.json_schema")) for one in indexed(flat, "llm.tools.")]
        tools = tools or [{k: opened(v) for k, v in one.items()} for one in indexed(flat, "llm.request.functions.")]
    if isinstance(tools, list) and tools:
        found["tools_hash"] = hash_of(json_text(tools))
    return found


def opened(given: object) -> object:
    """Return what text holds where it starts as JSON of a list or object, else what was given."""
    if isinstance(given, str) and given[:1] in ("{", "["):
        try:
            return orjson.loads(given)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return given
    return given


def _plain(raw: Raw, resource: Raw) -> Row:
    """Return the columns that an attribute fills as it is: the best attribute of the span, else of its resource."""
    row: Row = {}
    for named in (raw, resource):
        ranks: dict[str, int] = {}
        own = {}
        for name, held in named.items():
            place = PLACES.get(name)
            if place is not None and place[1] < ranks.get(place[0], 99) and place[0] not in row:
                found = _single(held)
                if found is not None and found != "":
                    ranks[place[0]] = place[1]
                    own[place[0]] = found
        row.update(own)
    return row


def _single(held: object) -> object:
    """Return an attribute's value; of a list its first entry."""
    found = value(held)
    return next(iter(found), None) if isinstance(found, list) else found


def _address(raw: Raw, given: object) -> object:
    if given is None:
        given = _single(raw.get("http.request.header.x-forwarded-for"))
    return given.split(",")[0].strip() or None if isinstance(given, str) else None


def known(given: object) -> str | None:
    """Return an id that names someone, as text."""
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) and given.strip() not in NOBODY else None
