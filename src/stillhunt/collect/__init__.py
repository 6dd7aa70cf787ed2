"""
Logs in; exchanges, accounts and events out, with everything that was left out on the way.

    plan(logs)  files, folders and globs → splits that can be read side by side
    read(split) one split → batches in the contract's columns
    tables(data) the same from tables in memory         read_table(path) the same for accounts and events

`FORMATS` is the table of log formats: one row and one file each, strangers' under the entry points
`stillhunt.formats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from stillhunt import plugs
from stillhunt.collect import mapped, objects, planning, urls
from stillhunt.collect.arrow import tables
from stillhunt.collect.mapping import file_of
from stillhunt.collect.side import read_table
from stillhunt.errors import ConfigError
from stillhunt.plugs import Batch, FormatReader, Split

FORMATS: dict[str, str] = {
    "parquet": "stillhunt.collect.parquet:read",
    "ndjson": "stillhunt.collect.ndjson:read",
    "csv": "stillhunt.collect.delimited:read",
    "litellm": "stillhunt.collect.litellm:read",
    "litellm-spend": "stillhunt.collect.litellm_spend:read",
    "langfuse": "stillhunt.collect.langfuse:read",
    "databricks": "stillhunt.collect.databricks:read",
    "envoy": "stillhunt.collect.envoy:read",
    "kong": "stillhunt.collect.kong:read",
    "vllm": "stillhunt.collect.vllm:read",
    "postgresql": "stillhunt.collect.postgresql:read",
    "clickhouse": "stillhunt.collect.clickhouse:read",
    "openai": "stillhunt.collect.openai:read",
    "anthropic": "stillhunt.collect.anthropic:read",
    "bedrock": "stillhunt.collect.bedrock:read",
    "otel": "stillhunt.collect.otel:read",
}

ENTRY_POINTS = "stillhunt.formats"


def formats() -> dict[str, str]:
    """Return the rows of all log formats, built in and installed."""
    return plugs.table(FORMATS, ENTRY_POINTS)


def plan(logs: Sequence[str | Path], format: str | None = None, *, parts: int = 1) -> tuple[Split, ...]:
    """
    Return the splits of some logs (files, globs, folders) for `parts` workers, always in the same order.

    The format of each file is recognised unless `format` names it; `map:FILE` is a mapping (see `collect.mapping`).
    Raises `LogError` where nothing is found or recognised, `ConfigError` for a format that does not exist or a mapping
    that does not fit.
    """
    return planning.plan(logs, format, parts=parts, formats=formats())


def read(split: Split) -> Iterator[Batch]:
    """
    Yield the batches of one split: at most 65,536 rows and about 64 MB each.

    Raises `ConfigError` for a format that does not exist; nothing that the file holds raises.
    """
    if urls.is_object(split.path):
        return objects.read(split, lambda path, format: plan([path], format), read)
    if file_of(split.format) is not None:
        return mapped.read(split)
    rows = formats()
    if split.format not in rows:
        raise ConfigError(f"There is no log format `{split.format}`.\nName one of {', '.join(sorted(rows))}.")
    return cast(FormatReader, plugs.load(rows[split.format]))(split)


__all__ = [
    "FORMATS",
    "formats",
    "plan",
    "read",
    "read_table",
    "tables",
]
