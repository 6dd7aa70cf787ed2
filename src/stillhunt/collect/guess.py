"""Which format a log file is in, and why we think so: by what is in it first, by its name second."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from stillhunt.collect import bedrock, delimited, documents, opening, parquet, vllm_lines
from stillhunt.collect.lines import BYTE_ORDER_MARK
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import load

PARQUET = b"PAR1"

Recognise = Callable[[Mapping[str, object]], str | None]
"""Returns, for one parsed record, the reason why it is of a format, as a sentence; None where it is not."""

RECOGNISE: dict[str, str] = {
    "otel": "stillhunt.collect.otel:recognise",
    "litellm-spend": "stillhunt.collect.litellm_spend:recognise",
    "litellm": "stillhunt.collect.litellm:recognise",
    "langfuse": "stillhunt.collect.langfuse:recognise",
    "databricks": "stillhunt.collect.databricks:recognise",
    "envoy": "stillhunt.collect.envoy:recognise",
    "kong": "stillhunt.collect.kong:recognise",
    "bedrock": "stillhunt.collect.bedrock:recognise",
    "anthropic": "stillhunt.collect.anthropic:recognise",
    "openai": "stillhunt.collect.openai:recognise",
}
"""
Formats that are written as JSON records → the function that knows one of their records.

The first row that knows a record wins, so rows that ask for more stand before those that ask for less.
"""

JSON_FORMATS = frozenset(("ndjson", *RECOGNISE))
"""Formats whose files hold JSON records, one a line, in an array, or one after the other."""

TABLES = ("litellm-spend", "langfuse", "databricks")
"""Formats of `RECOGNISE` that are also written as Parquet and CSV; a record is known by its names alone."""

SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".log": "ndjson",
    ".csv": "csv",
    ".tsv": "csv",
}
PACKED = (".gz", ".zst")

LOOKED_AT = 20
"""Records of a file that are looked at."""


class Guess(NamedTuple):
    """A format (None for none) and the reason, as a sentence."""

    format: str | None
    reason: str


def suffix(path: str | Path) -> str | None:
    """Return a log file's suffix, without the one of its packing; None where it is none that logs have."""
    name = Path(path).name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    found = Path(name).suffix
    return found if found in SUFFIXES else None


def guess(path: str | Path) -> Guess:
    """Return the format of a file and why; a file that cannot be read is judged by its name alone."""
    first = opening.head(path, 2**20)
    if first.startswith(PARQUET):
        return _table(parquet.names(path)) or Guess("parquet", "It starts with the four bytes of every Parquet file.")
    by_name = SUFFIXES.get(suffix(path) or "")
    if by_name == "parquet":
        return Guess("parquet", "Its name says Parquet, though its content does not.")
    if not first.strip() or opening.wide_text(first):
        return _named(by_name, "nothing in it tells")
    return _text(first, by_name)


def _table(names: Collection[str]) -> Guess | None:
    """Return the format of a table, by the names of its columns; None where they are the contract's or nobody's."""
    if set(REQUIRED) <= set(names):
        return None
    for format in TABLES:
        if reason := cast(Recognise, load(RECOGNISE[format]))(dict.fromkeys(names)):
            return Guess(format, reason)
    return None


def _text(first: bytes, by_name: str | None) -> Guess:
    text = first.removeprefix(BYTE_ORDER_MARK).lstrip()
    found: set[str] = set()
    seen = 0
    known = {format: cast(Recognise, load(row)) for format, row in RECOGNISE.items()}
    for record in _records(text):
        seen += 1
        keys = set(record)
        if not keys.issuperset(REQUIRED):
            for format, recognise in known.items():
                if reason := recognise(record):
                    return Guess(format, reason)
        if contract := [name for name in EXCHANGES.names if name in keys and name in REQUIRED]:
            return Guess("ndjson", f"Its records are JSON with the contract's {_listed(contract)}.")
        found |= keys
    if seen:
        return Guess(
            None, f"Its records are JSON with the keys {_listed(sorted(found)[:6])}, which no format has."
        )
    if opening_key := re.match(rb'[\[\s]*\{\s*"(\w{1,40})"', text):  # a record that is larger than what is looked at
        for format, recognise in known.items():
            if reason := recognise({opening_key.group(1).decode(): None}):
                return Guess(format, reason)
    if reason := bedrock.recognise_text(text):
        return Guess("bedrock", reason)
    if reason := vllm_lines.recognise(text):
        return Guess("vllm", reason)
    if not text.startswith((b"{", b"[")):
        delimiter = delimited.sniffed(first, EXCHANGES.names)
        header = {name.strip().strip('"') for name in _first_line(text).split(delimiter)}
        if known_table := _table(header):
            return known_table
        if contract := [name for name in REQUIRED if name in header]:
            return Guess(
                "csv", f"Its first line has the contract's {_listed(contract)}, divided by {delimiter!r}."
            )
        if by_name == "csv":
            return Guess(
                None, "Its name says CSV, but its first line has none of the contract's required columns."
            )
    return _named(by_name, "no record near its start is whole")


def _named(by_name: str | None, why: str) -> Guess:
    if by_name is None:
        return Guess(None, f"Its name is none that logs have, and {why}.")
    return Guess(by_name, f"Its name says {by_name}, and {why}.")


def _first_line(text: bytes) -> str:
    return text.split(b"\n", 1)[0].decode(errors="replace")


def _records(text: bytes) -> Iterator[dict[str, object]]:
    """Yield the first few JSON objects of a text, whatever its layout."""
    if documents.layout(text) == "lines":
        parsed = (documents.parse(line) for line in text.split(b"\n")[:LOOKED_AT] if line.strip())
        yield from (record for record in parsed if isinstance(record, dict))
        return
    source = documents.Values(iter([text]), array=text.startswith(b"["))
    for number, (value, _) in enumerate(source):
        if number >= LOOKED_AT:
            return
        if isinstance(value, dict):
            yield value


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name[:40]}`" for name in names)
