"""
The cluster engine on a real standalone cluster: exchanges per core-hour, shuffled bytes per exchange, and skew.

    python bench/spark.py --exchanges 150000 600000 --folder /tmp/spark-bench

starts a master and two workers of one core on loopback, hunts worlds of these sizes and then the smallest one again with
skew (one system prompt, one user agent and one prompt with a fifth of all accounts, and one account with a tenth of all
calls), and writes `bench/results/spark.md`. CPU time is that of whole processes, Python workers included; bytes and
tasks come from Spark's event log.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from engines.cluster import Cluster, cluster  # noqa: E402

from stillhunt import pipeline, worlds  # noqa: E402
from stillhunt.model import Hunt  # noqa: E402

SEED = 78
KEY = b"stillhunt benchmark key, public"
RESULTS = Path(__file__).parent / "results"
PER_DAY = 10_000_000_000
CONF = {
    "spark.executor.memory": "1g",
    "spark.sql.shuffle.partitions": "8",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}


@dataclass
class Run:
    """One hunt: when each stage began and the CPU seconds used until then, by executors and by the driver."""

    name: str
    exchanges: int = 0
    accounts: int = 0
    campaigns: int = 0
    marks: list[tuple[str, float, float, float]] = field(default_factory=list)
    shuffled: dict[str, int] = field(default_factory=dict)
    written: int = 0
    skew: list[tuple[str, int, float, float, float]] = field(default_factory=list)

    def cpu(self, stage: str, column: int) -> float:
        """CPU seconds of a stage: executors (2) or the driver (3)."""
        return sum(b[column] - a[column] for a, b in zip(self.marks, self.marks[1:], strict=False) if a[0] == stage)

    @property
    def stages(self) -> list[str]:
        """Stages in order."""
        return list(dict.fromkeys(m[0] for m in self.marks[:-1]))


def cpu_of(roots: list[int]) -> float:
    """CPU seconds of some processes and everything under them, those that ended included."""
    total, waiting = 0.0, list(roots)
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                rest = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(rest[1]), []).append(int(entry.name))
            times[int(entry.name)] = sum(int(t) for t in rest[11:15]) / os.sysconf("SC_CLK_TCK")
    while waiting:
        one = waiting.pop()
        total += times.get(one, 0.0)
        waiting += children.get(one, [])
    return total


def hunt(running: Cluster, name: str, folder: Path, log: Path) -> tuple[Run, Hunt]:
    """Hunt a world on the cluster and read the event log."""
    run = Run(name)
    workers = [w.pid for w in running.workers]

    def progress(stage: str, _: float) -> None:
        if not run.marks or run.marks[-1][0] != stage:
            outside = cpu_of(workers)
            # Master and workers are children of this process, too.
            run.marks.append((stage, time.time(), outside, cpu_of([os.getpid()]) - outside))
            print(name, stage, f"{outside:.0f} s", flush=True)

    shutil.rmtree(log, ignore_errors=True)
    log.mkdir()
    conf = {**CONF, "spark.eventLog.dir": f"file://{log}"}
    found = pipeline.hunt(
        str(folder / "exchanges"),
        str(folder / "accounts.parquet"),
        key=KEY,
        engine="spark",
        master=running.url,
        spark_conf=conf,
        threads=2,
        memory_mb=1500,
        progress=progress,
    )
    progress("end", 1.0)
    run.exchanges, run.accounts, run.campaigns = found.n_exchanges, found.n_accounts, len(found.campaigns)
    read_log(next(log.iterdir()), run)
    return run, found


def read_log(path: Path, run: Run) -> None:
    """Take bytes and tasks from an event log."""
    begun = [m[1] * 1000 for m in run.marks]
    tasks: dict[int, list[tuple[float, float]]] = {}
    stage_of: dict[int, str] = {}
    for line in path.open():
        event = json.loads(line)
        if event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
            metrics, info = event["Task Metrics"], event["Task Info"]
            at = int(np.searchsorted(begun, info["Launch Time"], side="right")) - 1
            stage = run.marks[max(at, 0)][0]
            stage_of[event["Stage ID"]] = stage
            run.shuffled[stage] = run.shuffled.get(stage, 0) + metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]
            run.written += metrics["Output Metrics"]["Bytes Written"]
            read = metrics["Shuffle Read Metrics"]
            got = read["Remote Bytes Read"] + read["Local Bytes Read"]
            tasks.setdefault(event["Stage ID"], []).append((metrics["Executor Run Time"] / 1000, got))
    for number, rows in tasks.items():
        seconds, got = np.array(rows).T
        if len(rows) > 1 and got.sum() > 0:
            run.skew.append((stage_of[number], len(rows), float(got.sum()), float(got.max() / got.mean()), float(seconds.max())))


def skewed(source: Path, target: Path) -> None:
    """Write a world anew with one value of three kinds held by a fifth of all accounts, and one giant account."""
    files = sorted((source / "exchanges").rglob("*.parquet"))
    tables = {f: pq.read_table(f, partitioning=None) for f in files}
    accounts = np.unique(np.concatenate([t.column("account_id").to_numpy(zero_copy_only=False) for t in tables.values()]))
    rng = np.random.default_rng(SEED)
    popular = set(rng.choice(accounts, len(accounts) // 5, replace=False).tolist())
    giant = str(accounts[0])
    for file, table in tables.items():
        names = table.column("account_id").to_pylist()
        inside = np.array([name in popular for name in names])
        often = inside & (rng.random(len(names)) < 0.5)
        for column, value, where in (
            ("system", "You are a helpful assistant.", inside),
            ("user_agent", "everywhere/1.0", inside),
            ("prompt", "hi", often),
            ("account_id", giant, rng.random(len(names)) < 0.1),
        ):
            place = table.column_names.index(column)
            held = np.where(where, value, np.array(table.column(column).to_pylist(), dtype=object))
            table = table.set_column(place, table.schema.field(column), pa.array(held, pa.string()))
        out = target / file.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, out)
    shutil.copy(source / "accounts.parquet", target / "accounts.parquet")


def embedded(folder: Path) -> tuple[float, int]:
    """CPU seconds and campaigns of the embedded engine on the same files, in a process of its own."""
    code = (
        "import sys, time; from stillhunt import pipeline; h = pipeline.hunt(sys.argv[1] + '/exchanges',"
        " sys.argv[1] + '/accounts.parquet', key=sys.argv[2].encode(), threads=2);"
        "print(time.process_time(), len(h.campaigns))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder), KEY.decode()], capture_output=True, text=True, check=True)
    seconds, campaigns = done.stdout.split()
    return float(seconds), int(campaigns)


def table(runs: list[Run], alone: dict[str, tuple[float, int]], command: str) -> str:
    """Return the page."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    lines = [
        "# Hunts on a Spark standalone cluster",
        "",
        f"`{command}`, commit {commit}. One master and two workers of one core on loopback, on a machine with two cores that"
        f" others used at the same time (load average {os.getloadavg()[2]:.1f}), so only CPU time is given. World seed {SEED}.",
        "",
        "| world | exchanges | accounts | campaigns: Spark, DuckDB | executors, CPU s | driver, CPU s | DuckDB, CPU s"
        " | shuffled bytes per exchange | stored bytes per exchange |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in runs:
        executors, driver = r.marks[-1][2] - r.marks[0][2], r.marks[-1][3] - r.marks[0][3]
        lines.append(
            f"| {r.name} | {r.exchanges:,} | {r.accounts:,} | {r.campaigns}, {alone[r.name][1]} | {executors:.0f} | {driver:.0f}"
            f" | {alone[r.name][0]:.0f} | {sum(r.shuffled.values()) / r.exchanges:,.0f} | {r.written / r.exchanges:,.0f} |"
        )
    lines += ["", "Executors by stage, CPU seconds and shuffled bytes per exchange:", ""]
    lines += ["| stage | " + " | ".join(r.name for r in runs) + " |", "|---" * (len(runs) + 1) + "|"]
    for stage in runs[0].stages:
        cells = [f"{r.cpu(stage, 2):.0f} s, {r.shuffled.get(stage, 0) / r.exchanges:,.0f} B" for r in runs]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *extrapolated(runs), "", *skew_lines(runs), ""])


