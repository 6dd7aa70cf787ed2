"""
Which days of a log were fixed when: the lines of a journal that hold roots of exchanges.

A line of the kind `exchanges` is of a hunt, and has every day of its log; one of the kind `day` is of one day, fixed without a
hunt. Records and salts follow from log and key alone, so that a day nobody changed has one root however often it is fixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of
from stillhunt.seal.journal import Entry

EXCHANGES, TRAITS, DAY = "exchanges", "traits", "day"
"""Kinds of lines with roots, and the names of their tables; a line `day` has both."""

TRAITS_OF_DAY = "day-traits"
"""The table of traits that the calls of one day alone give."""

STAMP = "timestamp"
"""The kind of the line that holds a timestamping authority's answer for the line before it."""

_PLACE = "journal.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fixing:
    """That a line fixed the exchanges of a day: `size` records under `root` (hex)."""

    day: str
    size: int
    root: str
    seq: int
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """
    How the days of a hunt stood before it.

    `same` are those that had been fixed with the very records that the hunt used, each as it was the first time; `other` had been
    fixed with other records, each as it was the last time; `never` had not been fixed.
    """

    same: tuple[Fixing, ...]
    other: tuple[Fixing, ...]
    never: tuple[str, ...]


def fixings(lines: Sequence[Entry]) -> Iterator[Fixing]:
    """Yield each fixing of the exchanges of a day, in the order of the lines. Raises `SealError` for a line that is none."""
    for line in lines:
        for row in _rows(line):
            one = mapping_of(row, _PLACE)
            day, root = text_of(one.get("day"), _PLACE), text_of(one.get("root"), _PLACE)
            yield Fixing(day=day, size=number_of(one.get("size"), _PLACE), root=root, seq=line.seq, time=line.time)


def roots(lines: Sequence[Entry]) -> dict[tuple[str, str], tuple[int, str]]:
    """Return (size, root) of every (table, day) that was fixed; the last time counts."""
    out = {(EXCHANGES, one.day): (one.size, one.root) for one in fixings([x for x in lines if x.kind == EXCHANGES])}
    for line in lines:
        if line.kind == TRAITS:
            for row in list_of(mapping_of(line.body, _PLACE).get("days"), _PLACE):
                out[(TRAITS, text_of(mapping_of(row, _PLACE).get("day"), _PLACE))] = _root(row)
        elif line.kind == DAY:
            body = mapping_of(line.body, _PLACE)
            out[(TRAITS_OF_DAY, text_of(body.get("day"), _PLACE))] = _root(body.get("traits"))
    return out


def before_hunt(lines: Sequence[Entry], configuration: str) -> Before:
    """
    Return how the days of the last hunt under a configuration stood before its settings were journaled.

    Empty where the journal has no such hunt.
    """
    begun = max((x.seq for x in lines if x.kind == "configuration" and _body(x).get("sha256") == configuration), default=-1)
    mine = [x for x in lines if x.kind == EXCHANGES and _body(x).get("configuration") == configuration]
    same, other, never = [], [], []
    earlier: dict[str, list[Fixing]] = {}
    for one in fixings(lines[: max(begun, 0)]):
        earlier.setdefault(one.day, []).append(one)
    for now in fixings(mine[-1:]):
        known = earlier.get(now.day, [])
        alike = [one for one in known if (one.size, one.root) == (now.size, now.root)]
        if alike:
            same.append(alike[0])
        elif known:
            other.append(known[-1])
        else:
            never.append(now.day)
    return Before(same=tuple(same), other=tuple(other), never=tuple(never))


def _rows(line: Entry) -> Sequence[Json]:
    if line.kind == EXCHANGES:
        return list_of(_body(line).get("days"), _PLACE)
    if line.kind == DAY:
        return [{**mapping_of(_body(line).get("exchanges"), _PLACE), "day": _body(line).get("day")}]
    return []


def _body(line: Entry) -> Mapping[str, Json]:
    return mapping_of(line.body, _PLACE)


def _root(row: Json) -> tuple[int, str]:
    one = mapping_of(row, _PLACE)
    return number_of(one.get("size"), _PLACE), text_of(one.get("root"), _PLACE)
