"""
Reading speed of every file format beside a bare parse of the same bytes, in one run.

    python bench/reading.py [--exchanges 40000] [--only otel openai] [--folder DIR]

The first exchanges of a demo world are written in each format, after the schema that its reader names. Then, on one core
each, the CPU time of the reader (lines in, exchanges in the contract's columns out) and of a bare parse: orjson over the
lines for JSON, a DuckDB pass that reads and hashes every column for CSV and Parquet. The least of three runs counts.
Writes `bench/results/reading.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from forms import files

from stillhunt import collect, worlds
from stillhunt.plugs import Split

RESULTS = Path(__file__).parent / "results"
RUNS = 3
INSIDE: dict[str, tuple[tuple[str, ...], ...]] = {
    "databricks": (("request",), ("response",)),
    "langfuse": (("input",), ("output",)),
    "kong": (("ai", "payload", "request"), ("ai", "ai-proxy", "payload", "response")),
    "otel": (("resourceSpans", "*", "scopeSpans", "*", "spans", "*", "attributes", "*", "value", "stringValue"),),
    "litellm-spend": (("metadata",), ("proxy_server_request",), ("response",)),
}
"""Where a format keeps JSON in strings: a bare parse of it opens these too."""


def inner(value: Any, steps: tuple[str, ...], found: list[str]) -> None:
    """Gather the JSON that stands in strings at a place of a record; the step `*` goes through a list."""
    for number, step in enumerate(steps):
        if step == "*":
            for one in value if isinstance(value, list) else ():
                inner(one, steps[number + 1 :], found)
            return
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, str) and value[:1] in ("{", "["):
        found.append(value)


def bare(path: Path, places: tuple[tuple[str, ...], ...]) -> Callable[[], object]:
    """Return a bare parse of a file, with the JSON that stands in strings at some places."""
    if path.suffix in (".parquet", ".csv"):
        source = f"'{path}'" if path.suffix == ".parquet" else f"read_csv('{path}', all_varchar = true)"
        columns = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        query = f"SELECT {', '.join(f'bit_xor(hash({json.dumps(c)}))' for c in columns)} FROM {source}"
        texts = ", ".join(json.dumps(place[0]) for place in places)

        def parse() -> None:
            duckdb.sql(query).fetchall()
            for column in duckdb.sql(f"SELECT {texts} FROM {source}").to_arrow_table() if places else ():
                for value in column.to_pylist():
                    orjson.loads(value or "null")

        return parse

    strings: list[str] = []  # taken out beforehand: the way to them is no parse, and would flatter the ratio
    for line in path.read_bytes().split(b"\n") if places else ():
        record = orjson.loads(line or b"null")
        for steps in places:
            inner(record, steps, strings)

    def parse_lines() -> None:
        for line in path.read_bytes().split(b"\n"):
            if line:
                orjson.loads(line)
        for text in strings:
            orjson.loads(text)

    return parse_lines


def in_duckdb(path: Path) -> Callable[[], object] | None:
    """Return DuckDB's parse of lines of JSON into typed, nested columns, each hashed; none of files that are no JSON."""
    if path.suffix in (".parquet", ".csv"):
        return None
    options = "format = 'newline_delimited', maximum_object_size = 100000000"
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM read_json('{path}', {options})").fetchall()
    kinds = ", ".join(f"'{row[0]}': '{row[1]}'" for row in columns)
    hashes = ", ".join(f"bit_xor(hash({json.dumps(row[0])}))" for row in columns)
    query = f"SELECT {hashes} FROM read_json('{path}', {options}, columns = {{{kinds}}})"
    return lambda: duckdb.sql(query).fetchall()


def exchanges_in(split: Split) -> int:
    """Read a split; return how many exchanges are in it."""
    return sum(batch.exchanges.num_rows for batch in collect.read(split))


def least(work: Callable[[], object]) -> float:
    """Return the least CPU seconds of some runs."""
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    """Measure every format and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--exchanges", type=int, default=40_000)
    parser.add_argument("--only", nargs="*", help="names of formats")
    parser.add_argument("--folder", type=Path, help="where to write the logs, instead of a folder that is removed")
    arguments = parser.parse_args()
    duckdb.sql("SET threads = 1")
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    whole = worlds.make("demo", 0)
    world = dataclasses.replace(whole, exchanges=whole.exchanges.slice(0, arguments.exchanges))
    report = [
        "# Reading",
        "",
        f"`python bench/reading.py --exchanges {arguments.exchanges}`; CPU seconds on one core, least of {RUNS}; the bare parse is"
        " orjson over the lines of JSON, or DuckDB reading and hashing every column of CSV and Parquet; JSON that a format keeps in"
        f" strings is parsed by orjson as well. When this began, {os.getloadavg()[1]:.0f} processes were running on"
        f" {os.cpu_count()} cores (average of five minutes).",
        "",
        "| format | MB | exchanges | bare parse | DuckDB's | read | ratio | read, MB/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        for name, (path, kind) in files(world, arguments.folder or Path(temporary)).items():
            if arguments.only and name.split(",")[0] not in arguments.only:
                continue

            read = functools.partial(exchanges_in, Split(path=str(path), format=kind))
            count = read()
            parse, took = least(bare(path, INSIDE.get(name.split(",")[0], ()))), least(read)
            database = in_duckdb(path)
            other = f"{least(database):.2f}" if database else ""
            size = path.stat().st_size / 1e6
            report.append(
                f"| {name} | {size:.1f} | {count:,} | {parse:.2f} | {other} | {took:.2f} | {took / parse:.1f} | {size / took:.0f} |"
            )
            print(report[-1], flush=True)
    report += [
        "",
        "The bare parse is orjson's for all JSON: it is the parser that a reader in Python would take, and by far the harder of"
        " the two baselines where JSON stands in strings, which DuckDB leaves closed. It lets each record go before it parses the"
        " next; keeping them all, as a list, costs it three to four times as much and would flatter the ratios. JSON in strings is"
        " parsed too, the strings having been taken out beforehand: the way to them is not counted. DuckDB's is a pass over the"
        " same lines into typed, nested columns, each hashed.",
        "",
        "Records of `openai`, `anthropic`, `bedrock`, `litellm`, `kong`, `envoy`, tables in JSON and bodies in columns are read by"
        " msgspec into typed rows, many lines at once; they become columns some hundred at a time. Spans of `otel` that have their"
        " messages themselves are typed as well, line by line. Rows of other types go record by"
        " record. CPU time depends on what else the machine does: while others use its caches, the readers, which hold"
        " some hundred rows at a time, lose more than the bare parse, which holds one.",
    ]
    if not arguments.only:
        (RESULTS / "reading.md").write_text("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