def extrapolated(runs: list[Run]) -> list[str]:
    """Return what the difference of two sizes says of a large one, with what it takes for granted."""
    plain = [r for r in runs if r.name != "skewed"]
    small, large = plain[0], plain[-1]
    more = large.exchanges - small.exchanges
    lines = ["## Extrapolation", ""]
    if more <= 0:
        return [*lines, "One size only: nothing is extrapolated."]
    seconds = (large.marks[-1][2] - large.marks[0][2]) - (small.marks[-1][2] - small.marks[0][2])
    bytes_each = (sum(large.shuffled.values()) - sum(small.shuffled.values())) / more
    each = seconds / more
    hours = PER_DAY * each / 3600
    return [
        *lines,
        f"From {small.exchanges:,} to {large.exchanges:,} exchanges, each one more costs {each * 1e6:.0f} µs of executors' CPU:"
        f" {3600 / each / 1e6:.1f} million exchanges per core-hour, and {bytes_each:,.0f} bytes shuffled.",
        "",
        f"{PER_DAY:,} exchanges a day would then take {hours:,.0f} core-hours ({hours / 24:,.0f} cores all day,"
        f" {hours / 4:,.0f} cores for four hours) and {PER_DAY * bytes_each / 1e12:,.1f} TB shuffled. This multiplies a"
        f" slope measured at {large.exchanges:,} exchanges by a factor of {PER_DAY / large.exchanges:,.0f}: it takes for granted"
        " that cost stays linear (the measured growth of the embedded engine is, over two decades), that accounts grow less"
        " than exchanges, and that nothing waits for the driver, whose share grows with accounts. It was not run.",
    ]


