"""
The text kernel beside MinHash of other packages, on the same bytes, one core each.

    python bench/kernel_peers.py --python VENV/bin/python [--rows 20000] [--real FILE]

VENV is an environment with `pip install datasketch rensa daft chdb pyarrow xxhash` (needed for this table only). Each candidate
runs in a process of its own on one core: CPU seconds of the process for all rows, best of three, less what it takes for
no rows. They do not do the same work: MinHash keeps the smallest of each of k hash functions over shingles of five words;
the kernel keeps one shingle in eight, and makes the hash of the whole text, the split-half sketch and the word lists in the
same pass. Writes `bench/results/kernel_peers.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SEED = 77
HASHES = 128
FAST = ("stillhunt", "xxh3", "daft", "daft16", "chdb", "chdb_simhash")
TIMES = 10
"""How often the texts are read over for those that are fast, in one run, so that what a run costs at least is small beside it."""

CASES = {
    "stillhunt": "**the kernel**: one shingle in 8, whole-text hash, sketch, word lists",
    "xxh3": "xxhash, XXH3 of each text from Python: nothing but reading",
    "datasketch": f"datasketch, `MinHash.update_batch`, {HASHES} hashes; words split in Python",
    "rensa": f"rensa, `RMinHash.update`, {HASHES} hashes; words split in Python",
    "rensa_words": "rensa, the splitting into shingles in Python alone",
    "daft": f"Daft, `minhash`, {HASHES} hashes",
    "daft16": "Daft, `minhash`, 16 hashes",
    "chdb": "ClickHouse (chdb), `wordShingleMinHash`, 6 hashes",
    "chdb_simhash": "ClickHouse (chdb), `wordShingleSimHash`",
}


def shingles(text: str) -> list[str]:
    """Return the runs of five words of a text."""
    words = text.split()
    return [" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))]


def kernel(texts: Any) -> Callable[[], object]:
    """Return the kernel on some texts."""
    from stillhunt.digest.capabilities import word_lists
    from stillhunt.digest.keys import Key
    from stillhunt.digest.shingles import build_lexicon, fingerprint

    subkey = Key(b"stillhunt benchmark key, public").words("text")
    lexicon = build_lexicon(word_lists(), subkey)
    column = texts.combine_chunks()
    return lambda: fingerprint(column, subkey, lexicon, one_in=8)


def in_python(case: str, texts: Any) -> Callable[[], object]:
    """Return a package that is called text by text."""
    rows = texts.to_pylist()
    if case == "xxh3":
        import xxhash

        raw = [row.encode() for row in rows]
        return lambda: [xxhash.xxh3_64_intdigest(row) for row in raw]
    if case == "rensa_words":
        return lambda: [shingles(row) for row in rows]
    if case == "rensa":
        from rensa import RMinHash

        def fresh(row: str) -> object:
            made = RMinHash(num_perm=HASHES, seed=SEED)
            made.update(shingles(row))
            return made.digest()

        return lambda: [fresh(row) for row in rows]
    from datasketch import MinHash

    def each(row: str) -> object:
        made = MinHash(num_perm=HASHES, seed=SEED)
        made.update_batch([one.encode() for one in shingles(row)])
        return made.digest()

    return lambda: [each(row) for row in rows]


def in_engine(case: str, texts: Any) -> Callable[[], object]:
    """Return an engine that reads the column itself."""
    if case.startswith("daft"):
        import daft

        frame = daft.from_arrow(texts.table)
        k = HASHES if case == "daft" else 16
        return lambda: frame.select(
            daft.col("text").minhash(num_hashes=k, ngram_size=5, seed=SEED, hash_function="xxhash3_64")
        ).to_arrow()
    import chdb

    function = "wordShingleSimHash(text, 5)" if case == "chdb_simhash" else "wordShingleMinHash(text, 5, 6)"
    query = f"SELECT sum(cityHash64({function})) FROM file('{texts.path}', Parquet, 'text String') SETTINGS max_threads = 1"
    return lambda: chdb.query(query, "CSV")


class Texts:
    """A column of texts: in memory, and in a file."""

    def __init__(self, path: Path, rows: int | None, times: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.table = pa.concat_tables([pq.read_table(path).slice(0, rows)] * times).combine_chunks()
        self.path = path.with_name(f"{path.stem}-{rows}-{times}.parquet")
        pq.write_table(self.table, self.path)
        assert self.table.schema.field("text").type == pa.string()

    def combine_chunks(self) -> Any:
        """Return the texts as one Arrow array."""
        return self.table.column("text").combine_chunks()

    def to_pylist(self) -> list[str]:
        """Return the texts."""
        found: list[str] = self.table.column("text").to_pylist()
        return found


def child(case: str, path: Path) -> None:
    """Print CPU seconds to read all rows once, best of three, less those for ten rows."""

    def best(texts: Texts) -> float:
        engine = case.startswith(("daft", "chdb"))
        run = kernel(texts) if case == "stillhunt" else in_engine(case, texts) if engine else in_python(case, texts)
        run()
        found = []
        for _ in range(3):
            began = time.process_time()
            run()
            found.append(time.process_time() - began)
        return min(found)

    times = TIMES if case in FAST else 1
    print(json.dumps({"cpu": (best(Texts(path, None, times)) - best(Texts(path, 10, 1))) / times}))


def main() -> None:
    """Write the texts, run every candidate, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--python", type=Path, help="the interpreter of the environment with the other packages")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--real", type=Path, help="a Parquet file of real prompts in a column `text`, beside the synthetic ones")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], Path(asked.child[1]))
        return
    if asked.python is None:
        parser.error("name the interpreter of the other environment with --python")
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stillhunt import worlds

    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        columns = {"synthetic": worlds.make("demo", SEED, 0.3).exchanges.column("prompt")}
        if asked.real is not None:
            columns["real"] = pq.read_table(asked.real, columns=["text"]).column("text")
        sizes, speeds = {}, {case: {} for case in CASES}
        for name, column in columns.items():
            texts = column.drop_null().slice(0, asked.rows).cast(pa.string())
            sizes[name] = (len(texts), int(pa.compute.sum(pa.compute.binary_length(texts)).as_py()))
            pq.write_table(pa.table({"text": texts}), folder / f"{name}.parquet")
            for case in CASES:
                python = sys.executable if case == "stillhunt" else str(asked.python)
                command = ["taskset", "-c", "0", python, __file__, "--child", case, str(folder / f"{name}.parquet")]
                ran = subprocess.run(command, capture_output=True, text=True, check=False)
                if ran.returncode:
                    print(ran.stderr[-800:], file=sys.stderr)
                    speeds[case][name] = "failed"
                    continue
                seconds = json.loads(ran.stdout.splitlines()[-1])["cpu"]
                speeds[case][name] = f"{sizes[name][1] / seconds / 1e6:,.1f}"
                print(name, case, speeds[case][name], "MB/s", file=sys.stderr, flush=True)
    ask = "import importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in ('datasketch','rensa','daft','chdb')), sep=', ')"
    versions = subprocess.run([str(asked.python), "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    said = ", ".join(f"{name} {rows:,} rows, {size / 1e6:.1f} MB" for name, (rows, size) in sizes.items())
    real = " --real FILE" if asked.real else ""
    rows = [f"| {CASES[case]} | {' | '.join(speeds[case][name] for name in sizes)} |" for case in CASES]
    text = [
        "# The text kernel beside MinHash of other packages", "",
        f"`python bench/kernel_peers.py --python VENV/bin/python --rows {asked.rows}{real}`, commit {commit};",
        f"{versions}. One core, CPU",
        f"time, best of three, less that of ten rows; load average {os.getloadavg()[0]:.0f}. Prompts: {said}.",
        "The kernel and the packages do not do the same work: MinHash keeps the smallest of each of so many hash functions over",
        "runs of five words; the kernel keeps one run in eight and makes three other things in the same pass. Packages that are",
        "called text by text get their words from Python, whose time is counted and shown beside them.", "",
        f"| MB/s a core | {' | '.join(sizes)} |", "|---" * (len(sizes) + 1) + "|", *rows, "",
    ]  # fmt: skip
    (RESULTS / "kernel_peers.md").write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
