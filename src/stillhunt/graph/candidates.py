"""
Which pairs of owners are worth comparing, and how surprising is what they share.

The surprise of a pair is the sum, over dependence groups, of the log-inverse popularity of the rarest value they share
in the group: s(i, j) = Σ_G max_v log(m / u_v), u_v = n_v / n, m = 1/2. Pairs are blocked on rare values, and on hubs: two
popular values of different groups that go together far more often than chance has it, so that a campaign is seen which
shares nothing rare. Other popular values only add to pairs that were brought together. This step proposes; it gives no
guarantee and needs none.

Weights are whole milli-nats, so that sums do not depend on the order in which an engine adds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillhunt.engines import Engine
from stillhunt.model import Incidence, LeftOut

RARE = 100
"""A value held by more owners than this brings no pair together on its own; in a large log, fewer."""

PAIRS_AT_MOST = 10_000_000
"""Values are taken as rare from the rarest on, while they bring at most this many pairs together."""

HUB_LIFT = 12.0
"""Two popular values are a hub when this many times as many owners hold both as would by chance."""

HUB_FEWEST = 8
HUB_LARGEST = 1000
"""Owners that hold both values of a hub: at least, and at most."""

HUB_PAIRS_AT_MOST = 5_000_000
"""Hubs are taken from the smallest on, while they bring at most this many pairs together."""

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
    engine.view("weighed", f"SELECT value_id, grp, n_owners FROM value WHERE n_owners >= 2 AND 2 * n_owners < {n}")
    holders = np.bincount(incidence.value, minlength=incidence.n_values)
    weighed = (holders >= 2) & (2 * holders < n)
    rare = _rare(holders[weighed])
    floor = round(_MILLI * max(0.0, np.log(n) - 3.0))
    weight = np.where(weighed, np.rint(_MILLI * np.log(n / np.maximum(2 * holders, 1))), 0).astype(np.int32)
    i, j, s = _score(engine, "incidence", incidence.owner, incidence, weight, floor, rare)  # 1.
    permuted = permuted_owners(incidence, seed)  # 2.
    engine.register("incidence_null", pa.table({"owner": permuted, "value_id": incidence.value}))
    *_, null = _score(engine, "incidence_null", permuted, incidence, weight, floor, rare)
    null = np.sort(null)[::-1]  # 3.
    allowed = int(MEAN_DEGREE * n / 2)
    tau = int(null[allowed]) + 1 if len(null) > allowed else floor
    strong = s >= tau
    engine.drop("incidence_null")
    return CandidatePairs(
        i=i[strong],
        j=j[strong],
        s=s[strong] / _MILLI,
        tau=tau / _MILLI,
        null_mean_degree=2 * float((null >= tau).sum()) / n,
        left_out=_capped(rare, int((holders > rare).sum()), int((2 * holders >= n).sum())),
    )


def _rare(holders: npt.NDArray[np.int64]) -> int:
    """Return how many owners a rare value may have: at most `RARE`, and all rare values at most `PAIRS_AT_MOST` pairs."""
    owners, n = np.unique(holders[holders <= RARE], return_counts=True)
    pairs = np.cumsum(n * owners * (owners - 1) // 2)
    within = owners[pairs <= PAIRS_AT_MOST]
    return RARE if len(within) == len(owners) else max(2, int(within.max(initial=2)))


def _score(
    engine: Engine,
    relation: str,
    owner: npt.NDArray[np.int32],
    incidence: Incidence,
    weight: npt.NDArray[np.int32],
    floor: int,
    rare: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """
    Return the pairs (i, j, s) that a rare value or a hub brings together and that reach s >= floor, ordered.

    `owner` holds who has `incidence.value` in the relation. Pairs come from the engine; what else two owners share is
    read off their sorted lists of values.
    """
    held = f"(SELECT DISTINCT h.owner, h.value_id FROM {relation} h JOIN weighed w USING (value_id) WHERE n_owners <= {rare})"
    _find_hubs(engine, relation, rare, incidence.n_owners)
    pairs = engine.fetch(
        f"SELECT a.owner AS i, b.owner AS j FROM {held} a JOIN {held} b ON a.value_id = b.value_id AND a.owner < b.owner"
        " UNION SELECT a.owner, b.owner FROM at_hub a JOIN at_hub b ON a.hub = b.hub AND a.owner < b.owner ORDER BY i, j"
    )
    for used in ("at_hub", "popular_held", "hub"):
        engine.drop(used)
    i = pairs.column("i").to_numpy().astype(np.int32)
    j = pairs.column("j").to_numpy().astype(np.int32)
    order = np.lexsort((incidence.value, owner))
    start = np.searchsorted(owner[order], np.arange(incidence.n_owners + 1))
    group = incidence.kind_group[incidence.value_kind].astype(np.int64)
    s = _surprise(i, j, start, incidence.value[order], weight, group, len(incidence.groups))
    return i[s >= floor], j[s >= floor], s[s >= floor]


def _find_hubs(engine: Engine, relation: str, rare: int, n: int) -> None:
    """Leave the owners of each hub in the engine as `at_hub(hub, owner)`, which comes from `hub` and `popular_held`."""
    engine.create(
        "popular_held",
        f"SELECT DISTINCT h.owner, h.value_id, w.grp, w.n_owners FROM {relation} h JOIN weighed w USING (value_id)"
        f" WHERE w.n_owners > {rare} AND w.n_owners * {HUB_LIFT}::DOUBLE <= {n}",
    )
    hubs = engine.fetch(
        "SELECT a.value_id AS a, b.value_id AS b, count(*) AS n FROM popular_held a JOIN popular_held b"
        " ON a.owner = b.owner AND a.value_id < b.value_id AND a.grp <> b.grp GROUP BY a.value_id, b.value_id"
        f" HAVING count(*) BETWEEN {HUB_FEWEST} AND {HUB_LARGEST}"
        f" AND count(*) * {n}::DOUBLE >= {HUB_LIFT}::DOUBLE * max(a.n_owners) * max(b.n_owners) ORDER BY n, a, b"
    )
    size = hubs.column("n").to_numpy().astype(np.int64)
    few = int(np.searchsorted(np.cumsum(size * (size - 1) // 2), HUB_PAIRS_AT_MOST, side="right"))
    engine.register("hub", hubs.slice(0, few).append_column("hub", pa.array(np.arange(few, dtype=np.int32))))
    engine.create(
        "at_hub",
        "SELECT k.hub, a.owner FROM hub k JOIN popular_held a ON a.value_id = k.a"
        " JOIN popular_held b ON b.value_id = k.b AND b.owner = a.owner",
        once=True,
    )


@njit(cache=True, nogil=True)
def _surprise(i, j, start, values, weight, group, n_groups):  # type: ignore[no-untyped-def]
    """Sum, over groups, the weight of the rarest value that both hold; lists of values are sorted."""
    out = np.zeros(i.shape[0], dtype=np.int64)
    best = np.zeros(n_groups, dtype=np.int64)
    for pair in range(i.shape[0]):
        best[:] = 0
        a, a_stop = start[i[pair]], start[i[pair] + 1]
        b, b_stop = start[j[pair]], start[j[pair] + 1]
        while a < a_stop and b < b_stop:
            if values[a] < values[b]:
                a += 1
            elif values[a] > values[b]:
                b += 1
            else:
                g = group[values[a]]
                if weight[values[a]] > best[g]:
                    best[g] = weight[values[a]]
                a += 1
                b += 1
        out[pair] = best.sum()
    return out


def permuted_owners(incidence: Incidence, seed: int) -> npt.NDArray[np.int32]:
    """Return who holds each row instead: shuffled inside each kind and country, so that values keep their popularity."""
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
