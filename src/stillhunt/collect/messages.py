"""
Requests and responses, as chat, text-completion, Anthropic, Responses and Gemini bodies have them, as text.

Reasoning blocks are named by a hash of their signature (or encrypted content) exactly as given, and by
their id where they have one: a block presented later is compared by that name alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from stillhunt.collect.text import json_text, text_of

SYSTEM_ROLES = frozenset(("system", "developer"))
ASSISTANT_ROLES = frozenset(("assistant", "model"))
CALL_KEYS = frozenset(("tool_calls", "function_call", "parts", "type"))
CALL_TYPES = ("tool_use", "function_call", "custom_tool_call", "server_tool_use")


class Request(NamedTuple):
    """What the caller sent: system messages joined, newest user turn, other turns as JSON, reasoning."""

    system: str | None
    prompt: str | None
    history: str | None
    presented: list[str]


class Response(NamedTuple):
    """What the model returned: text with tool calls, why it stopped, kind of refusal, reasoning blocks."""

    completion: str | None
    finish_reason: str | None
    refusal_category: str | None
    issued: list[str]


def request_of(messages: object) -> Request:
    """Return the parts of a request: one string, a list of turns, or a body that holds either."""
    messages = _opened(messages)
    if isinstance(messages, dict):
        messages = next(
            (messages[key] for key in ("messages", "input", "contents", "prompt") if key in messages), None
        )
    if isinstance(messages, str):
        return Request(None, messages, None, [])
    if not isinstance(messages, list):
        return Request(None, None, None, [])
    return _of_turns(messages)


def _of_turns(messages: list[object]) -> Request:
    system: list[str] = []
    turns: list[tuple[str, str | None]] = []
    presented: list[str] = []
    newest = -1
    for message in messages:
        if isinstance(message, str):
            message = {"role": "user", "content": message}
        if not isinstance(message, dict):
            continue
        role = _role(message)
        if message.keys() <= PLAIN_TURN and isinstance(text := message.get("content"), str):
            if role in SYSTEM_ROLES:
                if text:
                    system.append(text)
            elif role != "reasoning":
                if role == "user":
                    newest = len(turns)
                turns.append((role, text))
            continue
        if role in SYSTEM_ROLES:
            if text := content_of(message):
                system.append(text)
            continue
        text, newer, blocks = said_in(message, role)
        presented += blocks
        if role == "reasoning":
            continue
        if newer:
            newest = len(turns)
        turns.append((role, text))
    prompt = turns[newest][1] if newest >= 0 else None
    if len(turns) == 1 and newest == 0:
        return Request("\n".join(system) or None, prompt, None, presented)
    others = [{"role": role, "content": text} for at, (role, text) in enumerate(turns) if at != newest]
    return Request("\n".join(system) or None, prompt, _history(others) if others else None, presented)


def said_in(message: Mapping[str, object], role: str) -> tuple[str | None, bool, list[str]]:
    """Return a turn's text, whether the caller himself says something in it, and the reasoning blocks that it presents."""
    blocks = signatures(message) if role in ASSISTANT_ROLES or role == "reasoning" else []
    text = _with_calls(content_of(message), message)
    return text, role == "user" and text is not None and not _is_tool_result(message), blocks


def _history(turns: list[dict[str, str | None]]) -> str:
    try:
        return orjson.dumps(turns).decode()
    except TypeError:  # half characters
        return json_text(turns)


PLAIN_TURN = frozenset(("role", "content", "refusal", "annotations"))
"""Keys of a turn that can hold neither a tool call nor a reasoning block."""


def _role(message: Mapping[str, object]) -> str:
    role = message.get("role")
    if isinstance(role, str):
        return role
    kind = message.get("type")
    if kind == "reasoning":
        return "reasoning"
    if kind in CALL_TYPES:
        return "assistant"
    return "tool" if isinstance(kind, str) and kind.endswith("_output") else "user"


def content_of(message: Mapping[str, object]) -> str | None:
    """Return the text of a turn, under whichever name it stands, without its tool calls."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    for key in ("content", "parts", "output"):
        if message.get(key) is not None:
            return text_of(message[key])
    return None


def _is_tool_result(message: Mapping[str, object]) -> bool:
    """Whether a user turn only hands a tool's result back, which is how Anthropic bodies do it."""
    content = message.get("content")
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, dict) and part.get("type") == "tool_result" for part in content)
    )


def response_of(response: object) -> Response:
    """Return the parts of a response body of any of the known shapes, or of a bare string."""
    response = _opened(response)
    if isinstance(response, str):
        return Response(response, None, None, [])
    if isinstance(response, list):
        return Response(text_of(response), None, None, [])
    if not isinstance(response, dict):
        return Response(None, None, None, [])
    texts: list[str] = []
    issued: list[str] = []
    for answer in _answers(response):
        if answer.keys() <= PLAIN_TURN and isinstance(text := answer.get("content"), str):
            texts.append(text)
            continue
        text = _with_calls(content_of(answer), answer)
        if text is None and isinstance(answer.get("text"), str):
            text = str(answer["text"])
        if text is None and isinstance(answer.get("refusal"), str):
            text = str(answer["refusal"])
        if text is not None:
            texts.append(text)
        issued += signatures(answer)
    finish = _finish(response)
    return Response("\n\n".join(texts) if texts else None, finish, _refusal(response, finish), issued)


