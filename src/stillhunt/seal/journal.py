"""
A journal that can only grow: one canonical JSON object a line, each naming the hash of the line before it.

    {"body": …, "kind": …, "previous": hash of the line before, "seq": 0, 1, …, "time": "2026-03-01T12:00:00.000000Z"}

The hash of a line is its Merkle leaf hash (RFC 6962), so the lines of a day, or all of them, are the leaves of a tree
without being hashed again. A line is acknowledged when it is on the disk. A process that dies while it writes leaves
at most an unfinished last line, which nobody was told of: it is set aside in `NAME.torn`, and the next line says so.
Anything else that is wrong is an error that names the line; nothing is repaired silently.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from stillhunt.errors import SealError, StoreError
from stillhunt.seal import merkle
from stillhunt.seal.canonical import Json, canonical, mapping_of, number_of, text_of

START = bytes(merkle.HASH_BYTES)
"""What the first line names as the hash of the line before it."""

REPAIRED = "repaired"
"""The kind of the line that says that an unfinished line was set aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of a journal; `digest` is its hash, `time` is in UTC."""

    seq: int
    kind: str
    body: Json
    time: datetime
    previous: bytes
    digest: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class DayRoot:
    """The Merkle root of the lines of one UTC day, in their order."""

    day: date
    size: int
    root: bytes


class Journal:
    """
    A journal open for writing, by one writer at a time; `open` it in a `with` statement.

    Safe to use from one thread at a time. `entries` are read from the file when asked for; hashes and days are held in
    memory (about 100 bytes a line).
    """

    def __init__(self, path: Path, file: int, torn: bytes, digests: list[bytes], days: list[date]) -> None:
        self.path = path
        self._file = file
        self._torn = torn
        self._digests = digests
        self._days = days
        self._size = os.fstat(file).st_size

    @classmethod
    def open(cls, path: Path) -> Self:
        """
        Open a journal, making it when there is none.

        1. Take the lock: a second writer would break the chain.
        2. Set an unfinished last line aside.
        3. Check the chain.

        Raises `StoreError` when the file cannot be used or another process writes to it, `SealError` when the chain is
        broken.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            _lock(file, path)                                                                # 1.
            torn = _set_aside(path, file)                                                    # 2.
            entries = list(read(path.read_bytes(), path.name))                               # 3.
            digests = [e.digest for e in entries]
            return cls(path, file, torn, digests, [e.time.date() for e in entries])
        except OSError as error:
            os.close(file)
            raise _unusable(path, error) from error
        except BaseException:
            os.close(file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __len__(self) -> int:
        return len(self._digests)

    @property
    def head(self) -> bytes:
        """The hash of the last line: whoever holds it can tell whether anything before was changed."""
        return self._digests[-1] if self._digests else START

    @property
    def digests(self) -> Sequence[bytes]:
        """The hashes of all lines: the leaves of the journal's own tree."""
        return tuple(self._digests)

    def append(self, kind: str, body: Json, *, at: datetime) -> Entry:
        """
        Write one line and return it when it is on the disk.

        `at` must know its time zone. Raises `SealError` for a body without canonical JSON, `StoreError` when the disk
        refuses; the journal is then as it was.
        """
        return self.append_all([(kind, body)], at=at)[0]

    def append_all(self, items: Sequence[tuple[str, Json]], *, at: datetime) -> list[Entry]:
        """Write several lines with one wait for the disk: all of them are kept, or a beginning of them."""
        if self._torn:
            items = [(REPAIRED, {"bytes": len(self._torn), "sha256": hashlib.sha256(self._torn).hexdigest()}), *items]
        entries, lines, previous = [], [], self.head
        for number, (kind, body) in enumerate(items):
            line = line_of(len(self._digests) + number, kind, body, at, previous)
            entry = _entry(line, f"{self.path.name}:{len(self._digests) + number + 1}")
            entries.append(entry)
            lines.append(line + b"\n")
            previous = entry.digest
        self._write(b"".join(lines))
        self._digests += [e.digest for e in entries]
        self._days += [e.time.date() for e in entries]
        if self._torn:
            self._torn = b""
            return entries[1:]
        return entries

    def entries(self) -> Iterator[Entry]:
        """Yield all lines, checked again."""
        return read(self.path.read_bytes(), self.path.name)

    def days(self) -> list[date]:
        """Return the UTC days that have a line, ascending."""
        return sorted(set(self._days))

    def root_of_day(self, day: date) -> DayRoot:
        """Return the Merkle root of the lines of a UTC day."""
        leaves = self.leaves_of_day(day)
        return DayRoot(day=day, size=len(leaves), root=merkle.root(leaves))

    def leaves_of_day(self, day: date) -> list[bytes]:
        """Return the hashes of the lines of a UTC day, in order: what `merkle.inclusion_proof` needs."""
        return [digest for digest, mine in zip(self._digests, self._days, strict=True) if mine == day]

    def _write(self, data: bytes) -> None:
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise _unusable(self.path, error) from error
        self._size += len(data)


def line_of(seq: int, kind: str, body: Json, at: datetime, previous: bytes) -> bytes:
    """Return the bytes of a line, without the newline."""
    if at.tzinfo is None:
        raise SealError("The time of a journal line has no time zone.\nGive one in UTC.")
    time = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return canonical({"body": body, "kind": kind, "previous": previous.hex(), "seq": seq, "time": time})


def read(data: bytes, name: str) -> Iterator[Entry]:
    """
    Yield the lines of a journal, checking each; `name` is what messages call it.

    Raises `SealError` at the first line that is not canonical, not numbered in turn, or does not name the line before.
    """
    if data and not data.endswith(b"\n"):
        raise SealError(f"{name}:{data.count(10) + 1}: the last line is unfinished.\nThe file was cut off; get it anew.")
    previous = START
    for number, line in enumerate(data.split(b"\n")[:-1]):
        entry = _entry(line, f"{name}:{number + 1}")
        if entry.seq != number or entry.previous != previous:
            raise SealError(
                f"{name}:{number + 1}: this line does not follow from the line before it.\n"
                "A line was changed, removed or inserted here or before."
            )
        yield entry
        previous = entry.digest


def _entry(line: bytes, place: str) -> Entry:
    try:
        row = mapping_of(orjson.loads(line), place)
        time = datetime.strptime(text_of(row["time"], place), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        entry = Entry(
            seq=number_of(row["seq"], place),
            kind=text_of(row["kind"], place),
            body=row["body"],
            time=time,
            previous=bytes.fromhex(text_of(row["previous"], place)),
            digest=merkle.leaf_hash(line),
        )
        same = line_of(entry.seq, entry.kind, entry.body, entry.time, entry.previous) == line
    except (ValueError, KeyError, RecursionError) as error:
        raise SealError(f"{place}: this is no line of a journal.\nThe file was changed here.") from error
    if not same:
        raise SealError(f"{place}: this line is not written canonically.\nThe file was changed here.")
    return entry


def _set_aside(path: Path, file: int) -> bytes:
    """Move an unfinished last line to `NAME.torn` and return it."""
    data = path.read_bytes()
    kept = data.rfind(b"\n") + 1
    torn = data[kept:]
    if torn:
        with open(path.with_name(path.name + ".torn"), "ab") as aside:
            aside.write(torn + b"\n")
            aside.flush()
            os.fsync(aside.fileno())
        os.ftruncate(file, kept)
        os.fsync(file)
    return torn


def _lock(file: int, path: Path) -> None:
    """Take the one writer's lock, or say that somebody else has it."""
    try:
        if os.name == "nt":
            import msvcrt

            # A byte far beyond the end: Windows locks forbid others to read what is locked.
            os.lseek(file, 1 << 60, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreError(f"{path}: another process writes to this journal.\nWait for it, or name another.") from error


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: this journal cannot be used: {error.strerror}.\nMake room, or name another.")
