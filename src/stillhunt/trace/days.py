"""
Signed days: the Merkle root of each finished day of a ledger, so that no coin can be chosen afterwards.

Once a day's root is signed and given away (to a notary, a partner, a timestamp service), every coin of that day is fixed:
before any suspect model exists, if the ledger is older than the model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from stillhunt.errors import SealError, StoreError
from stillhunt.seal import merkle
from stillhunt.seal.canonical import Json, canonical, mapping_of, number_of, text_of
from stillhunt.seal.envelope import Signer, opened, sign
from stillhunt.seal.journal import Journal, read
from stillhunt.seal.keys import PublicKey
from stillhunt.trace.ledger import DAYS, JOURNAL, days_of

PAYLOAD_TYPE = "application/vnd.stillhunt.trace-day+json"


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedDay:
    """A day whose root was signed: how many lines it has, their root, and the key that signed."""

    day: date
    size: int
    root: bytes
    keyid: str


@dataclass(slots=True)
class DaySealer:
    """Signs each finished day of a journal once; callable after every batch, and cheap where no day has ended."""

    folder: Path
    signer: Signer
    _seen: date | None = None

    def __call__(self, journal: Journal, now: datetime) -> None:
        """Sign what days are finished at this time; raises `StoreError` where an envelope cannot be written."""
        if now.date() != self._seen:
            seal_days(self.folder, journal, self.signer, today=now.date())
            self._seen = now.date()


def seal_days(folder: Path, journal: Journal, signer: Signer, *, today: date) -> list[date]:
    """Sign the roots of all days before today that have none yet, and return these days."""
    done = set(days_of(folder))
    new = [day for day in journal.days() if day < today and day not in done]
    for day in new:
        root = journal.root_of_day(day)
        payload = canonical({"day": day.isoformat(), "root": root.root.hex(), "size": root.size})
        envelope = sign(payload, PAYLOAD_TYPE, signer)
        path = folder / DAYS / f"{day.isoformat()}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_bytes(canonical(envelope) + b"\n")
            beside.replace(path)
        except OSError as error:
            raise StoreError(f"{path}: this signed day cannot be written: {error.strerror}.\nMake room.") from error
    return new


def verify_days(folder: Path, keys: Sequence[PublicKey]) -> list[SignedDay]:
    """
    Return the signed days of a ledger, each checked against its journal.

    Raises `SealError` where the journal is broken, a signature does not verify, or a day's lines are not those that were
    signed.
    """
    data = (folder / JOURNAL).read_bytes()
    leaves: dict[date, list[bytes]] = {}
    for entry in read(data[: data.rfind(b"\n") + 1], JOURNAL):
        leaves.setdefault(entry.time.date(), []).append(entry.digest)
    checked = []
    for day in days_of(folder):
        place = f"{DAYS}/{day.isoformat()}.json"
        payload, key = opened(_json(folder / place), keys, PAYLOAD_TYPE, place)
        row = mapping_of(json.loads(payload), place)
        size, root = number_of(row.get("size"), place), bytes.fromhex(text_of(row.get("root"), place))
        mine = leaves.get(day, [])
        if row.get("day") != day.isoformat() or size != len(mine) or merkle.root(mine) != root:
            raise SealError(
                f"{place}: the ledger's lines of this day are not those that were signed.\nIt was changed since."
            )
        checked.append(SignedDay(day=day, size=size, root=root, keyid=key.keyid))
    return checked


def _json(path: Path) -> Json:
    try:
        content: Json = json.loads(path.read_bytes())
        return content
    except ValueError as error:
        raise SealError(f"{path}: this is no signed day.\nIt was changed or cut off; get the file anew.") from error
