"""
Traits of accounts → values held by owners.

An owner is the organisation where it is declared, else the account: 300 seats of one company are one witness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.graph.candidates import permuted_owners
from stillhunt.model import Incidence


def fetch_incidence(engine: Engine, kinds: Sequence[tuple[str, str]]) -> Incidence:
    """
    Return the incidence of owners and values for some kinds, given as (kind, group), from `trait` and `owner`.

    Also leaves it in the engine as the relations `incidence(owner, value_id)` and
    `value(value_id, kind, grp, n_owners)`.
    """
    names = [kind for kind, _ in kinds]
    groups = list(dict.fromkeys(group for _, group in kinds))
    numbered = ", ".join(f"('{k}', {number}, {groups.index(g)})" for number, (k, g) in enumerate(kinds))
    engine.view("linking_kind", f"SELECT * FROM (VALUES {numbered}) v(kind, kind_id, grp)")
    engine.create(
        "held",
        "SELECT DISTINCT a.owner, k.kind_id, t.value FROM trait t JOIN linking_kind k USING (kind)"
        " JOIN account a USING (acct)",
    )
    engine.create(
        "value",
        "SELECT (row_number() OVER (ORDER BY kind_id, value) - 1)::INTEGER AS value_id, kind_id, grp, value, n_owners"
        " FROM (SELECT kind_id, value, count(*) AS n_owners FROM held GROUP BY kind_id, value)"
        " JOIN (SELECT DISTINCT kind_id, grp FROM linking_kind) USING (kind_id)",
    )
    engine.create(
        "incidence", "SELECT h.owner, v.value_id FROM held h JOIN value v USING (kind_id, value)"
    )
    engine.drop("held")
    rows = engine.fetch("SELECT owner, value_id FROM incidence ORDER BY value_id, owner")
    values = engine.fetch("SELECT kind_id FROM value ORDER BY value_id")
    owners = engine.fetch("SELECT stratum FROM owner ORDER BY owner")
    return Incidence(
        owner=rows.column("owner").to_numpy().astype(np.int32),
        value=rows.column("value_id").to_numpy().astype(np.int32),
        value_kind=values.column("kind_id").to_numpy().astype(np.uint8),
        kinds=tuple(names),
        kind_group=np.array([groups.index(g) for _, g in kinds], dtype=np.int8),
        groups=tuple(groups),
        stratum=owners.column("stratum").to_numpy().astype(np.int16),
        n_owners=owners.num_rows,
    )


def broken(engine: Engine, incidence: Incidence, *, seed: int) -> Incidence:
    """
    Return the incidence with every kind dealt out anew inside each country, and leave it in the engine instead.

    Nobody is linked to anybody there but by chance. An owner dealt a value twice holds it once. The relations `incidence`
    and `value` are replaced.
    """
    rows = np.unique(np.stack([incidence.value, permuted_owners(incidence, seed)]), axis=1)
    owners = np.bincount(rows[0], minlength=incidence.n_values)
    engine.register("incidence", pa.table({"owner": rows[1].astype(np.int32), "value_id": rows[0].astype(np.int32)}))
    engine.register("dealt", pa.table({"value_id": np.arange(incidence.n_values, dtype=np.int32), "n_owners": owners}))
    engine.create("value", "SELECT v.* EXCLUDE (n_owners), d.n_owners FROM value v JOIN dealt d USING (value_id)")
    engine.drop("dealt")
    return replace(incidence, owner=rows[1].astype(np.int32), value=rows[0].astype(np.int32))
