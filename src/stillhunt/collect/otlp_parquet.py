"""
Finished journal segments become Parquet, one file for each day and segment, under names that the segment gives.

What a segment gives is written again, to the same names, if the receiver dies in between: nothing is lost, nothing is there
twice. Message events whose span is not there yet, and spans whose messages are not, are carried to the next segment once.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect import documents
from stillhunt.collect.arrays import pc
from stillhunt.collect.documents import Record
from stillhunt.collect.otel import delivered, take
from stillhunt.collect.otel_joining import Joining
from stillhunt.collect.otlp import record_of
from stillhunt.collect.otlp_journal import FOLDER, SEGMENT, sync_folder
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES
from stillhunt.model import LeftOut
from stillhunt.plugs import Batch, Split

CARRY = ".carry"
RECEIVED = "_received.ndjson"
MOST_DAYS = 31
"""Files that one segment may open: exchanges of days beyond that go to one folder `day=other`."""

RETRY_S = 5.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Written:
    """What became of one segment."""

    lines: int = 0
    exchanges: int = 0
    left_out: Tally = field(default_factory=Tally)


class Files:
    """The Parquet files of one segment, one for each day; they take their names when all are whole."""

    def __init__(self, out: Path, segment: str) -> None:
        """Remember where the files go; each is opened when its first row comes."""
        self._out = out
        self._segment = segment
        self._open: dict[str, tuple[pq.ParquetWriter, Path, Path]] = {}

    def write(self, rows: pa.RecordBatch) -> None:
        """Write rows to the files of their days."""
        days = pc.strftime(rows.column("started_at"), format="%Y-%m-%d")
        for day in pc.unique(days).to_pylist():
            self._writer(day).write_batch(rows.filter(pc.equal(days, day)))

    def _writer(self, day: str) -> pq.ParquetWriter:
        if day not in self._open and (len(self._open) >= MOST_DAYS or len(day) != 10):
            day = "other"
        if day not in self._open:
            folder = self._out / f"day={day}"
            folder.mkdir(parents=True, exist_ok=True)
            whole = folder / f"exchanges-{self._segment}.parquet"
            partial = folder / f".exchanges-{self._segment}.tmp"
            self._open[day] = (pq.ParquetWriter(partial, EXCHANGES, compression="zstd"), partial, whole)
        return self._open[day][0]

    def finish(self) -> None:
        """Make the files durable, then give them their names."""
        for writer, partial, _ in self._open.values():
            writer.close()
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        for _, partial, whole in self._open.values():
            partial.replace(whole)
            sync_folder(whole.parent)
        sync_folder(self._out)

    def abandon(self) -> None:
        """Remove what was begun."""
        for writer, partial, _ in self._open.values():
            with contextlib.suppress(OSError, pa.ArrowException):
                writer.close()
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


class Conversion:
    """The thread that converts segments, one after the other; a full disk makes it wait and try again."""

    def __init__(self, out: Path, say: Say, every_s: float) -> None:
        """Start with nothing to convert; what is carried over waits `every_s` for another segment."""
        self._every_s = every_s
        self.exchanges = 0
        self.backlog_bytes = 0
        self._out = out
        self._say = say
        self._segments: list[Path] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._convert_all, name="parquet", daemon=True)

    def start(self) -> None:
        """Start to convert."""
        self._thread.start()

    def add(self, segment: Path) -> None:
        """Take a finished segment; they come in the order of their names."""
        with self._changed:
            self._segments.append(segment)
            self.backlog_bytes += segment.stat().st_size
            self._changed.notify()

    def close(self) -> None:
        """Convert what is left, trying once; what cannot be converted stays where it is."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _convert_all(self) -> None:
        while True:
            with self._changed:
                quiet = not self._segments and not self._stopping and not self._changed.wait(self._every_s)
                segment = self._segments[0] if self._segments else None
                stopping, last = self._stopping, self._stopping and len(self._segments) == 1
                if segment is None and not quiet and not stopping:
                    continue
            try:
                if segment is None:
                    self._done(convert_carried(self._out))
                else:
                    size = segment.stat().st_size
                    written = convert(segment, self._out, last=last)
                    with self._changed:
                        del self._segments[0]
                        self.backlog_bytes -= size
                    self._done(written)
            except (OSError, pa.ArrowException) as error:
                reason = getattr(error, "strerror", None) or type(error).__name__
                self._say(f"Parquet cannot be written: {reason}. What was received is kept in {self._out / FOLDER}.")
                if self._wait():
                    return
                continue
            if segment is None and stopping:
                return

    def _done(self, written: Written | None) -> None:
        self.exchanges += written.exchanges if written is not None else 0

    def _wait(self) -> bool:
        """Wait before the next try; whether there is to be none."""
        with self._changed:
            if not self._stopping:
                self._changed.wait(RETRY_S)
                return False
            return True


