"""Logs of one JSON record for each call: what a format does with one record, done for a whole split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from stillhunt.collect import columns, documents, plain
from stillhunt.collect.conform import conform, nothing, sliced
from stillhunt.collect.opening import head
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

Row = dict[str, object]

Note = Callable[[str], None]
"""Called with a reason for each value that is missing, cut short, or second best."""

Convert = Callable[[Row, Note], Row | str]
"""Makes one record a row under the contract's names, or says why it is no exchange."""


def read(split: Split, convert: Convert, fast: plain.Plain | None = None) -> Iterator[Batch]:
    """
    Yield the exchanges of one split of a log of JSON records, and what was left out.

    Where `fast` takes a record, it gives the same as `convert`.
    """
    tally = Tally()

    def each(record: Row) -> Row | str:
        return convert(record, tally.note)

    first = head(split.path)
    if fast is not None and documents.layout(first) == "lines" and not documents.refuse_wide(split, first, Tally()):
        for block, origin in documents.line_blocks(split, tally):
            before = tally.lines  # longer than any line may be
            batch = plain.of_block(block, origin, fast, each, tally)
            yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + before))
            tally.clear()
    else:
        for chunk in documents.chunks(split, tally, each):
            rows = columns.batch_of(chunk.records, EXCHANGES, tally)
            lost = tally.lines
            batch = conform(rows, EXCHANGES, REQUIRED, chunk.place)
            tally.merge(batch.left_out)
            yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + lost))
            tally.clear()
    if tally.left_out():
        yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)


def account(candidates: tuple[tuple[str, str | None], ...], wanted: str, note: Note) -> str | None:
    """Return the first candidate, a label and an id, that names someone; note which, if not the first."""
    for number, (label, name) in enumerate(candidates):
        if name is not None:
            if number:
                note(f"account is the {label}, for want of {wanted}")
            return name
    return None


def first(record: Mapping[str, object], names: tuple[str, ...]) -> object:
    """Return the first of some fields that has something in it; `-` is how access logs write nothing."""
    for name in names:
        if name in record and (value := record[name]) not in (None, "", "-"):
            return value
    return None


def after(start: object, milliseconds: object) -> object:
    """Return the moment so many milliseconds after a start given in milliseconds since 1970, or None."""
    begun, span = number(start), number(milliseconds)
    return None if begun is None or span is None else begun + span


def number(value: object) -> float | None:
    """Return a number, or text that is one; None for anything else and for what is not finite."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e18 < value < 1e18 else None


def iso(value: object) -> datetime | None:
    """Return the moment that ISO 8601 text names, in UTC where it names no zone."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def later(start: datetime, milliseconds: float) -> str | None:
    """Return the moment so many milliseconds later as ISO 8601 text, or None beyond the calendar."""
    try:
        return (start + timedelta(milliseconds=milliseconds)).astimezone(UTC).isoformat()
    except OverflowError:
        return None
