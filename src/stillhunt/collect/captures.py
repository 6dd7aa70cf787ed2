"""
Captured calls: a request's and a response's body in one record, with what the capturer wrote around them.

A capture is one of: `{request, response, …}` where each is a body, or an HTTP message that holds one; a line of a
batch's input or output; a bare body with fields of the capturer beside its own. What one side lacks is null.
Nothing is paired across records, but for the results of batches (see `batch_inputs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stillhunt.collect import records
from stillhunt.collect.batch_inputs import INPUT, BatchInputs, is_bare_result, request_in
from stillhunt.collect.bodies import Row, answered, asked, body_of, mapping, name_in, status_of, string
from stillhunt.collect.messages import hash_of
from stillhunt.collect.plain import Plain
from stillhunt.plugs import Batch, Split

NO_BODIES = "no request and no response of a model in it"
NOT_A_CALL = "not a chat or completion call"

REQUEST = ("request", "request_body", "requestBody", "req")
RESPONSE = ("response", "response_body", "responseBody", "resp", "res")
INSIDE = ("body", "json", "data", "postData", "content", "text")
"""Where an HTTP message, captured as an object, holds its body."""

AROUND = ("metadata", "meta", "context", "client", "labels")
"""Objects beside the bodies in which capturers put what they know of the caller."""

OTHER_ROUTES = frozenset(
    ("embeddings", "moderations", "images", "audio", "files", "models", "batches", "count_tokens", "input_tokens",
     "compact", "rerank", "uploads", "vector_stores", "fine_tuning", "evals", "videos", "tokenize")
)  # fmt: skip
"""Parts of routes on which no model answers with text."""

ROUTES = ("url", "path", "route", "endpoint", "uri")

CODES = ("status_code", "statusCode", "http_status", "status")

OTHER_OBJECTS = ("list", "embedding", "model", "batch", "file", "response.compaction", "response.input_tokens")
"""What answers that are no model's text say in `object`."""

FIELDS = {
    "account_id": ("account_id", "accountId", "account", "customer_id", "customer", "tenant_id", "tenant"),
    "org_id": ("org_id", "organization_id", "organizationId", "organization", "org", "team_id", "workspace_id"),
    "api_key_id": ("api_key_id", "apiKeyId", "key_id", "api_key_hash", "key_hash"),
    "end_user_id": ("end_user_id", "end_user", "endUser", "user_id", "userId", "user"),
    "session_id": ("session_id", "sessionId", "conversation_id", "thread_id", "trace_id"),
    "started_at": (
        "started_at", "startedAt", "timestamp", "ts", "time", "request_time", "start_time", "startTime",
        "startedDateTime", "requested_at", "created_at", "createdAt", "@timestamp", "date",
    ),
    "ended_at": ("ended_at", "endedAt", "end_time", "endTime", "finished_at", "completed_at", "responded_at"),
    "model": ("model",),
    "client_ip": ("client_ip", "clientIp", "ip", "ip_address", "remote_addr", "remote_ip", "source_ip"),
    "user_agent": ("user_agent", "userAgent", "ua"),
    "asn": ("asn",),
    "country": ("country", "country_code"),
    "tls_ja4": ("tls_ja4", "ja4"),
    "header_order": ("header_order",),
    "device_id": ("device_id", "deviceId"),
}  # fmt: skip
"""Column → names under which capturers write it, beside the bodies or in one of the objects `AROUND`."""

COLUMN_OF = {name: (column, rank) for column, names in FIELDS.items() for rank, name in enumerate(names)}
"""The same by name: the column, and how many names are likelier."""

HEADERS = {
    "org_id": ("openai-organization", "anthropic-organization-id"),
    "client_ip": ("x-forwarded-for", "cf-connecting-ip", "true-client-ip", "x-real-ip"),
    "user_agent": ("user-agent",),
    "tls_ja4": ("x-ja4", "cf-ja4", "ja4"),
    "header_order": ("x-header-order",),
    "device_id": ("x-device-id",),
    "country": ("cf-ipcountry", "x-country"),
    "asn": ("x-asn",),
    "session_id": ("x-session-id",),
}
RAW_KEYS = ("api_key", "apiKey")
KEY_HEADERS = ("x-api-key", "api-key", "authorization")

