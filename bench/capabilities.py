"""
How real prompts are sorted into capabilities, by where the prompts come from.

    python bench/capabilities.py PROMPTS.parquet

The file has the columns `source` and `text`. Writes shares, and no text, to `bench/results/capabilities.md`.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.digest import Digester, Key
from stillhunt.digest.capabilities import CLASSES

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Sort the prompts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("prompts", type=Path)
    prompts = pq.read_table(parser.parse_args().prompts, columns=["source", "text"])
    digester = Digester(Key(b"capabilities of public prompts"), one_in=8)
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for batch in prompts.to_batches(8192):
        n = batch.num_rows
        rows = {"exchange_id": ["-"] * n, "account_id": ["-"] * n, "started_at": pa.array([0] * n, pa.timestamp("us", "UTC"))}
        calls = digester.calls(pa.RecordBatch.from_pydict({**rows, "prompt": batch.column("text").cast(pa.string())}))
        for source, capability in zip(batch.column("source").to_pylist(), calls.column("capability").to_pylist(), strict=True):
            found[source][capability] += 1
    lines = [
        "# Capabilities of real prompts",
        "",
        "`python bench/capabilities.py PROMPTS.parquet`; shares of public prompts by what the word lists sort them into.",
        "",
        f"| source | prompts | {' | '.join(CLASSES)} |",
        f"|---|---{'|---' * len(CLASSES)}|",
    ]
    for source, counts in sorted(found.items()):
        total = sum(counts.values())
        shares = " | ".join(f"{counts[number] / total:.0%}" for number in range(len(CLASSES)))
        lines.append(f"| {source} | {total:,} | {shares} |")
    (RESULTS / "capabilities.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
