"""
Selective disclosure: some records of a log, shown to somebody with the proof that they were fixed before anything was judged.

Which ones is either the operator's choice (calls by their ids) or nobody's: a sample of a campaign's calls, drawn by a word that
the receiver says. The sample is the calls whose leaves come first when SHA-256(word ‖ leaf) is sorted; the receiver can draw
it too, because the dossier has all leaves. Nothing is learned of records that are not shown but how many a day has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from stillhunt.digest import Key
from stillhunt.digest.siphash import keyed_hash
from stillhunt.errors import ConfigError, StoreError
from stillhunt.seal.bundle import Bundle, load
from stillhunt.seal.canonical import Json, canonical
from stillhunt.seal.days import EXCHANGES
from stillhunt.seal.dossier import BUNDLE
from stillhunt.seal.records import CHOSEN, days_of, disclosed, exchange_of, records_of

MOST = 10_000
"""Records of one disclosure, at most: what is for everybody to see is not selective any more."""


def disclose(
    dossier: Path, evidence: Path, out: Path, *, ids: Sequence[str] = (), key: Key | None = None, sample: int = 0, word: str = ""
) -> int:
    """
    Write a disclosure of some of a log's records into a file and return how many they are.

    `ids` are calls by their exchange ids, found with the deployment key; or `sample` calls of the dossier's campaign are drawn by
    a word. `evidence` is the folder of the hunt's evidence. Raises `ConfigError`, `StoreError`, `SealError`.
    """
    asked: Mapping[str, Json]
    if ids:
        if key is None:
            raise ConfigError("Calls are found by the deployment key.\nName it with `--key-file`.")
        chosen, asked = _located(evidence, key, ids), {"by": CHOSEN}
    else:
        chosen, asked = drawn(load(dossier / BUNDLE), sample, word), {"by": "sample", "records": sample, "word": word}
    number = sum(len(places) for places in chosen.values())
    if not 0 < number <= MOST:
        raise ConfigError(f"{number:,} records would be disclosed.\nName 1 to {MOST:,} of them.")
    found = disclosed(evidence, EXCHANGES, chosen, asked)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(canonical(found))
    except OSError as error:
        raise StoreError(f"{out}: the disclosure cannot be written: {error.strerror}.\nName another file.") from error
    return number


def drawn(bundle: Bundle, sample: int, word: str) -> dict[str, list[int]]:
    """Return the positions, by day, of the calls of a campaign that a word draws."""
    day = [d for d, n in zip(*(bundle.column("proof-days", c).tolist() for c in ("day", "leaves")), strict=True) for _ in range(n)]
    index = bundle.column("proof-leaves", "index").tolist()
    leaves = [bytes(row) for row in bundle.column("proof-leaves", "leaf")]
    order = sorted(range(len(leaves)), key=lambda at: hashlib.sha256(word.encode() + leaves[at]).digest())
    chosen: dict[str, list[int]] = {}
    for at in order[:sample]:
        chosen.setdefault((date(1970, 1, 1) + timedelta(days=day[at])).isoformat(), []).append(index[at])
    return {name: sorted(places) for name, places in sorted(chosen.items())}


def _located(evidence: Path, key: Key, ids: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions, by day, of calls with some ids; raise `ConfigError` when the evidence has none of an id."""
    wanted = set(keyed_hash(pa.array(ids, pa.string()), key.words("exchange")).to_pylist())
    chosen: dict[str, list[int]] = {}
    for name in days_of(evidence, EXCHANGES):
        places = [at for at, one in enumerate(records_of(evidence, EXCHANGES, name)) if exchange_of(one) in wanted]
        if places:
            chosen[name] = places
    found = sum(len(places) for places in chosen.values())
    if found != len(wanted):
        raise ConfigError(
            f"{evidence}: {len(wanted) - found:,} of {len(wanted):,} calls have no record here.\n"
            "Name ids of this log, and the deployment key of its hunt."
        )
    return chosen


def ids_in(path: Path) -> list[str]:
    """Return the exchange ids in a file, one a line; raise `ConfigError` when it cannot be read or has none."""
    try:
        found = list(dict.fromkeys(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this list of calls cannot be read.\nGive a text file with one exchange id a line.") from error
    if not found:
        raise ConfigError(f"{path}: there is no exchange id here.\nGive one a line.")
    return found
