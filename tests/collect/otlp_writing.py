"""OTLP in JSON written by tests, as the collector's file exporter lays it out (opentelemetry-proto 1.10)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Plain = Any
Wrapped = dict[str, Any]

START_NS = 1_772_442_300_250_000_000
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "m-large",
    "user.id": "u-tern",
}


def wrapped(value: Plain) -> Wrapped:
    """Return a value as an `AnyValue`."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": pairs(value)}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [wrapped(one) for one in value]}}
    return {"stringValue": value}


def pairs(attributes: Mapping[str, Plain]) -> list[Wrapped]:
    """Return attributes as OTLP lists them."""
    return [{"key": key, "value": wrapped(value)} for key, value in attributes.items()]


def span(number: int, attributes: Mapping[str, Plain], **fields: Plain) -> Wrapped:
    """Return span `number` of a trace of its own."""
    start = START_NS + number * 10**9
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "chat m-large",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 2_250_000_000),
        "attributes": pairs(attributes),
        "status": {},
        **fields,
    }


def event(name: str, attributes: Mapping[str, Plain]) -> Wrapped:
    """Return an event of a span."""
    return {"name": name, "timeUnixNano": str(START_NS), "attributes": pairs(attributes)}


def log(number: int, name: str, body: Plain, attributes: Mapping[str, Plain] | None = None, **fields: Plain) -> Wrapped:
    """Return a log record that belongs to span `number`."""
    return {
        "timeUnixNano": str(START_NS + number * 10**9),
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "eventName": name,
        "body": wrapped(body) if body is not None else {},
        "attributes": pairs(attributes or {}),
        **fields,
    }


def traces(spans: Sequence[Plain], resource: Mapping[str, Plain] | None = None) -> Wrapped:
    """Return spans as one `TracesData`."""
    inner = {"scopeSpans": [{"scope": {"name": "test"}, "spans": list(spans)}]}
    return {"resourceSpans": [{"resource": {"attributes": pairs(resource or {})}, **inner}]}


def logs(records: Sequence[Plain], resource: Mapping[str, Plain] | None = None) -> Wrapped:
    """Return log records as one `LogsData`."""
    inner = {"scopeLogs": [{"scope": {"name": "test"}, "logRecords": list(records)}]}
    return {"resourceLogs": [{"resource": {"attributes": pairs(resource or {})}, **inner}]}


def write(path: Path, *records: Plain) -> Path:
    """Write objects, one a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def said(*parts: Mapping[str, Plain], role: str = "user", **fields: Plain) -> dict[str, Plain]:
    """Return a message of the conventions 1.37 and later."""
    return {"role": role, "parts": list(parts), **fields}


def text(content: str) -> dict[str, Plain]:
    """Return a part that is text."""
    return {"type": "text", "content": content}
