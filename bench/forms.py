"""
The same world written in every log format, and hunted in each: the same campaigns, or a stated loss.

    python bench/forms.py [--world demo] [--seed 0] [--only otel openai]

Every writer puts each column of the contract where the format has a place for it, after the schema that its reader
names; what it has no place for is the format's loss. Per format: campaigns and accounts of the hunt beside those of the
contract's Parquet, columns that did not arrive, and columns that arrived for some rows only.
Writes `bench/results/forms.md`.
"""

from __future__ import annotations

import argparse
import csv
import functools
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

import stillhunt
from stillhunt import collect, worlds
from stillhunt.plugs import Split
from stillhunt.worlds.litellm import messages, payload

RESULTS = Path(__file__).parent / "results"
KEY = b"a key of sixteen bytes or more"
SPANS_PER_LINE = 50
ARN = "arn:aws:iam::111122223333:user/"
MAPPING_HEAD = """
[columns]
exchange_id = "id"
account_id = "customer"
started_at = { from = "at_us", unit = "us" }
ended_at = { from = "done_us", unit = "us" }
client_ip = { from = "forwarded", split = ",", item = 0 }
user_agent = "agent"
status = { from = "code", values = { 200 = "ok", 500 = "error", 429 = "rate_limited", 403 = "blocked" } }
"""
MAPPED = {
    "model": "engine", "prompt": "question", "completion": "answer", "system": "preamble", "history": "earlier",
    "org_id": "organisation", "api_key_id": "credential", "session_id": "thread", "end_user_id": "person",
    "reasoning_issued": "sealed_out", "reasoning_presented": "sealed_in", "tools_hash": "toolset",
    "temperature": "heat", "top_p": "nucleus", "n": "choices", "seed": "dice", "max_tokens": "most",
    "reasoning_budget": "thought", "tokens_in": "read_units", "tokens_out": "written_units",
    "tokens_reasoning": "thought_units", "tokens_cached": "kept_units", "finish_reason": "ended_by",
    "refusal_category": "declined", "asn": "network", "country": "land", "tls_ja4": "handshake",
    "header_order": "headers", "device_id": "machine",
}  # fmt: skip
MAPPING = MAPPING_HEAD + "".join(f'{column} = "{name}"\n' for column, name in MAPPED.items())

CODES = {"ok": 200, "error": 500, "rate_limited": 429, "blocked": 403}
ERRORS = {"error": "server_error", "rate_limited": "rate_limit_error", "blocked": "permission_error"}
HEADERS = {
    "x-ja4": "tls_ja4",
    "x-header-order": "header_order",
    "x-device-id": "device_id",
    "x-asn": "asn",
    "x-country": "country",
}
WHO = {"x-org-id": "org_id", "x-api-key-id": "api_key_id", "x-session-id": "session_id", "x-end-user-id": "end_user_id"}
KNOBS = ("temperature", "top_p", "n", "seed", "max_tokens")
AROUND = (
    "account_id", "org_id", "api_key_id", "session_id", "end_user_id", "client_ip", "user_agent", "asn", "country",
    "tls_ja4", "header_order", "device_id",
)  # fmt: skip
Row = dict[str, Any]


def ms(row: Row) -> int:
    """Return when a call started, in milliseconds."""
    return int(row["started_at"].timestamp() * 1000)


def lasted(row: Row) -> float | None:
    """Return how long a call took, in milliseconds."""
    return None if row["ended_at"] is None else (row["ended_at"] - row["started_at"]).total_seconds() * 1000


def iso(at: Any) -> str | None:
    """Return a moment as ISO 8601."""
    return None if at is None else str(at.isoformat())


def some(record: Row) -> Row:
    """Return what of a record is there."""
    return {name: value for name, value in record.items() if value is not None}


def tools(row: Row) -> list[Row] | None:
    """Return a list of tools that is the same where the hash of the tools is."""
    return row["tools_hash"] and [{"type": "function", "function": {"name": row["tools_hash"]}}]


def knobs(row: Row) -> Row:
    """Return the parameters of a request as OpenAI's API names them."""
    return some({name: row[name] for name in KNOBS})


def headers(row: Row, names: dict[str, str]) -> Row:
    """Return headers that an operator adds at the edge."""
    return {name: str(row[column]) for name, column in names.items() if row[column] is not None}


