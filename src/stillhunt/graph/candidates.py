"""
Which pairs of owners are worth comparing, and how surprising is what they share.

The surprise of a pair is the sum, over dependence groups, of the log-inverse popularity of the rarest value they share
in the group: s(i, j) = Σ_G max_v log(m / u_v), u_v = n_v / n, m = 1/2. Pairs are blocked on rare values first; popular
values only add to pairs that a rare one brought together. This step proposes; it gives no guarantee and needs none.

Weights are whole milli-nats, so that sums do not depend on the order in which an engine adds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.model import Incidence, LeftOut

RARE = 100
"""A value held by more owners than this brings no pair together on its own; in a large log, fewer."""

PAIRS_AT_MOST = 10_000_000
"""Values are taken as rare from the rarest on, while they bring at most this many pairs together."""

MEAN_DEGREE = 3.0
"""
The threshold is the smallest at which the permuted graph has at most this mean degree.

Above one, chance alone strings owners together into a crowd. That is allowed here because groups are split again until
they pass the test of linkage (`groups.py`), which is valid for any set; a lower threshold brings in sparser campaigns.
"""

_MILLI = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidatePairs:
    """Links at or above the threshold: owners `i` < `j`, surprise `s` in nats, and what was not compared."""

    i: npt.NDArray[np.int32]
    j: npt.NDArray[np.int32]
    s: npt.NDArray[np.float64]
    tau: float
    null_mean_degree: float
    left_out: tuple[LeftOut, ...]


def candidate_pairs(engine: Engine, incidence: Incidence, *, seed: int) -> CandidatePairs:
    """
    Return the pairs whose surprise reaches a threshold that chance alone would rarely reach.

    1. Score the pairs of the log.
    2. Give every value to other owners of the same country at random, kind by kind, and score again.
    3. Take the smallest threshold at which the permuted graph has a mean degree of at most `MEAN_DEGREE`.
    """
    n = incidence.n_owners
    if n < 2 or not incidence.n_values:
        nothing = np.zeros(0, dtype=np.int32)
        return CandidatePairs(i=nothing, j=nothing, s=np.zeros(0), tau=0.0, null_mean_degree=0.0, left_out=())
    engine.create(
        "weighed",
        f"SELECT value_id, grp, n_owners, round({_MILLI} * ln(0.5 * {n} / n_owners))::INTEGER AS w FROM value"
        f" WHERE n_owners >= 2 AND 2 * n_owners < {n}",
    )
    rare = _rare(engine)
    floor = round(_MILLI * max(0.0, np.log(n) - 3.0))
    _score(engine, "incidence", "pair", floor, rare)                                          # 1.
    permuted = _permuted_owners(incidence, seed)                                           # 2.
    engine.register("incidence_null", pa.table({"owner": permuted, "value_id": incidence.value}))
    _score(engine, "(SELECT DISTINCT owner, value_id FROM incidence_null)", "pair_null", floor, rare)
    null = engine.fetch("SELECT s FROM pair_null ORDER BY s DESC").column("s").to_numpy()  # 3.
    allowed = int(MEAN_DEGREE * n / 2)
    tau = int(null[allowed]) + 1 if len(null) > allowed else floor
    pairs = engine.fetch(f"SELECT i, j, s FROM pair WHERE s >= {tau} ORDER BY i, j")
    capped = engine.fetch(
        f"SELECT count(*) FILTER (n_owners > {rare}) AS popular, count(*) FILTER (2 * n_owners >= {n}) AS everywhere"
        " FROM value"
    ).to_pylist()[0]
    for relation in ("weighed", "incidence_null", "pair", "pair_null"):
        engine.drop(relation)
    return CandidatePairs(
        i=pairs.column("i").to_numpy().astype(np.int32),
        j=pairs.column("j").to_numpy().astype(np.int32),
        s=pairs.column("s").to_numpy() / _MILLI,
        tau=tau / _MILLI,
        null_mean_degree=2 * float((null >= tau).sum()) / n,
        left_out=_capped(rare, capped["popular"], capped["everywhere"]),
    )


def _rare(engine: Engine) -> int:
    """Return how many owners a rare value may have: at most `RARE`, and all rare values at most `PAIRS_AT_MOST` pairs."""
    rows = engine.fetch(
        f"SELECT n_owners, count(*) AS n FROM weighed WHERE n_owners <= {RARE} GROUP BY n_owners ORDER BY n_owners"
    )
    owners = rows.column("n_owners").to_numpy().astype(np.int64)
    pairs = np.cumsum(rows.column("n").to_numpy().astype(np.int64) * owners * (owners - 1) // 2)
    within = owners[pairs <= PAIRS_AT_MOST]
    return RARE if len(within) == len(owners) else max(2, int(within.max(initial=2)))


def _score(engine: Engine, incidence: str, out: str, floor: int, rare: int) -> None:
    """Store as `out` the pairs (i, j, s) with s >= floor; block on rare values, then add popular ones."""
    engine.create(f"{out}_held", f"SELECT h.owner, w.* FROM {incidence} h JOIN weighed w USING (value_id)")
    block = max(0, floor - 6 * _MILLI)
    engine.create(
        f"{out}_rare",
        "SELECT a.owner AS i, b.owner AS j, a.grp, max(a.w) AS w"
        f" FROM (SELECT * FROM {out}_held WHERE n_owners <= {rare}) a"
        f" JOIN (SELECT * FROM {out}_held WHERE n_owners <= {rare}) b"
        " ON a.value_id = b.value_id AND a.owner < b.owner GROUP BY 1, 2, 3",
    )
    engine.create(f"{out}_block", f"SELECT i, j FROM {out}_rare GROUP BY i, j HAVING sum(w) >= {block}")
    engine.create(
        f"{out}_popular",
        f"SELECT k.i, k.j, p.grp, max(p.w) AS w FROM {out}_block k"
        f" JOIN (SELECT * FROM {out}_held WHERE n_owners > {rare}) p ON p.owner = k.i"
        f" JOIN (SELECT * FROM {out}_held WHERE n_owners > {rare}) q ON q.owner = k.j AND q.value_id = p.value_id"
        " GROUP BY 1, 2, 3",
    )
    engine.create(
        out,
        "SELECT i, j, sum(w)::BIGINT AS s FROM (SELECT i, j, grp, max(w) AS w FROM"
        f" (SELECT r.* FROM {out}_rare r SEMI JOIN {out}_block k ON r.i = k.i AND r.j = k.j"
        f" UNION ALL SELECT * FROM {out}_popular) GROUP BY i, j, grp) GROUP BY i, j HAVING sum(w) >= {floor}",
    )
    for part in ("held", "rare", "block", "popular"):
        engine.drop(f"{out}_{part}")


def _permuted_owners(incidence: Incidence, seed: int) -> npt.NDArray[np.int32]:
    """Shuffle who holds what, inside each kind and country: every value keeps its popularity, every owner its volume."""
    rng = np.random.default_rng([seed, 1])
    kind = incidence.value_kind[incidence.value].astype(np.int64)
    cell = kind * 65536 + incidence.stratum[incidence.owner]
    order = np.argsort(cell, kind="stable")
    shuffled = np.lexsort((rng.random(len(cell)), cell))
    out = np.empty_like(incidence.owner)
    out[order] = incidence.owner[shuffled]
    return out


def _capped(rare: int, popular: int, everywhere: int) -> tuple[LeftOut, ...]:
    found = []
    if popular:
        found.append(
            LeftOut(
                what="trait value",
                reason=f"held by more than {rare} owners: brings no pair together on its own",
                count=popular,
            )
        )
    if everywhere:
        found.append(
            LeftOut(what="trait value", reason="held by half of all owners or more: says nothing", count=everywhere)
        )
    return tuple(found)
