"""
Stillhunt beside the peers, on the same worlds: each peer tuned on worlds of its own, all compared on others.

    python bench/peers/run.py --tune 701-703 --compare 721-724 --external PYTHON

PYTHON is one with `splink` and `coordination-network-toolkit` (they want other versions of what Stillhunt uses); without it these
two are left out, and the table says so. Writes `bench/results/peers.jsonl` (resumes from it) and `bench/results/peers.md`.
Stillhunt runs at its default settings and is tuned on nothing here.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
import log as logs
import mmd
from methods import GRIDS, METHODS
from table import report

RESULTS = Path(__file__).parents[1] / "results"
LINES = RESULTS / "peers.jsonl"
EXTERNAL = ("Splink", "coordination-network-toolkit")


def one_peer(place: Path, name: str, settings: list[dict[str, Any]], python: str | None) -> list[dict[str, Any]]:
    """Run a peer at some settings on a stored log, in a process of its own, and score each."""
    if name in EXTERNAL:
        return _external(place, name, settings, str(python))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_inside, (place, name, settings))


def _inside(place: Path, name: str, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    log = logs.load(place)
    out = []
    for setting in settings:
        began = time.process_time()
        if name == "MMD window":
            mixed, honest = mmd.alarms(log)
            row: dict[str, Any] = {"mixed": mixed, "honest": honest}
        else:
            row = logs.score_sets(log, METHODS[name](log, setting))
        seconds = time.process_time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        out.append(row | {"seconds": round(seconds, 1), "memory_mb": round(memory)})
    return out


def _external(place: Path, name: str, settings: list[dict[str, Any]], python: str) -> list[dict[str, Any]]:
    log = logs.load(place)
    with tempfile.TemporaryDirectory() as folder:
        held = np.bincount(log.value, minlength=log.n_values)
        kinds = pa.array([log.kinds[k] for k in log.value_kind[log.value]])
        columns = {"owner": log.owner, "kind": kinds, "value": log.value, "holders": held[log.value]}
        pq.write_table(pa.table(columns), f"{folder}/held.parquet")
        calls = {name: log.calls[name] for name in ("owner", "network_h", "device_h", "system_h")}
        pq.write_table(pa.table(calls | {"at_s": log.calls["at_us"] // 10**6}), f"{folder}/calls.parquet")
        Path(f"{folder}/settings.json").write_text(json.dumps(settings))
        script = str(Path(__file__).parent / "external.py")
        words = [python, script, name, folder, f"{folder}/settings.json", f"{folder}/out.json"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        found = json.loads(Path(f"{folder}/out.json").read_text())
    usage = {"seconds": round(found["seconds"] / len(settings), 1), "memory_mb": found["memory_mb"]}
    return [logs.score_sets(log, [np.array(s) for s in sets]) | usage for sets in found["sets"]]


def peers(python: str | None) -> list[str]:
    """Return the peers that can run."""
    return [*METHODS, *(EXTERNAL if python else ()), "MMD window"]


def chosen(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any] | None]:
    """
    Return the settings of a peer by what it did on the tuning worlds: the best, and the best that spares the look-alikes.

    Best is the largest mean F1 over accounts. Sparing is the largest mean recall among settings with no honest cohort accused.
    """
    tried: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["role"] == "tune" and row["peer"] == name:
            tried.setdefault(json.dumps(row["setting"], sort_keys=True), []).append(row)
    f1 = {s: float(np.mean([_f1(r) for r in found])) for s, found in tried.items()}
    sparing = {
        s: float(np.mean([r["recall"] or 0.0 for r in found]))
        for s, found in tried.items()
        if not any(r["cohorts"] for r in found) and any(r["recall"] for r in found)
    }
    return {
        "best F1": json.loads(max(f1, key=f1.__getitem__)),
        "no cohort accused": json.loads(max(sparing, key=sparing.__getitem__)) if sparing else None,
    }


def _f1(row: dict[str, Any]) -> float:
    p, r = row["precision"] or 0.0, row["recall"] or 0.0
    return 2 * p * r / (p + r) if p + r else 0.0


def main() -> None:
    """Run what is missing, world by world, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--tune", default="701-703")
    parser.add_argument("--compare", default="721-724")
    parser.add_argument("--external", metavar="PYTHON")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "stillhunt-peers")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []

    def keep(role: str, seed: int, peer: str, aim: str, setting: dict[str, Any], row: dict[str, Any]) -> None:
        rows.append({"role": role, "seed": seed, "peer": peer, "aim": aim, "setting": setting} | row)
        with LINES.open("a") as out:
            out.write(json.dumps(rows[-1], sort_keys=True) + "\n")
        print(role, seed, peer, aim, setting, row.get("precision"), row.get("recall"), flush=True)

    for role, seeds in (("tune", arguments.tune), ("compare", arguments.compare)):
        first, last = seeds.split("-")
        for seed in range(int(first), int(last) + 1):
            place = arguments.work / f"demo-{seed}.pickle"
            done = {(r["peer"], r["aim"]) for r in rows if r["role"] == role and r["seed"] == seed}
            if not place.exists() or (role == "compare" and ("Stillhunt", "") not in done):
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    own = pool.apply(logs.prepare, ("demo", seed, place))
                if role == "compare":
                    keep(role, seed, "Stillhunt", "", {}, own)
            for name in peers(arguments.external):
                if name == "MMD window":
                    aims: dict[str, list[dict[str, Any]]] = {"": [{}]}
                elif role == "tune":
                    aims = {"grid": GRIDS[name]}
                else:
                    aims = {aim: [setting] for aim, setting in chosen(rows, name).items() if setting is not None}
                for aim, settings in aims.items():
                    if (name, aim) in done:
                        continue
                    for setting, row in zip(settings, one_peer(place, name, settings, arguments.external), strict=True):
                        keep(role, seed, name, aim, setting, row)
    (RESULTS / "peers.md").write_text(report(rows, arguments.tune, arguments.compare))


if __name__ == "__main__":
    main()
