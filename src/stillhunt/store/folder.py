"""A store, open: one process at a time, swept of what an earlier one left unfinished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.digest import CALLS, Key
from stillhunt.engines import Engine
from stillhunt.errors import StoreError
from stillhunt.model import LeftOut
from stillhunt.seal.canonical import mapping_of, text_of
from stillhunt.seal.journal import Journal
from stillhunt.store import definition, disk, forgetting, sources
from stillhunt.store.definition import Definition
from stillhunt.store.sources import Part, Source, Tally

CALLS_FOLDER = "calls"
JOURNAL = "journal.jsonl"
DROPPED = "dropped"
"""The kind of the line of the journal that says before which day nothing is kept."""


class Store:
    """
    A store that this process holds; use it in a `with` statement, by one thread but for `adding`.

    `definition` is how its digests are made; `sources` are its records by id; `oldest` is the first day that it keeps, or
    None; `forgotten` the keyed hashes of accounts that were removed and stay away.
    """

    def __init__(
        self, folder: Path, key: Key, definition: Definition, journal: Journal, keep_days: int | None, now: datetime
    ) -> None:
        self.folder = folder
        self.key = key
        self.definition = definition
        self.journal = journal
        self._keep_days = keep_days
        self._now = now
        self.sources: dict[str, Source] = {}
        self.oldest: str | None = None
        self.forgotten: set[str] = set()

    @classmethod
    def open(
        cls, folder: Path, key: Key, wanted: Definition | None, *, keep_days: int | None = None, now: datetime
    ) -> Self:
        """
        Open a store, making it when `wanted` says how its digests would be made and there is none.

        1. Refuse a folder that holds something else.
        2. Take the lock, which is that of the journal, and check the chain.
        3. Write down, or compare, how digests are made.
        4. Read what counts, and sweep away what does not.
        5. Finish what was begun: accounts that are still to be removed.

        Raises `StoreError` where it cannot be used or does not fit, `SealError` where its journal was changed.
        """
        with disk.explained(folder):
            if wanted is None:                                                               # 1.
                definition.definition_of(folder)
            elif folder.exists() and not (folder / JOURNAL).exists() and any(folder.iterdir()):
                raise StoreError(f"{folder}: this folder holds something that is no store.\nGive an empty or new folder.")
            journal = Journal.open(folder / JOURNAL)                                         # 2.
            try:
                found = definition.fix(folder, wanted) if wanted else definition.definition_of(folder)[0]  # 3.
                if found.key != key.fingerprint:
                    definition.fix(folder, replace(found, key=key.fingerprint))
                store = cls(folder, key, found, journal, keep_days, now)
                store._read()                                                                # 4.
                store.sweep()
                forgetting.finish(store, now=now)                                            # 5.
            except BaseException:
                journal.close()
                raise
            return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let others use the store."""
        self.journal.close()

    @property
    def parts(self) -> list[Part]:
        """All parts that count, by day and name."""
        return sorted((p for s in self.sources.values() for p in s.parts), key=lambda p: (p.day, p.path))

    @property
    def days(self) -> list[str]:
        """The days with calls, ISO dates, ascending."""
        return sorted({part.day for part in self.parts})

    @property
    def tallies(self) -> list[Tally]:
        """What every source held of which anything is kept, and those that held nothing."""
        return [t for s in self.sources.values() if s.parts or not any(t.rows for t in s.tallies) for t in s.tallies]

    def view(self, engine: Engine, relation: str, *, first: str = "", last: str = "9999") -> None:
        """Name the calls of the store, from a first to a last day, as a relation of an engine that reads files."""
        places = [self.folder / part.path for part in self.parts if first <= part.day <= last]
        files = ", ".join("'" + str(place).replace("'", "''") + "'" for place in places)
        if not files:
            engine.register(f"no_{relation}", CALLS.empty_table())
            engine.view(relation, f"SELECT * FROM no_{relation}")
            return
        engine.view(relation, f"SELECT {', '.join(CALLS.names)} FROM read_parquet([{files}], hive_partitioning = false)")

    def counts(self, source: Source) -> None:
        """Write the record of a source and take what it replaces away."""
        sources.record(self.folder, source)
        before = self.sources.get(source.id)
        self.sources[source.id] = source
        if before is not None:
            kept = {part.path for part in source.parts}
            for part in before.parts:
                if part.path not in kept:
                    disk.remove(self.folder / part.path)

    def age(self) -> int:
        """
        Drop the days that are not kept, counted back from the newest that is not after tomorrow; return how many calls went.

        A clock that runs wrong in one call thus empties nothing. What was dropped stays away when the same logs come again.
        """
        if self._keep_days is None:
            return 0
        tomorrow = (self._now.astimezone(UTC).date() + timedelta(days=1)).isoformat()
        real = [day for day in self.days if day <= tomorrow]
        if not real:
            return 0
        oldest = (date.fromisoformat(real[-1]) - timedelta(days=self._keep_days - 1)).isoformat()
        dropped = [part for part in self.parts if part.day < oldest]
        if not dropped or (self.oldest is not None and oldest <= self.oldest):
            return 0
        rows = sum(part.rows for part in dropped)
        with disk.explained(self.folder):
            self.journal.append(DROPPED, {"before": oldest, "calls": rows, "keep_days": self._keep_days}, at=self._now)
            self.oldest = oldest
            self.sweep()
        return rows

    def sweep(self) -> None:
        """
        Take away what does not count.

        1. Days before the oldest leave the records.
        2. Files that no record names, and unfinished ones, go.
        """
        for source in list(self.sources.values()):                                           # 1.
            kept = tuple(part for part in source.parts if self.oldest is None or part.day >= self.oldest)
            if kept != source.parts:
                self.counts(replace(source, parts=kept))
        named = {self.folder / part.path for part in self.parts}                             # 2.
        for path in self._files():
            if path.name.startswith(disk.UNFINISHED) or (path.suffix == ".parquet" and path not in named):
                disk.remove(path)
        for folder in (self.folder / CALLS_FOLDER).glob("day=*"):
            if not any(folder.iterdir()):
                folder.rmdir()

    def may_stay(self, calls: pa.RecordBatch) -> tuple[pa.RecordBatch, tuple[LeftOut, ...]]:
        """Return the calls that may be stored, and those that may not: of days dropped before, of accounts removed."""
        left_out = []
        if self.oldest is not None:
            begin = pa.scalar(datetime.fromisoformat(self.oldest).replace(tzinfo=UTC), CALLS.field("started_at").type)
            calls, lost = _only(calls, pc.greater_equal(calls.column("started_at"), begin))
            left_out.append(LeftOut(what="exchange", reason=f"before {self.oldest}: the store keeps later days", count=lost))
        if self.forgotten:
            calls, lost = _only(calls, pc.invert(self.is_forgotten(calls.column("account_id"))))
            left_out.append(LeftOut(what="exchange", reason="its account was removed from the store", count=lost))
        return calls, tuple(item for item in left_out if item.count)

    def without_forgotten(self, rows: pa.Table, column: str) -> pa.Table:
        """Return the rows of a table that do not name a removed account."""
        if not self.forgotten or column not in rows.column_names:
            return rows
        return rows.filter(pc.invert(self.is_forgotten(rows.column(column))))

    def is_forgotten(self, accounts: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Return, for each account id, whether it was removed."""
        removed = [a for a in accounts.unique().drop_null().to_pylist() if self.account(a) in self.forgotten]
        return pc.is_in(accounts, value_set=pa.array(removed, pa.string()))

    def account(self, account_id: str) -> str:
        """Return the keyed hash by which an account is known in history and journal."""
        return self.key.tag("account", [account_id], digits=32)

    def _read(self) -> None:
        self.sources = sources.recorded(self.folder)
        for entry in self.journal.entries():
            body = mapping_of(entry.body, JOURNAL) if entry.kind in (DROPPED, forgetting.ASKED) else {}
            if entry.kind == DROPPED:
                self.oldest = text_of(body["before"], JOURNAL)
            elif entry.kind == forgetting.ASKED:
                self.forgotten.add(text_of(body["account"], JOURNAL))

    def _files(self) -> Iterator[Path]:
        for folder in (CALLS_FOLDER, sources.FOLDER):
            yield from sorted(p for p in (self.folder / folder).rglob("*") if p.is_file())
        yield from sorted(p for p in self.folder.glob(f"{disk.UNFINISHED}*"))


def _only(calls: pa.RecordBatch, wanted: pa.Array) -> tuple[pa.RecordBatch, int]:
    kept = calls.filter(wanted)
    return kept, calls.num_rows - kept.num_rows


def days_of(parts: Sequence[Part]) -> dict[str, int]:
    """Return day → calls."""
    out: dict[str, int] = {}
    for part in parts:
        out[part.day] = out.get(part.day, 0) + part.rows
    return out
