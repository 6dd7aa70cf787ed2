"""Lines of OTLP traces as typed spans: as most are, with no more than what is read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from stillhunt.collect.otlp import LONGEST_WHOLE, Item, number, value, whole


class Value(msgspec.Struct, gc=False, omit_defaults=True):
    """An `AnyValue`: one of these."""

    stringValue: str | UnsetType = UNSET
    intValue: str | int | UnsetType = UNSET
    doubleValue: float | UnsetType = UNSET
    boolValue: bool | UnsetType = UNSET
    arrayValue: Values | UnsetType = UNSET
    kvlistValue: Any = UNSET
    bytesValue: Any = UNSET


class Values(msgspec.Struct, gc=False):
    """A list of values, none of which is a list."""

    values: list[Value] = []


class Pair(msgspec.Struct, gc=False):
    """An attribute."""

    key: str
    value: Value


class Status(msgspec.Struct, gc=False, omit_defaults=True):
    """How a call ended."""

    code: str | int | None = None


class Span(msgspec.Struct, gc=False, omit_defaults=True):
    """A span, with no more than what is read of it."""

    attributes: list[Pair] = []
    traceId: str | None = None
    spanId: str | None = None
    name: Any = None
    startTimeUnixNano: str | int | None = None
    endTimeUnixNano: str | int | None = None
    status: Status | None = None
    events: list[Any] | None = None


class Resource(msgspec.Struct, gc=False):
    """What spans came from."""

    attributes: list[Pair] = []


class Scope(msgspec.Struct, gc=False):
    """Spans of one instrumentation."""

    spans: list[Span] = []


class Group(msgspec.Struct, gc=False):
    """Spans of one resource."""

    scopeSpans: list[Scope]
    resource: Resource | None = None


class Traces(msgspec.Struct, gc=False):
    """A line of traces, and of nothing else."""

    resourceSpans: list[Group]
    resourceLogs: None = None


Named = dict[str, Value]
"""Attributes by name."""

traces = msgspec.json.Decoder(Traces).decode
"""Takes a line apart; raises what msgspec does where it is another."""


def got(held: Value | None) -> object:
    """Return what `otlp.value` returns of a value."""
    if held is None:
        return None
    if held.stringValue is not UNSET:
        return held.stringValue
    if held.arrayValue is not UNSET:
        values = held.arrayValue.values
        return [value(msgspec.to_builtins(one), 1) if one.stringValue is UNSET else one.stringValue for one in values]
    if held.intValue is not UNSET:
        return whole(held.intValue)
    if held.doubleValue is not UNSET:
        return number(held.doubleValue)
    return value(msgspec.to_builtins(held))


def singles(maps: Sequence[Mapping[str, Value]], name: str) -> list[object]:
    """Return one attribute of each span, of a list its first entry; None where there is none or it is empty text."""
    held = [one.get(name) for one in maps]
    texts: list[Any] = [None if one is None else one.stringValue for one in held]
    if UNSET in texts:
        numbers: list[Any] | None = wholes(held)
        texts = list(map(_single, held)) if numbers is None else numbers
    return [None if text == "" else text for text in texts] if "" in texts else texts


def wholes(held: Sequence[Value | None]) -> list[int | None] | None:
    """Return values that are all whole numbers in text as numbers; None where one is not."""
    texts: list[Any] = [None if one is None else one.intValue for one in held]
    if not set(map(type, texts)) <= {str, type(None)}:
        return None
    try:
        return [None if text is None else int(text) if len(text) < LONGEST_WHOLE else None for text in texts]
    except ValueError:
        return None


def _single(held: Value | None) -> object:
    found = got(held)
    return next(iter(found), None) if isinstance(found, list) else found


def raw_of(named: Named) -> dict[str, object]:
    """Return attributes as JSON has them."""
    found: dict[str, object] = msgspec.to_builtins(named)
    return found


def item_of(span: Span, named: Named, resource: Named) -> Item:
    """Return a span as `otlp.items` gives it, without what is not read of it."""
    return Item(False, msgspec.to_builtins(span), raw_of(named), raw_of(resource))
