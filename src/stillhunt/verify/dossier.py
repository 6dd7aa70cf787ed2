"""A whole dossier: its seal checked, and every number of it recomputed, held against what it says."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhunt.errors import ConfigError, SealError
from stillhunt.seal import dossier as seal
from stillhunt.seal.bundle import Bundle, from_files
from stillhunt.seal.canonical import Json, list_of, mapping_of, text_of
from stillhunt.verify.checks import FAILS, HOLDS, NOT_MADE, Check, Trust, integrity
from stillhunt.verify.formula import formula
from stillhunt.verify.journaled import journaled
from stillhunt.verify.published import published, table_of
from stillhunt.verify.recipes import recomputed

REPRODUCED, DIFFERS, NEEDS = "reproduced", "not reproduced", "needs"
"""What came of a number; `NEEDS` is followed by what it takes: the log, the case file, a published table, nothing."""

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""How far a recomputed number may lie from the one that the dossier says."""

DOSSIER = "dossier.json"
BEYOND = (
    ("who wrote the log", "that the log holds what was served, and nothing else"),
    ("who else", "that nobody outside the set belongs to it as well"),
    ("exact counts", "what the hunt's own exact counts gave: where one outsider holds a value, the bundle says two"),
    ("words", "that the pages say what dossier.json says: read them beside the numbers above"),
)
"""What no outsider can check, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """One number of a dossier, what it was recomputed as, and what came of it."""

    id: str
    label: str
    status: str
    says: Json
    found: Json
    needs: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """All checks and all numbers; `holds` where nothing failed."""

    checks: tuple[Check, ...]
    numbers: tuple[Number, ...]

    @property
    def holds(self) -> bool:
        """Whether no check failed and no number differs."""
        return all(c.status != FAILS for c in self.checks) and all(n.status != DIFFERS for n in self.numbers)

    def document(self) -> dict[str, Json]:
        """Return the verdict as JSON."""
        return {
            "checks": [{"found": c.found, "name": c.name, "status": c.status} for c in self.checks],
            "holds": self.holds,
            "numbers": [
                {"found": n.found, "id": n.id, "label": n.label, "needs": n.needs, "says": n.says, "status": n.status}
                for n in self.numbers
            ],
        }


def verify(folder: Path, trust: Trust, disclosed: Path | None = None) -> Verdict:
    """
    Check a dossier's seal and recompute its numbers; check records that were disclosed later, where a file of them is given.

    Raises `ConfigError` when the folder holds no dossier, or the file cannot be read.
    """
    if not (folder / DOSSIER).is_file():
        raise ConfigError(f"{folder}: there is no {DOSSIER} here.\nGive the folder that `stillhunt report` wrote.")
    files = seal.files_of(folder)
    checks = integrity(files, trust, _content(disclosed)) if seal.ENVELOPE in files else [_unsigned()]
    try:
        found, numbers = _numbers(files)
    except SealError as error:
        found, numbers = Check(name="numbers", status=FAILS, found=str(error).partition("\n")[0]), []
    beyond = [Check(name=name, status=NOT_MADE, found=what) for name, what in BEYOND]
    return Verdict(checks=(*checks, found, *beyond), numbers=tuple(numbers))


def _content(disclosed: Path | None) -> bytes | None:
    try:
        return None if disclosed is None else disclosed.read_bytes()
    except OSError as error:
        raise ConfigError(f"{disclosed}: this file cannot be read: {error.strerror}.\nGive what `disclose` wrote.") from error


def _unsigned() -> Check:
    return Check(name="signature", status=FAILS, found="the dossier is not sealed: anybody could have written it")


def _numbers(files: Mapping[str, bytes]) -> tuple[Check, list[Number]]:
    listed = _listed(files[DOSSIER])
    inside = {n.removeprefix(f"{seal.BUNDLE}/"): c for n, c in files.items() if n.startswith(f"{seal.BUNDLE}/")}
    values = _given_by(files, from_files(inside)) if inside else {}
    numbers = [_number(row, values, listed) for row in listed]
    count = {status: sum(n.status == status for n in numbers) for status in (REPRODUCED, DIFFERS)}
    others = Counter(n.status for n in numbers if n.status not in count)
    found = ", ".join(counted(status, n) for status, n in [*count.items(), *sorted(others.items())])
    if not inside:
        return Check(name="numbers", status=NOT_MADE, found="there is no replay bundle"), numbers
    return Check(name="numbers", status=FAILS if count[DIFFERS] else HOLDS, found=found), numbers


def counted(status: str, n: int) -> str:
    """Return how many numbers have a status, in words."""
    return f"{n} {status if n == 1 else status.replace(NEEDS, 'need', 1) if status.startswith(NEEDS) else status}"


def _given_by(files: Mapping[str, bytes], bundle: Bundle) -> dict[str, Json]:
    """Return what the bundle, the journal and the published tables give."""
    values = {**recomputed(bundle), **published()}
    configuration = bundle.about.get("configuration")
    if seal.JOURNAL in files and isinstance(configuration, str):
        values |= journaled(files[seal.JOURNAL], configuration)
    return values


def _listed(content: bytes) -> Sequence[Mapping[str, Json]]:
    try:
        whole: Json = json.loads(content)
    except ValueError as error:
        raise SealError(f"{DOSSIER}: this is not JSON.\nIt was changed; get the dossier anew.") from error
    rows = list_of(mapping_of(whole, DOSSIER).get("numbers"), f"{DOSSIER}: numbers")
    return [mapping_of(row, DOSSIER) for row in rows]


def _number(row: Mapping[str, Json], values: Mapping[str, Json], lines: Sequence[Mapping[str, Json]]) -> Number:
    recipe, says = row.get("recipe"), row.get("value")
    found = None
    if isinstance(recipe, str):
        found = values[recipe] if recipe in values else formula(recipe, lines)
        status = REPRODUCED if found is not None and same(says, found) else DIFFERS
        needs = "" if found is not None else f"neither bundle nor journal gives `{recipe}`"
        table = table_of(recipe)
        if table is not None and status == DIFFERS:
            needs, status = table, f"{NEEDS} {table}"
    else:
        needs = text_of(row.get("needs") or "the log", DOSSIER)
        status = f"{NEEDS} {needs}"
    label = row.get("label", row.get("statement", ""))
    return Number(
        id=text_of(row.get("id"), DOSSIER), label=label if isinstance(label, str) else "", status=status, says=says,
        found=found, needs=needs,
    )  # fmt: skip


def same(says: Json, found: Json) -> bool:
    """Return whether two values are equal, floating-point numbers to nine digits."""
    if isinstance(says, bool) or isinstance(found, bool) or says is None or found is None:
        return says is found
    if isinstance(says, int | float) and isinstance(found, int | float):
        return math.isclose(says, found, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    if isinstance(says, str) or isinstance(found, str):
        return says == found
    if isinstance(says, Mapping) and isinstance(found, Mapping):
        return says.keys() == found.keys() and all(same(says[k], found[k]) for k in says)
    if isinstance(says, Sequence) and isinstance(found, Sequence):
        return len(says) == len(found) and all(same(a, b) for a, b in zip(says, found, strict=True))
    return False
