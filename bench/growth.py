"""
How time grows with exchanges, with accounts, and with how many share one value, over three decades each.

    python bench/growth.py --folder /tmp/growth

- `exchanges`: one set of about 860 accounts that sends more and more (the smallest log is every tenth call of the second);
- `accounts`: more and more accounts that send about 32 calls each, all look-alikes and campaigns scaled alike;
- `popular`: accounts that send one call each, all with one system prompt, every tenth behind one address; beside it the same
  accounts with a system prompt and an address of their own.

Each hunt runs in a process of its own. The slope is that of a straight line through all points on log-log axes; because the
start of a hunt takes the same time whatever the log, the slope between the two largest logs is given too. Writes
`bench/results/growth.md` and draws `docs/images/growth.svg`;
with `--logs 2` only the smallest two logs of each series are hunted, and nothing is drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from long_log import KEY, STAGES, Meter

RESULTS = Path(__file__).parent / "results"
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "growth.svg"
SEED = 11
AIM = 1.1
SERIES = {
    "exchanges": (0.1, 1, 10, 100),
    "popular": (1_000, 10_000, 100_000, 1_000_000),
    "apart": (1_000, 10_000, 100_000, 1_000_000),
    "accounts": (0.0032, 0.032, 0.32, 3.2, 10.5),
}
"""Series, and the size of each log: volume, parts of the demonstration's world, accounts."""

COLORS = {"exchanges": "#1f6f8b", "accounts": "#b5533c", "popular": "#4b7f3a", "apart": "#8a8a8a"}
SAID = {
    "exchanges": "exchanges, by the same accounts",
    "accounts": "accounts, 32 calls each",
    "popular": "accounts, one prompt for all",
    "apart": "accounts, a prompt each",
}


def make(series: str, size: float, out: Path) -> None:
    """Write one log: `exchanges/*.parquet` and, where there are any, `accounts.parquet`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from stillhunt.worlds import daily, worlds

    folder = out / "exchanges"
    folder.mkdir(parents=True)
    if series in ("popular", "apart"):
        pq.write_table(simple(int(size), series == "popular"), folder / "log.parquet")
        return
    beside = []
    if series == "exchanges":
        recipe = worlds.Recipe(singles=300, groups=worlds._SMALL, operators=(1, 1), volume=max(int(size), 1))
        parts = [worlds.build(one, "large", SEED, 1.0, part) for part, one in enumerate(daily.spread(recipe, 1))]
    else:
        whole, rest = divmod(size, 1)
        scales = [1.0] * int(whole) + ([rest] if rest > 1e-9 else [])
        parts = [worlds.build(worlds.DEMO, "large", SEED, scale, part) for part, scale in enumerate(scales)]
    for number, world in enumerate(parts):
        log = world.exchanges
        if size < 1 and series == "exchanges":
            log = log.filter(pc.equal(pa.array(np.arange(log.num_rows) % round(1 / size)), 0))
        pq.write_table(log, folder / f"{number}.parquet", compression="zstd", compression_level=1)
        beside.append(world.accounts)
    pq.write_table(pa.concat_tables(beside), out / "accounts.parquet")


def simple(accounts: int, popular: bool) -> Any:
    """Return a log of one call by each account; with `popular` all send one system prompt, and a tenth from one address."""
    import pyarrow as pa

    rng = np.random.default_rng(SEED)
    number = np.arange(accounts)
    behind = (rng.random(accounts) < 0.1) & popular
    ip = np.where(behind, 3_232_235_777, rng.integers(1 << 24, 3 << 30, accounts))
    addresses = [f"{v >> 24}.{v >> 16 & 255}.{v >> 8 & 255}.{v & 255}" for v in ip.tolist()]
    text = "You answer questions of customers in short plain sentences and never make anything up about product"
    agent = np.minimum(rng.zipf(1.5, accounts), 300)
    start = np.datetime64("2026-03-02T00:00:00", "us")
    return pa.table(
        {
            "exchange_id": [f"req_{n:08d}" for n in number.tolist()],
            "account_id": [f"acc_{n:08d}" for n in number.tolist()],
            "started_at": pa.array(start + rng.integers(0, 20 * 86_400_000_000, accounts), pa.timestamp("us", "UTC")),
            "system": [text if popular else f"{text} {n:x}" for n in number.tolist()],
            "prompt": [f"what is the state of order {n:x} and when does part {n * 7919:x} come" for n in number.tolist()],
            "client_ip": addresses,
            "user_agent": [f"client/{n}" for n in agent.tolist()],
        }
    )


def child(folder: Path) -> None:
    """Hunt and print what it took."""
    from stillhunt import pipeline

    meter, began, cpu = Meter(), time.monotonic(), time.process_time()
    beside = folder / "accounts.parquet"
    hunt = pipeline.hunt(
        str(folder / "exchanges"), beside if beside.exists() else None, key=KEY, threads=2, progress=meter
    )
    meter("end", 1.0)
    print(
        json.dumps(
            {
                "cpu": time.process_time() - cpu, "wall": time.monotonic() - began, "stages": meter.cpu,
                "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "exchanges": hunt.n_exchanges,
                "accounts": hunt.n_accounts, "campaigns": len(hunt.campaigns),
            }
        )
    )  # fmt: skip


def measured(series: str, size: float, folder: Path) -> dict[str, Any]:
    """Return what the hunt of one log took, which is made unless there is a note of it."""
    note = folder / f"{series}-{size}.json"
    if not note.exists():
        log = folder / "log"
        shutil.rmtree(log, ignore_errors=True)
        subprocess.run([sys.executable, __file__, "--folder", str(log), "--make", series, str(size)], check=True)
        ran = subprocess.run(
            [sys.executable, __file__, "--folder", str(log), "--child"], check=True, capture_output=True, text=True
        )
        note.write_text(ran.stdout.splitlines()[-1])
        shutil.rmtree(log)
    found: dict[str, Any] = json.loads(note.read_text())
    print(series, size, f"{found['exchanges']:,} exchanges, {found['cpu']:.1f} CPU s", file=sys.stderr, flush=True)
    return found


def slopes(series: str, rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Return the slope of CPU time on log-log axes through all logs, and between the two largest."""
    x = np.log([row["exchanges" if series == "exchanges" else "accounts"] for row in rows])
    y = np.log([row["cpu"] for row in rows])
    return float(np.polyfit(x, y, 1)[0]), float((y[-1] - y[-2]) / (x[-1] - x[-2]))


