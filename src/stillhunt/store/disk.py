"""Where a store changes what is on the disk. Each of these steps has happened whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhunt.errors import StoreError

UNFINISHED = ".part-"
"""Files whose names begin so are not there yet."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses inside the block into a `StoreError` that names the store."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{folder}: this store cannot be used: {error.strerror or error}.\n   {error.filename or folder}\n"
            "Free some space or correct the permissions; what was stored before is whole."
        ) from error


def write(path: Path, content: bytes) -> None:
    """Put a file in its place: readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{UNFINISHED}{path.name}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    place(part, path)


def place(part: Path, path: Path) -> None:
    """Move a file that is whole and on the disk to its place, and wait until the folder says so too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, path)
    _settle(path.parent)


def settle(path: Path) -> None:
    """Wait until what was written to a file is on the disk."""
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def remove(path: Path) -> None:
    """Take a file away."""
    os.unlink(path)


def _settle(folder: Path) -> None:
    if os.name == "nt":
        return  # A folder cannot be opened there; the file system keeps its own journal of names.
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
