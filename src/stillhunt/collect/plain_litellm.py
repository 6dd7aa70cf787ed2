"""LiteLLM's payloads as typed rows: chat messages, an answer or none, and metadata of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stillhunt.collect import litellm
from stillhunt.collect.bodies import string
from stillhunt.collect.litellm import CALLS, HEADERS, IDENTITIES, NOBODY, OWN_NAMES, ROUTES
from stillhunt.collect.plain import Held, Plain, Told, each, first_of, optional, there
from stillhunt.collect.plain_bodies import fields_of, replies, talks, tool_hashes
from stillhunt.collect.plain_types import NOTHING, Answered, Budget, Turn, Usage


class Knobs(msgspec.Struct, gc=False):
    """Parameters of a request."""

    temperature: Any = None
    top_p: Any = None
    n: Any = None
    seed: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    max_tokens: Any = None
    thinking: Budget | None = None
    tools: msgspec.Raw = NOTHING
    functions: msgspec.Raw = NOTHING
    instructions: str | None = None


class Metadata(msgspec.Struct, gc=False):
    """What LiteLLM knows of the caller."""

    user_api_key_user_id: str | None = None
    user_api_key_org_id: str | None = None
    user_api_key_team_id: str | None = None
    user_api_key_hash: str | None = None
    user_api_key_end_user_id: str | None = None
    user_api_key_alias: str | None = None
    requester_ip_address: str | None = None
    user_agent: str | None = None
    requester_custom_headers: dict[str, str] | None = None
    usage_object: Usage | None = None


KNOBS = Knobs()
SAYING_NOTHING = msgspec.structs.astuple(Usage())

_fields = msgspec.structs.astuple


def tell(held: Held) -> Told:
    """Return what payloads say."""
    odd: set[int] = set()
    known = zip(*map(_fields, held.all("metadata")), strict=True)
    named: dict[str, Sequence[Any]] = dict(zip(Metadata.__struct_fields__, known, strict=True))
    knobs = [KNOBS if one is None else one for one in held.get("model_parameters")]
    asked = dict(zip(Knobs.__struct_fields__, zip(*map(_fields, knobs), strict=True), strict=True))
    system, prompt, history, presented = talks(held.all("messages"))
    if there(asked["instructions"]):
        system = [string(two) if one is None else one for one, two in zip(system, asked["instructions"], strict=True)]
    bodies = held.all("response")
    completion, finish, category, issued = replies(bodies, fields_of(bodies))
    odd |= {row for row, body in enumerate(bodies) if body.output is not None}
    texts = {"system": system, "prompt": prompt, "history": history, "completion": completion}
    noted: list[list[str | None]] = []
    found: dict[str, Sequence[Any]] = {name: _readable(column, noted) for name, column in texts.items()}
    thinking = asked["thinking"]
    found |= {name: asked[name] for name in ("temperature", "top_p", "n", "seed")}
    found |= {
        "exchange_id": _ids(held, odd),
        "started_at": held.get("startTime"),
        "ended_at": held.get("endTime"),
        "model": first_of(held.rows, held.get("model_group"), held.get("model")),
        "reasoning_issued": issued,
        "reasoning_presented": presented,
        "finish_reason": finish,
        "refusal_category": category,
        "status": _status(held),
        "tools_hash": tool_hashes(asked["tools"], asked["functions"]),
        "max_tokens": first_of(held.rows, *(asked[n] for n in ("max_completion_tokens", "max_output_tokens", "max_tokens"))),
        "reasoning_budget": each(thinking, lambda one: one.budget_tokens),
        "tokens_in": held.all("prompt_tokens"),
        "tokens_out": held.all("completion_tokens"),
        "user_agent": first_of(held.rows, held.get("user_agent"), named["user_agent"]),
    }
    found["tokens_reasoning"], found["tokens_cached"] = _details(named["usage_object"], bodies, odd)
    _identify(found, held, named, noted)
    _headers(found, named["requester_custom_headers"])
    return Told(found, _left(held, named), noted, odd)


def _known(column: Sequence[Any]) -> Sequence[Any]:
    """Return ids that name someone."""
    nobody = {name for name in set(column) if name is not None and name.strip() in NOBODY}
    return [None if name in nobody else name for name in column] if nobody else column


def _ids(held: Held, odd: set[int]) -> Sequence[Any]:
    ids, hits = _known(held.all("id")), held.get("cache_hit")
    cached = {row for row, name in enumerate(ids) if name is not None and "_cache_hit" in name}
    odd |= cached | {row for row, name in enumerate(ids) if name is None} | {row for row, hit in enumerate(hits) if hit is True}
    return ids


def _identify(
    found: dict[str, Sequence[Any]], held: Held, named: dict[str, Sequence[Any]], noted: list[list[str | None]]
) -> None:
    """Fill in whose call each is, and note how that was told where it was not by the user."""
    known = {key: _known(named[key]) for key, _ in IDENTITIES}
    ends = _known(held.get("end_user"))
    user, org, team, key, end = (known[name] for name, _ in IDENTITIES)
    found["org_id"] = first_of(held.rows, org, team)
    found["api_key_id"] = key
    found["session_id"] = first_of(held.rows, _known(held.get("session_id")), _known(held.get("trace_id")))
    found["end_user_id"] = first_of(held.rows, ends, end)
    found["client_ip"] = each(
        first_of(held.rows, _known(held.get("requester_ip_address")), _known(named["requester_ip_address"])),
        lambda address: address.split(",")[0].strip(),
    )
    found["account_id"] = user
    if not all(user):
        columns = (user, org, team, key, first_of(held.rows, end, ends))
        found["account_id"] = first_of(held.rows, *columns)
        labels = [None, *(f"account is the {label}, for want of user_api_key_user_id" for _, label in IDENTITIES[1:])]
        places = [next((at for at, name in enumerate(names) if name is not None), 0) for names in zip(*columns, strict=True)]
        noted.append([labels[at] for at in places])


def _readable(column: Sequence[Any], noted: list[list[str | None]]) -> Sequence[Any]:
    """Return text as `litellm.readable` does, with a note for each that was taken away or cut short."""
    marked = [row for row, text in enumerate(column) if text is not None and "litellm" in text]
    if not marked:
        return column
    kept, reasons = list(column), [None] * len(column)
    for row in marked:
        kept[row] = litellm.readable(column[row], lambda reason, row=row: reasons.__setitem__(row, reason))  # type: ignore[misc]
    noted.append(reasons)  # type: ignore[arg-type]
    return kept


def _details(given: Sequence[Usage | None], bodies: Sequence[Answered], odd: set[int]) -> tuple[list[Any], list[Any]]:
    """Return tokens of reasoning and from the cache; usage of which it is not plain where it stands is odd."""
    thought: list[Any] = [None] * len(bodies)
    cached: list[Any] = [None] * len(bodies)
    for row, (first, body) in enumerate(zip(given, bodies, strict=True)):
        usage = body.usage if first is None else first
        if usage is None:
            continue
        took, gave = usage.prompt_tokens_details, usage.completion_tokens_details
        if usage.input_tokens_details is not None or usage.output_tokens_details is not None or _fields(usage) == SAYING_NOTHING:
            odd.add(row)
        thought[row] = None if gave is None else gave.reasoning_tokens
        hit = None if took is None else took.cached_tokens
        cached[row] = usage.cache_read_input_tokens if hit is None else hit
    return thought, cached


def _status(held: Held) -> list[str]:
    return [
        "ok" if said != "failure" else litellm.status({"status": said, "error_information": error, "status_fields": fields})
        for said, error, fields in zip(
            held.get("status"), held.get("error_information"), held.get("status_fields"), strict=True
        )
    ]


def _headers(found: dict[str, Sequence[Any]], custom: Sequence[dict[str, str] | None]) -> None:
    """Fill in what headers tell of the client."""
    names = {name for headers in custom if headers for name in headers}
    same = all(name == name.lower() for name in names)
    rows = [headers or {} for headers in custom] if same else [{k.lower(): v for k, v in (h or {}).items()} for h in custom]
    names = {name.lower() for name in names}
    for column, mine in HEADERS.items():
        if held := [name for name in mine if name in names]:
            found[column] = first_of(len(rows), *([row.get(name) for row in rows] for name in held))


def _left(held: Held, named: dict[str, Sequence[Any]]) -> list[str | None] | None:
    """Return why payloads are no exchanges, or nothing where all are."""
    kinds, tags = held.get("call_type"), held.get("request_tags")
    others = {kind for kind in set(kinds) if kind is not None and not _is_call(kind)}
    columns = [named[name] for name in ("user_api_key_user_id", "user_api_key_alias", "user_api_key_hash")]
    if not others and all(map(OWN_NAMES.isdisjoint, columns)) and not any(tags):
        return None
    return [
        litellm.NOT_A_CALL if kind in others
        else litellm.HEALTH_CHECK if not OWN_NAMES.isdisjoint(names) or not OWN_NAMES.isdisjoint(mine or ())
        else None
        for kind, names, mine in zip(kinds, zip(*columns, strict=True), tags, strict=True)
    ]  # fmt: skip


def _is_call(kind: str) -> bool:
    return kind in CALLS or kind.removeprefix("a") in CALLS or kind.endswith(ROUTES)


PLAIN = Plain(
    {
        "id": str,
        "prompt_tokens": int | float,
        "completion_tokens": int | float,
        "metadata": Metadata,
        "messages": list[Turn],
        "response": Answered,
        **optional(Knobs, "model_parameters"),
        **optional(str, "call_type", "status", "model", "model_group", "user_agent", "session_id", "trace_id"),
        **optional(str, "end_user", "requester_ip_address"),
        **optional(str | int | float, "startTime", "endTime"),
        **optional(bool, "cache_hit"),
        **optional(list[str], "request_tags"),
        **optional(dict[str, Any], "error_information", "status_fields"),
    },
    tell,
)
