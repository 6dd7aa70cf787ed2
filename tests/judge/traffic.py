"""Seeded traffic of a set: when accounts call, and what about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.digest.keys import Key
from stillhunt.digest.shingles import HALF, build_lexicon, fingerprint
from stillhunt.judge.strands import Strand
from strategies import SECRET

HOUR_US = 3_600_000_000
SUBKEY = Key(SECRET).words("text")
LEXICON = build_lexicon([["nothing"]], SUBKEY)


def strand(
    account: npt.NDArray[np.int64],
    hour: npt.NDArray[np.float64],
    fill: npt.NDArray[np.uint64] | None = None,
    sketch: npt.NDArray[np.int8] | None = None,
) -> Strand:
    """Return the strand of some calls, by account and time (hours since some midnight)."""
    at = (20_000 * 24 * HOUR_US + hour * HOUR_US).astype(np.int64)
    fill = np.zeros(len(account), dtype=np.uint64) if fill is None else fill
    order = np.lexsort((fill, at, account))
    return Strand(
        account=account[order].astype(np.int32),
        at_us=at[order],
        fill=fill[order],
        sketch=(np.zeros((len(account), 2 * HALF), dtype=np.int8) if sketch is None else sketch)[order],
        rows=order,
        n_accounts=int(account.max()) + 1 if len(account) else 0,
        key=None,
        description="made for a test",
    )


def human_hours(rng: np.random.Generator, accounts: int, days: int, per_account: float) -> Strand:
    """Return independent accounts, each with waking hours of its own, calling as it pleases every day."""
    counts = rng.poisson(per_account, accounts)
    account = np.repeat(np.arange(accounts), counts)
    wakes = rng.integers(0, 24, accounts)[account]
    hour = (wakes + np.minimum(rng.gamma(4.0, 2.0, len(account)), 23)) % 24 + 24 * rng.integers(0, days, len(account))
    return strand(account, hour)


class Subjects:
    """A world of subjects, each with its words; texts are fingerprinted by the real kernel."""

    def __init__(self, rng: np.random.Generator, subjects: int = 40) -> None:
        self._rng = rng
        self._words = [["".join(map(chr, 97 + rng.integers(0, 26, 8))) for _ in range(30)] for _ in range(subjects)]
        self._general = ["".join(map(chr, 97 + rng.integers(0, 26, 5))) for _ in range(400)]

    def ask(self, account: npt.NDArray[np.int64], subject: npt.NDArray[np.int64], words: int) -> Strand:
        """Return the strand in which these accounts ask about these subjects, half of the words on the subject."""
        rng = self._rng
        texts = [
            "grade the following answer and say why "
            + " ".join([*rng.choice(self._words[s], words // 2), *rng.choice(self._general, words // 2)])
            for s in subject
        ]
        found = fingerprint(pa.array(texts), SUBKEY, LEXICON, one_in=8)
        return strand(account, np.arange(len(account)) / 10.0, found.whole, found.sketch)

    @property
    def count(self) -> int:
        """How many subjects there are."""
        return len(self._words)
