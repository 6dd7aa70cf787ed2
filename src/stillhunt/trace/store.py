"""
The protected store: the texts behind the digests of a ledger, and the names behind its account tags, encrypted.

It lies apart from the ledger, so that the ledger can be shown to anybody while the texts stay home. A text that is erased
here (`forget`) leaves the ledger whole: what was committed can still be checked, only the test loses that exchange.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhunt.errors import StoreError
from stillhunt.trace.keys import Master

NONCE_BYTES = 12
_TABLE = """CREATE TABLE IF NOT EXISTS texts
(name TEXT PRIMARY KEY, kind TEXT NOT NULL, salt BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID"""


class Text(NamedTuple):
    """A text to keep: `name` is its digest, or the tag of an account; `kind` one of answer, prompt, opening, account."""

    name: str
    kind: str
    salt: bytes
    text: str


class Store:
    """
    Texts under their digests, each encrypted with AES-256-GCM under a key that is derived from the master key.

    `open` it in a `with` statement, in the thread that uses it. Raises `StoreError` for a file that cannot be used or
    was written under another key.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, cipher: AESGCM) -> None:
        """Hold an open database; `open` makes one."""
        self.path = path
        self._connection = connection
        self._cipher = cipher

    @classmethod
    def open(cls, path: Path, master: Master) -> Self:
        """Open a store, making it, readable by its owner only, when there is none."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        return cls(path, connection, AESGCM(master.derive("store")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def keep(self, texts: Sequence[Text]) -> None:
        """Keep texts, all or none of them, and return when they are on the disk; what is there already stays."""
        rows = [
            (text.name, text.kind, text.salt, self._seal(text)) for text in {text.name: text for text in texts}.values()
        ]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def text(self, name: str) -> str | None:
        """Return the text behind a digest (or the account behind a tag), or None where it is not kept or was erased."""
        row = self._row(name)
        if row is None:
            return None
        try:
            packed = self._cipher.decrypt(row[2][:NONCE_BYTES], row[2][NONCE_BYTES:], name.encode())
        except InvalidTag as error:
            raise StoreError(
                f"{self.path}: a text does not open with this master key.\nGive the key of the gateway with `--key-file`."
            ) from error
        return zstandard.ZstdDecompressor().decompress(packed).decode("utf-8", "surrogatepass")

    def salt(self, name: str) -> bytes | None:
        """Return the salt with which a text was digested: together they open its digest to an outsider."""
        row = self._row(name)
        return None if row is None else row[1]

    def forget(self, names: Iterable[str]) -> int:
        """Erase texts, and return how many were there."""
        try:
            self._connection.execute("PRAGMA secure_delete = ON")
            done = [self._connection.execute("DELETE FROM texts WHERE name = ?", (name,)).rowcount for name in names]
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        return sum(done)

    def _row(self, name: str) -> tuple[str, bytes, bytes] | None:
        try:
            row = self._connection.execute("SELECT kind, salt, sealed FROM texts WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        return None if row is None else (str(row[0]), bytes(row[1]), bytes(row[2]))

    def _seal(self, text: Text) -> bytes:
        packed = zstandard.ZstdCompressor(level=1).compress(text.text.encode("utf-8", "surrogatepass"))
        nonce = os.urandom(NONCE_BYTES)
        # The name is bound to the text: a row that is moved under another digest does not open.
        return nonce + self._cipher.encrypt(nonce, packed, text.name.encode())


def _unusable(path: Path, error: Exception) -> StoreError:
    what = error.strerror if isinstance(error, OSError) else error
    return StoreError(
        f"{path}: this store of texts cannot be used: {what}.\nMake room, or name another with `--store`."
    )
