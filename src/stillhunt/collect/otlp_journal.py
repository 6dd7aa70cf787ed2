"""
What the receiver has acknowledged and not yet made into Parquet: lines of OTLP in JSON, on disk before anybody is told.

Segments lie under `_journal/`; one is open, the others wait to be converted. All requests that arrive while one is being
written to disk are written together and made durable by one `fsync`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = "_journal"
SEGMENT = ".jsonl"

AT_ONCE_BYTES = 8 * 2**20
SEGMENT_BYTES = 64 * 2**20


@dataclass(slots=True)
class Pending:
    """A line that waits to be on disk, and the thread that waits with it."""

    line: bytes
    done: threading.Event = field(default_factory=threading.Event)
    failure: str | None = None


class Journal:
    """
    Appends lines durably, in segments; `close` makes the last one ready to be converted.

    `every_s` is how old a segment may become, `ready` is called with each finished one.
    """

    def __init__(self, out: Path, *, every_s: float, ready: Callable[[Path], None]) -> None:
        """Find the segments of an earlier run, and start the thread that writes."""
        self.folder = out / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._every_s = every_s
        self._ready = ready
        self._queue: queue.Queue[Pending | None] = queue.Queue(maxsize=1024)
        self._descriptor: int | None = None
        self._path = Path()
        self._size = 0
        self._opened_at = 0.0
        self._newest = ""
        for path in left_over(self.folder):
            self._newest = max(self._newest, path.stem)
            ready(path)
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    def append(self, line: bytes, *, patience_s: float = 60.0) -> str | None:
        """
        Return None once the line is on disk, else why it is not; what is not on disk is not kept.

        Only where patience ran out the line may be written after all, and so twice if it is sent again.
        """
        pending = Pending(line)
        try:
            self._queue.put(pending, timeout=1.0)
        except queue.Full:
            return "too much waits to be written"
        return pending.failure if pending.done.wait(patience_s) else "the disk is too slow"

    def close(self) -> None:
        """Write what waits, and hand over the last segment."""
        self._queue.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        stopping = False
        while not stopping:
            taken: list[Pending] = []
            try:
                first = self._queue.get(timeout=min(0.25, self._every_s / 4))
                size = 0
                while True:
                    if first is None:
                        stopping = True
                    else:
                        taken.append(first)
                        size += len(first.line)
                    if size >= AT_ONCE_BYTES:
                        break
                    first = self._queue.get_nowait()
            except queue.Empty:
                pass
            if taken:
                self._write(taken)
            too_old = time.monotonic() - self._opened_at >= self._every_s
            if self._descriptor is not None and (stopping or too_old or self._size >= SEGMENT_BYTES):
                self._finish()

    def _write(self, taken: list[Pending]) -> None:
        """Write lines and make them durable; where that fails, take back all of it and say so to each."""
        failure = None
        try:
            if self._descriptor is None:
                self._open()
            assert self._descriptor is not None
            data = memoryview(b"".join(one.line + b"\n" for one in taken))
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
            self._size = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        except OSError as error:
            failure = f"the disk does not take it: {error.strerror}"
            self._take_back()
        for one in taken:
            one.failure = failure
            one.done.set()

    def _open(self) -> None:
        name = max(f"{time.time_ns():020d}", f"{int(self._newest or 0) + 1:020d}")
        self._newest = name
        self._path = self.folder / f"{name}{SEGMENT}"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._size = 0
        self._opened_at = time.monotonic()
        sync_folder(self.folder)

    def _take_back(self) -> None:
        """Cut the segment back to what was acknowledged; hand it over if even that fails."""
        if self._descriptor is None:
            return
        try:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
        except OSError:
            self._finish()

    def _finish(self) -> None:
        assert self._descriptor is not None
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = None
        if self._size:
            self._ready(self._path)
        else:
            self._path.unlink(missing_ok=True)


def left_over(folder: Path) -> list[Path]:
    """
    Return the segments that an earlier run left behind, oldest first.

    A last line without its end was never acknowledged: it is cut off.
    """
    found = sorted(folder.glob(f"*{SEGMENT}"))
    for path in found:
        with path.open("r+b") as file:
            file.truncate(_end_of_lines(file.seek(0, os.SEEK_END), path))
    return found


def _end_of_lines(size: int, path: Path) -> int:
    """Return where the last line end of a file lies, exclusive."""
    piece = 2**20
    with path.open("rb") as file:
        end = size
        while end > 0:
            start = max(0, end - piece)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable; where a system cannot, that is no error."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
