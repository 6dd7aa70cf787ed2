"""
LiteLLM proxy logs: its `StandardLoggingPayload`, as callbacks, S3, GCS and the HTTP logger write it.

Field names are those of LiteLLM 1.109. One payload is one call: retries and fallbacks have a payload
each, and so has an answer from the cache, whose id gets `#cache` and the time: it is a call of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from stillhunt.collect import records
from stillhunt.collect.messages import REDACTED, hash_of, request_of, response_of
from stillhunt.collect.text import json_text
from stillhunt.plugs import Batch, Split

KEYS = (
    "call_type",
    "model_parameters",
    "litellm_call_id",
    "hidden_params",
    "startTime",
    "model_map_information",
)
"""Keys at the top of a `StandardLoggingPayload` that no other log has together."""

CALLS = frozenset(
    (
        "",
        "completion",
        "text_completion",
        "anthropic_messages",
        "responses",
        "generate_content",
        "generate_content_stream",
        "create_interaction",
        "llm_passthrough_route",
        "send_message",
        "_arealtime",
        "_aresponses_websocket",
    )
)
"""Call types, without the `a` of their asynchronous twins, in which a model answers with text."""

ROUTES = ("completions", "/messages", "/responses")
"""How the routes end that stand for the call type of calls refused before they had one."""

NOT_A_CALL = "not a chat or completion call"
HEALTH_CHECK = "LiteLLM's own health check"
REDACTED_TEXT = "text that LiteLLM redacted; it is missing"
TRUNCATED_TEXT = "text that LiteLLM cut short; what is left of it was read"

OWN_NAMES = frozenset(("litellm-internal-health-check", "litellm_internal_jobs"))
NOBODY = frozenset(("", "None", "default_user_id"))
"""Values that stand for no one: `default_user_id` is everybody whose key was made without a user."""

IDENTITIES = (
    ("user_api_key_user_id", "user id"),
    ("user_api_key_org_id", "organisation id"),
    ("user_api_key_team_id", "team id"),
    ("user_api_key_hash", "API key hash"),
    ("user_api_key_end_user_id", "end user id"),
)
"""Where the account is looked for, in order; which it was is counted, for it changes what a link means."""

CACHE_HIT = re.compile(r"_cache_hit([0-9.]*)$")

HEADERS = {
    "tls_ja4": ("x-ja4", "cf-ja4", "ja4", "x-tls-ja4", "x-ja4-fingerprint"),
    "header_order": ("x-header-order",),
    "device_id": ("x-device-id",),
    "country": ("cf-ipcountry", "x-country", "x-country-code", "x-client-country", "x-vercel-ip-country"),
    "asn": ("x-asn", "x-client-asn", "cf-asn"),
}

Row = dict[str, object]
Note = Callable[[str], None]


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record is a LiteLLM payload: two or more of its telling keys."""
    told = [key for key in KEYS if key in record]
    if len(told) < 2:
        return None
    return f"Its records have the keys {', '.join(f'`{key}`' for key in told[:3])}, as LiteLLM writes them."


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of a LiteLLM log, and what was left out."""
    from stillhunt.collect.plain_litellm import PLAIN  # which reads the tables of this module

    yield from records.read(split, convert, PLAIN)


def convert(payload: Row, note: Note) -> Row | str:
    """Return one payload under the contract's names, or why it is no exchange."""
    return not_a_call(payload) or exchange(payload, note)


def not_a_call(payload: Row) -> str | None:
    """Return why a payload is no exchange of a customer with a model; None where it is one."""
    kind = _string(payload.get("call_type")) or ""
    if kind not in CALLS and kind.removeprefix("a") not in CALLS and not kind.endswith(ROUTES):
        return NOT_A_CALL
    metadata = _mapping(payload.get("metadata"))
    names = (
        metadata.get("user_api_key_user_id"),
        metadata.get("user_api_key_alias"),
        metadata.get("user_api_key_hash"),
    )
    if any(isinstance(name, str) and name in OWN_NAMES for name in names):
        return HEALTH_CHECK
    tags = payload.get("request_tags")
    return HEALTH_CHECK if isinstance(tags, list) and not OWN_NAMES.isdisjoint(map(str, tags)) else None


def exchange(payload: Row, note: Note) -> Row:
    """
    Return one payload under the contract's names, its values not yet in the contract's types.

    `note` is called with a reason for each value that is missing, cut short, or second best.
    """
    metadata = _mapping(payload.get("metadata"))
    request = request_of(payload.get("messages"))
    response = response_of(payload.get("response"))
    system = request.system
    parameters = _mapping(payload.get("model_parameters"))
    if system is None:
        system = _string(parameters.get("instructions"))
    return {
        "exchange_id": exchange_id(payload),
        "account_id": _account(payload, metadata, note),
        "started_at": payload.get("startTime"),
        "ended_at": payload.get("endTime"),
        "org_id": _known(metadata.get("user_api_key_org_id")) or _known(metadata.get("user_api_key_team_id")),
        "api_key_id": _known(metadata.get("user_api_key_hash")),
        "session_id": _known(payload.get("session_id")) or _known(payload.get("trace_id")),
        "end_user_id": _known(payload.get("end_user")) or _known(metadata.get("user_api_key_end_user_id")),
        "model": _string(payload.get("model_group")) or payload.get("model"),
        "system": readable(system, note),
        "prompt": readable(request.prompt, note),
        "history": readable(request.history, note),
        "completion": readable(response.completion, note),
        "reasoning_issued": response.issued or None,
        "reasoning_presented": request.presented or None,
        "finish_reason": response.finish_reason,
        "status": status(payload),
        "refusal_category": response.refusal_category,
        **_knobs(parameters),
        **_usage(payload, metadata),
        **_client(payload, metadata),
    }


