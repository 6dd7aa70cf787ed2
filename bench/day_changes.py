"""
What one more day changes: how much of a hunt's work has the same inputs as the day before, and could be kept.

    python bench/day_changes.py --exchanges 150000 --folder DIR

hunts 44 days of the world of `bench/store.py` and then 45, and takes a digest of what every expensive step reads:

- linkage: the owners, the values they hold, and how many owners (of the country, of all) hold each of them;
- membership: the same for the core that owners are scored against (a part of what is read: what differs here differs there);
- joint operation: the calls of a strand, what others fill its template with, what was handed on.

A step whose digest was seen on the day before gives the same bytes and could be kept. Beside it stands what could be kept if
counts were frozen: the same owners with the same values. Writes `bench/results/day_changes.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from long_log import DAYS, KEY, STAGES, Meter, long_clock, written

RESULTS = Path(__file__).parent / "results"
STEPS = ("linkage", "membership", "joint operation")


def digest(*parts: Any) -> bytes:
    """Return a hash of arrays, numbers and texts."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        found.update(b"|")
    return found.digest()


@dataclass(slots=True)
class Recorder:
    """Each call of a step: CPU seconds, a digest of all that is read, and one of owners and values alone."""

    calls: dict[str, list[tuple[float, bytes, bytes]]] = field(default_factory=lambda: {s: [] for s in STEPS})
    names: Any = None
    """The value behind each number of the incidence, as (kind, keyed hash)."""

    def timed(self, step: str, function: Callable[..., Any], key: Callable[..., tuple[bytes, bytes]]) -> Callable[..., Any]:
        """Return the function with its calls noted."""

        def noting(*given: Any, **named: Any) -> Any:
            exact, frozen = key(self, *given, **named)
            began = time.process_time()
            out = function(*given, **named)
            self.calls[step].append((time.process_time() - began, exact, frozen))
            return out

        return noting


def of_owners(recorder: Recorder, population: Any, owners: Any) -> tuple[bytes, bytes]:
    """Return digests of some owners: with the counts of their values, and without."""
    incidence = population.incidence
    member, value = population.rows(owners)
    kind, stratum = incidence.value_kind[value], incidence.stratum[owners[member]]
    ours = (owners, incidence.stratum[owners], member, kind, recorder.names[value])
    counts = (
        incidence.n_owners, population.n_of_value[value], population.n_of_kind, population.in_country(value, stratum),
        population.kind_in_country(kind, stratum),
    )  # fmt: skip
    return digest(*ours, *counts), digest(*ours)


def of_core(recorder: Recorder, known: Any, **named: Any) -> tuple[bytes, bytes]:
    """Return digests of a core that owners are scored against."""
    exact, frozen = of_owners(recorder, known.population, known.owners)
    asked = sorted((name, digest(v) if isinstance(v, np.ndarray) else v) for name, v in named.items())
    return digest(exact, asked), digest(frozen, asked)


def of_harvest(recorder: Recorder, harvest: Any, **named: Any) -> tuple[bytes, bytes]:
    """Return digests of what the tests of joint operation read; they read no counts of the population."""
    strand = harvest.strand
    mine = [getattr(strand, f.name) for f in fields(strand) if f.name not in ("rows", "description")]
    passed = [getattr(harvest.passed, f.name) for f in fields(harvest.passed)]
    others = [] if harvest.others is None else [c.to_numpy() for c in harvest.others.columns]
    both = digest(*mine, *passed, *others, sorted(named.items()))
    return both, both


def recorded(days: list[Path], beside: tuple[Path, Path]) -> tuple[Recorder, Meter, dict[str, int]]:
    """Hunt some days and return what was recorded."""
    from stillhunt import pipeline, search
    from stillhunt.judge import ablation, campaigns, membership, operate, sets

    recorder, meter, counts = Recorder(), Meter(), {}
    real = {"linkage": sets.linkage, "scored": membership.scored, "operation": operate.operation, "search": pipeline.search}

    def searching(engine: Any, incidence: Any, **named: Any) -> Any:
        rows = engine.fetch("SELECT value FROM value ORDER BY value_id")
        recorder.names = rows.column("value").to_numpy()
        counts.update(owners=incidence.n_owners, values=incidence.n_values, holdings=len(incidence.owner))
        return real["search"](engine, incidence, **named)

    linked = recorder.timed("linkage", real["linkage"], of_owners)
    places = [(m, "linkage", linked) for m in (search, sets, membership, ablation)]
    places += [
        (membership, "scored", recorder.timed("membership", real["scored"], of_core)),
        (operate, "operation", recorder.timed("joint operation", real["operation"], of_harvest)),
        (pipeline, "search", searching),
    ]
    assert campaigns.joint_operation is operate.joint_operation
    for module, name, function in places:
        setattr(module, name, function)
    try:
        hunt = pipeline.hunt([str(d) for d in days], *beside, key=KEY, threads=1, progress=meter)
        meter("end", 1.0)
    finally:
        for module, name, _ in places:
            setattr(module, name, real[name])
    counts.update(exchanges=hunt.n_exchanges, accounts=hunt.n_accounts, campaigns=len(hunt.campaigns))
    return recorder, meter, counts


def row(step: str, before: Recorder, now: Recorder) -> str:
    """Return a line of the table: calls and CPU seconds, and how much of them was seen the day before."""
    known = [{call[place] for call in before.calls[step]} for place in (1, 2)]
    calls = now.calls[step]
    total = sum(call[0] for call in calls)
    cells = []
    for place in (1, 2):
        kept = [call[0] for call in calls if call[place] in known[place - 1]]
        cells.append(f"{len(kept):,} of {len(calls):,} | {sum(kept) / total if total else 0:.0%}")
    return f"| {step} | {total:.1f} | {cells[0]} | {cells[1]} |"


def main() -> None:
    """Hunt two days running and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--exchanges", type=int, default=150_000)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    long_clock()
    days = written(asked.folder, asked.exchanges)
    beside = (asked.folder / "accounts.parquet", asked.folder / "events.parquet")
    before, _, earlier = recorded(days[:-1], beside)
    now, meter, later = recorded(days, beside)
    rows = "\n".join(row(step, before, now) for step in STEPS)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    whole = sum(meter.cpu.get(stage, 0.0) for stage in STAGES)
    inside = sum(call[0] for step in STEPS for call in now.calls[step])
    stages = ", ".join(f"{stage} {meter.cpu.get(stage, 0):.1f}" for stage in STAGES)
    changes = "\n".join(f"| {name} | {earlier[name]:,} | {later[name]:,} |" for name in earlier)
    text = f"""# What one more day changes

`python bench/day_changes.py --exchanges {asked.exchanges} --folder DIR`, commit {commit}, one thread, load average
{os.getloadavg()[1]:.0f}. The hunts are those of {DAYS - 1} and of {DAYS} days of the world of `bench/store.py`.

| | {DAYS - 1} days | {DAYS} days |
|---|---|---|
{changes}

CPU seconds of the hunt of {DAYS} days by stage, with taking the digests: {stages}; {whole:.1f} in all. The steps below are
{inside:.1f} of them.

| step | CPU s | calls with the same inputs | share of its CPU | calls with the same owners and values | share of its CPU |
|---|---|---|---|---|---|
{rows}
"""
    (RESULTS / "day_changes.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
