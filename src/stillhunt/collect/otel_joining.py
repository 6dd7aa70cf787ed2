"""
Spans and the log records that belong to them, brought together by trace and span id in a bounded window.

A span that has its messages is an exchange at once. One without waits for log records, and log records wait for their span,
until the window is full or the log ends; then each becomes what it can on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from stillhunt.collect.otel_exchange import (
    NO_ACCOUNT,
    NO_ID,
    NO_TIME,
    NOT_A_CALL,
    Row,
    account,
    event_of,
    exchange,
    is_call,
    is_personal,
    own_events,
    times,
)
from stillhunt.collect.otel_messages import DETAILS_EVENT, MESSAGES, REFERENCES, Event
from stillhunt.collect.otlp import Item

MOST_HELD = 20_000
MOST_HELD_BYTES = 64 * 2**20
MOST_KEPT_KEYS = 200_000

JOINED = "a log record that was joined to its span"
LATE = "a log record of a span that had its messages"
NOT_AN_EVENT = "a log record that is no event of a model call"
LONE = "message events without their span, which alone name no account"
MERGED = "a log record that was joined to others of the same call"

CONTENT_MARKS = frozenset((*MESSAGES, *REFERENCES))
CONTENT_STARTS = ("gen_ai.prompt", "gen_ai.completion", "llm.input_messages.", "llm.output_messages.", "llm.prompts.")

Count = Callable[[str, str, bool], None]
"""Called with `line` or `value`, the reason, and whether it is a defect."""


@dataclass(slots=True)
class Waiting:
    """What is known of one call so far: its span, and the log records that name it."""

    span: Item | None = None
    records: list[Item] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    weight: int = 0
    carried: bool = False


class Joining:
    """
    Takes spans and log records in any order and gives rows; what gives none is counted.

    Each item taken is one line: it is in `rows` once, or counted as a line, or still held.
    """

    def __init__(self, count: Count) -> None:
        """Start with nothing held."""
        self.rows: list[Row] = []
        self.numbers: list[int] = []
        self._made = 0
        self._count = count
        self._held: dict[str, Waiting] = {}
        self._weight = 0
        self._done: dict[str, None] = {}

    def take(self, item: Item, *, carried: bool = False) -> None:
        """Take one span or log record."""
        if item.log:
            self._take_record(item, carried)
        elif not is_call(item):
            self._count("line", NOT_A_CALL, False)
        else:
            self._take_span(item, carried)

    def _take_span(self, span: Item, carried: bool) -> None:
        key = span.key
        held = self._held.pop(key, None) if key is not None else None
        events = own_events(span)
        if held is not None:
            self._weight -= held.weight
            if held.span is not None:  # the same span twice: both are exchanges, told apart by nothing but their order
                self._emit(held.span, held.events)
                held.records = []
            for _ in held.records:
                self._count("line", JOINED, False)
            self._emit(span, [*events, *held.events])
            self._remember(key)
        elif key is None or events or has_content(span):
            self._emit(span, events)
            self._remember(key)
        else:
            self._hold(key, Waiting(span=span, carried=carried), weight_of(span))

    def _take_record(self, record: Item, carried: bool) -> None:
        event = event_of(record)
        if event is None:
            self._count("line", NOT_AN_EVENT, False)
            return
        key = record.key
        if key is None:
            self._lone([record], [event])
        elif key in self._done:
            self._count("line", LATE, False)
        else:
            held = self._held.get(key) or Waiting(carried=carried)
            if held.span is None:
                held.records.append(record)
            else:
                self._count("line", JOINED, False)
            held.events.append(event)
            self._hold(key, held, weight_of(record))

    def _hold(self, key: str, held: Waiting, weight: int) -> None:
        held.weight += weight
        self._weight += weight
        self._held[key] = held
        while len(self._held) > MOST_HELD or self._weight > MOST_HELD_BYTES:
            first = next(iter(self._held))
            self._let_go(first, self._held.pop(first))

    def _let_go(self, key: str, held: Waiting) -> None:
        """Make what is held an exchange, with the log records that came, or the log records alone."""
        self._weight -= held.weight
        self._remember(key)
        if held.span is not None:
            self._emit(held.span, [*own_events(held.span), *held.events])
        else:
            self._lone(held.records, held.events)

    def _lone(self, records: list[Item], events: list[Event]) -> None:
        """Make log records without their span an exchange, where they tell whose it is."""
        details = [record for record, event in zip(records, events, strict=True) if event.name == DETAILS_EVENT]
        best = next(iter(details or [record for record in records if is_personal(record.attributes)]), None)
        if best is None:
            for _ in records:
                self._count("line", LONE, False)
            return
        if not is_call(best) and best in details:
            for _ in records:
                self._count("line", NOT_A_CALL, False)
            return
        for _ in records[1:]:
            self._count("line", MERGED, False)
        self._emit(best, events)

    def _emit(self, item: Item, events: list[Event]) -> None:
        if times(item)[0] is None:
            self._count("line", NO_TIME, True)
            return
        self.rows.append(exchange(item, events, lambda reason: self._count("value", reason, False)))
        self.numbers.append(self._made)
        self._made += 1

    def passed(self, key: str | None) -> int | None:
        """
        Let a span with messages pass that becomes a row elsewhere; return its number among all rows.

        Returns None, and lets nothing pass, where a span or log records of the same call wait here.
        """
        if key in self._held:
            return None
        self._remember(key)
        self._made += 1
        return self._made - 1

    def taken(self) -> tuple[list[Row], list[int]]:
        """Return, and forget, the rows that are ready, and the number of each among all that were made."""
        taken = self.rows, self.numbers
        self.rows, self.numbers = [], []
        return taken

    def _remember(self, key: str | None) -> None:
        if key is not None:
            self._done[key] = None
            if len(self._done) > MOST_KEPT_KEYS:
                del self._done[next(iter(self._done))]

    def release(self) -> None:
        """Let go of all that is held: nothing more will come."""
        while self._held:
            first = next(iter(self._held))
            self._let_go(first, self._held.pop(first))

    def unjoined(self) -> Iterator[Item]:
        """Yield and forget what still waits for the first time; what waits for the second time is let go."""
        for key in list(self._held):
            held = self._held.pop(key)
            if held.carried or (held.span is not None and held.events):
                self._let_go(key, held)
                continue
            self._weight -= held.weight
            yield from ([held.span] if held.span is not None else held.records)


def refusal(item: Item) -> str | None:
    """Return why a span of a model call can never be an exchange; None where it can, and for all that is no such span."""
    if item.log or not is_call(item):
        return None
    if times(item)[0] is None:
        return NO_TIME
    if item.key is None and "gen_ai.response.id" not in item.attributes:
        return NO_ID
    return NO_ACCOUNT if account(item.attributes, item.resource, lambda _: None) is None else None


def has_content(span: Item) -> bool:
    """Whether a span holds messages itself, or says where they are kept."""
    return names_messages(span.attributes)


def names_messages(names: Collection[str]) -> bool:
    """Whether names of attributes are among those of messages, or of where they are kept."""
    return not CONTENT_MARKS.isdisjoint(names) or any(name.startswith(CONTENT_STARTS) for name in names)


def weight_of(item: Item) -> int:
    """Return about how many bytes an item takes while it is held: its text, and a share for each object."""
    total = 0
    stack: list[object] = [item.body]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            total += len(one) + 49
        elif isinstance(one, dict):
            total += 64 + 100 * len(one)
            stack.extend(one.values())
        elif isinstance(one, list):
            total += 56 + 8 * len(one)
            stack.extend(one)
    return total
