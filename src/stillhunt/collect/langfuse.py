"""
Langfuse: observations as its blob storage export writes them, Parquet, JSONL, JSON or CSV.

Field names are those of the export reference of 2026 (`observations_v2/`, SDK 5.0); the older `observations/` have
the same names and lack the user and the session. Only observations of type GENERATION are calls of a model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa

from stillhunt.collect import body_columns, tabular
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.json_columns import NUMBER, TEXT, WHOLE, fields, texts
from stillhunt.collect.litellm import HEADERS, NOBODY, REDACTED_TEXT, TRUNCATED_TEXT
from stillhunt.collect.messages import hash_of
from stillhunt.collect.plain import through
from stillhunt.collect.tabular import Rows, Shape, first_named, named
from stillhunt.collect.tally import Tally
from stillhunt.collect.text import json_text
from stillhunt.plugs import Batch, Split

KEYS = ("id", "trace_id", "type", "start_time")
TELLING = ("parent_observation_id", "provided_model_name", "usage_details", "model_parameters", "project_id")

COLUMNS = (
    "id", "trace_id", "project_id", "type", "start_time", "end_time", "latency", "level", "status_message", "input",
    "output", "provided_model_name", "model_parameters", "usage_details", "tool_definitions", "user_id", "session_id",
    "metadata",
)  # fmt: skip

NOT_A_GENERATION = "no call of a model (a span, an event, a tool, a score)"
NO_END = "no end time; the latency, in seconds or milliseconds as the export is young or old, was not used"

IN = ("input", "input_cached_tokens", "input_cache_read", "input_cache_creation", "cache_read_input_tokens",
      "cache_creation_input_tokens", "input_audio_tokens", "input_text_tokens")  # fmt: skip
CACHED = ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens")
OUT = ("output", "output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "output_audio_tokens",
       "output_text_tokens")  # fmt: skip
REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")
"""Langfuse's kinds of tokens do not overlap: `input` is without those that came from the cache."""

PARAMETERS = {
    "temperature": NUMBER, "top_p": NUMBER, "n": WHOLE, "seed": WHOLE, "max_tokens": WHOLE,
    "max_completion_tokens": WHOLE, "max_output_tokens": WHOLE,
}  # fmt: skip
METADATA = {
    "user_api_key_user_id": TEXT, "user_api_key_org_id": TEXT, "user_api_key_team_id": TEXT,
    "user_api_key_hash": TEXT, "user_api_key_end_user_id": TEXT, "requester_ip_address": TEXT, "user_agent": TEXT,
    "requester_custom_headers": {name: TEXT for names in HEADERS.values() for name in names},
}  # fmt: skip
"""What LiteLLM's Langfuse callback puts into `metadata`; other senders use names of their own."""

LIMITED = r"(?i)\b429\b|rate.?limit|quota"
BLOCKED = r"(?i)\b403\b|content.?policy|content.?filter|guardrail|permission.?denied"


