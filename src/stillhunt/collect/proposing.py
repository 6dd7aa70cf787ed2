"""
A mapping proposed from a sample of somebody's log: by the names of its columns, their types, and what values look like.

A column is proposed where its name is one that others use for the same thing and its values have the right
shape, or where the shape alone is beyond doubt. Nothing of the values is quoted.
"""

from __future__ import annotations

import csv
import difflib
import io
import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect import delimited
from stillhunt.collect.bodies import answered, asked
from stillhunt.collect.captures import is_answer, is_request
from stillhunt.collect.clear import EMAIL
from stillhunt.collect.mapped import LOOKED_AT, first_records
from stillhunt.collect.opening import head
from stillhunt.collect.tabular import kind_of
from stillhunt.contract import EXCHANGES, REQUIRED

Values = list[object]
Shape = Callable[[object], bool]

NAMES: dict[str, tuple[str, ...]] = {
    "exchange_id": ("exchange_id", "request_id", "call_id", "id", "uuid", "event_id", "message_id", "generation_id"),
    "account_id": ("account_id", "account", "customer_id", "customer", "user_id", "tenant_id", "tenant", "client_id",
                   "billing_account", "consumer", "owner_id"),
    "started_at": ("started_at", "start_time", "timestamp", "ts", "time", "created_at", "request_time", "created",
                   "received_at", "event_time", "date", "start"),
    "ended_at": ("ended_at", "end_time", "finished_at", "completed_at", "response_time", "end"),
    "org_id": ("org_id", "organization_id", "organisation_id", "org", "organization", "company_id", "team_id", "workspace_id"),
    "api_key_id": ("api_key_id", "key_id", "api_key", "api_key_hash", "key_hash", "key", "token_id"),
    "session_id": ("session_id", "conversation_id", "thread_id", "trace_id", "session", "chat_id"),
    "end_user_id": ("end_user_id", "end_user", "user", "external_user", "safety_identifier"),
    "model": ("model", "model_name", "model_id", "engine", "deployment"),
    "system": ("system", "system_prompt", "instructions"),
    "prompt": ("prompt", "input", "input_text", "user_message", "question", "query", "request_text", "prompt_text"),
    "history": ("history", "messages", "conversation", "context"),
    "completion": ("completion", "output", "output_text", "response", "answer", "response_text", "completion_text"),
    "reasoning_issued": ("reasoning_issued", "reasoning_signatures"),
    "reasoning_presented": ("reasoning_presented",),
    "tools_hash": ("tools_hash", "tool_schema_hash"),
    "temperature": ("temperature", "temp"),
    "top_p": ("top_p",),
    "n": ("n", "num_completions"),
    "seed": ("seed",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "reasoning_budget": ("reasoning_budget", "thinking_budget", "budget_tokens"),
    "tokens_in": ("tokens_in", "input_tokens", "prompt_tokens", "tokens_prompt", "usage_prompt_tokens"),
    "tokens_out": ("tokens_out", "output_tokens", "completion_tokens", "tokens_completion"),
    "tokens_reasoning": ("tokens_reasoning", "reasoning_tokens", "thinking_tokens"),
    "tokens_cached": ("tokens_cached", "cached_tokens", "cache_read_tokens", "cache_read_input_tokens"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "status": ("status", "status_code", "http_status", "response_code", "code", "outcome"),
    "refusal_category": ("refusal_category", "refusal", "policy_category"),
    "client_ip": ("client_ip", "ip", "ip_address", "remote_addr", "remote_ip", "source_ip", "x_forwarded_for", "caller_ip"),
    "asn": ("asn", "as_number"),
    "country": ("country", "country_code", "geo_country", "cf_ipcountry"),
    "tls_ja4": ("tls_ja4", "ja4"),
    "user_agent": ("user_agent", "ua", "useragent", "http_user_agent"),
    "header_order": ("header_order", "headers_order"),
    "device_id": ("device_id", "device", "fingerprint", "visitor_id"),
}  # fmt: skip
"""Contract column → what others call it, the likeliest first."""

JA4 = re.compile(r"^[tqd]\d\d[di]\d{4}[a-z0-9]{2}_[0-9a-f]{12}(_[0-9a-f]{12})?$")
AGENT = re.compile(r"^(Mozilla/|curl/|python-|Python/|node|axios/|okhttp/|Go-http-client/|OpenAI/|Anthropic/)")
COUNTRY = re.compile(r"^[A-Za-z]{2}$")

FIT = 0.8
"""This share of a column's values must have the shape that a contract column asks for."""


class Candidate(NamedTuple):
    """One column of the log: its path, its values in the sample, and the share of records in which it is filled."""

    path: str
    values: Values
    filled: float


class Proposal(NamedTuple):
    """A mapping file as text, the required columns for which nothing was found, and how many records were looked at."""

    text: str
    missing: tuple[str, ...]
    records: int


def propose(path: str | Path) -> Proposal:
    """Return a mapping for a log of any column names, from its first thousand records."""
    records = _records(path)
    bodies: dict[str, str] = {}
    candidates = _candidates(records, bodies)
    chosen = _chosen(candidates)
    if "history" in chosen and "prompt" not in chosen and "request" not in bodies:
        bodies["request"] = chosen.pop("history")[0].path  # a list of turns holds the prompt, too
    lines = [
        f"# Proposed from {len(records):,} records of {json.dumps(Path(path).name)}, by names, types and the shape of values.",
        "# Read every line before you use it: stillhunt hunt LOGS --map THIS_FILE --out DIR",
        "",
        "[columns]",
    ]
    for column in EXCHANGES.names:
        if column in chosen:
            candidate, why = chosen[column]
            lines.append(f"{column} = {_written(column, candidate)}  # {why}; filled in {candidate.filled:.0%}")
    if bodies:
        lines += ["", "[bodies]", *(f"{side} = {json.dumps(place)}" for side, place in sorted(bodies.items()))]
    missing = tuple(
        name for name in REQUIRED if name not in chosen and not (name == "exchange_id" and "response" in bodies)
    )
    lines[4:4] = [f'# {name} = "…"  # required, and nothing in the log looks like it' for name in missing]
    told = {*(asked({}) if "request" in bodies else ()), *(answered({}) if "response" in bodies else ())}
    others = [name for name in EXCHANGES.names if name not in {*chosen, *told, *REQUIRED}]
    lines += ["", f"# Nothing was found for: {', '.join(others)}"] if others else []
    used = {candidate.path for candidate, _ in chosen.values()} | set(bodies.values())
    if unused := [json.dumps(c.path) for c in candidates if c.path not in used]:
        lines.append(f"# Not used: {', '.join(unused[:40])}")
    return Proposal("\n".join(lines) + "\n", missing, len(records))


def _records(path: str | Path) -> list[dict[str, object]]:
    """Return the first records of a log of any of the three containers."""
    kind = kind_of(str(path))
    if kind == "parquet":
        try:
            with pq.ParquetFile(path) as file:
                about = file.metadata
                size = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
                rows = min(LOOKED_AT, max(1, 2**26 * about.num_rows // max(1, size)))
                batch = next(file.iter_batches(batch_size=rows), None)
                return [] if batch is None else batch.to_pylist()
        except (pa.ArrowException, OSError, ValueError):
            return []
    if kind == "json":
        return first_records(path)
    first = head(path, 2**20)
    delimiter, names = delimited.sniffed(first, ()), delimited.header_of(first)
    text = first.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "")
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))[1 : LOOKED_AT + 1]
    except csv.Error:
        return []
    return [dict(zip(names, row, strict=False)) for row in rows if len(row) == len(names)]


def _candidates(records: Sequence[dict[str, object]], bodies: dict[str, str]) -> list[Candidate]:
    """Return every path to a value in the records, with its values; a request's or answer's body is put into `bodies`."""
    found: dict[str, Values] = {}
    for record in records:
        _walk(record, "", found, bodies)
    inside = tuple(f"{path}." for path in bodies.values())
    return [
        Candidate(path, values, len(values) / max(1, len(records)))
        for path, values in found.items()
        if values and not path.startswith(inside) and path not in bodies.values()
    ]


def _walk(record: dict[str, object], before: str, found: dict[str, Values], bodies: dict[str, str]) -> None:
    depth = before.count(".")
    for name, value in record.items():
        inner = value
        if isinstance(value, str) and value[:1] == "{" and depth < 4:
            try:
                inner = json.loads(value)
            except (ValueError, RecursionError):
                inner = value
        if isinstance(inner, dict) and depth < 6:
            side = "request" if is_request(inner) else "response" if is_answer(inner) else None
            if side is not None and bodies.setdefault(side, f"{before}{name}") == f"{before}{name}":
                continue
            _walk({str(key): part for key, part in inner.items()}, f"{before}{name}.", found, bodies)
        elif value is not None and value != "":
            found.setdefault(f"{before}{name}", []).append(value)


def _chosen(candidates: list[Candidate]) -> dict[str, tuple[Candidate, str]]:
    """Return the best column of the log for each contract column, each used once, the surest first."""
    scored = []
    for column in EXCHANGES.names:
        for number, candidate in enumerate(candidates):
            named = _named(column, candidate.path)
            shaped = _share(SHAPES[column], candidate.values) >= FIT and _spread(column, candidate.values)
            if named and shaped and (column != "exchange_id" or candidate.filled >= FIT):
                scored.append((-named, number, column, "name and shape fit"))
            elif column in UNMISTAKABLE and _share(UNMISTAKABLE[column], candidate.values) >= FIT:
                scored.append((-0.5, number, column, "the shape of its values fits"))
    chosen: dict[str, tuple[Candidate, str]] = {}
    used: set[int] = set()
    for _, number, column, why in sorted(scored):
        if column not in chosen and number not in used:
            chosen[column] = (candidates[number], why)
            used.add(number)
    return chosen


def _named(column: str, path: str) -> float:
    """Return how well a path's name says a contract column: 1 for its own name, less for what others call it; 0 for not."""
    whole = _words(path)
    leaf = _words(path.rpartition(".")[2])
    parent = _words(".".join(path.split(".")[-2:]))
    best = 0.0
    for rank, name in enumerate(NAMES[column]):
        worth = 1.0 - 0.03 * rank
        if name in (whole, parent):
            best = max(best, worth)
        elif name == leaf:
            best = max(best, worth - 0.05)
        elif len(name) > 5 and difflib.SequenceMatcher(None, name, leaf).ratio() >= 0.85:
            best = max(best, worth - 0.2)
    return max(0.0, best)


def _words(name: str) -> str:
    """Return a name in the contract's spelling: `clientIp`, `client-ip` and `Client.IP` are `client_ip`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def _share(shape: Shape, values: Values) -> float:
    return sum(1 for value in values if shape(value)) / max(1, len(values))


def _spread(column: str, values: Values) -> bool:
    """Whether values repeat as often as the column's should: ids of calls never, ids of accounts sometimes."""
    distinct = len({str(value) for value in values})
    if column == "exchange_id":
        return distinct == len(values)
    if column in ("account_id", "org_id") and len(values) >= 50:
        return distinct < len(values)
    return True


def _is_id(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and 0 < len(value) <= 256 and "\n" not in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str | list)


def _is_history(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip()[:1] == "[")


def _is_list(value: object) -> bool:
    return isinstance(value, list) or _is_id(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_whole(value: object) -> bool:
    number = _number(value)
    return number is not None and number.is_integer() and abs(number) < 2**63


def _is_share(value: object) -> bool:
    number = _number(value)
    return number is not None and 0 <= number <= 2


def _unit(value: object) -> str | None:
    """Return the unit in which a number counts from 1970 to a time between 2000 and 2100."""
    number = _number(value)
    for unit, per_second in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        if number is not None and 946_684_800 <= number / per_second <= 4_102_444_800:
            return unit
    return None


def _is_time(value: object) -> bool:
    if isinstance(value, datetime) or _unit(value) is not None:
        return True
    try:
        return isinstance(value, str) and len(value) >= 10 and datetime.fromisoformat(value.strip()).year > 1999
    except ValueError:
        return False


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value.split(",")[0].strip()) is not None
    except ValueError:
        return False


def _matches(pattern: re.Pattern[str]) -> Shape:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def _is_asn(value: object) -> bool:
    return _is_whole(value.upper().removeprefix("AS") if isinstance(value, str) else value)


UNMISTAKABLE: dict[str, Shape] = {
    "client_ip": _is_address,
    "tls_ja4": _matches(JA4),
    "user_agent": _matches(AGENT),
}
"""Columns whose values are known whatever they are called."""

SHAPES: dict[str, Shape] = {
    **dict.fromkeys(EXCHANGES.names, _is_id),
    **dict.fromkeys(("started_at", "ended_at"), _is_time),
    **dict.fromkeys(("system", "prompt", "completion"), _is_text),
    "history": _is_history,
    **dict.fromkeys(("reasoning_issued", "reasoning_presented"), _is_list),
    **dict.fromkeys(("temperature", "top_p"), _is_share),
    **{f.name: _is_whole for f in EXCHANGES if pa.types.is_integer(f.type)},
    "asn": _is_asn,
    "client_ip": _is_address,
    "country": _matches(COUNTRY),
    "tls_ja4": _matches(JA4),
}


def _written(column: str, candidate: Candidate) -> str:
    """Return a source as TOML: a path, or a table with what must be done to the values."""
    path = json.dumps(candidate.path)
    values = candidate.values
    if column in ("started_at", "ended_at"):
        units = {_unit(value) for value in values}
        unit = units.pop() if len(units) == 1 else None
        return f'{{ from = {path}, unit = "{unit}" }}' if unit else path
    if column == "client_ip" and any("," in str(value) for value in values):
        return f'{{ from = {path}, split = ",", item = 0 }}'
    if column == "api_key_id" and any(str(value).startswith("sk-") for value in values):
        return f"{{ from = {path}, hash = true }}"
    if column in ("account_id", "end_user_id") and any(re.search(EMAIL, str(value)) for value in values):
        return f"{{ from = {path}, hash = true }}"
    if column == "status" and (table := _statuses(values)):
        inside = ", ".join(f"{json.dumps(old)} = {json.dumps(new)}" for old, new in table.items())
        return f"{{ from = {path}, values = {{ {inside} }} }}"
    return path


WORDS = {"success": "ok", "succeeded": "ok", "completed": "ok", "failure": "error", "failed": "error",
         "throttled": "rate_limited", "denied": "blocked", "filtered": "blocked"}  # fmt: skip


def _statuses(values: Values) -> dict[str, str]:
    """Return how the statuses of a log are called in the contract: HTTP codes, and words for success and failure."""
    table = {}
    for text in sorted({str(value) for value in values})[:40]:
        if re.fullmatch(r"[1-5]\d\d", text):
            code = int(text)
            table[text] = (
                "ok" if code < 400 else {429: "rate_limited", 403: "blocked", 451: "blocked"}.get(code, "error")
            )
        elif text.lower() in WORDS:
            table[text] = WORDS[text.lower()]
    return table
