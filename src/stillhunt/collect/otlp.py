"""
OTLP in JSON, taken apart: spans and log records, with their attributes and those of their resource.

The shapes are those of `TracesData` and `LogsData` of opentelemetry-proto 1.x as the file exporter writes them: names in
lowerCamelCase, ids in hexadecimal, 64-bit numbers as strings or numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stillhunt.collect.text import DEEPEST

Raw = Mapping[str, object]
"""Attributes by name, each value still in its `AnyValue`."""

NOT_A_SPAN = "not an OTLP span"
NOT_A_RECORD = "not an OTLP log record"
NOTHING = "holds no span and no log record"
METRICS = "holds OTLP metrics"

NO_ATTRIBUTES: Raw = {}


@dataclass(slots=True)
class Item:
    """A span or a log record: what it is, its own attributes, and those of the resource that it came from."""

    log: bool
    body: Mapping[str, object]
    attributes: Raw
    resource: Raw

    @property
    def key(self) -> str | None:
        """Trace and span id, by which spans and log records find each other; None where one is missing."""
        trace, span = self.body.get("traceId"), self.body.get("spanId")
        if isinstance(trace, str) and isinstance(span, str) and trace.strip("0") and span.strip("0"):
            return f"{trace}:{span}"
        return None


def items(record: Mapping[str, object]) -> Iterator[Item | str]:
    """
    Yield the spans and log records of one `TracesData` or `LogsData`; for what is none, the reason.

    An object that holds neither yields one reason, so that each object is accounted for.
    """
    found = False
    for outer, middle, inner, log in (
        ("resourceSpans", "scopeSpans", "spans", False),
        ("resourceLogs", "scopeLogs", "logRecords", True),
    ):
        for part in _objects(record.get(outer)):
            resource = attributes(_attributes_of(part.get("resource")))
            for scope in _objects(part.get(middle)):
                for body in _list(scope.get(inner)):
                    found = True
                    if isinstance(body, dict):
                        yield Item(log, body, attributes(body.get("attributes")), resource)
                    else:
                        yield NOT_A_RECORD if log else NOT_A_SPAN
    if not found:
        yield METRICS if "resourceMetrics" in record else NOTHING


def record_of(item: Item) -> dict[str, object]:
    """Return a `TracesData` or `LogsData` that holds just this span or log record."""
    names = ("resourceLogs", "scopeLogs", "logRecords") if item.log else ("resourceSpans", "scopeSpans", "spans")
    outer, middle, inner = names
    listed = [{"key": key, "value": value} for key, value in item.resource.items()]
    return {outer: [{"resource": {"attributes": listed}, middle: [{inner: [item.body]}]}]}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> Iterator[dict[str, object]]:
    return (one for one in _list(value) if isinstance(one, dict))


def _attributes_of(resource: object) -> object:
    return resource.get("attributes") if isinstance(resource, dict) else None


def attributes(listed: object) -> Raw:
    """Return a list of key-value pairs as a mapping; pairs that are none are passed over, the last of a name counts."""
    if not isinstance(listed, list):
        return NO_ATTRIBUTES
    try:
        found = {pair["key"]: pair["value"] for pair in listed}
        if set(map(type, found)) <= {str}:
            return found
    except (KeyError, TypeError, IndexError):
        pass  # something is no pair: one by one
    return {
        pair["key"]: pair.get("value") for pair in listed if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


def value(wrapped: object, depth: int = 0) -> object:
    """
    Return what an `AnyValue` holds, in JSON's own kinds; None for what is none or is nested too deep.

    It holds one thing; of several, text counts, then lists, numbers, and the rest.
    """
    if type(wrapped) is not dict or depth > DEEPEST:
        return None
    text = wrapped.get("stringValue")
    if type(text) is str:
        return text
    if "arrayValue" in wrapped:
        held = wrapped["arrayValue"]
        return [value(one, depth + 1) for one in _list(held.get("values"))] if isinstance(held, dict) else None
    if "intValue" in wrapped:
        return whole(wrapped["intValue"])
    if "doubleValue" in wrapped:
        return number(wrapped["doubleValue"])
    if "boolValue" in wrapped:
        held = wrapped["boolValue"]
        return held if isinstance(held, bool) else None
    if "kvlistValue" in wrapped:
        held = wrapped["kvlistValue"]
        pairs = attributes(held.get("values")) if isinstance(held, dict) else NO_ATTRIBUTES
        return {key: value(one, depth + 1) for key, one in pairs.items()}
    held = wrapped.get("bytesValue")
    return held if isinstance(held, str) else None  # base64, as it stands


LONGEST_WHOLE = 24
"""Characters of a whole number in text."""

LEAST_WHOLE, MOST_WHOLE = -(2**63), 2**64


def whole(held: object) -> int | None:
    """Return a whole number of 64 bits, as JSON has it or as text; None for anything else."""
    if isinstance(held, str):
        try:
            return int(held) if len(held) < LONGEST_WHOLE else None
        except ValueError:
            return None
    return held if isinstance(held, int) and not isinstance(held, bool) and LEAST_WHOLE <= held < MOST_WHOLE else None


def number(held: object) -> float | None:
    """Return a finite number, as JSON has it or as text; None for anything else."""
    try:
        number = float(held) if isinstance(held, int | float | str) and not isinstance(held, bool) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None


def indexed(named: Raw, prefix: str) -> list[dict[str, object]]:
    """Return what is called `prefix` + number + `.` + rest as one mapping by rest for each number, in their order."""
    found: dict[int, dict[str, object]] = {}
    start = len(prefix)
    for key, held in named.items():
        if key.startswith(prefix):
            number, _, rest = key[start:].partition(".")
            if number.isascii() and number.isdecimal() and len(number) < 7:
                found.setdefault(int(number), {})[rest] = held
    return [found[number] for number in sorted(found)]
