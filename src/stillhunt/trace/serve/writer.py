"""
The writer of a ledger: a thread of its own, so that no customer ever waits for a disk.

Records are taken in order, many at a time: first their texts into the store, then their lines into the journal, each with
one wait for the disk. What the disk refuses is tried again; what waits beyond a bound is dropped, and counted.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.errors import SealError, StillhuntError
from stillhunt.seal.journal import Journal
from stillhunt.trace.keys import Master
from stillhunt.trace.ledger import JOURNAL
from stillhunt.trace.serve.recording import Record
from stillhunt.trace.store import Store

LARGEST_BATCH = 512
MOST_WAITING = 20_000
AGAIN_S = 1.0
COUNTS_EVERY_S = 60.0

Now = Callable[[], datetime]


class Writer:
    """
    Takes records and never blocks; `close` writes what waits.

    Opening checks the chain and takes the lock: raises `SealError` and `StoreError`. After that nothing is raised: what is
    lost stands in `lost`, and the last reason in `trouble`.
    """

    def __init__(
        self,
        ledger: Path,
        store: Path,
        master: Master,
        *,
        now: Now = lambda: datetime.now(UTC),
        sealed: Callable[[Journal, datetime], None] | None = None,
    ) -> None:
        """Open the ledger in a folder and the store in a file; `sealed` is called after each batch, to sign days."""
        self.counts: Counter[str] = Counter()
        self.written = 0
        self.lost = 0
        self.trouble: str | None = None
        self._now = now
        self._sealed = sealed
        self._queue: queue.Queue[Record | None] = queue.Queue(maxsize=MOST_WAITING)
        self._open = threading.Event()
        self._failure: BaseException | None = None
        self._reported: Counter[str] = Counter()
        self._closing = threading.Event()
        where = (ledger, store, master)
        self._thread = threading.Thread(target=self._run, args=where, name="trace-ledger", daemon=True)
        self._thread.start()
        self._open.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def waiting(self) -> int:
        """How many records are not on the disk yet."""
        return self._queue.unfinished_tasks

    def put(self, record: Record) -> bool:
        """Hand over a record; return False, and count it as lost, where too many wait already."""
        if self._failure is None:
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(record)
                return True
        self.lost += 1
        self.counts["ledger_lost"] += 1
        return False

    def close(self) -> None:
        """Write what waits, and the counts; what the disk refuses now is lost."""
        self._closing.set()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=AGAIN_S)
                break
        self._thread.join()

    def flush(self, patience_s: float = 30.0) -> None:
        """Wait until everything handed over so far is written, or patience ends."""
        until = threading.Event()
        deadline = patience_s
        while self._queue.unfinished_tasks and deadline > 0:
            until.wait(0.005)
            deadline -= 0.005

    def _run(self, ledger: Path, store: Path, master: Master) -> None:
        try:
            # SQLite wants to be used by the thread that opened it, and the journal by one thread at a time.
            with Store.open(store, master) as texts, Journal.open(ledger / JOURNAL) as journal:
                self._open.set()
                self._write_all(texts, journal)
        except BaseException as error:
            self._failure = error
            self.trouble = str(error)
            self._open.set()

    def _write_all(self, texts: Store, journal: Journal) -> None:
        waiting: list[Record] = []
        ended = False
        while not ended or waiting:
            if not waiting:
                waiting, ended = self._taken()
            try:
                self._write(texts, journal, waiting)
                self._done(waiting)
                self.trouble = None
            except SealError as error:
                self._write_singly(texts, journal, waiting, error)
            except StillhuntError as error:
                self.trouble = str(error)
                if ended or self._closing.wait(AGAIN_S):
                    self.lost += len(waiting)
                    self.counts["ledger_lost"] += len(waiting)
                    self._done(waiting)
                    ended = ended or (self._closing.is_set() and self._queue.empty())

    def _write_singly(self, texts: Store, journal: Journal, waiting: list[Record], error: SealError) -> None:
        """Write records one by one, so that only the one that has no canonical form is lost, and not all after it."""
        self.trouble = str(error)
        for record in list(waiting):
            try:
                self._write(texts, journal, [record])
            except SealError:
                self.lost += 1
                self.counts["ledger_lost"] += 1
            except StillhuntError:
                return
            waiting.remove(record)
            self._queue.task_done()

    def _done(self, waiting: list[Record]) -> None:
        for _ in waiting:
            self._queue.task_done()
        waiting.clear()

    def _taken(self) -> tuple[list[Record], bool]:
        """Wait for records, at most until counts are due, and return all there are and whether the end was among them."""
        taken: list[Record] = []
        try:
            record = self._queue.get(timeout=COUNTS_EVERY_S)
            while record is not None:
                taken.append(record)
                if len(taken) >= LARGEST_BATCH:
                    return taken, False
                record = self._queue.get_nowait()
        except queue.Empty:
            return taken, False
        self._queue.task_done()
        return taken, True

    def _write(self, texts: Store, journal: Journal, records: Sequence[Record]) -> None:
        """Write records and, when anything changed, the counts; raises `StillhuntError`."""
        lines = [(record.kind, record.body) for record in records]
        news = Counter(self.counts)
        news.subtract(self._reported)
        if not records or self._closing.is_set():
            changed = {reason: count for reason, count in sorted(news.items()) if count}
            lines += [("counts", changed)] if changed else []
        if lines:
            # Texts first: a line never refers to a text that is not there.
            texts.keep([text for record in records for text in record.texts])
            journal.append_all(lines, at=self._now())
            self.written += len(records)
            if lines[-1][0] == "counts":
                self._reported.update(lines[-1][1])
        if self._sealed is not None:
            self._sealed(journal, self._now())
