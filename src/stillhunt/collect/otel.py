"""
OpenTelemetry GenAI: OTLP in JSON, as the file exporter and many collectors write it, traces and logs, in any mixture.

One `TracesData` or `LogsData` is a line of text; it holds many spans or log records. **A line, in the sense of `Batch`, is one
span or one log record**; an object that holds neither, or cannot be read, is one line. One span of a model call is one
exchange, and so is an event without its span that says enough; everything else is left out, by reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from stillhunt.collect import columns, documents, plain
from stillhunt.collect.conform import nothing, sliced
from stillhunt.collect.documents import Record
from stillhunt.collect.opening import head
from stillhunt.collect.otel_joining import Joining
from stillhunt.collect.otlp import METRICS, NOTHING, items
from stillhunt.collect.plain_otel import Spans
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES
from stillhunt.plugs import Batch, Split

BLAMELESS = frozenset((METRICS, NOTHING))


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record is OTLP: it holds spans or log records of resources."""
    told = next((key for key in ("resourceSpans", "resourceLogs") if key in record), None)
    return None if told is None else f"Its records have the key `{told}`, as OTLP in JSON has."


def read(split: Split, *, fast: bool = True) -> Iterator[Batch]:
    """
    Yield the exchanges of one split of an OTLP log, and what was left out.

    Spans and log records of one call may be far apart, so that only a whole file can be read: the first part has all. The path
    of a split may name several files, one a line: those of spans and those of log records are read side by side, as far into
    the ones as into the others, so that spans and log records of one call meet while they wait. With `fast`, lines of spans are
    read as typed ones where they are as most are, which gives the same.
    """
    if split.part:
        return
    paths = split.path.split("\n")
    records = [path for path in paths if len(paths) > 1 and kinds(head(path)) == {"records"}]
    spans = [path for path in paths if path not in records]
    tally = Tally()
    joining = Joining(lambda what, reason, defect: tally.note(reason, what, defect=defect))
    typed = Spans(joining, tally) if fast else None
    whole = typed.take if typed is not None else None

    def each(record: Record) -> Record:
        take(record, joining, tally)
        return {}

    for path in _in_step([spans, records], lambda path: documents.chunks(Split(path=path, format="otel"), tally, each, whole)):
        yield from delivered(joining, tally, path, typed)
    joining.release()
    yield from delivered(joining, tally, paths[-1], typed)


def _in_step(rows: list[list[str]], chunks: Callable[[str], Iterator[object]]) -> Iterator[str]:
    """
    Read rows of files chunk by chunk, always on in the row of which the smallest share was read.

    Yields the path of the file after each chunk.
    """
    sizes = [max(1, sum(map(_size, row))) for row in rows]
    read = [0] * len(rows)
    going = [((path, chunk) for path in row for chunk in chunks(path)) for row in rows]
    left = set(range(len(rows)))
    while left:
        row = min(left, key=lambda row: (read[row] / sizes[row], row))
        path, chunk = next(going[row], (None, None))
        if path is None:
            left.remove(row)
            continue
        del chunk
        read[row] += 1
        yield path


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def kinds(first: bytes) -> frozenset[str]:
    """Return what a file of OTLP begins with: `spans`, `records`, or both where its first bytes hold both."""
    found = {"spans": b'"resourceSpans"', "records": b'"resourceLogs"'}
    return frozenset(kind for kind, mark in found.items() if mark in first)


def take(record: Record, joining: Joining, tally: Tally, *, carried: bool = False) -> None:
    """Take in the spans and log records of one `TracesData` or `LogsData`; count what in it is none."""
    for item in items(record):
        if isinstance(item, str):
            tally.note(item, "line", defect=item not in BLAMELESS)
        else:
            joining.take(item, carried=carried)


def delivered(joining: Joining, tally: Tally, path: str, typed: Spans | None = None) -> Iterator[Batch]:
    """Yield the rows that are ready, with all that was counted so far; nothing where there is nothing to say."""
    rows, numbers = joining.taken()
    found = typed.batches() if typed is not None else []
    if rows:
        found.append((columns.batch_of(rows, EXCHANGES, tally), np.array(numbers, np.int64)))
    if found:
        lines = tally.lines + sum(batch.num_rows for batch, _ in found)
        name = Path(path).name
        exchanges = plain.in_order([plain.fitted(batch, where, lambda row: name, tally) for batch, where in found])
        yield from sliced(Batch(exchanges, tally.left_out(), lines))
    elif tally.left_out():
        yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)
    tally.clear()
