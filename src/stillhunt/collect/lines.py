"""Lines of a text log, in blocks; each line belongs to the part of the file in which its first byte lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stillhunt.collect.opening import Opened
from stillhunt.collect.tally import Place, Tally

BLOCK = 8 * 2**20
LONGEST_LINE = 64 * 2**20

TOO_LONG = "longer than 64 MB"
CUT_OFF = "cut off at the end of the file"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Block:
    """Whole lines: their bytes, and the number of the first, from 0 within the part, blank ones included."""

    data: bytes
    first: int
    cut: bool = False
    """Whether the last line has no line end because the file ends there."""


@dataclass(slots=True)
class Origin:
    """A file and the byte at which a part of it starts; names lines as `march.jsonl:418`."""

    path: str
    start: int = 0
    _before: int | None = field(default=None, repr=False)

    def place(self, first: int) -> Place:
        """Return the names of lines, counted from line `first` of the part."""
        return lambda row: f"{Path(self.path).name}:{self.before() + first + row + 1}"

    def before(self) -> int:
        """Return how many lines the file has before this part; counted when first asked for."""
        if self._before is None:
            self._before = _lines_before(self.path, self.start)
        return self._before


def _lines_before(path: str, start: int) -> int:
    if start == 0:
        return 0
    count, left = 0, start
    with Path(path).open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 2**20))):
            count += piece.count(b"\n")
            left -= len(piece)
    return count


def span(size: int, part: int, parts: int) -> tuple[int, int]:
    """Return the bytes, from and up to, of part `part` of `parts` of a file of `size` bytes."""
    return size * part // parts, size * (part + 1) // parts


def blocks(opened: Opened, start: int, end: int | None, tally: Tally, origin: Origin) -> Iterator[Block]:
    """
    Yield blocks of the lines whose first byte lies in [start, end); `end` None is the file's end.

    A line above 64 MB is left out and counted in `tally`. `origin.start` must be where the first such
    line starts; `line_start` finds it.
    """
    held: list[bytes] = []
    size, first, position = 0, 0, start
    skipping = False
    for piece in opened.pieces():
        if skipping:
            end_of_line = piece.find(b"\n")
            if end_of_line < 0:
                position += len(piece)
                continue
            position += end_of_line + 1
            piece, skipping, first = piece[end_of_line + 1 :], False, first + 1
        if end is not None and position >= end:
            return
        held.append(piece)
        size += len(piece)
        done = end is not None and position + size >= end
        if size < BLOCK and not done:
            continue
        data, rest = _cut(held, end - position if end is not None and done else None)
        if data:
            yield Block(data, first)
            if done and len(data) >= (end or 0) - position:
                return
            first, position = first + data.count(b"\n"), position + len(data)
        held, size = rest, sum(map(len, rest))
        if size > LONGEST_LINE:
            tally.line(TOO_LONG, origin.place(first), 0)
            position, skipping = position + size, True
            held, size = [], 0
    if held:
        yield Block(b"".join(held), first, cut=True)


def _cut(pieces: list[bytes], least: int | None) -> tuple[bytes, list[bytes]]:
    """
    Return the whole lines in some pieces, put together once, and the pieces that are left.

    Where `least` is given, these are as many lines as hold so many bytes, if the last of them ends here.
    """
    before = 0
    for number, piece in enumerate(pieces if least is not None else ()):
        at = piece.find(b"\n", max(0, (least or 0) - 1 - before)) if before + len(piece) >= (least or 0) else -1
        if at >= 0:
            return _parted(pieces, number, at + 1)
        before += len(piece)
    for number in reversed(range(len(pieces))):
        if (at := pieces[number].rfind(b"\n")) >= 0:
            return _parted(pieces, number, at + 1)
    return b"", pieces


def _parted(pieces: list[bytes], number: int, at: int) -> tuple[bytes, list[bytes]]:
    """Return what lies before a byte of one of some pieces, and what lies after it."""
    piece = memoryview(pieces[number])
    rest = [bytes(piece[at:]), *pieces[number + 1 :]] if at < len(piece) else pieces[number + 1 :]
    return b"".join([*pieces[:number], piece[:at]]), rest


def line_start(path: str | Path, at: int) -> int:
    """Return where the first line starts that begins at byte `at` or later (the file's size if none does)."""
    if at == 0:
        return 0
    with Path(path).open("rb") as file:
        file.seek(at - 1)
        position = at - 1
        while piece := file.read(2**20):
            found = piece.find(b"\n")
            if found >= 0:
                return position + found + 1
            position += len(piece)
        return position