def _answers(response: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    """Yield the answers of a response: one for each choice, or the one that it is."""
    for key in ("choices", "candidates"):
        choices = response.get(key)
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    inner = choice.get("message") or choice.get("delta") or choice.get("content")
                    yield inner if isinstance(inner, dict) else choice
            return
    output = response.get("output")
    if isinstance(output, list):
        yield {"content": output}
    else:
        yield response


def _finish(response: Mapping[str, object]) -> str | None:
    for key in ("choices", "candidates"):
        choices = response.get(key)
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            return _string(choices[0].get("finish_reason") or choices[0].get("finishReason"))
    details = response.get("incomplete_details")
    if isinstance(details, dict) and isinstance(details.get("reason"), str):
        return str(details["reason"])
    return _string(response.get("stop_reason") or response.get("status"))


def _refusal(response: Mapping[str, object], finish: str | None) -> str | None:
    """Return the provider's category of a refusal; `refusal` or `content_filter` where it gave none."""
    sources: list[object] = [response]
    choices = response.get("choices")
    if isinstance(choices, list):
        sources += [choice.get("message") for choice in choices if isinstance(choice, dict)]
        sources += choices
    refused = False
    for source in sources:
        details = source.get("stop_details") if isinstance(source, dict) else None
        if isinstance(details, dict) and isinstance(details.get("category"), str):
            return str(details["category"])
        if isinstance(source, dict) and source.get("refusal"):
            refused = True
    if refused:
        return "refusal"
    return finish if finish in ("refusal", "content_filter") else None


def _with_calls(text: str | None, message: Mapping[str, object]) -> str | None:
    """Return the text with the tool calls of a turn after it, as JSON with sorted keys."""
    if isinstance(message.get("content"), str) and not (message.keys() & CALL_KEYS):
        return text
    calls = [_call(call) for call in _calls(message)]
    if not calls:
        return text
    return f"{text}\n{json_text(calls)}" if text else json_text(calls)


def _calls(message: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    listed = message.get("tool_calls")
    if isinstance(listed, list):
        for call in listed:
            if isinstance(call, dict):
                inner = call.get("function")
                yield inner if isinstance(inner, dict) else call
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        yield legacy
    if message.get("type") in CALL_TYPES:
        yield message
    for key in ("content", "parts"):
        parts = message.get(key)
        if isinstance(parts, list):
            for part in parts:
                if isinstance(part, dict) and part.get("type") in CALL_TYPES:
                    yield part
                elif isinstance(part, dict) and isinstance(part.get("functionCall"), dict):
                    yield part["functionCall"]


def _call(call: Mapping[str, object]) -> dict[str, object]:
    """Return a tool call as its name and arguments; its id is new in every call and says nothing."""
    arguments = call.get("arguments", call.get("input", call.get("args")))
    return {"name": call.get("name"), "arguments": _opened(arguments)}


REASONING_KEYS = frozenset(
    ("thinking_blocks", "reasoning_items", "parts", "provider_specific_fields", "type")
)
PLAIN_PART = frozenset(("type", "text"))


def signatures(message: Mapping[str, object]) -> list[str]:
    """Return the names of the reasoning blocks in a turn, each once, in order."""
    if isinstance(message.get("content"), str) and not (message.keys() & REASONING_KEYS):
        return []
    blocks: list[object] = [message] if message.get("type") == "reasoning" else []
    fields = message.get("provider_specific_fields")
    for source in (message, fields):
        if isinstance(source, dict):
            for key in ("thinking_blocks", "reasoning_items", "content", "parts"):
                listed = source.get(key)
                if isinstance(listed, list):
                    blocks += listed
    names: dict[str, None] = {}
    for block in blocks:
        if isinstance(block, dict) and not (block.keys() <= PLAIN_PART):
            names.update(dict.fromkeys(_names(block)))
    return list(names)


def _names(block: Mapping[str, object]) -> Iterable[str]:
    for key in ("signature", "encrypted_content", "thoughtSignature", "thought_signature"):
        value = block.get(key)
        if isinstance(value, str) and value and value != REDACTED:
            yield hash_of(value)
    kind = block.get("type")
    data = block.get("data")
    if kind == "redacted_thinking" and isinstance(data, str) and data:
        yield hash_of(data)
    name = block.get("id")
    if kind == "reasoning" and isinstance(name, str) and name:
        yield name


REDACTED = "redacted-by-litellm"


def hash_of(text: str) -> str:
    """Return the first 128 bits of the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _opened(value: object) -> object:
    """Return what a string holds if it is JSON of a list or object: some exports write bodies as strings."""
    if isinstance(value, str) and value[:1] in ("{", "[") and value[-1:] in ("}", "]"):
        try:
            return orjson.loads(value)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return value
    return value


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
