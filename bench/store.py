"""
What a day costs on top of the days that are stored, beside a hunt of all of them.

    python bench/store.py --exchanges 300000 --folder /tmp/store

writes a world of 45 days unless it is there, hunts all of it without a store, puts 44 days into a store, hunts the last day on
top of them, compares the campaigns, and writes `bench/results/store.md`. CPU seconds are those of this process.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from long_log import DAYS, KEY, STAGES, Meter, long_clock, size_of, written

RESULTS = Path(__file__).parent / "results"


def added(days: list[Path], store: Path, work: Path) -> float:
    """Put days into a store without hunting; return the CPU seconds."""
    from stillhunt import intake
    from stillhunt.config import Config
    from stillhunt.digest import Key
    from stillhunt.engines.duckdb import DuckDBEngine

    began, key, config = time.process_time(), Key(KEY), Config(threads=2)
    engine = DuckDBEngine(work, threads=2, memory_mb=config.memory_mb)
    with intake.opened(store, engine, key, config, bind=False, keep_days=None, now=datetime.now(UTC)) as opened:
        intake.collected(
            engine, [str(d) for d in days], format=None, key=key, config=config, bind=False, store=opened,
            progress=lambda share: None,
        )  # fmt: skip
    engine.close()
    return time.process_time() - began


def main() -> None:
    """Write the world, hunt it whole and day by day, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--exchanges", type=int, default=300_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table")
    asked = parser.parse_args()
    long_clock()
    from stillhunt import pipeline

    days = written(asked.folder, asked.exchanges)
    store = asked.folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    beside = (asked.folder / "accounts.parquet", asked.folder / "events.parquet")
    pipeline.hunt([str(days[0])], *beside, key=KEY, threads=2)  # Kernels are compiled and files are warm before the clock runs.
    stored = added(days[:-1], store, asked.folder)
    daily, whole = Meter(), Meter()
    found = pipeline.hunt([str(d) for d in days], *beside, key=KEY, threads=2, store=store, progress=daily)
    daily("end", 1.0)
    full = pipeline.hunt([str(d) for d in days], *beside, key=KEY, threads=2, progress=whole)
    whole("end", 1.0)
    same = sorted((replace(c, id="") for c in found.campaigns), key=repr) == sorted(
        (replace(c, id="") for c in full.campaigns), key=repr
    )
    text = page(asked.exchanges, full.n_exchanges, full.n_accounts, len(full.campaigns), same, whole, daily, stored, asked.folder)
    (asked.results / "store.md").write_text(text, encoding="utf-8")
    print(text)


def page(
    asked: int, exchanges: int, accounts: int, campaigns: int, same: bool, whole: Meter, daily: Meter, stored: float, folder: Path
) -> str:
    """Return the table as Markdown."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    one, two = sum(whole.cpu.values()), sum(daily.cpu.values())
    rows = "\n".join(
        f"| {stage} | {whole.cpu.get(stage, 0):.1f} | {daily.cpu.get(stage, 0):.1f} |" for stage in STAGES
    )
    log, kept = size_of(folder / "exchanges"), size_of(folder / "store")
    read = whole.cpu.get("digest", 0)
    return f"""# A day on top of {DAYS - 1} stored days

`python bench/store.py --exchanges {asked} --folder DIR`, commit {commit}, two threads, load average {os.getloadavg()[1]:.0f}.
{exchanges:,} exchanges by {accounts:,} accounts ({exchanges / accounts:.0f} an account) in {DAYS} days; peak memory
{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MiB. The campaigns of both hunts ({campaigns}) are
{"equal in everything but their ids" if same else "NOT equal"}. All {DAYS} days are named in both hunts.

| stage | CPU s, all days anew | CPU s, the last day on a store of {DAYS - 1} |
|---|---|---|
{rows}
| **all** | **{one:.1f}** | **{two:.1f}** |

The day costs {two / one:.2f} of the full hunt; reading and digesting alone {daily.cpu.get("digest", 0) / read:.3f} of it. Putting
{DAYS - 1} days into the store took {stored:.1f} CPU s. The store has {kept:.1f} MiB, the log {log:.1f} MiB.
"""


if __name__ == "__main__":
    main()
