"""The three files of a hunt, each written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.errors import StoreError


def parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def write_whole(files: Mapping[str, bytes], out: Path) -> dict[str, Path]:
    """
    Write each file into `out`, creating the folder; a reader sees the old file or the new, never a part.

    All are written beside their places first and renamed last, so that a full disk changes nothing.
    Raises `StoreError` when the folder cannot be made or written.
    """
    parts = {out / name: out / f".{name}.{os.getpid()}.part" for name in files}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for part, content in zip(parts.values(), files.values(), strict=True):
            _write(part, content)
        for place, part in parts.items():
            part.replace(place)
    except OSError as error:
        for part in parts.values():
            _forget(part)
        raise StoreError(
            f"{out}: the report cannot be written here: {error.strerror or error}.\n"
            f"   {error.filename or out}\n"
            "Free some space or correct the permissions, or give another folder with `--out`."
        ) from error
    return {place.name: place for place in parts}


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
