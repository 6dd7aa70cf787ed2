"""
Columns of request and response bodies, as JSON text, become the contract's columns.

Bodies are the one thing that is taken apart value by value: which turn is the newest, and which blocks are
reasoning, no column operation can tell. Rows without a body cost nothing, and plain ones are read some hundred at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson
import pyarrow as pa

from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.bodies import answered, asked, body_of
from stillhunt.collect.collector import paused
from stillhunt.collect.json_columns import are_lines, texts
from stillhunt.collect.messages import REDACTED, request_of, response_of
from stillhunt.collect.plain import REFUSED, TOGETHER, array_of, joined
from stillhunt.collect.plain_bodies import answered_columns, asked_columns, message_columns
from stillhunt.collect.plain_types import Answered, Asked, Bare, Choice, Message
from stillhunt.collect.strings import may_hold
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
LONGEST_EMPTY = 64
"""Bytes of text that says nothing, with what space may stand around it."""

TRUNCATED = "litellm_truncated"
MARK = "litellm"
"""What both marks have in them: text that was cut short, and text that was taken away."""

Reasons = tuple[str, str]


Said = Mapping[str, Sequence[object]]
Lines = Callable[[memoryview], tuple[Sequence[Any], Said]]
"""Reads bodies of one type, a line each; returns them, and what they say in columns."""


class Quick(NamedTuple):
    """How bodies that are plain are read together."""

    decoders: tuple[Callable[[memoryview], Any], ...]
    """What reads a body as one type or another, of which no two take the same body."""
    columns: Callable[[Sequence[Any]], Said]
    lines: tuple[Lines, ...]
    """What reads many bodies of one of these types."""


_whole = msgspec.json.Decoder(Answered)
_bare = msgspec.json.Decoder(Bare)
_asked = msgspec.json.Decoder(Asked)
NO_ANSWER = "no answer of a model"


def _answer(text: memoryview) -> Answered:
    """Return an answer, or an error in its place."""
    body = _whole.decode(text)
    if not body.is_one:
        raise msgspec.ValidationError(NO_ANSWER)
    return body


def _message(text: memoryview) -> Answered:
    """Return what a model said, without the answer around it, as an answer that has nothing else."""
    bare = _bare.decode(text)
    return Answered(choices=[Choice(Message(**{name: getattr(bare, name) for name in SAID}))])


SAID = tuple(name for name in Message.__struct_fields__ if name in Bare.__struct_fields__)


def _requests(data: memoryview) -> tuple[Sequence[Any], Said]:
    rows = _asked.decode_lines(data)
    return rows, asked_columns(rows) if rows else {}


def _answers(data: memoryview) -> tuple[Sequence[Any], Said]:
    rows = _whole.decode_lines(data)
    if not all(body.choices is not None or body.is_one for body in rows):
        raise msgspec.ValidationError(NO_ANSWER)
    return rows, answered_columns(rows) if rows else {}


def _messages(data: memoryview) -> tuple[Sequence[Any], Said]:
    rows = _bare.decode_lines(data)
    return rows, message_columns(rows) if rows else {}


REQUESTS = Quick((_asked.decode,), asked_columns, (_requests,))
RESPONSES = Quick((_answer, _message), answered_columns, (_answers, _messages))


def of_requests(requests: Column, tally: Tally) -> dict[str, Column]:
    """Return what requests say: bodies as callers sent them, bare lists of turns, or plain text; also the model asked for."""
    return _each(requests, _request, REQUESTS, (*ASKED, "model"), tally)


def of_responses(responses: Column, tally: Tally) -> dict[str, Column]:
    """Return what responses say: bodies, bare messages, or plain text; also the model that answered."""
    return _each(responses, _response, RESPONSES, (*ANSWERED, "model"), tally)


def present(bodies: Column) -> Column:
    """Return bodies as JSON text, null where there is nothing in them."""
    found = texts(bodies)
    short = pc.less_equal(pc.binary_length(found), LONGEST_EMPTY)
    if not pc.any(short).as_py():
        return found
    return pc.if_else(pc.is_in(pc.utf8_trim_whitespace(pc.if_else(short, found, None)), EMPTY), None, found)


@paused()
def _each(bodies: Column, read: Callable[[str], Row], quick: Quick, names: tuple[str, ...], tally: Tally) -> dict[str, Column]:
    bodies = present(bodies)
    if bodies.null_count == len(bodies):
        return {name: pa.nulls(len(bodies), EXCHANGES.field(name).type) for name in names}
    pieces: list[dict[str, Column]] = []
    ways = list(quick.lines)
    for start in range(0, len(bodies), TOGETHER):
        some = bodies.slice(start, TOGETHER)
        held = some.drop_null() if some.null_count else some
        said = _at_once(held, ways)
        if said is None:
            said, held = _together(_views(some), read, quick, names), some
        arrays = {name: array_of(said.get(name, ()), name, tally) if len(held) else pa.nulls(0) for name in names}
        if len(held) < len(some):
            places = _places(some)
            arrays = {name: array.take(places) for name, array in arrays.items()}
        pieces.append(arrays)
    return {name: joined([piece[name] for piece in pieces]) for name in names}


def _places(column: Column) -> Column:
    """Return, for each value of a column, how many are there before it, or null where there is none."""
    there = column.is_valid()
    return pc.if_else(there, pc.subtract(pc.cumulative_sum(there.cast(pa.int64())), 1), None)


def _at_once(bodies: Column, ways: list[Lines]) -> Said | None:
    """
    Return what bodies of one type say; None where they are not, or one is not a line of its own.

    Each text goes from `{` to `}` and none has a line end in it: joined by line ends, there are as many values as texts only if
    each text is one. The way that did it comes first in `ways` from then on.
    """
    if not are_lines(bodies):
        return None
    data = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(bodies)], pa.int32()), bodies), "\n")[0].as_buffer()
    for number, way in enumerate(ways):
        try:
            rows, said = way(memoryview(data))
        except REFUSED:
            continue
        if len(rows) != len(bodies):
            return None
        ways.insert(0, ways.pop(number))
        return said
    return None


def _views(texts: Column) -> list[memoryview | None]:
    """Return the bytes of each text where they stand; none for null and for empty text."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4).tolist()
    view = memoryview(data) if data is not None else memoryview(b"")
    there = texts.is_valid().to_pylist() if texts.null_count else [True] * len(texts)
    return [view[a:b] if held and a < b else None for a, b, held in zip(ends, ends[1:], there, strict=False)]


