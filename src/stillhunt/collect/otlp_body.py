"""The body of an HTTP request, read and unpacked piece by piece, within bounds for one request and for all at a time."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

MOST_BODY = 32 * 2**20
"""Bytes of one request, packed or not."""

MOST_BODIES = 128 * 2**20
"""Bytes of all requests that are being worked on."""

PIECE = 2**16
TOO_LARGE = f"the request is larger than {MOST_BODY // 2**20} MB; send smaller batches"


@dataclass(slots=True)
class Reply:
    """What a request is answered: a status, what is wrong or was rejected, and when to try again."""

    status: int
    message: str = ""
    rejected: int = 0
    retry_s: int | None = None


class Budget:
    """The bytes of all requests that are being worked on, with a bound."""

    def __init__(self, most: int = MOST_BODIES) -> None:
        """Start with nothing taken."""
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take `size` bytes, and return whether there were so many."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += size


class Claim:
    """What one request has taken of the budget; given back at the end of a `with` block."""

    def __init__(self, budget: Budget) -> None:
        """Start with nothing."""
        self._budget = budget
        self._taken = 0

    def __enter__(self) -> Claim:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give everything back."""
        self._budget.give(self._taken)

    def more(self, size: int) -> bool:
        """Take more, and return whether there was so much."""
        if not self._budget.take(size):
            return False
        self._taken += size
        return True


def body_of(stream: BinaryIO, headers: Mapping[str, str], claim: Claim) -> bytes | Reply:
    """
    Return a request's body, unpacked, or what to answer where it cannot be taken.

    `headers` has names in lower case. The stream is not read to the end where the answer is a `Reply`.
    """
    packing = headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", ""):
        return Reply(415, "the body's encoding is none of gzip and identity")
    sent = _pieces(stream, headers)
    if isinstance(sent, Reply):
        return sent
    gathered = bytearray()
    try:
        for piece in _unpacked(sent) if packing == "gzip" else sent:
            if len(gathered) + len(piece) > MOST_BODY:
                return Reply(413, TOO_LARGE)
            if not claim.more(len(piece)):
                return Reply(429, "too many requests at a time", retry_s=1)
            gathered += piece
    except (zlib.error, EOFError):
        return Reply(400, "the body is not what its headers say: it is cut off, or no sound gzip")
    return bytes(gathered)


def _pieces(stream: BinaryIO, headers: Mapping[str, str]) -> Iterator[bytes] | Reply:
    if headers.get("transfer-encoding", "").strip().lower() == "chunked":
        return _chunked(stream)
    length = headers.get("content-length", "0").strip()
    if not (length.isascii() and length.isdecimal() and len(length) < 16):
        return Reply(400, "the header Content-Length is no number")
    if int(length) > MOST_BODY:
        return Reply(413, TOO_LARGE)
    return _counted(stream, int(length))


def _counted(stream: BinaryIO, left: int) -> Iterator[bytes]:
    while left:
        piece = stream.read(min(left, PIECE))
        if not piece:
            raise EOFError
        left -= len(piece)
        yield piece


def _chunked(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the pieces of a body in chunks. Raises `EOFError` where the chunks are not well formed."""
    read = 0
    while True:
        size = stream.readline(64).split(b";", 1)[0].strip()
        try:
            left = int(size, 16) if len(size) < 9 and b"_" not in size else -1
        except ValueError:
            left = -1
        if left < 0:
            raise EOFError
        if left == 0:
            for _ in range(64):  # trailers, to the blank line
                if not stream.readline(2**13).strip():
                    return
            raise EOFError
        read += left
        if read > 2 * MOST_BODY:
            raise EOFError
        yield from _counted(stream, left)
        if stream.readline(3).strip():
            raise EOFError


def _unpacked(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip unpacks to, a bounded piece at a time. Raises where it is damaged or ends early."""
    stream, began = zlib.decompressobj(31), False
    for piece in packed:
        while piece:
            if stream.eof:
                stream = zlib.decompressobj(31)
            began = True
            out = stream.decompress(piece, PIECE)
            if out:
                yield out
            piece = stream.unconsumed_tail or (stream.unused_data if stream.eof else b"")
            if not piece and len(out) == PIECE and not stream.eof:
                while out := stream.decompress(b"", PIECE):
                    yield out
    if began and not stream.eof:
        raise EOFError
