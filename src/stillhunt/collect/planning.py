"""Files, globs and folders become splits: pieces of known format that can be read side by side."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect import documents, mapped, objects, opening, otel, urls, vllm
from stillhunt.collect.guess import JSON_FORMATS, SUFFIXES, TABLES, Guess, guess, suffix
from stillhunt.collect.mapping import file_of
from stillhunt.collect.tabular import kind_of
from stillhunt.errors import ConfigError, LogError
from stillhunt.plugs import Split

SMALLEST_PART = 32 * 2**20
"""A file is not divided below this many bytes: opening it again would cost more than it saves."""

WHOLE = frozenset(("otel",))
"""Formats in which what belongs together may be anywhere in a file: it is read in one piece."""

BODIES = ("_input.json.gz", "_output.json.gz")
"""How Bedrock names large bodies in a folder `data` beside its log, which the log refers to."""

PARTS_PER_WORKER = 4
"""So many pieces for each worker that none waits long for the last."""


def plan(
    logs: Sequence[str | Path], format: str | None, *, parts: int, formats: dict[str, str]
) -> tuple[Split, ...]:
    """
    Return the splits of some logs, in the order given, folders and globs in the order of their names; tables first.

    `formats` is the table of formats; `format` names one of them, or None to recognise each file's.
    `parts` is how many workers will read.
    Raises `ConfigError` for an unknown format and `LogError` where nothing is
    found or recognised.
    """
    if format is not None and format not in formats and file_of(format) is None:
        raise ConfigError(_unknown_format(format, formats))
    if not logs:
        raise LogError("No log was given.\nPass files, folders or globs.")
    named: dict[Path, str] = {}
    tables: dict[str, tuple[Split, ...]] = {}
    for log in logs:
        if urls.scheme_of(log):
            tables[str(log)] = urls.splits(log, parts)
            continue
        if urls.is_object(log):
            tables[str(log)] = objects.splits(str(log), format)
            continue
        log = urls.without_file_scheme(log)
        for path, chosen in _recognised(log, format, formats).items():
            named.setdefault(path, chosen)
    if format is not None and file_of(format) is not None:
        mapped.check(format, list(named))
    joined = _joined(named) + _telemetry(named)
    sizes = {path: path.stat().st_size for path in named}
    target = max(SMALLEST_PART, sum(sizes.values()) // max(1, parts * PARTS_PER_WORKER))
    return tuple(split for found in tables.values() for split in found) + joined + tuple(
        split
        for path, chosen in named.items()
        for split in _divided(path, chosen, 1 if parts <= 1 else -(-sizes[path] // target))
    )


def _joined(named: dict[Path, str]) -> tuple[Split, ...]:
    """Take vLLM's logs, and the gateways' logs that they are joined to, out of what was named; return their split."""
    logs = [path for path, format in named.items() if format == "vllm"]
    if not logs:
        return ()
    gateways = [(format, path) for path, format in named.items() if format in vllm.GATEWAYS]
    for path in (*logs, *(path for _, path in gateways)):
        del named[path]
    return (Split(path=vllm.path_of(logs, gateways), format="vllm"),)


def _telemetry(named: dict[Path, str]) -> tuple[Split, ...]:
    """
    Take OTLP out of what was named where spans lie in some files and log records in others; return the split that joins them.

    Where one kind is all there is, or each file has both, nothing is to be joined and files can be read side by side.
    """
    kinds = {path: otel.kinds(opening.head(path)) for path, format in named.items() if format == "otel"}
    alone = {kind for found in kinds.values() if len(found) == 1 for kind in found}
    if len(alone) < 2:
        return ()
    for path in kinds:
        del named[path]
    return (Split(path="\n".join(map(str, kinds)), format="otel"),)


def files_of(log: str | Path) -> list[Path]:
    """Return the files that one argument stands for, whatever is in them. Raises `LogError` for none."""
    return _found(log, None)[0]


def _recognised(log: str | Path, format: str | None, formats: dict[str, str]) -> dict[Path, str]:
    """Return the files that one argument stands for, with the format of each."""
    paths, asked = _found(log, format)
    guesses = {path: Guess(format, "") if format else guess(path) for path in paths}
    known = {path: one.format for path, one in guesses.items() if one.format}
    if len(known) < len(paths) and (asked or not known):
        path, one = next((path, one) for path, one in guesses.items() if one.format is None)
        raise LogError(
            f"{path}: the format of this log was not recognised.\n   {one.reason}\n"
            f"Name it with `--format`, one of {', '.join(sorted(formats))}, or leave the file away."
        )
    return known


def _found(log: str | Path, format: str | None) -> tuple[list[Path], bool]:
    """Return the files that one argument stands for, and whether they were asked for by name."""
    path = Path(log)
    if path.is_dir():
        files = [file for file in _walk(path) if _may_be_log(file, format)]
        if not files:
            kinds = " ".join(SUFFIXES)
            raise LogError(
                f"{path}: this folder holds no log.\n"
                f"   Looked for files that end in {kinds}, also with .gz or .zst.\n"
                "Pass the files themselves, with `--format` where their names end otherwise."
            )
        return files, False
    if path.exists():
        return [path], True
    matches = sorted(Path(match) for match in glob.glob(str(log), recursive=True))
    files = [file for match in matches for file in (_walk(match) if match.is_dir() else [match])]
    files = [file for file in files if _may_be_log(file, format) or file in matches]
    if not files:
        what = (
            "no file matches this pattern" if glob.has_magic(str(log)) else "there is no such file or folder"
        )
        raise LogError(f"{log}: {what}.\nPass files, folders or globs that exist, relative to {Path.cwd()}.")
    return files, False


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder by name, without hidden ones and those of tools (`_SUCCESS`)."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _may_be_log(path: Path, format: str | None) -> bool:
    """Whether a file in a folder is taken for a log; a format from elsewhere may use any name."""
    found = suffix(path)
    if path.parent.name == "data" and path.name.endswith(BODIES):
        return False
    if found is None and (format is None or format in JSON_FORMATS) and "." not in path.name:
        return opening.head(path, 1) == b"{"  # objects in a bucket are often named for the call alone
    if format is None or file_of(format) is not None:
        return found is not None
    if format in SUFFIXES.values() or format in JSON_FORMATS:
        if format in TABLES:
            return found is not None
        kind = "ndjson" if format in JSON_FORMATS else format
        return found is not None and SUFFIXES[found] == kind
    return True


def _divided(path: Path, format: str, wanted: int) -> list[Split]:
    """Return a file as at most `wanted` splits; only Parquet and plain lines of JSON can be divided."""
    possible = 1
    kind = format if file_of(format) is None else {"json": "ndjson"}.get(how := kind_of(str(path)), how)
    if wanted > 1 and kind == "parquet":
        possible = _row_groups(path)
    elif wanted > 1 and kind in JSON_FORMATS - WHOLE and not opening.is_packed(path):
        first = opening.head(path)
        possible = wanted if documents.layout(first) == "lines" and not opening.wide_text(first) else 1
    parts = max(1, min(wanted, possible))
    return [Split(path=str(path), format=format, part=part, parts=parts) for part in range(parts)]


def _row_groups(path: Path) -> int:
    try:
        with pq.ParquetFile(path) as file:
            return int(file.num_row_groups)
    except (pa.ArrowException, OSError, ValueError):
        return 1  # the reader says what is wrong with it


def _unknown_format(format: str, formats: dict[str, str]) -> str:
    near = difflib.get_close_matches(format, formats, n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return (
        f"There is no log format `{format}`.{hint}\n"
        f"Name one of {', '.join(sorted(formats))}, or leave `--format` away to have it recognised."
    )
