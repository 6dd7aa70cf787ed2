"""
What a ledger needs of a request and of an answer: the prompt, the turns of history, the settings, the answer's text.

Both shapes of request are read, chat completions and responses. A prompt is everything that may change the answer; its
canonical text is what is digested, so that two requests with the same prompt share their digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stillhunt.errors import SealError
from stillhunt.seal.canonical import canonical

Endpoint = Literal["chat", "responses"]

PATHS: Mapping[str, Endpoint] = {"/chat/completions": "chat", "/responses": "responses"}
"""The end of a path → the shape of request and answer that it takes."""

SETTINGS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "seed",
        "n",
        "stop",
    }
    | {
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "logit_bias",
        "response_format",
        "text",
        "reasoning",
    }
    | {"reasoning_effort", "verbosity", "service_tier"}
)
"""Settings that shape how an answer is drawn; with the model they are the decoding of an exchange."""

_NOT_PROMPT = SETTINGS | frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "store",
        "safety_identifier",
        "prompt_cache_key",
        "include",
    }
    | {"background", "truncation", "logprobs", "top_logprobs"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """
    A request as the ledger sees it.

    `prompt`, `opening` and `decoding` are canonical JSON; `history` holds the text of each turn that a model answered, in
    order; `opening` is all that came before the first of these, so that the turns of one conversation share it.
    `question` is the text of the last turn where a user wrote it, else None.
    """

    endpoint: Endpoint
    model: str
    prompt: str
    history: tuple[str, ...]
    opening: str
    question: str | None
    decoding: str
    settings: Mapping[str, float | int | str]
    body: Mapping[str, Any]


def endpoint_of(path: str) -> Endpoint | None:
    """Return which shape a path takes, or None for a path that is none of ours."""
    return next((endpoint for end, endpoint in PATHS.items() if path.rstrip("/").endswith(end)), None)


def read_request(endpoint: Endpoint, body: Mapping[str, Any]) -> Request | None:
    """Return what a request body holds, or None where it is not one that can be understood."""
    try:
        return _read(endpoint, body)
    except SealError:
        return None


def _read(endpoint: Endpoint, body: Mapping[str, Any]) -> Request | None:
    turns = body.get("messages") if endpoint == "chat" else body.get("input")
    if isinstance(turns, str) and endpoint == "responses":
        turns = [{"role": "user", "content": turns}]
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        return None
    answered = [at for at, turn in enumerate(turns) if _is_answer(turn)]
    around = {name: value for name, value in body.items() if name not in _NOT_PROMPT}
    around["messages" if endpoint == "chat" else "input"] = turns
    first = turns[: answered[0]] if answered else turns
    decoding = {name: value for name, value in body.items() if name in SETTINGS or name == "model"}
    return Request(
        endpoint=endpoint,
        model=str(body.get("model", "")),
        prompt=canonical_text(around),
        history=tuple(_turn_text(turns[at]) for at in answered),
        opening=canonical_text(first),
        question=_words(turns[-1].get("content")) if turns[-1].get("role") == "user" else None,
        decoding=canonical_text(decoding),
        settings={
            name: value
            for name, value in sorted(decoding.items())
            if isinstance(value, int | float | bool) or name in ("reasoning_effort", "verbosity")
        },
        body=body,
    )


def message_text(message: Mapping[str, Any]) -> str:
    """
    Return the text of a chat message that a model gave: its words, or canonical JSON where it called tools or refused.

    The ids of tool calls are left out: they are drawn at random and say nothing of the model.
    """
    content = _words(message.get("content"))
    calls = message.get("tool_calls")
    if not calls and not message.get("refusal"):
        return content or ""
    document: dict[str, Any] = {"content": content}
    if isinstance(calls, list):
        document["tool_calls"] = [_call(call.get("function")) for call in calls if isinstance(call, dict)]
    if message.get("refusal"):
        document["refusal"] = message["refusal"]
    return canonical_text(document)


def output_text(items: Sequence[Any]) -> str:
    """Return the text of the output items of a response, in the same form as `message_text` gives."""
    known = [item for item in items if isinstance(item, dict)]
    words = [_words(item.get("content")) or "" for item in known if item.get("type", "message") == "message"]
    calls = [_call(item) for item in known if item.get("type") == "function_call"]
    content = "".join(words)
    return canonical_text({"content": content, "tool_calls": calls}) if calls else content


def canonical_text(document: object) -> str:
    """
    Return a document as canonical JSON (RFC 8785): equal documents have equal text.

    Raises `SealError` for what such JSON cannot hold, as integers beyond 2^53.
    """
    return canonical(document).decode()  # type: ignore[arg-type]


def _is_answer(turn: Mapping[str, Any]) -> bool:
    return turn.get("role") == "assistant" or turn.get("type") == "function_call"


def _turn_text(turn: Mapping[str, Any]) -> str:
    return output_text([turn]) if turn.get("type") in ("message", "function_call") else message_text(turn)


def _call(function: object) -> dict[str, Any]:
    called = function if isinstance(function, dict) else {}
    return {"name": called.get("name"), "arguments": called.get("arguments")}


def _words(content: object) -> str | None:
    """Return the text of a content field: a string, or the text parts of a list; None for a content of another kind."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(part for part in parts if isinstance(part, str)) if parts else None
