"""
Plain records of a format are read by msgspec into typed rows, and become columns together; the others go one by one.

A `Plain` names the type of a record as most are, which holds no more than what is read of it, and what its rows say by
column. What it takes must give what the format's conversion of one record gives: the conversion is the definition, and
this way is there for its speed only. A record of another type is not read wrongly; msgspec refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, get_args

import msgspec
import numpy as np
import pyarrow as pa

from stillhunt.collect import columns, documents, lines
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.collector import paused
from stillhunt.collect.conform import conformed, nothing
from stillhunt.collect.tally import MOST_EXAMPLES, Place, Tally
from stillhunt.collect.text import without_surrogates
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch

Values = Mapping[str, Sequence[object]]
"""Columns under the contract's names."""

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

class Told(NamedTuple):
    """What plain records say: columns under the contract's names, and what is left out or second best of them."""

    values: Values
    left: Sequence[str | None] | None = None
    """For each record the reason why it is no exchange, or null."""
    noted: Sequence[Sequence[str | None]] = ()
    """For each record a reason for a value that is second best, or null; more than one where there can be more."""
    odd: Collection[int] = ()
    """Records that are not plain on closer view."""


@dataclass(frozen=True, eq=False, slots=True)
class Plain:
    """The type of a format's plain records, and what they say."""

    fields: Mapping[str, Any]
    """Names in a record that are read, with the types that are plain; `NoneType` for what a plain record has not."""
    tell: Callable[[Held], Told]
    blanks: tuple[str, ...] = ("",)
    """Text that says nothing."""
    unread: Callable[[str], bool] = lambda name: True
    """Whether a name that is not among the fields is read by nobody."""


TOGETHER = 256
"""Rows that become columns together: more would not stay in the processor's cache meanwhile."""

MOST_TOGETHER, BYTES_TOGETHER = 1024, 2**20
"""So many short rows, which do."""

NEWLINE, OPEN, CLOSE = b"\n{}"


class Held:
    """Plain records of one type as columns, by names in JSON."""

    def __init__(self, rows: Sequence[Any], blanks: tuple[str, ...] = ("",)) -> None:
        """Take the fields of rows."""
        self._blanks = blanks
        names = type(rows[0]).__struct_encode_fields__
        self.rows = len(rows)
        self._columns = dict(zip(names, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True))

    def all(self, name: str) -> Sequence[Any]:
        """Return a field that every plain record has."""
        column: Sequence[Any] = self._columns[name]
        return column

    def get(self, *names: str) -> Sequence[Any]:
        """Return, row by row, the first of some fields that is there and not empty."""
        return first_of(self.rows, *(self._columns.get(name) for name in names), blanks=self._blanks)


def there(column: Sequence[object] | None) -> bool:
    """Whether anything is in a column."""
    if column is None:
        return False
    return (len(column) > 0 and column[0] is not None) or column.count(None) < len(column)


Lazy = Sequence[Any] | Callable[[], Sequence[Any]] | None
"""A column, or what gives it when it is wanted, or nothing."""


def first_of(rows: int, *columns: Lazy, blanks: tuple[str, ...] = ("",)) -> Sequence[Any]:
    """Return, row by row, the first value that is neither null nor text that says nothing."""
    found: Sequence[Any] | None = None
    for given in columns:
        column = given() if callable(given) else given
        if column is None or not there(column):
            continue
        for blank in blanks:
            if (blank or not all(column)) and blank in column:
                column = [None if value == blank else value for value in column]
        found = column if found is None else [b if a is None else a for a, b in zip(found, column, strict=True)]
        if all(found) or None not in found:
            break
    return (None,) * rows if found is None else found


def each(column: Sequence[Any], read: Callable[[Any], Any]) -> Sequence[Any]:
    """Return what a function makes of each value, which must make nothing of nothing."""
    return [None if value is None else read(value) for value in column] if there(column) else column


def through(read: Callable[[Any], Any], column: Sequence[Any]) -> list[Any]:
    """Return what a function makes of each value, asked once for each that is different."""
    known = {value: read(value) for value in set(column)}
    return [known[value] for value in column]


def optional(kind: Any, *names: str) -> dict[str, Any]:
    """Return fields of some type that may be missing or null."""
    return dict.fromkeys(names, kind | None)


def absent(*names: str) -> dict[str, Any]:
    """Return fields that a plain record has not, or as null."""
    return dict.fromkeys(names, type(None))