def skew_lines(runs: list[Run]) -> list[str]:
    """Return how unequal the tasks of shuffles were, with and without skew."""
    lines = [
        "## Skew",
        "",
        "`skewed` is the smallest world with one system prompt, one user agent and one prompt held by a fifth of all accounts,"
        " and one account with a tenth of all calls. Of the stages that read more than 1 MB from shuffles: the bytes of the"
        " largest task over the mean, the worst of them and the median, and the longest task.",
        "",
        "| world | such stages | worst largest / mean | median largest / mean | longest task, s |",
        "|---|---|---|---|---|",
    ]
    for r in runs:
        big = [s for s in r.skew if s[2] > 1e6]
        ratios = [s[3] for s in big] or [float("nan")]
        longest = max((s[4] for s in big), default=float("nan"))
        lines.append(f"| {r.name} | {len(big)} | {max(ratios):.2f} | {np.median(ratios):.2f} | {longest:.1f} |")
    return lines


def main() -> None:
    """Write worlds, hunt them on both engines, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--exchanges", type=int, nargs="+", default=[150_000, 600_000])
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    folders = {f"{n // 1000}k": asked.folder / f"{n // 1000}k" for n in sorted(asked.exchanges)}
    for n, folder in zip(sorted(asked.exchanges), folders.values(), strict=True):
        if not (folder / "truth.parquet").exists():
            worlds.write_large(folder, SEED, n)
    folders["skewed"] = asked.folder / "skewed"
    if not (folders["skewed"] / "accounts.parquet").exists():
        skewed(next(iter(folders.values())), folders["skewed"])
    place = asked.folder / "cluster"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    runs = []
    with cluster(place, workers=2, memory="1200m") as running:
        for name, folder in folders.items():
            runs.append(hunt(running, name, folder, asked.folder / "events")[0])
    alone = {name: embedded(folder) for name, folder in folders.items()}
    sizes = " ".join(str(n) for n in asked.exchanges)
    RESULTS.joinpath("spark.md").write_text(table(runs, alone, f"python bench/spark.py --exchanges {sizes} --folder DIR"))


if __name__ == "__main__":
    main()
