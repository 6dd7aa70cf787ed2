"""A log dealt out anew: where nobody is linked to anybody but by chance, key 1 keeps nothing; unbroken, it keeps the set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from chance import not_more_often
from judge.populations import KIND_GROUP, planted

from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.graph import broken
from stillhunt.judge.sets import LINKAGE_LEVEL, linked_sets
from stillhunt.model import Incidence
from stillhunt.search import search


def laid_out(engine: DuckDBEngine, held: Incidence) -> None:
    """Put an incidence into the engine as a run does."""
    engine.register("incidence", pa.table({"owner": held.owner, "value_id": held.value}))
    columns = {
        "value_id": np.arange(held.n_values, dtype=np.int32),
        "grp": KIND_GROUP[held.value_kind].astype(np.int32),
        "n_owners": np.bincount(held.value, minlength=held.n_values),
    }
    engine.register("value", pa.table(columns))
    nobody = pa.array([None] * held.n_owners, pa.string())
    engine.register("owner", pa.table({"owner": np.arange(held.n_owners, dtype=np.int32), "licence": nobody}))


def kept(engine: DuckDBEngine, held: Incidence) -> int:
    """Return how many sets key 1 keeps of those that the search proposes."""
    found = search(engine, held, seed=0, several=4.0)
    return len(linked_sets(found.population, found.groups, membership_level=0.05))


def test_a_broken_log_keeps_nothing(engine: DuckDBEngine) -> None:
    """Dealt out anew inside each country, a log with a planted set keeps sets no more often than the level of key 1."""
    shuffles, keeping = 16, 0
    for seed in range(4):
        held = planted(np.random.default_rng([seed, 31]), 500, 35, k=5)
        laid_out(engine, held)
        assert kept(engine, held) >= 1
        for shuffle in range(shuffles // 4):
            laid_out(engine, held)
            keeping += kept(engine, broken(engine, held, seed=shuffle)) > 0
    assert not_more_often(keeping, shuffles, LINKAGE_LEVEL)


def test_dealing_keeps_what_it_should(engine: DuckDBEngine, tmp_path: Path) -> None:
    """Values go to other owners of the same country; nobody's country changes, and no value gains an owner."""
    held = planted(np.random.default_rng(4), 300, 20)
    laid_out(engine, held)
    dealt = broken(engine, held, seed=9)
    assert dealt.stratum is held.stratum
    assert len(dealt.owner) <= len(held.owner)
    assert (np.bincount(dealt.value, minlength=held.n_values) <= np.bincount(held.value, minlength=held.n_values)).all()
    pairs = list(zip(dealt.value.tolist(), dealt.owner.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    for value in range(0, held.n_values, 7):
        before = np.sort(held.stratum[held.owner[held.value == value]])
        after = held.stratum[dealt.owner[dealt.value == value]]
        assert set(after.tolist()) <= set(before.tolist())
    rows = engine.fetch("SELECT owner, value_id FROM incidence ORDER BY value_id, owner")
    assert rows.column("owner").to_pylist() == dealt.owner.tolist()
    assert engine.fetch("SELECT sum(n_owners)::BIGINT AS n FROM value").column("n")[0].as_py() == len(dealt.owner)
