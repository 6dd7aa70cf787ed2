"""
Log events out of CloudWatch, unwrapped: each holds one record as text, and each is one line in the sense of `Batch`.

Three wrappings are read, packed or not: what a subscription hands on (`logEvents`, several documents in a row as Firehose joins
them), what `aws logs filter-log-events` and `get-log-events` print (`events`), and what `create-export-task` writes (each line
led by its time). Shapes are those of the CloudWatch Logs API of 2014-03-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stillhunt.collect import columns, documents
from stillhunt.collect.conform import conform, nothing, sliced
from stillhunt.collect.documents import Record
from stillhunt.collect.records import Convert, Row
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

NO_EVENTS = "holds no log event (CloudWatch's control message, or an empty page)"
NO_MESSAGE = "a log event without a message"
BROKEN = "documents in a row of which the last is cut off or broken"

EXPORTED = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\s+(?=\{)")
OPENING = re.compile(rb'\{\s*"(?:messageType|owner|logGroup|logStream|subscriptionFilters|logEvents|events|searchedLogStreams'
                     rb'|next(?:Forward|Backward)?Token)"')  # fmt: skip


def is_wrapped(first: bytes) -> bool:
    """Whether a log whose first bytes are these holds log events of CloudWatch."""
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    return EXPORTED.match(text) is not None or OPENING.match(text) is not None


def messages_of(record: Record) -> list[object] | None:
    """Return the messages of the log events in a record, None for an event without one; None where it wraps none."""
    if record.get("messageType") == "CONTROL_MESSAGE":  # it has an event, which is CloudWatch's own
        return []
    for name in ("logEvents", "events"):
        listed = record.get(name)
        if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
            return [one.get("message") for one in listed]
    return None


def read(split: Split, convert: Convert) -> Iterator[Batch]:
    """Yield the exchanges that `convert` makes of the records in log events, and what was left out."""
    tally = Tally()
    rows: list[Row] = []

    def record_in(record: Record) -> None:
        made = convert(record, tally.note)
        if isinstance(made, str):
            tally.note(made, "line")
        else:
            rows.append(made)

    def message_in(text: bytes) -> None:
        record = documents.parse(text)
        if isinstance(record, str):
            tally.note(record, "line", defect=True)
        else:
            record_in(record)

    def each(record: Record) -> Record:
        messages = messages_of(record)
        if messages is None:
            record_in(record)
        for message in messages or ():
            if isinstance(message, str):
                message_in(message.encode("utf-8", "surrogatepass"))
            else:
                tally.note(NO_MESSAGE, "line", defect=True)
        if messages == []:
            tally.note(NO_EVENTS, "line")
        return {}

    def whole(line: bytes) -> bool:
        led = EXPORTED.match(line)
        if led is not None:
            message_in(line[led.end() :])
            return True
        if b"}{" not in line or isinstance(documents.parse(line), dict):
            return False
        values = documents.Values(iter([line]), array=False)
        for value, _ in values:
            if isinstance(value, dict):
                each(value)
            else:
                tally.note(documents.NOT_OBJECT, "line", defect=True)
        if values.broken:
            tally.note(BROKEN, "line", defect=True)
        return True

    name = Path(split.path).name
    for _ in documents.chunks(split, tally, each, whole):
        made = columns.batch_of(rows, EXCHANGES, tally)
        lost = tally.lines
        batch = conform(made, EXCHANGES, REQUIRED, lambda row: name)
        tally.merge(batch.left_out)
        yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + lost))
        rows.clear()
        tally.clear()
    if tally.left_out():
        yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)
