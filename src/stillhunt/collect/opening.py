"""
Bytes of a log file, unpacked where they are gzip or Zstandard; the first bytes say which, not the name.

A packed file that ends early or is damaged gives what lies before that point, and then says so.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

PIECE = 2**20
"""Bytes given at a time."""

FEED = {"gzip": 2**16, "zstd": 2**12}
"""Packed bytes taken at a time: few enough that what they unpack to fits in memory, whatever they are."""

UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Opened:
    """
    One file being read; after the last byte, `damage` says what was wrong with it, or None.

    `start` is where to begin in a file that is not packed.
    """

    def __init__(self, path: str | Path, *, start: int = 0) -> None:
        """Remember where to read; the file is opened by `pieces`."""
        self.path = Path(path)
        self.start = start
        self.damage: str | None = None

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the file's bytes, unpacked, in pieces of about 1 MB; a failing disk sets `damage`."""
        try:
            with self.path.open("rb") as file:
                packing = packing_of(file.read(4))
                file.seek(self.start)
                if packing is None:
                    while piece := file.read(PIECE):
                        yield piece
                else:
                    yield from _gathered(self._unpacked(file, packing))
        except OSError as error:
            self.damage = f"it cannot be read ({error.strerror or type(error).__name__})"

    def _unpacked(self, file: BinaryIO, packing: str) -> Iterator[bytes]:
        member: _Member | None = None
        packed = file.read(FEED[packing])
        while packed:
            if member is None:
                packed = packed.lstrip(b"\0")  # padding between or after members
                if not packed:
                    packed = file.read(FEED[packing])
                    continue
                member = _Member(packing)
            try:
                yield from member.feed(packed)
            except (zlib.error, zstandard.ZstdError):
                self.damage = f"its {packing} data are damaged; what lies before the damage was read"
                return
            packed = b""
            if member.ended:
                packed, member = member.rest, None
            packed = packed or file.read(FEED[packing])
        if member is not None:
            self.damage = f"its {packing} data end early; what lies before the cut was read"


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of at least 1 MB, but for the last."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


class _Member:
    """One packed stream of the several that a file may hold in a row."""

    def __init__(self, packing: str) -> None:
        self._gzip = zlib.decompressobj(31) if packing == "gzip" else None
        self._zstd = zstandard.ZstdDecompressor().decompressobj()

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield what these packed bytes unpack to."""
        if self._gzip is None:
            yield self._zstd.decompress(packed)
            return
        while packed:
            yield self._gzip.decompress(packed, PIECE)
            packed = self._gzip.unconsumed_tail

    @property
    def ended(self) -> bool:
        """Whether the stream's end mark was seen."""
        return self._zstd.eof if self._gzip is None else self._gzip.eof

    @property
    def rest(self) -> bytes:
        """Packed bytes after the stream's end."""
        return self._zstd.unused_data if self._gzip is None else self._gzip.unused_data


def packing_of(first: bytes) -> str | None:
    """Return `gzip`, `zstd` or None (not packed) by a file's first bytes."""
    if first.startswith(GZIP):
        return "gzip"
    return "zstd" if first.startswith(ZSTD) else None


def is_packed(path: str | Path) -> bool:
    """Whether the file is gzip or Zstandard by its first bytes; a file that cannot be read is not."""
    try:
        with Path(path).open("rb") as file:
            return packing_of(file.read(4)) is not None
    except OSError:
        return False


def head(path: str | Path, size: int = 2**16) -> bytes:
    """Return the first `size` bytes of a file, unpacked; fewer where it is shorter or damaged."""
    taken = bytearray()
    pieces = Opened(path).pieces()
    for piece in pieces:
        taken += piece
        if len(taken) >= size:
            break
    pieces.close()
    return bytes(taken[:size])


def wide_text(first: bytes) -> str | None:
    """Return `UTF-16` or `UTF-32` where a file's first bytes are text in it, else None."""
    if first.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if first.startswith(UTF_16_MARKS):
        return "UTF-16"
    sample = first[:64]
    if len(sample) >= 8 and sample.count(0) * 2 >= len(sample) - 1:
        odd, even = sample[1::2], sample[::2]
        if (not any(odd) and all(even)) or (not any(even) and all(odd)):
            return "UTF-16"
    return None