IDENTITIES = (
    ("account_id", "account"),
    ("org_id", "organisation id"),
    ("api_key_id", "API key hash"),
    ("end_user_id", "end user id"),
)
"""Where the account is looked for, in order; which it was is counted, for it changes what a link means."""

WANT = "account is the {}, for want of an account beside the bodies"

IDS = ("exchange_id", "call_id", "request_id", "requestId")


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured call: both bodies as far as they are there, the route, the HTTP status, both sets of headers."""

    request: Row | None
    response: Row | None
    text: str | None = None
    """The answer, where it was captured as bare text."""
    route: str = ""
    code: object = None
    headers: Mapping[str, object] = field(default_factory=dict)
    order: str | None = None
    """Names of the request's headers in the order of their arrival, where they were captured as a list."""


def read(split: Split, fast: Plain | None = None) -> Iterator[Batch]:
    """Yield the exchanges of one split of captured calls, and what was left out; plain ones are read as `fast` says."""
    beside = of_path(split.path)
    inputs = BatchInputs(Path(split.path).parent)

    def convert(record: Row, note: records.Note) -> Row | str:
        if "custom_id" in record and is_bare_result(record):
            joined = inputs.join(record)
            if isinstance(joined, str):
                note(joined)
            else:
                record = joined
        row = exchange({**beside, **record} if beside else record, note)
        if isinstance(row, dict) and row.get("started_at") is None and request_in(record) is not None:
            return INPUT
        return row

    return records.read(split, convert, None if beside else fast)


def of_path(path: str) -> Row:
    """Return what folders called `account_id=acme` or `org_id=…` say of all calls in a file, as batches are kept."""
    said = (part.partition("=") for part in Path(path).parts[:-1])
    return {name: value for name, _, value in said if value and name in FIELDS}


def exchange(record: Row, note: records.Note) -> Row | str:
    """
    Return one capture under the contract's names, its values not yet in the contract's types; or why it is none.

    `note` is called with a reason for each value that is second best.
    """
    capture = capture_of(record)
    if capture is None:
        return NO_BODIES
    request, response = capture.request or {}, capture.response or {}
    if is_other_route((capture.route,)) or response.get("object") in OTHER_OBJECTS:
        return NOT_A_CALL
    row = asked(request) if request else {}
    if response:
        row.update([said for said in answered(response).items() if said[1] is not None])
    if capture.text is not None:
        row["completion"] = capture.text
    around = [record, *(inner for key in AROUND if isinstance(inner := record.get(key), dict))]
    model = row.get("model")
    row.update(_beside(around))
    row["model"] = model or row.get("model")
    _from_headers(row, capture, _first(around, RAW_KEYS))
    _times(row, response)
    row["exchange_id"] = _id(record, response)
    row["status"] = status_of(capture.code, response or ({"text": capture.text} if capture.text else {}))
    _identify(row, note)
    return row


def capture_of(record: Row) -> Capture | None:
    """Return the bodies in a record and what is known of the HTTP exchange; None where it holds neither body."""
    sides = _batch_line(record) or _pair(record) or _bare(record)
    if sides is None:
        return None
    asked_in, answered_in, text = sides
    request, outer = _opened(asked_in)
    response, http = _opened(answered_in)
    if request is None and response is None and text is None:
        return None
    given = outer.get("headers", record.get("headers", record.get("request_headers")))
    headers: dict[str, object] = {}
    for message, key in ((http, "headers"), (record, "headers"), (outer, "headers"), (record, "request_headers")):
        if message.get(key):
            headers.update(_lowered(message[key]))
    places = (http, record, mapping(record.get("result")))
    return Capture(
        request=request,
        response=response,
        text=text,
        route=_route(outer) or _route(record),
        code=_first(places, CODES),
        headers=headers,
        order=_order(given),
    )


