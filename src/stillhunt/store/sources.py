"""
What a store knows of each file that was read: what it held, and where its calls lie.

A source is known by a keyed hash of its bytes, so that it is the same under another name and in another place. Its record
is written when all its calls are on the disk: before that it has not been read, after that it is not read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stillhunt.collect.mapping import file_of
from stillhunt.digest import Key
from stillhunt.errors import SealError, StoreError
from stillhunt.model import LeftOut
from stillhunt.seal.canonical import Json, canonical, list_of, mapping_of, number_of, read, text_of
from stillhunt.store import disk

FOLDER = "sources"
_CHUNK = 2**22


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What one piece of a log held: lines, exchanges, sampled shingles, what was left out, how full each column was."""

    lines: int = 0
    rows: int = 0
    shingles: int = 0
    present: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing in it was broken."""
        return not any(item.defect for item in self.left_out)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The calls of one source on one day: a file under the store, how many they are, and the keyed digest of its bytes."""

    path: str
    day: str
    rows: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """
    A file that was read, by the keyed hash `id` of its bytes, as the format `how`.

    `seen` is a keyed hash of its path, size and time of change: while these stay, its bytes are not hashed again. `parts`
    are those that have not been dropped since.
    """

    id: str
    how: str
    seen: str
    tallies: tuple[Tally, ...]
    parts: tuple[Part, ...]


def identity(path: Path, key: Key) -> str:
    """Return the keyed hash of a file's bytes (BLAKE2b), 32 hex digits."""
    found = hashlib.blake2b(key=key.words("source").tobytes(), digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def appearance(path: Path, key: Key) -> str:
    """Return the keyed hash of where a file is, how long it is and when it was changed."""
    about = path.stat()
    return key.tag("appearance", [str(path.resolve()), str(about.st_size), str(about.st_mtime_ns)], digits=32)


def reading(format: str, key: Key) -> str:
    """Return how files of a format are read: its name; for a mapping, the keyed hash of what it says."""
    mapping = file_of(format)
    return format if mapping is None else f"map {identity(Path(mapping), key)}"


def record(folder: Path, source: Source) -> None:
    """Write the record of a source: from here on it counts."""
    row = asdict(source)
    del row["id"]
    disk.write(folder / FOLDER / f"{source.id}.json", canonical(row))


def recorded(folder: Path) -> dict[str, Source]:
    """Return all sources by their ids. Raises `StoreError` for a record that cannot be read."""
    places = sorted((folder / FOLDER).glob("*.json"))
    try:
        return {place.stem: _source(place) for place in places}
    except (SealError, KeyError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{folder}: a record of this store is damaged: {error}\n"
            "Restore it, or remove it with its calls: the file it stands for is read again when it comes again."
        ) from error


def _source(path: Path) -> Source:
    place = str(path)
    row = mapping_of(read(path.read_bytes(), place), place)
    parts = [mapping_of(p, place) for p in list_of(row["parts"], place)]
    return Source(
        id=path.stem,
        how=text_of(row["how"], place),
        seen=text_of(row["seen"], place),
        tallies=tuple(_tally(mapping_of(t, place), place) for t in list_of(row["tallies"], place)),
        parts=tuple(
            Part(
                path=text_of(p["path"], place),
                day=text_of(p["day"], place),
                rows=number_of(p["rows"], place),
                digest=text_of(p["digest"], place),
            )
            for p in parts
        ),
    )


def _tally(row: Mapping[str, Json], place: str) -> Tally:
    present = mapping_of(row["present"], place)
    left_out = [mapping_of(item, place) for item in list_of(row["left_out"], place)]
    return Tally(
        lines=number_of(row["lines"], place),
        rows=number_of(row["rows"], place),
        shingles=number_of(row["shingles"], place),
        present={name: number_of(n, place) for name, n in present.items()},
        left_out=tuple(_left_out(item, place) for item in left_out),
    )


def _left_out(row: Mapping[str, Json], place: str) -> LeftOut:
    return LeftOut(
        what=text_of(row["what"], place),
        reason=text_of(row["reason"], place),
        count=number_of(row["count"], place),
        defect=row["defect"] is True,
        examples=tuple(text_of(e, place) for e in list_of(row["examples"], place)),
    )
