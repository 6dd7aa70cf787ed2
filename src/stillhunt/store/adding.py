"""
Sources on their way into a store: only those that are not there yet, part by part, day by day.

A source counts from the moment its record is written, after all its calls are on the disk. One in which nothing was broken
is recorded as soon as it has been read; others wait until the caller says that what was broken may be left out.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillhunt.model import LeftOut
from stillhunt.plugs import Split
from stillhunt.store import disk
from stillhunt.store.calls_file import ROW_GROUP, CallsFile
from stillhunt.store.folder import CALLS_FOLDER, Store
from stillhunt.store.sources import Part, Source, Tally, appearance, identity, reading

HELD = 2 * ROW_GROUP
"""Calls of one piece that wait in memory for their row groups to fill, over all its days (about 300 bytes each)."""

_DAY_US = 86_400_000_000


@dataclass(slots=True)
class _Coming:
    """A source that is being read: what is known of it, how many pieces are still to come, what the others held."""

    id: str | None
    how: str
    seen: str
    waiting: int
    written: dict[int, list[tuple[Path, Part]]] = field(default_factory=dict)
    tallies: dict[int, Tally] = field(default_factory=dict)


class Adding:
    """
    The pieces of a log that a store does not hold; `pieces` are to be digested, each through `kept`, by any threads.

    A piece of a local file is known by the file's bytes; any other (a table, an object, a query) by what is left of it.
    """

    def __init__(self, store: Store, pieces: Sequence[object]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._number = itertools.count()
        self._coming: list[_Coming] = []
        self._of: dict[int, _Coming] = {}
        self.pieces: list[int] = []
        """Numbers of the pieces that are new, in their order: what `kept` is asked for."""
        self.known = 0
        """How many sources were there already."""
        self._sort(pieces)

    def kept(self, number: int, digested: Iterator[pa.RecordBatch | object]) -> Iterator[object]:
        """Write the digests of one piece into the store; yield its tally."""
        coming = self._of[number]
        tally = Tally()
        left_out: list[LeftOut] = []
        with _Writing(self._store, next(self._number)) as writing:
            for item in digested:
                if isinstance(item, Tally):
                    tally = item
                elif isinstance(item, pa.RecordBatch):
                    calls, lost = self._store.may_stay(item)
                    left_out += lost
                    writing.write(calls)
        tally = replace(tally, left_out=(*tally.left_out, *left_out))
        with self._lock:
            coming.written[number], coming.tallies[number] = writing.parts(), tally
            coming.waiting -= 1
            if not coming.waiting and all(t.sound for t in coming.tallies.values()):
                self._record(coming)
        yield tally

    def finish(self) -> None:
        """Record the sources that waited because something in them was broken."""
        for coming in self._coming:
            if not coming.waiting and coming.written:
                self._record(coming)

    def _sort(self, pieces: Sequence[object]) -> None:
        """
        Tell new sources from those that are there.

        1. A file that looks as it did when it was read (place, length, time of change) is the same.
        2. So is one with the same bytes, read as the same format.
        3. What is no file is read, and known by what is left of it.
        """
        key = self._store.key
        looks = {(s.seen, s.how) for s in self._store.sources.values()}
        files: dict[str, _Coming | None] = {}
        waiting: set[str] = set()
        for number, piece in enumerate(pieces):
            coming: _Coming | None
            if isinstance(piece, Split) and Path(piece.path).is_file():
                if piece.path not in files:
                    path, how = Path(piece.path), reading(piece.format, key)
                    seen = appearance(path, key)
                    found = None if (seen, how) in looks else identity(path, key)                 # 1.
                    known = found is None or ((s := self._store.sources.get(found)) is not None and s.how == how)  # 2.
                    known = known or (found is not None and found in waiting)
                    self.known += known
                    files[piece.path] = None
                    if not known and found is not None:
                        files[piece.path] = self._expect(_Coming(id=found, how=how, seen=seen, waiting=0))
                        waiting.add(found)
                coming = files[piece.path]
            else:                                                                            # 3.
                how = piece.format if isinstance(piece, Split) else "table"
                coming = self._expect(_Coming(id=None, how=how, seen="", waiting=0))
            if coming is not None:
                coming.waiting += 1
                self.pieces.append(number)
                self._of[number] = coming

    def _expect(self, coming: _Coming) -> _Coming:
        self._coming.append(coming)
        return coming

    def _record(self, coming: _Coming) -> None:
        """
        Make a source count.

        1. Its parts go to their places, under names that no other content has.
        2. Its record is written.
        """
        store = self._store
        written = [one for place in sorted(coming.written) for one in coming.written[place]]
        identity = coming.id or hashlib.blake2b("".join(p.digest for _, p in written).encode(), digest_size=16).hexdigest()
        with disk.explained(store.folder):
            parts = []
            for temporary, part in written:                                                  # 1.
                path = f"{CALLS_FOLDER}/day={part.day}/{identity[:16]}-{part.digest[:16]}.parquet"
                disk.place(temporary, store.folder / path)
                parts.append(replace(part, path=path))
            tallies = tuple(coming.tallies[place] for place in sorted(coming.tallies))
            store.counts(Source(id=identity, how=coming.how, seen=coming.seen, tallies=tallies, parts=tuple(parts)))  # 2.
        coming.written.clear()


class _Writing:
    """The parts that one piece becomes: one file for each day, open side by side, unfinished until they are recorded."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._number = number
        self._open: dict[int, CallsFile] = {}
        self._rows: dict[int, int] = {}

    def __enter__(self) -> _Writing:
        return self

    def __exit__(self, *problem: object) -> None:
        with disk.explained(self._store.folder):
            for file in self._open.values():
                file.close()

    def write(self, calls: pa.RecordBatch) -> None:
        """Add some calls, each to its day."""
        day = calls.column("started_at").cast(pa.int64()).to_numpy() // _DAY_US
        with disk.explained(self._store.folder):
            for one in np.unique(day).tolist():
                mine = calls if (day == one).all() else calls.filter(pa.array(day == one))
                self._file(one).write(mine)
                self._rows[one] = self._rows.get(one, 0) + mine.num_rows
            while sum(file.held for file in self._open.values()) > HELD:
                max(self._open.values(), key=lambda file: file.held).flush()

    def parts(self) -> list[tuple[Path, Part]]:
        """Return the files, on the disk, with what they will be recorded as."""
        out = []
        with disk.explained(self._store.folder):
            for day, file in sorted(self._open.items()):
                disk.settle(file.path)
                iso = datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
                digest = identity(file.path, self._store.key)
                out.append((file.path, Part(path="", day=iso, rows=self._rows[day], digest=digest)))
        return out

    def _file(self, day: int) -> CallsFile:
        if day not in self._open:
            folder = self._store.folder / CALLS_FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            self._open[day] = CallsFile(folder / f"{disk.UNFINISHED}{self._number:06}-{day}")
        return self._open[day]