def recognise(names: Collection[str]) -> str | None:
    """Return why the names are those of Langfuse's observations."""
    told = [name for name in TELLING if name in names]
    if not set(KEYS) <= set(names) or len(told) < 2:
        return None
    return f"It has the columns `trace_id`, `type`, {', '.join(f'`{name}`' for name in told[:2])} of Langfuse."


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of a Langfuse export, and what was left out."""
    return tabular.read(split, SHAPE)


def not_ours(rows: Rows) -> Column:
    """Return why a row is no call of a model; null where it is one."""
    kind = pc.fill_null(pc.utf8_upper(tabular.text(rows["type"])), "")
    return pc.if_else(pc.equal(kind, "GENERATION"), pa.scalar(None, TEXT), NOT_A_GENERATION)


def exchanges(rows: Rows, tally: Tally) -> dict[str, Column]:
    """Return the rows under the contract's names; count values that are missing, cut short, or second best."""
    told = fields(rows["metadata"], METADATA)
    knobs = fields(rows["model_parameters"], PARAMETERS)
    asked = body_columns.of_requests(rows["input"], tally)
    answered = body_columns.of_responses(rows["output"], tally)
    readable = {
        name: body_columns.readable(column, (REDACTED_TEXT, TRUNCATED_TEXT), tally)
        for name, column in (asked | answered).items()
        if name in ("system", "prompt", "history", "completion")
    }
    ended = tabular.moment(rows["end_time"])
    unsure = pc.and_(pc.is_null(ended), pc.is_valid(tabular.text(rows["latency"])))
    tally.add("value", NO_END, pc.sum(unsure).as_py() or 0)
    most = ("max_completion_tokens", "max_output_tokens", "max_tokens")
    found = {
        **asked,
        **answered,
        **readable,
        "exchange_id": named(rows["id"]),
        "account_id": _account(rows, told, tally),
        "started_at": rows["start_time"],
        "ended_at": ended,
        "org_id": pc.coalesce(named(told["user_api_key_org_id"]), named(told["user_api_key_team_id"])),
        "api_key_id": named(told["user_api_key_hash"]),
        "session_id": pc.coalesce(named(rows["session_id"]), named(rows["trace_id"])),
        "end_user_id": pc.coalesce(named(told["user_api_key_end_user_id"]), _as_text(asked["end_user_id"])),
        "model": tabular.text(rows["provided_model_name"]),
        "tools_hash": pc.coalesce(_as_text(asked["tools_hash"]), _tools(rows["tool_definitions"])),
        "status": _status(rows),
        "user_agent": tabular.text(told["user_agent"]),
        "client_ip": pc.utf8_trim_whitespace(
            pc.replace_substring_regex(named(told["requester_ip_address"]), ",.*$", "")
        ),
        "max_tokens": _either(pc.coalesce(*(tabular.text(knobs[name]) for name in most)), asked["max_tokens"]),
        **_usage(rows, answered),
    }
    for name in ("temperature", "top_p", "n", "seed"):
        found[name] = _either(tabular.text(knobs[name]), asked[name])
    for column, headers in HEADERS.items():
        found[column] = pc.coalesce(*(tabular.text(told[f"requester_custom_headers.{name}"]) for name in headers))
    return found


def _account(rows: Rows, told: Rows, tally: Tally) -> Column:
    identities = (
        ("user id", named(rows["user_id"], NOBODY)),
        ("user id of the API key", named(told["user_api_key_user_id"], NOBODY)),
        ("organisation id", named(told["user_api_key_org_id"])),
        ("team id", named(told["user_api_key_team_id"])),
        ("API key hash", named(told["user_api_key_hash"])),
        ("end user id", named(told["user_api_key_end_user_id"])),
        ("project id", named(rows["project_id"])),
    )
    return first_named(identities, "`user_id`", tally)


def _as_text(column: Column) -> Column:
    return column.cast(TEXT) if pa.types.is_null(column.type) else column


def _either(first: Column, second: Column) -> Column:
    """Return text that says the first, or the second where there is no first."""
    return pc.coalesce(first, tabular.text(second))


def _tools(column: Column) -> Column:
    """Return a hash of the tools offered, the same however their keys are ordered."""
    found = body_columns.present(texts(column))
    if found.null_count == len(found):
        return found
    hashes = through(lambda value: None if value is None else hash_of(json_text(body_columns.opened(value))), found.to_pylist())
    return pa.array(hashes, TEXT)


def _status(rows: Rows) -> Column:
    failed = pc.equal(pc.fill_null(pc.utf8_upper(tabular.text(rows["level"])), ""), "ERROR")
    message = pc.fill_null(tabular.text(rows["status_message"]), "")
    blocked = pc.if_else(pc.match_substring_regex(message, BLOCKED), "blocked", "error")
    kind = pc.if_else(pc.match_substring_regex(message, LIMITED), "rate_limited", blocked)
    return pc.if_else(failed, kind, "ok")


def _usage(rows: Rows, answered: Rows) -> dict[str, Column]:
    used = fields(rows["usage_details"], dict.fromkeys((*IN, *OUT), WHOLE))
    sums = {"tokens_in": IN, "tokens_out": OUT, "tokens_cached": CACHED, "tokens_reasoning": REASONING}
    return {
        column: pc.coalesce(_sum([tabular.count(used[name]) for name in names]), tabular.count(answered[column]))
        for column, names in sums.items()
    }


def _sum(columns: list[Column]) -> Column:
    """Return the sum of what is there in each row; null where nothing is."""
    there = pc.is_valid(pc.coalesce(*columns))
    total = pc.fill_null(columns[0], 0)
    for column in columns[1:]:
        total = pc.add(total, pc.fill_null(column, 0))
    return pc.if_else(there, total, None)


SHAPE = Shape(COLUMNS, not_ours, exchanges)