def _together(
    texts: Sequence[memoryview | None], read: Callable[[str], Row], quick: Quick, names: tuple[str, ...]
) -> Mapping[str, Sequence[object]]:
    """Return what bodies say, those that are plain read together, and the others one by one."""
    others: dict[int, Row] = {}
    plain, at = [], []
    likely, *unlikely = quick.decoders
    for number, text in enumerate(texts):
        if text is None:
            continue
        try:
            plain.append(likely(text))
            at.append(number)
        except REFUSED:
            for decode in tuple(unlikely):
                try:
                    plain.append(decode(text))
                except REFUSED:
                    continue
                at.append(number)
                unlikely.remove(decode)
                unlikely.append(likely)
                likely = decode
                break
            else:
                others[number] = read(str(text, "utf-8"))
    said = quick.columns(plain) if plain else {}
    if len(plain) == len(texts):
        return said
    found: dict[str, list[object]] = {name: [None] * len(texts) for name in names}
    for name, column in found.items():
        for number, value in zip(at, said[name] if plain else (), strict=True):
            column[number] = value
        for number, row in others.items():
            column[number] = row.get(name)
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
    if not may_hold(column, MARK):
        return column
    redacted = pc.or_(
        pc.equal(column, REDACTED), pc.match_substring(column, f'"content":"{REDACTED}"')
    )
    tally.add("value", reasons[0], pc.sum(redacted).as_py() or 0)
    column = pc.if_else(redacted, None, column)
    tally.add("value", reasons[1], pc.sum(pc.match_substring(column, TRUNCATED)).as_py() or 0)
    return column
