"""
Tables under someone else's column names: Parquet, CSV, NDJSON and answers of databases become exchanges alike.

A `Shape` says which columns it reads, which rows are none of ours, and how the others become the contract's
columns, a whole column at a time. No row becomes a Python object, except in NDJSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from msgspec import Raw, defstruct, json
from msgspec.structs import astuple

from stillhunt.collect import columns, delimited, documents, parquet
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.collector import paused
from stillhunt.collect.conform import Fit, cast, conform, nothing, pieces, sliced
from stillhunt.collect.lines import Block, Origin
from stillhunt.collect.opening import head
from stillhunt.collect.plain import PEEKED_LINES, Listed, decoded, is_utf_8, joined
from stillhunt.collect.strings import plain
from stillhunt.collect.tally import Place, Tally
from stillhunt.collect.text import json_text
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.model import LeftOut
from stillhunt.plugs import Batch, Split

Rows = Mapping[str, Column]
"""Columns of a batch by name: all that the shape names, null throughout where the source lacks one."""


class Shape(NamedTuple):
    """A table of someone else's, and what becomes of its rows."""

    columns: tuple[str, ...]
    not_ours: Callable[[Rows], Column]
    """Returns, for each row, the reason why it is no exchange, or null."""
    exchanges: Callable[[Rows, Tally], dict[str, Column]]
    """Returns columns under the contract's names, in any type that says the same; counts values lost."""

    @property
    def schema(self) -> pa.Schema:
        """Return the names of the columns; their types are whatever the source has."""
        return pa.schema([(name, pa.string()) for name in self.columns])


def read(split: Split, shape: Shape) -> Iterator[Batch]:
    """Yield the exchanges of one split of a table of this shape, in a file of any of the three kinds."""
    how = kind_of(split.path)
    if how == "parquet":
        yield from _with_all_columns(parquet.read_with(split, shape.schema, fit(shape)))
    elif how == "csv":
        yield from _with_all_columns(delimited.read_with(split, shape.schema, fit(shape)))
    else:
        yield from _of_documents(split, shape)


def kind_of(path: str) -> str:
    """Return `parquet`, `json` or `csv`, by a file's first bytes."""
    first = head(path)
    if first.startswith(b"PAR1"):
        return "parquet"
    bare = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "json" if bare.startswith((b"{", b"[")) or not bare else "csv"


def _with_all_columns(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches; one that only says what was lost has no rows of the contract instead of the source's."""
    for batch in batches:
        known = set(batch.exchanges.schema.names) <= set(EXCHANGES.names)
        yield batch if known else batch._replace(exchanges=nothing(EXCHANGES))


def _of_documents(split: Split, shape: Shape) -> Iterator[Batch]:
    tally = Tally()
    make = fit(shape)
    for rows, place in _chunks(split, shape, tally):
        lost = tally.lines
        batch = make(rows, place)
        tally.merge(batch.left_out)
        yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + lost))
        tally.clear()
    if tally.left_out():
        yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)


def _chunks(split: Split, shape: Shape, tally: Tally) -> Iterator[tuple[pa.RecordBatch, Place]]:
    """Yield the rows of JSON in any layout, as they are, and where they come from."""
    first = head(split.path)
    if documents.layout(first) != "lines" or documents.refuse_wide(split, first, Tally()):
        for chunk in documents.chunks(split, tally):
            yield batch_of(chunk.records, shape.columns, tally), chunk.place
        return
    for block, origin in documents.line_blocks(split, tally):
        yield rows_placed(block, origin, shape.columns, tally)


def rows_placed(
    block: Block, origin: Origin, names: Sequence[str], tally: Tally, kinds: Sequence[pa.Field[Any]] | None = None
) -> tuple[pa.RecordBatch, Place]:
    """Return the values of `rows_of`, and where each row comes from."""
    place = origin.place(block.first)
    rows, numbers = rows_of(block, names, place, tally, kinds)
    return rows, lambda row: place(numbers[row])


