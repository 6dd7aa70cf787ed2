"""
Records fixed at collection time: salted leaves by day, whose Merkle roots go into the journal before anybody looks.

    leaf = leaf hash of (salt ‖ record),  salt = BLAKE2b(purpose ‖ identity of the record, key = the salt key), 16 bytes

A record is a flat canonical JSON object. Salts keep records that are not revealed from being guessed, however few values
they can have; whoever gets a record with its salt and a proof can check that it was there when the day was committed. Records
with their salts lie with the operator, one compressed file a table and day.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import zstandard

from stillhunt.errors import SealError, StoreError
from stillhunt.seal import merkle
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, read, text_of

SALT_BYTES = 16
FORMAT = "stillhunt/disclosure/v1"
CHOSEN = "the operator's choice"
"""What a disclosure says of records that the operator chose."""

LARGEST = 2**53 - 1
TAG_DIGITS = 12
"""Hex digits of a tag in a dossier: an account's are the first of those that its records have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """One day of one table: how many records, and the root over their leaves in the order of the file."""

    day: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record as it was committed: its canonical bytes and its salt."""

    record: bytes
    salt: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf that stands for the record in the tree of its day."""
        return merkle.leaf_hash(self.salt + self.record)


def sealed(record: Mapping[str, str | int | None], salt_key: bytes, purpose: bytes, identity: bytes) -> Sealed:
    """
    Return a record with its salt; numbers that JSON cannot hold exactly are written as text.

    `identity` tells records of one purpose apart: two that share it would share their salt.
    """
    safe = {k: v if not isinstance(v, int) or abs(v) <= LARGEST else str(v) for k, v in record.items()}
    salt = hashlib.blake2b(purpose + b"\0" + identity, digest_size=SALT_BYTES, key=salt_key).digest()
    return Sealed(orjson.dumps(safe, option=orjson.OPT_SORT_KEYS), salt)


