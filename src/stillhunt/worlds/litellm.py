"""
A world as a LiteLLM proxy would have logged it: one `StandardLoggingPayload` per line.

The account is the key's user, the fingerprints that LiteLLM does not know travel as custom `x-` headers, and
errors have a string instead of a response. Field names as in LiteLLM 1.109.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from stillhunt.worlds.worlds import World
from stillhunt.worlds.write import rows, write_lines

Row = dict[str, Any]
_PARAMETERS = ("temperature", "top_p", "n", "seed", "max_tokens")
_HEADERS = {
    "x-ja4": "tls_ja4",
    "x-header-order": "header_order",
    "x-device-id": "device_id",
    "x-asn": "asn",
    "x-country": "country",
    "x-session-id": "session_id",
}
_ERRORS = {
    "error": ("InternalServerError", "500"),
    "rate_limited": ("RateLimitError", "429"),
    "blocked": ("PermissionDeniedError", "403"),
}


def write_litellm(world: World, path: Path) -> None:
    """Write the exchanges as LiteLLM's own loggers do, one JSON object per line; raises `StoreError`."""
    write_lines(path, (orjson.dumps(payload(row)) for row in rows(world)))


def payload(row: Row) -> Row:
    """Return the `StandardLoggingPayload` of one exchange."""
    started, ended = _seconds(row["started_at"]), _seconds(row["ended_at"])
    served = row["status"] == "ok"
    tokens_in, tokens_out = row["tokens_in"] or 0, row["tokens_out"] or 0
    return {
        "id": row["exchange_id"],
        "trace_id": row["session_id"] or row["exchange_id"],
        "call_type": "acompletion",
        "stream": False,
        "response_cost": (tokens_in + 4 * tokens_out) * 1e-6,
        "status": "success" if served else "failure",
        "custom_llm_provider": "openai",
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "startTime": started,
        "endTime": ended,
        "completionStartTime": ended,
        "response_time": ended - started,
        "model": row["model"],
        "model_group": row["model"],
        "metadata": _metadata(row),
        "cache_hit": None,
        "request_tags": [],
        "end_user": row["end_user_id"] or "",
        "requester_ip_address": row["client_ip"],
        "user_agent": row["user_agent"],
        "messages": messages(row),
        "response": _response(row) if served else {},
        "error_str": None if served else row["status"],
        "error_information": None if served else _error(row["status"]),
        "model_parameters": _parameters(row),
        "hidden_params": {"model_id": row["model"]},
    }


def messages(row: Row) -> list[Row]:
    """Return system prompt, earlier turns and newest user turn as chat messages."""
    system = [{"role": "system", "content": row["system"]}] if row["system"] is not None else []
    earlier: list[Row] = orjson.loads(row["history"]) if row["history"] is not None else []
    if row["reasoning_presented"] and earlier:
        earlier[-1]["thinking_blocks"] = [
            {"type": "thinking", "signature": s} for s in row["reasoning_presented"]
        ]
    return [*system, *earlier, {"role": "user", "content": row["prompt"]}]


def _seconds(at: datetime) -> float:
    return at.timestamp()


def _metadata(row: Row) -> Row:
    headers = {header: str(row[column]) for header, column in _HEADERS.items() if row[column] is not None}
    return {
        "user_api_key_hash": row["api_key_id"],
        "user_api_key_alias": None,
        "user_api_key_team_id": None,
        "user_api_key_user_id": row["account_id"],
        "user_api_key_org_id": row["org_id"],
        "user_api_key_end_user_id": row["end_user_id"],
        "requester_ip_address": row["client_ip"],
        "user_agent": row["user_agent"],
        "requester_custom_headers": headers,
        "usage_object": _usage(row),
    }


def _usage(row: Row) -> Row:
    tokens_in, tokens_out = row["tokens_in"] or 0, row["tokens_out"] or 0
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": row["tokens_cached"]},
        "completion_tokens_details": {"reasoning_tokens": row["tokens_reasoning"]},
    }


def _response(row: Row) -> Row:
    message: Row = {"role": "assistant", "content": row["completion"]}
    if row["reasoning_issued"]:
        message["thinking_blocks"] = [{"type": "thinking", "signature": s} for s in row["reasoning_issued"]]
    if row["refusal_category"] is not None:
        message["provider_specific_fields"] = {"refusal_category": row["refusal_category"]}
    finish = "content_filter" if row["finish_reason"] == "refusal" else row["finish_reason"]
    return {
        "id": row["exchange_id"],
        "object": "chat.completion",
        "created": int(row["started_at"].timestamp()),
        "model": row["model"],
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": _usage(row),
    }


def _error(status: str) -> Row:
    name, code = _ERRORS[status]
    return {"error_class": name, "error_code": code, "error_message": status, "llm_provider": "openai"}


def _parameters(row: Row) -> Row:
    chosen = {name: row[name] for name in _PARAMETERS if row[name] is not None}
    if row["tools_hash"] is not None:
        chosen["tools"] = [{"type": "function", "function": {"name": row["tools_hash"]}}]
    if row["reasoning_budget"] is not None:
        chosen["thinking"] = {"type": "enabled", "budget_tokens": row["reasoning_budget"]}
    return chosen