def figure(found: dict[str, list[dict[str, Any]]]) -> str:
    """Return the drawing: CPU seconds against size, both in decades."""
    left, top, wide, high = 60, 20, 520, 300
    low, decades, least, steps = 1.0, 6.5, -0.5, 4.0

    def place(x: float, y: float) -> tuple[float, float]:
        return left + wide * (np.log10(x) - low) / decades, top + high * (1 - (np.log10(y) - least) / steps)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + wide + 250} {top + high + 50}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{left + wide + 250}" height="{top + high + 50}" fill="#ffffff"/>',
    ]
    for power in range(int(low), int(low + decades) + 1):
        x, _ = place(10.0**power, 1.0)
        out.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + high}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{x:.1f}" y="{top + high + 18}" text-anchor="middle" fill="#444">{10**power:,}</text>')
    for power in range(int(np.ceil(least)), int(least + steps) + 1):
        _, y = place(10.0, 10.0**power)
        out.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + wide}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{10**power:,}</text>')
    out.append(f'<text x="{left}" y="{top - 6}" fill="#444">CPU seconds of a hunt</text>')
    for number, (series, rows) in enumerate(found.items()):
        spots = [place(row["exchanges" if series == "exchanges" else "accounts"], row["cpu"]) for row in rows]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        out.append(f'<polyline points="{line}" fill="none" stroke="{COLORS[series]}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLORS[series]}"/>' for x, y in spots]
        y = top + 14 + 40 * number
        out.append(f'<rect x="{left + wide + 15}" y="{y - 9}" width="12" height="12" fill="{COLORS[series]}"/>')
        out.append(f'<text x="{left + wide + 33}" y="{y + 1}" fill="#222">{SAID[series]}</text>')
        every, last = slopes(series, rows)
        out.append(f'<text x="{left + wide + 33}" y="{y + 17}" fill="#666">slope {every:.2f}, at the end {last:.2f}</text>')
    return "\n".join([*out, "</svg>", ""])


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    """Return the tables as Markdown."""
    words = [word for word in sys.argv[1:]]
    words = ["DIR" if before == "--folder" else word for before, word in zip(["", *words], words, strict=False)]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    text = [
        "# How time grows", "",
        f"`python bench/growth.py {' '.join(words)}`, commit {commit}, two threads on two cores that others used at the same",
        f"time (load average {os.getloadavg()[1]:.0f}): CPU seconds of a process that only hunts; peak memory of it. The aim is a",
        f"slope of at most {AIM} on log-log axes.", "",
    ]  # fmt: skip
    for series, rows in found.items():
        every, last = slopes(series, rows)
        text += [
            f"## {SAID[series].capitalize()}", "",
            f"Slope **{every:.2f}** through all logs, {last:.2f} between the two largest.", "",
            "| exchanges | accounts | CPU s | " + " | ".join(STAGES) + " | peak, MiB | campaigns |",
            "|---" * (len(STAGES) + 5) + "|",
        ]  # fmt: skip
        for row in rows:
            stages = " | ".join(f"{row['stages'].get(stage, 0):.1f}" for stage in STAGES)
            counts = f"{row['exchanges']:,} | {row['accounts']:,}"
            text.append(f"| {counts} | {row['cpu']:.1f} | {stages} | {row['mib']:,.0f} | {row['campaigns']} |")
        text.append("")
    return "\n".join(text)


def main() -> None:
    """Measure every series and write tables and figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(SERIES), default=list(SERIES))
    parser.add_argument("--logs", type=int, default=5, help="logs of each series, the smallest first (at least 2)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table")
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.make:
        make(asked.make[0], float(asked.make[1]), asked.folder)
        return
    if asked.child:
        child(asked.folder)
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    found = {
        series: [measured(series, size, asked.folder) for size in SERIES[series][: asked.logs]] for series in asked.only
    }
    text = page(found)
    (asked.results / "growth.md").write_text(text, encoding="utf-8")
    if asked.logs >= 4 and set(asked.only) == set(SERIES):
        FIGURE.write_text(figure(found), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
