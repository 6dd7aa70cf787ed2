"""
The ledger of tracing: what was randomised, for whom, and how it fell, in a journal that can only grow.

    FOLDER/journal.jsonl    lines of the kinds below, chained (`stillhunt.seal.journal`); digests, tags and numbers only
    FOLDER/days/DATE.json   the Merkle root of a finished day, signed (`stillhunt.seal.envelope`)
    FOLDER/audits.jsonl     audit specifications, each naming the head of the journal at that moment

Kinds: `plan`, `coin`, `mark`, `canary`, `counts`. The place in the journal is the order of time.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from stillhunt.errors import SealError, StoreError
from stillhunt.seal.canonical import canonical
from stillhunt.seal.journal import Entry, Journal, read
from stillhunt.trace.coins import coin_id

JOURNAL = "journal.jsonl"
AUDITS = "audits.jsonl"
DAYS = "days"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """
    What every logged exchange has: who, when, which prompt and turn, and how the answer was drawn.

    Digests are 64 hex digits, `account` is a tag; `history` has the digests of the answers in the conversation so far,
    `opening` that of all before the first of them. `position` is the place in the journal, from 0.
    """

    campaign: str
    epoch: int
    account: str
    exchange: str
    prompt: str
    history: tuple[str, ...]
    opening: str
    endpoint: str
    model: str
    model_served: str
    fingerprint: str | None
    decoding: str
    settings: Mapping[str, Any]
    position: int = -1
    at: datetime = field(default=datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, kw_only=True, slots=True)
class CoinEntry(Exchange):
    """
    A coin: `candidates` in sorted order (with multiplicity), of which the one at `served` was sent.

    `how` is "draws" or "rewrite"; `repeats` counts later exchanges with the same prompt and candidates, which share it.
    """

    coin: str
    candidates: tuple[str, ...]
    served: int
    how: str
    repeats: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkEntry(Exchange):
    """A best-of-k mark: the candidate with the highest keyed score was sent. It is no coin."""

    candidates: tuple[str, ...]
    served: int
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryEntry(Exchange):
    """A canary: the answer to a question of a class was led to the favoured half, by `method`."""

    canary: str
    library: str
    method: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanEntry:
    """A plan that came into force, with its settings and the commitments to its keys."""

    campaign: str
    epoch: int
    plan: str
    approver: str
    approved_at: str
    expires: str
    accounts: int
    coin: Mapping[str, Any] | None
    mark: Mapping[str, Any] | None
    watermark: Mapping[str, Any] | None
    canaries: Mapping[str, Any] | None
    keys: Mapping[str, str]
    position: int = -1
    at: datetime = field(default=datetime.min.replace(tzinfo=UTC))


AnyEntry = TypeVar("AnyEntry", CoinEntry, MarkEntry, CanaryEntry, PlanEntry)
_KINDS: Mapping[type, str] = {CoinEntry: "coin", MarkEntry: "mark", CanaryEntry: "canary", PlanEntry: "plan"}
_NOT_WRITTEN = frozenset({"position", "at", "repeats"})


def line(entry: Exchange | PlanEntry) -> tuple[str, dict[str, Any]]:
    """Return the kind and body of the journal line for an entry."""
    body = {f.name: getattr(entry, f.name) for f in fields(entry) if f.name not in _NOT_WRITTEN}
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in body.items()}
    return _KINDS[type(entry)], listed


def coins(folders: Path | Iterable[Path], campaign: str | None = None) -> list[CoinEntry]:
    """
    Return the coins of one or several ledgers in the order of time, each distinct coin once.

    Every coin's name is recomputed from what it stands for. Raises `SealError` where a journal is broken or a coin is not
    what its name says, `StoreError` where a folder holds no ledger.
    """
    found: dict[str, CoinEntry] = {}
    repeats: dict[str, int] = {}
    for entry in _in_time(folders, CoinEntry, campaign):
        if coin_id(entry.campaign, entry.epoch, entry.prompt, entry.candidates) != entry.coin or not (
            0 <= entry.served < len(entry.candidates) and list(entry.candidates) == sorted(entry.candidates)
        ):
            raise SealError(
                f"The coin at place {entry.position} is not the one it names.\nThe ledger was not written by us."
            )
        repeats[entry.coin] = repeats.get(entry.coin, -1) + 1
        found.setdefault(entry.coin, entry)
    return [replace(entry, repeats=repeats[name]) for name, entry in found.items()]


def marks(folders: Path | Iterable[Path], campaign: str | None = None) -> list[MarkEntry]:
    """Return the best-of-k marks of ledgers in the order of time; errors as `coins`."""
    return _in_time(folders, MarkEntry, campaign)


def canary_exchanges(folders: Path | Iterable[Path], campaign: str | None = None) -> list[CanaryEntry]:
    """Return the canary exchanges of ledgers in the order of time; errors as `coins`."""
    return _in_time(folders, CanaryEntry, campaign)


def plans(folders: Path | Iterable[Path], campaign: str | None = None) -> list[PlanEntry]:
    """Return the plans that came into force, in the order of time; errors as `coins`."""
    return _in_time(folders, PlanEntry, campaign)


def counts(folders: Path | Iterable[Path]) -> dict[str, int]:
    """Return how many calls of planned accounts were served without a coin, by reason, over the whole ledgers."""
    total: dict[str, int] = {}
    for entry in _lines(folders):
        if entry.kind == "counts" and isinstance(entry.body, Mapping):
            for reason, count in entry.body.items():
                total[reason] = total.get(reason, 0) + (count if isinstance(count, int) else 0)
    return total


def commit_audit(folder: Path, specification: Mapping[str, Any], *, at: datetime) -> str:
    """
    Write an audit specification down before anything is scored, and return its SHA-256.

    It is tied to the head of the coin journal, so it is later than every line before. The journal itself is not written
    to: a gateway may be writing there.
    """
    content = canonical(dict(specification))
    digest = hashlib.sha256(content).hexdigest()
    last = next(iter(deque(_lines(folder), maxlen=1)), None)
    head: dict[str, Any] = {
        "entries": 0 if last is None else last.seq + 1,
        "head": "" if last is None else last.digest.hex(),
    }
    with Journal.open(folder / AUDITS) as journal:
        journal.append("audit", {"sha256": digest, "specification": dict(specification), "ledger": head}, at=at)
    return digest


def audits(folder: Path) -> list[Entry]:
    """Return the audit specifications that were committed beside a ledger, oldest first."""
    path = folder / AUDITS
    return list(read(path.read_bytes(), path.name)) if path.exists() else []


def days_of(folder: Path) -> list[date]:
    """Return the days of which a signed root lies beside a ledger, ascending."""
    return sorted(date.fromisoformat(path.stem) for path in (folder / DAYS).glob("*.json"))


def _in_time(folders: Path | Iterable[Path], kind: type[AnyEntry], campaign: str | None) -> list[AnyEntry]:
    found = list(_entries(folders, kind, campaign))
    # Within one journal its own order counts: a clock may be set back, a chain may not.
    return found if isinstance(folders, Path) else sorted(found, key=lambda entry: entry.at)


def _entries(folders: Path | Iterable[Path], kind: type[AnyEntry], campaign: str | None) -> Iterator[AnyEntry]:
    names = {f.name for f in fields(kind)} - _NOT_WRITTEN
    for entry in _lines(folders):
        if entry.kind != _KINDS[kind] or not isinstance(entry.body, Mapping):
            continue
        body: Mapping[str, Any] = entry.body
        if campaign is not None and body.get("campaign") != campaign:
            continue
        if set(body) != names:
            raise SealError(
                f"Line {entry.seq + 1} of the ledger has other fields than a `{entry.kind}` line of this version.\n"
                "Read it with the version that wrote it."
            )
        given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in body.items()}
        yield kind(**given, position=entry.seq, at=entry.time)


def _lines(folders: Path | Iterable[Path]) -> Iterator[Entry]:
    for folder in [folders] if isinstance(folders, Path) else folders:
        path = folder / JOURNAL
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"{path}: there is no ledger here: {error.strerror}.\nGive the folder that `--ledger` named."
            ) from error
        # A gateway may be in the middle of a line: what has no end yet is not written.
        yield from read(data[: data.rfind(b"\n") + 1], path.name)
