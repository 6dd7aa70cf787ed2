"""
One value that a fifth of all accounts hold, on a cluster: what the largest task of each join reads from shuffles.

    python bench/spark_skew.py --accounts 3000 --folder DIR

runs the joins on a value of calls (shared prompts, marks of answers in prompts and in histories) on a standalone cluster with two
workers on loopback: without such a value, with one while Spark may not cut partitions, and with one as a hunt runs. Settings
are scaled so that a small log takes the plans of a large one (`tests/engines/skew.py`). Writes `bench/results/spark_skew.md`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from engines import skew  # noqa: E402
from engines.cluster import CONF, cluster  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "spark_skew.md"
RUNS = {"nothing popular": (False, {}), "popular, not cut": (True, skew.OFF), "popular, as a hunt runs": (True, {})}


def main() -> None:
    """Run the joins three times and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    (asked.folder / "cluster").mkdir(parents=True)
    seen, rows = {}, []
    with cluster(asked.folder / "cluster", workers=2) as running:
        for number, (name, (popular, conf)) in enumerate(RUNS.items()):
            calls, settings = skew.Calls(asked.accounts, popular), {**CONF, **skew.SPREAD, **conf}
            seen[name], found = skew.run(running.url, calls, asked.folder / str(number), settings)
            rows.append(found)
    same = "the same rows" if rows[1] == rows[2] else "NOT the same rows"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    lines = [
        "# A value that a fifth of all accounts hold, on a cluster",
        "",
        f"`python bench/spark_skew.py --accounts {asked.accounts} --folder DIR`, commit {commit}; two workers of one core on"
        f" loopback, load average {os.getloadavg()[1]:.0f}. Two calls an account. In the popular logs a fifth of all accounts send"
        " one prompt and have one history. Sixteen partitions, no table broadcast. Rows that the largest task of a join read from"
        " shuffles, over the mean of all tasks of that stage (of the stage with the largest task), and how many tasks there were.",
        "",
        "| relation | " + " | ".join(RUNS) + " |",
        "|---" * (len(RUNS) + 1) + "|",
    ]
    for query in skew.QUERIES:
        cells = [
            f"{r.largest * r.tasks / r.rows:.2f} of {r.tasks}" if (r := seen[name].get(query)) else "no shuffle" for name in RUNS
        ]
        lines.append(f"| `{query}` | " + " | ".join(cells) + " |")
    lines += ["", f"Cut and not cut give {same}.", ""]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