def captured(row: Row, request: Row, response: Row) -> Row:
    """Return what a capturing proxy writes of one call."""
    around = {"call_id": row["exchange_id"], "started_at": iso(row["started_at"]), "ended_at": iso(row["ended_at"])}
    around |= {name: row[name] for name in AROUND} | {"status_code": CODES[row["status"]]}
    return {**some(around), "request": request, "response": response}


def openai_bodies(row: Row) -> tuple[Row, Row]:
    """Return the bodies of a chat completion."""
    request = {"model": row["model"], "messages": messages(row), **knobs(row), "tools": tools(row)}
    if row["reasoning_budget"] is not None:
        request["thinking"] = {"type": "enabled", "budget_tokens": row["reasoning_budget"]}
    response = payload(row)["response"] or {"error": {"type": ERRORS[row["status"]]}}
    for choice in response.get("choices", ()) if row["refusal_category"] else ():
        choice["message"]["stop_details"] = {"category": row["refusal_category"]}
    return some(request), response


def openai(row: Row) -> Row:
    """Return a captured OpenAI call."""
    return captured(row, *openai_bodies(row))


def anthropic_bodies(row: Row) -> tuple[Row, Row]:
    """Return the bodies of a call to Anthropic messages."""
    turns = [turn for turn in messages(row) if turn["role"] != "system"]
    for turn in turns:
        if blocks := turn.pop("thinking_blocks", None):
            turn["content"] = [*blocks, {"type": "text", "text": turn["content"]}]
    request = {"model": row["model"], "system": row["system"], "messages": turns, **knobs(row), "tools": tools(row)}
    if row["reasoning_budget"] is not None:
        request["thinking"] = {"type": "enabled", "budget_tokens": row["reasoning_budget"]}
    if row["status"] != "ok":
        return some(request), {"type": "error", "error": {"type": ERRORS[row["status"]]}}
    cached = row["tokens_cached"] or 0
    usage: Row = {"input_tokens": (row["tokens_in"] or 0) - cached, "output_tokens": row["tokens_out"]}
    usage |= {"cache_read_input_tokens": row["tokens_cached"]}
    usage |= {"output_tokens_details": {"thinking_tokens": row["tokens_reasoning"]}}
    content: list[Row] = [{"type": "thinking", "thinking": "", "signature": s} for s in row["reasoning_issued"] or ()]
    content.append({"type": "text", "text": row["completion"] or ""})
    response = {
        "id": row["exchange_id"],
        "type": "message",
        "role": "assistant",
        "model": row["model"],
        "content": content,
    }
    if row["refusal_category"]:
        response["stop_details"] = {"type": "refusal", "category": row["refusal_category"]}
    return some(request), {**response, "stop_reason": row["finish_reason"], "usage": usage}


def anthropic(row: Row) -> Row:
    """Return a captured Anthropic call."""
    return captured(row, *anthropic_bodies(row))


def conversed(turn: Row) -> Row:
    """Return a turn as Converse has it."""
    sealed = [{"reasoningContent": {"reasoningText": {"text": "", "signature": block["signature"]}}}
              for block in turn.get("thinking_blocks", ())]  # fmt: skip
    return {"role": turn["role"], "content": [*sealed, {"text": turn["content"]}]}


def bedrock(row: Row) -> Row:
    """Return a record of a call of Converse in Bedrock's invocation log; the caller is the one who signed."""
    turns = messages(row)
    system = [{"text": turn["content"]} for turn in turns if turn["role"] == "system"]
    knobs = {"temperature": row["temperature"], "topP": row["top_p"], "maxTokens": row["max_tokens"]}
    request: Row = {"messages": [conversed(turn) for turn in turns if turn["role"] != "system"], "system": system}
    request["inferenceConfig"] = some(knobs)
    if row["reasoning_budget"] is not None:
        thinking = {"type": "enabled", "budget_tokens": row["reasoning_budget"]}
        request["additionalModelRequestFields"] = {"thinking": thinking}
    if row["tools_hash"]:
        request["toolConfig"] = {"tools": [{"toolSpec": {"name": row["tools_hash"]}}]}
    served = row["status"] == "ok"
    cached, tokens = row["tokens_cached"], row["tokens_in"]
    given = {"inputTokenCount": None if tokens is None else tokens - (cached or 0), "cacheReadInputTokenCount": cached}
    answer = {"role": "assistant", "thinking_blocks": [{"signature": s} for s in row["reasoning_issued"] or ()]}
    said = {
        "output": {"message": conversed({**answer, "content": row["completion"] or ""})},
        "stopReason": "guardrail_intervened" if row["refusal_category"] else row["finish_reason"],
    }
    failed = {"error": "InternalServerException", "rate_limited": "ThrottlingException", "blocked": "AccessDeniedException"}
    return some({
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": iso(row["started_at"]),
        "accountId": "111122223333",
        "identity": {"arn": ARN + row["account_id"]},
        "region": "eu-north-1",
        "requestId": row["exchange_id"],
        "operation": "Converse",
        "modelId": row["model"],
        "requestMetadata": some({name: row[name] for name in ("session_id", "end_user_id", "org_id", "api_key_id")}),
        "errorCode": failed.get(row["status"]),
        "input": some({"inputContentType": "application/json", "inputBodyJson": request, **given}),
        "output": some({
            "outputContentType": "application/json", "outputTokenCount": row["tokens_out"], "outputBodyJson": said,
        }) if served else None,
    })  # fmt: skip


