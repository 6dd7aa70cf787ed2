"""What every peer is given of a world: the same digested log that Stillhunt judges, and the truth to be scored by."""

from __future__ import annotations

import pickle
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt import backtest, pipeline, worlds
from stillhunt.config import Config
from stillhunt.digest import Key
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.graph import fetch_incidence
from stillhunt.search import LINKING_KINDS

KEY = b"stillhunt peer worlds, public key"


@dataclass(frozen=True, kw_only=True)
class Log:
    """
    A digested log: who holds which values, who calls when with what, and the truth.

    Accounts of one declared organisation are one owner, and owners with a licence are in `licensed`: peers are told what
    Stillhunt is told. `calls` has owner, at_us, prompt_h, network_h, device_h, system_h, tokens_out and sketch.
    """

    seed: int
    accounts: list[list[str]]
    licensed: np.ndarray
    owner: np.ndarray
    value: np.ndarray
    value_kind: np.ndarray
    kinds: tuple[str, ...]
    kind_group: np.ndarray
    n_values: int
    calls: dict[str, np.ndarray]
    truth: pa.Table

    @property
    def n_owners(self) -> int:
        """How many owners there are."""
        return len(self.accounts)

    def holders(self) -> list[np.ndarray]:
        """Return the owners of each value."""
        order = np.lexsort((self.owner, self.value))
        cuts = np.searchsorted(self.value[order], np.arange(1, self.n_values))
        return np.split(self.owner[order], cuts)


def prepare(name: str, seed: int, place: Path) -> dict[str, Any]:
    """Make a world, hunt it at the default settings, store what peers are given, and return how the hunt scored."""
    world = worlds.make(name, seed)
    marks: dict[str, float] = {}
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        engine = DuckDBEngine(Path(folder), threads=1, memory_mb=1024)
        found = pipeline.run(
            engine, world.exchanges, world.accounts, world.events, format=None, key=Key(KEY), config=Config.of(threads=1),
            progress=lambda stage, share: marks.setdefault(stage, time.process_time()),
        )  # fmt: skip
        seconds = time.process_time() - began
        _store(engine, seed, world.truth, place)
    row = scored(backtest.score_hunt(found, world.truth))
    row |= {"digest_s": round(marks["links"] - began, 1), "seconds": round(seconds - (marks["links"] - began), 1)}
    return row | {"memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def _store(engine: DuckDBEngine, seed: int, truth: pa.Table, place: Path) -> None:
    held = fetch_incidence(engine, LINKING_KINDS)
    names = engine.fetch("SELECT owner, list(account_id ORDER BY account_id) AS ids FROM account GROUP BY owner ORDER BY owner")
    licensed = engine.fetch("SELECT owner FROM owner WHERE licence IS NOT NULL ORDER BY owner")
    calls = engine.fetch(
        "SELECT a.owner, epoch_us(c.started_at) AS at_us, coalesce(prompt_h, 0) AS prompt_h, coalesce(network_h, 0) AS"
        " network_h, coalesce(device_h, 0) AS device_h, coalesce(system_h, 0) AS system_h, coalesce(tokens_out, 0) AS"
        " tokens_out, sketch FROM call c JOIN account a ON a.acct = c.acct ORDER BY c.started_at, c.exchange_h"
    )
    width = max(len(s) for s in calls.column("sketch").to_pylist() if s is not None)
    joined = b"".join(s if s is not None else bytes(width) for s in calls.column("sketch").to_pylist())
    columns = {n: calls.column(n).to_numpy() for n in calls.column_names if n != "sketch"}
    log = Log(
        seed=seed,
        accounts=names.column("ids").to_pylist(),
        licensed=licensed.column("owner").to_numpy(),
        owner=held.owner,
        value=held.value,
        value_kind=held.value_kind,
        kinds=held.kinds,
        kind_group=held.kind_group,
        n_values=held.n_values,
        calls=columns | {"sketch": np.frombuffer(joined, np.int8).reshape(-1, width)},
        truth=truth,
    )
    place.write_bytes(pickle.dumps(log))


def load(place: Path) -> Log:
    """Return a stored log."""
    found: Log = pickle.loads(place.read_bytes())
    return found


def score_sets(log: Log, sets: list[np.ndarray]) -> dict[str, Any]:
    """Score sets of owners as Stillhunt is scored; licensed owners are left out of every set."""
    kept = [np.setdiff1d(one, log.licensed) for one in sets]
    reported = [
        backtest.Reported(id=str(i), accounts=frozenset(a for o in one.tolist() for a in log.accounts[o]))
        for i, one in enumerate(kept)
        if len(one)
    ]
    return scored(backtest.score(reported, log.truth))


def scored(score: backtest.Score) -> dict[str, Any]:
    """Return the numbers that the tables show."""
    return {
        "precision": score.account_precision,
        "recall": score.account_recall,
        "found": score.n_found,
        "campaigns": len(score.campaigns),
        "sets": len(score.reported),
        "false_sets": score.n_false,
        "cohorts": list(score.noticed),
        "honest_accused": score.honest_accused,
        "honest": score.honest,
        "accused": score.accused,
        "in_campaigns": sum(c.accounts for c in score.campaigns),
    }
