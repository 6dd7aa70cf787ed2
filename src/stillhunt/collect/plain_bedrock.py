"""Records of Bedrock's invocation log as typed rows: calls of Converse, and of models whose bodies are Anthropic's or OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from stillhunt.collect import bedrock
from stillhunt.collect.bodies import name_in
from stillhunt.collect.messages import hash_of
from stillhunt.collect.plain import Held, Plain, Told, each, first_of, optional, there, through
from stillhunt.collect.plain_bodies import FALSE, answered_columns, asked_columns, tool_hashes
from stillhunt.collect.plain_types import NOTHING, Answered, Asked, Budget, Choice, Message, Turn, Usage

Never = Annotated[int, msgspec.Meta(gt=0, lt=0)]
"""What no value is: a record that has such a field, even null, is not plain."""

Name = str | int | None


class Inference(msgspec.Struct, gc=False):
    """Knobs of Converse."""

    temperature: Any = None
    topP: Any = None
    maxTokens: int | float | None = None
    max_new_tokens: Never = 0
    maxTokenCount: Never = 0


class Extra(msgspec.Struct, gc=False):
    """What Converse passes on to a model as it is."""

    thinking: Budget | None = None


class Tools(msgspec.Struct, gc=False):
    """Tools of Converse."""

    tools: msgspec.Raw = NOTHING


class Given(Asked, gc=False):
    """A request of Converse, or with turns like its own."""

    inferenceConfig: Inference | None = None
    additionalModelRequestFields: Extra | None = None
    toolConfig: Tools | None = None
    textGenerationConfig: Never = 0
    inputText: Never = 0
    max_gen_len: Never = 0


class Said(msgspec.Struct, gc=False):
    """What a model said through Converse."""

    content: list[Any]


class Output(msgspec.Struct, gc=False):
    """What Converse puts around that."""

    message: Said


class Counts(Usage, omit_defaults=True, gc=False):
    """Token counts, under Converse's names as well."""

    inputTokens: Any = None
    outputTokens: Any = None
    cacheReadInputTokens: Any = None
    cacheWriteInputTokens: Any = None


class Gave(Answered, omit_defaults=True, gc=False):
    """An answer of Converse, or of a model."""

    usage: Counts | None = None
    output: Output | None = None
    stopReason: Any = None
    generation: Never = 0
    outputText: Never = 0
    results: Never = 0


class Input(msgspec.Struct, gc=False):
    """The side of the request."""

    inputBodyJson: Given
    inputTokenCount: Any = None
    cacheReadInputTokenCount: Any = None
    cacheWriteInputTokenCount: Any = None


class Side(msgspec.Struct, gc=False):
    """The side of the response."""

    outputBodyJson: Gave
    outputTokenCount: Any = None


FAILED = Side(outputBodyJson=Gave())
"""The side of a response that did not come."""


class Identity(msgspec.Struct, gc=False):
    """Who signed the call."""

    arn: Name = None


def tell(held: Held) -> Told:
    """Return what records say."""
    given, gave = held.all("input"), [side or FAILED for side in held.get("output")]
    bodies = [side.outputBodyJson for side in gave]
    odd = {
        at
        for at, body in enumerate(bodies)
        if body.output is None and body is not FAILED.outputBodyJson and not body.is_one
    }
    requests = [side.inputBodyJson for side in given]
    for request in requests:
        request.messages = _turns(request.messages)
        if type(request.system) is list:
            text = only_text(request.system)
            request.system = bedrock.parts(request.system) if text is None else text
    found: dict[str, Sequence[Any]] = dict(asked_columns(requests))
    for body in bodies:
        if body.output is not None:
            _reshape(body)
    reply = answered_columns(bodies)
    found |= {name: first_of(held.rows, column, found.get(name), blanks=()) for name, column in reply.items()}
    found |= {name: first_of(held.rows, column, found[name], blanks=()) for name, column in _knobs(requests).items()}
    models = held.get("modelId")
    found["model"] = first_of(held.rows, each(models, lambda name: name.rpartition("/")[2]), found["model"])
    found["exchange_id"] = each(held.get("requestId"), name_in)
    found["started_at"] = held.get("timestamp")
    found |= _counts(given, gave, found, held.rows)
    found["status"] = through(bedrock.status, held.get("errorCode"))
    category, finish = found["refusal_category"], found["finish_reason"]
    if not bedrock.BLOCKED_SET.isdisjoint(finish):
        found["refusal_category"] = [
            end if end in bedrock.BLOCKED_SET and kind is None else kind
            for kind, end in zip(category, finish, strict=True)
        ]
    noted = _identify(found, held)
    return Told(found, _left(held, models), (noted,) if noted else (), odd)


def _turns(turns: list[Turn]) -> list[Turn]:
    """Return turns whose parts have Converse's shape as those of a chat; a turn of one text is that text."""
    for turn in turns:
        if type(turn.content) is list:
            text = only_text(turn.content)
            turn.content = bedrock.parts(turn.content) if text is None else text  # type: ignore[assignment]
    return turns