def exchange_id(payload: Row) -> str | None:
    """Return the call's id; an answer from the cache has the first answer's id and its own time."""
    name = _known(payload.get("id")) or _known(payload.get("litellm_call_id"))
    if name is None:
        return None
    cached = CACHE_HIT.search(name)
    if cached:
        return f"{name[: cached.start()]}#cache{cached.group(1)}"
    return f"{name}#cache{payload.get('startTime')}" if payload.get("cache_hit") is True else name


def _account(payload: Row, metadata: Mapping[str, object], note: Note) -> str | None:
    for key, label in IDENTITIES:
        name = _known(metadata.get(key))
        if name is None and key == "user_api_key_end_user_id":
            name = _known(payload.get("end_user"))
        if name is not None:
            if key != IDENTITIES[0][0]:
                note(f"account is the {label}, for want of user_api_key_user_id")
            return name
    return None


def status(payload: Row) -> str:
    """Return `ok`, `error`, `rate_limited` or `blocked`, by the class and code of the error."""
    if payload.get("status") != "failure":
        return "ok"
    error = _mapping(payload.get("error_information"))
    kind = _string(error.get("error_class")) or ""
    code = str(error.get("error_code") or "")
    if (
        code == "429"
        or error.get("error_rate_limit_category")
        or "RateLimit" in kind
        or "BudgetExceeded" in kind
    ):
        return "rate_limited"
    guardrail = _mapping(payload.get("status_fields")).get("guardrail_status") == "guardrail_intervened"
    blocking = ("ContentPolicy", "Guardrail", "PermissionDenied", "RejectedRequest", "BlockedPii")
    return "blocked" if guardrail or code == "403" or any(name in kind for name in blocking) else "error"


def readable(text: str | None, note: Note) -> str | None:
    """Return the text unless LiteLLM took it away; say so where it did, or where it cut it short."""
    if text is None:
        return None
    if REDACTED in text and (text == REDACTED or '"content":"redacted-by-litellm"' in text):
        note(REDACTED_TEXT)
        return None
    if "litellm_truncated" in text:
        note(TRUNCATED_TEXT)
    return text


def _knobs(parameters: Mapping[str, object]) -> Row:
    thinking = _mapping(parameters.get("thinking"))
    tools = parameters.get("tools") or parameters.get("functions")
    most = ("max_completion_tokens", "max_output_tokens", "max_tokens")
    return {
        "tools_hash": hash_of(json_text(tools)) if isinstance(tools, list) else None,
        "temperature": parameters.get("temperature"),
        "top_p": parameters.get("top_p"),
        "n": parameters.get("n"),
        "seed": parameters.get("seed"),
        "max_tokens": next((parameters[key] for key in most if parameters.get(key) is not None), None),
        "reasoning_budget": thinking.get("budget_tokens"),
    }


def _usage(payload: Row, metadata: Mapping[str, object]) -> Row:
    usage = _mapping(metadata.get("usage_object")) or _mapping(_mapping(payload.get("response")).get("usage"))
    took = _mapping(usage.get("prompt_tokens_details")) or _mapping(usage.get("input_tokens_details"))
    gave = _mapping(usage.get("completion_tokens_details")) or _mapping(usage.get("output_tokens_details"))
    cached = took.get("cached_tokens")
    return {
        "tokens_in": payload.get("prompt_tokens", usage.get("prompt_tokens", usage.get("input_tokens"))),
        "tokens_out": payload.get(
            "completion_tokens", usage.get("completion_tokens", usage.get("output_tokens"))
        ),
        "tokens_reasoning": gave.get("reasoning_tokens"),
        "tokens_cached": usage.get("cache_read_input_tokens") if cached is None else cached,
    }


def _client(payload: Row, metadata: Mapping[str, object]) -> Row:
    address = _known(payload.get("requester_ip_address")) or _known(metadata.get("requester_ip_address"))
    row: Row = {
        "client_ip": address.split(",")[0].strip() if address else None,
        "user_agent": payload.get("user_agent") or metadata.get("user_agent"),
    }
    custom = _mapping(metadata.get("requester_custom_headers"))
    if custom:
        headers = {name.lower(): value for name, value in custom.items() if isinstance(name, str)}
        for column, names in HEADERS.items():
            row[column] = next((headers[name] for name in names if headers.get(name)), None)
    return row


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _known(value: object) -> str | None:
    """Return an id that names someone, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() not in NOBODY else None
