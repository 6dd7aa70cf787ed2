"""
Digest kernel and hunt beside the physical limit, in one run.

    python bench/kernel.py [--exchanges 2000000] [--folder DIR]

1. Kernel MB/s per core against xxh3 over the same bytes in memory (synthetic prompts; also real ones where
   `../shared/data/prompts.parquet` is there).
2. The whole hunt of a large world against a DuckDB pass that only reads the same Parquet columns and hashes them,
   both in processes of their own: CPU and wall seconds.
Writes `bench/results/kernel-NM.md`, N the millions of exchanges.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from stillhunt import worlds
from stillhunt.digest.buffers import string_buffers
from stillhunt.digest.capabilities import word_lists
from stillhunt.digest.keys import Key
from stillhunt.digest.shingles import build_lexicon, fingerprint

RESULTS = Path(__file__).parent / "results"
REAL = Path(__file__).parents[2] / "shared" / "data" / "prompts.parquet"
KEY = b"stillhunt benchmark key, public"
COLUMNS = (
    "exchange_id", "account_id", "started_at", "model", "status", "system", "prompt", "tools_hash", "client_ip",
    "tls_ja4", "user_agent", "header_order", "device_id", "org_id", "country", "tokens_in", "tokens_out",
    "tokens_reasoning", "reasoning_presented",
)  # fmt: skip
TEXT = ("system", "prompt")

SCAN = """
import duckdb, sys
folder, threads = sys.argv[1:]
columns = {columns!r}
query = ", ".join(f"bit_xor(hash({{c}}))" for c in columns)
connection = duckdb.connect()
connection.execute(f"SET threads = {{threads}}; SET memory_limit = '2GB'")
print(connection.execute(f"SELECT {{query}} FROM read_parquet('{{folder}}/exchanges/**/*.parquet')").fetchone()[0])
"""

HUNT = """
import sys
from stillhunt import pipeline
folder, threads = sys.argv[1:]
result = pipeline.hunt(folder + "/exchanges", folder + "/accounts.parquet", key={key!r}, threads=int(threads))
print(len(result.campaigns), result.n_exchanges, result.n_accounts)
"""


def kernel_row(name: str, texts: pa.Array) -> str:
    """Return one row: the kernel and xxh3, best of five, over the same Arrow buffer."""
    subkey = Key(KEY).words("text")
    lexicon = build_lexicon(word_lists(), subkey)
    offsets, data, _ = string_buffers(texts)
    size = int(offsets[-1] - offsets[0])
    raw = memoryview(data)
    bounds = offsets.tolist()

    def xxh3() -> None:
        for start, stop in itertools.pairwise(bounds):
            xxhash.xxh3_64_intdigest(raw[start:stop])

    ours = best(lambda: fingerprint(texts, subkey, lexicon, one_in=8))
    each = best(xxh3)
    whole = best(lambda: xxhash.xxh3_64_intdigest(raw[bounds[0] : bounds[-1]]))
    return (
        f"| {name} | {len(texts):,} | {size / 1e6:.0f} | {size / len(texts):.0f} | **{size / ours / 1e6:.0f}** |"
        f" {size / each / 1e6:.0f} | {size / whole / 1e6:.0f} |"
    )


def best(function: object, times: int = 5) -> float:
    """Return the least wall time of some runs."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        function()  # type: ignore[operator]
        found.append(time.perf_counter() - began)
    return min(found)


def measured(code: str, folder: Path, threads: int) -> dict[str, float | str]:
    """Run code in a process of its own; return wall and CPU seconds, peak memory in MiB, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    wrapped = code + (
        "\nimport resource as r; u = r.getrusage(r.RUSAGE_SELF); print('peak', u.ru_maxrss // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapped, str(folder), str(threads)], check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stdout.splitlines()
    return {
        "wall": time.perf_counter() - began,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": float(lines[-1].split()[1]),
        "said": " ".join(lines[:-1]),
    }


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description="Digest kernel and hunt beside the physical limit.")
    parser.add_argument("--exchanges", type=int, default=2_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table")
    arguments = parser.parse_args()
    rows = [kernel_row("synthetic prompts", worlds.make("demo", 77).exchanges.column("prompt").combine_chunks())]
    if REAL.exists():
        rows.append(kernel_row("real prompts", pq.read_table(REAL, columns=["text"]).column("text").combine_chunks()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if not (folder / "accounts.parquet").exists():
            worlds.write_large(folder, 77, arguments.exchanges)
        files = sorted((folder / "exchanges").rglob("*.parquet"))
        n = sum(pq.ParquetFile(f).metadata.num_rows for f in files)
        text = sum(
            int(np.asarray(pa.compute.sum(pa.compute.binary_length(column)).as_py() or 0))
            for f in files
            for column in pq.read_table(f, columns=list(TEXT)).columns
        )
        scan = measured(SCAN.format(columns=COLUMNS), folder, arguments.threads)
        hunt = measured(HUNT.format(key=KEY), folder, arguments.threads)
    out = [
        "# The digest kernel and the hunt, beside the limit", "",
        f"`python bench/kernel.py --exchanges {n}`, {arguments.threads} threads, a shared two-core machine.", "",
        "## Kernel, one core, in memory (MB/s, best of five)", "",
        "| texts | rows | MB | bytes a text | kernel | xxh3, text by text from Python | xxh3, one buffer |",
        "|---|---|---|---|---|---|---|", *rows, "",
        "The kernel makes the whole-text hash, sampled shingles, the split-half sketch and the lexicon counts.", "",
        "## Hunt against a scan that only reads and hashes the same columns", "",
        f"{n:,} exchanges in Parquet, {text / 1e9:.2f} GB of prompts and system prompts.", "",
        "| | CPU s | wall s |", "|---|---|---|",
        f"| DuckDB reads and hashes {len(COLUMNS)} columns | {scan['cpu']:.0f} | {scan['wall']:.0f} |",
        f"| whole hunt | {hunt['cpu']:.0f} | {hunt['wall']:.0f} |",
        f"| ratio | {hunt['cpu'] / scan['cpu']:.1f} | {hunt['wall'] / scan['wall']:.1f} |", "",
        f"The hunt reported (campaigns, exchanges, accounts): {hunt['said']}.", "",
    ]  # fmt: skip
    arguments.results.mkdir(exist_ok=True)
    (arguments.results / f"kernel-{n / 1e6:.1f}M.md").write_text("\n".join(out))
    print("\n".join(out))
    print(json.dumps({"scan": scan, "hunt": hunt}), file=sys.stderr)


if __name__ == "__main__":
    main()
