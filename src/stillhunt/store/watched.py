"""The watched sets of a store: who is in each, from which day on it is watched, and what its bets have paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stillhunt.errors import SealError, StoreError
from stillhunt.seal.canonical import Json, canonical, list_of, mapping_of, number_of, text_of
from stillhunt.seal.canonical import read as parsed
from stillhunt.store import disk

NAME = "watched.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Some days of a watched set, both ends within: its calls, the p-value of key 2 on them (None: no test could run)."""

    first_day: str
    last_day: str
    calls: int
    p_value: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """
    A frozen set: keyed hashes of its accounts, which never change, and the blocks that are closed.

    `from_day` is the first day that it is judged on: the day after the last call that had a part in choosing it.
    """

    members: frozenset[str]
    from_day: str
    blocks: tuple[Block, ...] = ()


def read(folder: Path) -> dict[str, Candidate]:
    """Return the watched sets of a store by their ids. Raises `StoreError` for a file that was changed."""
    path = folder / NAME
    if not path.exists():
        return {}
    place = str(path)
    try:
        rows = mapping_of(mapping_of(parsed(path.read_bytes(), place), place)["candidates"], place)
        return {name: _candidate(mapping_of(row, place), place) for name, row in rows.items()}
    except (SealError, KeyError) as error:
        raise StoreError(f"{place}: the watched sets are damaged.\nRestore it, or remove it: watching begins anew.") from error


def write(folder: Path, candidates: Mapping[str, Candidate]) -> None:
    """Put the watched sets in the place of those before."""
    rows = {name: {**asdict(one), "members": sorted(one.members)} for name, one in candidates.items()}
    disk.write(folder / NAME, canonical({"candidates": rows}))


def leave_out(folder: Path, accounts: set[str]) -> None:
    """Take some accounts, by their keyed hashes, out of all watched sets: the one change that a frozen set sees."""
    before = read(folder)
    after = {name: replace(one, members=one.members - accounts) for name, one in before.items()}
    if after != before:
        write(folder, after)


def _candidate(row: Mapping[str, Json], place: str) -> Candidate:
    blocks = [mapping_of(b, place) for b in list_of(row["blocks"], place)]
    return Candidate(
        members=frozenset(text_of(m, place) for m in list_of(row["members"], place)),
        from_day=text_of(row["from_day"], place),
        blocks=tuple(
            Block(
                first_day=text_of(b["first_day"], place),
                last_day=text_of(b["last_day"], place),
                calls=number_of(b["calls"], place),
                p_value=None if b["p_value"] is None else float(str(b["p_value"])),
            )
            for b in blocks
        ),
    )