@paused()
def rows_of(
    block: Block, names: Sequence[str], place: Place, tally: Tally, kinds: Sequence[pa.Field[Any]] | None = None
) -> tuple[pa.RecordBatch, list[int]]:
    """
    Return the values under some names on the lines of a block, and the lines' numbers, a few hundred at a time.

    Lists and objects are JSON text as they stand there, or, where `kinds` say what each column is for, what that makes of them.
    """
    listed = Listed(block.data)
    nested = _nested(listed) if kinds is None else frozenset[str]()
    decoder = json.Decoder(_record(tuple(names), nested) if kinds is None else _anything(tuple(names)))
    fields = [pa.field(name, pa.string()) for name in names] if kinds is None else kinds
    cut = len(listed) - 1 if block.cut else None
    numbers: list[int] = []
    arrays: dict[str, list[Column]] = {name: [] for name in names}
    for some, rows, odd in decoded(listed, decoder, is_utf_8(block.data)):
        held: Sequence[Sequence[object]] = list(zip(*map(astuple, rows), strict=True)) or [()] * len(names)
        held = [list(map(_text, column)) if name in nested else column for name, column in zip(names, held, strict=True)]
        if odd:
            some, held = _with_others(some, held, *documents.records_at(
                ((number, listed[number]) for number in odd), cut, place, tally, documents.as_it_is
            ), names, kinds is None)  # fmt: skip
        numbers += some
        for name, field, column in zip(names, fields, held, strict=True):
            arrays[name].append(columns.column_of(column, field, tally))
    return pa.RecordBatch.from_arrays([joined(arrays[name]) for name in names], names=list(names)), numbers


def _with_others(
    some: Sequence[int], held: Sequence[Sequence[object]], records: Sequence[documents.Record], at: Sequence[int],
    names: Sequence[str], as_text: bool,
) -> tuple[Sequence[int], Sequence[Sequence[object]]]:  # fmt: skip
    """Return rows and those of other records, by the numbers of their lines, and these numbers."""
    numbers = [*some, *at]
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    written = _written if as_text else _same
    both = [
        [*column, *(written(record.get(name)) for record in records)] for name, column in zip(names, held, strict=True)
    ]
    return [numbers[row] for row in order], [[column[row] for row in order] for column in both]


def _nested(listed: Listed) -> frozenset[str]:
    """Return the names under which some lines of a block, from its start to its end, have objects or lists."""
    records = map(documents.parse, listed.sample(PEEKED_LINES))
    return frozenset(n for one in records if isinstance(one, dict) for n, v in one.items() if isinstance(v, dict | list))


@lru_cache(maxsize=256)
def _record(names: tuple[str, ...], nested: frozenset[str]) -> Any:
    """Return the type of a row: what is nested as it stands, the rest as text or a number."""
    scalar = str | int | float | bool | None
    own = {name: f"field{number}" for number, name in enumerate(names)}
    fields = [(own[name], Raw, Raw()) if name in nested else (own[name], scalar, None) for name in names]
    return defstruct("Record", fields, rename={mine: name for name, mine in own.items()}, gc=False)


@lru_cache(maxsize=256)
def _anything(names: tuple[str, ...]) -> Any:
    """Return the type of a row of whatever is there."""
    own = {name: f"field{number}" for number, name in enumerate(names)}
    fields = [(mine, Any, None) for mine in own.values()]
    return defstruct("Record", fields, rename={mine: name for name, mine in own.items()}, gc=False)


def _same(value: object) -> object:
    return value


def _text(value: object) -> object:
    """Return a value as it is, and JSON as text."""
    if type(value) is not Raw:
        return value
    raw = bytes(value)
    return _written(documents.value_of(raw)) if raw[:1] not in (b"{", b"[") and raw else raw.decode() or None


def _written(value: object) -> object:
    return json_text(value) if isinstance(value, list | dict) else value


def batch_of(records: Sequence[Mapping[str, object]], names: Sequence[str], tally: Tally) -> pa.RecordBatch:
    """Return records' values in columns; lists and objects become JSON text."""
    found = []
    for name, values in zip(names, columns.values_under(names, records), strict=True):
        flat: list[object] = list(map(_written, values))
        found.append(columns.column_of(flat, pa.field(name, pa.string()), tally))
    return pa.RecordBatch.from_arrays(found, names=list(names))


