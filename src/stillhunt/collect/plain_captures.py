"""Captured calls as typed rows: `{request, response, …}` of bare bodies, with what the capturer wrote beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stillhunt.collect.bodies import name_in
from stillhunt.collect.captures import (
    AROUND,
    CODES,
    FIELDS,
    IDENTITIES,
    IDS,
    NOT_A_CALL,
    OTHER_OBJECTS,
    RAW_KEYS,
    ROUTES,
    WANT,
    first_address,
    hidden,
    is_other_route,
)
from stillhunt.collect.plain import Held, Plain, Told, absent, each, first_of, optional, there
from stillhunt.collect.plain_bodies import answered_columns, asked_columns, others, statuses
from stillhunt.collect.plain_types import Answered, Asked

Scalar = str | int | float


def tell(held: Held) -> Told:
    """Return what captures say."""
    requests, responses = held.all("request"), held.all("response")
    asked, answer = asked_columns(requests), answered_columns(responses)
    beside = {column: held.get(*names) for column, names in FIELDS.items()}
    found: dict[str, Sequence[Any]] = {**asked, **answer}
    for column in ("end_user_id", "org_id", "session_id"):
        found[column] = first_of(held.rows, beside.pop(column), asked[column])
    found |= beside
    found["model"] = first_of(held.rows, answer["model"], asked["model"], beside["model"])
    found["header_order"] = each(beside["header_order"], lambda order: order or None)
    found["client_ip"] = each(beside["client_ip"], first_address)
    found["api_key_id"] = each(beside["api_key_id"], hidden)
    created = lambda: [_time(body.created, body.created_at) for body in responses]  # noqa: E731
    found["started_at"] = first_of(held.rows, beside["started_at"], created)
    found["ended_at"] = first_of(held.rows, beside["ended_at"], lambda: [body.completed_at for body in responses])
    found["exchange_id"] = first_of(
        held.rows, *(each(held.get(name), name_in) for name in IDS), lambda: [name_in(body.id) for body in responses],
        lambda: each(held.get("id"), name_in),
    )  # fmt: skip
    found["status"] = statuses(held.get(*CODES), responses)
    found["account_id"], noted = _identified(found)
    return Told(found, _left(held, responses), (noted,) if noted else (), others(responses))


def _identified(found: Mapping[str, Sequence[Any]]) -> tuple[Sequence[str | None], list[str | None] | None]:
    """Return who made each call, and how that was told where it was not by an account."""
    accounts = each(found["account_id"], name_in)
    if all(accounts):
        return accounts, None
    identities = [accounts, *(each(found[column], name_in) for column, _ in IDENTITIES[1:])]
    labels = [None, *(WANT.format(label) for _, label in IDENTITIES[1:])]
    places = [next((at for at, name in enumerate(names) if name is not None), 0) for names in zip(*identities, strict=True)]
    return first_of(len(accounts), *identities), [labels[at] for at in places]


def _time(created: object, created_at: object) -> object:
    return created_at if created is None else created


def _left(held: Held, responses: Sequence[Answered]) -> list[str | None] | None:
    """Return why captures are no calls, or nothing where all are."""
    routes = [column for name in ROUTES if there(column := held.get(name))]
    others = {body.object for body in responses if isinstance(body.object, str)} & set(OTHER_OBJECTS)
    if not routes and not others:
        return None
    places = zip(*routes, strict=True) if routes else ((),) * len(responses)
    return [
        NOT_A_CALL if is_other_route(texts) or (isinstance(body.object, str) and body.object in others) else None
        for texts, body in zip(places, responses, strict=True)
    ]


NAMES = dict.fromkeys((*(name for names in FIELDS.values() for name in names), *IDS, *CODES, "id"))
PLAIN = Plain(
    {
        "request": Asked,
        "response": Answered,
        **optional(str, *ROUTES),
        **optional(str | int | float, *NAMES),
        **absent("custom_id", "result", "headers", "request_headers", *AROUND, *RAW_KEYS),
    },
    tell,
)
