"""
Amazon Bedrock's model invocation log, as it is delivered to S3 (JSON lines, gzip) and to CloudWatch.

Record schema `ModelInvocationLog` 1.0. Bodies are those of the model's own API (`InvokeModel`) or of `Converse`.
A body above 100 KB stands in a file of its own (`inputBodyS3Path`); it is read where that file lies in the folder
`data` beside the log, as `aws s3 sync` leaves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stillhunt.collect import cloudwatch, records
from stillhunt.collect.bodies import Row, answered, asked, body_of, mapping, name_in, string
from stillhunt.collect.lines import LONGEST_LINE
from stillhunt.collect.messages import hash_of
from stillhunt.collect.opening import Opened, head
from stillhunt.collect.text import json_text
from stillhunt.plugs import Batch, Split

SCHEMA = "ModelInvocationLog"
NAMED = re.compile(rb'"schemaType\\?"\s*:\s*\\?"ModelInvocationLog')
WRAPPED = "It holds log events of CloudWatch whose messages are records of Bedrock's invocation log."
OPERATIONS = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream")
NOT_A_CALL = "not a chat or completion call"
ELSEWHERE = "body that Bedrock put into a file of its own, which is not beside the log; its text is missing"
NO_BODY = "no body was logged (text data delivery is off); its text is missing"
NO_ARN = "account is the AWS account, for want of identity.arn"
BY_TAG = "account is a tag of requestMetadata, which whoever signs the call sets, not identity.arn"
BLOCKED_SET = frozenset(("content_filtered", "guardrail_intervened"))

TAGS = {
    "account_id": ("account_id", "customer_id", "tenant_id"),
    "org_id": ("org_id", "organization_id", "team_id"),
    "api_key_id": ("api_key_id",),
    "end_user_id": ("end_user_id", "user_id", "user"),
    "session_id": ("session_id", "conversation_id", "traceId", "trace_id"),
}
"""Column → names of tags, the likeliest first: who stands behind a call, as the application that signs it says."""


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record is one of Bedrock's invocation log: it says so itself."""
    if record.get("schemaType") == SCHEMA or ("modelId" in record and "requestId" in record and "input" in record):
        return "Its records have `modelId`, `requestId` and `input`, as Bedrock's invocation log has."
    messages = cloudwatch.messages_of(dict(record)) or ()
    return WRAPPED if any(isinstance(message, str) and f'"{SCHEMA}"' in message for message in messages) else None


def recognise_text(first: bytes) -> str | None:
    """Return why text whose first record is not whole is the invocation log in CloudWatch's wrapping."""
    return WRAPPED if cloudwatch.is_wrapped(first) and NAMED.search(first) else None


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of an invocation log, and what was left out."""
    beside = Path(split.path).parent / "data"
    from stillhunt.collect.plain_bedrock import PLAIN  # which reads the tables of this module

    def convert(record: Row, note: records.Note) -> Row | str:
        return exchange(record, note, beside)

    return cloudwatch.read(split, convert) if cloudwatch.is_wrapped(head(split.path)) else records.read(split, convert, PLAIN)


def exchange(record: Row, note: records.Note, beside: Path) -> Row | str:
    """
    Return one record under the contract's names, its values not yet in the contract's types; or why it is no call.

    `note` is called with a reason for each value that is missing or second best; `beside` is the folder of large bodies.
    """
    operation = string(record.get("operation"))
    model = string(record.get("modelId")) or ""
    if (operation is not None and operation not in OPERATIONS) or "embed" in model:
        return NOT_A_CALL
    given, gave = mapping(record.get("input")), mapping(record.get("output"))
    request = _conversed(_body(given, "inputBody", beside, note))
    response = _conversed(_body(gave, "outputBody", beside, note))
    row: Row = {name: value for name, value in asked(request).items() if value is not None}
    row.update((name, value) for name, value in answered(response).items() if value is not None)
    row.update((name, value) for name, value in _knobs(request).items() if value is not None)
    row["model"] = model.rpartition("/")[2] or row.get("model")
    row["exchange_id"] = name_in(record.get("requestId"))
    row["started_at"] = record.get("timestamp")
    tags = mapping(record.get("requestMetadata"))
    tagged = {column: _tag(tags, *names) for column, names in TAGS.items()}
    row |= {"org_id": tagged["org_id"], "api_key_id": tagged["api_key_id"]}
    for column in ("end_user_id", "session_id"):
        row[column] = row.get(column) or tagged[column]
    row["account_id"] = _account(record, tagged["account_id"], note)
    row.update(_counts(given, gave, row))
    row["status"] = status(record.get("errorCode"))
    if row.get("finish_reason") in BLOCKED_SET and row.get("refusal_category") is None:
        row["refusal_category"] = row["finish_reason"]
    return row


def _account(record: Row, tagged: str | None, note: records.Note) -> str | None:
    """
    Return whose call it is: a tag, who signed, or the AWS account.

    An application that serves customers signs all its calls alike, and only its tags tell them apart. The AWS account is
    no organisation of the caller: it is the account that holds the log, the same for everybody in it.
    """
    if tagged is not None:
        note(BY_TAG)
        return tagged
    signed, holder = name_in(mapping(record.get("identity")).get("arn")), name_in(record.get("accountId"))
    if signed is None and holder is not None:
        note(NO_ARN)
    return signed or holder


def _tag(tags: Mapping[str, object], *names: str) -> str | None:
    return next((name for key in names if (name := name_in(tags.get(key)))), None)


def _counts(given: Mapping[str, object], gave: Mapping[str, object], row: Row) -> Row:
    """Return token counts: tokens in include those read from and written to the cache."""
    read, written = given.get("cacheReadInputTokenCount"), given.get("cacheWriteInputTokenCount")
    count = with_cache(given.get("inputTokenCount"), read, written)
    counts = {"tokens_in": count, "tokens_out": gave.get("outputTokenCount"), "tokens_cached": read}
    return {name: value if value is not None else row.get(name) for name, value in counts.items()}


def with_cache(count: object, *cached: object) -> object:
    """Return a count of tokens with those from and for the cache."""
    return count + sum(part for part in cached if isinstance(part, int)) if isinstance(count, int) else count


def status(code: object) -> str:
    """Return `ok`, `error`, `rate_limited` or `blocked`, by the code of an error."""
    error = string(code)
    if error is None:
        return "ok"
    if "Throttling" in error or "ServiceQuota" in error:
        return "rate_limited"
    return "blocked" if "AccessDenied" in error else "error"


def _body(side: Mapping[str, object], name: str, beside: Path, note: records.Note) -> Row:
    """Return the body of one side, from the record or from the file that it names; empty where there is none."""
    inside = side.get(f"{name}Json")
    if isinstance(inside, list) and inside and (text := _titan(inside)) is not None:
        return {"choices": [{"text": text}]}
    if (body := body_of(inside)) is not None:
        return body
    path = string(side.get(f"{name}S3Path"))
    if path is not None:
        body = _from_file(beside / path.rpartition("/")[2])
        if body is None:
            note(ELSEWHERE)
    elif inside is None and side:
        note(NO_BODY)
    return body or {}


def _titan(chunks: list[object]) -> str | None:
    """Return the text of a stream whose chunks hold it plainly, as Titan's, Llama's and Mistral's do."""
    texts = [
        text
        for chunk in chunks
        if isinstance(chunk, dict) and isinstance(text := chunk.get("outputText", chunk.get("generation")), str)
    ]
    return "".join(texts) if texts else None


