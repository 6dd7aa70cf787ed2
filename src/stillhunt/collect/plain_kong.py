"""Lines of Kong's log as typed rows: bodies as JSON in text, headers with one value each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stillhunt.collect import edge
from stillhunt.collect.edge import IDS, LABELS
from stillhunt.collect.kong import TOKENS
from stillhunt.collect.litellm import HEADERS
from stillhunt.collect.plain import REFUSED, Held, Plain, Told, each, first_of, optional, through
from stillhunt.collect.plain_bodies import SILENT, answered_columns, asked_columns
from stillhunt.collect.plain_envoy import texts
from stillhunt.collect.plain_types import Answered, Asked, Gave, Took
from stillhunt.collect.records import after

Scalar = str | int | float | None


class Usage(msgspec.Struct, gc=False):
    """Token counts, in Kong's two spellings and in that of the bodies."""

    prompt_tokens: Scalar = None
    prompt_token: Scalar = None
    input_tokens: Scalar = None
    completion_tokens: Scalar = None
    completion_token: Scalar = None
    output_tokens: Scalar = None
    prompt_tokens_details: Took | None = None
    completion_tokens_details: Gave | None = None
    input_tokens_details: None = None
    output_tokens_details: None = None


class Meta(msgspec.Struct, gc=False):
    """Models."""

    response_model: str | None = None
    request_model: str | None = None


class Payload(msgspec.Struct, gc=False):
    """Bodies."""

    request: str | None = None
    request_body: str | None = None
    response: str | None = None
    response_body: str | None = None


class Proxy(msgspec.Struct, gc=False):
    """What a proxy plugin logged."""

    usage: Usage | None = None
    meta: Meta | None = None
    payload: Payload | None = None


class Ai(msgspec.Struct, gc=False, rename={"ai_proxy": "ai-proxy", "ai_proxy_advanced": "ai-proxy-advanced"}):
    """What AI plugins logged."""

    proxy: Proxy | None = None
    ai_proxy: Proxy | None = None
    ai_proxy_advanced: Proxy | None = None
    payload: Payload | None = None


class Request(msgspec.Struct, gc=False):
    """The request as Kong saw it."""

    id: str | int | None = None
    uri: str | None = None
    url: str | None = None
    headers: dict[str, str] | None = None


class Response(msgspec.Struct, gc=False):
    """The response as Kong saw it."""

    status: str | int | None = None


class Latencies(msgspec.Struct, gc=False):
    """Milliseconds."""

    request: int | float | None = None


class Consumer(msgspec.Struct, gc=False):
    """Whom Kong authenticated."""

    id: str | int | None = None
    custom_id: str | int | None = None
    username: str | int | None = None


class Entity(msgspec.Struct, gc=False):
    """The credential that was used."""

    id: str | int | None = None


BLANKS = ("", "-")
UNUSED, NO_META, NO_REQUEST, NO_ONE = Payload(), Meta(), Request(), Consumer()
NOT_ASKED = Asked(messages=[])

_asked = msgspec.json.Decoder(Asked).decode
_answered = msgspec.json.Decoder(Answered).decode


def tell(held: Held) -> Told:
    """Return what lines say; a line without a proxy, or with bodies of another type, is odd."""
    odd: set[int] = set()
    proxies = [
        one.proxy or one.ai_proxy or one.ai_proxy_advanced or _odd(odd, row, Proxy()) for row, one in enumerate(held.all("ai"))
    ]
    payloads = [one.payload or UNUSED for one in proxies]
    whole = [one.payload or UNUSED for one in held.all("ai")]
    sent = [one.request or one.request_body or two.request for one, two in zip(payloads, whole, strict=True)]
    got = [one.response or one.response_body for one in payloads]
    say = asked_columns(_bodies(sent, _asked, NOT_ASKED, odd))
    reply = answered_columns(_bodies(got, _answered, SILENT, odd))
    requests = [one or NO_REQUEST for one in held.get("request")]
    headers = _headers([one.headers or {} for one in requests])
    named = {column: texts(_first(held.rows, headers, names), odd) for column, names in _NAMED.items()}
    found: dict[str, Sequence[Any]] = {**say, **reply, **named}
    found |= _usage([one.usage or NO_USAGE for one in proxies], reply)
    _identify(found, held, say, odd)
    labels = found.pop("labels", None)
    ids = ([one.id for one in requests], headers.get("x-kong-request-id"), headers.get("x-request-id"))
    found["exchange_id"] = texts(first_of(held.rows, *ids, blanks=BLANKS), odd)
    found["started_at"] = held.get("started_at")
    took = each(held.get("latencies"), lambda one: one.request)
    found["ended_at"] = [after(start, span) for start, span in zip(found["started_at"], took, strict=True)]
    metas = [one.meta or NO_META for one in proxies]
    models = ([one.response_model for one in metas], [one.request_model for one in metas])
    found["model"] = first_of(held.rows, first_of(held.rows, *models, blanks=BLANKS), say["model"])
    found["status"] = through(edge.status, each(held.get("response"), lambda one: one.status))
    peers = held.get("client_ip")
    forwarded = headers.get("x-forwarded-for") or (None,) * held.rows
    found["client_ip"] = [edge.address(*both) for both in zip(peers, forwarded, strict=True)]
    return Told(found, _left(requests), (labels,) if labels else (), odd)


