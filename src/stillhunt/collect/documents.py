"""
JSON values of a text log, one at a time, in each of the three layouts in which logs are written.

`lines`: one value a line. `array`: the whole file is `[value, value, …]`. `documents`: values one after
the other, each over several lines. Whatever is not a JSON object is left out, with the reason and place.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from stillhunt.collect import lines
from stillhunt.collect.collector import paused
from stillhunt.collect.opening import Opened, head, is_packed, wide_text
from stillhunt.collect.tally import Place, Tally
from stillhunt.plugs import Split

NOT_UTF_8 = "not valid UTF-8"
NUL_BYTES = "holds NUL bytes"
NOT_JSON = "not JSON"
NOT_OBJECT = "JSON, but not an object"

Record = dict[str, object]

Each = Callable[[Record], Record | str]
"""What becomes of an object as soon as it is parsed: another, or the reason why it is none of ours."""

Whole = Callable[[bytes], bool]
"""Takes a line as it stands, and says whether it did; one that it did not take is parsed."""

TAKEN: Record = {}

WINDOW = 4 * 2**20
"""Characters looked at while the end of a value is sought in the layouts that are not lines."""

CHUNK_RECORDS = 4096
CHUNK_BYTES = lines.BLOCK


@dataclass(slots=True)
class Chunk:
    """Some records, with the name of the place of each, and how many bytes of text they came from."""

    records: list[Record]
    place: Place


def layout(first: bytes) -> str:
    """
    Return the layout of a text log, by its first bytes: `lines`, `array` or `documents`.

    An indented object never has a line that is itself a whole object with something in it.
    """
    text = first.removeprefix(lines.BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"["):
        return "array"
    if not text.startswith(b"{"):
        return "lines"
    for line in text.split(b"\n")[:64]:
        stripped = line.strip()
        if len(stripped) > 2 and stripped.startswith(b"{") and stripped.endswith(b"}"):
            return "lines"
    return "documents" if text.split(b"\n", 1)[0].strip() in (b"{", b"") or _indented(text) else "lines"


def _indented(text: bytes) -> bool:
    """Whether the second line goes on inside the object that the first one opens."""
    second = text.split(b"\n", 2)[1:2]
    return bool(second) and second[0][:1] in (b" ", b"\t", b'"')


def parse(line: bytes) -> Record | str:
    """Return the object on one line, or the reason why there is none."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _parse_leniently(line)
    return value if isinstance(value, dict) else NOT_OBJECT


def _parse_leniently(line: bytes) -> Record | str:
    """Return the object on a line with NaN, infinities, numbers beyond all bounds or halves of characters, or what is wrong."""
    if b"\0" in line:
        return NUL_BYTES
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return NOT_UTF_8
    except (ValueError, RecursionError):
        return NOT_JSON
    return value if isinstance(value, dict) else NOT_OBJECT


def value_of(text: bytes) -> object:
    """Return the value that JSON stands for, numbers beyond all bounds as infinite or whole; None where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


def as_it_is(record: Record) -> Record:
    """Return the object."""
    return record


def records_of(
    block: lines.Block, origin: lines.Origin, tally: Tally, each: Each = as_it_is, whole: Whole | None = None
) -> Chunk:
    """Return the objects on the lines of a block; other lines are counted, blank ones are no lines."""
    place = origin.place(block.first)
    rows = block.data.split(b"\n")
    numbered = ((number, line) for number, line in enumerate(rows) if line and not line.isspace())
    found, numbers = records_at(numbered, len(rows) - 1 if block.cut else None, place, tally, each, whole)
    return Chunk(found, lambda row: place(numbers[row]))


@paused()
def records_at(
    numbered: Iterable[tuple[int, bytes]],
    cut: int | None,
    place: Place,
    tally: Tally,
    each: Each,
    whole: Whole | None = None,
) -> tuple[list[Record], list[int]]:
    """Return the objects on some lines of a block, with their numbers; line `cut` may lack its end."""
    found: list[Record] = []
    numbers: list[int] = []
    for number, line in numbered:
        line = line.removeprefix(lines.BYTE_ORDER_MARK) if number == 0 else line
        record = TAKEN if whole is not None and whole(line) else parse(line)
        if record is TAKEN:
            pass
        elif isinstance(record, str):
            tally.line(lines.CUT_OFF if number == cut and record != NOT_OBJECT else record, place, number)
        elif isinstance(made := each(record), str):
            tally.add("line", made, places=[place(number)] if tally.wants_place("line", made) else [])
        else:
            found.append(made)
            numbers.append(number)
        if tally.noted:
            tally.noted_at(place, number)
    return found, numbers


def line_blocks(split: Split, tally: Tally) -> Iterator[tuple[lines.Block, lines.Origin]]:
    """Yield the line blocks of a split; a packed file is read whole by its first part."""
    if is_packed(split.path):
        if split.part:
            return
        start, end = 0, None
    else:
        low, high = lines.span(_size(split.path), split.part, split.parts)
        start = lines.line_start(split.path, low)
        end = None if split.part + 1 == split.parts else high
        if split.part and start >= (high if end is None else end):
            return
    opened, origin = Opened(split.path, start=start), lines.Origin(split.path, start)
    for block in lines.blocks(opened, start, end, tally, origin):
        yield block, origin
    if opened.damage:
        tally.add("file", opened.damage, defect=True, places=[Path(split.path).name])


def _size(path: str) -> int:
    """Return a file's bytes; 0 where there is no such file, which shows when it is opened."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def chunks(split: Split, tally: Tally, each: Each = as_it_is, whole: Whole | None = None) -> Iterator[Chunk]:
    """
    Yield the objects of a split in any layout, `each` applied; what is left out is in `tally` by then.

    `each` is applied one by one: large objects that are let go at once cost half of those kept for a while. Lines that `whole`
    takes are not parsed; it is not asked in the other layouts.
    """
    first = head(split.path)
    if refuse_wide(split, first, tally):
        return
    how = layout(first)
    if how == "lines":
        for block, origin in line_blocks(split, tally):
            yield records_of(block, origin, tally, each, whole)
    elif split.part == 0:
        yield from _gathered(split, how, tally, each)


