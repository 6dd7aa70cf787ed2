"""
What was asked and answered in a span, in each of the generations in which instrumentations write it.

- indexed attributes: `gen_ai.prompt.{i}.*`, `gen_ai.completion.{i}.*` (OpenLLMetry, LiteLLM; no convention had them);
- one event a message: `gen_ai.user.message`, `gen_ai.choice`, … (semantic conventions 1.28 to 1.36), and before them
  `gen_ai.content.prompt` and `gen_ai.content.completion`;
- message attributes: `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions` (1.37 to 1.41 and the
  repository semantic-conventions-genai), on the span or in `gen_ai.client.inference.operation.details`;
- OpenInference 0.1.42: `llm.input_messages.{i}.message.*`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import orjson

from stillhunt.collect.messages import Request, Response, request_of, response_of
from stillhunt.collect.otlp import Raw, indexed, value
from stillhunt.collect.text import json_text, text_of

ATTRIBUTES = "messages: `gen_ai.input.messages` and `gen_ai.output.messages` on the span (conventions 1.37 and later)"
DETAILS = "messages: the event `gen_ai.client.inference.operation.details` (conventions 1.37 and later)"
EVENTS = "messages: one event each, `gen_ai.user.message`, `gen_ai.choice` (conventions 1.28 to 1.36)"
CONTENT_EVENTS = "messages: `gen_ai.content.prompt` and `gen_ai.content.completion` (conventions 1.27)"
INDEXED = "messages: indexed attributes `gen_ai.prompt.{i}.*`, `gen_ai.completion.{i}.*`"
OPENINFERENCE = "messages: OpenInference, `llm.input_messages.{i}.*`, `llm.output_messages.{i}.*`"
BODIES = "messages: OpenInference, `input.value` and `output.value`"
NONE = "messages: none were recorded"

BY_REFERENCE = "messages kept elsewhere and only referred to; they were not read"
CUT_SHORT = "messages that are JSON cut short; they were not read"
HIDDEN = "text that OpenInference masked; it is missing"

MASK = "__REDACTED__"

MESSAGES = ("gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages")
DETAILS_EVENT = "gen_ai.client.inference.operation.details"
ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE = "gen_ai.choice"
CONTENT = {"gen_ai.content.prompt": "gen_ai.prompt", "gen_ai.content.completion": "gen_ai.completion"}
MESSAGE_EVENTS = frozenset((*ROLES, CHOICE, *CONTENT, DETAILS_EVENT))

REFERENCES = frozenset(
    f"gen_ai.{name}{mark}"
    for name in ("input.messages", "output.messages", "system_instructions", "tool.definitions")
    for mark in (".ref", "_ref")
)

Note = Callable[[str], None]


class Event(NamedTuple):
    """An event of a span, or a log record that belongs to it: its name, and its attributes and body as one."""

    name: str
    fields: Mapping[str, object]


class Talk(NamedTuple):
    """What was asked and answered, and how it was written down."""

    request: Request
    response: Response
    how: str


def talk_of(raw: Raw, events: Sequence[Event], note: Note) -> Talk:
    """
    Return the messages of a span and its events; `note` hears of each that could not be read, and why.

    The richest way of writing that is there counts: message attributes, the details event, OpenInference, events, indexed
    attributes, whole bodies.
    """
    for _ in REFERENCES.intersection(raw):
        note(BY_REFERENCE)
    for way in (_attributes, _details, _openinference, _events, _indexed, _bodies):
        talk = way(raw, events, note)
        if talk is not None:
            return talk
    return Talk(request_of(None), response_of(None), NONE)


def _talk(asked: list[object], answered: list[object], how: str, system: str | None = None) -> Talk:
    request = request_of(asked)
    if system is not None:
        request = request._replace(system=f"{system}\n{request.system}" if request.system else system)
    return Talk(request, response_of({"choices": answered} if answered else None), how)


def _attributes(raw: Raw, events: Sequence[Event], note: Note) -> Talk | None:
    if not any(name in raw for name in MESSAGES):
        return None
    return _of_messages({name: value(raw.get(name)) for name in MESSAGES}, ATTRIBUTES, note)


def _details(raw: Raw, events: Sequence[Event], note: Note) -> Talk | None:
    for event in events:
        if event.name == DETAILS_EVENT:
            for _ in REFERENCES.intersection(event.fields).difference(raw):
                note(BY_REFERENCE)
            if any(event.fields.get(name) is not None for name in MESSAGES):
                return _of_messages(event.fields, DETAILS, note)
    return None


def _of_messages(fields: Mapping[str, object], how: str, note: Note) -> Talk | None:
    instructions, asked, answered = (_opened(fields.get(name), note) for name in MESSAGES)
    system = _instructions(instructions)
    turns = [_turn(turn) for turn in _listed(asked, "user")]
    choices: list[object] = []
    for answer in _listed(answered, "assistant"):
        turn = _turn(answer)
        finish = answer.get("finish_reason") if isinstance(answer, dict) else None
        choices.append({"message": turn, "finish_reason": finish})
    if system is None and not turns and not choices:
        return None
    return _talk(turns, choices, how, system)


def _instructions(parts: object) -> str | None:
    if isinstance(parts, list):
        return text_of([_part(part) for part in parts])
    return parts if isinstance(parts, str) and parts else text_of(parts)


def _listed(messages: object, role: str) -> list[object]:
    """Return messages as a list of turns: some instrumentations write one message, or bare text."""
    if isinstance(messages, list):
        return messages
    if isinstance(messages, dict):
        inner = messages.get("messages")
        return inner if isinstance(inner, list) else [messages]
    return [{"role": role, "content": messages}] if isinstance(messages, str) and messages else []


def _turn(message: object) -> object:
    """Return a message of the conventions as a turn of a chat: its parts become a list of content."""
    if not isinstance(message, dict):
        return message
    parts = message.get("parts")
    if not isinstance(parts, list):
        return message
    turn = {key: held for key, held in message.items() if key != "parts"}
    if len(parts) == 1 and isinstance(parts[0], dict) and parts[0].get("type") == "text":
        turn["content"] = parts[0].get("content")
    else:
        turn["content"] = [_part(part) for part in parts]
    return turn


def _part(part: object) -> object:
    """Return a part under the names that chat bodies use for the same thing."""
    if not isinstance(part, dict):
        return {"type": "text", "text": part} if isinstance(part, str) else None
    kind = part.get("type")
    if kind == "text":
        return {**part, "text": part.get("content", part.get("text"))}
    if kind == "tool_call":
        return {"type": "function_call", "name": part.get("name"), "arguments": part.get("arguments")}
    if kind == "server_tool_call":
        return {"type": "server_tool_use", "name": part.get("name"), "input": part.get("server_tool_call")}
    if kind in ("tool_call_response", "server_tool_call_response"):
        given = part.get("response", part.get("result", part.get("server_tool_call_response")))
        text = text_of(given)
        return {"type": "tool_result", "content": text if text is not None or given is None else json_text(given)}
    if kind in ("blob", "file", "uri"):
        return None
    return part


def _events(raw: Raw, events: Sequence[Event], note: Note) -> Talk | None:
    asked: list[object] = []
    answered: dict[object, object] = {}
    how = EVENTS
    for event in events:
        if event.name in ROLES:
            fields = _inner(event.fields)
            asked.append({"role": ROLES[event.name], **fields, "content": _content(fields.get("content"))})
        elif event.name == CHOICE:
            choice = _inner(event.fields)
            message = _content(choice.get("message"))
            if not isinstance(message, dict):
                content = message if message is not None else _content(choice.get("content"))
                message = {**choice, "content": content}
            index = choice.get("index")
            place: object = index if isinstance(index, int) and index not in answered else f"choice {len(answered)}"
            answered[place] = {"message": message, "finish_reason": choice.get("finish_reason")}
        elif event.name in CONTENT:
            how = CONTENT_EVENTS
            given = _content(event.fields.get(CONTENT[event.name]))
            if event.name == "gen_ai.content.prompt":
                asked += _listed(given, "user")
            else:
                for turn in _listed(given, "assistant"):
                    answered[f"choice {len(answered)}"] = {"message": turn}
    return _talk(asked, list(answered.values()), how) if asked or answered else None


def _inner(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a message event: some span events hold them as JSON in one attribute."""
    inner = _content(fields.get("gen_ai.event.content"))
    return {**fields, **inner} if isinstance(inner, dict) else dict(fields)


