"""
The replay bundle: what the tests of one campaign read, as arrays that carry no text, no address and no name.

A folder with `bundle.json` (canonical JSON: settings, sizes, what is given and not recomputed) and one `.npz` file for each
table, a column an entry, uncompressed and without Python objects. The reference page `docs/reference/bundle.md` says
what each column means. This module only reads and writes; `judge` fills a bundle, `verify` recomputes from it.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillhunt.errors import SealError, StoreError
from stillhunt.seal.canonical import Json, canonical, mapping_of, read, text_of

FORMAT = "stillhunt/bundle/v3"
INDEX = "bundle.json"
FEWEST_OUTSIDERS = 3
"""Counts of outsiders that are not zero and smaller than this are published as one less than this: 1 and 2 as 2."""

SMALLEST_CELL = 5
"""Sums over calls are published for cells of at least so many calls."""

Column = npt.NDArray[np.generic]
Table = Mapping[str, Column]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One campaign's bundle: `about` goes into `bundle.json`, `tables` are columns by name."""

    about: Mapping[str, Json]
    tables: Mapping[str, Table]

    def column(self, table: str, name: str) -> Column:
        """Return a column; raise `SealError` when the bundle has none of that name."""
        try:
            return self.tables[table][name]
        except KeyError as error:
            raise SealError(f"The bundle has no column `{name}` of `{table}`.\nIt is of another version.") from error


def suppressed(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return counts of outsiders with small ones (1) raised to the largest small one (2); zero stays zero."""
    return np.where((counts > 0) & (counts < FEWEST_OUTSIDERS), FEWEST_OUTSIDERS - 1, counts)


def write(bundle: Bundle, folder: Path) -> None:
    """Write a bundle into a folder, which is made; raise `StoreError` when it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed: dict[str, Json] = {}
        for name in sorted(bundle.tables):
            content = _npz(bundle.tables[name])
            (folder / f"{name}.npz").write_bytes(content)
            columns: dict[str, Json] = {
                key: {"dtype": column.dtype.str, "shape": list(column.shape)}
                for key, column in sorted(bundle.tables[name].items())
            }
            listed[name] = {"columns": columns, "sha256": hashlib.sha256(content).hexdigest()}
        index = canonical({"about": bundle.about, "format": FORMAT, "tables": listed})
        (folder / INDEX).write_bytes(index)
    except OSError as error:
        raise StoreError(f"{folder}: the bundle cannot be written: {error.strerror}.\nMake room.") from error


def load(folder: Path) -> Bundle:
    """
    Return the bundle in a folder.

    Raises `SealError` when a file is missing, is not the one listed, or does not hold what is listed.
    """
    try:
        return from_files({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})
    except OSError as error:
        raise SealError(f"{folder}: there is no bundle here: {error.strerror}.\nGet the whole bundle.") from error


def from_files(files: Mapping[str, bytes]) -> Bundle:
    """Return the bundle in some files by name; raises as `load`."""
    index = mapping_of(read(_content(files, INDEX), INDEX), INDEX)
    if index.get("format") != FORMAT:
        raise SealError(f"{INDEX}: this is no bundle of the format {FORMAT}.\nUse the version that made it.")
    tables = {}
    for name, row in mapping_of(index.get("tables"), INDEX).items():
        where = f"{name}.npz"
        content, listed = _content(files, where), mapping_of(row, INDEX)
        if hashlib.sha256(content).hexdigest() != text_of(listed.get("sha256"), INDEX):
            raise SealError(f"{where}: this is not the file that {INDEX} lists.\nIt was changed; get the bundle anew.")
        tables[name] = _columns(content, mapping_of(listed.get("columns"), INDEX), where)
    return Bundle(about=mapping_of(index.get("about"), INDEX), tables=tables)


def _columns(content: bytes, listed: Mapping[str, Json], where: str) -> Table:
    found: dict[str, Column] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if entry.compress_type != zipfile.ZIP_STORED or name in found or name not in listed:
                    raise ValueError(entry.filename)
                found[name] = _column(archive.read(entry))
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise SealError(f"{where}: this is no NumPy archive.\nIt was changed; get the bundle anew.") from error
    shapes = {key: {"dtype": column.dtype.str, "shape": list(column.shape)} for key, column in found.items()}
    if shapes != dict(listed):
        raise SealError(f"{where}: the columns are not those listed.\nIt was changed; get the bundle anew.")
    return found


def _column(content: bytes) -> Column:
    """Return an array; raise `ValueError` for one that says it is larger than what is there, before room is made for it."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("another version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError("another size")
    file.seek(0)
    found: Column = np.lib.format.read_array(file, allow_pickle=False)
    return found


def _npz(table: Table) -> bytes:
    """Return the bytes of an uncompressed archive: the same columns give the same bytes, on every machine and day."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(table):
            column = io.BytesIO()
            little = np.ascontiguousarray(table[name]).astype(table[name].dtype.newbyteorder("<"), copy=False)
            np.lib.format.write_array(column, little, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, column.getvalue())
    return out.getvalue()


def _content(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise SealError(f"{name}: this file of the bundle is missing.\nGet the whole bundle.")
    return files[name]
