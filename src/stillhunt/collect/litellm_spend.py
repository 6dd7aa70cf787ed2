"""
LiteLLM's spend logs: its table `LiteLLM_SpendLogs` in PostgreSQL, or `spend_logs` in ClickHouse, live or exported.

Column names are those of LiteLLM 1.109 (`schema.prisma`, and the `clickhouse` logging callback). A row is a call.
Exports are Parquet, CSV with a header (`COPY … TO … CSV HEADER`), or JSON. Prompts are there only where the proxy
stores them, and PostgreSQL's are cut at 2,048 characters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa

from stillhunt.collect import body_columns, tabular
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.json_columns import TEXT, WHOLE, fields, texts
from stillhunt.collect.litellm import (
    CALLS,
    HEADERS,
    HEALTH_CHECK,
    NOBODY,
    NOT_A_CALL,
    OWN_NAMES,
    REDACTED_TEXT,
    ROUTES,
    TRUNCATED_TEXT,
)
from stillhunt.collect.tabular import Rows, Shape, first_named, named
from stillhunt.collect.tally import Tally
from stillhunt.plugs import Batch, Split

KEYS = ("request_id", "call_type", "api_key", "spend", "prompt_tokens", "model_group")
"""Columns that both tables have, and no other log has together."""

COLUMNS = (
    "request_id", "litellm_call_id", "call_type", "api_key", "key_alias", "user", "team_id", "organization_id",
    "end_user", "startTime", "endTime", "start_time", "end_time", "session_id", "trace_id", "model", "model_group",
    "prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_hit", "status", "error_str", "request_tags",
    "requester_ip_address", "metadata", "messages", "response", "proxy_server_request",
)  # fmt: skip
"""Columns that are read, of either table; both have others, some of them large."""

USAGE = {
    "cache_read_input_tokens": WHOLE,
    "prompt_tokens_details": {"cached_tokens": WHOLE},
    "completion_tokens_details": {"reasoning_tokens": WHOLE},
}
METADATA = {
    "user_api_key_alias": TEXT,
    "requester_ip_address": TEXT,
    "user_agent": TEXT,
    "status": TEXT,
    "usage_object": USAGE,
    "additional_usage_values": USAGE,
    "error_information": {"error_code": TEXT, "error_class": TEXT, "error_rate_limit_category": TEXT},
    "requester_custom_headers": {name: TEXT for names in HEADERS.values() for name in names},
}
"""Fields of `metadata` that are read; most of it is a price list."""

KINDS = pa.array(sorted(CALLS | {f"a{kind}" for kind in CALLS if kind}), TEXT)
SETTLED = "a later settlement of a call that has a row of its own"
SETTLEMENTS = ("_batch_cost", "_background_cost")

LIMITED = "RateLimit|BudgetExceeded"
BLOCKING = "ContentPolicy|Guardrail|PermissionDenied|RejectedRequest|BlockedPii"


def recognise(names: Collection[str]) -> str | None:
    """Return why the names are those of LiteLLM's spend logs, of its table in PostgreSQL or the one in ClickHouse."""
    if not set(KEYS) <= set(names):
        return None
    for start, table in (("startTime", "LiteLLM_SpendLogs"), ("start_time", "spend_logs")):
        if start in names:
            return f"It has the columns `request_id`, `call_type`, `spend` and `{start}` of LiteLLM's `{table}`."
    return None


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of an exported spend log, and what was left out."""
    return tabular.read(split, SHAPE)


def not_ours(rows: Rows) -> Column:
    """Return why a row is no exchange of a customer with a model; null where it is one."""
    kind = pc.fill_null(tabular.text(rows["call_type"]), "")
    call = pc.is_in(kind, KINDS)
    for route in ROUTES:
        call = pc.or_(call, pc.ends_with(kind, route))
    name = pc.fill_null(named(rows["request_id"]), "")
    settled = pc.or_(pc.ends_with(name, SETTLEMENTS[0]), pc.ends_with(name, SETTLEMENTS[1]))
    own = pc.match_substring_regex(pc.fill_null(texts(rows["request_tags"]), ""), "|".join(OWN_NAMES))
    for column in ("user", "api_key", "key_alias"):
        own = pc.or_(own, pc.is_in(tabular.text(rows[column]), pa.array(sorted(OWN_NAMES), TEXT)))
    reason = pc.if_else(own, HEALTH_CHECK, pa.scalar(None, TEXT))
    reason = pc.if_else(settled, SETTLED, reason)
    return pc.if_else(call, reason, NOT_A_CALL)


def exchanges(rows: Rows, tally: Tally) -> dict[str, Column]:
    """Return the rows under the contract's names; count values that are missing, cut short, or second best."""
    told = fields(rows["metadata"], METADATA)
    request = body_columns.present(rows["proxy_server_request"])
    asked = body_columns.of_requests(pc.coalesce(request, body_columns.present(rows["messages"])), tally)
    answered = body_columns.of_responses(rows["response"], tally)
    started = pc.coalesce(tabular.moment(rows["startTime"]), tabular.moment(rows["start_time"]))
    identities = (
        ("user id", named(rows["user"], NOBODY)),
        ("organisation id", named(rows["organization_id"], NOBODY)),
        ("team id", named(rows["team_id"], NOBODY)),
        ("API key hash", named(rows["api_key"], NOBODY)),
        ("end user id", named(rows["end_user"], NOBODY)),
    )
    text = {
        name: body_columns.readable(column, (REDACTED_TEXT, TRUNCATED_TEXT), tally)
        for name, column in (asked | answered).items()
        if name in ("system", "prompt", "history", "completion")
    }
    return {
        **asked,
        **answered,
        **text,
        "exchange_id": _ids(rows, started),
        "account_id": first_named(identities, "`user`", tally),
        "started_at": started,
        "ended_at": pc.coalesce(tabular.moment(rows["endTime"]), tabular.moment(rows["end_time"])),
        "org_id": pc.coalesce(identities[1][1], identities[2][1]),
        "api_key_id": identities[3][1],
        "session_id": pc.coalesce(named(rows["session_id"]), named(rows["trace_id"])),
        "end_user_id": identities[4][1],
        "model": pc.coalesce(tabular.text(rows["model_group"]), tabular.text(rows["model"])),
        "status": _status(rows, told),
        **_usage(rows, told, answered),
        **_client(rows, told),
    }


