"""
Answers of an upstream, whole or as server-sent events: what they say, and the same answer with another text.

What is served is the upstream's own bytes. Only a canary's edit and a rewriting put another text into an answer; where an
answer is of a kind in which that cannot be done faithfully, it is served as it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from stillhunt.trace.conversation import Endpoint, message_text, output_text
from stillhunt.trace.serve.recording import Candidate

DONE = b"[DONE]"


def read_answer(endpoint: Endpoint, content: bytes, *, streamed: bool) -> Candidate | None:
    """Return what an answer says, or None where it is unfinished, an error, several answers, or of another shape."""
    try:
        if streamed:
            return read_events(endpoint, list(_events(content)))
        return read_document(endpoint, orjson.loads(content))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None


def read_document(endpoint: Endpoint, document: Any) -> Candidate | None:
    """Return what a whole answer says; raises `KeyError` or `TypeError` where it has another shape."""
    return _chat(document) if endpoint == "chat" else _response(document)


def read_events(endpoint: Endpoint, events: Sequence[Any]) -> Candidate | None:
    """Return what the events of an answer say together; None stands for the end mark."""
    return _chat_stream(events) if endpoint == "chat" else _response_stream(events)


def with_text(endpoint: Endpoint, content: bytes, text: str, *, streamed: bool) -> bytes | None:
    """Return an answer of words alone with other words in it, or None where it is not such an answer."""
    try:
        if streamed:
            return b"".join(_streamed_anew(endpoint, content, text))
        document = orjson.loads(content)
        part = _only_words(endpoint, document)
        part["content" if endpoint == "chat" else "text"] = text
        return orjson.dumps(document)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError, IndexError):
        return None


def _events(content: bytes) -> Iterator[Any]:
    """Yield the JSON of each event; the end mark of chat streams becomes None."""
    for line in content.splitlines():
        if line.startswith(b"data:"):
            data = line[5:].strip()
            yield None if data == DONE else orjson.loads(data)


def _chat(document: Mapping[str, Any]) -> Candidate | None:
    choices = document["choices"]
    if len(choices) != 1 or not isinstance(choices[0]["message"], dict):
        return None
    return _candidate(document, message_text(choices[0]["message"]))


def _response(document: Mapping[str, Any]) -> Candidate | None:
    if document.get("status", "completed") not in ("completed", "incomplete"):
        return None
    return _candidate(document, output_text(document["output"]))


def _candidate(document: Mapping[str, Any], text: str) -> Candidate:
    fingerprint = document.get("system_fingerprint")
    return Candidate(
        text=text,
        model=str(document.get("model", "")),
        fingerprint=fingerprint if isinstance(fingerprint, str) else None,
        id=str(document.get("id", "")),
    )


def _chat_stream(events: Sequence[Any]) -> Candidate | None:
    """Put the pieces of a chat stream together; a stream without its end mark or finish reason is unfinished."""
    message: dict[str, Any] = {}
    calls: dict[int, dict[str, str]] = {}
    head: Mapping[str, Any] = {}
    finished = None in events
    for event in events:
        if event is None:
            continue
        head = {**event, **{name: value for name, value in head.items() if value}}
        for choice in event.get("choices", ()):
            if choice.get("index", 0) != 0:
                return None
            finished = finished or choice.get("finish_reason") is not None
            delta = choice.get("delta") or {}
            for name in ("content", "refusal"):
                if delta.get(name):
                    message[name] = message.get(name, "") + delta[name]
            for call in delta.get("tool_calls") or ():
                function = calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
                for name in function:
                    function[name] += (call.get("function") or {}).get(name) or ""
    if not finished or not head or head.get("error"):
        return None
    if calls:
        message["tool_calls"] = [{"function": calls[at]} for at in sorted(calls)]
    return _candidate(head, message_text(message))


def _response_stream(events: Sequence[Any]) -> Candidate | None:
    for event in reversed(events):
        if event is not None and event.get("type") in ("response.completed", "response.incomplete"):
            return _response(event["response"])
    return None


def _only_words(endpoint: Endpoint, document: Any) -> dict[str, Any]:
    """Return the one place of an answer that holds its words; raises where there are more, or more than words."""
    if endpoint == "chat":
        (choice,) = document["choices"]
        message: dict[str, Any] = choice["message"]
        if not isinstance(message["content"], str) or message.get("tool_calls") or choice.get("logprobs"):
            raise ValueError("more than words")
        return message
    (item,) = [item for item in document["output"] if item["type"] != "reasoning"]
    (part,) = item["content"]
    if part["type"] != "output_text" or part.get("annotations") or part.get("logprobs"):
        raise ValueError("more than words")
    found: dict[str, Any] = part
    return found


def _streamed_anew(endpoint: Endpoint, content: bytes, text: str) -> Iterator[bytes]:
    """Yield the events of an answer with its whole text in the first piece of text, and no other pieces."""
    said = False
    number = 0
    for event in _events(content):
        if event is None:
            yield b"data: " + DONE + b"\n\n"
            continue
        told = _chat_event(event, text, said) if endpoint == "chat" else _response_event(event, text, said)
        if told is None:
            continue
        said = said or told
        if "sequence_number" in event:
            event["sequence_number"] = number
            number += 1
        name = b"event: " + event["type"].encode() + b"\n" if endpoint == "responses" else b""
        yield name + b"data: " + orjson.dumps(event) + b"\n\n"
    if not said:
        raise ValueError("no words")


def _chat_event(event: Any, text: str, said: bool) -> bool | None:
    """Put the text into a piece; return whether it holds it, or None where the piece is no longer needed."""
    for choice in event.get("choices", ()):
        delta = choice.get("delta") or {}
        if delta.get("tool_calls") or delta.get("refusal") or choice.get("logprobs"):
            raise ValueError("more than words")
        if delta.get("content"):
            if said and choice.get("finish_reason") is None:
                return None
            delta["content"] = "" if said else text
            return not said
    return False


def _response_event(event: Any, text: str, said: bool) -> bool | None:
    kind = event["type"]
    if kind == "response.output_text.delta":
        if event.get("logprobs"):
            raise ValueError("more than words")
        event["delta"] = text
        return None if said else True
    if kind == "response.output_text.done":
        event["text"] = text
    elif kind == "response.content_part.done":
        event["part"]["text"] = text
    elif kind == "response.output_item.done" and event["item"]["type"] != "reasoning":
        _only_words("responses", {"output": [event["item"]]})["text"] = text
    elif kind in ("response.completed", "response.incomplete"):
        _only_words("responses", event["response"])["text"] = text
    return False
