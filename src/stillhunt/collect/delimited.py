"""
CSV and TSV with a header under the contract's own names; the delimiter is the one that fits the header.

A field in double quotes may hold delimiters, line ends and doubled quotes. A row with more or fewer
fields than the header is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pacsv

from stillhunt.collect.arrays import Bytes, Column
from stillhunt.collect.conform import Fit, conform, nothing, sliced
from stillhunt.collect.documents import refuse_wide
from stillhunt.collect.lines import BLOCK, BYTE_ORDER_MARK, LONGEST_LINE
from stillhunt.collect.opening import Opened, head
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

DELIMITERS = (",", ";", "\t", "|")

WRONG_COUNT = "not as many fields as the header has"
UNREADABLE = "not readable as CSV"


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of a CSV log, and what was left out; its first part reads it whole."""
    return read_as(split, EXCHANGES, REQUIRED)


def read_as(split: Split, schema: pa.Schema, required: Sequence[str]) -> Iterator[Batch]:
    """Yield the rows of a CSV file under the names of `schema`."""
    return read_with(split, schema, lambda rows, place: conform(rows, schema, required, place))


def read_with(split: Split, schema: pa.Schema, fit: Fit) -> Iterator[Batch]:
    """Yield what `fit` makes of the columns, as bytes, that `schema` names; what is lost has no rows of it."""
    if split.part:
        return
    name = Path(split.path).name
    tally = Tally()
    first = head(split.path)
    if not refuse_wide(split, first, tally):
        opened = Opened(split.path)
        delimiter = sniffed(first, schema.names)
        header: list[str] | None = None
        row = 0
        for block in _blocks(opened):
            if header is None:
                header, block = _header(block, delimiter)
            for table in _rows(block, header, delimiter, schema.names):
                batch = table.fitted(fit, f"{name} row", row)
                row += batch.lines
                yield from sliced(batch)
        if opened.damage:
            tally.add("file", opened.damage, defect=True, places=[name])
    if tally.left_out():
        yield Batch(nothing(schema), tally.left_out(), tally.lines)


def sniffed(first: bytes, names: Sequence[str]) -> str:
    """Return the delimiter that finds most contract names in a file's first line, then most fields."""
    line = first.removeprefix(BYTE_ORDER_MARK).lstrip(b"\r\n").split(b"\n", 1)[0].decode(errors="replace")

    def worth(delimiter: str) -> tuple[int, int, int]:
        fields = [_bare(field) for field in line.split(delimiter)]
        return len(set(fields) & set(names)), len(fields), -DELIMITERS.index(delimiter)

    return max(DELIMITERS, key=worth)


def header_of(first: bytes) -> list[str]:
    """Return the column names of a CSV file, by its first bytes."""
    return _header(first, sniffed(first, ()))[0]


def _bare(field: str) -> str:
    return field.strip().strip('"').strip()


def _header(block: bytes, delimiter: str) -> tuple[list[str], bytes]:
    """Return the column names, and the block without the header's record."""
    block = block.removeprefix(BYTE_ORDER_MARK).lstrip(b"\r\n")
    stop = 0
    while True:  # a quoted name may hold a line end
        stop = block.find(b"\n", stop) + 1
        if stop == 0 or block.count(b'"', 0, stop) % 2 == 0:
            break
    line = block[: stop or len(block)]
    names = _parsed_names(line, delimiter)
    return names, block[len(line) :]


def _parsed_names(line: bytes, delimiter: str) -> list[str]:
    """Return the header's fields, unquoted and without spaces around; a repeated one is kept once."""
    try:
        table = pacsv.read_csv(
            Bytes(line),
            read_options=pacsv.ReadOptions(use_threads=False, autogenerate_column_names=True),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(strings_can_be_null=False),
        )
        fields = [_bare(str(column[0].as_py())) for column in table.columns]
    except (pa.ArrowException, ValueError, IndexError, UnicodeDecodeError):
        fields = [_bare(field) for field in line.decode(errors="replace").strip().split(delimiter)]
    seen: set[str] = set()
    names = []
    for number, field in enumerate(fields):
        names.append(field if field not in seen else f"{field} {number}")
        seen.add(field)
    return names