def _ids(rows: Rows, started: Column) -> Column:
    """Return calls' ids; an answer from the cache has the first answer's id and its own time."""
    name = pc.coalesce(named(rows["request_id"]), named(rows["litellm_call_id"]))
    marked = pc.replace_substring_regex(name, r"_cache_hit([0-9.]*)$", r"#cache\1")
    hit = pc.is_in(pc.fill_null(tabular.text(rows["cache_hit"]), ""), pa.array(["True", "true", "1"], TEXT))
    bare = pc.and_(hit, pc.fill_null(pc.equal(marked, name), False))
    timed = pc.binary_join_element_wise(name, started.cast(pa.int64()).cast(TEXT), "#cache")
    return pc.if_else(bare, pc.coalesce(timed, name), marked)


def _status(rows: Rows, told: Rows) -> Column:
    state = pc.coalesce(tabular.text(rows["status"]), tabular.text(told["status"]))
    kind = pc.fill_null(tabular.text(told["error_information.error_class"]), "")
    kind = pc.binary_join_element_wise(kind, pc.fill_null(tabular.text(rows["error_str"]), ""), " ")
    code = pc.fill_null(tabular.text(told["error_information.error_code"]), "")
    category = pc.is_valid(tabular.text(told["error_information.error_rate_limit_category"]))
    limited = pc.or_(pc.or_(pc.equal(code, "429"), category), pc.match_substring_regex(kind, LIMITED))
    blocked = pc.or_(pc.equal(code, "403"), pc.match_substring_regex(kind, BLOCKING))
    failed = pc.if_else(limited, "rate_limited", pc.if_else(blocked, "blocked", "error"))
    return pc.if_else(pc.fill_null(pc.equal(state, "failure"), False), failed, "ok")


def _usage(rows: Rows, told: Rows, answered: Rows) -> dict[str, Column]:
    def first(*names: str) -> Column:
        return pc.coalesce(*(tabular.text(told[name]) for name in names))

    cached = first(
        "usage_object.prompt_tokens_details.cached_tokens",
        "usage_object.cache_read_input_tokens",
        "additional_usage_values.prompt_tokens_details.cached_tokens",
        "additional_usage_values.cache_read_input_tokens",
    )
    reasoning = first(
        "usage_object.completion_tokens_details.reasoning_tokens",
        "additional_usage_values.completion_tokens_details.reasoning_tokens",
    )
    column = tabular.text(rows["cache_read_tokens"])
    return {
        "tokens_in": rows["prompt_tokens"],
        "tokens_out": rows["completion_tokens"],
        "tokens_cached": pc.coalesce(cached, column, tabular.text(answered["tokens_cached"])),
        "tokens_reasoning": pc.coalesce(reasoning, tabular.text(answered["tokens_reasoning"])),
    }


def _client(rows: Rows, told: Rows) -> dict[str, Column]:
    address = pc.coalesce(named(rows["requester_ip_address"]), named(told["requester_ip_address"]))
    found = {
        "client_ip": pc.utf8_trim_whitespace(pc.replace_substring_regex(address, ",.*$", "")),
        "user_agent": tabular.text(told["user_agent"]),
    }
    for column, headers in HEADERS.items():
        found[column] = pc.coalesce(*(tabular.text(told[f"requester_custom_headers.{name}"]) for name in headers))
    return found


SHAPE = Shape(COLUMNS, not_ours, exchanges)