def langfuse(row: Row) -> Row:
    """Return a row of Langfuse's export of observations, with the metadata that LiteLLM's callback gives it."""
    request, response = openai_bodies(row)
    served = row["status"] == "ok"
    words = {"error": "500 server error", "rate_limited": "429 rate limit", "blocked": "403 permission denied"}
    metadata = {
        "user_agent": row["user_agent"], "requester_ip_address": row["client_ip"], "user_api_key_hash": row["api_key_id"],
        "user_api_key_org_id": row["org_id"], "user_api_key_end_user_id": row["end_user_id"],
        "requester_custom_headers": headers(row, HEADERS),
    }  # fmt: skip
    cached, thought = row["tokens_cached"] or 0, row["tokens_reasoning"] or 0
    usage = {"input": (row["tokens_in"] or 0) - cached, "input_cached_tokens": row["tokens_cached"],
             "output": (row["tokens_out"] or 0) - thought, "output_reasoning_tokens": row["tokens_reasoning"]}  # fmt: skip
    return {
        "id": row["exchange_id"],
        "trace_id": row["exchange_id"],
        "session_id": row["session_id"],
        "type": "GENERATION",
        "start_time": iso(row["started_at"]),
        "end_time": iso(row["ended_at"]),
        "metadata": some(metadata),
        "level": "DEFAULT" if served else "ERROR",
        "status_message": words.get(row["status"]),
        "input": orjson.dumps({"messages": request["messages"]}).decode(),
        "output": orjson.dumps(response["choices"][0]["message"]).decode() if served else None,
        "provided_model_name": row["model"],
        "model_parameters": orjson.dumps(knobs(row)).decode(),
        "tool_definitions": orjson.dumps(tools(row)).decode() if row["tools_hash"] else None,
        "usage_details": some(usage),
        "user_id": row["account_id"],
    }


def databricks(row: Row) -> Row:
    """Return a row of a Databricks inference table."""
    request, response = openai_bodies(row)
    return {
        "databricks_request_id": row["exchange_id"],
        "request_time": iso(row["started_at"]),
        "status_code": CODES[row["status"]],
        "sampling_fraction": 1.0,
        "execution_duration_ms": lasted(row) and round(lasted(row) or 0),
        "request": orjson.dumps(some({**request, "user": row["end_user_id"]})).decode(),
        "response": orjson.dumps(response).decode(),
        "served_entity_id": "served",
        "requester": row["account_id"],
    }


def envoy(row: Row) -> Row:
    """Return a line of Envoy AI Gateway's access log: no text, but what the operator's edge knows."""
    return some({
        "start_time": iso(row["started_at"]),
        "duration": lasted(row),
        "downstream_remote_address": row["client_ip"] and f"{row['client_ip']}:4000",
        "genai_model_name": row["model"],
        "genai_tokens_input": row["tokens_in"],
        "genai_tokens_output": row["tokens_out"],
        "genai_tokens_cached_input": row["tokens_cached"],
        "genai_tokens_reasoning": row["tokens_reasoning"],
        "response_code": CODES[row["status"]],
        "user-agent": row["user_agent"],
        "x-request-id": row["exchange_id"],
        "x-user-id": row["account_id"],
        **headers(row, HEADERS | WHO),
    })  # fmt: skip


