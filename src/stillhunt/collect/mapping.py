"""
A mapping file: which column of somebody's own log is which column of the contract, written in TOML.

    [columns]
    account_id = "customer.id"                                  # a path: dots lead into JSON and structs
    started_at = { from = "ts", unit = "ms" }                   # a number in a stated unit
    client_ip = { from = "x_forwarded_for", split = ",", item = 0 }
    api_key_id = { from = "key", hash = true }
    org_id = ["team.id", "project"]                             # the first that is filled in
    status = { from = "code", values = { 200 = "ok", 429 = "rate_limited" } }

    [bodies]
    response = "payload.response"                               # bodies as providers have them, or lists of turns

    [constants]
    model = "m-large"                                           # where no column gives one
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.errors import ConfigError

PREFIX = "map:"
"""A format `map:FILE` is any log, read by the mapping in that file."""

UNITS = ("s", "ms", "us", "ns")
OPTIONS = ("from", "unit", "split", "item", "hash", "values")
TIMES = ("started_at", "ended_at")
SECTIONS = ("columns", "bodies", "constants")
SIDES = ("request", "response")

Constant = str | int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where one contract column comes from: paths in order of preference, and what is done with the value."""

    column: str
    paths: tuple[str, ...]
    line: int
    """Line of the mapping file."""
    unit: str | None = None
    split: str | None = None
    item: int | None = None
    hashed: bool = False
    values: Dictionary[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """A mapping file that was read and found sound."""

    path: str
    sources: tuple[Source, ...]
    constants: Dictionary[str, Constant]
    bodies: Dictionary[str, str]
    """`request` and `response` → the path that holds that body."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that the mapping reads, once, in order."""
        named = [path for source in self.sources for path in source.paths]
        return tuple(dict.fromkeys([*named, *self.bodies.values()]))


def file_of(format: str | None) -> str | None:
    """Return the mapping file that a format `map:FILE` names; None for other formats."""
    return format.removeprefix(PREFIX) if format is not None and format.startswith(PREFIX) else None


def read_mapping(path: str | Path) -> Mapping:
    """
    Return the mapping in a TOML file.

    Raises `ConfigError`, which names the line, where the file cannot be read or says something that has no meaning.
    """
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise ConfigError(
            f"{path}: this mapping cannot be read: {error.strerror}.\n"
            "Write one, or let `stillhunt doctor LOGS --suggest-map` propose it."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this mapping is not UTF-8 text.\nSave it as UTF-8.") from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, path: str) -> Mapping:
    """Return the mapping that a TOML text holds; `path` is for messages. Raises `ConfigError`."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: this is not TOML: {error}.\nCorrect that line.") from error
    file = _File(path, text)
    for section in document:
        if section not in SECTIONS:
            near = _near(section, SECTIONS)
            file.refuse(
                None,
                section,
                f"there is no section `{section}`",
                near or "The sections are `[columns]` and `[constants]`.",
            )
        if not isinstance(document[section], dict):
            file.refuse(None, section, f"`{section}` is no section", f"Write `[{section}]` on a line of its own.")
    sources = tuple(_source(file, name, given) for name, given in document.get("columns", {}).items())
    constants = {name: _constant(file, name, value) for name, value in document.get("constants", {}).items()}
    bodies = _bodies(file, document.get("bodies", {}))
    named = (
        {source.column for source in sources} | constants.keys() | ({"exchange_id"} if "response" in bodies else set())
    )
    if lacking := [name for name in REQUIRED if name not in named]:
        raise ConfigError(
            f"{path}: this mapping does not say where {_listed(lacking)} {'comes' if len(lacking) == 1 else 'come'} from.\n"
            'Add a line such as `account_id = "user.id"` under `[columns]`, or a constant under `[constants]`.'
        )
    return Mapping(path=path, sources=sources, constants=constants, bodies=bodies)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    text: str

    def line(self, section: str | None, key: str) -> int:
        """Return the line on which a key stands, 1 where it is not found."""
        here: str | None = None
        wanted = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*[=.]""")
        for number, line in enumerate(self.text.splitlines(), start=1):
            if head := re.match(r"""^\s*\[\s*["']?([^\]"']+?)["']?\s*\]""", line):
                here = head.group(1)
                if here in (key, f"{section}.{key}") and (section is None or here != key):
                    return number
            elif here == section and wanted.match(line):
                return number
        return 1

    def refuse(self, section: str | None, key: str, what: str, next_step: str) -> NoReturn:
        raise ConfigError(f"{self.path} line {self.line(section, key)}: {what}.\n{next_step}")


def _bodies(file: _File, given: Dictionary[str, object]) -> dict[str, str]:
    """Return the paths of the bodies."""
    found: dict[str, str] = {}
    for side, path in given.items():
        if side not in SIDES:
            file.refuse("bodies", side, f"there is no body `{side}`", "The bodies are `request` and `response`.")
        if not isinstance(path, str) or not path:
            file.refuse("bodies", side, f"`{side}` is not the path of a column", 'Write a path such as "payload.body".')
        found[side] = path
    return found


def _source(file: _File, name: str, given: object) -> Source:
    """Return where one column comes from; what is written is a path, several, or a table of options."""
    _known(file, "columns", name)

    def refuse(what: str, next_step: str) -> NoReturn:
        file.refuse("columns", name, f"`{name}`: {what}", next_step)

    options = given if isinstance(given, dict) else {"from": given}
    for option in options:
        if option not in OPTIONS:
            refuse(f"there is no option `{option}`", _near(option, OPTIONS) or f"The options are {_listed(OPTIONS)}.")
    asked = options.get("from")
    paths = [asked] if isinstance(asked, str) else asked
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) and path for path in paths):
        refuse("it does not say which column it comes from", 'Write a path such as "user.id", or a list of paths.')
    unit, split, item = options.get("unit"), options.get("split"), options.get("item")
    hashed, values = options.get("hash", False), options.get("values")
    if unit is not None and (unit not in UNITS or name not in TIMES):
        what = f"the unit {unit!r} is none" if name in TIMES else "only times have a unit"
        refuse(what, f"The units are {_listed(UNITS)}, and the times are {_listed(TIMES)}.")
    if split is not None and (not isinstance(split, str) or not split):
        refuse("`split` is not the text between items", 'Write something like split = ",".')
    if item is not None and (not isinstance(item, int) or isinstance(item, bool)):
        refuse("`item` is not the number of an item", "The first is 0, the last is -1.")
    if not isinstance(hashed, bool):
        refuse("`hash` is neither true nor false", "Write hash = true.")
    if values is not None and (not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values())):
        refuse("`values` is not a table of text", 'Write something like values = { 200 = "ok" }.')
    return Source(
        column=name,
        paths=tuple(paths),
        line=file.line("columns", name),
        unit=unit,
        split=split,
        item=item,
        hashed=hashed,
        values=values,
    )


