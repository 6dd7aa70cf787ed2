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
import csv
import dataclasses
import functools
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt import collect, worlds
from stillhunt.plugs import Split
from stillhunt.worlds.litellm import messages, payload

RESULTS = Path(__file__).parent / "results"
RUNS = 3
SPANS_PER_LINE = 50
MAPPING = """
[columns]
exchange_id = "id"
account_id = "customer"
started_at = { from = "at_ms", unit = "ms" }
model = "engine"
prompt = "question"
completion = "answer"
system = "preamble"
client_ip = { from = "forwarded", split = ",", item = 0 }
user_agent = "agent"
status = { from = "code", values = { 200 = "ok", 500 = "error", 429 = "rate_limited", 403 = "blocked" } }
"""
INSIDE: dict[str, tuple[tuple[str, ...], ...]] = {
    "langfuse": (("input",), ("output",)),
    "kong": (("ai", "payload", "request"), ("ai", "ai-proxy", "payload", "response")),
    "litellm-spend": (("metadata",), ("messages",), ("response",)),
}
"""Where a format keeps JSON in strings: a bare parse of it opens these too."""

CODES = {"ok": 200, "error": 500, "rate_limited": 429, "blocked": 403}
Row = dict[str, Any]


def ms(row: Row) -> int:
    """Return when a call started, in milliseconds."""
    return int(row["started_at"].timestamp() * 1000)


def iso(at: Any) -> str:
    """Return a moment as ISO 8601."""
    return str(at.isoformat())


def captured(row: Row, request: Row, response: Row) -> Row:
    """Return what a capturing proxy writes of one call."""
    around = {"call_id": row["exchange_id"], "account_id": row["account_id"], "started_at": iso(row["started_at"])}
    around |= {"ended_at": iso(row["ended_at"])}
    return {**around, "client_ip": row["client_ip"], "user_agent": row["user_agent"], "request": request, "response": response}


def openai(row: Row) -> Row:
    """Return a captured OpenAI call."""
    request = {"model": row["model"], "messages": messages(row), "temperature": row["temperature"]}
    return captured(row, request, payload(row)["response"] or {"error": {"type": "server_error"}})


def anthropic_bodies(row: Row) -> tuple[Row, Row]:
    """Return the bodies of a call to Anthropic messages."""
    turns = [turn for turn in messages(row) if turn["role"] != "system"]
    request = {"model": row["model"], "max_tokens": 1024, "system": row["system"] or "", "messages": turns}
    usage = {"input_tokens": row["tokens_in"], "output_tokens": row["tokens_out"]}
    content = [{"type": "text", "text": row["completion"] or ""}]
    response = {"id": row["exchange_id"], "type": "message", "role": "assistant", "model": row["model"]}
    return request, {**response, "content": content, "stop_reason": "end_turn", "usage": usage}


def anthropic(row: Row) -> Row:
    """Return a captured Anthropic call."""
    return captured(row, *anthropic_bodies(row))


def bedrock(row: Row) -> Row:
    """Return a record of Bedrock's invocation log."""
    request, response = anthropic_bodies(row)
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": iso(row["started_at"]),
        "accountId": "111122223333",
        "identity": {"arn": f"arn:aws:sts::111122223333:assumed-role/{row['account_id']}/x"},
        "region": "eu-north-1",
        "requestId": row["exchange_id"],
        "operation": "InvokeModel",
        "modelId": row["model"],
        "input": {"inputContentType": "application/json", "inputTokenCount": row["tokens_in"], "inputBodyJson": request},
        "output": {"outputContentType": "application/json", "outputTokenCount": row["tokens_out"], "outputBodyJson": response},
    }


def langfuse(row: Row) -> Row:
    """Return a row of Langfuse's export of observations."""
    return {
        "id": row["exchange_id"],
        "trace_id": row["exchange_id"],
        "type": "GENERATION",
        "start_time": iso(row["started_at"]),
        "end_time": iso(row["ended_at"]),
        "metadata": {"user_agent": row["user_agent"], "requester_ip_address": row["client_ip"]},
        "level": "DEFAULT",
        "input": orjson.dumps({"messages": messages(row)}).decode(),
        "output": orjson.dumps({"role": "assistant", "content": row["completion"]}).decode(),
        "provided_model_name": row["model"],
        "model_parameters": "{}",
        "usage_details": {"input": row["tokens_in"], "output": row["tokens_out"]},
        "user_id": row["account_id"],
    }