def commit(folder: Path, table: str, day: str, records: Iterable[Sealed], *, keep: bool = False) -> Committed:
    """
    Write the records of a day, replacing those of an earlier run, and return what is committed to.

    With `keep`, earlier records that are not the same move to a folder `earlier` beside them: a root that was journaled
    stays provable. Raises `StoreError`.
    """
    leaves, lines = [], []
    for one in records:
        leaves.append(one.leaf)
        lines.append(one.salt.hex().encode() + b" " + one.record + b"\n")
    path = _file(folder, table, day)
    content = b"".join(lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if keep and path.exists():
            _set_aside(path, content)
        new = path.with_suffix(".new")
        new.write_bytes(zstandard.ZstdCompressor(level=3).compress(content))
        os.replace(new, path)
    except OSError as error:
        raise StoreError(f"{path}: records cannot be written: {error.strerror}.\nMake room.") from error
    return Committed(day=day, size=len(leaves), root=merkle.root(leaves))


def _set_aside(path: Path, content: bytes) -> None:
    """Move the records of a day away when they are not what is about to be written; a file that is cut off is nobody's record."""
    try:
        before = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    except zstandard.ZstdError:
        return
    if before != content:
        place = path.parent / "earlier"
        place.mkdir(exist_ok=True)
        os.replace(path, place / f"{path.stem}-{hashlib.sha256(before).hexdigest()[:16]}{path.suffix}")


def records_of(folder: Path, table: str, day: str) -> list[Sealed]:
    """Return the records of a day in the order of their leaves; raise `StoreError` when they are not there."""
    path = _file(folder, table, day)
    try:
        content = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    except (OSError, zstandard.ZstdError) as error:
        raise StoreError(f"{path}: the records of this day cannot be read.\nName the folder of the hunt's evidence.") from error
    lines = content.split(b"\n")[:-1]
    return [Sealed(line[2 * SALT_BYTES + 1 :], bytes.fromhex(line[: 2 * SALT_BYTES].decode())) for line in lines]


def days_of(folder: Path, table: str) -> list[str]:
    """Return the days of a table whose records are here, ascending."""
    return sorted(path.stem for path in (folder / "records" / table).glob("*.zst"))


def exchange_of(one: Sealed) -> int:
    """Return the keyed hash of the call that a record of an exchange is about."""
    at = one.record.index(b'"exchange":"') + 12
    return int(one.record[at : at + 16], 16)


def disclosed(
    folder: Path, table: str, chosen: Mapping[str, Sequence[int]], asked: Mapping[str, Json] | None = None
) -> Json:
    """
    Return a disclosure: some records of some days, by their positions, with their salts and one proof for each day.

    `asked` says by whom the records were chosen, and how. Nothing is learned of the others but how many there are.
    """
    days: list[Json] = []
    for day in sorted(chosen):
        whole = records_of(folder, table, day)
        indices = sorted(set(chosen[day]))
        proof = merkle.partial_proof([one.leaf for one in whole], indices)
        days.append(
            {
                "day": day,
                "proof": [h.hex() for h in proof],
                "records": [
                    {"index": i, "record": whole[i].record.decode(), "salt": whole[i].salt.hex()} for i in indices
                ],
                "size": len(whole),
            }
        )
    return {"asked": dict(asked or {"by": CHOSEN}), "days": days, "format": FORMAT, "table": table}


@dataclass(frozen=True, kw_only=True, slots=True)
class Revealed:
    """A record of a disclosure that was found in the tree of its day, and its leaf."""

    day: str
    index: int
    record: Mapping[str, Json]
    leaf: bytes


def checked(disclosure: Json, roots: Mapping[tuple[str, str], tuple[int, str]], place: str) -> list[Revealed]:
    """
    Return the records of a disclosure.

    `roots` are the committed (size, root in hex) by (table, day). Raises `SealError` when a day was not committed, or a
    record was not in it.
    """
    whole = mapping_of(disclosure, place)
    if set(whole) != {"asked", "days", "format", "table"} or whole["format"] != FORMAT:
        raise SealError(f"{place}: this is no disclosure of the format {FORMAT}.\nUse the version that made it.")
    table = text_of(whole.get("table"), place)
    out = []
    for row in list_of(whole.get("days"), place):
        one = mapping_of(row, place)
        if set(one) != {"day", "proof", "records", "size"}:
            raise SealError(f"{place}: a day has other entries than it should.\nThe file was changed.")
        day, size = text_of(one.get("day"), place), number_of(one.get("size"), place)
        mine = []
        for listed in list_of(one.get("records"), place):
            entry = mapping_of(listed, place)
            if set(entry) != {"index", "record", "salt"}:
                raise SealError(f"{place}: a record has other entries than it should.\nThe file was changed.")
            record = text_of(entry.get("record"), place).encode()
            leaf = Sealed(record, _hex(entry.get("salt"), place)).leaf
            content = mapping_of(read(record, place), place)
            mine.append(Revealed(day=day, index=number_of(entry.get("index"), place), record=content, leaf=leaf))
        proof = [_hex(h, place) for h in list_of(one.get("proof"), place)]
        try:
            root = merkle.root_from_part(size, [r.index for r in mine], [r.leaf for r in mine], proof)
        except SealError as error:
            raise SealError(f"{place}: {error}") from error
        if roots.get((table, day)) != (size, root.hex()):
            raise SealError(f"{place}: the records of {day} were not committed.\nThey were changed, or added afterwards.")
        out += mine
    return out


def accounts_of(dossier: bytes) -> frozenset[str]:
    """Return the tags of the accounts that `dossier.json` lists; raise `SealError` when it does not list any as it should."""
    place = "dossier.json"
    try:
        whole: Json = json.loads(dossier)
    except ValueError as error:
        raise SealError(f"{place}: this is not JSON.\nIt was changed; get the dossier anew.") from error
    rows = list_of(mapping_of(whole, place).get("accounts", []), place)
    return frozenset(text_of(mapping_of(row, place).get("tag"), place) for row in rows)


def _hex(value: Json, place: str) -> bytes:
    try:
        text = text_of(value, place)
        found = bytes.fromhex(text)
    except ValueError as error:
        raise SealError(f"{place}: hex digits are expected here.\nThe file was changed.") from error
    if found.hex() != text:
        raise SealError(f"{place}: hex digits are expected here.\nThe file was changed.")
    return found


def _file(folder: Path, table: str, day: str) -> Path:
    return folder / "records" / table / f"{day}.zst"
