"""
OpenTelemetry GenAI: OTLP in JSON, as the file exporter and many collectors write it, traces and logs, in any mixture.

One `TracesData` or `LogsData` is a line of text; it holds many spans or log records. **A line, in the sense of `Batch`, is one
span or one log record**; an object that holds neither, or cannot be read, is one line. One span of a model call is one
exchange, and so is an event without its span that says enough; everything else is left out, by reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stillhunt.collect import columns, documents
from stillhunt.collect.conform import conform, nothing, sliced
from stillhunt.collect.documents import Record
from stillhunt.collect.otel_exchange import Row
from stillhunt.collect.otel_joining import Joining
from stillhunt.collect.otlp import METRICS, NOTHING, items
from stillhunt.collect.tally import Place, Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

BLAMELESS = frozenset((METRICS, NOTHING))


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record is OTLP: it holds spans or log records of resources."""
    told = next((key for key in ("resourceSpans", "resourceLogs") if key in record), None)
    return None if told is None else f"Its records have the key `{told}`, as OTLP in JSON has."


def read(split: Split) -> Iterator[Batch]:
    """
    Yield the exchanges of one split of an OTLP log, and what was left out.

    Spans and log records of one call may be far apart, so that only a whole file can be read: the first part has all.
    """
    if split.part:
        return
    whole = Split(path=split.path, format=split.format)
    tally = Tally()
    joining = Joining(lambda what, reason, defect: tally.note(reason, what, defect=defect))

    def each(record: Record) -> Record:
        take(record, joining, tally)
        return {}

    for chunk in documents.chunks(whole, tally, each):
        del chunk
        yield from delivered(joining, tally, split.path)
    joining.release()
    yield from delivered(joining, tally, split.path)


def take(record: Record, joining: Joining, tally: Tally, *, carried: bool = False) -> None:
    """Take in the spans and log records of one `TracesData` or `LogsData`; count what in it is none."""
    for item in items(record):
        if isinstance(item, str):
            tally.note(item, "line", defect=item not in BLAMELESS)
        else:
            joining.take(item, carried=carried)


def delivered(joining: Joining, tally: Tally, path: str) -> Iterator[Batch]:
    """Yield the rows that are ready, with all that was counted so far; nothing where there is nothing to say."""
    rows, joining.rows = joining.rows, []
    if rows:
        yield from _batches(rows, tally, lambda row: Path(path).name)
    elif tally.left_out():
        yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)
    tally.clear()


def _batches(rows: list[Row], tally: Tally, place: Place) -> Iterator[Batch]:
    raw = columns.batch_of(rows, EXCHANGES, tally)
    lost = tally.lines
    batch = conform(raw, EXCHANGES, REQUIRED, place)
    tally.merge(batch.left_out)
    yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + lost))