def kong(row: Row) -> Row:
    """Return a line of Kong's log with AI Proxy's payloads."""
    request, response = openai_bodies(row)
    seen = headers(row, HEADERS | WHO) | some({"user-agent": row["user_agent"]})
    return {
        "request": {"id": row["exchange_id"], "method": "POST", "headers": seen},
        "response": {"status": CODES[row["status"]], "headers": {}},
        "latencies": some({"request": lasted(row), "kong": 4}),
        "started_at": ms(row),
        "client_ip": row["client_ip"],
        "consumer": {"id": row["account_id"], "custom_id": row["account_id"]},
        "ai": {
            "payload": {"request": orjson.dumps(request).decode()},
            "ai-proxy": {
                "payload": {"response": orjson.dumps(response).decode()},
                "meta": {"request_model": row["model"]},
            },
        },
    }


def spend(row: Row) -> Row:
    """Return a row of `LiteLLM_SpendLogs`, its objects as JSON in strings."""
    whole = payload(row)
    request, response = openai_bodies(row)
    known = whole["metadata"]
    metadata = {name: known[name] for name in ("user_agent", "usage_object", "requester_custom_headers")}
    metadata |= {"status": whole["status"], "error_information": whole["error_information"]}
    return {
        "request_id": row["exchange_id"],
        "call_type": "acompletion",
        "api_key": row["api_key_id"],
        "spend": whole["response_cost"],
        "total_tokens": whole["total_tokens"],
        "prompt_tokens": row["tokens_in"],
        "completion_tokens": row["tokens_out"],
        "startTime": iso(row["started_at"]),
        "endTime": iso(row["ended_at"]),
        "model": row["model"],
        "model_group": row["model"],
        "session_id": row["session_id"],
        "user": row["account_id"],
        "organization_id": row["org_id"],
        "end_user": row["end_user_id"],
        "metadata": orjson.dumps(some(metadata)).decode(),
        "requester_ip_address": row["client_ip"],
        "messages": "{}",
        "proxy_server_request": orjson.dumps(request).decode(),
        "response": orjson.dumps(response if row["status"] == "ok" else {}).decode(),
    }


def renamed(row: Row) -> Row:
    """Return an exchange under names of a house of its own, for a mapping."""
    at = {"at_us": int(row["started_at"].timestamp() * 1_000_000)}
    if row["ended_at"] is not None:
        at["done_us"] = round(row["ended_at"].timestamp() * 1_000_000)
    at["at_us"] = round(row["started_at"].timestamp() * 1_000_000)
    lists = ("reasoning_issued", "reasoning_presented")
    said = {name: row[column] for column, name in MAPPED.items() if column not in lists}
    said |= {MAPPED[name]: row[name] and orjson.dumps(row[name]).decode() for name in lists}
    own = {
        "id": row["exchange_id"],
        "customer": row["account_id"],
        "agent": row["user_agent"],
        "code": CODES[row["status"]],
    }
    return own | at | said | {"forwarded": row["client_ip"] and f"{row['client_ip']}, 10.0.0.1"}


ATTRIBUTES = {
    "gen_ai.request.model": "model", "user.id": "account_id", "organization.id": "org_id", "api_key.hash": "api_key_id",
    "gen_ai.conversation.id": "session_id", "enduser.id": "end_user_id", "client.address": "client_ip",
    "client.as.number": "asn", "client.geo.country.iso_code": "country", "tls.client.ja4": "tls_ja4",
    "user_agent.original": "user_agent", "http.request.header.x-header-order": "header_order", "device.id": "device_id",
    "gen_ai.request.temperature": "temperature", "gen_ai.request.top_p": "top_p", "gen_ai.request.choice.count": "n",
    "gen_ai.request.seed": "seed", "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.reasoning.budget_tokens": "reasoning_budget", "gen_ai.usage.input_tokens": "tokens_in",
    "gen_ai.usage.output_tokens": "tokens_out", "gen_ai.usage.reasoning.output_tokens": "tokens_reasoning",
    "gen_ai.usage.cache_read.input_tokens": "tokens_cached",
}  # fmt: skip


