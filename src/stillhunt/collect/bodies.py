"""
Bodies of model calls under the contract's names: what the caller asked, what the model answered.

OpenAI chat completions, text completions and Responses, and Anthropic messages, as openai 3.54 and anthropic 2.12
name their fields. A body may be given as an object, as JSON in a string, or as the events of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from stillhunt.collect.messages import Request, hash_of, request_of, response_of
from stillhunt.collect.streams import assembled, server_sent
from stillhunt.collect.text import json_text, text_of

Row = dict[str, object]

MOST_TOKENS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
BESIDE_TURNS = frozenset(
    ("system", "instructions", "metadata", "tools", "functions", "conversation", "safety_identifier", "user",
     "user_profile_id", "input", "thinking", "workspace_id")
)  # fmt: skip
"""Keys of a request of which something is read beside its turns."""

LIMITED = ("rate_limit", "quota", "throttl")
BLOCKED = ("content_policy", "content_filter", "permission", "invalid_prompt", "guardrail", "moderation", "refus")


def mapping(value: object) -> Mapping[str, object]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def string(value: object) -> str | None:
    """Return the value if it is text with something in it."""
    return value if isinstance(value, str) and value else None


def name_in(value: object) -> str | None:
    """Return an id as text: text with something in it, or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def body_of(value: object) -> Row | None:
    """Return a body as an object, whichever way it was captured; None where there is none."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return assembled(value)
    if not isinstance(value, str):
        return None
    text = value.lstrip()
    if text.startswith(("data:", "event:")):
        return assembled(server_sent(text))
    if not text.startswith(("{", "[")):
        return None
    try:
        return body_of(orjson.loads(text))
    except (orjson.JSONDecodeError, UnicodeEncodeError, RecursionError):
        return None


def asked(body: Mapping[str, object]) -> Row:
    """Return what a request's body says: text, reasoning presented, tools, knobs, whose call it is."""
    request = request_of(body)
    row: Row = {
        "model": string(body.get("model")),
        "system": request.system,
        "prompt": request.prompt,
        "history": request.history,
        "reasoning_presented": request.presented or None,
        "tools_hash": None,
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "n": body.get("n"),
        "seed": body.get("seed"),
        "max_tokens": _most_tokens(body),
        "reasoning_budget": None,
        "end_user_id": None,
        "session_id": None,
        "org_id": None,
    }
    if not BESIDE_TURNS.isdisjoint(body):  # most requests have none of them, and most of the time would go into looking
        _asked_beside(body, request, row)
    return row


def _most_tokens(body: Mapping[str, object]) -> object:
    for key in MOST_TOKENS:
        if (most := body.get(key)) is not None:
            return most
    return None


def _asked_beside(body: Mapping[str, object], request: Request, row: Row) -> None:
    """Fill in what stands in a request beside its turns and commonest knobs."""
    system = (text_or_parts(body.get("system")), text_or_parts(body.get("instructions")), request.system)
    metadata = mapping(body.get("metadata"))
    tools = body.get("tools") or body.get("functions")
    conversation = body.get("conversation")
    ends = (body.get("safety_identifier"), body.get("user"), metadata.get("user_id"), body.get("user_profile_id"))
    row["system"] = "\n".join(text for text in system if text) or None
    row["reasoning_presented"] = [*request.presented, *_references(body.get("input"))] or None
    row["tools_hash"] = hash_of(json_text(tools)) if isinstance(tools, list) else None
    row["reasoning_budget"] = mapping(body.get("thinking")).get("budget_tokens")
    row["end_user_id"] = next((name for end in ends if (name := name_in(end))), None)
    row["session_id"] = name_in(mapping(conversation).get("id") if isinstance(conversation, dict) else conversation)
    row["org_id"] = name_in(body.get("workspace_id"))


def text_or_parts(value: object) -> str | None:
    """Return text as it is, of parts theirs."""
    return value if isinstance(value, str) else text_of(value)


def _references(items: object) -> list[str]:
    """Return the ids of reasoning items that a request names instead of repeating them."""
    if not isinstance(items, list):
        return []
    named = [item.get("id") for item in items if isinstance(item, dict) and item.get("type") == "item_reference"]
    return [name for name in named if isinstance(name, str) and name.startswith("rs_")]


def answered(body: Mapping[str, object]) -> Row:
    """Return what a response's body says: text with tool calls, how it ended, reasoning issued, usage."""
    response = response_of(dict(body))
    return {
        "model": string(body.get("model")),
        "completion": response.completion,
        "finish_reason": response.finish_reason,
        "refusal_category": response.refusal_category or _refused_part(body.get("output")),
        "reasoning_issued": response.issued or None,
        **usage_of(mapping(body.get("usage"))),
    }


def _refused_part(output: object) -> str | None:
    """Return `refusal` where a part of a Responses answer is one."""
    for item in output if isinstance(output, list) else ():
        parts = item.get("content") if isinstance(item, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == "refusal":
                return "refusal"
    return None


def usage_of(usage: Mapping[str, object]) -> Row:
    """
    Return token counts; tokens in include those from the cache, as OpenAI counts and Anthropic does not.

    Counts are null where the usage does not say.
    """
    took = mapping(usage.get("prompt_tokens_details")) or mapping(usage.get("input_tokens_details"))
    gave = mapping(usage.get("completion_tokens_details")) or mapping(usage.get("output_tokens_details"))
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    asked_of, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
    tokens_in = usage.get("input_tokens") if asked_of is None else asked_of
    if isinstance(tokens_in, int) and asked_of is None and not took:
        tokens_in += sum(count for count in (read, written) if isinstance(count, int))
    cached = took.get("cached_tokens")
    return {
        "tokens_in": tokens_in,
        "tokens_out": usage.get("output_tokens") if said is None else said,
        "tokens_reasoning": gave.get("thinking_tokens") if gave.get("reasoning_tokens") is None else gave["reasoning_tokens"],
        "tokens_cached": read if cached is None else cached,
    }


def status_of(code: object, body: Mapping[str, object]) -> str | None:
    """Return `ok`, `error`, `rate_limited` or `blocked`, by the HTTP status and the error in the body."""
    number = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
    error = body.get("error")
    if error is None and number == 200:
        return "error" if body.get("status") == "failed" else "ok"
    kind = ""
    if isinstance(error, dict):
        kind = " ".join(str(error.get(key) or "") for key in ("type", "code", "status")).lower()
    elif isinstance(error, str):
        kind = error.lower()
    if number == 429 or (kind and any(mark in kind for mark in LIMITED)):
        return "rate_limited"
    if number in (403, 451) or (kind and any(mark in kind for mark in BLOCKED)):
        return "blocked"
    if error or (isinstance(number, int) and number >= 400) or body.get("status") == "failed":
        return "error"
    return "ok" if body or isinstance(number, int) else None
