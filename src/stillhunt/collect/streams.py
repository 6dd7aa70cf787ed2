"""
Answers that were captured as a stream of events become the one body that an unstreamed call would have had.

Three dialects: chat completion chunks, events of the Responses API, events of Anthropic's Messages API. A
stream that breaks off gives what had arrived by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

Body = dict[str, object]


def assembled(events: Iterable[object]) -> Body | None:
    """Return the body that a stream's events add up to; None where they are events of no known dialect."""
    known = [event for event in events if isinstance(event, dict)]
    if any(isinstance(event.get("choices"), list) for event in known):
        return _chunks(known)
    kinds = {event.get("type") for event in known if isinstance(event.get("type"), str)}
    if any(str(kind).startswith("response.") for kind in kinds):
        return _response_events(known)
    if kinds & {"message_start", "content_block_start", "content_block_delta", "message_delta"}:
        return _message_events(known)
    return None


def server_sent(text: str) -> list[object]:
    """Return the JSON of each `data:` line of a captured event stream; lines that are no JSON are passed over."""
    found: list[object] = []
    for line in text.splitlines():
        if line.startswith("data:"):
            try:
                found.append(orjson.loads(line[5:].strip()))
            except (orjson.JSONDecodeError, UnicodeEncodeError):
                continue
    return found


def _chunks(events: list[Body]) -> Body:
    """Return a chat completion out of its chunks."""
    body: Body = {}
    texts: dict[int, list[str]] = {}
    refusals: dict[int, list[str]] = {}
    calls: dict[int, dict[int, Body]] = {}
    finish: dict[int, object] = {}
    for event in events:
        for key in ("id", "model", "created", "usage", "object"):
            if event.get(key) is not None:
                body[key] = event[key]
        for choice in _objects(event.get("choices")):
            at = _index(choice)
            delta = choice.get("delta") or choice.get("message")
            delta = delta if isinstance(delta, dict) else choice
            _gather(texts.setdefault(at, []), delta.get("content", delta.get("text")))
            _gather(refusals.setdefault(at, []), delta.get("refusal"))
            for call in _objects(delta.get("tool_calls")):
                _gather_call(calls.setdefault(at, {}), call)
            finish[at] = choice.get("finish_reason") or finish.get(at)
    body["choices"] = [
        {
            "index": at,
            "finish_reason": finish.get(at),
            "message": {
                "role": "assistant",
                "content": "".join(texts[at]) or None,
                "refusal": "".join(refusals[at]) or None,
                "tool_calls": [{"function": calls[at][n]} for n in sorted(calls[at])] if at in calls else None,
            },
        }
        for at in sorted(texts)
    ]
    return body


def _gather_call(calls: dict[int, Body], call: Mapping[str, object]) -> None:
    """Add a piece of a tool call to what has arrived of it: the name once, the arguments piece by piece."""
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    at = _index(call)
    known = calls.setdefault(at, {"name": None, "arguments": ""})
    known["name"] = function.get("name") or known["name"]
    piece = function.get("arguments")
    if isinstance(piece, str):
        known["arguments"] = f"{known['arguments']}{piece}"


def _response_events(events: list[Body]) -> Body:
    """Return a response out of its events: the last whole one, else the items that were done."""
    whole: Body = {}
    items: list[object] = []
    for event in events:
        inner = event.get("response")
        if isinstance(inner, dict):
            whole = {**whole, **inner}
        if event.get("type") == "response.output_item.done":
            items.append(event.get("item"))
    if not whole.get("output"):
        whole["output"] = items
    return whole


def _message_events(events: list[Body]) -> Body:
    """Return a message out of its events: its blocks by number, and what its deltas say of its end."""
    body: Body = {"type": "message", "role": "assistant"}
    blocks: dict[int, Body] = {}
    pieces: dict[tuple[int, str], list[str]] = {}
    usage: Body = {}
    for event in events:
        message, delta = event.get("message"), event.get("delta")
        if event.get("type") == "message_start" and isinstance(message, dict):
            body.update(message)
            usage.update(_object(message.get("usage")))
        elif event.get("type") == "content_block_start":
            blocks[_index(event)] = dict(_object(event.get("content_block")))
        elif event.get("type") == "content_block_delta" and isinstance(delta, dict):
            for key in ("text", "partial_json", "thinking", "signature"):
                _gather(pieces.setdefault((_index(event), key), []), delta.get(key))
        elif event.get("type") == "message_delta":
            body.update(_object(delta))
            usage.update({k: v for k, v in _object(event.get("usage")).items() if v is not None})
        elif event.get("type") == "error":
            body["error"] = event.get("error")
    for (at, key), parts in pieces.items():
        if parts:
            block = blocks.setdefault(at, {"type": "text"})
            block["input" if key == "partial_json" else key] = "".join(parts)
    body["content"] = [blocks[at] for at in sorted(blocks)]
    body["usage"] = usage
    return body


def _gather(parts: list[str], piece: object) -> None:
    if isinstance(piece, str):
        parts.append(piece)


def _index(event: Mapping[str, object]) -> int:
    """Return the number of the choice, call or block that an event is about."""
    at = event.get("index")
    return at if isinstance(at, int) and not isinstance(at, bool) else 0


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Body]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
