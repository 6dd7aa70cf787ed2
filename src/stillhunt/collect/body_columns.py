"""
Columns of request and response bodies, as JSON text, become the contract's columns.

Bodies are the one thing that is taken apart value by value: which turn is the newest, and which blocks are
reasoning, no column operation can tell. Rows without a body cost nothing, and plain ones are read some hundred at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson
import pyarrow as pa

from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.bodies import answered, asked, body_of
from stillhunt.collect.json_columns import texts
from stillhunt.collect.messages import REDACTED, request_of, response_of
from stillhunt.collect.plain import REFUSED, TOGETHER, array_of, joined
from stillhunt.collect.plain_bodies import Answered, Asked, answered_columns, asked_columns
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES

Row = Mapping[str, object]

ASKED = (
    "system", "prompt", "history", "reasoning_presented", "tools_hash", "temperature", "top_p", "n", "seed",
    "max_tokens", "reasoning_budget", "end_user_id",
)  # fmt: skip
ANSWERED = (
    "completion", "reasoning_issued", "finish_reason", "refusal_category",
    "tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached",
)  # fmt: skip

EMPTY = pa.array(["", "{}", "[]", "null", '""'], pa.string())

Reasons = tuple[str, str]


class Quick(NamedTuple):
    """How bodies that are plain are read together."""

    decode: Callable[[str], Any]
    columns: Callable[[Sequence[Any]], Mapping[str, Sequence[object]]]


REQUESTS = Quick(msgspec.json.Decoder(Asked).decode, asked_columns)
RESPONSES = Quick(msgspec.json.Decoder(Answered).decode, answered_columns)


def of_requests(requests: Column, tally: Tally) -> dict[str, Column]:
    """Return what requests say: bodies as callers sent them, bare lists of turns, or plain text."""
    return _each(requests, _request, REQUESTS, ASKED, tally)


def of_responses(responses: Column, tally: Tally) -> dict[str, Column]:
    """Return what responses say: bodies, bare messages, or plain text."""
    return _each(responses, _response, RESPONSES, ANSWERED, tally)


def present(bodies: Column) -> Column:
    """Return bodies as JSON text, null where there is nothing in them."""
    found = texts(bodies)
    return pc.if_else(pc.is_in(pc.utf8_trim_whitespace(found), EMPTY), None, found)


def _each(bodies: Column, read: Callable[[str], Row], quick: Quick, names: tuple[str, ...], tally: Tally) -> dict[str, Column]:
    bodies = present(bodies)
    if bodies.null_count == len(bodies):
        return {name: pa.nulls(len(bodies), EXCHANGES.field(name).type) for name in names}
    pieces: list[dict[str, Column]] = []
    for start in range(0, len(bodies), TOGETHER):
        texts = bodies.slice(start, TOGETHER).to_pylist()
        said = _together(texts, read, quick)
        pieces.append({name: array_of(said[name], name, tally) for name in names})
    return {name: joined([piece[name] for piece in pieces]) for name in names}


def _together(texts: Sequence[str | None], read: Callable[[str], Row], quick: Quick) -> Mapping[str, Sequence[object]]:
    """Return what bodies say, those that are plain read together, and the others one by one."""
    rows: list[Row | None] = [None if text else {} for text in texts]
    plain, at = [], []
    for number, text in enumerate(texts):
        if text:
            try:
                body = quick.decode(text)
            except REFUSED:
                body = None
            if body is None or (type(body) is Answered and not body.is_one):
                rows[number] = read(text)
            else:
                plain.append(body)
                at.append(number)
    if not plain:
        return {name: [row.get(name) if row else None for row in rows] for name in (*ASKED, *ANSWERED)}
    said = quick.columns(plain)
    if len(plain) == len(texts):
        return {**dict.fromkeys((*ASKED, *ANSWERED), (None,) * len(texts)), **said}
    found: dict[str, list[object]] = {name: [row.get(name) if row else None for row in rows] for name in (*ASKED, *ANSWERED)}
    for name, values in said.items():
        if name in found:
            for number, value in zip(at, values, strict=True):
                found[name][number] = value
    return found


def _request(text: str) -> Row:
    value = opened(text)
    body = value if isinstance(value, dict) else None
    if body is not None and "role" not in body:
        return asked(body)
    request = request_of([value] if isinstance(value, dict) else value)
    return {
        "system": request.system,
        "prompt": request.prompt,
        "history": request.history,
        "reasoning_presented": request.presented or None,
    }


def _response(text: str) -> Row:
    value = opened(text)
    if (body := body_of(value)) is not None:  # also where the column holds the events of a stream
        return answered(body)
    response = response_of(value)
    return {"completion": response.completion, "reasoning_issued": response.issued or None}


def opened(text: str) -> object:
    """Return the list or object that the text is JSON of, else the text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return text


def readable(column: Column, reasons: Reasons, tally: Tally) -> Column:
    """
    Return text that the gateway took away as null, and count it, and what it cut short.

    `reasons` say what was redacted, and what was cut short.
    """
    if not pa.types.is_string(column.type) or column.null_count == len(column):
        return column
    redacted = pc.or_(
        pc.equal(column, REDACTED), pc.match_substring(column, f'"content":"{REDACTED}"')
    )
    tally.add("value", reasons[0], pc.sum(redacted).as_py() or 0)
    column = pc.if_else(redacted, None, column)
    tally.add("value", reasons[1], pc.sum(pc.match_substring(column, "litellm_truncated")).as_py() or 0)
    return column
