"""
What a suspect's API has answered so far, and what that cost: an audit that is cut off goes on where it stopped.

One SQLite file, readable by its owner only: answers are text, and stay on this machine. A request that was answered is never sent
again. Every attempt is counted, failed ones too, so that a budget holds over all runs together.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.errors import StoreError

TABLES = """
CREATE TABLE IF NOT EXISTS answer (request TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempt (at INTEGER PRIMARY KEY, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """
    The most that an audit may use, over all its runs; None is no limit.

    `money` is in the currency of the prices, which are for a million tokens. `per_second` paces the calls.
    """

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    per_second: float = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What was used so far."""

    calls: int
    tokens_in: int
    tokens_out: int

    def money(self, budget: Budget) -> float:
        """Return the price of it."""
        return (self.tokens_in * budget.price_in + self.tokens_out * budget.price_out) / 1e6

    def leaves(self, budget: Budget, *, tokens_in: int, tokens_out: int) -> bool:
        """Say whether one more call, of so many tokens at most, stays within the budget."""
        more = Spent(
            calls=self.calls + 1, tokens_in=self.tokens_in + tokens_in, tokens_out=self.tokens_out + tokens_out
        )
        return (
            (budget.calls is None or more.calls <= budget.calls)
            and (budget.tokens is None or more.tokens_in + more.tokens_out <= budget.tokens)
            and (budget.money is None or more.money(budget) <= budget.money)
        )


class Cache:
    """The file; open it with `Cache(path)` and close it, or use it in a `with` statement."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path)
            self._connection.executescript(TABLES)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The cache of answers at {path} cannot be used: {error}\nGive another place.") from error

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what was answered to a request, or None."""
        row = self._connection.execute("SELECT body FROM answer WHERE request = ?", [digest(request)]).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def keep(self, request: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """Keep an answer."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO answer VALUES (?, ?)", [digest(request), json.dumps(body)])

    def count(self, *, tokens_in: int, tokens_out: int) -> None:
        """Count an attempt and what it used."""
        with self._connection:
            self._connection.execute(
                "INSERT INTO attempt (tokens_in, tokens_out) VALUES (?, ?)", [tokens_in, tokens_out]
            )

    def spent(self) -> Spent:
        """Return what all attempts used."""
        row = self._connection.execute(
            "SELECT count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) FROM attempt"
        ).fetchone()
        return Spent(calls=int(row[0]), tokens_in=int(row[1]), tokens_out=int(row[2]))


def digest(request: Mapping[str, Any]) -> str:
    """Return the name of a request: equal requests have equal names."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
