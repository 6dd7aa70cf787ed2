"""A whole dossier: its seal checked, and every number of it recomputed, held against what it says."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhunt.errors import ConfigError, SealError
from stillhunt.report.dossier.constants import constants
from stillhunt.report.dossier.stated import stated
from stillhunt.seal import dossier as seal
from stillhunt.seal.bundle import Bundle, from_files
from stillhunt.seal.canonical import Json, list_of, mapping_of, read, text_of
from stillhunt.verify.checks import FAILS, HOLDS, NOT_MADE, Check, Trust, integrity
from stillhunt.verify.formula import formula
from stillhunt.verify.journaled import journaled
from stillhunt.verify.pages import differing
from stillhunt.verify.published import published, table_of
from stillhunt.verify.recipes import recomputed

REPRODUCED, DIFFERS, NEEDS = "reproduced", "not reproduced", "needs"
"""What came of a number; `NEEDS` is followed by what it takes: the log, the case file, a published table, nothing."""

SOURCES = (
    ("the bundle", None),
    ("the journal", re.compile(r"journal\.|log\.(?!left_out|duplicates)")),
    ("other numbers", re.compile(r"(?!case\.|earlier\.).*\(")),
    ("what the operator supplied", re.compile(r"(case|controls|earlier)\.")),
    ("published tables", re.compile(r"published\.")),
    ("the rule", re.compile(r"rule\.")),
)
"""Where a number follows from → how its recipe starts; those that start in no such way follow from the bundle."""

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""How far a recomputed number may lie from the one that the dossier says."""

DOSSIER = "dossier.json"
FEW_TOLD = 3
BEYOND = (
    ("who wrote the log", "that the log holds what was served, and nothing else"),
    ("who else", "that nobody outside the set belongs to it as well"),
    ("exact counts", "what the hunt's own exact counts gave: where one outsider holds a value, the bundle says two"),
    ("others", "what was counted of others: holders of a value, users of a template, matched accounts, other sets"),
    ("calls", "that hour, account and equal prompts of calls are those of their records: seen of records that are disclosed"),
    ("words", "that the words around a number mean what its recipe is, and what drawings, titles, notes and PDF files say"),
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
    source: str
    """What its recipe takes it from; empty where it has none."""


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
                {
                    "found": n.found, "id": n.id, "label": n.label, "needs": n.needs, "says": n.says, "source": n.source,
                    "status": n.status,
                }
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
    pages = _pages(files)
    beyond = [Check(name=name, status=NOT_MADE, found=what) for name, what in BEYOND]
    return Verdict(checks=(*checks, found, pages, *beyond), numbers=tuple(numbers))


def _pages(files: Mapping[str, bytes]) -> Check:
    """Every section, the letter and every number on a page say what `dossier.json` says."""
    try:
        document = _document(files[DOSSIER])
        if "sections" not in document and "schema" not in document:
            return Check(name="pages", status=NOT_MADE, found=f"{DOSSIER} has no sections to hold them against")
        wrong = differing(files)
    except SealError as error:
        return Check(name="pages", status=FAILS, found=str(error).partition("\n")[0])
    except (KeyError, TypeError) as error:
        return Check(name="pages", status=FAILS, found=f"{DOSSIER}: it does not hang together ({type(error).__name__}).")
    if wrong:
        more = f"; and {len(wrong) - FEW_TOLD} more" if len(wrong) > FEW_TOLD else ""
        return Check(name="pages", status=FAILS, found="; ".join(wrong[:FEW_TOLD]) + more)
    return Check(name="pages", status=HOLDS, found=f"sections, letter and numbers say what {DOSSIER} says")


def _content(disclosed: Path | None) -> bytes | None:
    try:
        return None if disclosed is None else disclosed.read_bytes()
    except OSError as error:
        raise ConfigError(f"{disclosed}: this file cannot be read: {error.strerror}.\nGive what `disclose` wrote.") from error


def _unsigned() -> Check:
    return Check(name="signature", status=FAILS, found="the dossier is not sealed: anybody could have written it")


def _numbers(files: Mapping[str, bytes]) -> tuple[Check, list[Number]]:
    document = _document(files[DOSSIER])
    listed = [mapping_of(row, DOSSIER) for row in list_of(document.get("numbers"), f"{DOSSIER}: numbers")]
    inside = {n.removeprefix(f"{seal.BUNDLE}/"): c for n, c in files.items() if n.startswith(f"{seal.BUNDLE}/")}
    values: dict[str, Json] = {}
    if inside:
        bundle = from_files(inside)
        if bundle.about.get("campaign") != document.get("campaign"):
            raise SealError(f"{seal.BUNDLE}/bundle.json: this is the bundle of another campaign.\nGet the dossier anew.")
        values = _given_by(files, bundle)
    values |= {**constants(), **_stated(document, values)}
    numbers = [_number(row, values, listed) for row in listed]
    count = {status: sum(n.status == status for n in numbers) for status in (REPRODUCED, DIFFERS)}
    others = Counter(n.status for n in numbers if n.status not in count)
    by = Counter(n.source for n in numbers if n.status == REPRODUCED)
    sources = ", ".join(f"{by[source]} from {source}" for source, _ in SOURCES if by[source])
    said = [f"{count[REPRODUCED]} {REPRODUCED}{f' ({sources})' if sources else ''}"]
    said += [counted(status, n) for status, n in [(DIFFERS, count[DIFFERS]), *sorted(others.items())]]
    found = ", ".join(said)
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


def _document(content: bytes) -> Mapping[str, Json]:
    return mapping_of(read(content, DOSSIER), DOSSIER)


def _stated(document: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
    """Return what the supplied part of a dossier gives; raise `SealError` where it hangs together badly."""
    try:
        return stated(document, given)
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise SealError(
            f"{DOSSIER}: what the operator supplied does not hang together ({type(error).__name__}).\nAsk for the dossier anew."
        ) from error


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
    elif recipe is not None:
        raise SealError(f"{DOSSIER}: a recipe is no text.\nIt was changed; get the dossier anew.")
    else:
        needs = text_of(row.get("needs") or "the log", DOSSIER)
        status = f"{NEEDS} {needs}"
    label = row.get("label", row.get("statement", ""))
    return Number(
        id=text_of(row.get("id"), DOSSIER), label=label if isinstance(label, str) else "", status=status, says=says,
        found=found, needs=needs, source=source_of(recipe) if isinstance(recipe, str) else "",
    )  # fmt: skip


def source_of(recipe: str) -> str:
    """Return what a number with some recipe follows from."""
    return next((name for name, starts in SOURCES if starts is not None and starts.match(recipe)), SOURCES[0][0])


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
