"""The case file, TOML, into a case: whatever is wrong is an error that names the line, the key and what to write."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

from stillhunt.errors import ConfigError
from stillhunt.report.dossier.case import MANY, ONE, Case

WRITE_LIKE = {
    "str": 'a text, as `{key} = "…"`',
    "int": "a whole number, as `{key} = 12`",
    "date": "a day, as `{key} = 2026-11-25`",
    "bool": "`true` or `false`",
    "tuple[str, ...]": 'a list of texts, as `{key} = ["…", "…"]`',
    "tuple[int, ...]": "two whole numbers, as `{key} = [3, 200]`",
}
SHA256 = re.compile(r"[0-9a-f]{64}")
LONGEST_TEXT = 4000


def read_case(path: Path) -> Case:
    """Return the case in a TOML file. Raises `ConfigError`."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(
            f"{path}: this case file cannot be read: {error.strerror}.\nGive one with `--case`, or leave the option out."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this case file is not UTF-8 text.\nSave it as UTF-8.") from error
    return parse_case(text, str(path))


def parse_case(text: str, path: str) -> Case:
    """Return the case that a TOML text holds; `path` is for messages. Raises `ConfigError`."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: this is not TOML: {error}.\nCorrect that line.") from error
    file = _File(path, text)
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name in ONE:
            if not isinstance(value, dict):
                file.refuse(name, None, f"`{name}` is a table.", f"Write it as `[{name}]`, with its keys below.")
            found[name] = _table(file, name, ONE[name], value, None)
        elif name in MANY:
            if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
                file.refuse(name, None, f"`{name}` may be written several times.", f"Write each as `[[{name}]]`.")
            found[name] = tuple(_table(file, name, MANY[name], v, n) for n, v in enumerate(value))
        else:
            file.refuse(name, None, f"there is no table `{name}`.", _did_you_mean(name, [*ONE, *MANY]))
    case = Case(**found)
    _agree(file, case)
    return case


@dataclass(frozen=True, slots=True)
class _File:
    """The text of a case file, for saying where something stands."""

    path: str
    text: str

    def refuse(self, table: str, key: str | None, wrong: str, advice: str, *, nth: int | None = None) -> NoReturn:
        """Raise a `ConfigError` for a key of a table (the nth of that name)."""
        where = f"{self.path}:{self._line(table, key, nth)}"
        shown = (
            f"`{key}` in `[{table}]`" if key and nth is None else f"`{key}` in `[[{table}]]`" if key else f"`{table}`"
        )
        raise ConfigError(f"{where}: {shown}: {wrong}\n{advice}")

    def _line(self, table: str, key: str | None, nth: int | None) -> int:
        head = re.compile(rf"^\s*\[\[?\s*\"?{re.escape(table)}\"?\s*\]\]?|^\s*\"?{re.escape(table)}\"?\s*=")
        any_head = re.compile(r"^\s*\[")
        lines = self.text.splitlines()
        starts = [n for n, line in enumerate(lines, 1) if head.match(line)]
        start = starts[min(nth or 0, len(starts) - 1)] if starts else 1
        if key is None:
            return start
        for n in range(start, len(lines)):
            if any_head.match(lines[n]):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*[.=]", lines[n]):
                return n + 1
        return start


def _table(file: _File, name: str, kind: type, value: Mapping[str, Any], nth: int | None) -> Any:
    known: dict[str, Field[Any]] = {f.name: f for f in fields(kind)}
    for key in value:
        if key not in known:
            file.refuse(name, key, "there is no such key.", _did_you_mean(key, list(known)), nth=nth)
    out = {}
    for key, about in known.items():
        if key in value:
            out[key] = _checked(file, name, key, about, value[key], nth)
        elif about.metadata["needed"]:
            wanted = WRITE_LIKE[_type(about)].format(key=key)
            file.refuse(name, None, f"`{key}` is missing: {about.metadata['help']}.", f"Add {wanted}.", nth=nth)
    return kind(**out)


def _checked(file: _File, table: str, key: str, about: Field[Any], value: Any, nth: int | None) -> Any:
    wanted = _type(about)
    if wanted == "date" and isinstance(value, datetime):
        value = value.date()
    sound = {
        "str": isinstance(value, str) and value.strip() != "",
        "int": isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        "date": isinstance(value, date),
        "bool": isinstance(value, bool),
        "tuple[str, ...]": isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value),
        "tuple[int, ...]": isinstance(value, list) and _counts(value),
    }[wanted]
    if not sound:
        advice = f"Write {WRITE_LIKE[wanted].format(key=key)}: {about.metadata['help']}."
        file.refuse(table, key, f"this is not {WRITE_LIKE[wanted].split(',')[0]}.", advice, nth=nth)
    options = about.metadata["one_of"]
    if options and value not in options:
        file.refuse(table, key, f"{value!r} is none of {', '.join(options)}.", _did_you_mean(value, options), nth=nth)
    if key == "sha256" and not SHA256.fullmatch(value):
        file.refuse(
            table, key, "this is not a SHA-256 in 64 lower-case hex digits.", "Run `sha256sum` on the text.", nth=nth
        )
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        file.refuse(table, key, f"this text has {len(value):,} letters.", f"Keep it under {LONGEST_TEXT:,}.", nth=nth)
    return tuple(value) if isinstance(value, list) else value


def _counts(value: Sequence[Any]) -> bool:
    whole = all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in value)
    return len(value) == 2 and whole and value[0] <= value[1] and value[1] > 0


def _agree(file: _File, case: Case) -> None:
    """Refuse what contradicts itself: hypotheses nobody named, windows that end before they start, halves of a ratio."""
    names = [str(h.name) for h in case.hypotheses]
    for n, observation in enumerate(case.observations):
        for key in ("speaks_for", "against"):
            for name in getattr(observation, key):
                if name not in names:
                    advice = _did_you_mean(name, names) if names else "Add a `[[hypotheses]]` with that name."
                    file.refuse("observations", key, f"there is no hypothesis `{name}`.", advice, nth=n)
        if bool(observation.if_true) != bool(observation.otherwise):
            advice = "Give both `if_true` and `otherwise`, or neither: a likelihood ratio needs two frequencies."
            file.refuse("observations", None, "one half of a likelihood ratio is missing.", advice, nth=n)
    for n, one in enumerate(case.terms):
        if one.accepted is not None and one.records is not None:
            file.refuse("terms", "accepted", "`records` says how many they are.", "Leave one of the two out.", nth=n)
    watched = case.releases_watched
    if watched is not None and watched.start and watched.end and watched.end <= watched.start:
        file.refuse("releases_watched", "end", "it lies before `start`.", "Give the first and last day of the list.")
    if case.releases and watched is None:
        advice = "Add `[releases_watched]` with `start`, `end` and `lag_days`: without it a release has no base rate."
        file.refuse(
            "releases", None, "releases are listed, but not over which days the list is complete.", advice, nth=0
        )
    for n, release in enumerate(case.releases):
        if watched is not None and not watched.start <= release.at <= watched.end:  # type: ignore[operator]
            advice = "Widen `[releases_watched]`, and list every release of the added days, or leave this one out."
            file.refuse("releases", "at", "this day lies outside the days that are watched.", advice, nth=n)


def _type(about: Field[Any]) -> str:
    return str(about.type).removesuffix(" | None")


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(word), known, n=1)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return f"{hint}Known: {', '.join(known)}."
