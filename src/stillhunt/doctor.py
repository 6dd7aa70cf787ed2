"""
What logs can show, told before a long hunt: formats, losses, coverage, identity, privacy, and which tests can run.

Everything is read once, by the readers that a hunt uses; nothing is kept but counts. What is missing comes with the
setting of the user's own gateway that would supply it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import collect, contract
from stillhunt.collect.clear import in_the_clear
from stillhunt.collect.guess import guess
from stillhunt.collect.mapped import columns_of
from stillhunt.collect.mapping import file_of
from stillhunt.collect.planning import files_of
from stillhunt.collect.proposing import Proposal, propose
from stillhunt.collect.supply import supply
from stillhunt.coverage import JOINS, coverage, unavailable_for
from stillhunt.digest import traits
from stillhunt.errors import LogError
from stillhunt.model import Coverage, LeftOut, Unavailable
from stillhunt.plugs import Batch, Split

Progress = Callable[[str, float], None]

IDENTIFIERS = ("account_id", "org_id", "api_key_id", "session_id", "end_user_id", "device_id")
"""Columns of a log in which people put addresses and keys; reports and links may quote them."""

SECRETS = re.compile(r"^(e_?mail|phone|mobile|card(_?number)?|pan|iban|full_?name|address)$", re.IGNORECASE)
"""Columns beside the contract's in an accounts table that hold personal data in the clear."""

OPERATE = (
    ("one clock", ("started_at",)),
    ("interchangeable workers", ("prompt",)),
    ("de-duplicated queue", ("prompt",)),
    ("best of k", ("prompt",)),
    ("simultaneous copies", ("prompt",)),
)
CONCEAL = ("accounts.payment_fingerprint", "accounts.email_domain")

