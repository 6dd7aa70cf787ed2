"""
What a hunt fixes before anybody looks at its results, and what it leaves for an outsider to check them by.

Under `folder`: `journal.jsonl` (public: configuration, Merkle roots by day, digests of bundles) and `records/` (private: the
committed records with their salts). Under `bundles`: one replay bundle for each campaign, with the proof that every call
it counts was committed, and the journal as it stood then.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.config import Config
from stillhunt.digest import Key
from stillhunt.digest.siphash import keyed_hash
from stillhunt.engines import Engine
from stillhunt.errors import ConfigError, StoreError
from stillhunt.judge.replayable import Replayable
from stillhunt.model import LeftOut
from stillhunt.seal import merkle
from stillhunt.seal.bundle import INDEX, Bundle, suppressed, write
from stillhunt.seal.canonical import Json, canonical
from stillhunt.seal.days import EXCHANGES, TRAITS_OF_DAY
from stillhunt.seal.envelope import Signer, sign
from stillhunt.seal.journal import Journal
from stillhunt.seal.records import Committed, Sealed, commit, exchange_of, records_of, sealed

JOURNAL = "journal.jsonl"
HEAD_TYPE = "application/vnd.stillhunt.journal-head"
DAY_US = 86_400_000_000
_KEYED = ("prompt_h", "system_h", "network_h", "tls_h", "agent_h", "tools_h", "device_h")
_PLAIN = ("model", "status", "tokens_in", "tokens_out", "tokens_reasoning", "capability")


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Where a hunt leaves evidence, and who signs the journal (nobody: the journal is chained, not signed)."""

    folder: Path
    bundles: Path
    signer: Signer | None = None


Keep = Callable[[Mapping[str, Replayable], Sequence[LeftOut]], None]
"""Takes the replay bundles of campaigns, and what the hunt left out, and writes them."""


def refuse_on(engine: str, evidence: Evidence | None) -> None:
    """Raise `ConfigError` where evidence is asked of an engine that cannot give it."""
    if evidence is not None and engine != "duckdb":
        raise ConfigError(
            f"The engine `{engine}` keeps no evidence: records are salted and hashed on one machine, which holds a day of them at a"
            " time, and a cluster's day may be more than that.\nHunt without `--evidence`, or with `--engine duckdb`; cut a longer"
            " log into pieces that one machine can hunt, such as a region or a week each."
        )


def committed(
    engine: Engine, key: Key, config: Config, evidence: Evidence, clock: Callable[[], datetime], *, lines: int
) -> Keep:
    """Commit to exchanges and traits under a configuration, and return what takes the bundles of campaigns later."""
    settings = {f.name: getattr(config, f.name) for f in fields(config) if f.name not in ("memory_mb", "threads", "work")}
    sha256 = commit_records(engine, key, evidence, settings, lines=lines, now=clock())
    return lambda bundles, left_out: keep_bundles(bundles, left_out, key, evidence, sha256, now=clock())


def commit_records(
    engine: Engine, key: Key, evidence: Evidence, settings: Mapping[str, Json], *, lines: int, now: datetime
) -> str:
    """
    Fix exchanges, traits and configuration in the journal; return the digest of the configuration.

    How many `lines` were read, and how many accounts the log has, stand beside the roots.

    1. Write the records of each day with their salts, and compute its root.
    2. Journal the configuration, then the roots; sign the head where there is a signer.
    """
    exchanges = [  # 1.
        exchanges_of(engine, key, evidence.folder, day) for day in _days(engine, "started_at", "distinct_call")
    ]
    traits = [traits_of(engine, key, evidence.folder, "traits", day) for day in _days(engine, "first_seen", "trait")]
    configuration: dict[str, Json] = {**settings, "key fingerprint": key.fingerprint, "version": version("stillhunt")}
    sha256 = hashlib.sha256(canonical(configuration)).hexdigest()
    with Journal.open(evidence.folder / JOURNAL) as journal:                                  # 2.
        journal.append_all(
            [
                ("configuration", {"settings": configuration, "sha256": sha256}),
                ("exchanges", {**_roots(exchanges, sha256), **_counts(engine, lines)}),
                ("traits", _roots(traits, sha256)),
            ],
            at=now,
        )
        sign_head(journal, evidence.signer, now)
    return sha256


