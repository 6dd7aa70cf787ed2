"""Plain holdings as the relations that linking starts from."""

from __future__ import annotations

import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.graph import fetch_incidence
from stillhunt.model import Incidence
from strategies import Holdings


def store(engine: Engine, held: Holdings) -> None:
    """Make `trait`, `account` and `owner`, each owner with one account."""
    rows = [(owner, held.kinds[kind], value) for owner, mine in enumerate(held.held) for kind, value in sorted(mine)]
    n = len(held.held)
    engine.register("account", pa.table({"acct": range(n), "owner": pa.array(range(n), pa.int32())}))
    engine.register("owner", pa.table({"owner": range(n), "stratum": held.country}))
    engine.register(
        "trait",
        pa.table(
            {
                "acct": pa.array([row[0] for row in rows], pa.int64()),
                "kind": pa.array([row[1] for row in rows], pa.string()),
                "value": pa.array([row[2] for row in rows], pa.uint64()),
            }
        ),
    )


def linked_up(engine: Engine, held: Holdings) -> Incidence:
    """Store holdings and return their incidence, with the relations that come with it."""
    store(engine, held)
    kinds = [(kind, held.groups[group]) for kind, group in zip(held.kinds, held.kind_group, strict=True)]
    return fetch_incidence(engine, kinds)
