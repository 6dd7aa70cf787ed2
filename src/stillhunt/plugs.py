"""
What a plug is: one callable and one row in a table, built in or from an entry point.

A log format is `read(split) -> Iterator[Batch]`. Rows of the table are `"module:name"` strings, so that
a format's dependencies are imported only when it is used. Strangers declare the same string under the
entry-point group `stillhunt.formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple

import pyarrow as pa

from stillhunt.errors import PlugError
from stillhunt.model import LeftOut


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """One piece of a log that can be read on its own, on any machine: a file, or part `part` of `parts` of it."""

    path: str
    format: str
    part: int = 0
    parts: int = 1


class Batch(NamedTuple):
    """
    Some lines of a log: those that became exchanges, and those left out.

    `lines == exchanges.num_rows + sum(l.count for l in left_out if l.what == "line")`, always.
    `exchanges` has the contract's names and types, and only the columns that the source can fill.
    """

    exchanges: pa.RecordBatch
    left_out: tuple[LeftOut, ...]
    lines: int


FormatReader = Callable[[Split], Iterator[Batch]]


def load(row: str) -> object:
    """
    Return the object that a `"module:name"` row names.

    Raises `PlugError` when the module or the name is missing.
    """
    module, _, name = row.partition(":")
    try:
        found: object = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PlugError(
            f"The plug {row!r} cannot be loaded: {error}.\n"
            "Install the extra that it belongs to, or correct the row `module:name`."
        ) from error
    return found


def table(builtin: Mapping[str, str], group: str) -> dict[str, str]:
    """Return the built-in rows and those that installed packages declare under `group`; built-in names win."""
    return {**dict(_declared(group)), **builtin}


@cache
def _declared(group: str) -> tuple[tuple[str, str], ...]:
    """Return the rows that installed packages declare, looked for once: it takes longer than reading a small file."""
    return tuple((point.name, point.value) for point in entry_points(group=group))
