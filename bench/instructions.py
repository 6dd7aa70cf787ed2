"""
How many instructions the text kernel takes for a byte, and in which of its steps.

    python bench/instructions.py [--bytes 60000] [--real FILE]

runs the compiled kernel one instruction after the other under ptrace (`bench/count_steps.c`, compiled with `cc`), where hardware
counters cannot be had: these are the instructions of this machine's own code, vectors included, not of a simulated one. The
cost of the call itself is taken off by a second, smaller input. Cycles follow from the time of the same call and the clock.
Writes `bench/results/instructions.md`. Linux on x86-64 only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
TRACER = Path(__file__).parent / "count_steps.c"
KEY = b"stillhunt benchmark key, public"
COPIES = 40
"""The time is that of so many copies of the texts at once, so that what a call costs at least does not count."""

STEPS = {
    "_kernel": "the loop over texts, joining five words, and the sampling test",
    "_edges": "where words begin and end; signs and digits into the hash of the text",
    "_slow_edges": "blocks with other scripts, byte by byte",
    "_hashes": "hashes of words, sixteen at once",
    "_slow_word": "words that are long or end the buffer, one by one",
    "_counts": "sketch, word lists, order of words",
    "_sampled": "copying the sampled shingles",
    "siphash_word": "keying the sampled and the whole",
}


def texts(size: int, real: Path | None) -> Any:
    """Return prompts of about so many bytes in all."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if real is None:
        from stillhunt import worlds

        column = worlds.make("small", 77).exchanges.column("prompt").drop_null()
    else:
        column = pq.read_table(real, columns=["text"]).column("text").drop_null()
    column = column.combine_chunks()
    ends = pc.cumulative_sum(pc.binary_length(column).cast(pa.int64()))
    return column.slice(0, max(1, int(pc.sum(pc.less_equal(ends, size)).as_py())))


def child(size: int, real: Path | None, note: Path) -> None:
    """Compile the kernel, note where its functions lie, and call it on no text and on all texts between signals."""
    import pyarrow as pa

    from stillhunt.digest import shingles
    from stillhunt.digest.capabilities import word_lists
    from stillhunt.digest.keys import Key

    subkey = Key(KEY).words("text")
    lexicon = shingles.build_lexicon(word_lists(), subkey)
    some = texts(size, real)
    inputs = (pa.array(["one two"]), some)
    for one in inputs:
        shingles.fingerprint(one, subkey, lexicon, one_in=8)
    library = next(iter(shingles._kernel.overloads.values())).library
    note.with_suffix(".o").write_bytes(library._get_compiled_object())
    places = [  # Of a function that other kernels call as well the copy is used that was loaded first.
        (begin, begin + size, plain(name))
        for name, size in sizes(note.with_suffix(".o"))
        if (begin := library.get_pointer_to_function(name))
    ]
    many, times = pa.chunked_array([some] * COPIES).combine_chunks(), []
    for _ in range(15):
        began = time.thread_time()
        shingles.fingerprint(many, subkey, lexicon, one_in=8)
        times.append((time.thread_time() - began) / COPIES)
    size = int(sum(len(t.encode()) for t in some.to_pylist()))
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split()
        if "x" in fields[1]:
            begin, end = (int(word, 16) for word in fields[0].split("-"))
            places.append((begin, end, Path(fields[5]).name if len(fields) > 5 else "compiled"))
    note.write_text(
        json.dumps({"places": places, "bytes": size, "rows": len(some), "s": min(times)})
    )
    for one in inputs:
        os.kill(os.getpid(), 10)
        shingles.fingerprint(one, subkey, lexicon, one_in=8)
        os.kill(os.getpid(), 10)


def sizes(path: Path) -> list[tuple[str, int]]:
    """Return name and length of each function of an object."""
    listed = subprocess.run(["nm", "-S", "--defined-only", str(path)], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [(row[3], int(row[1], 16)) for row in rows if len(row) == 4 and row[2] in "TW" and row[3].startswith("_ZN9stillhunt")]


def plain(name: str) -> str:
    """Return the Python name of a compiled function."""
    found = re.search(r"\d+([a-z_]+)B\dv", name)
    return found.group(1) if found else name


def stretches(path: Path) -> list[Counter[int]]:
    """Return how often each address was executed, stretch by stretch."""
    out = []
    for line in path.read_text().splitlines():
        numbers = [int(word) for word in line.split()]
        out.append(Counter(dict(zip(numbers[::2], numbers[1::2], strict=True))))
    return out


def by_function(counted: Counter[int], functions: list[tuple[int, int, str]]) -> Counter[str]:
    """Return instructions by function; what lies in none is the call from Python."""
    out: Counter[str] = Counter()
    for address, times in counted.items():
        name = next((one for begin, end, one in functions if begin <= address < end), "around")
        out[name] += times
    return out


def main() -> None:
    """Count and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--bytes", type=int, default=60_000)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.bytes, asked.real, asked.child)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        note, counts = folder / "note.json", folder / "counts"
        subprocess.run(["cc", "-O2", "-o", str(folder / "count_steps"), str(TRACER)], check=True)
        command = [str(folder / "count_steps"), str(counts), sys.executable, __file__, "--bytes", str(asked.bytes)]
        real = ["--real", str(asked.real)] if asked.real else []
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "numba"), "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run([*command, *real, "--child", str(note)], check=True, env=environment)
        said = json.loads(note.read_text())
        least, most = (by_function(one, said["places"]) for one in stretches(counts))
    most.subtract(least)
    text = page(said, most, asked)
    (asked.results / "instructions.md").write_text(text, encoding="utf-8")
    print(text)


def page(said: dict[str, Any], most: Counter[str], asked: argparse.Namespace) -> str:
    """Return the table as Markdown."""
    size = said["bytes"]
    clock = max((float(m) for m in re.findall(r"cpu MHz\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text())), default=float("nan"))
    model = next(iter(re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())), platform.processor())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    inside = {name: n for name, n in most.most_common() if name in STEPS}
    every, around = sum(inside.values()), sum(most.values()) - sum(inside.values())
    rows = "\n".join(f"| `{name}` | {STEPS[name]} | {n / size:.2f} | {n / every:.0%} |" for name, n in inside.items())
    kind = "real prompts" if asked.real else "synthetic prompts"
    each = said["s"] / size * 1e9
    command = f"python bench/instructions.py --bytes {asked.bytes}{' --real FILE' if asked.real else ''}"
    cycles = 0.667 * clock / 1000
    return f"""# Instructions of the text kernel

`{command}`, commit {commit}; {model}, {clock:,.0f} MHz by its own word, shared (load
average {os.getloadavg()[0]:.0f}). {said["rows"]:,} {kind}, {size:,} bytes: **{every / size:.1f} instructions a byte**,
counted one by one. {COPIES} copies of the same texts take {each:.2f} ns a byte (least of fifteen), which is
{every / size / each:.1f} instructions a nanosecond, {every / size / each / clock * 1000:.1f} a cycle of that clock.

| function | what it does | instructions a byte | share |
|---|---|---|---|
{rows}

Not in it: {around:,} steps around the kernel, once for each call, nearly all of them the C library that sets
the kernel's own arrays to zero (`rep stos`, each of whose rounds is a step).

At 1,500 MB/s a core there is time for 0.67 ns a byte, {cycles:.1f} cycles of that clock. With six instructions a cycle, the most
that such a processor retires, these are at most {6 * cycles:.0f} instructions: the aim asks for fewer instructions,
{6 * cycles / every * size:.0%} of these, and not only for a better order of them.
"""


if __name__ == "__main__":
    main()
