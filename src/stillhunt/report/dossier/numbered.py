"""
Numbers with an address: each number of a dossier is a line of one list, and says how an outsider checks it.

A line has a recipe, which recomputes the number from the replay bundle, or it says what else is needed. Exactly one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillhunt.report import numbers
from stillhunt.report.dossier.formulas import FORMULAS
from stillhunt.seal.canonical import Json

THE_LOG = "the log"
THE_CASE = "the case file"
EARLIER = "the hunt of the earlier campaign"
IN_WORDS = "nothing: part of a name or of a reason in words"
PUBLISHED = "the published table `bench/results/held_out.md`"
COHORT_TABLE = "the published table `bench/results/cohorts.md`"
NO_BUNDLE = "a replay bundle: hunt again with `--evidence`"

Value = int | float | str
Figures = Mapping[str, float | int]


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a sentence of the hunt; digits in it count nothing."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """One number: its line in the list, its value, how it is written, and what it takes to check it."""

    id: str
    value: Value
    text: str
    label: str
    section: str
    recipe: str | None
    needs: str | None

    def document(self) -> Json:
        """Return the line as it stands in `dossier.json`."""
        return {
            "id": self.id,
            "value": self.value,
            "text": self.text,
            "label": self.label,
            "section": self.section,
            "recipe": self.recipe,
            "needs": self.needs,
        }


@dataclass(kw_only=True, slots=True)
class NumberList:
    """
    The list of numbers of one dossier, filled while it is written.

    `recomputed` has what the replay bundle gives, by recipe; None where there is no bundle. `section` is the section that
    is being written. `own` has what the dossier gives without a bundle: constants of the rule, and what was supplied.
    """

    figures: Figures
    recomputed: Mapping[str, Json] | None
    own: Mapping[str, Json] = field(default_factory=dict)
    section: str = "2"
    lines: list[Number] = field(default_factory=list)
    _at: dict[tuple[str, str, str, str | None], Number] = field(default_factory=dict)

    def figure(self, name: str, label: str, text: str | None = None, *, written: str = "figure") -> Number:
        """Return a figure of the hunt by the name of its recipe; once in the list however often it is used."""
        value, recipe = self._published(self.figures[name], name)
        needs = None if recipe else self._lacking(THE_LOG)
        return self._line(name, value, text or WRITTEN[written](value), label, recipe, needs)

    def counted(
        self,
        value: Value,
        label: str,
        text: str | None = None,
        *,
        needs: str = THE_LOG,
        recipe: str | None = None,
        written: Callable[[Any], str] | None = None,
    ) -> Number:
        """
        Return a number that is not a figure of the hunt; it has `recipe` where the bundle gives that.

        `written` writes the value, where `text` does not.
        """
        value, known = self._published(value, recipe)
        write = written or (numbers.count if isinstance(value, int) else numbers.figure)
        lacks = None if known else needs if recipe is None else self._lacking(needs)
        return self._line(label, value, text or write(value), label, known, lacks)  # type: ignore[arg-type]

    def _lacking(self, needs: str) -> str:
        """Return what a number with a recipe lacks where nothing gives it."""
        return NO_BUNDLE if self.recomputed is None else needs

    def derived(self, formula: str, of: Sequence[Number], label: str, written: Callable[[Any], str]) -> Number:
        """Return a number that follows from other lines by a formula of `formulas.py`."""
        words = [one.id for one in of]
        value = FORMULAS[formula](*(float(one.value) for one in of))
        return self._line(label, value, written(value), label, f"{formula}({', '.join(words)})", None)

    def before(self, last: int, kind: str | None, label: str) -> Number:
        """Return how many of the first lines need something, or have a recipe (`RECOMPUTED`), or there are (None)."""
        mine = [n for n in self.lines[:last] if kind in (None, n.needs) or (kind == RECOMPUTED and n.recipe is not None)]
        recipe = f"lines({last}, {'any' if kind is None else kind})"
        return self._line(label, len(mine), numbers.count(len(mine)), label, recipe, None)

    def _published(self, value: Value, recipe: str | None) -> tuple[Value, str | None]:
        """Return a value as the bundle gives it, where it gives it otherwise on purpose, and its recipe where it has one."""
        if recipe is not None and recipe in self.own:
            return value, recipe
        if self.recomputed is None or recipe is None or recipe not in self.recomputed:
            return value, None
        again = self.recomputed[recipe]
        if isinstance(again, int | float) and not isinstance(again, bool) and PUBLISHED_COUNTS.match(recipe):
            return again, recipe
        return value, recipe

    def said(
        self,
        statement: str,
        prefix: str | tuple[str, ...],
        label: str,
        needs: str = THE_LOG,
        *,
        rules: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> list[str | Number | Name]:
        """
        Return a sentence of the hunt in parts, each number in it a line of the list.

        A number that is a figure whose name starts with `prefix`, as rounded in the sentence, has that figure's recipe; one of
        the constants `rules` has that of the constant; the others need `needs`. `names` stand as they are.
        """
        parts: list[str | Number | Name] = []
        at = 0
        kept = [found.span() for name in names if name for found in re.finditer(re.escape(name), statement)]
        for n, found in enumerate(NUMERAL.finditer(statement), 1):
            named = next(((a, b) for a, b in kept if a <= found.start() < b), None)
            if named is not None:
                if at <= named[0]:
                    parts += [statement[at : named[0]], Name(statement[named[0] : named[1]])]
                    at = named[1]
                continue
            parts.append(statement[at : found.start()])
            name = self._figure_said(found, prefix)
            value = _value(found)
            if name is not None:
                what = f"{label}: {name.removeprefix(prefix)}" if isinstance(prefix, str) else label
                known = self.figure(name, what)
                same = self.figures[name] == known.value
                parts.append(self._again(known, _shown(found) if same else _rewritten(found, float(known.value))))
            else:
                rule = next((r for r in rules if self.own.get(f"rule.{r}") == value), None)
                of = f"{label}: number {n} of the sentence" if rule is None else f"{label}: {rule.replace('_', ' ')}"
                recipe = None if rule is None else f"rule.{rule}"
                parts.append(self.counted(value, of, _shown(found), needs=needs, recipe=recipe))
            at = found.end()
        return [*parts, statement[at:]]

    def _figure_said(self, found: re.Match[str], prefix: str | tuple[str, ...]) -> str | None:
        if not prefix:
            return None
        said, near = float(_value(found)), 10.0 ** -_decimals(found) / 2
        for name, value in self.figures.items():
            scale = 0.01 if found["percent"] else 1.0
            if name.startswith(prefix) and abs(float(value) / scale - said / scale) <= near * 1.0001:
                return name
        return None

    def _again(self, known: Number, text: str) -> Number:
        return self._line(known.label, known.value, text, known.label, known.recipe, known.needs)

    def _line(self, name: str, value: Value, text: str, label: str, recipe: str | None, needs: str | None) -> Number:
        key = (name, text, str(value), recipe)
        if key not in self._at:
            if isinstance(value, float) and not math.isfinite(value):
                value = "not finite"
            line = Number(
                id=f"n{len(self.lines) + 1}",
                value=value,
                text=text,
                label=label,
                section=self.section,
                recipe=recipe,
                needs=needs,
            )
            self._at[key] = line
            self.lines.append(line)
        return self._at[key]


PUBLISHED_COUNTS = re.compile(
    r"linkage\.(log10|group\.|without)|membership\.(kept|hanging)|without\.|shared\.|account\.\d+\.factor\.|pivot\.|unserved\."
    r"|contrast\..*\.(campaign|matched)$|strand\.\d+\.together$"
)
"""
Numbers that the dossier says as the bundle gives them, because the bundle withholds something of outsiders.

