"""
Whom the hunt accuses, kind by kind of honest customer, on worlds whose seeds were never used in development.

    python bench/cohorts.py                # 10 demo worlds; resumes where it stopped
    python bench/cohorts.py --seeds 701-703

Writes one JSON line per world to `bench/results/cohorts.jsonl` and the table to `bench/results/cohorts.md`. A dossier
shows the totals, so that a reader can see which honest look-alikes the method was tried on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from pathlib import Path

from scipy.stats import beta

from stillhunt import backtest, pipeline, worlds

RESULTS = Path(__file__).parent / "results"
KEY = b"stillhunt held-out worlds, public"
SEEDS = "981-990"
SOURCES = ("git", "-C", str(Path(__file__).parents[1]))
COMMIT = subprocess.run([*SOURCES, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def one(seed: int) -> dict[str, object]:
    """Hunt one world at the default settings and count the accused of each honest kind."""
    world = worlds.make("demo", seed)
    result = pipeline.hunt(world.exchanges, world.accounts, world.events, key=KEY)
    score = backtest.score_hunt(result, world.truth, world.truth_exchanges)
    return {
        "seed": seed,
        "commit": COMMIT,
        "cohorts": {c.cohort: [c.accounts, c.accused] for c in score.cohorts if not c.campaign},
    }


def table(rows: list[dict[str, object]]) -> str:
    """Return the totals of all worlds that were run, with the exact 95 % upper end of each rate."""
    accounts: Counter[str] = Counter()
    accused: Counter[str] = Counter()
    for row in rows:
        for cohort, (n, hit) in dict(row["cohorts"]).items():  # type: ignore[call-overload]
            accounts[cohort] += n
            accused[cohort] += hit
    seeds = sorted(int(str(r["seed"])) for r in rows)
    commits = ", ".join(sorted({str(r["commit"]) for r in rows}))
    out = [
        "# Honest customers, kind by kind",
        "",
        f"`python bench/cohorts.py`; demo worlds with the seeds {seeds[0]} to {seeds[-1]}, default settings, at commit {commits};"
        " no seed was used in development before its row was made. The last column is the upper end of the exact 95 %"
        " interval (Clopper and Pearson); accounts of one group are not independent, so it is a guide.",
        "",
        "| kind | accounts | accused | rate, upper end |",
        "|---|---|---|---|",
    ]
    for cohort in sorted(accounts, key=lambda c: (-accounts[c], c)):
        n, hit = accounts[cohort], accused[cohort]
        upper = 1.0 if hit == n else float(beta.ppf(0.975, hit + 1, n - hit))
        out.append(f"| {cohort} | {n:,} | {hit} | {upper:.2%} |")
    return "\n".join([*out, ""])


def main() -> None:
    """Run the worlds that have no row yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seeds", default=SEEDS, help="first and last seed (default: %(default)s)")
    first, last = (int(x) for x in parser.parse_args().seeds.split("-"))
    lines = RESULTS / "cohorts.jsonl"
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()] if lines.exists() else []
    done = {row["seed"] for row in rows}
    for seed in range(first, last + 1):
        if seed not in done:
            rows.append(one(seed))
            with lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1], sort_keys=True) + "\n")
    (RESULTS / "cohorts.md").write_text(table(rows), "utf-8")


if __name__ == "__main__":
    main()
