"""
Kong AI Gateway: the JSON that Kong's log plugins write (`http-log`, `file-log`, `tcp-log`, …), one call a record.

Field names are those of the audit logs of Kong Gateway 3.6 to 3.13 and AI Gateway 2.0, in both spellings: under the
plugin's name with `prompt_token` (`ai.ai-proxy.usage`), or under `proxy` with `prompt_tokens` (`ai.proxy.usage`). Text is
there only where the proxy plugin logs payloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stillhunt.collect import edge, records
from stillhunt.collect.bodies import answered, asked, body_of, mapping
from stillhunt.collect.messages import response_of
from stillhunt.collect.records import Note, Row, first
from stillhunt.plugs import Batch, Split

PROXIES = ("proxy", "ai-proxy", "ai-proxy-advanced")
"""Under which names the call that the client made is logged; other AI plugins make calls of their own."""

NO_PROXY = "no call through an AI proxy plugin"

TOKENS = {
    "tokens_in": ("prompt_tokens", "prompt_token", "input_tokens"),
    "tokens_out": ("completion_tokens", "completion_token", "output_tokens"),
}


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record is one that a log plugin of Kong wrote of a call through an AI plugin."""
    if not any(name == "ai" or name.startswith("ai.") for name in record):
        return None
    own = [name for name in ("latencies", "started_at", "client_ip", "request", "response", "service", "route") if name in record]
    return f"Its records have `ai`, `{own[0]}` and `{own[1]}`, as Kong's log plugins write them." if len(own) >= 3 else None


def read(split: Split) -> Iterator[Batch]:
    """Yield the calls of one split of a log that Kong wrote, and what was left out."""
    from stillhunt.collect.plain_kong import PLAIN  # most logs have no need of it

    return records.read(split, convert, PLAIN)


def convert(record: Row, note: Note) -> Row | str:
    """Return one record under the contract's names, or why it is no call of a model."""
    ai = _ai(record)
    proxy = next((found for name in PROXIES if isinstance(found := ai.get(name), dict)), None)
    if proxy is None:
        return NO_PROXY
    request, response = mapping(record.get("request")), mapping(record.get("response"))
    route = edge.text(request.get("uri")) or edge.text(request.get("url"))
    if edge.text_call(route) is False:
        return edge.NOT_A_CALL
    payload = mapping(proxy.get("payload"))
    sent = body_of(_first(payload.get("request"), payload.get("request_body"), mapping(ai.get("payload")).get("request")))
    got = _first(payload.get("response"), payload.get("response_body"))
    say = asked(sent) if sent else {}
    reply = answered(back) if (back := body_of(got)) else {"completion": response_of(got).completion}
    headers = edge.lowered(request.get("headers"))
    meta = mapping(proxy.get("meta"))
    start = record.get("started_at")
    who = _who(record, headers, say)
    candidates = tuple((label, who[column]) for column, label in edge.LABELS.items())
    return {
        **say,
        **reply,
        **who,
        **edge.fingerprints(headers),
        **_usage(mapping(proxy.get("usage")), reply),
        "exchange_id": _first(edge.text(request.get("id")), edge.text(headers.get("x-kong-request-id")),
                              edge.text(headers.get("x-request-id"))),
        "account_id": records.account(candidates, "a Kong consumer", note),
        "started_at": start,
        "ended_at": records.after(start, mapping(record.get("latencies")).get("request")),
        "model": first(meta, ("response_model", "request_model")) or say.get("model"),
        "status": edge.status(response.get("status")),
        "client_ip": edge.address(record.get("client_ip"), headers.get("x-forwarded-for")),
    }  # fmt: skip


def _ai(record: Mapping[str, object]) -> Mapping[str, object]:
    """Return the object `ai`, also where a shipper of logs has written `ai.proxy.usage.prompt_tokens` as one name."""
    found = dict(mapping(record.get("ai")))
    for name, value in record.items():
        steps = name.split(".", 4)
        if steps[0] != "ai" or len(steps) < 2:
            continue
        inside = found
        for step in steps[1:-1]:
            inner = inside.get(step)
            inside[step] = inner = dict(inner) if isinstance(inner, dict) else {}
            inside = inner
        inside[steps[-1]] = value
    return found


def _first(*values: object) -> object:
    return next((value for value in values if value not in (None, "", {})), None)


def _who(record: Mapping[str, object], headers: Mapping[str, object], say: Mapping[str, object]) -> dict[str, str | None]:
    """Return who called: Kong's consumer and credential first, then headers that the operator added."""
    who = edge.ids(headers)
    consumer = mapping(record.get("consumer"))
    names = (edge.text(consumer.get(name)) for name in ("id", "custom_id", "username"))
    who["account_id"] = next((name for name in names if name), None) or who["account_id"]
    who["api_key_id"] = edge.text(mapping(record.get("authenticated_entity")).get("id")) or who["api_key_id"]
    for column in ("end_user_id", "session_id", "org_id"):
        who[column] = who[column] or edge.text(say.get(column))
    return who


def _usage(usage: Mapping[str, object], reply: Mapping[str, object]) -> Row:
    took = mapping(usage.get("prompt_tokens_details")) or mapping(usage.get("input_tokens_details"))
    gave = mapping(usage.get("completion_tokens_details")) or mapping(usage.get("output_tokens_details"))
    found: Row = {column: first(usage, names) for column, names in TOKENS.items()}
    found |= {"tokens_cached": took.get("cached_tokens"), "tokens_reasoning": gave.get("reasoning_tokens")}
    return {column: reply.get(column) if value is None else value for column, value in found.items()}
