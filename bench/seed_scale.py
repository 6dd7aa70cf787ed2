"""
The reported campaign's size on one small machine, day by day: what is found, what it costs, how much disk it takes.

    python bench/seed_scale.py --scale 1/30 --folder /var/tmp/seed

draws 45 days of a log in which 5 % of the accounts and a tenth of the exchanges belong to campaigns. At scale 1: 288 million
exchanges by 505,000 accounts, 185 campaigns of 25 to 400 accounts (25,000 in all), every kind of look-alike. Then, day
by day: the texts of the day are written, DuckDB reads and hashes the columns that a hunt reads (the limit), the day is put
into a store, and its log is thrown away. The last day is hunted on top of the 44 stored ones.

Every step runs in a process of its own, which gives its CPU time and peak memory, and is noted in `steps.jsonl` when it is
done: run the same command again to go on where it stopped. Writes `bench/results/seed_scale.md` (`--results FILE` for another
place).
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
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from long_log import KEY, STAGES, Meter, long_clock, size_of

SEED = 288
EXCHANGES, ACCOUNTS, CAMPAIGNS = 288_000_000, 505_000, 185
UNITS, PARTS = 25, 600
"""At scale 1: how many times the look-alikes of the demonstration's world, and how many parts, each small enough for memory."""

LOOKALIKES, IN_CAMPAIGN = 3500, 135
"""Accounts, on average: look-alikes of one unit, and a campaign."""

SMALL_LOOKALIKES = 460
SMALL = Fraction(1, 60)
"""Below this scale the look-alikes are those of the small world, all kinds of them."""

VOLUME = 20
"""How many times as much as in the other worlds each account sends."""

RESULTS = Path(__file__).parent / "results" / "seed_scale.md"


@dataclass(frozen=True, slots=True)
class Size:
    """A setting: parts and their recipes follow from it."""

    scale: Fraction
    volume: int

    def recipes(self) -> list[Any]:
        """Return the recipe of each part."""
        from dataclasses import replace

        from stillhunt.worlds import daily, worlds

        small = self.scale < SMALL
        units = 1 if small else max(1, round(UNITS * self.scale))
        groups = {n: (c * units, a, b) for n, (c, a, b) in (worlds._SMALL if small else worlds._DEMO).items()}
        campaigns = max(1, round(CAMPAIGNS * self.scale))
        others = units * (SMALL_LOOKALIKES if small else LOOKALIKES) + campaigns * IN_CAMPAIGN
        singles = max(300, round(ACCOUNTS * self.scale) - others)
        whole = replace(worlds.DEMO, singles=singles, groups=groups, operators=(campaigns, campaigns), volume=self.volume)
        return list(daily.spread(whole, max(1, round(PARTS * self.scale))))


def plan(folder: Path, size: Size, first: int, last: int) -> dict[str, Any]:
    """Draw some parts."""
    from stillhunt.worlds import daily

    recipes = size.recipes()
    return {"rows": sum(daily.plan_part(folder, SEED, part, recipes[part]) for part in range(first, last))}


def write(folder: Path, day: int) -> dict[str, Any]:
    """Write the log of a day."""
    from stillhunt.worlds import daily

    raw = folder / "raw" / f"{day:02d}.parquet"
    raw.parent.mkdir(parents=True, exist_ok=True)
    rows = daily.write_day(folder, SEED, day, raw)
    return {"rows": rows, "bytes": raw.stat().st_size}


def scan(folder: Path, day: int) -> dict[str, Any]:
    """Read and hash the columns of a day that a hunt reads."""
    import duckdb
    from kernel import COLUMNS, TEXT

    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET memory_limit = '2GB'")
    raw = folder / "raw" / f"{day:02d}.parquet"
    hashes = ", ".join(f"bit_xor(hash({c}))" for c in COLUMNS)
    connection.execute(f"SELECT {hashes} FROM read_parquet('{raw}')").fetchall()
    lengths = " + ".join(f"coalesce(sum(strlen({c})), 0)" for c in TEXT)
    found = connection.execute(f"SELECT {lengths} FROM read_parquet('{raw}')").fetchone()
    assert found is not None
    return {"text": int(found[0])}


