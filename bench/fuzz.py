"""
Read a hundred thousand damaged logs: no traceback, no line lost, bounded memory.

    python bench/fuzz.py [--count 100000] [--first 0] [--state FILE] [--minutes 600]
    python bench/fuzz.py --first 4711 --count 1      # one input again, with its traceback

Inputs are made from the samples of the tests, each from its number (`tests/collect/fuzzing.py`), and read with the format
recognised and with one that is forced. Beside them a few huge ones: 50 MB prompts, a line without an end, a gzip bomb.
Reads in processes of a thousand inputs with at most 3 GiB of address space, so that a crash is seen and named.
With `--state`, what was read is kept by the thousand, and a later run goes on from there; after `--minutes` no more are begun.
Writes `bench/results/fuzz.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from collect import fuzzing

from stillhunt import collect

RESULTS = Path(__file__).parent / "results"
EACH = 1000
MOST_MEMORY = 3 * 2**30
FORMATS = sorted(set(collect.formats()) - {"postgresql", "clickhouse"})
Found = tuple[Counter[str], list[str], float, str, int]


def huge(folder: Path) -> list[tuple[Path, str]]:
    """Write the huge inputs; return their paths and what they are."""
    row = b'{"exchange_id":"e%d","account_id":"a","started_at":"2026-03-02T09:05:00Z","prompt":"%s"}\n'
    made = {
        "prompts.ndjson": (b"".join(row % (n, b"x" * 50_000_000) for n in range(3)), "three prompts of 50 MB"),
        "endless.ndjson": (row % (1, b"x") + b'{"prompt":"' + b"y" * 200_000_000, "a line of 200 MB without an end"),
        "endless.csv": (b"exchange_id,account_id,started_at\n" + b'"' + b"y" * 200_000_000, "a quoted field of 200 MB"),
        "bomb.ndjson.gz": (gzip.compress(b"\x00" * 1_500_000_000, 9), "1.5 GB of NUL bytes in 1.5 MB of gzip"),
        "lines.ndjson.gz": (gzip.compress(b"{}\n" * 20_000_000, 9), "twenty million empty objects in gzip"),
    }
    out = []
    for name, (data, told) in made.items():
        (folder / name).write_bytes(data)
        out.append((folder / name, told))
    return out


def some(first: int, count: int) -> Found:
    """Read `count` inputs from number `first` on; return outcomes, violations, and the slowest with its seconds."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    samples = fuzzing.corpus()
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    slowest, which = 0.0, ""
    with tempfile.TemporaryDirectory() as folder:
        inputs = huge(Path(folder)) if first < 0 else None
        for number in range(len(inputs) if inputs else count):
            path, told = inputs[number] if inputs else fuzzing.written(first + number, samples, Path(folder))
            for format in (None,) if inputs else (None, FORMATS[(first + number) % len(FORMATS)]):
                began = time.perf_counter()
                try:
                    how, lines, exchanges = fuzzing.outcome(path, format)
                    outcomes[how] += 1
                    outcomes["lines"] += lines
                    outcomes["exchanges"] += exchanges
                except Exception:
                    wrong.append(f"{first + number} ({told}, format {format}): {traceback.format_exc(limit=-2)}")
                took = time.perf_counter() - began
                if took > slowest:
                    slowest, which = took, told
            path.unlink()
    return outcomes, wrong, slowest, which, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def kept(path: Path | None) -> dict[int, Found]:
    """Return what earlier runs found, by the number of the first input."""
    found: dict[int, Found] = {}
    for line in path.read_text().splitlines() if path is not None and path.exists() else ():
        first, outcomes, *rest = json.loads(line)
        found[first] = (Counter(outcomes), *rest)
    return found


def main() -> None:
    """Read all inputs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--state", type=Path, help="file of lines: what was read so far")
    parser.add_argument("--minutes", type=float, default=600.0)
    arguments = parser.parse_args()
    if arguments.count == 1:
        print(*some(arguments.first, 1), sep="\n")
        return
    tasks = [(-1, 0)] + [(first, EACH) for first in range(arguments.first, arguments.first + arguments.count, EACH)]
    done = kept(arguments.state)
    wrong: list[str] = []
    began = time.perf_counter()
    waiting = [task for task in tasks if task[0] not in done]
    with multiprocessing.get_context("spawn").Pool(arguments.processes, maxtasksperchild=1) as pool:
        for at in range(0, len(waiting), arguments.processes):
            if time.perf_counter() - began > arguments.minutes * 60:
                break
            running = [(task, pool.apply_async(some, task)) for task in waiting[at : at + arguments.processes]]
            for task, result in running:
                try:
                    done[task[0]] = result.get(timeout=1200)
                except Exception as error:
                    wrong.append(f"inputs from {task[0]}: the process ended with {type(error).__name__}")
                    continue
                if arguments.state is not None:
                    with arguments.state.open("a") as state:
                        state.write(json.dumps([task[0], *done[task[0]]]) + "\n")
                print(f"{task[0]:,} and on: {len(done[task[0]][1])} violations", file=sys.stderr, flush=True)
    told = [done[task[0]] for task in tasks if task[0] in done]
    outcomes = sum((found[0] for found in told), Counter[str]())
    wrong += [one for found in told for one in found[1]]
    slowest, which = max(((found[2], found[3]) for found in told), default=(0.0, ""))
    memory = max((found[4] for found in told), default=0)
    inputs = EACH * sum(task[0] >= 0 and task[0] in done for task in tasks)
    lines = [
        "# Damaged logs",
        "",
        f"`python bench/fuzz.py --first {arguments.first} --count {arguments.count} --processes {arguments.processes}`;"
        f" {time.perf_counter() - began:,.0f} s; every input is read with its format recognised"
        " and with one forced; a process may have 3 GiB of address space.",
        "",
        "| what | number |",
        "|---|---|",
        f"| inputs | {inputs:,} and {len(('prompts', 'line', 'field', 'bomb', 'lines')) if -1 in done else 0} huge ones |",
        *(f"| {name} | {number:,} |" for name, number in sorted(outcomes.items())),
        f"| violations | {len(wrong)} |",
        f"| slowest, s | {slowest:.1f} ({which}) |",
        f"| peak memory of a process, MiB | {memory:,} |",
        "",
        *wrong[:50],
    ]
    (RESULTS / "fuzz.md").write_text("\n".join(lines).rstrip() + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