def only_text(parts: list[Any]) -> str | None:
    """Return the text of parts that are one, and nothing but text."""
    only = parts[0] if len(parts) == 1 else None
    text = only.get("text") if type(only) is dict and len(only) == 1 else None
    return text if type(text) is str else None


def _reshape(body: Gave) -> None:
    """Give an answer of Converse the shape of Anthropic's, or, where it is one text, of OpenAI's, which says the same."""
    said = [] if body.output is None else body.output.message.content
    finish, usage = body.stopReason, body.usage
    body.output = body.stopReason = None
    if usage is None and (text := only_text(said)) is not None:
        body.choices = [Choice(Message(content=text), finish_reason=finish)]
        return
    parts: list[Any] = bedrock.parts(said)  # type: ignore[assignment]
    body.content = [{"type": "text", **part} if type(part) is dict and part.keys() == {"text"} else part for part in parts]
    body.type, body.stop_reason = "message", finish
    if usage is not None:
        body.usage = Counts(
            input_tokens=usage.inputTokens, output_tokens=usage.outputTokens,
            cache_read_input_tokens=usage.cacheReadInputTokens, cache_creation_input_tokens=usage.cacheWriteInputTokens,
        )  # fmt: skip


def _knobs(requests: Sequence[Given]) -> dict[str, Sequence[Any]]:
    """Return the knobs that Converse keeps in places of its own."""
    found: dict[str, Sequence[Any]] = {}
    knobs = [request.inferenceConfig for request in requests]
    if there(knobs):
        found["temperature"] = [None if one is None else one.temperature for one in knobs]
        found["top_p"] = [None if one is None else one.topP for one in knobs]
        found["max_tokens"] = [None if one is None else one.maxTokens for one in knobs]
    extras = [request.additionalModelRequestFields for request in requests]
    if there(extras):
        thinking = [None if one is None else one.thinking for one in extras]
        found["reasoning_budget"] = [None if one is None else one.budget_tokens for one in thinking]
    tools = [request.toolConfig for request in requests]
    if there(tools):
        lists = [NOTHING if one is None or bytes(one.tools) in FALSE_BUT_A_LIST else one.tools for one in tools]
        empty = hash_of("[]")
        hashes = tool_hashes(lists, [NOTHING] * len(lists))
        found["tools_hash"] = [
            empty if one is not None and bytes(one.tools) == b"[]" else name
            for one, name in zip(tools, hashes, strict=True)
        ]
    return found


FALSE_BUT_A_LIST = frozenset(FALSE)


def _counts(
    given: Sequence[Input], gave: Sequence[Side], found: dict[str, Sequence[Any]], rows: int
) -> dict[str, Sequence[Any]]:
    """Return token counts: tokens in include those read from and written to the cache."""
    asked = ((side.inputTokenCount, side.cacheReadInputTokenCount, side.cacheWriteInputTokenCount) for side in given)
    counts = {
        "tokens_in": [bedrock.with_cache(*three) for three in asked],
        "tokens_out": [side.outputTokenCount for side in gave],
        "tokens_cached": [side.cacheReadInputTokenCount for side in given],
    }  # fmt: skip
    return {name: first_of(rows, column, found[name], blanks=()) for name, column in counts.items()}


def _identify(found: dict[str, Sequence[Any]], held: Held) -> list[str | None] | None:
    """Fill in whose call each is; return how that was told where it was not by who signed."""
    tags = [one or {} for one in held.get("requestMetadata")]
    names = {name for one in tags for name in one}
    tagged = {
        column: first_of(held.rows, *([name_in(one.get(name)) for one in tags] for name in mine if name in names))
        for column, mine in bedrock.TAGS.items()
    }
    found["org_id"], found["api_key_id"] = tagged["org_id"], tagged["api_key_id"]
    for column in ("end_user_id", "session_id"):
        found[column] = first_of(held.rows, found[column], tagged[column])
    signed = [None if one is None else name_in(one.arn) for one in held.get("identity")]
    holders = each(held.get("accountId"), name_in)
    found["account_id"] = first_of(held.rows, tagged["account_id"], signed, holders)
    if not there(tagged["account_id"]) and all(signed):
        return None
    return [
        bedrock.BY_TAG if tag is not None else None if arn is not None or holder is None else bedrock.NO_ARN
        for tag, arn, holder in zip(tagged["account_id"], signed, holders, strict=True)
    ]


def _left(held: Held, models: Sequence[Any]) -> list[str | None] | None:
    """Return why records are no calls, or nothing where all are."""
    operations = held.get("operation")
    others = set(operations) - {None, *bedrock.OPERATIONS}
    embeds = {model for model in set(models) if model is not None and "embed" in model}
    if not others and not embeds:
        return None
    return [
        bedrock.NOT_A_CALL if operation in others or model in embeds else None
        for operation, model in zip(operations, models, strict=True)
    ]


PLAIN = Plain(
    {
        "input": Input,
        **optional(str, "operation", "modelId", "errorCode"),
        **optional(str | int, "requestId", "accountId"),
        **optional(str | int | float, "timestamp"),
        **optional(Identity, "identity"),
        **optional(Side, "output"),
        **optional(dict[str, Any], "requestMetadata"),
    },
    tell,
)
