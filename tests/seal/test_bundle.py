"""Bundles as files: the same arrays give the same bytes, and nothing else is read from them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stillhunt.errors import SealError
from stillhunt.seal.bundle import INDEX, Bundle, from_files, load, suppressed, write

BUNDLE = Bundle(
    about={"campaign": "c", "settings": {"level": 0.05}},
    tables={"a": {"x": np.arange(5, dtype=np.int64), "y": np.array([True, False])}, "b": {"n": np.array([b"one"], "S3")}},
)


def test_a_bundle_comes_back_as_it_was(tmp_path: Path) -> None:
    """Tables, columns, kinds of numbers and settings survive; NumPy alone reads the files."""
    write(BUNDLE, tmp_path / "bundle")
    found = load(tmp_path / "bundle")
    assert found.about == BUNDLE.about
    for table, columns in BUNDLE.tables.items():
        with np.load(tmp_path / "bundle" / f"{table}.npz", allow_pickle=False) as archive:
            for name, column in columns.items():
                np.testing.assert_array_equal(found.column(table, name), column)
                np.testing.assert_array_equal(archive[name], column)


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    """No time, no order of columns and no byte order of this machine is in the files."""
    write(BUNDLE, tmp_path / "one")
    swapped = {name: BUNDLE.tables["a"][name] for name in ("y", "x")}
    big = {**swapped, "x": swapped["x"].astype(">i8")}
    write(Bundle(about=BUNDLE.about, tables={"b": BUNDLE.tables["b"], "a": big}), tmp_path / "two")
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir() if p.suffix == ".npz"} for name in ("one", "two"))
    assert one == two


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    """An archive that holds a pickled object is refused before it is read."""
    write(BUNDLE, tmp_path)
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        inner = io.BytesIO()
        np.save(inner, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        archive.writestr("x.npy", inner.getvalue())
    import hashlib

    old = hashlib.sha256(files["a.npz"]).hexdigest()
    files["a.npz"] = out.getvalue()
    files[INDEX] = files[INDEX].replace(old.encode(), hashlib.sha256(files["a.npz"]).hexdigest().encode())
    with pytest.raises(SealError, match="no NumPy archive"):
        from_files(files)


def test_a_table_that_is_missing_or_changed_is_named(tmp_path: Path) -> None:
    """Each damage to a file of the bundle is an error that names the file."""
    write(BUNDLE, tmp_path)
    whole = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    for name in whole:
        with pytest.raises(SealError, match=name):
            from_files({n: c for n, c in whole.items() if n != name})
        with pytest.raises(SealError):
            from_files({**whole, name: whole[name][:-1]})
    with pytest.raises(SealError, match="no bundle here"):
        load(tmp_path / "none")
    with pytest.raises(SealError, match="no column"):
        BUNDLE.column("a", "z")


def test_one_outsider_is_published_as_two() -> None:
    """Nobody can be told to be the only other holder of a value: 1 becomes 2, and 0, 2 and more stay."""
    assert suppressed(np.array([0, 1, 2, 3, 400])).tolist() == [0, 2, 2, 3, 400]