PEEKED_LINES, MOST_UNREAD = 24, 64


class Listed:
    """Lines of a block by number, from 0; none is copied before it is asked for."""

    def __init__(self, data: bytes) -> None:
        """Find where lines start and end; a line is what stands between line ends, and may be empty."""
        self._data = data
        array = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(array == NEWLINE)
        if not data.endswith(b"\n"):
            ends = np.append(ends, len(data))
        self._ends: list[int] = ends.tolist()
        self._starts = [0, *(end + 1 for end in self._ends[:-1])]
        first, last = (array[np.minimum(at, max(0, len(data) - 1))] for at in (self._starts, ends - 1)) if data else ([], [])
        self._objects = (np.asarray(first) == OPEN) & (np.asarray(last) == CLOSE)

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self._ends)

    def __getitem__(self, number: int) -> bytes:
        """Return a line without its end."""
        return self._data[self._starts[number] : self._ends[number]]

    def sample(self, most: int) -> Iterator[bytes]:
        """Yield some lines, from the first to the last."""
        return map(self.__getitem__, range(0, len(self), max(1, len(self) // most)))

    def together_at_best(self) -> int:
        """Return how many lines should become columns together."""
        return min(max(TOGETHER, BYTES_TOGETHER * len(self) // (len(self._data) + 1)), MOST_TOGETHER)

    def together(self, start: int, stop: int) -> memoryview | None:
        """
        Return some lines as they stand one after the other; None where one is more or less than an object.

        A line's end lies neither inside a string nor between `}` and `{` of one value: where each line goes from `{` to `}` and
        there are as many values as lines, each line is one.
        """
        if not self._objects[start:stop].all():
            return None
        return memoryview(self._data)[self._starts[start] : self._ends[stop - 1]]


def peeked(lines: Iterable[bytes], plain: Plain) -> frozenset[str]:
    """
    Return the names in some lines of a block, from its start to its end.

    A type with only these costs much less than one with all that could be; a line with another name is not plain.
    """
    names: set[str] = set()
    for line in lines:
        record = documents.parse(line)
        names |= record.keys() if isinstance(record, dict) else set()
    unread = sorted(name for name in names - plain.fields.keys() if plain.unread(name) and _is_whole(name))[:MOST_UNREAD]
    return frozenset(names & plain.fields.keys()) | frozenset(unread)


def _is_whole(name: str) -> bool:
    """Whether a name is text of whole characters that JSON has not to escape: no field of a type can have another."""
    return without_surrogates(name) == name and not any(one < " " or one in '"\\' for one in name)


@lru_cache(maxsize=256)
def _type(plain: Plain, names: frozenset[str]) -> Any:
    """Return the type of records that have only some names; what is not read is not looked at."""
    needed = [name for name, kind in plain.fields.items() if name in names or not _may_lack(kind)]
    python = {name: f"field{number}" for number, name in enumerate([*needed, *sorted(names - plain.fields.keys())])}
    found: list[Any] = []
    for name, own in python.items():
        kind = plain.fields.get(name, msgspec.Raw)
        found.append((own, kind, None if name in plain.fields else msgspec.Raw()) if _may_lack(kind) else (own, kind))
    rename = {own: name for name, own in python.items()}
    return msgspec.defstruct("Record", sorted(found, key=len), rename=rename, gc=False, forbid_unknown_fields=True)


def _may_lack(kind: Any) -> bool:
    return kind is msgspec.Raw or kind is type(None) or type(None) in get_args(kind)


@paused()
def of_block(block: lines.Block, origin: lines.Origin, plain: Plain, each: documents.Each, tally: Tally) -> Batch:
    """Return the exchanges of a block of lines, in their order, and how many lines it has; `tally` has what was left out."""
    place = origin.place(block.first)
    listed = Listed(block.data)
    taken = _Taken(plain, tally, place)
    names = _Names(plain, listed)
    sound = is_utf_8(block.data)  # what is not read is not looked at
    others: list[int] = []
    for numbers, rows, odd in decoded(listed, names.decoder(), sound, names.wider):
        others += odd
        taken.take(rows, numbers)
    found = taken.batches()
    others = sorted([*others, *taken.odd])
    if others:
        numbered = ((number, listed[number]) for number in others)
        records, at = documents.records_at(numbered, len(listed) - 1 if block.cut else None, place, tally, each)
        found.append((columns.batch_of(records, EXCHANGES, tally), np.array(at, np.int64)))
    kept = [fitted(rows, where, place, tally) for rows, where in found]
    return Batch(in_order(kept), (), taken.lines + len(others))


Decoded = tuple[Sequence[int], list[Any], list[int]]
"""Numbers of lines, their rows, and the numbers of lines that are not of the rows' type; blank ones are no lines."""


def decoded(
    listed: Listed, decoder: Any, sound: bool, wider: Callable[[Sequence[int]], Any] | None = None
) -> Iterator[Decoded]:
    """
    Yield lines as rows of a type, some at a time: all at once while none is odd, then fewer, then one by one.

    After lines that were odd, `wider` may give another decoder for those that follow, by which their like are not.
    """
    together = listed.together_at_best()
    size = together if sound else 0
    for start in range(0, len(listed), together):
        stop = min(start + together, len(listed))
        numbers: list[int] = []
        rows: list[Any] = []
        odd: list[int] = []
        for first in range(start, stop, size or together):
            last = min(first + (size or together), stop)
            found = _at_once(listed, first, last, decoder) if size else None
            if found is None:
                some, found, lost = _one_by_one(listed, range(first, last), decoder.decode, sound)
                odd += lost
                numbers += some
                size = min(size, FEWER)
            else:
                numbers += range(first, last)
            rows += found
        yield numbers, rows, odd
        more = wider(odd) if odd and wider is not None else None
        if more is not None:
            decoder, size = more, together if sound else 0


class _Names:
    """The names that lines of a block were seen to have: at its start some of all lines, and then those of odd ones."""

    def __init__(self, plain: Plain, listed: Listed) -> None:
        self._plain, self._listed = plain, listed
        self._seen = peeked(listed.sample(PEEKED_LINES), plain)
        self._wider = 0

    def decoder(self) -> Any:
        return msgspec.json.Decoder(_type(self._plain, self._seen))

    def wider(self, odd: Sequence[int]) -> Any:
        """Return a decoder of lines with more names, if odd lines have some that were not seen; None where they have none."""
        some = odd[:: max(1, len(odd) // FEWER)]
        seen = self._seen | peeked(map(self._listed.__getitem__, some), self._plain)
        if seen == self._seen or self._wider >= MOST_WIDER:
            return None
        self._seen, self._wider = seen, self._wider + 1
        return self.decoder()


MOST_WIDER = 8
"""Times that a block's names are added to: each costs a type."""

FEWER = 32
"""Lines that are decoded at once where some are odd: one of them costs the others the attempt."""


def _at_once(listed: Listed, start: int, stop: int, decoder: Any) -> list[Any] | None:
    """Return some lines as rows; None where one is not of their type, or no line of its own."""
    some = listed.together(start, stop)
    try:
        rows: list[Any] = [] if some is None else decoder.decode_lines(some)
    except REFUSED:
        return None
    return rows if len(rows) == stop - start else None


def _one_by_one(listed: Listed, some: range, decode: Callable[[bytes], Any], sound: bool) -> Decoded:
    numbers: list[int] = []
    rows: list[Any] = []
    odd: list[int] = []
    for number in some:
        line = listed[number]
        if not line or line.isspace():
            continue
        try:
            if not sound:
                line.decode()
            rows.append(decode(line))
            numbers.append(number)
        except REFUSED:
            odd.append(number)
    return numbers, rows, odd


class _Taken:
    """Plain rows of a block, made columns a few at a time."""

    def __init__(self, plain: Plain, tally: Tally, place: Place) -> None:
        self.lines = 0
        self.odd: list[int] = []
        self._plain, self._tally, self._place = plain, tally, place
        self._where: list[Any] = []
        self._rows = 0
        self._arrays: dict[str, list[Column]] = {}

    def take(self, rows: list[Any], numbers: Sequence[int]) -> None:
        """Take some rows, and the numbers of their lines."""
        if not rows:
            return
        told = self._plain.tell(Held(rows, self._plain.blanks))
        self.odd += [numbers[row] for row in told.odd]
        self.lines += len(rows) - len(told.odd)
        values, where = _counted(told, np.array(numbers, np.int64), self._tally, self._place)
        given: set[str] = set()
        for name, column in values.items():
            if isinstance(column, pa.Array) or there(column):
                arrays = self._arrays.setdefault(name, [pa.nulls(self._rows)] if self._rows else [])
                arrays.append(array_of(column, name, self._tally))
                given.add(name)
        for name in self._arrays.keys() - given:
            self._arrays[name].append(pa.nulls(len(where)))
        self._where.append(where)
        self._rows += len(where)

    def batches(self) -> list[tuple[pa.RecordBatch, Any]]:
        """Return what there is, as one batch or none."""
        if not self._rows:
            return []
        where = np.concatenate(self._where)
        names = [name for name in EXCHANGES.names if name in self._arrays]
        held = [joined(self._arrays[name]) for name in names]
        lacking = [name for name in REQUIRED if name not in names]
        held += [pa.nulls(len(where))] * len(lacking)
        return [(pa.RecordBatch.from_arrays(held, names=[*names, *lacking]), where)]


def joined(arrays: list[Column]) -> Column:
    """Return arrays as one: of one type where they are, else as text that says the same."""
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string() if kinds else pa.null()
    return pa.concat_arrays([array if array.type == kind else array.cast(kind) for array in arrays])


def array_of(column: Any, name: str, tally: Tally) -> Column:
    """Return the values of a column of the contract, which are not all null, as Arrow has them."""
    if isinstance(column, pa.Array):
        return column
    field = EXCHANGES.field(name)
    if not pa.types.is_list(field.type) and str in (type(column[0]), type(column[-1])):
        try:
            return pa.array(column, pa.string())
        except (pa.ArrowException, UnicodeEncodeError):
            pass  # not only text, or half a character
    return columns.column_of(column, field, tally)


def is_utf_8(data: bytes) -> bool:
    """Whether bytes are UTF-8, by Arrow's check, which makes nothing of them."""
    if data.isascii():
        return True
    try:
        pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, len(data)], np.int32)), pa.py_buffer(data)).validate(full=True)
    except (pa.ArrowException, ValueError):
        return False
    return True


def _counted(told: Told, where: Any, tally: Tally, place: Place) -> tuple[Values, Any]:
    """Return the columns of rows that are exchanges, and their numbers; count the others, and values second best."""
    values, left, noted = told.values, told.left, [reasons for reasons in told.noted if there(reasons)]
    if told.odd or there(left):
        kept = [row for row in range(len(where)) if row not in told.odd and (left is None or left[row] is None)]
        if left is not None:
            _count("line", [[None if row in told.odd else one for row, one in enumerate(left)]], where, tally, place)
        values = {name: _taken(column, kept) for name, column in values.items()}
        noted = [[reasons[row] for row in kept] for reasons in noted]
        where = where[kept]
    _count("value", noted, where, tally, place)
    return values, where


def _taken(column: Any, rows: list[int]) -> Any:
    return column.take(pa.array(rows, pa.int64())) if isinstance(column, pa.Array) else [column[row] for row in rows]


def _count(what: str, reasons: Sequence[Sequence[str | None]], where: Any, tally: Tally, place: Place) -> None:
    """Count reasons, each line once among the examples of one."""
    for reason in dict.fromkeys(one for some in reasons for one in some):
        if reason is not None:
            rows = sorted({row for some in reasons for row, one in enumerate(some) if one == reason})[:MOST_EXAMPLES]
            count = sum(some.count(reason) for some in reasons)
            tally.add(what, reason, count, places=[place(int(where[row])) for row in rows])


def fitted(rows: pa.RecordBatch, where: Any, place: Place, tally: Tally) -> tuple[pa.RecordBatch, Column]:
    """Return the rows that are exchanges in the contract's types, and their numbers out of `where`; count the others."""
    batch, kept = conformed(rows, EXCHANGES, REQUIRED, lambda row: place(int(where[row])))
    tally.merge(batch.left_out)
    return batch.exchanges, pa.array(where, pa.int64()).filter(kept)


def in_order(found: list[tuple[pa.RecordBatch, Column]]) -> pa.RecordBatch:
    """Return the rows of one or two batches by the numbers of their lines."""
    filled = [(rows, numbers) for rows, numbers in found if rows.num_rows]
    if not filled:
        return nothing(EXCHANGES)
    if len(filled) == 1:
        return filled[0][0]
    tables = [pa.Table.from_batches([rows]) for rows, _ in filled]
    order = pc.sort_indices(pa.concat_arrays([numbers for _, numbers in filled]))
    both = pa.concat_tables(tables, promote_options="default").take(order).combine_chunks()
    return both.select([name for name in EXCHANGES.names if name in both.schema.names]).to_batches()[0]
