"""Bytes of a log, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.collect.opening import Opened, head, packing_of, wide_text


def test_padding_between_members_is_passed_over(tmp_path: Path) -> None:
    """Zeros after and between packed streams, as tape and disk blocks leave them, are no data."""
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"one") + bytes(1000) + gzip.compress(b"two") + bytes(7))
    opened = Opened(path)
    assert (b"".join(opened.pieces()), opened.damage) == (b"onetwo", None)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_damage_is_told_apart_from_a_cut(pack: object, tmp_path: Path) -> None:
    """A packed file with wrong bytes is called damaged, one that stops early is said to end early."""
    body = bytearray(pack(bytes(range(256)) * 4000))  # type: ignore[operator]
    path = tmp_path / "log.packed"
    path.write_bytes(body[:-3])
    cut = Opened(path)
    list(cut.pieces())
    assert "end early" in str(cut.damage)
    path.write_bytes(bytes(body) + b"garbage")
    followed = Opened(path)
    assert len(b"".join(followed.pieces())) == 256 * 4000
    assert "damaged" in str(followed.damage)


def test_a_small_packed_file_of_much_text_stays_small_in_memory(tmp_path: Path) -> None:
    """A file that unpacks to a thousand times its size is given in pieces of bounded size."""
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(bytes(64 * 2**20)))
    sizes = [len(piece) for piece in Opened(path).pieces()]
    assert sum(sizes) == 64 * 2**20
    assert max(sizes) <= 4 * 2**20


def test_a_file_that_is_not_there_is_damage_and_no_error(tmp_path: Path) -> None:
    """A file that vanished between planning and reading is reported, not raised."""
    opened = Opened(tmp_path / "gone")
    assert list(opened.pieces()) == []
    assert "cannot be read" in str(opened.damage)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), min_size=8))
def test_utf_8_is_never_taken_for_wide_text(text: str) -> None:
    """Text without NUL characters in UTF-8 is not mistaken for UTF-16."""
    assert wide_text(text.encode()) is None or text.encode().startswith((b"\xff\xfe", b"\xfe\xff"))


def test_head_and_kind_come_from_the_first_bytes(tmp_path: Path) -> None:
    """The start of a packed file is given unpacked, whatever the file's name."""
    path = tmp_path / "log.txt"
    path.write_bytes(zstandard.compress(b"x" * 100_000))
    assert head(path, 10) == b"x" * 10
    assert packing_of(path.read_bytes()[:4]) == "zstd"
