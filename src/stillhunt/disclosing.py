"""
Selective disclosure: some records of a log, shown to somebody with the proof that they were fixed before anything was judged.

Which ones is either the operator's choice (calls by their ids; traits of the campaign's accounts, by kind or by the tag of a
shared value) or nobody's: a sample of a campaign's calls, drawn by a word that the receiver says. The sample is the calls whose
leaves come first when SHA-256(word ‖ leaf) is sorted; the receiver can draw it too, because the dossier has all leaves. Nothing
is learned of records that are not shown but how many a day has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from stillhunt.digest import Key
from stillhunt.digest.siphash import keyed_hash
from stillhunt.errors import ConfigError, SealError, StoreError
from stillhunt.seal import journal
from stillhunt.seal.bundle import Bundle, load
from stillhunt.seal.canonical import Json, canonical
from stillhunt.seal.days import EXCHANGES, TRAITS, roots
from stillhunt.seal.dossier import BUNDLE, JOURNAL
from stillhunt.seal.records import CHOSEN, TAG_DIGITS, accounts_of, checked, days_of, disclosed, exchange_of, records_of

MOST = 10_000
"""Records of one disclosure, at most: what is for everybody to see is not selective any more."""


def disclose(
    dossier: Path,
    evidence: Path,
    out: Path,
    *,
    ids: Sequence[str] = (),
    traits: Sequence[str] = (),
    key: Key | None = None,
    sample: int = 0,
    word: str = "",
) -> int:
    """
    Write a disclosure of some of a log's records into a file and return how many they are.

    `ids` are calls by their exchange ids, found with the deployment key; `traits` are kinds of traits of the campaign's accounts,
    each alone or as `KIND:TAG`, with the tag of a shared value of the dossier; or `sample` calls of the dossier's campaign are
    drawn by a word. `evidence` is the folder of the hunt's evidence. Raises `ConfigError`, `StoreError`, `SealError`.
    """
    asked: Mapping[str, Json]
    table = TRAITS if traits else EXCHANGES
    if traits:
        if key is None:
            raise ConfigError("Shared values are found by the deployment key.\nName it with `--key-file`.")
        chosen, asked = _traits(dossier, evidence, key, traits), {"by": CHOSEN}
    elif ids:
        if key is None:
            raise ConfigError("Calls are found by the deployment key.\nName it with `--key-file`.")
        chosen, asked = _located(evidence, key, ids), {"by": CHOSEN}
    else:
        chosen, asked = drawn(load(dossier / BUNDLE), sample, word), {"by": "sample", "records": sample, "word": word}
    number = sum(len(places) for places in chosen.values())
    if not 0 < number <= MOST:
        raise ConfigError(f"{number:,} records would be disclosed.\nName 1 to {MOST:,} of them.")
    found = disclosed(evidence, table, chosen, asked)
    _provable(dossier, found)
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


def _traits(dossier: Path, evidence: Path, key: Key, wanted: Sequence[str]) -> dict[str, list[int]]:
    """
    Return the positions, by day, of traits of the campaign's accounts that are of a kind or have a tag.

    Raises `ConfigError` when none of the accounts has one of those that are asked for.
    """
    accounts = accounts_of((dossier / "dossier.json").read_bytes())
    chosen: dict[str, list[int]] = {}
    met: set[str] = set()
    kinds: set[str] = set()
    for day in days_of(evidence, TRAITS):
        for at, one in enumerate(records_of(evidence, TRAITS, day)):
            record = json.loads(one.record)
            if record["account"][:TAG_DIGITS] not in accounts:
                continue
            kinds.add(record["kind"])
            names = {record["kind"], f"{record['kind']}:{key.tag('shared', [record['kind'], record['value']], digits=TAG_DIGITS)}"}
            if names & set(wanted):
                met |= names & set(wanted)
                chosen.setdefault(day, []).append(at)
    missed = [one for one in wanted if one not in met]
    if missed:
        raise ConfigError(
            f"{evidence}: no account of the campaign has a trait `{missed[0]}`.\n"
            f"Name a kind ({', '.join(sorted(kinds)) or 'none is here'}), or KIND:TAG with a tag of section 7 of the dossier."
        )
    return chosen


def _provable(dossier: Path, found: Json) -> None:
    """Raise `ConfigError` where the dossier's journal does not have the roots that a disclosure leads to."""
    try:
        lines = list(journal.read((dossier / JOURNAL).read_bytes(), JOURNAL))
    except OSError as error:
        raise ConfigError(f"{dossier}: there is no {JOURNAL} here.\nGive the folder of a dossier with evidence.") from error
    try:
        checked(found, roots(lines), "these records")
    except SealError as error:
        raise ConfigError(
            f"The journal of {dossier} has other records: {str(error).partition(chr(10))[0]}\n"
            "Name the evidence of the hunt that the dossier is of; a later hunt into the same folder writes traits anew."
        ) from error


def ids_in(path: Path) -> list[str]:
    """Return the exchange ids in a file, one a line; raise `ConfigError` when it cannot be read or has none."""
    try:
        found = list(dict.fromkeys(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this list of calls cannot be read.\nGive a text file with one exchange id a line.") from error
    if not found:
        raise ConfigError(f"{path}: there is no exchange id here.\nGive one a line.")
    return found
