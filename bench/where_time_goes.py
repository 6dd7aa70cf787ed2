"""
Where the time of one hunt goes: CPU seconds of each stage, the longest queries, the functions with most time of their own.

    python bench/where_time_goes.py --folder DIR

hunts the world in the folder (`bench/scale.py` writes one) under Python's profiler and prints three tables. The profiler makes
Python calls dearer than they are, and counts wall time: on a busy machine its shares mean more than its seconds.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stillhunt import pipeline
from stillhunt.engines.duckdb import DuckDBEngine

KEY = b"stillhunt benchmark key, public"


def timed(name: str, log: list[tuple[float, str, str]]) -> Callable[..., Any]:
    """Return a method of the engine that also notes the CPU time of each call and the query it was for."""
    method = getattr(DuckDBEngine, name)

    def noting(self: DuckDBEngine, *given: Any, **named: Any) -> Any:
        before = time.process_time()
        out = method(self, *given, **named)
        said = " ".join(one for one in given if isinstance(one, str))
        log.append((time.process_time() - before, name, said[:160]))
        return out

    return noting


def main() -> None:
    """Hunt and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=40)
    asked = parser.parse_args()
    queries: list[tuple[float, str, str]] = []
    for name in ("create", "fetch", "register"):
        setattr(DuckDBEngine, name, timed(name, queries))
    stages: list[tuple[str, float]] = []
    last = ["start", time.process_time()]

    def progress(stage: str, share: float) -> None:
        if stage != last[0]:
            stages.append((str(last[0]), time.process_time() - float(last[1])))
            last[:] = [stage, time.process_time()]

    profiler = cProfile.Profile()
    profiler.enable()
    hunt = pipeline.hunt(
        str(asked.folder / "exchanges"), str(asked.folder / "accounts.parquet"), key=KEY, threads=2, progress=progress
    )
    profiler.disable()
    progress("end", 1.0)
    print(f"{hunt.n_exchanges:,} exchanges, {hunt.n_accounts:,} accounts, {len(hunt.campaigns)} campaigns,", end=" ")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MiB")
    for stage, seconds in stages:
        print(f"{stage:12}{seconds:8.1f} CPU s")
    for seconds, name, said in sorted(queries, reverse=True)[: asked.rows]:
        print(f"{seconds:8.2f} {name:9}{said}")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(asked.rows)
    pstats.Stats(profiler).sort_stats("cumtime").print_stats("stillhunt", asked.rows)


if __name__ == "__main__":
    main()
