"""
The small setting of every benchmark of size and speed, one after the other.

    python bench/small.py [--folder DIR]

What each writes goes to `bench/results/small/`, beside a table of what the runs themselves took. The pages of the full
settings in `bench/results/` stay as they are. Exit status 1 when a benchmark fails.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).parent
RESULTS = BENCH / "results" / "small"
RUNS: dict[str, tuple[str, ...]] = {
    "kernel.py": ("--exchanges", "100000"),
    "graph.py": ("--owners", "50000", "--links", "1000000", "--only", "propose:1", "--runs", "2"),
    "growth.py": ("--logs", "2"),
    "store.py": ("--exchanges", "60000"),
    "seed_scale.py": ("--scale", "1/1000"),
}
"""Each benchmark with its small setting; folders for what it makes and what it writes are added."""


def measured(script: str, setting: tuple[str, ...], folder: Path) -> tuple[str, bool]:
    """Run one benchmark; return its row of the table, and whether it came to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    place = RESULTS.relative_to(BENCH.parent)  # The pages name their command, and are the same on every machine.
    place = place / "seed_scale.md" if script == "seed_scale.py" else place
    command = [sys.executable, str(BENCH / script), *setting, "--folder", str(folder.resolve()), "--results", str(place)]
    print(f"{script} {' '.join(setting)}", file=sys.stderr, flush=True)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=BENCH.parent)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    end = "" if done.returncode == 0 else f"failed with status {done.returncode}"
    return f"| `{script} {' '.join(setting)}` | {wall:.0f} | {cpu:.0f} | {end} |", done.returncode == 0


def main() -> int:
    """Run them all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--folder", type=Path, help="where worlds are written (default: a temporary folder)")
    asked = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        began = time.monotonic()
        rows, ended = zip(*(measured(script, setting, folder / script[:-3]) for script, setting in RUNS.items()), strict=True)
        whole = time.monotonic() - began
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=BENCH, check=False)
    text = [
        "# The small setting of the benchmarks of size and speed",
        "",
        f"`make bench` or `python bench/small.py`, commit {commit.stdout.strip()}; {whole:.0f} s in all, two cores, load average"
        f" at the end {os.getloadavg()[1]:.1f}. What each found is in the other pages of this folder.",
        "",
        "| benchmark | wall s | CPU s | |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
    (RESULTS / "README.md").write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))
    return int(not all(ended))


if __name__ == "__main__":
    sys.exit(main())