def _odd(odd: set[int], row: int, instead: Any) -> Any:
    odd.add(row)
    return instead


def _bodies(given: Sequence[str | None], decode: Any, nothing: Any, odd: set[int]) -> list[Any]:
    """Return bodies in JSON as typed; what is there and of another type is odd."""
    found = []
    for row, text in enumerate(given):
        body = nothing
        if text:
            try:
                body = decode(text)
            except REFUSED:
                odd.add(row)
        found.append(body)
    return found


def _headers(rows: Sequence[dict[str, str]]) -> dict[str, Sequence[str | None]]:
    """Return headers as columns, by their names in lower case; the last of a name counts."""
    names = {name for headers in rows for name in headers}
    if any(name != name.lower() for name in names):
        rows = [{name.lower(): value for name, value in headers.items()} for headers in rows]
    known = {name.lower() for name in names} & _KNOWN
    return {name: [headers.get(name) for headers in rows] for name in known}


def _first(rows: int, headers: dict[str, Sequence[str | None]], names: tuple[str, ...]) -> Sequence[Any]:
    return first_of(rows, *(headers.get(name) for name in names), blanks=BLANKS)


def _identify(found: dict[str, Sequence[Any]], held: Held, say: dict[str, Sequence[Any]], odd: set[int]) -> None:
    """Fill in who called: Kong's consumer and credential first, then headers that the operator added."""
    consumers = [one or NO_ONE for one in held.get("consumer")]
    names = ([one.id for one in consumers], [one.custom_id for one in consumers], [one.username for one in consumers])
    who = texts(first_of(held.rows, *names, blanks=BLANKS), odd)
    found["account_id"] = first_of(held.rows, who, found["account_id"])
    keys = texts(each(held.get("authenticated_entity"), lambda one: one.id), odd)
    found["api_key_id"] = first_of(held.rows, keys, found["api_key_id"])
    for column in ("end_user_id", "session_id", "org_id"):
        found[column] = first_of(held.rows, found[column], texts(say[column], odd))
    if not all(found["account_id"]):
        columns = [found[column] for column in LABELS]
        labels = [None, *(f"account is the {label}, for want of a Kong consumer" for label in list(LABELS.values())[1:])]
        places = [next((at for at, name in enumerate(some) if name is not None), 0) for some in zip(*columns, strict=True)]
        found["account_id"] = first_of(held.rows, *columns)
        found["labels"] = [labels[at] for at in places]


def _usage(usages: Sequence[Usage], reply: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    rows = len(usages)
    if all(one is NO_USAGE for one in usages):
        return {name: reply[name] for name in ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning")}
    took = [one.prompt_tokens_details for one in usages]
    gave = [one.completion_tokens_details for one in usages]
    found = {
        column: tuple([getattr(one, name) for one in usages] for name in names) for column, names in TOKENS.items()
    }
    found["tokens_cached"] = ([None if one is None else one.cached_tokens for one in took],)
    found["tokens_reasoning"] = ([None if one is None else one.reasoning_tokens for one in gave],)
    return {
        name: first_of(rows, first_of(rows, *some, blanks=BLANKS if len(some) > 1 else ()), reply[name], blanks=())
        for name, some in found.items()
    }


NO_USAGE = Usage()


def _left(requests: Sequence[Request]) -> list[str | None] | None:
    """Return why lines are no calls, or nothing where all are."""
    routes = [edge.text(one.uri) or edge.text(one.url) for one in requests]
    others = {route for route in set(routes) if edge.text_call(route) is False}
    return [edge.NOT_A_CALL if route in others else None for route in routes] if others else None


_NAMED = {**IDS, **HEADERS, "user_agent": ("user-agent", "user_agent")}
_KNOWN = {"x-forwarded-for", "x-kong-request-id", "x-request-id"}.union(*_NAMED.values())

PLAIN = Plain(
    {
        "ai": Ai,
        **optional(Request, "request"),
        **optional(Response, "response"),
        **optional(Latencies, "latencies"),
        **optional(Consumer, "consumer"),
        **optional(Entity, "authenticated_entity"),
        **optional(int | float, "started_at"),
        **optional(str, "client_ip"),
    },
    tell,
    unread=lambda name: not name.startswith("ai."),
)