def _from_file(path: Path) -> Row | None:
    """Return the body in a file of its own; None where there is none, or more of it than a line may hold."""
    if path.name in ("", ".", "..") or not path.is_file():
        return None
    taken: list[bytes] = []
    size = 0
    for piece in Opened(str(path)).pieces():
        taken.append(piece)
        size += len(piece)
        if size > LONGEST_LINE:
            return None
    return body_of(b"".join(taken).decode("utf-8", "replace"))


def _conversed(body: Row) -> Row:
    """Return a body of the Converse API, or of a model's own, in the shape that other providers' bodies have."""
    output = body.get("output")
    if isinstance(output, dict) and isinstance(output.get("message"), dict):
        return {
            "content": parts(output["message"].get("content")),
            "stop_reason": body.get("stopReason"),
            "usage": _usage(mapping(body.get("usage"))),
        }
    if "generation" in body or "outputText" in body or isinstance(body.get("results"), list):
        results = body.get("results")
        said = body.get("generation", body.get("outputText"))
        if isinstance(results, list):
            said = "\n\n".join(text for one in results if (text := string(mapping(one).get("outputText"))))
        return {"text": said, "stop_reason": body.get("stop_reason")}
    if isinstance(body.get("inputText"), str):
        return {**body, "prompt": body["inputText"]}
    turns = body.get("messages")
    if not isinstance(turns, list):
        return body
    return {
        **body,
        "messages": [
            {**turn, "content": parts(turn.get("content"))} if isinstance(turn, dict) else turn for turn in turns
        ],
    }


def parts(listed: object) -> object:
    """Return Converse's parts as the typed parts of Anthropic's messages; others as they are."""
    if not isinstance(listed, list):
        return listed
    return [_part(part) if isinstance(part, dict) and "type" not in part else part for part in listed]


def _part(part: Row) -> Row:
    use, result, thought = part.get("toolUse"), part.get("toolResult"), part.get("reasoningContent")
    if isinstance(use, dict):
        return {"type": "tool_use", "name": use.get("name"), "input": use.get("input")}
    if isinstance(result, dict):
        return {"type": "tool_result", "content": result.get("content")}
    if isinstance(thought, dict):
        sealed = string(thought.get("redactedContent"))
        if sealed is not None:
            return {"type": "redacted_thinking", "data": sealed}
        return {"type": "thinking", "signature": mapping(thought.get("reasoningText")).get("signature")}
    return part


def _usage(usage: Mapping[str, object]) -> Row:
    names = {
        "inputTokens": "input_tokens",
        "outputTokens": "output_tokens",
        "cacheReadInputTokens": "cache_read_input_tokens",
        "cacheWriteInputTokens": "cache_creation_input_tokens",
    }
    return {new: usage[old] for old, new in names.items() if usage.get(old) is not None}


def _knobs(request: Row) -> Row:
    """Return the knobs that Converse and Amazon's own models keep in places of their own."""
    knobs = mapping(request.get("inferenceConfig")) or mapping(request.get("textGenerationConfig"))
    extra = mapping(mapping(request.get("additionalModelRequestFields")).get("thinking"))
    tools = mapping(request.get("toolConfig")).get("tools")
    most = ("maxTokens", "max_new_tokens", "maxTokenCount")
    return {
        "temperature": knobs.get("temperature"),
        "top_p": knobs.get("topP"),
        "max_tokens": next((knobs[key] for key in most if key in knobs), request.get("max_gen_len")),
        "reasoning_budget": extra.get("budget_tokens"),
        "tools_hash": hash_of(json_text(tools)) if isinstance(tools, list) else None,
    }