def add(folder: Path, day: int) -> dict[str, Any]:
    """Put a day into the store, without a hunt."""
    from stillhunt import intake
    from stillhunt.config import Config
    from stillhunt.digest import Key
    from stillhunt.engines.duckdb import DuckDBEngine

    key, config = Key(KEY), Config(threads=2)
    engine = DuckDBEngine(folder / "work", threads=2, memory_mb=config.memory_mb)
    with intake.opened(folder / "store", engine, key, config, bind=False, keep_days=None, now=datetime.now(UTC)) as opened:
        intake.collected(
            engine, [str(folder / "raw" / f"{day:02d}.parquet")], format=None, key=key, config=config, bind=False, store=opened,
            progress=lambda share: None,
        )  # fmt: skip
    engine.close()
    return {}


def hunt(folder: Path, day: int) -> dict[str, Any]:
    """Hunt the last day on top of the stored ones."""
    from scale import found

    from stillhunt import pipeline

    meter = Meter()
    result = pipeline.hunt(
        [str(folder / "raw" / f"{day:02d}.parquet")], folder / "accounts.parquet", folder / "events.parquet", key=KEY,
        threads=2, store=folder / "store", progress=meter,
    )  # fmt: skip
    meter("end", 1.0)
    return {
        "stages": meter.cpu, "found": found(result, folder), "reported": len(result.campaigns),
        "exchanges": result.n_exchanges, "accounts": result.n_accounts,
    }  # fmt: skip


def child(folder: Path, size: Size, words: list[str]) -> None:
    """Do one step and print what it took, without what Python takes to start."""
    import kernel  # noqa: F401
    import scale  # noqa: F401

    step, numbers = words[0], [int(w) for w in words[1:]]
    began, cpu = time.monotonic(), time.process_time()
    if step == "plan":
        said = plan(folder, size, *numbers)
    elif step == "side":
        from stillhunt.worlds import daily

        daily.write_side(folder)
        said = {}
    else:
        steps: dict[str, Callable[[Path, int], dict[str, Any]]] = {"write": write, "scan": scan, "add": add, "hunt": hunt}
        said = steps[step](folder, numbers[0])
    took = {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"step": " ".join(words), **took, "mib": peak, **said}))


@dataclass(slots=True)
class Steps:
    """Steps that are done, kept in a file, and how to do one more."""

    folder: Path
    size: Size
    done: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what was done before. A folder of another setting is refused."""
        self.folder.mkdir(parents=True, exist_ok=True)
        setting, mine = self.folder / "setting", f"{self.size.scale} {self.size.volume}"
        if setting.exists() and setting.read_text() != mine:
            sys.exit(f"{self.folder} holds another setting ({setting.read_text()}).\nGive an empty folder.")
        setting.write_text(mine)
        noted = self.folder / "steps.jsonl"
        if noted.exists():
            lines = [line for line in noted.read_text().splitlines() if line.endswith("}")]
            self.done = {(row := json.loads(line))["step"]: row for line in lines}
            noted.write_text("".join(f"{line}\n" for line in lines))

    def do(self, *words: object) -> None:
        """Do a step in a process of its own, unless it is done."""
        name = " ".join(str(w) for w in words)
        if name in self.done:
            return
        sizes = ["--scale", str(self.size.scale), "--volume", str(self.size.volume), "--folder", str(self.folder)]
        ran = subprocess.run(
            [sys.executable, __file__, *sizes, "--child", *(str(w) for w in words)], check=False, capture_output=True, text=True
        )
        if ran.returncode:
            sys.exit(f"The step `{name}` failed:\n{ran.stderr[-2000:]}")
        row = {**json.loads(ran.stdout.splitlines()[-1]), "disk": size_of(self.folder)}
        with (self.folder / "steps.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.done[name] = row
        said = f"{name}: {row['cpu']:.1f} CPU s, {row['mib']:.0f} MiB, disk {row['disk']:.0f} MiB"
        print(said, file=sys.stderr, flush=True)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the steps of a kind."""
        return [row for name, row in self.done.items() if name.split()[0] == kind]