def _indexed(raw: Raw, events: Sequence[Event], note: Note) -> Talk | None:
    named = [
        key for key in raw if key.startswith(("gen_ai.prompt", "gen_ai.completion", "llm.prompts.", "llm.completions."))
    ]
    if not named:
        return None
    flat = {key: value(raw[key]) for key in named}
    asked: list[object] = [
        _flat_turn(one, "user") for one in indexed(flat, "gen_ai.prompt.") or indexed(flat, "llm.prompts.")
    ]
    answered: list[object] = [
        {"message": _flat_turn(one, "assistant"), "finish_reason": one.get("finish_reason")}
        for one in indexed(flat, "gen_ai.completion.") or indexed(flat, "llm.completions.")
    ]
    if not asked:
        asked = _listed(_content(flat.get("gen_ai.prompt")), "user")
    if not answered:
        answered = [{"message": turn} for turn in _listed(_content(flat.get("gen_ai.completion")), "assistant")]
    return _talk(asked, answered, INDEXED) if asked or answered else None


def _flat_turn(one: Mapping[str, object], role: str) -> dict[str, object]:
    turn: dict[str, object] = {"role": one.get("role") or role}
    content = _content(one.get("content"))
    turn["content"] = [_part(part) for part in content] if isinstance(content, list) else one.get("content")
    calls: list[object] = [
        {
            "name": call.get("name") or call.get("function.name"),
            "arguments": call.get("arguments", call.get("function.arguments")),
        }
        for call in indexed(one, "tool_calls.")
    ]
    if "function_call.name" in one:
        calls.append({"name": one["function_call.name"], "arguments": one.get("function_call.arguments")})
    if calls:
        turn["tool_calls"] = calls
    if isinstance(one.get("refusal"), str):
        turn["refusal"] = one["refusal"]
    return turn


