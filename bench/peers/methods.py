"""
The peers: what is done about such accounts elsewhere, each as a function of a log and one setting.

Each returns sets of owners. A method that flags accounts one by one reports each as a set of its own, which is the kindest way
to score it. `GRIDS` holds the settings among which each is tuned, on worlds of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import graspologic_native
import numpy as np
from fraudar import blocks
from log import Log
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import hypergeom

SMALLEST = 5
Setting = dict[str, Any]
Sets = list[np.ndarray]


def _singles(flagged: np.ndarray) -> Sets:
    return [np.array([owner]) for owner in flagged.tolist()]


def _components(n: int, i: np.ndarray, j: np.ndarray) -> Sets:
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, n))
    number = connected_components(graph, directed=False)[1]
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    return [p for p in parts if len(p) >= SMALLEST]


def _pairs(log: Log, cap: int, kinds: set[str] | None = None) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield (value, i, j) of every value that 2 to `cap` owners hold."""
    for value, owners in enumerate(log.holders()):
        if 2 <= len(owners) <= cap and (kinds is None or log.kinds[log.value_kind[value]] in kinds):
            a, b = np.triu_indices(len(owners), 1)
            yield value, owners[a], owners[b]


def volume(log: Log, setting: Setting) -> Sets:
    """Flag the accounts that call most: the usual first alarm."""
    calls = np.bincount(log.calls["owner"], minlength=log.n_owners)
    return _singles(np.flatnonzero(calls >= np.quantile(calls, setting["quantile"])))


def shared_values(log: Log, setting: Setting) -> Sets:
    """Join accounts that share values of so many kinds' groups, values with many holders left out; components."""
    n = log.n_owners
    kinds = None if setting["kinds"] == "all" else {"card", "device", "network", "phone", "email"}
    keys = [
        np.stack([np.minimum(i, j) * n + np.maximum(i, j), np.full(len(i), log.kind_group[log.value_kind[v]])])
        for v, i, j in _pairs(log, setting["cap"], kinds)
    ]
    distinct = np.unique(np.concatenate(keys, axis=1), axis=1)
    pairs, groups = np.unique(distinct[0], return_counts=True)
    strong = pairs[groups >= setting["groups"]]
    return _components(n, strong // n, strong % n)


def fraudar(log: Log, setting: Setting) -> Sets:
    """Take out the densest blocks of accounts and values, values that are everywhere weighing less."""
    held = np.bincount(log.value, minlength=log.n_values)
    keep = (held[log.value] >= 2) & (held[log.value] <= setting["cap"])
    return blocks(log.owner[keep], log.value[keep], log.n_owners, log.n_values, setting["blocks"])


def backbone(log: Log, setting: Setting) -> Sets:
    """Keep pairs that share more values than the hypergeometric null has it (Bonferroni), then Leiden."""
    n = log.n_owners
    held = np.bincount(log.value, minlength=log.n_values)
    keep = (held[log.value] >= 2) & (held[log.value] <= setting["cap"])
    degree = np.bincount(log.owner[keep], minlength=n)
    universe = int((held[(held >= 2) & (held <= setting["cap"])] > 0).sum())
    keys = np.concatenate([i.astype(np.int64) * n + j for _, i, j in _pairs(log, setting["cap"])])
    pairs, common = np.unique(keys, return_counts=True)
    i, j = pairs // n, pairs % n
    p = hypergeom.sf(common - 1, universe, degree[i], degree[j])
    strong = p <= setting["alpha"] / (n * (n - 1) / 2)
    return _leiden(n, i[strong], j[strong], np.minimum(-np.log(np.maximum(p[strong], 1e-300)), 700.0))


def _leiden(n: int, i: np.ndarray, j: np.ndarray, weight: np.ndarray) -> Sets:
    if not len(i):
        return []
    edges = [(str(a), str(b), float(w)) for a, b, w in zip(i.tolist(), j.tolist(), weight.tolist(), strict=True)]
    _, found = graspologic_native.leiden(edges, resolution=1.0, iterations=4, use_modularity=True, seed=0, starting_communities=None, randomness=0.001, trials=1)  # noqa: E501
    members: dict[int, list[int]] = {}
    for owner, community in found.items():
        members.setdefault(community, []).append(int(owner))
    return [np.array(sorted(m)) for m in members.values() if len(m) >= SMALLEST]


WEIGHTS = {"card": 30, "device": 25, "phone": 20, "network": 15, "referral": 10, "system": 15, "template": 10}
"""Points for a value of a kind shared with at least `SHARED` others."""
SHARED = 3
WIDEST = 200


def weighted_rules(log: Log, setting: Setting) -> Sets:
    """Add fixed points for shared values, volume, long answers, round-the-clock use and even spacing; flag from a total on."""
    n, calls = log.n_owners, log.calls
    held = np.bincount(log.value, minlength=log.n_values)
    points = np.zeros(n)
    for kind, worth in WEIGHTS.items():
        mine = (log.value_kind[log.value] == log.kinds.index(kind)) & (held[log.value] > SHARED) & (held[log.value] <= WIDEST)
        points[np.unique(log.owner[mine])] += worth
    volume_of = np.bincount(calls["owner"], minlength=n)
    points[volume_of >= np.quantile(volume_of, 0.95)] += 20
    mean_out = np.bincount(calls["owner"], weights=calls["tokens_out"], minlength=n) / np.maximum(volume_of, 1)
    points[mean_out >= np.quantile(mean_out[volume_of > 0], 0.9)] += 15
    hours = np.unique(np.stack([calls["owner"], (calls["at_us"] // 3_600_000_000) % 24]), axis=1)
    points[np.bincount(hours[0], minlength=n) >= 20] += 15
    different = np.unique(np.stack([calls["owner"].astype(np.uint64), calls["prompt_h"]]), axis=1)
    distinct = np.bincount(different[0].astype(np.int64), minlength=n)
    points[(volume_of >= 20) & (distinct >= 0.95 * volume_of)] += 10
    return _singles(np.flatnonzero(points >= setting["total"]))


METHODS: dict[str, Callable[[Log, Setting], Sets]] = {
    "volume": volume,
    "shared values": shared_values,
    "FRAUDAR": fraudar,
    "backbone + Leiden": backbone,
    "weighted rules": weighted_rules,
}
GRIDS: dict[str, list[Setting]] = {
    "volume": [{"quantile": q} for q in (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)],
    "shared values": [
        {"cap": c, "groups": g, "kinds": k} for c, g, k in product((5, 10, 30, 100), (1, 2, 3), ("all", "identity"))
    ],
    "FRAUDAR": [{"cap": c, "blocks": b} for c, b in product((30, 100, 1000, 10**9), (1, 4, 10))],
    "backbone + Leiden": [{"cap": c, "alpha": a} for c, a in product((10, 30, 100), (0.05, 1e-4, 1e-8, 1e-16))],
    "weighted rules": [{"total": t} for t in (30, 40, 50, 60, 70, 80, 90, 100)],
    "coordination-network-toolkit": [
        {"window_s": w, "weight": e, "cap": c} for w, e, c in product((60, 3600), (2, 5), (10, 30))
    ],
    "Splink": [{"threshold": t} for t in (0.5, 0.9, 0.99, 0.999, 0.9999, 0.999999)],
}
