"""
The graph step at size: which library, how long, how much memory, and what is found of planted sets.

    python bench/graph.py --owners 1000000 --links 20000000 --folder /tmp/graph-bench

needs `pip install networkit scikit-network` besides the locked packages. Plants sets of 25 to 400 owners, each with half of
its pairs linked, among links between owners at random, runs each candidate in a process of its own (CPU time and peak
memory are that process's), twice with one seed, and writes `bench/results/graph.md`. `propose` is the product's whole
graph step: components, communities of each, and splitting until the parts have evidence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RESULTS = Path(__file__).parent / "results"
SEED = 5
CASES = (
    ("graspologic-native Leiden", "graspologic", 1.0),
    ("graspologic-native Leiden", "graspologic", 10.0),
    ("networkit ParallelLeiden", "networkit", 1.0),
    ("networkit ParallelLeiden", "networkit", 10.0),
    ("networkit label propagation", "propagation", 1.0),
    ("scikit-network Louvain", "sknetwork", 1.0),
    ("scikit-network Louvain", "sknetwork", 10.0),
    ("**stillhunt propose**", "propose", 1.0),
)


def make(owners: int, links: int, folder: Path) -> None:
    """Write the links and, for each owner, the planted set it is in (-1: none)."""
    rng = np.random.default_rng(SEED)
    planted = np.full(owners, -1, dtype=np.int32)
    order = rng.permutation(owners)
    one, two, at, number = [], [], 0, 0
    while at < owners // 20:
        size = int(np.exp(rng.uniform(np.log(25), np.log(400))))
        members = order[at : at + size]
        planted[members] = number
        a, b = np.triu_indices(len(members), 1)
        kept = rng.random(len(a)) < 0.5
        one.append(members[a[kept]])
        two.append(members[b[kept]])
        at, number = at + size, number + 1
    inside = sum(len(o) for o in one)
    rest = max(0, links - inside)
    one.append(rng.integers(0, owners, rest))
    two.append(rng.integers(0, owners, rest))
    i, j = np.concatenate(one), np.concatenate(two)
    low, high = np.minimum(i, j).astype(np.int64), np.maximum(i, j).astype(np.int64)
    both = np.unique((low * owners + high)[low != high])
    np.savez(
        folder / f"{owners}-{links}.npz",
        i=(both // owners).astype(np.int32),
        j=(both % owners).astype(np.int32),
        s=rng.uniform(10, 14, len(both)).astype(np.float32),
        planted=planted,
    )


def f1(groups: list[npt.NDArray[Any]], planted: npt.NDArray[np.int32]) -> float:
    """Return the mean, over planted sets, of the best F1 that any group has with it."""
    sizes = np.bincount(planted[planted >= 0])
    best = np.zeros(len(sizes))
    for group in groups:
        inside = planted[group]
        hit = np.bincount(inside[inside >= 0], minlength=len(sizes))
        best = np.maximum(best, 2 * hit / (len(group) + sizes))
    return float(best.mean())


def grouped(label: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Return the members of each label, groups of five and more."""
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    return [np.sort(part) for part in np.split(order, cuts) if len(part) >= 5]


def symmetric(i: Any, j: Any, s: Any, n: int) -> Any:
    """Return the adjacency matrix."""
    from scipy.sparse import coo_array

    half = coo_array((s, (i, j)), shape=(n, n)).tocsr()
    return (half + half.T).tocsr()


def run(case: str, resolution: float, i: Any, j: Any, s: Any, n: int) -> list[npt.NDArray[Any]]:
    """Return the groups of one candidate."""
    if case == "propose":
        return proposed(i, j, s, n)
    if case == "graspologic":
        import graspologic_native

        a = symmetric(i, j, s, n)
        a.sort_indices()
        _, found = graspologic_native.leiden_csr(
            a.indptr.astype(np.int64), a.indices.astype(np.int32), a.data.astype(np.float64), n,
            resolution=resolution, iterations=4, seed=SEED,
        )  # fmt: skip
        label = np.full(n, -1, dtype=np.int64)
        label[np.fromiter(found.keys(), dtype=np.int64)] = np.fromiter(found.values(), dtype=np.int64)
        return grouped(label)
    if case == "sknetwork":
        from scipy.sparse import csr_matrix
        from sknetwork.clustering import Louvain

        return grouped(Louvain(resolution=resolution, random_state=SEED).fit_predict(csr_matrix(symmetric(i, j, s, n))))
    import networkit as nk

    nk.setSeed(SEED, False)
    nk.setNumberOfThreads(1)
    graph = nk.GraphFromCoo((s.astype(np.float64), (i.astype(np.uint64), j.astype(np.uint64))), n=n, weighted=True)
    if case == "networkit":
        algorithm = nk.community.ParallelLeiden(graph, iterations=4, randomize=False, gamma=resolution)
    else:
        algorithm = nk.community.PLP(graph)
    algorithm.run()
    return grouped(np.array(algorithm.getPartition().getVector()))


