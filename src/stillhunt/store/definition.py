"""
How the digests of a store are made: what must be the same for them to be compared with new ones.

It is written down once, when the store is made. A hunt whose digests would be made differently is refused: fingerprints
under two definitions never meet, and a campaign across both would quietly be seen as two halves or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from stillhunt.digest import CALLS
from stillhunt.digest.calls import DEFINITION
from stillhunt.errors import StillhuntError, StoreError
from stillhunt.seal.canonical import canonical, mapping_of, read
from stillhunt.store import disk

NAME = "store.json"
LAYOUT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """
    How digests are made: under which key, by which definition into which columns, how many shingles are kept.

    `content` says whether calls carry the digest of their texts that evidence needs. `layout` is that of the folder.
    """

    key: str
    one_in: int
    content: bool
    digest: int = DEFINITION
    columns: str = hashlib.sha256(str(CALLS).encode()).hexdigest()[:16]
    layout: int = LAYOUT


def fix(folder: Path, wanted: Definition) -> Definition:
    """
    Write down the definition of a new store, or return that of an old one, which may hold more for evidence than is wanted.

    Raises `StoreError` when an old one has another.
    """
    place = folder / NAME
    if not place.exists():
        disk.write(place, canonical({**asdict(wanted), "version": version("stillhunt")}))
        return wanted
    found, made_by = definition_of(folder)
    if found != replace(wanted, content=wanted.content or found.content):
        raise StoreError(f"{folder}: {_difference(found, wanted, made_by)}")
    return found


def definition_of(folder: Path) -> tuple[Definition, str]:
    """
    Return how the digests of a store are made, and the version of Stillhunt that made it.

    Raises `StoreError` when there is no store, or it cannot be read.
    """
    place = folder / NAME
    if not place.is_file():
        raise StoreError(f"{folder}: there is no store here.\nMake one with `stillhunt hunt LOGS… --store {folder}`.")
    try:
        row = dict(mapping_of(read(place.read_bytes(), str(place)), str(place)))
        made_by = str(row.pop("version"))
        return Definition(**row), made_by  # type: ignore[arg-type]  # a wrong name or number is refused as a difference
    except (OSError, TypeError, KeyError, StillhuntError) as error:
        raise StoreError(
            f"{place}: it does not say how this store was made.\nIt was changed, or is of a later version; give another store."
        ) from error


def _difference(found: Definition, wanted: Definition, made_by: str) -> str:
    again = "or read the logs again into an empty store."
    if found.key != wanted.key:
        return (
            f"its digests were made under the key {found.key}, and this hunt uses the key {wanted.key}:"
            f" under two keys nothing can be compared.\nGive the key of the store with `--key-file`, {again}"
        )
    if (found.digest, found.columns, found.layout) != (wanted.digest, wanted.columns, wanted.layout):
        return (
            f"it was made by stillhunt {made_by} with definition {found.digest} of digests, and this version has"
            f" definition {wanted.digest}: the two cannot be compared.\n"
            f"Use the version that made it, {again}"
        )
    if found.one_in != wanted.one_in:
        return (
            f"it keeps one shingle in {found.one_in}, and this hunt asks for one in {wanted.one_in}.\n"
            f"Hunt with `--one-in {found.one_in}`, {again}"
        )
    return (
        "it was made without what evidence needs of each call.\n"
        "Leave `--evidence` away, or read the logs again with `--evidence` into an empty store."
    )
