"""
Removing an account from a store, with a record that it was done and a check that nothing is left.

The journal names an account by its keyed hash, which only the holder of the key can compare with an account. It stays
there for good, because the same logs may come again, and the account must not come back with them. First the journal says
that the account is to go: from then on it does not count. Then its calls are taken out of the files, its name out of the
history, and the journal says that this is done. A process killed in between is taken up when the store is next opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.errors import StillhuntError
from stillhunt.seal.canonical import Json, mapping_of, number_of, text_of
from stillhunt.store import disk, history, watched
from stillhunt.store.calls_file import CallsFile
from stillhunt.store.sources import Part, identity

if TYPE_CHECKING:
    from stillhunt.store.folder import Store

ASKED = "forget"
DONE = "forgotten"


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """An account that was asked to go, by its keyed hash: when, with how many calls, and when it was gone."""

    account: str
    calls: int
    asked: datetime
    done: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What was looked at in a store, which accounts were removed from it, and what does not hold."""

    files: int
    calls: int
    accounts: int
    removals: tuple[Removal, ...]
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def forget(store: Store, accounts: Sequence[str], *, now: datetime) -> tuple[Removal, ...]:
    """
    Remove accounts from everything that a store holds, and keep them away.

    Raises `StoreError` when the disk refuses; what was begun is finished when the store is opened again.
    """
    calls = dict.fromkeys(accounts, 0)
    with disk.explained(store.folder):
        for part in store.parts:
            held = pq.read_table(store.folder / part.path, columns=["account_id"], partitioning=None).column("account_id")
            mine = held.filter(pc.is_in(held, value_set=pa.array(list(calls), pa.string())))
            for row in mine.value_counts().to_pylist():
                calls[row["values"]] += row["counts"]
        asked: list[tuple[str, Json]] = [(ASKED, {"account": store.account(a), "calls": n}) for a, n in calls.items()]
        store.journal.append_all(asked, at=now)
        store.forgotten.update(store.account(a) for a in calls)
        finish(store, now=now)
    mine = {store.account(a) for a in calls}
    return tuple(r for r in removals(store) if r.account in mine)


def finish(store: Store, *, now: datetime) -> None:
    """Remove what was asked to go and is not gone yet."""
    waiting = list(dict.fromkeys(r.account for r in removals(store) if r.done is None))
    if not waiting:
        return
    for source in list(store.sources.values()):
        parts = tuple(new for part in source.parts if (new := _without_forgotten(store, source.id, part)) is not None)
        if parts != source.parts:
            store.counts(replace(source, parts=parts))
    history.leave_out(store.folder, set(waiting))
    watched.leave_out(store.folder, set(waiting))
    store.sweep()
    store.journal.append_all([(DONE, {"account": account}) for account in waiting], at=now)


def removals(store: Store) -> tuple[Removal, ...]:
    """Return all accounts that were asked to go, in the order of asking."""
    found: list[Removal] = []
    for entry in store.journal.entries():
        if entry.kind not in (ASKED, DONE):
            continue
        body = mapping_of(entry.body, store.journal.path.name)
        account = text_of(body["account"], store.journal.path.name)
        if entry.kind == ASKED:
            calls = number_of(body["calls"], store.journal.path.name)
            found.append(Removal(account=account, calls=calls, asked=entry.time, done=None))
        else:
            found = [replace(r, done=entry.time) if r.account == account and r.done is None else r for r in found]
    return tuple(found)


def check(store: Store, accounts: Sequence[str] = ()) -> Checked:
    """
    Look through everything that a store holds for what should not be there.

    1. Every file is what was recorded, and no other file lies beside it.
    2. No call, no campaign of the history and no watched set names an account that was removed, or one of `accounts`.
    """
    problems = []
    unwanted = store.forgotten | {store.account(a) for a in accounts}
    seen: set[str] = set()
    with disk.explained(store.folder):
        for part in store.parts:                                                             # 1.
            path = store.folder / part.path
            if not path.is_file() or identity(path, store.key) != part.digest:
                problems.append(f"{part.path} is missing or not as it was recorded")
                continue
            try:
                held = pq.read_table(path, columns=["account_id"], partitioning=None).column("account_id")
            except (OSError, pa.ArrowException) as error:
                problems.append(f"{part.path} cannot be read: {error}")
                continue
            names = held.unique().to_pylist()                                                # 2.
            left = [store.account(a) for a in names if store.account(a) in unwanted]
            problems += [f"{part.path} has calls of the account {tag}" for tag in left]
            seen.update(names)
        problems += _named(store, unwanted)
    problems += [f"the account {r.account} is not removed yet" for r in removals(store) if r.done is None]
    return Checked(
        files=len(store.parts),
        calls=sum(part.rows for part in store.parts),
        accounts=len(seen),
        removals=removals(store),
        problems=tuple(problems),
    )


def _named(store: Store, unwanted: set[str]) -> list[str]:
    """Return where the history and the watched sets name an account that they should not."""
    try:
        known = [(f"the history of {name}", one.members) for name, one in history.read(store.folder).items()]
        known += [(f"the watched set {name}", one.members) for name, one in watched.read(store.folder).items()]
    except StillhuntError as error:
        return [str(error).splitlines()[0]]
    return [f"{place} names the account {tag}" for place, members in known for tag in sorted(unwanted & members)]


def _without_forgotten(store: Store, source: str, part: Part) -> Part | None:
    """Return a part without the calls of removed accounts, the same one when it has none; None when nothing is left."""
    path = store.folder / part.path
    names = pq.read_table(path, columns=["account_id"], partitioning=None).column("account_id")
    if not pc.any(store.is_forgotten(names)).as_py():
        return part
    rows = 0
    temporary = path.with_name(f"{disk.UNFINISHED}{path.name}")
    with pq.ParquetFile(path) as old, closing(CallsFile(temporary)) as new:
        for batch in old.iter_batches():
            kept = batch.filter(pc.invert(store.is_forgotten(batch.column("account_id"))))
            if kept.num_rows:
                new.write(kept)
            rows += kept.num_rows
    if not rows:
        disk.remove(temporary)
        return None
    disk.settle(temporary)
    digest = identity(temporary, store.key)
    place = path.with_name(f"{source[:16]}-{digest[:16]}.parquet")
    disk.place(temporary, place)
    return replace(part, path=place.relative_to(store.folder).as_posix(), rows=rows, digest=digest)