def _constant(file: _File, name: str, value: object) -> Constant:
    _known(file, "constants", name)
    if name == "exchange_id":
        file.refuse(
            "constants", name, "`exchange_id` cannot be the same for all", "Name the column that tells calls apart."
        )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        file.refuse("constants", name, f"`{name}` is neither text nor a number", "Write text in quotes, or a number.")
    return value


def _known(file: _File, section: str, name: str) -> None:
    if name not in EXCHANGES.names:
        near = _near(name, EXCHANGES.names)
        file.refuse(
            section, name, f"the contract has no column `{name}`", near or "docs/reference/columns.md lists them."
        )


def _near(name: str, names: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f"Did you mean {_listed(found)}?" if found else ""


def missing(mapping: Mapping, source: Source, columns: Sequence[str]) -> ConfigError:
    """Return the error for a source whose columns a log has not: the line, the column, and those that are near."""
    what = _listed(source.paths)
    leaves = {column: column.rpartition(".")[2] for column in columns}
    near: list[str] = []
    for path in source.paths:
        near += difflib.get_close_matches(path, columns, n=3, cutoff=0.6)
        near += [column for column, leaf in leaves.items() if leaf == path.rpartition(".")[2]]
    near = list(dict.fromkeys(near))[:3]
    hint = f"Did you mean {_listed(near)}?" if near else f"The log has {_listed(list(columns)[:12])}."
    return ConfigError(
        f"{mapping.path} line {source.line}: `{source.column}` is to come from {what}, which the log has not.\n{hint}"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
