"""Lines of Envoy AI Gateway's access log as typed rows: fields in lower case, each with text or a number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from stillhunt.collect import edge
from stillhunt.collect.arrays import pc
from stillhunt.collect.litellm import HEADERS
from stillhunt.collect.moments import LAST_US, WHOLE_ISO, moments
from stillhunt.collect.plain import Held, Plain, Told, each, optional, there, through
from stillhunt.contract import TIMESTAMP

MODEL = ("genai_model_name_override", "genai_model_name", "gen_ai.response.model", "gen_ai.request.model",
         "x-ai-eg-model", "request_model")  # fmt: skip
TOKENS = {
    "tokens_in": ("genai_tokens_input", "gen_ai.usage.input_tokens", "llm_input_token", "llm_input_tokens"),
    "tokens_out": ("genai_tokens_output", "gen_ai.usage.output_tokens", "llm_output_token", "llm_output_tokens"),
    "tokens_cached": ("genai_tokens_cached_input", "genai_tokens_cached", "gen_ai.usage.cached_input_tokens",
                      "gen_ai.usage.cache_read.input_tokens", "llm_cached_input_token"),
    "tokens_reasoning": ("genai_tokens_reasoning", "gen_ai.usage.reasoning_tokens",
                         "gen_ai.usage.reasoning.output_tokens", "llm_reasoning_token"),
}
ROUTE = ("x-envoy-origin-path", "x-envoy-original-path", "path", ":path")
STATUS = ("response_code", "status", "http.response.status_code")
IDS = ("x-request-id", "request_id")
WANTED = "an account's header in the log"

NAMED = {**edge.IDS, **HEADERS, "user_agent": ("user-agent", "user_agent")}
LONGEST_MS = 10**12
NONE = type(None)


def tell(held: Held) -> Told:
    """Return what lines say."""
    odd: set[int] = set()
    found: dict[str, Any] = {column: texts(held.get(*names), odd) for column, names in NAMED.items()}
    found |= {column: held.get(*names) for column, names in TOKENS.items()}
    found["model"] = held.get(*MODEL)
    found["exchange_id"] = held.get(*IDS)
    found["status"] = through(edge.status, held.get(*STATUS))
    peers, forwarded = held.get("downstream_remote_address"), held.get("x-forwarded-for")
    if there(forwarded):
        found["client_ip"] = [edge.address(*both) for both in zip(peers, forwarded, strict=True)]
    else:
        found["client_ip"] = each(peers, edge.bare)
    found["started_at"], found["ended_at"] = _times(held, odd)
    found["account_id"], noted = _who(found)
    return Told(found, _left(held, found["model"]), (noted,) if noted else (), odd)


def texts(column: Sequence[Any], odd: set[int]) -> Sequence[Any]:
    """Return what `edge.text` makes of values; where that is nothing, another field may have something."""
    if not there(column):
        return column
    kinds = set(map(type, column))
    if kinds == {str}:
        texts: Sequence[Any] = list(map(str.strip, column))
    elif kinds == {str, NONE}:
        texts = [None if value is None else value.strip() for value in column]
    else:
        texts = list(map(edge.text, column))
    if "" in texts or "-" in texts or texts.count(None) > column.count(None):
        odd.update(row for row, value in enumerate(column) if value is not None and edge.text(value) is None)
    return texts


def _times(held: Held, odd: set[int]) -> tuple[Any, Any]:
    """Return when calls began and ended; a line whose start is no ISO 8601 with a zone is odd."""
    written = pa.array(held.get("start_time"), pa.string())
    odd.update(pc.indices_nonzero(pc.invert(pc.fill_null(pc.match_substring_regex(written, WHOLE_ISO), False))).to_pylist())
    try:
        began = written.cast(TIMESTAMP)
    except pa.ArrowInvalid:  # an odd one, or a day that no calendar has
        began = moments(written)
    lasted = held.get("duration")
    odd.update(row for row, value in enumerate(lasted) if value is not None and not 0 <= value <= LONGEST_MS)
    known = [None if row in odd else value for row, value in enumerate(lasted)] if odd else lasted
    microseconds = pc.round(pc.multiply(pa.array(known, pa.float64()), 1000.0), round_mode="half_to_even").cast(pa.int64())
    ended = pc.add(began.cast(pa.int64()), microseconds)
    return began, pc.if_else(pc.less_equal(ended, LAST_US), ended, None).cast(TIMESTAMP)


def _who(found: dict[str, Any]) -> tuple[Sequence[Any], list[str | None] | None]:
    """Return who made each call, and how that was told where it was not by an account."""
    accounts = found["account_id"]
    if None not in accounts:
        return accounts, None
    columns = [found[column] for column in edge.LABELS]
    labels = [None, *(f"account is the {label}, for want of {WANTED}" for label in list(edge.LABELS.values())[1:])]
    places = [next((at for at, name in enumerate(names) if name is not None), -1) for names in zip(*columns, strict=True)]
    return [None if at < 0 else columns[at][row] for row, at in enumerate(places)], [labels[max(at, 0)] for at in places]


def _left(held: Held, models: Sequence[Any]) -> list[str | None] | None:
    """Return why lines are no calls, or nothing where all are."""
    routes, tools = held.get(*ROUTE), held.get("mcp_method")
    if None not in models and not there(routes) and not there(tools):
        return None
    calls = [_call(route) for route in routes]
    return [
        edge.NOT_A_CALL if call is False or edge.text(tool) or (call is None and model is None) else None
        for call, tool, model in zip(calls, tools, models, strict=True)
    ]


@lru_cache(maxsize=2**12)
def _call(route: Any) -> bool | None:
    return edge.text_call(edge.text(route))


FIELDS: dict[str, Any] = {
    **optional(str | int, *MODEL, *ROUTE, *IDS, *STATUS, "mcp_method"),
    **optional(str | int | float, *(name for names in TOKENS.values() for name in names)),
    **optional(str | int, *(name for names in NAMED.values() for name in names)),
    **optional(str, "start_time", "downstream_remote_address", "x-forwarded-for"),
    **optional(int | float, "duration"),
}
PLAIN = Plain(FIELDS, tell, blanks=("", "-"), unread=lambda name: name.lower() not in FIELDS)