def envoy(row: Row) -> Row:
    """Return a line of Envoy AI Gateway's access log."""
    return {
        "start_time": iso(row["started_at"]),
        "duration": 1500,
        "downstream_remote_address": f"{row['client_ip']}:4000",
        "genai_model_name": row["model"],
        "genai_tokens_input": row["tokens_in"],
        "genai_tokens_output": row["tokens_out"],
        "response_code": CODES[row["status"]],
        "user-agent": row["user_agent"],
        "x-request-id": row["exchange_id"],
        "x-user-id": row["account_id"],
        "x-ja4": row["tls_ja4"],
    }


def kong(row: Row) -> Row:
    """Return a line of Kong's log with AI Proxy's payloads."""
    request = orjson.dumps({"model": row["model"], "messages": messages(row)}).decode()
    response = orjson.dumps(payload(row)["response"]).decode()
    return {
        "request": {"id": row["exchange_id"], "method": "POST", "headers": {"user-agent": row["user_agent"]}},
        "response": {"status": CODES[row["status"]], "headers": {}},
        "latencies": {"request": 1500, "kong": 4, "proxy": 1496},
        "started_at": ms(row),
        "client_ip": row["client_ip"],
        "consumer": {"id": row["account_id"], "custom_id": row["account_id"]},
        "ai": {"payload": {"request": request}, "ai-proxy": {"payload": {"response": response}}},
    }


def spend(row: Row) -> Row:
    """Return a row of `LiteLLM_SpendLogs`, its objects as JSON in strings."""
    return {
        "request_id": row["exchange_id"],
        "call_type": "acompletion",
        "api_key": row["api_key_id"],
        "total_tokens": (row["tokens_in"] or 0) + (row["tokens_out"] or 0),
        "prompt_tokens": row["tokens_in"],
        "completion_tokens": row["tokens_out"],
        "startTime": iso(row["started_at"]),
        "endTime": iso(row["ended_at"]),
        "model": row["model"],
        "user": row["account_id"],
        "metadata": orjson.dumps({"user_agent": row["user_agent"], "status": "success"}).decode(),
        "requester_ip_address": row["client_ip"],
        "messages": orjson.dumps(messages(row)).decode(),
        "response": orjson.dumps(payload(row)["response"]).decode(),
    }


def renamed(row: Row) -> Row:
    """Return an exchange under names of a house of its own, for a mapping."""
    return {
        "id": row["exchange_id"],
        "customer": row["account_id"],
        "at_ms": ms(row),
        "engine": row["model"],
        "question": row["prompt"],
        "answer": row["completion"],
        "preamble": row["system"],
        "forwarded": f"{row['client_ip']}, 10.0.0.1",
        "agent": row["user_agent"],
        "code": CODES[row["status"]],
    }


def otel(rows: list[Row]) -> Iterator[Row]:
    """Yield OTLP in JSON, fifty spans to a line, messages as attributes."""

    def span(number: int, row: Row) -> Row:
        turns = [{"role": t["role"], "parts": [{"type": "text", "content": t["content"]}]} for t in messages(row)]
        system = [{"type": "text", "content": row["system"]}] if row["system"] else []
        answer = [{"role": "assistant", "parts": [{"type": "text", "content": row["completion"] or ""}], "finish_reason": "stop"}]
        said: Row = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": row["model"],
            "user.id": row["account_id"],
            "client.address": row["client_ip"],
            "user_agent.original": row["user_agent"],
            "gen_ai.system_instructions": orjson.dumps(system).decode(),
            "gen_ai.input.messages": orjson.dumps([t for t in turns if t["role"] != "system"]).decode(),
            "gen_ai.output.messages": orjson.dumps(answer).decode(),
        }
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in said.items() if value is not None]
        for key, column in (("gen_ai.usage.input_tokens", "tokens_in"), ("gen_ai.usage.output_tokens", "tokens_out")):
            attributes.append({"key": key, "value": {"intValue": str(row[column] or 0)}})
        ids = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat", "kind": 3}
        start = ms(row) * 1_000_000
        return {**ids, "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9), "attributes": attributes}

    for first in range(0, len(rows), SPANS_PER_LINE):
        spans = [span(first + k + 1, row) for k, row in enumerate(rows[first : first + SPANS_PER_LINE])]
        yield {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]}