def streamed(batches: Iterator[pa.RecordBatch], shape: Shape, name: str) -> Iterator[Batch]:
    """Yield what comes of batches that arrive one after the other, rows numbered from 1 under `name`."""
    make = fit(shape)
    before = 0
    for batch in batches:
        for piece in pieces(batch):
            yield from sliced(make(piece, _numbered(name, before)))
            before += piece.num_rows


def _numbered(name: str, before: int) -> Place:
    return lambda row: f"{name} row {before + row + 1}"


def fit(shape: Shape) -> Fit:
    """Return what makes a batch of rows, as they are in the source, into exchanges."""

    def make(batch: pa.RecordBatch, place: Place) -> Batch:
        tally = Tally()
        kept, numbers = _ours(_rows(batch, shape.columns), shape, tally)
        if len(numbers) == 0:
            return Batch(nothing(EXCHANGES), tally.left_out(), batch.num_rows)
        made = shape.exchanges(kept, tally)
        rows = pa.RecordBatch.from_arrays(list(made.values()), names=list(made))
        fitted = conform(rows, EXCHANGES, REQUIRED, lambda row: place(numbers[row].as_py()))
        tally.merge(fitted.left_out)
        return Batch(fitted.exchanges, tally.left_out(), batch.num_rows)

    return make


def _rows(batch: pa.RecordBatch, names: Sequence[str]) -> dict[str, Column]:
    """Return the named columns in plain types; the first of each name, null where there is none."""
    there = batch.schema.names
    return {
        name: plain(batch.column(there.index(name))) if name in there else pa.nulls(batch.num_rows, pa.string())
        for name in names
    }


def _ours(rows: Rows, shape: Shape, tally: Tally) -> tuple[Rows, Column]:
    """Return the rows that are exchanges, with their numbers in the batch; the others are counted by reason."""
    reasons = shape.not_ours(rows)
    keep = pc.is_null(reasons)
    for one in pc.value_counts(reasons.drop_null()).to_pylist():
        tally.add("line", one["values"], one["counts"])
    if pc.all(keep).as_py() is not False:
        return rows, pa.array(np.arange(len(keep)))
    return {name: column.filter(keep) for name, column in rows.items()}, pc.indices_nonzero(keep)


def lost(reason: str, place: str) -> Batch:
    """Return a batch without rows which says that a source, or the rest of one, could not be read."""
    gone = LeftOut(what="file", reason=reason, count=1, defect=True, examples=(place,))
    return Batch(nothing(EXCHANGES), (gone,), 0)


def text(column: Column) -> Column:
    """Return a column as text, empty text as null; nested values are none."""
    column, _ = cast(column, pa.field("", pa.string()))
    return pc.if_else(pc.equal(column, ""), None, column)


def moment(column: Column) -> Column:
    """Return a column as moments in UTC, null where a value is no time."""
    return cast(column, EXCHANGES.field("started_at"))[0]


def count(column: Column) -> Column:
    """Return a column as whole numbers, null where a value is none."""
    return cast(column, EXCHANGES.field("tokens_in"))[0]


def number(column: Column) -> Column:
    """Return a column as numbers, null where a value is none."""
    return cast(column, EXCHANGES.field("temperature"))[0]


def named(column: Column, nobody: frozenset[str] = frozenset(("", "None"))) -> Column:
    """Return a column of ids as text, null where the value stands for no one."""
    column = text(column)
    unknown = pc.is_in(pc.utf8_trim_whitespace(column), pa.array(sorted(nobody), pa.string()))
    return pc.if_else(unknown, None, column)


def first_named(candidates: Sequence[tuple[str, Column]], wanted: str, tally: Tally) -> Column:
    """
    Return, row by row, the first candidate that names someone: the account.

    Each is a label and a column of ids. Where another than the first is used, that is counted by its label.
    """
    account = candidates[0][1]
    for label, column in candidates[1:]:
        used = pc.sum(pc.and_(pc.is_null(account), pc.is_valid(column))).as_py() or 0
        tally.add("value", f"account is the {label}, for want of {wanted}", used)
        account = pc.coalesce(account, column)
    return account
