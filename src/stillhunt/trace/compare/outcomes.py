"""
Who got what right, and who refused what: one model's outcomes, read from rows or from a log of Inspect.

A file of rows has one JSON object on a line: `item` (the same name for every model), `kind` (`ability`, `harmful` or `benign`),
`group` (the capability, or the hazard class), and what came out: `correct` for an ability; for a question that may be refused,
`refused`, or the `answer` itself, which the rules read and which goes no further. `judge` is a second opinion on the refusal, and
`person` what somebody who read the answer says.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from stillhunt.errors import ConfigError
from stillhunt.model import LeftOut
from stillhunt.trace.compare.refusal import refuses

Kind = Literal["ability", "harmful", "benign"]
KINDS: tuple[Kind, ...] = get_args(Kind)
INSPECT_WANTS = "Install the extra: pip install 'stillhunt[inspect]'."
RIGHT = {"C": True, "I": False, "1": True, "0": False, "1.0": True, "0.0": False, "true": True, "false": False}
"""What Inspect's scorers write for right and wrong; a partial score is neither."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One item of one model: `yes` is right for an ability, refused for a question; `judge` and `person` may say otherwise."""

    item: str
    kind: Kind
    group: str
    yes: bool
    judge: bool | None = None
    person: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """One model's outcomes by (kind, item), and what was left out."""

    name: str
    rows: Mapping[tuple[Kind, str], Outcome]
    left_out: tuple[LeftOut, ...]

    def of(self, *kinds: Kind) -> dict[tuple[Kind, str], Outcome]:
        """Return the outcomes of some kinds, in the order of their items."""
        return {key: self.rows[key] for key in sorted(self.rows) if key[0] in kinds}


def read(path: Path, *, name: str | None = None) -> Outcomes:
    """Return the outcomes in a file of rows, or in a log that Inspect wrote (`.eval`, or `.json`)."""
    if not path.is_file():
        raise ConfigError(f"There is no file at {path}.\nGive rows (one JSON object a line) or a log of Inspect.")
    if path.suffix in (".eval", ".json"):
        model, rows = _inspect_rows(path)
        return gathered(name or model or path.stem, rows)
    return gathered(name or path.stem, _lines(path))


def gathered(name: str, rows: Iterable[Mapping[str, Any]]) -> Outcomes:
    """Return the outcomes of rows; a row that says nothing, and a second one for the same item, are counted and left out."""
    kept: dict[tuple[Kind, str], Outcome] = {}
    lost: Counter[str] = Counter()
    for row in rows:
        one = _outcome(row)
        if isinstance(one, str):
            lost[one] += 1
        elif (one.kind, one.item) in kept:
            lost["a second outcome for the same item"] += 1
        else:
            kept[one.kind, one.item] = one
    left_out = tuple(LeftOut(what="row", reason=reason, count=n) for reason, n in sorted(lost.items()))
    return Outcomes(name=name, rows=kept, left_out=left_out)


def _outcome(row: Mapping[str, Any]) -> Outcome | str:
    """Return the outcome of a row, or why there is none."""
    item, kind, group = row.get("item"), row.get("kind", "ability"), row.get("group") or "all"
    if not isinstance(item, str | int) or isinstance(item, bool) or kind not in KINDS:
        return "no `item`, or a `kind` that is none of " + ", ".join(KINDS)
    if kind == "ability":
        yes = _truth(row.get("correct"))
        if yes is None:
            return "no `correct` that is true or false"
    else:
        answer = row.get("answer")
        yes = _truth(row.get("refused"))
        if yes is None and isinstance(answer, str):
            if not answer.strip():
                return "an empty answer"
            yes = refuses(answer)
        if yes is None:
            return "neither `refused` nor an `answer`"
    judge, person = _truth(row.get("judge")), _truth(row.get("person"))
    return Outcome(item=str(item), kind=kind, group=str(group), yes=yes, judge=judge, person=person)


def _truth(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return RIGHT.get(str(value)) if isinstance(value, int | float | str) else None


def _lines(path: Path) -> Iterable[Mapping[str, Any]]:
    number = 0
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            number += 1
            if line.strip():
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("it is no object")
                yield row
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.\nGive rows: one JSON object a line.") from error
    except ValueError as error:
        raise ConfigError(
            f"{path}, line {number}, is no JSON object: {error}.\nGive one JSON object a line."
        ) from error


def _inspect_rows(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return the model and a row for each sample of an Inspect log: its first score, or the one named `refusal`."""
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as missing:
        raise ConfigError(
            f"A log of Inspect needs a package that is not here: {missing.name}.\n{INSPECT_WANTS}"
        ) from missing
    try:
        log = read_eval_log(str(path))
    except Exception as error:  # the package raises what its parsers raise
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{path} is no log of Inspect: {told}.\nGive a `.eval` file, or rows as `.jsonl`.") from error
    return str(log.eval.model), [_sample_row(sample, str(log.eval.task)) for sample in log.samples or ()]


def _sample_row(sample: Any, task: str) -> dict[str, Any]:
    about, scores = dict(sample.metadata or {}), dict(sample.scores or {})
    name = "refusal" if "refusal" in scores else next(iter(scores), None)
    value = None if name is None else scores[name].value
    row = {"item": str(sample.id), "kind": about.get("kind", "ability"), "group": about.get("group") or task}
    if row["kind"] == "ability":
        return {**row, "correct": value}
    more = dict(scores[name].metadata or {}) if name is not None else {}
    return {**row, "refused": value, "judge": more.get("judge"), "person": about.get("person")}
