"""
Logs in object stores and distributed file systems: `s3a://bucket/logs/`, `gs://`, `abfss://`, `hdfs://`.

Whoever reads a split, on this machine or on an executor, copies its object to a temporary folder with Arrow's file
systems and reads it there by the ordinary rules. Credentials are those that Arrow finds on that machine (for S3 the
usual chain: environment, profile, instance role).
"""

from __future__ import annotations

import fnmatch
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pyarrow as pa
from pyarrow import fs

from stillhunt.collect import urls
from stillhunt.collect.guess import suffix
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.errors import LogError
from stillhunt.model import LeftOut
from stillhunt.plugs import Batch, Split

MAGIC = re.compile(r"[*\[]")
PIECE = 2**23
"""Bytes copied at a time."""


def splits(url: str, format: str | None) -> tuple[Split, ...]:
    """
    Return one split for each object that a URL stands for: an object, a folder, or a glob; in the order of their names.

    The format is recognised where the split is read, unless `format` names it. Raises `LogError` for none, and where the
    store does not answer.
    """
    scheme, rest, query = _parts(url)
    magic = MAGIC.search(rest)
    root = rest.rstrip("/") if magic is None else rest[: magic.start()].rpartition("/")[0]
    try:
        store, path = fs.FileSystem.from_uri(_arrow_uri(scheme, root, query))
        found = store.get_file_info(path)
        inside = [found]
        if found.type == fs.FileType.Directory:
            inside = store.get_file_info(fs.FileSelector(path, recursive=True))
    except (OSError, pa.ArrowException) as error:
        raise LogError(
            f"{urls.shown(url)}: {urls.without_secrets(str(error), url).rstrip('.')}.\n"
            "Correct the URL, or give this machine the right to read there."
        ) from None
    names = sorted(root + info.path[len(path) :] for info in inside if info.type == fs.FileType.File)
    if magic is not None:
        wanted = _pattern(rest)
        names = [name for name in names if wanted.fullmatch(name)]
    elif found.type == fs.FileType.Directory:
        names = [name for name in names if _may_be_log(name[len(root) :], format)]
    if not names:
        raise LogError(f"{urls.shown(url)}: there is no log here.\nGive an object, a folder or a glob that holds some.")
    # The query stands before the path's last piece, which is what messages show of a log.
    return tuple(Split(path=f"{scheme}://{query and query + '#'}{name}", format=format or "") for name in names)


def read(
    split: Split,
    plan: Callable[[Path, str | None], tuple[Split, ...]],
    read: Callable[[Split], Iterator[Batch]],
) -> Iterator[Batch]:
    """Yield the batches of one object, read as `plan` and `read` do with a file of its name."""
    with _copied(split.path) as copy:
        if isinstance(copy, str):
            yield _unread(split, copy)
            return
        try:
            pieces = plan(copy, split.format or None)
        except LogError as error:
            yield _unread(split, str(error).splitlines()[0].removeprefix(f"{copy}: ").rstrip("."))
            return
        for piece in pieces:
            yield from read(piece)


def _unread(split: Split, reason: str) -> Batch:
    nothing = pa.RecordBatch.from_pylist([], schema=pa.schema([EXCHANGES.field(n) for n in REQUIRED]))
    lost = LeftOut(what="file", reason=reason, count=1, defect=True, examples=(PurePosixPath(split.path).name,))
    return Batch(exchanges=nothing, left_out=(lost,), lines=0)


@contextmanager
def _copied(url: str) -> Iterator[Path | str]:
    """Lend a copy of an object under its own name, or the reason why there is none."""
    with tempfile.TemporaryDirectory(prefix="stillhunt-") as folder:
        copy = Path(folder, PurePosixPath(url).name)
        try:
            store, path = fs.FileSystem.from_uri(_arrow_uri(*_parts(url)))
            with store.open_input_stream(path, compression=None) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, PIECE)
        except (OSError, pa.ArrowException) as error:
            yield f"it cannot be fetched ({type(error).__name__})"
            return
        yield copy


def _parts(url: str) -> tuple[str, str, str]:
    """Return scheme, path and query of a URL, or of the path of a split."""
    found = urls.URL.match(url)
    scheme, rest = (found.group(1).lower(), found.group(2)) if found else ("", url)
    if "#" in rest:
        query, _, rest = rest.partition("#")
        return scheme, rest, query
    rest, _, query = rest.partition("?")
    return scheme, rest, query


def _arrow_uri(scheme: str, path: str, query: str) -> str:
    """Return a URI in Arrow's spelling; Hadoop's schemes are other names for the same stores."""
    return f"{urls.OBJECTS[scheme]}://{quote(path, safe='/@:')}{query and '?' + query}"


def _pattern(path: str) -> re.Pattern[str]:
    """Return a glob as an expression: `*` stays within a folder, `**` crosses folders."""
    pieces = [".*" if piece == "**" else fnmatch.translate(piece)[4:-3].replace(".*", "[^/]*") for piece in path.split("/")]
    return re.compile("/".join(pieces).replace("/.*/", "/(?:.*/)?"))


def _may_be_log(inside: str, format: str | None) -> bool:
    if any(piece.startswith((".", "_")) for piece in inside.strip("/").split("/")):
        return False
    return format is not None or suffix(Path(inside)) is not None
