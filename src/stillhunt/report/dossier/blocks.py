"""
What a dossier is made of: paragraphs, facts, tables, drawings. HTML and JSON are both written from these, so neither can
say what the other does not.

The parts of a sentence are plain words, numbers with an address, tags, and text that the operator supplied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from stillhunt.report.dossier.numbered import Name, Number
from stillhunt.report.numbers import day
from stillhunt.seal.canonical import Json


@dataclass(frozen=True, slots=True)
class Supplied:
    """Words of the operator, not of the hunt."""

    text: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A keyed tag, an id, a name or a day: letters and digits that count nothing. `code` sets it in a fixed width."""

    text: str
    code: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """A short verdict in a frame; `strong` sets it apart."""

    text: str
    strong: bool = False


Part = str | Number | Name | Supplied | Tag | Mark
Parts = tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prose:
    """A paragraph; `small` for what a reader may pass over."""

    parts: Parts
    small: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list of short paragraphs."""

    items: tuple[Parts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Names with what they are."""

    rows: tuple[tuple[str, Parts], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of cells; the first cell of a row is its head. `figures` are the columns that hold numbers."""

    label: str
    head: tuple[str, ...]
    rows: tuple[tuple[Parts, ...], ...]
    figures: frozenset[int] = frozenset()
    stacked: bool = False
    """On a narrow screen each row becomes a block of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A drawing with its caption."""

    svg: Markup
    caption: Parts


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Blocks that open when asked, and always in print."""

    summary: str
    blocks: tuple[Block, ...]

    @property
    def short(self) -> bool:
        """Whether it fits on a printed sheet, so that its heading never stands alone."""
        return all(not isinstance(block, Table) or len(block.rows) <= 12 for block in self.blocks)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotSupplied:
    """Something that only the operator knows, and did not say; `table` is where the case file would hold it."""

    what: str
    table: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One rung of the claim ladder."""

    name: str
    claimed: bool
    confidence: Parts
    kind: str
    basis: Parts
    innocent: Parts
    would_change: Parts


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The eight rungs."""

    rungs: tuple[Rung, ...]


Block = Heading | Prose | Items | Facts | Table | Drawing | Fold | NotSupplied | Ladder


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One of the fifteen sections, or a page after them."""

    number: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The section's place on the page."""
        return f"s{self.number}"


_SLOT = re.compile(r"\{(\w+)\}")


def say(sentence: str, **given: Part | Parts) -> Parts:
    """Return a sentence in parts: `{name}` becomes what is given under that name."""
    out: list[Part] = []
    for n, piece in enumerate(_SLOT.split(sentence)):
        if n % 2 == 0:
            if piece:
                out.append(piece)
        else:
            part = given[piece]
            out += part if isinstance(part, tuple) else [part]
    return tuple(out)


def prose(sentence: str, *, small: bool = False, **given: Part | Parts) -> Prose:
    """Return a paragraph of one or more sentences, filled as `say` does."""
    return Prose(parts=say(sentence, **given), small=small)


def supplied(value: str | date | Sequence[str] | None, otherwise: str = "not supplied") -> Parts:
    """Return what the operator wrote, or that nothing was written."""
    if value is None or value == ():
        return (Mark(otherwise),)
    if isinstance(value, str):
        return (Supplied(value),)
    if isinstance(value, date):
        return (Supplied(day(value)),)
    return (Supplied("; ".join(value)),)


def plain_text(parts: Parts) -> str:
    """Return a sentence as one string."""
    return "".join(part if isinstance(part, str) else part.text for part in parts)


def document(block: Block) -> Json:
    """Return a block as JSON: sentences as text with the lines of their numbers beside."""
    match block:
        case Heading():
            return {"heading": block.text}
        case Prose():
            return {"text": plain_text(block.parts), "numbers": _lines(block.parts)}
        case Items():
            return {"items": [_cell(parts) for parts in block.items]}
        case Facts():
            return {"facts": [{"name": name, **_cell(parts)} for name, parts in block.rows]}
        case Table():
            return {"table": block.label, "head": list(block.head), "rows": [[_cell(c) for c in r] for r in block.rows]}
        case Drawing():
            return {"drawing": plain_text(block.caption), "numbers": _lines(block.caption)}
        case Fold():
            return {"more": block.summary, "blocks": [document(b) for b in block.blocks]}
        case NotSupplied():
            return {"not_supplied": block.what, "case_file": block.table}
        case Ladder():
            return {"ladder": [_rung(rung) for rung in block.rungs]}


def _rung(rung: Rung) -> Json:
    sides = {
        "confidence": rung.confidence,
        "basis": rung.basis,
        "innocent": rung.innocent,
        "would_change": rung.would_change,
    }
    return {
        "rung": rung.name,
        "claimed": rung.claimed,
        "evidence_class": rung.kind,
        **{name: _cell(parts) for name, parts in sides.items()},
    }


def _cell(parts: Parts) -> dict[str, Json]:
    return {"text": plain_text(parts), "numbers": _lines(parts)}


def _lines(parts: Parts) -> list[Json]:
    return [part.id for part in parts if isinstance(part, Number)]