def lines(path: Path, records: Iterable[Row]) -> None:
    """Write records as JSON, one a line."""
    with path.open("wb") as file:
        for record in records:
            file.write(orjson.dumps(record) + b"\n")


def table(path: Path, records: list[Row]) -> None:
    """Write flat records as CSV or Parquet, by the name."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path, compression="zstd")
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)


def files(world: worlds.World, folder: Path) -> dict[str, tuple[Path, str]]:
    """Write the exchanges in every format; return path and format by the name of a row of the table."""
    rows = world.exchanges.to_pylist()
    pq.write_table(world.exchanges, folder / "contract.parquet", compression="zstd")
    worlds.write_ndjson(world, folder / "contract.ndjson")
    worlds.write_csv(world, folder / "contract.csv")
    worlds.write_litellm(world, folder / "litellm.jsonl")
    mapping = folder / "mapping.toml"
    mapping.write_text(MAPPING)
    out = {
        "contract, Parquet": (folder / "contract.parquet", "parquet"),
        "contract, NDJSON": (folder / "contract.ndjson", "ndjson"),
        "contract, CSV": (folder / "contract.csv", "csv"),
        "litellm": (folder / "litellm.jsonl", "litellm"),
    }
    by_row = (openai, anthropic, bedrock, langfuse, envoy, kong)
    for make in by_row:
        lines(folder / f"{make.__name__}.jsonl", map(make, rows))
        out[make.__name__] = (folder / f"{make.__name__}.jsonl", make.__name__)
    lines(folder / "otel.jsonl", otel(rows))
    out["otel"] = (folder / "otel.jsonl", "otel")
    for name, make, kind in (("litellm-spend", spend, "litellm-spend"), ("mapped", renamed, f"map:{mapping}")):
        records = list(map(make, rows))
        lines(folder / f"{name}.ndjson", records)
        table(folder / f"{name}.csv", records)
        table(folder / f"{name}.parquet", records)
        for label, suffix in (("NDJSON", "ndjson"), ("CSV", "csv"), ("Parquet", "parquet")):
            out[f"{name}, {label}"] = (folder / f"{name}.{suffix}", kind)
    return out


def inner(record: Row, places: tuple[tuple[str, ...], ...]) -> None:
    """Parse the JSON that stands in strings at some places of a record."""
    for place in places:
        value: Any = record
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            orjson.loads(value)


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

    def parse_lines() -> None:
        for line in path.read_bytes().split(b"\n"):
            if line:
                inner(orjson.loads(line), places)

    return parse_lines


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
        " strings is parsed by orjson as well.",
        "",
        "| format | MB | exchanges | bare parse | read | ratio | read, MB/s |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        for name, (path, kind) in files(world, arguments.folder or Path(temporary)).items():
            if arguments.only and name.split(",")[0] not in arguments.only:
                continue

            read = functools.partial(exchanges_in, Split(path=str(path), format=kind))
            count = read()
            parse, took = least(bare(path, INSIDE.get(name.split(",")[0], ()))), least(read)
            size = path.stat().st_size / 1e6
            report.append(
                f"| {name} | {size:.1f} | {count:,} | {parse:.2f} | {took:.2f} | {took / parse:.1f} | {size / took:.0f} |"
            )
            print(report[-1], flush=True)
    report += [
        "",
        "The bare parse lets each record go before it parses the next; keeping them all, as a list, costs it three to four times"
        " as much and would flatter the ratios. Formats with bodies are read record by record in Python; the columnar formats"
        " and the contract's own NDJSON are not.",
    ]
    if not arguments.only:
        (RESULTS / "reading.md").write_text("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