Sides = tuple[object, object, str | None]
"""What holds the request, what holds the response, and the answer where it is bare text."""


def _batch_line(record: Row) -> Sides | None:
    """Return the sides of a line of a batch: OpenAI's input and output, Anthropic's input and results."""
    if "custom_id" not in record:
        return None
    result = record.get("result")
    if isinstance(result, dict):
        message = result.get("message") if result.get("type") == "succeeded" else result.get("error")
        ended = message if isinstance(message, dict) else {"error": {"type": str(result.get("type"))}}
        return record.get("params") or record.get("request"), ended, None
    if isinstance(record.get("params"), dict):
        return record["params"], None, None
    response = record.get("response")
    if isinstance(response, dict):
        return record.get("request") or record.get("body"), response, None
    if isinstance(record.get("error"), dict):
        return record.get("request") or record.get("body"), {"error": record["error"]}, None
    return (record["body"], None, None) if "body" in record else None


def _pair(record: Row) -> Sides | None:
    """Return the sides of a record that keeps each under a name of its own."""
    request, response = _side(record, REQUEST), _side(record, RESPONSE)
    if request is None and (response is None or is_request(record) or is_answer(record)):
        return None
    return request, response, _plain(response)


def _side(record: Row, names: tuple[str, ...]) -> object:
    for name in names:
        if (value := record.get(name)) is not None:
            return value
    return None


def _bare(record: Row) -> Sides | None:
    """Return the sides of a record that is itself a body, with the answer beside it or not."""
    if is_answer(record):
        return None, record, None
    if not is_request(record):
        return None
    answer = next((record[key] for key in (*RESPONSE, "completion", "output") if record.get(key) is not None), None)
    return record, answer, _plain(answer)


def _plain(answer: object) -> str | None:
    """Return an answer that is bare text, and no body in disguise."""
    return answer if isinstance(answer, str) and body_of(answer) is None else None


ASKING = frozenset(("input", "prompt", "contents"))


def is_request(body: Mapping[str, object]) -> bool:
    """Whether an object is the body of a request to a model."""
    if isinstance(body.get("messages"), list):
        return True
    if ASKING.isdisjoint(body) or not isinstance(body.get("model"), str):
        return False
    return any(isinstance(body.get(key), str | list) for key in ASKING)


def is_answer(body: Mapping[str, object]) -> bool:
    """Whether an object is the body of a model's answer, or of an error in its place."""
    if isinstance(body.get("choices"), list) or body.get("object") == "response":
        return True
    if body.get("type") == "error":
        return isinstance(body.get("error"), dict)
    return body.get("type") == "message" and isinstance(body.get("content"), list)


def _opened(side: object) -> tuple[Row | None, Mapping[str, object]]:
    """Return the body in one side, and the HTTP message around it where there is one."""
    body = body_of(side)
    if body is None or _is_body(body):
        return body, {}
    for key in INSIDE:
        inner = body.get(key)
        if isinstance(inner, dict) and not _is_body(inner):  # once more wrapped, as HAR does
            inner = inner.get("text", inner)
        if (found := body_of(inner)) is not None:
            return found, body
    http = any(key in body for key in ("headers", "method", "url", "status_code", "statusCode"))
    return (None, body) if http or not ("model" in body or "object" in body) else (body, {})


def _is_body(body: Mapping[str, object]) -> bool:
    return is_answer(body) or is_request(body) or isinstance(body.get("error"), dict | str)


def _route(message: Mapping[str, object]) -> str:
    """Return the route of an HTTP message, without its query."""
    return route_in(message[key] for key in ROUTES if key in message)


def route_in(texts: Iterable[object]) -> str:
    """Return the first of some texts that is a route, without its query."""
    return next((text.partition("?")[0] for text in texts if isinstance(text, str) and "/" in text), "")


def is_other_route(texts: Iterable[object]) -> bool:
    """Whether the first route of some texts is one on which no model answers with text."""
    return not OTHER_ROUTES.isdisjoint(route_in(texts).split("/"))