def run(steps: Steps) -> None:
    """Do all steps, in order."""
    folder, parts = steps.folder, len(steps.size.recipes())
    for first in range(0, parts, 20):
        steps.do("plan", first, min(first + 20, parts))
    steps.do("side")
    from stillhunt.worlds import daily

    listed = list(daily.days())
    for day, name in listed:
        last = day == listed[-1][0]
        steps.do("write", day)
        steps.do("scan", day)
        steps.do("hunt" if last else "add", day)
        (folder / "raw" / f"{day:02d}.parquet").unlink(missing_ok=True)
        shutil.rmtree(folder / "plan" / name, ignore_errors=True)


def page(steps: Steps) -> str:
    """Return the table as Markdown."""
    from stillhunt.worlds import clock

    hunted = steps.of("hunt")[0]
    exchanges, text = hunted["exchanges"], sum(row["text"] for row in steps.of("scan"))
    said = {
        "plan": "draw who calls when",
        "write": "write the texts of each day",
        "scan": "DuckDB reads and hashes the same columns",
        "add": f"put {clock.DAYS - 1} days into the store",
        "hunt": "hunt the last day on top",
    }
    cpu = {kind: sum(row["cpu"] for row in steps.of(kind)) for kind in said}
    rows = "\n".join(
        f"| {said[kind]} | {cpu[kind]:.0f} | {sum(row['wall'] for row in steps.of(kind)):.0f} |"
        f" {max(row['mib'] for row in steps.of(kind)):,.0f} |"
        for kind in said
    )
    stages = "\n".join(f"| {stage} | {hunted['stages'].get(stage, 0):.0f} |" for stage in STAGES)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    whole, store = cpu["add"] + cpu["hunt"], size_of(steps.folder / "store")
    log = sum(row["bytes"] for row in steps.of("write")) / 2**20
    most = max(row["disk"] for row in steps.done.values())
    drawn = max(row["disk"] for row in steps.of("plan"))
    factor = EXCHANGES / exchanges
    hours, simulated = whole * factor / 3600, (cpu["plan"] + cpu["write"]) * factor / 3600
    return f"""# Day by day, at the reported campaign's size or a share of it: {exchanges:,} exchanges

`nice python bench/seed_scale.py --scale {steps.size.scale} --folder DIR`, commit {commit}, seed {SEED}, two threads on two cores
that others used at the same time (load average at the end {os.getloadavg()[1]:.1f}): CPU time counts, wall time is theirs too.
{hunted["accounts"]:,} accounts on {clock.DAYS} days, {exchanges / hunted["accounts"]:.0f} exchanges an account,
{text / exchanges:.0f} bytes of prompt and system prompt each.

**Found**: {hunted["found"]}; {hunted["reported"]} campaigns reported.

| step | CPU s | wall s | peak, MiB |
|---|---|---|---|
{rows}

| stage of the hunt of the last day | CPU s |
|---|---|
{stages}

Hunt of all days, that is adding and hunting: {whole:.0f} CPU s, {whole / exchanges * 1e6:.0f} µs an exchange,
**{whole / cpu["scan"]:.1f} times the pass of DuckDB** (aim: 3). The log would take {log:,.0f} MiB. The most on the disk
at a time was {most:,.0f} MiB; the store has {store:,.0f} MiB, {store * 2**20 / exchanges:.0f} bytes an exchange.

## At {EXCHANGES:,} exchanges: multiplied, not run

Multiplied by {factor:.1f}, taking for granted that every cost stays linear in exchanges and accounts: {hours:.1f} CPU hours
for the hunt of all days, after {simulated:.1f} to simulate them. On the disk {store * factor / 1024:.0f} GiB for the store, and
{drawn * factor / 1024:.0f} GiB for the plan of the simulation, which shrinks day by day while the store grows. Peak memory
is not multiplied: it does not grow in proportion, and what it would be was not measured.
"""


def main() -> None:
    """Do what is left to do and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 30), help="1 is the reported size (default: 1/30)")
    parser.add_argument("--volume", type=int, default=VOLUME, help=f"calls, in those of other worlds (default: {VOLUME})")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not 0 < asked.scale <= 1 or asked.volume < 1:
        parser.error("the scale lies above 0 and is at most 1; the volume is a whole number from 1 on")
    long_clock()
    size = Size(asked.scale, asked.volume)
    if asked.child:
        child(asked.folder, size, asked.child)
        return
    steps = Steps(asked.folder, size)
    run(steps)
    text = page(steps)
    asked.results.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