def proposed(i: Any, j: Any, s: Any, n: int) -> list[npt.NDArray[Any]]:
    """Return the product's groups; links inside beyond what chance has, in nats, stand in for the test of linkage."""
    from stillhunt.graph import propose

    base = len(i) / (n * (n - 1) / 2)
    start = np.searchsorted(i, np.arange(n + 1))  # Links come in the order of i, then j, and i < j.
    mark = np.zeros(n, dtype=bool)

    def weigh(group: npt.NDArray[np.int32]) -> float:
        mark[group] = True
        links = sum(int(mark[j[a:b]].sum()) for a, b in zip(start[group].tolist(), start[group + 1].tolist(), strict=True))
        mark[group] = False
        density = links / (len(group) * (len(group) - 1) / 2)
        # log10 of the likelihood ratio, less the price of choosing the set.
        return float((links * np.log(max(density, base) / base) - len(group) * np.log(n)) / np.log(10))

    return propose(i, j, s, n_owners=n, weigh=weigh, trim=lambda g: g, enough=6.0, seed=SEED)


def child(case: str, resolution: float, path: Path) -> None:
    """Run one candidate and print what it took."""
    held = np.load(path)
    i, j, s, planted = held["i"], held["j"], held["s"].astype(np.float64), held["planted"]
    before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    groups = run(case, resolution, i, j, s, len(planted))
    cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    groups.sort(key=lambda g: int(g[0]))
    digest = hashlib.sha256(b"".join(np.asarray(g, dtype=np.int64).tobytes() for g in groups)).hexdigest()[:12]
    print(json.dumps({"cpu": cpu, "mib": peak, "f1": f1(groups, planted), "groups": len(groups), "digest": digest}))


def main() -> None:
    """Run every candidate and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--owners", type=int, default=1_000_000)
    parser.add_argument("--links", type=int, default=20_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table")
    parser.add_argument("--only", nargs="+", help="candidates, by short names like networkit:10 (default: all)")
    parser.add_argument("--runs", type=int, default=2, help="runs of each, to see whether they agree")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    path = asked.folder / f"{asked.owners}-{asked.links}.npz"
    if asked.child:
        child(asked.child[0], float(asked.child[1]), path)
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        make(asked.owners, asked.links, asked.folder)
    rows = []
    for name, case, resolution in CASES:
        if asked.only is None or f"{case}:{resolution:g}" in asked.only:
            sizes = ["--owners", str(asked.owners), "--links", str(asked.links), "--folder", str(asked.folder)]
            command = [sys.executable, __file__, *sizes, "--child", case, str(resolution)]
            twice = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(asked.runs)]
            if any(t.returncode for t in twice):
                rows.append(f"| {name} | {resolution:g} | failed: {twice[0].stderr.strip().splitlines()[-1][:80]} | | | | |")
                continue
            seen = [json.loads(t.stdout) for t in twice]
            same = "one run" if len(seen) == 1 else "yes" if len({one["digest"] for one in seen}) == 1 else "**no**"
            rows.append(
                f"| {name} | {resolution:g} | {min(one['cpu'] for one in seen):.0f} | {max(one['mib'] for one in seen) / 1024:.1f}"
                f" | {seen[0]['f1']:.3f} | {seen[0]['groups']:,} | {same} |"
            )
            print(rows[-1], flush=True)
    held = np.load(path)
    words = [word if word != str(asked.folder) else "DIR" for word in sys.argv[1:]]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    text = [
        f"# The graph step: {asked.owners:,} owners, {len(held['i']):,} links, {held['planted'].max() + 1:,} planted sets",
        "",
        f"`python bench/graph.py {' '.join(words)}`, commit {commit}, one thread, on a"
        f" machine that others used at the same time (load average {os.getloadavg()[2]:.1f}). CPU seconds without reading the"
        " links; peak memory of the whole process, the links included (0.3 GiB at 20 million); F1 is the mean over planted sets"
        " of the best that any group has with it; the last column says whether two runs with one seed gave the same groups.",
        "",
        "| candidate | resolution | CPU, s | peak, GiB | F1 | groups of 5 and more | same again |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    asked.results.joinpath(f"graph-{asked.owners // 1000}k.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