def attribute(key: str, value: object) -> Row:
    """Return an attribute as OTLP in JSON writes it."""
    if isinstance(value, list):
        return {"key": key, "value": {"arrayValue": {"values": [{"stringValue": one} for one in value]}}}
    kind = {int: "intValue", float: "doubleValue"}.get(type(value), "stringValue")
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def span(number: int, row: Row) -> Row:
    """Return one call as a span, its messages as attributes."""
    turns: list[Row] = []
    for turn in messages(row):
        sealed = [
            {"type": "reasoning", "content": "", "signature": b["signature"]} for b in turn.get("thinking_blocks", ())
        ]
        turns.append({"role": turn["role"], "parts": [*sealed, {"type": "text", "content": turn["content"]}]})
    sealed = [{"type": "reasoning", "content": "", "signature": s} for s in row["reasoning_issued"] or ()]
    served = row["status"] == "ok"
    said: Row = {name: row[column] for name, column in ATTRIBUTES.items()} | {"gen_ai.operation.name": "chat"}
    if row["system"]:
        said["gen_ai.system_instructions"] = orjson.dumps([{"type": "text", "content": row["system"]}]).decode()
    said["gen_ai.input.messages"] = orjson.dumps([t for t in turns if t["role"] != "system"]).decode()
    if served:
        parts = [*sealed, {"type": "text", "content": row["completion"] or ""}]
        answer = [{"role": "assistant", "parts": parts, "finish_reason": row["finish_reason"]}]
        said["gen_ai.output.messages"] = orjson.dumps(answer).decode()
        said["gen_ai.response.finish_reasons"] = row["finish_reason"] and [row["finish_reason"]]
    else:
        said["http.response.status_code"] = CODES[row["status"]]
    if row["tools_hash"]:
        said["gen_ai.tool.definitions"] = orjson.dumps(tools(row)).decode()
    start = round(row["started_at"].timestamp() * 1_000_000) * 1000
    end = start + round((lasted(row) or 0) * 1_000_000)
    return {
        "traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat", "kind": 3,
        "startTimeUnixNano": str(start), "endTimeUnixNano": str(end), "status": {"code": 1 if served else 2},
        "attributes": [attribute(key, value) for key, value in said.items() if value is not None],
    }  # fmt: skip


