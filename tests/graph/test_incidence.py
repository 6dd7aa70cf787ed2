"""The incidence says who holds what, once, by owner."""

from __future__ import annotations

import pyarrow as pa
from graph.relations import store
from hypothesis import HealthCheck, given, settings

from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.graph import fetch_incidence
from strategies import Holdings, holdings

KINDS = (
    ("card", "payment"),
    ("network", "network"),
    ("tls", "client"),
    ("agent", "client"),
    ("email_domain", "contact"),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(holdings())
def test_incidence_equals_what_is_held(engine: DuckDBEngine, held: Holdings) -> None:
    """Rows, kinds, groups and countries are those of the traits; rows go by value, then owner."""
    store(engine, held)
    found, wanted = fetch_incidence(engine, KINDS), held.incidence()
    assert found.n_owners == wanted.n_owners
    assert (found.kinds, found.groups) == (wanted.kinds, wanted.groups)
    for name in ("owner", "value", "value_kind", "kind_group", "stratum"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist()
        assert getattr(found, name).dtype == getattr(wanted, name).dtype


def test_accounts_of_one_owner_hold_together(engine: DuckDBEngine) -> None:
    """Two accounts of one organisation with one card are one holder of it."""
    engine.register("account", pa.table({"acct": [0, 1, 2], "owner": pa.array([0, 0, 1], pa.int32())}))
    engine.register("owner", pa.table({"owner": [0, 1], "stratum": [0, 0]}))
    engine.register(
        "trait", pa.table({"acct": [0, 1, 2], "kind": ["card"] * 3, "value": pa.array([7] * 3, pa.uint64())})
    )
    found = fetch_incidence(engine, KINDS[:1])
    assert found.owner.tolist() == [0, 1]
    assert engine.fetch("SELECT n_owners FROM value").column("n_owners").to_pylist() == [2]


def test_other_kinds_link_nobody(engine: DuckDBEngine) -> None:
    """Traits of kinds that are not asked for are not there."""
    store(engine, Holdings(held=[{(0, 1), (1, 1)}, {(0, 1), (1, 1)}], country=[0, 0]))
    found = fetch_incidence(engine, KINDS[:1])
    assert found.n_values == 1
    assert found.kinds == ("card",)