Counts of one outsider are published as two, what an account measures with three digits, times as whole hours. E-values from
published counts are valid, and those of linkage never larger than the hunt's own.
"""

RECOMPUTED = "a recipe"

WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "figure": numbers.figure,
    "count": lambda x: numbers.count(int(x)),
    "share": lambda x: numbers.share(float(x)),
    "power": lambda x: f"10^{float(x):.1f}",
    "effective": lambda x: numbers.effective(float(x)),
    "odds": lambda x: numbers.odds(float(x)),
}
"""Ways of writing a number."""

NUMERAL = re.compile(
    r"(?<!key )(?<![\w/])(?P<power>10\^)?(?P<sign>[-−](?=\d))?"
    r"(?P<body>\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?)(?P<percent> ?%)?"
)
"""A number in a sentence of the hunt."""


def _value(found: re.Match[str]) -> Value:
    body = found["body"].replace(",", "")
    value = float(body) * (-1 if found["sign"] else 1)
    if found["percent"]:
        return round(value / 100, 12)
    whole = "." not in body and "e" not in body and not found["power"]
    return int(value) if whole else value


def _rewritten(found: re.Match[str], value: float) -> str:
    """Return another value, written as the one in a sentence is."""
    scaled = value * 100 if found["percent"] else value
    if "e" in found["body"]:
        return numbers.figure(value)
    return f"{found['power'] or ''}{scaled:,.{max(_decimals(found), 0)}f}{found['percent'] or ''}".replace("-", "−")


def _decimals(found: re.Match[str]) -> int:
    body = found["body"].replace(",", "")
    mantissa, _, exponent = body.partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)


def _shown(found: re.Match[str]) -> str:
    if found["power"]:
        return found[0]
    if "e" in found["body"]:
        return numbers.figure(float(found["body"]) * (-1 if found["sign"] else 1))
    return found[0].replace("-", "−")
