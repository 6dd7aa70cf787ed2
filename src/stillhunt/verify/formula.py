"""Recipes that are formulas over other lines of a dossier's list of numbers: `upper(n3, n4)`, `lines(514, the log)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stillhunt.report.dossier.formulas import FORMULAS
from stillhunt.report.dossier.numbered import RECOMPUTED
from stillhunt.seal.canonical import Json

CALL = re.compile(r"(\w+)\((.*)\)")


def formula(recipe: str, lines: Sequence[Mapping[str, Json]]) -> Json:
    """Return what a formula gives; None where there is no such formula, or no such line, or a line is no number."""
    found = CALL.fullmatch(recipe)
    if found is None:
        return None
    name, words = found[1], found[2]
    try:
        if name == "lines":
            last, _, kind = words.partition(", ")
            return sum(_is(line, kind) for line in lines[: int(last)])
        value = {line.get("id"): line.get("value") for line in lines}
        return FORMULAS[name](*(float(value[word]) for word in words.split(", ")))  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError, ZeroDivisionError, OverflowError):
        return None


def _is(line: Mapping[str, Json], kind: str) -> bool:
    """Return whether a line needs something, or has a recipe."""
    return kind in ("any", line.get("needs")) or (kind == RECOMPUTED and line.get("recipe") is not None)