def _lowered(headers: object) -> dict[str, object]:
    """Return headers by name in lower case; a list of values gives the first."""
    pairs: list[tuple[object, object]] = []
    if isinstance(headers, dict):
        pairs = list(headers.items())
    elif isinstance(headers, list):
        pairs = [pair for one in headers if (pair := _header(one)) is not None]
    return {
        name.lower(): value[0] if isinstance(value, list) and value else value
        for name, value in pairs
        if isinstance(name, str)
    }


def _header(one: object) -> tuple[object, object] | None:
    if isinstance(one, list) and len(one) == 2:
        return one[0], one[1]
    return (one.get("name"), one.get("value")) if isinstance(one, dict) and "name" in one else None


def _order(headers: object) -> str | None:
    if not isinstance(headers, list):
        return None
    names = [pair[0] for one in headers if (pair := _header(one)) is not None]
    return ",".join(name.lower() for name in names if isinstance(name, str)) or None


def _first(places: list[Row] | tuple[Mapping[str, object], ...], names: tuple[str, ...]) -> object:
    """Return the first value, in the order of the places, that is text or a number; of an object, its `id`."""
    for place in places:
        for name in names:
            if name in place and (value := _scalar(place[name])) is not None:
                return value
    return None


def _beside(places: list[Row]) -> Row:
    """Return what capturers wrote around the bodies, by column: the first place that says it, by the likeliest name."""
    found: Row = {}
    for place in places:
        ranks: dict[str, int] = {}
        for key, value in place.items():
            known = COLUMN_OF.get(key)
            if known is None:
                continue
            column, rank = known
            if (column in found and column not in ranks) or ranks.get(column, rank) < rank:
                continue
            if (value := _scalar(value)) is not None:
                found[column], ranks[column] = value, rank
    return found


def _scalar(value: object) -> object:
    """Return text with something in it or a number; of an object, its `id`; else nothing."""
    value = value.get("id") if isinstance(value, dict) else value
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" else None


def _from_headers(row: Row, capture: Capture, key: object) -> None:
    """Fill in what only the headers tell; a key is hashed, and never passed on."""
    headers = capture.headers
    for column, names in HEADERS.items() if headers else ():
        if row.get(column) is None:
            row[column] = next((headers[name] for name in names if headers.get(name)), None)
    row["header_order"] = row.get("header_order") or capture.order
    row["client_ip"] = first_address(row.get("client_ip"))
    if row.get("api_key_id") is None:
        secret = string(key)
        for name in KEY_HEADERS if headers else ():
            secret = secret or string(headers.get(name))
        row["api_key_id"] = _hashed(secret) if secret else None
    row["api_key_id"] = hidden(row["api_key_id"])


def first_address(value: object) -> object:
    """Return the first of the addresses in a list of them, as text."""
    return value.split(",")[0].strip() if isinstance(value, str) else value


def hidden(key: object) -> object:
    """Return what names a key; a key itself as its hash."""
    return _hashed(key) if isinstance(key, str) and key.startswith("sk-") else key


def _hashed(secret: str) -> str:
    return hash_of(secret.removeprefix("Bearer ").strip())


def _times(row: Row, response: Mapping[str, object]) -> None:
    """Take the provider's own times, in whole seconds, where the capturer gave none."""
    if row.get("started_at") is None:
        created = response.get("created")
        row["started_at"] = response.get("created_at") if created is None else created
    if row.get("ended_at") is None:
        row["ended_at"] = response.get("completed_at")


def _id(record: Row, response: Mapping[str, object]) -> str | None:
    for key in IDS:
        if key in record and (name := name_in(record[key])):
            return name
    return name_in(response.get("id")) or name_in(record.get("id")) or name_in(record.get("custom_id"))


def _identify(row: Row, note: records.Note) -> None:
    for column, label in IDENTITIES:
        if (name := name_in(row.get(column))) is not None:
            if column != "account_id":
                note(WANT.format(label))
            row["account_id"] = name
            return
    row["account_id"] = None