STANDS_IN = re.compile(r"^account is (?:the )?(.+), for want of ")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One log file: the format it was read as and why, and how many of its lines became exchanges."""

    name: str
    format: str | None
    why: str
    lines: int
    exchanges: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What to set, and where, so that logs of a format fill a column; no format for the accounts table."""

    column: str
    format: str
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One key or test: whether it can run on these logs, and if not, for want of what and where that is set."""

    key: str
    """`LINK`, `OPERATE`, `CONCEAL` or `CONTEXT`."""
    test: str
    runs: bool
    wants: tuple[str, ...]
    """Any one of these columns is enough, unless `every`."""
    has: tuple[str, ...]
    every: bool = False
    consequence: str = ""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Values of one column that are personal data in the clear: how many, of which kind, and what to do."""

    table: str
    column: str
    kind: str
    count: int
    advice: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkup:
    """What doctor found: counts and names, never a value of the log."""

    files: tuple[SourceFile, ...]
    lines: int
    exchanges: int
    left_out: tuple[LeftOut, ...]
    coverage: tuple[Coverage, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    accounts: int
    identity: tuple[tuple[str, int], ...]
    """What stands for the account → exchanges; more than one entry means that links mean several things."""
    checks: tuple[Check, ...]
    exposures: tuple[Exposure, ...]

    def document(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        parts: dict[str, Any] = asdict(self)
        parts["identity"] = [{"kind": kind, "exchanges": count} for kind, count in self.identity]
        parts["coverage"] = [
            {**asdict(one), "share": round(one.present / one.rows, 6) if one.rows else 0.0} for one in self.coverage
        ]
        for name in ("first_seen", "last_seen"):
            moment = parts[name]
            parts[name] = moment.isoformat() if moment is not None else None
        return {"schema": "stillhunt/doctor/v1", **parts}


def examine(
    logs: Sequence[str | Path],
    accounts: str | Path | None = None,
    *,
    format: str | None = None,
    progress: Progress = lambda stage, share: None,
) -> Checkup:
    """
    Read logs and return what they can show.

    1. Recognise each file; one that is not recognised is listed, and the others are read.
    2. Read everything once, counting.
    3. Read the accounts table, where one is given.
    4. Say which keys and tests can run, and where what is missing is set.

    Raises `ConfigError` for a format or mapping that cannot be used, `LogError` where no log is found.
    """
    splits, unknown = _planned(logs, format)  # 1.
    progress("digest", 0.0)
    counts = _Counts()
    files = []
    for number, split in enumerate(splits):  # 2.
        lines, exchanges = counts.add_file(collect.read(split))
        place = split.path.rpartition("\n")[2]  # vLLM's log is the last of those that are joined
        why = guess(place).reason if format is None and Path(place).is_file() else "It was named."
        name = Path(split.path).name
        files.append(SourceFile(name=name, format=split.format, why=why, lines=lines, exchanges=exchanges))
        progress("digest", (number + 1) / len(splits))
    table, left_accounts, exposed = _accounts(accounts)  # 3.
    formats = tuple(dict.fromkeys(split.format for split in splits))
    return Checkup(
        files=(*files, *unknown),
        lines=counts.lines,
        exchanges=counts.rows,
        left_out=(*counts.left_out(), *left_accounts),
        coverage=coverage(counts.present, counts.rows, table),
        first_seen=counts.first,
        last_seen=counts.last,
        accounts=counts.accounts,
        identity=counts.identity(),
        checks=checks(counts.present, table, formats),  # 4.
        exposures=(*counts.exposures(), *exposed),
    )


def suggested(logs: Sequence[str | Path]) -> Proposal:
    """
    Return a mapping proposed for the first file of some logs.

    Raises `LogError` where there is none, or where it holds nothing that could be mapped.
    """
    first = files_of(logs[0])[0]
    proposal = propose(first)
    if not proposal.records:
        raise LogError(
            f"{first}: no record of it can be read, so no mapping can be proposed.\n"
            "Give a Parquet file, JSON objects or CSV with a header."
        )
    return proposal


def _planned(logs: Sequence[str | Path], format: str | None) -> tuple[list[Split], list[SourceFile]]:
    """Return the splits of the logs that are recognised, one a file, and the files that are not."""
    unknown: list[SourceFile] = []
    try:
        return list(collect.plan(logs, format)), unknown
    except LogError:
        known = []
    for log in logs:
        try:
            collect.plan([log], format)
            known.append(log)
        except LogError:
            if not Path(log).is_file():
                raise
            unknown.append(SourceFile(name=Path(log).name, format=None, why=guess(log).reason, lines=0, exchanges=0))
    return list(collect.plan(known, format)) if known else [], unknown


class _Counts:
    """What has been read so far, as counts."""

    def __init__(self) -> None:
        self.lines = 0
        self.rows = 0
        self.present: Counter[str] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None
        self._left: dict[tuple[str, str, bool], list[Any]] = {}
        self._clear: Counter[tuple[str, str]] = Counter()
        self._known = np.empty(0, np.int64)
        self._new: list[np.ndarray[Any, np.dtype[np.int64]]] = []

    def add_file(self, batches: Iterable[Batch]) -> tuple[int, int]:
        """Count the batches of one file; return its lines and exchanges."""
        lines, rows = self.lines, self.rows
        for batch in batches:
            self._add(batch)
        return self.lines - lines, self.rows - rows

    def _add(self, batch: Batch) -> None:
        rows = batch.exchanges
        self.lines += batch.lines
        self.rows += rows.num_rows
        for one in batch.left_out:
            known = self._left.setdefault((one.what, one.reason, one.defect), [0, []])
            known[0] += one.count
            known[1] = [*known[1], *one.examples][:5]
        if not rows.num_rows:
            return
        for name in rows.schema.names:
            column: Any = rows.column(name)
            self.present[name] += rows.num_rows - column.null_count
            if name in IDENTIFIERS or name in contract.TEXT:
                for kind, count in in_the_clear(column, inside=name in contract.TEXT).items():
                    self._clear[name, kind] += count
        span: Any = pc.min_max(rows.column("started_at"))
        low, high = span["min"].as_py(), span["max"].as_py()
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
        names = pc.unique(rows.column("account_id")).to_pylist()
        self._new.append(np.fromiter(map(hash, names), np.int64, len(names)))
        if sum(map(len, self._new)) > 2**20:
            self._settle()

    def _settle(self) -> None:
        """Keep the account names seen so far as sorted hashes, eight bytes each."""
        self._known = np.unique(np.concatenate([self._known, *self._new]))
        self._new.clear()

    @property
    def accounts(self) -> int:
        """Number of distinct accounts."""
        self._settle()
        return len(self._known)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what was left out, by count."""
        ordered = sorted(self._left.items(), key=lambda item: (-item[1][0], item[0]))
        return tuple(
            LeftOut(what=what, reason=reason, defect=defect, count=count, examples=tuple(examples))
            for (what, reason, defect), (count, examples) in ordered
        )

    def identity(self) -> tuple[tuple[str, int], ...]:
        """Return what stood for the account, by number of exchanges (lines left out later count as well)."""
        stood: Counter[str] = Counter()
        for (what, reason, _), (count, _) in self._left.items():
            if what == "value" and (match := STANDS_IN.match(reason)):
                stood[match.group(1)] += count
        own = self.rows - sum(stood.values())
        return tuple(([("account", own)] if own > 0 else []) + stood.most_common())

    def exposures(self) -> tuple[Exposure, ...]:
        """Return what stands in the clear in the log, identifiers first."""
        ordered = sorted(self._clear.items(), key=lambda item: (item[0][0] in contract.TEXT, -item[1], item[0]))
        return tuple(
            Exposure(table="exchanges", column=column, kind=kind, count=count, advice=_advice(column, kind))
            for (column, kind), count in ordered
        )


def _advice(column: str, kind: str) -> str:
    if column in contract.TEXT:
        return "It is hashed while it is read and never written, but whoever holds this log holds it: mind who does."
    if kind == "API key":
        return "Hash keys where they are logged: this log gives access. In a mapping: `hash = true`."
    return "Results name accounts by this value: hash it where it is logged, or in a mapping with `hash = true`."


def _accounts(path: str | Path | None) -> tuple[pa.Table, tuple[LeftOut, ...], list[Exposure]]:
    """Return the accounts table, what was left out of it, and what stands in it in the clear."""
    if path is None:
        return contract.ACCOUNTS.empty_table(), (), []
    table, left_out = collect.read_table(path, contract.ACCOUNTS)
    exposed = []
    for name in table.column_names:
        column: Any = table.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        for kind, count in in_the_clear(column, inside=False).items():
            advice = (
                "Give a keyed hash of it instead: the same value must give the same hash, and nothing more is needed."
            )
            exposed.append(Exposure(table="accounts", column=name, kind=kind, count=count, advice=advice))
    for name in columns_of(path):
        if name not in table.column_names and SECRETS.match(name.rpartition(".")[2]):
            advice = "Stillhunt does not read this column: leave it out of the file."
            exposed.append(
                Exposure(table="accounts", column=name, kind="a name that says so", count=table.num_rows, advice=advice)
            )
    return table, left_out, exposed


def checks(present: dict[str, int], accounts: pa.Table, formats: Sequence[str]) -> tuple[Check, ...]:
    """Return each key and test with whether it can run, for want of which columns not, and where they are set."""
    has = {name for name, count in present.items() if count}
    has |= {f"accounts.{c}" for c in accounts.column_names if accounts.num_rows > accounts.column(c).null_count}
    missing = {one.what: one for one in unavailable_for(present, accounts)}

    def check(key: str, test: str, wants: tuple[str, ...], lost: Unavailable | None, *, every: bool = False) -> Check:
        runs = set(wants) <= has if every else bool(has & set(wants))
        return Check(
            key=key,
            test=test,
            runs=runs,
            wants=wants,
            has=tuple(name for name in wants if name in has),
            every=every,
            consequence="" if runs or lost is None else lost.consequence,
            settings=() if runs else _settings([name for name in wants if name not in has], formats),
        )

    found = [
        check("LINK", kind.label, kind.wants, missing.get(f"trait: {kind.label}"))
        for kind in traits.KINDS
        if kind.group is not None
    ]
    text = missing.get("test: interchangeable workers")
    found += [check("OPERATE", name, wants, missing.get(f"test: {name}", text)) for name, wants in OPERATE]
    found += [check("OPERATE", test, wants, missing.get(f"test: {test}"), every=True) for test, wants, _ in JOINS]
    found.append(check("CONCEAL", "declared customers", CONCEAL, missing.get("key 3: concealment")))
    for what in ("owners", "licensed use"):
        wants = ("org_id", "accounts.org_id") if what == "owners" else ("accounts.licence",)
        found.append(check("CONTEXT", what, wants, missing.get(what)))
    return tuple(found)


def _settings(wants: Sequence[str], formats: Sequence[str]) -> tuple[Setting, ...]:
    """Return what to set for the columns that are wanted, in each format that was read."""
    found = []
    for column in wants:
        if column.startswith("accounts."):
            found.append(Setting(column=column, format="", what=supply("", column)))
            continue
        for format in formats:
            name = "map" if file_of(format) is not None else format
            found.append(Setting(column=column, format=name, what=supply(name, column)))
    return tuple(found)