def otel(rows: list[Row]) -> Iterator[Row]:
    """Yield OTLP in JSON, fifty spans to a line."""
    for first in range(0, len(rows), SPANS_PER_LINE):
        spans = [span(first + k + 1, row) for k, row in enumerate(rows[first : first + SPANS_PER_LINE])]
        yield {
            "resourceSpans": [
                {"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}
            ]
        }


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


def files(world: worlds.World, folder: Path, only: Collection[str] | None = None) -> dict[str, tuple[Path, str]]:
    """Write the exchanges in every format, or in some; return path and format by the name of a row of the table."""
    mapping = folder / "mapping.toml"
    mapping.write_text(MAPPING)
    rows = functools.cache(world.exchanges.to_pylist)
    writers: dict[str, tuple[str, str, Callable[[Path], object]]] = {
        "contract, Parquet": ("contract.parquet", "parquet", lambda path: pq.write_table(world.exchanges, path)),
        "contract, NDJSON": ("contract.ndjson", "ndjson", lambda path: worlds.write_ndjson(world, path)),
        "contract, CSV": ("contract.csv", "csv", lambda path: worlds.write_csv(world, path)),
        "litellm": ("litellm.jsonl", "litellm", lambda path: worlds.write_litellm(world, path)),
    }
    for make in (openai, anthropic, bedrock, langfuse, databricks, envoy, kong):
        name = make.__name__
        writers[name] = (f"{name}.jsonl", name, lambda path, make=make: lines(path, map(make, rows())))  # type: ignore[misc]
    writers["otel"] = ("otel.jsonl", "otel", lambda path: lines(path, otel(rows())))
    for name, make, kind in (("litellm-spend", spend, "litellm-spend"), ("mapped", renamed, f"map:{mapping}")):
        for label, suffix, write in (("NDJSON", "ndjson", lines), ("CSV", "csv", table), ("Parquet", "parquet", table)):
            writers[f"{name}, {label}"] = (
                f"{name}.{suffix}", kind, lambda path, make=make, write=write: write(path, list(map(make, rows()))),  # type: ignore[misc]
            )  # fmt: skip
    out: dict[str, tuple[Path, str]] = {}
    for name, (file, kind, save) in writers.items():
        if only is None or name in only:
            save(folder / file)
            out[name] = (folder / file, kind)
    return out


def losses(original: pa.Table, path: Path, kind: str) -> tuple[list[str], dict[str, str]]:
    """
    Return the columns of a world that a file in some format does not give back, and those that it gives in part.

    A column counts as given where every row has a value again and equal values are those that were equal: a
    tool list or a reasoning block comes back under another name. Parts are shares of a column's values that come
    back, or how many different values are left of how many.
    """
    batches = [batch.exchanges for batch in collect.read(Split(path=str(path), format=kind))]
    found = pa.concat_tables([pa.Table.from_batches([batch]) for batch in batches], promote_options="default")
    if found.num_rows != original.num_rows:
        raise SystemExit(f"{path}: {found.num_rows} exchanges were read of {original.num_rows}")
    missing: list[str] = []
    partial: dict[str, str] = {}
    for name in original.column_names:
        given = original[name].to_pylist()
        got = found[name].to_pylist() if name in found.column_names else [None] * len(given)
        there = [(str(a), b) for a, b in zip(given, got, strict=True) if a is not None and a != []]
        back = {a: str(b) for a, b in there if b is not None}
        kept = sum(b is not None and back[a] == str(b) for a, b in there)
        if there and not kept:
            missing.append(name)
        elif kept < len(there):
            partial[name] = f"{kept / len(there):.1%}"
        elif (told := len(set(back.values()))) < len(back):
            partial[name] = f"{len(back):,} values as {told:,}"
    return missing, partial


def named(found: stillhunt.Hunt) -> frozenset[frozenset[str]]:
    """Return the accounts of each campaign."""
    return frozenset(frozenset(name.removeprefix(ARN) for name in c.accounts) for c in found.campaigns)


def hunted(path: Path, kind: str, world: worlds.World) -> frozenset[frozenset[str]]:
    """Return the accounts of each campaign that a hunt in one file finds."""
    accounts = world.accounts
    if kind == "bedrock":
        ids = pa.array([ARN + name for name in accounts["account_id"].to_pylist()])
        accounts = accounts.set_column(accounts.column_names.index("account_id"), "account_id", ids)
    return named(stillhunt.hunt(path, accounts=accounts, events=world.events, format=kind, key=KEY))


def compared(found: frozenset[frozenset[str]], same: frozenset[frozenset[str]], honest: Collection[str]) -> str:
    """Return in words how campaigns differ, and how many of those accused are honest."""
    if found == same:
        return "the same"
    both, mine = set().union(*same), set().union(*found)
    others = f"{len(mine - both)} others, {len((mine - both) & set(honest))} of them honest"
    return f"{len(mine & both)} of {len(both)} accounts, {others}"


def main() -> None:
    """Hunt in every format and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--world", default="demo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of formats")
    arguments = parser.parse_args()
    world = worlds.make(arguments.world, arguments.seed)
    report = [
        "# The same world in every format",
        "",
        f"`python bench/forms.py --world {arguments.world} --seed {arguments.seed}`; campaigns of a hunt with the accounts table,"
        " beside those of the contract's Parquet. A percentage is the share of a column's values that came through;"
        " `5 values as 1` are told apart no more.",
        "",
        "| format | campaigns | accounts in them | beside Parquet | no place for | in part |",
        "|---|---|---|---|---|---|",
    ]
    truth = zip(world.truth["account_id"].to_pylist(), world.truth["is_campaign"].to_pylist(), strict=True)
    honest = {name for name, campaign in truth if not campaign}
    with tempfile.TemporaryDirectory() as temporary:
        same: frozenset[frozenset[str]] | None = None
        for name, (path, kind) in files(world, Path(temporary)).items():
            if arguments.only and same is not None and name.split(",")[0] not in arguments.only:
                continue
            missing, partial = losses(world.exchanges, path, kind)
            found = hunted(path, kind, world)
            same = found if same is None else same
            parts = ", ".join(f"`{column}` {part}" for column, part in partial.items())
            report.append(
                f"| {name} | {len(found)} | {sum(map(len, found))} | {compared(found, same, honest)} |"
                f" {', '.join(f'`{column}`' for column in missing)} | {parts} |"
            )
            print(report[-1], flush=True)
    report += [
        "",
        "Where a column has no place, its detectors are blind and the run says so. Bedrock's invocation log has no network and"
        " no client: nothing of them can link accounts or tell one machine from many. Its account is who signed"
        " (`identity.arn`), its organisation and key are tags that the application sends (`requestMetadata`); the AWS account"
        " is none of these, as it holds the log and is the same for all. Databricks' tables have no network, client or"
        " organisation; Envoy's have no text. What is left links fewer accounts, and accounts of one organisation may count as"
        " several owners.",
    ]
    if not arguments.only:
        (RESULTS / "forms.md").write_text("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