def _counts(engine: Engine, lines: int) -> dict[str, Json]:
    """Return counts of the log that no record shows: a single licensed account is published as two."""
    row = engine.fetch(
        "SELECT (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM account WHERE licence IS NOT NULL) AS licensed"
    ).to_pylist()[0]
    licensed = suppressed(np.array([row["licensed"]], dtype=np.int64))
    return {"accounts": int(row["accounts"]), "licensed": int(licensed[0]), "lines": lines}


def keep_bundles(
    found: Mapping[str, Replayable],
    left_out: Sequence[LeftOut],
    key: Key, evidence: Evidence, configuration: str, *, now: datetime
) -> None:
    """Write the bundle of each campaign with its proofs and what was left out, and journal their digests."""
    digests: dict[str, Json] = {}
    rows: list[Json] = [{"count": one.count, "reason": one.reason, "what": one.what} for one in left_out]
    for campaign in sorted(found):
        bundle = _proved(found[campaign], key, evidence.folder, configuration)
        bundle = replace(bundle, about={**bundle.about, "left_out": rows})
        place = evidence.bundles / campaign
        write(bundle, place)
        digests[campaign] = hashlib.sha256((place / INDEX).read_bytes()).hexdigest()
    with Journal.open(evidence.folder / JOURNAL) as journal:
        journal.append("campaigns", {"bundles": digests, "configuration": configuration}, at=now)
        sign_head(journal, evidence.signer, now)
    evidence.bundles.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(evidence.folder / JOURNAL, evidence.bundles / JOURNAL)


def sign_head(journal: Journal, signer: Signer | None, now: datetime) -> None:
    """Journal a signature of the last line, where there is a signer."""
    if signer is not None:
        journal.append("signature", sign(journal.head, HEAD_TYPE, signer), at=now)


def _roots(days: Sequence[Committed], configuration: str) -> dict[str, Json]:
    return {
        "configuration": configuration,
        "days": [{"day": d.day, "root": d.root.hex(), "size": d.size} for d in days],
    }


def _days(engine: Engine, column: str, relation: str) -> list[int]:
    rows = engine.fetch(
        f"SELECT DISTINCT epoch_us({column}) // {DAY_US} AS day FROM {relation} WHERE {column} IS NOT NULL ORDER BY 1"
    )
    return [int(d) for d in rows.column("day").to_pylist()]


def exchanges_of(engine: Engine, key: Key, folder: Path, day: int) -> Committed:
    """Write the records of the exchanges of a day (since 1970, UTC) and return what is committed to; earlier ones are kept."""
    salts = _salts(key)
    columns = ", ".join((*_KEYED, *_PLAIN))
    rows = engine.fetch(
        f"SELECT exchange_h, account_id, epoch_us(started_at) AS at_us, content_h, {columns} FROM distinct_call"
        f" WHERE epoch_us(started_at) // {DAY_US} = {day} ORDER BY exchange_h"
    )
    names: dict[str, str] = {}

    def records() -> Iterator[Sealed]:
        for row in _rows(rows):
            identity = int(row["exchange_h"])
            account = row["account_id"]
            record = {name.removesuffix("_h"): _hex(row[name]) for name in _KEYED} | {n: row[n] for n in _PLAIN}
            record |= {
                "account": names.setdefault(account, key.tag("account", [account], digits=32)),
                "at": _moment(row["at_us"]),
                "content": None if row["content_h"] is None else row["content_h"].hex(),
                "exchange": _hex(identity),
            }
            yield sealed(record, salts, b"exchange", identity.to_bytes(8, "little"))

    return commit(folder, EXCHANGES, iso(day), records(), keep=True)