def convert(segment: Path, out: Path, *, last: bool = False) -> Written:
    """
    Convert one segment, and return what became of it; `last` says that no other follows for now.

    1. Read what the segments before carried over, then the segment.
    2. Write the exchanges, and give the files their names.
    3. Write what this one carries over, and what was left out.
    4. Remove the segment. From then on its own carried file counts, and those before it no more.

    Raises `OSError` and Arrow's errors; nothing is changed then, and it can be tried again.
    """
    before = _live_carry(segment.parent, segment.stem)
    written, carried = _write_exchanges(segment.stem, out, before, segment, last=last)  # 1. 2.
    _write_durably(segment.with_suffix(CARRY), b"".join(orjson.dumps(one) + b"\n" for one in carried))  # 3.
    _note(out / RECEIVED, segment.stem, written)
    segment.unlink()  # 4.
    for old in segment.parent.glob(f"*{CARRY}"):
        if old.stem < segment.stem:
            old.unlink(missing_ok=True)
    return written


def convert_carried(out: Path) -> Written | None:
    """
    Convert what the last segment carried over, where no other follows; return what became of it, None for nothing.

    Raises as `convert` does.
    """
    carry = _live_carry(out / FOLDER)
    if carry is None or not carry.stat().st_size:
        return None
    name = f"{carry.stem}-carried"
    written, _ = _write_exchanges(name, out, carry, None, last=True)
    _note(out / RECEIVED, name, written)
    _write_durably(carry, b"")
    return written


def _write_exchanges(
    name: str, out: Path, carry: Path | None, segment: Path | None, *, last: bool
) -> tuple[Written, list[Record]]:
    """Write the exchanges of a carried file and a segment; return the count, and what is carried on unless `last`."""
    written = Written()
    tally = Tally()
    joining = Joining(lambda what, reason, defect: tally.add(what, reason, defect=defect))
    files = Files(out, name)

    def each(record: Record) -> Record:
        take(record, joining, tally)
        return {}

    def deliver() -> None:
        for batch in delivered(joining, tally, name):
            _count(batch, written)
            if batch.exchanges.num_rows:
                files.write(batch.exchanges)

    try:
        for record in _records(carry) if carry is not None else ():
            take(record, joining, tally, carried=True)
        if segment is not None:
            for _ in documents.chunks(Split(path=str(segment), format="otel"), tally, each):
                deliver()
        carried: list[Record] = []
        if last:
            joining.release()
        else:
            carried = [record_of(item) for item in joining.unjoined()]
        deliver()
        files.finish()
    except BaseException:
        files.abandon()
        raise
    return written, carried


def _live_carry(folder: Path, before: str = "~") -> Path | None:
    """Return what was carried over by the newest segment before another: only that counts."""
    found = [path for path in folder.glob(f"*{CARRY}") if path.stem < before]
    return max((path for path in found if not path.with_suffix(SEGMENT).exists()), default=None)


def _records(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        for line in file:
            record = orjson.loads(line)
            if isinstance(record, dict):
                yield record


def _write_durably(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _count(batch: Batch, written: Written) -> None:
    written.lines += batch.lines
    written.exchanges += batch.exchanges.num_rows
    written.left_out.merge(batch.left_out)


def _note(path: Path, segment: str, written: Written) -> None:
    """Add a line about a segment to the record of what was received; without it nothing else is lost."""
    line = {
        "segment": segment,
        "at": time.time(),
        "lines": written.lines,
        "exchanges": written.exchanges,
        "left_out": [_plain(one) for one in written.left_out.left_out()],
    }
    with contextlib.suppress(OSError), path.open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


def _plain(one: LeftOut) -> Record:
    return {"what": one.what, "reason": one.reason, "count": one.count, "defect": one.defect}
