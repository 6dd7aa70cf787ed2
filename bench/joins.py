"""
The exact joins: what they find, whom they leave alone, and what they cost.

    python bench/joins.py [--worlds 10] [--first 101] [--cost demo]

1. Hunts `joins` and `joins_null` worlds of seeds that were not used in development: campaigns found by kind, honest accounts
   accused, and for every linked set the p-values of the three tests.
2. CPU seconds of the digest, of the traits and of a whole hunt, with the columns of the joins and with these columns taken
   from the log (`completion`, `history`, `reasoning_issued`, `refusal_category`).
Writes `bench/results/joins.md`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa

import stillhunt
from stillhunt import worlds
from stillhunt.digest import Digester, Key, ledger, traits
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.judge.operate import NAMES
from stillhunt.worlds import joined

RESULTS = Path(__file__).parent / "results"
KEY = b"stillhunt benchmark key, public"
COLUMNS = ("completion", "history", "reasoning_issued", "refusal_category")
JOINS = [NAMES[name] for name in ("replay", "feedback", "takeover")]
INDICATORS = ("histories this provider never served", "accounts that wake after a ban", "move to a new model", "technique search")
LEVEL = 0.01


def found_in(name: str, seed: int, tally: dict[str, Counter[str]]) -> None:
    """Hunt one world and count."""
    world = worlds.make(name, seed)
    hunt = stillhunt.hunt(world.exchanges, world.accounts, world.events, key=KEY, threads=1)
    rows = world.truth.select(["account_id", "cohort", "campaign_id"]).to_pylist()
    truth = {r["account_id"]: (r["cohort"], r["campaign_id"]) for r in rows}
    sizes = Counter(of for of in truth.values() if of[1])
    reached: Counter[tuple[str, str | None]] = Counter()
    tally["worlds"][name] += 1
    tally["honest accounts"][name] += sum(1 for of in truth.values() if not of[1])
    for campaign in hunt.campaigns:
        members = Counter(truth[a] for a in campaign.accounts)
        reached += Counter({of: n for of, n in members.items() if of[1]})
        kind = members.most_common(1)[0][0][0]
        tally["honest accused"][name] += sum(n for of, n in members.items() if not of[1])
        tally["sets reported"][name] += 1
        tally["sets mostly honest"][name] += 2 * sum(n for of, n in members.items() if not of[1]) > len(campaign.accounts)
        for item in campaign.evidence:
            test = item.test.split(",")[0]
            known = test in JOINS or test.startswith(INDICATORS)
            if known and item.p_value is not None:
                short = next((i for i in INDICATORS if test.startswith(i)), test)
                tally[f"ran: {short}"][kind] += 1
                tally[f"p ≤ {LEVEL}: {short}"][kind] += item.p_value <= LEVEL
    for of, size in sizes.items():
        tally["planted"][of[0]] += 1
        tally["found"][of[0]] += 2 * reached[of] >= size
        tally["accounts planted"][of[0]] += size
        tally["accounts reached"][of[0]] += reached[of]
    for one in hunt.linked:
        kind = Counter(truth[a][0] for a in one.account_ids).most_common(1)[0][0]
        tally[f"linked: {one.list_name}"][kind] += 1


def cpu(world: worlds.World, without: bool) -> tuple[float, float, float]:
    """Return CPU seconds of digest, traits, and a whole hunt, best of three (the hunt once)."""
    exchanges = world.exchanges.drop_columns(list(COLUMNS)) if without else world.exchanges
    digester, best = Digester(Key(KEY), one_in=8), []
    for _ in range(3):
        began = time.process_time()
        calls = [digester.calls(batch) for batch in exchanges.to_batches(max_chunksize=65_536)]
        best.append(time.process_time() - began)
    with tempfile.TemporaryDirectory() as folder:
        engine = DuckDBEngine(Path(folder), threads=1, memory_mb=2000)
        engine.register("raw_call", pa.Table.from_batches(calls))
        ledger.build(engine, world.accounts)
        engine.register("account_trait", traits.account_traits(world.accounts, Key(KEY)))
        n = sum(len(batch.column("shingles").flatten()) for batch in calls)
        built = []
        for _ in range(3):
            began = time.process_time()
            traits.build(engine, n_shingles=n)
            built.append(time.process_time() - began)
        engine.close()
    began = time.process_time()
    stillhunt.hunt(exchanges, world.accounts, world.events, key=KEY, threads=1)
    return min(best), min(built), time.process_time() - began


def tables(tally: dict[str, Counter[str]]) -> list[str]:
    """Return the tables of what was found and of who was left alone."""
    out = ["| campaigns of kind | planted | found (half or more of the accounts) | accounts planted | accused |",
           "|---|---|---|---|---|"]  # fmt: skip
    for kind in joined.KINDS:
        counts = (tally[c][kind] for c in ("planted", "found", "accounts planted", "accounts reached"))
        out.append(f"| {kind} | {' | '.join(f'{n:,}' for n in counts)} |")
    out += ["", "| world | worlds | sets reported | mostly honest | honest accounts | of them accused |"]
    out += ["|---|---|---|---|---|---|"]
    for name in ("joins", "joins_null"):
        counts = (tally[c][name] for c in ("worlds", "sets reported", "sets mostly honest", "honest accounts", "honest accused"))
        out.append(f"| {name} | {' | '.join(f'{n:,}' for n in counts)} |")
    out += ["", f"Joins in the evidence of reported sets (ran, of which p ≤ {LEVEL}):", "",
            "| join | " + " | ".join(joined.KINDS) + " |", "|---" * (len(joined.KINDS) + 1) + "|"]  # fmt: skip
    for test in (*JOINS, *INDICATORS):
        cells = (f"{tally[f'ran: {test}'][kind]}, {tally[f'p ≤ {LEVEL}: {test}'][kind]}" for kind in joined.KINDS)
        out.append(f"| {test} | {' | '.join(cells)} |")
    out += ["", "Linked and not accused, by the kind that most of the set's accounts are of:", "", "| list | sets |", "|---|---|"]
    for key in sorted(tally):
        if key.startswith("linked: "):
            out.append(f"| {key[8:]} | {', '.join(f'{kind} {n}' for kind, n in sorted(tally[key].items()))} |")
    return out


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description="What the exact joins find, whom they leave alone, and what they cost.")
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--first", type=int, default=101)
    parser.add_argument("--cost", default="demo")
    arguments = parser.parse_args()
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    for seed in range(arguments.first, arguments.first + arguments.worlds):
        for name in ("joins", "joins_null"):
            found_in(name, seed, tally)
    world = worlds.make(arguments.cost, 77)
    lost, kept = cpu(world, True), cpu(world, False)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    last = arguments.first + arguments.worlds - 1
    out = [
        "# Exact joins: found, left alone, cost", "",
        f"`python bench/joins.py --worlds {arguments.worlds} --first {arguments.first} --cost {arguments.cost}`,"
        f" seeds {arguments.first} to {last}, on top of commit {commit}, a shared two-core machine.", "",
        "Two kinds of campaign share nothing but a template and what they hand on: own card, own address, own client.", "",
        *tables(tally), "",
        "## Cost", "",
        f"CPU seconds, one thread, {world.exchanges.num_rows:,} exchanges of the world `{arguments.cost}`, with the log's"
        f" {', '.join(COLUMNS)} and without.", "",
        "| step | without | with | more |", "|---|---|---|---|",
        *(f"| {step} | {a:.2f} | {b:.2f} | {b / a - 1:+.0%} |"
          for step, a, b in zip(("digest", "traits", "whole hunt"), lost, kept, strict=True)), "",
    ]  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "joins.md").write_text("\n".join(out))
    print("\n".join(out))


if __name__ == "__main__":
    main()