def traits_of(engine: Engine, key: Key, folder: Path, table: str, day: int) -> Committed:
    """Write the records of the traits first seen on a day (since 1970, UTC) as a table and return what is committed to."""
    salts = _salts(key)
    rows = engine.fetch(
        "SELECT account_id, kind, value, epoch_us(t.first_seen) AS first_us, epoch_us(t.last_seen) AS last_us, t.n FROM trait t"
        f" JOIN account a USING (acct) WHERE epoch_us(t.first_seen) // {DAY_US} = {day} ORDER BY kind, value, account_id"
    )
    names: dict[str, str] = {}

    def records() -> Iterator[Sealed]:
        for row in _rows(rows):
            account = names.setdefault(row["account_id"], key.tag("account", [row["account_id"]], digits=32))
            record = {
                "account": account,
                "first": _moment(row["first_us"]),
                "kind": row["kind"],
                "last": _moment(row["last_us"]),
                "n": row["n"],
                "value": _hex(row["value"]),
            }
            identity = f"{account} {row['kind']} {row['value']}".encode()
            yield sealed(record, salts, b"trait", identity)

    return commit(folder, table, iso(day), records(), keep=table == TRAITS_OF_DAY)


def _salts(key: Key) -> bytes:
    return bytes.fromhex(key.tag("salt", [], digits=32))


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=20_000):
        yield from batch.to_pylist()


def _proved(found: Replayable, key: Key, folder: Path, configuration: str) -> Bundle:
    """
    Return a bundle in which every call points to a leaf, and every leaf is proved to be in the tree of its day.

    1. Where each call's record stands: its day and its place among the day's records.
    2. One proof for each day.
    """
    words = key.words("exchange")
    hashes = [keyed_hash(pa.array(ids, pa.string()), words).to_numpy() for ids in found.exchange_ids]
    wanted = {int(h) for part in hashes for h in part.tolist()}
    leaf_of: dict[int, int] = {}
    days, sizes, counts, lengths = [], [], [], []
    index, leaves, proofs = [], [], []
    first_days = _days_of(found.bundle)
    for day in sorted(first_days):                                                           # 1.
        whole = records_of(folder, EXCHANGES, iso(day))
        mine = [i for i, one in enumerate(whole) if exchange_of(one) in wanted]
        for i in mine:
            leaf_of[exchange_of(whole[i])] = len(leaf_of)
        hashed = [one.leaf for one in whole]
        proof = merkle.partial_proof(hashed, mine)                                           # 2.
        index += mine
        leaves += [hashed[i] for i in mine]
        proofs += proof
        days.append(day)
        sizes.append(len(whole))
        counts.append(len(mine))
        lengths.append(len(proof))
    if wanted - leaf_of.keys():
        raise StoreError(f"{folder}: records of this hunt are missing.\nGive an empty folder with `--evidence`.")
    tables = dict(found.bundle.tables)
    for number, part in enumerate(hashes, 1):
        at = np.array([leaf_of[int(h)] for h in part.tolist()], dtype=np.int32)
        tables[f"strand-{number}"] = {**tables[f"strand-{number}"], "leaf": at}
    tables["proof-days"] = {
        "day": np.array(days, dtype=np.int32),
        "hashes": np.array(lengths, dtype=np.int64),
        "leaves": np.array(counts, dtype=np.int64),
        "size": np.array(sizes, dtype=np.int64),
    }
    tables["proof-leaves"] = {"index": np.array(index, dtype=np.int64), "leaf": _bytes(leaves)}
    tables["proof-hashes"] = {"hash": _bytes(proofs)}
    return replace(found.bundle, tables=tables, about={**found.bundle.about, "configuration": configuration})


def _days_of(bundle: Bundle) -> set[int]:
    """Return the days of a bundle's calls, since 1970."""
    strands: Any = bundle.about["strands"]
    out: set[int] = set()
    for number, about in enumerate(strands, 1):
        first = datetime.fromisoformat(about["first_day"]).replace(tzinfo=UTC).timestamp() // 86_400
        hour = bundle.column(f"strand-{number}", "hour").astype(np.int64)
        out |= {int(first) + int(d) for d in np.unique(hour // 24).tolist()}
    return out


def _bytes(hashes: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), merkle.HASH_BYTES)


def _hex(value: int | None) -> str | None:
    return None if value is None else f"{value:016x}"


def _moment(us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def iso(day: int) -> str:
    """Return the date of a day since 1970."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
