"""
A large log on a small machine: seconds and peak memory of each stage, and what was found.

    python bench/scale.py --exchanges 10000000 --folder /tmp/large

writes the world into the folder unless it is there, hunts it through the command's own pipeline, and writes
`bench/results/scale-10M.md`.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from stillhunt import pipeline, worlds
from stillhunt.model import Hunt

SEED = 77
KEY = b"stillhunt benchmark key, public"
RESULTS = Path(__file__).parent / "results"


def peak_mib() -> int:
    """Return the largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def found(hunt: Hunt, folder: Path) -> str:
    """Return a line on campaigns and accounts against the truth."""
    truth = {r["account_id"]: r for r in pq.read_table(folder / "truth.parquet").to_pylist()}
    sizes = Counter(r["campaign_id"] for r in truth.values() if r["is_campaign"])
    caught: Counter[str] = Counter()
    honest = 0
    for campaign in hunt.campaigns:
        for member in campaign.members:
            row = truth[member.account_id]
            if row["is_campaign"]:
                caught[row["campaign_id"]] += 1
            else:
                honest += 1
    large = [c for c, n in sizes.items() if n >= 25]
    half = sum(2 * caught[c] >= sizes[c] for c in large)
    return (
        f"{half} of {len(large)} campaigns of 25 or more accounts found by at least half of their accounts;"
        f" {sum(caught.values()):,} of {sum(sizes.values()):,} campaign accounts accused;"
        f" {honest:,} of {len(truth) - sum(sizes.values()):,} honest accounts accused"
    )


def main() -> None:
    """Write the world, hunt it, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    if not (asked.folder / "truth.parquet").exists():
        worlds.write_large(asked.folder, SEED, asked.exchanges)
    stages: list[tuple[str, float, int]] = []
    last = ["", time.monotonic()]

    def progress(stage: str, share: float) -> None:
        if stage != last[0]:
            if last[0]:
                stages.append((str(last[0]), time.monotonic() - float(last[1]), peak_mib()))
            last[:] = [stage, time.monotonic()]
            print(stage, f"{time.monotonic() - began:.0f} s", f"{peak_mib():,} MiB", flush=True)

    began, cpu = time.monotonic(), time.process_time()
    hunt = pipeline.hunt(
        str(asked.folder / "exchanges"), str(asked.folder / "accounts.parquet"), key=KEY, threads=2, progress=progress
    )
    progress("end", 1.0)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    rows = "\n".join(f"| {name} | {seconds:.0f} | {mib:,} |" for name, seconds, mib in stages)
    text = (
        f"# A hunt in {hunt.n_exchanges:,} exchanges by {hunt.n_accounts:,} accounts\n\n"
        f"`python bench/scale.py --exchanges {asked.exchanges} --folder DIR`, seed {SEED}, two threads;"
        f" load average at the end {os.getloadavg()[2]:.1f} (15 minutes).\n\n"
        f"Wall time {wall:.0f} s, CPU time {cpu:.0f} s, peak memory {peak_mib():,} MiB (the whole process).\n\n"
        f"{found(hunt, asked.folder)}; {len(hunt.campaigns)} campaigns reported.\n\n"
        f"| stage | seconds | peak so far, MiB |\n|---|---|---|\n{rows}\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"scale-{hunt.n_exchanges / 1e6:.0f}M.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