def _openinference(raw: Raw, events: Sequence[Event], note: Note) -> Talk | None:
    named = [key for key in raw if key.startswith(("llm.input_messages.", "llm.output_messages.", "llm.choices."))]
    prompts = [key for key in raw if key.startswith("llm.prompts.") and key.endswith(".prompt.text")]
    if not named and not prompts:
        return None
    flat = {key: _unmasked(value(raw[key]), note) for key in (*named, *prompts)}
    asked: list[object] = [_inference_turn(one, "user") for one in indexed(flat, "llm.input_messages.")]
    answered: list[object] = [
        {"message": _inference_turn(one, "assistant")} for one in indexed(flat, "llm.output_messages.")
    ]
    if not asked:
        asked = [{"role": "user", "content": one.get("prompt.text")} for one in indexed(flat, "llm.prompts.")]
    if not answered:
        answered = [{"text": one.get("completion.text")} for one in indexed(flat, "llm.choices.")]
    return _talk(asked, answered, OPENINFERENCE)


def _inference_turn(one: Mapping[str, object], role: str) -> dict[str, object]:
    parts: list[object] = []
    for part in indexed(one, "message.contents."):
        named = {key.removeprefix("message_content."): held for key, held in part.items()}
        if named.get("type") == "reasoning" and isinstance(named.get("data"), str):
            named["type"] = "redacted_thinking"
        if named.get("type") != "tool_use":
            parts.append(named)
    calls: list[object] = []
    for call in indexed(one, "message.tool_calls."):
        name, arguments = call.get("tool_call.function.name"), call.get("tool_call.function.arguments")
        calls.append({"name": name, "arguments": arguments})
        if isinstance(call.get("tool_call.reasoning_signature"), str):
            parts.append({"type": "thinking", "signature": call["tool_call.reasoning_signature"]})
    if "message.function_call_name" in one:
        arguments = one.get("message.function_call_arguments_json")
        calls.append({"name": one["message.function_call_name"], "arguments": arguments})
    content = one.get("message.content")
    turn: dict[str, object] = {"role": one.get("message.role") or role}
    if parts and isinstance(content, str):
        turn["content"] = [{"type": "text", "text": content}, *parts]
    else:
        turn["content"] = parts or content
    if calls:
        turn["tool_calls"] = calls
    return turn


def _unmasked(given: object, note: Note) -> object:
    if given == MASK:
        note(HIDDEN)
        return None
    return given


def _bodies(raw: Raw, events: Sequence[Event], note: Note) -> Talk | None:
    """Return the request and response that an OpenInference span of a model call holds as a whole."""
    if "openinference.span.kind" not in raw:
        return None
    asked, answered = (_content(_unmasked(value(raw.get(name)), note)) for name in ("input.value", "output.value"))
    if asked is None and answered is None:
        return None
    return Talk(request_of(asked), response_of(answered), BODIES)


def _content(given: object) -> object:
    """Return what a string holds where it is JSON of a list or object, else the string."""
    if isinstance(given, str) and given[:1] in ("{", "[") and given[-1:] in ("}", "]"):
        try:
            return orjson.loads(given)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return given
    return given


def _opened(given: object, note: Note) -> object:
    """Return the messages in an attribute; None, and a word of it, where they are JSON that ends early."""
    opened = _content(given)
    if isinstance(opened, str):
        if opened == MASK:
            note(HIDDEN)
            return None
        if opened.startswith(("[{", '{"')):
            note(CUT_SHORT)
            return None
    return opened