def _blocks(opened: Opened) -> Iterator[bytes]:
    """
    Yield blocks of whole records: each ends at a line end before which the quotes are balanced.

    A quote inside an unquoted field upsets the balance; after 64 MB without it a block ends at any line end.
    """
    held = bytearray()
    for piece in opened.pieces():
        held += piece
        if len(held) < BLOCK:
            continue
        stop = _balanced(held)
        if stop == 0 and len(held) > LONGEST_LINE:
            stop = held.rfind(b"\n") + 1 or len(held)
        if stop:
            yield bytes(held[:stop])
            del held[:stop]
    if held:
        yield bytes(held)


def _balanced(held: bytearray) -> int:
    """Return the end of the last line with balanced quotes before it, of the last thousand lines; else 0."""
    stop = held.rfind(b"\n") + 1
    quotes = held.count(b'"', 0, stop)
    for _ in range(1000):
        if stop == 0 or quotes % 2 == 0:
            return stop
        before = held.rfind(b"\n", 0, stop - 1) + 1
        quotes -= held.count(b'"', before, stop)
        stop = before
    return 0


def _rows(block: bytes, header: list[str], delimiter: str, names: Sequence[str]) -> Iterator[_Rows]:
    """Yield the rows of a block; one that cannot be parsed is halved until only the broken record is lost."""
    if not block.strip(b"\r\n"):
        return
    try:
        yield _Rows(block, header, delimiter, names)
    except (pa.ArrowException, ValueError):
        middle = _balanced(bytearray(block[: len(block) // 2])) or block.find(b"\n", 0, -1) + 1
        if 0 < middle < len(block):
            yield from _rows(block[:middle], header, delimiter, names)
            yield from _rows(block[middle:], header, delimiter, names)
        else:
            yield _Rows(b"", header, delimiter, names)


class _Rows:
    """The rows of one block: those with the header's number of fields as bytes, and the others by number."""

    def __init__(self, block: bytes, header: list[str], delimiter: str, names: Sequence[str]) -> None:
        self._wrong: list[int] = []
        self._unreadable = not block
        wanted = [name for name in header if name in names]
        if self._unreadable:
            self._table = pa.table({"": pa.nulls(0)})
            return

        def set_aside(row: pacsv.InvalidRow) -> Literal["skip"]:
            self._wrong.append((row.number or 1) - 1)
            return "skip"

        columns = wanted or header[:1]  # without a column there would be no rows to count
        odd = not _is_utf_8(block)  # Arrow's report of a row with too few fields must be text
        block = block.decode("latin-1").encode() if odd else block
        self._table = pacsv.read_csv(
            Bytes(block),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=header),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=set_aside
            ),
            convert_options=pacsv.ConvertOptions(
                check_utf8=False,
                column_types={name: pa.binary() for name in columns},
                include_columns=columns,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        if odd:
            self._table = pa.table({name: _restored(self._table[name]) for name in columns})

    def fitted(self, fit: Fit, name: str, before: int) -> Batch:
        """Return what `fit` makes of the rows; `before` rows of the file come before the block."""
        batches = self._table.combine_chunks().to_batches()
        rows = batches[0] if batches else nothing(self._table.schema)
        batch = fit(rows, lambda row: f"{name} {before + self._number(row) + 1}")
        tally = Tally()
        places = (f"{name} {before + number + 1}" for number in self._wrong)
        tally.add("line", WRONG_COUNT, len(self._wrong), defect=True, places=places)
        tally.add("line", UNREADABLE, int(self._unreadable), defect=True, places=[f"{name} {before + 1}"])
        lost = tally.lines
        tally.merge(batch.left_out)
        return Batch(batch.exchanges, tally.left_out(), batch.lines + lost)

    def _number(self, row: int) -> int:
        """Return the number, from 0 and among all rows of the block, of the row'th row that was kept."""
        for number in self._wrong:
            if number > row:
                break
            row += 1
        return row


def _is_utf_8(block: bytes) -> bool:
    try:
        pa.array([block], pa.binary()).cast(pa.string())
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return False
    return True


def _restored(column: Column) -> Column:
    """Return the bytes as they were before each was written as the character of its number."""
    values = [None if value is None else value.decode().encode("latin-1") for value in column.to_pylist()]
    return pa.array(values, pa.binary())