def refuse_wide(split: Split, first: bytes, tally: Tally) -> bool:
    """Whether the file is UTF-16 or UTF-32, which is left out as a whole."""
    wide = wide_text(first)
    if wide and split.part == 0:
        reason = f"it is {wide} text; convert it to UTF-8"
        tally.add("file", reason, defect=True, places=[Path(split.path).name])
    return wide is not None


def _gathered(split: Split, how: str, tally: Tally, each: Each) -> Iterator[Chunk]:
    name = Path(split.path).name
    found: list[Record] = []
    numbers: list[int] = []
    weight = 0

    def taken() -> Chunk:
        where = tuple(numbers)
        return Chunk(list(found), lambda row: f"{name} record {where[row]}")

    for number, (value, size) in enumerate(_values(split, how, tally), start=1):
        made = each(value) if isinstance(value, dict) else None
        if made is None:
            tally.add("line", NOT_OBJECT, defect=True, places=[f"{name} record {number}"])
        elif isinstance(made, str):
            tally.add("line", made, places=[f"{name} record {number}"] if tally.wants_place("line", made) else [])
        else:
            found.append(made)
            numbers.append(number)
            weight += size
        if tally.noted:
            tally.noted_at(lambda row: f"{name} record {row}", number)
        if len(found) >= CHUNK_RECORDS or weight >= CHUNK_BYTES:
            yield taken()
            found.clear()
            numbers.clear()
            weight = 0
    yield taken()


def _values(split: Split, how: str, tally: Tally) -> Iterator[tuple[object, int]]:
    """Yield the JSON values of a file, with the characters that each takes; count what is wrong with it."""
    opened = Opened(split.path)
    source = Values(opened.pieces(), array=how == "array")
    count = 0
    for value in source:
        count += 1
        yield value
    places = [f"{Path(split.path).name} record {count + 1}"]
    if opened.damage:
        tally.add("file", opened.damage, defect=True, places=places)
    if source.broken:
        tally.add("file", BROKEN, defect=True, places=places)
    tally.add("value", REPLACED, source.replaced)


BETWEEN = " \t\r\n,\ufeff"
BROKEN = "its JSON is cut off or broken; the records before that point were read"
REPLACED = "text with bytes that are not UTF-8, which were replaced"


class Values:
    """
    JSON values of an array, or of documents in a row, from pieces of UTF-8; they end where they are broken.

    After the last, `broken` says whether something is left that is no value, and `replaced` how many
    characters stand for bytes that are not UTF-8.
    """

    def __init__(self, pieces: Iterator[bytes], *, array: bool) -> None:
        """Start before the first value."""
        self.broken = False
        self.replaced = 0
        self._array = array
        self._inside = False
        self._text = ""
        self._at = 0
        self._pieces = pieces
        self._reader = codecs.getincrementaldecoder("utf-8")("replace")

    def __iter__(self) -> Iterator[tuple[object, int]]:
        """Yield each value and the number of characters that it takes."""
        decode = json.JSONDecoder().raw_decode
        while True:
            self._skip_between()
            try:
                value, stop = decode(self._text, self._at)
            except (ValueError, RecursionError):
                value, stop = None, -1
            left = len(self._text) - self._at
            if stop >= 0 and (stop < len(self._text) or self._text[stop - 1] in "]}"):
                yield value, stop - self._at
                self._at = stop
            elif left > lines.LONGEST_LINE or not self._more(max(WINDOW, left)):
                break
        self.broken = bool(self._text[self._at :].strip(BETWEEN + "\0")) or self._inside

    def _more(self, wanted: int) -> bool:
        """Take in about `wanted` more characters; whether there were any."""
        taken = [self._text[self._at :]]
        while wanted > 0:
            piece = next(self._pieces, b"")
            text = self._reader.decode(piece, final=not piece)
            self.replaced += max(0, text.count("\ufffd") - piece.count("\ufffd".encode()))
            taken.append(text)
            wanted -= len(text)
            if not piece:
                break
        self._text, self._at = "".join(taken), 0
        return any(taken[1:])

    def _skip_between(self) -> None:
        """Pass over what stands between values, and over the brackets of the array itself."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if self._array and character == ("]" if self._inside else "["):
                self._inside = not self._inside
            elif character not in BETWEEN:
                return
            self._at += 1
