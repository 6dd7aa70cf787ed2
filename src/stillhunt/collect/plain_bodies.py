"""
Bodies of model calls as typed rows: what `bodies.asked` and `bodies.answered` say of chat completions and Anthropic messages.

Turns that are bare text are read here; a talk with anything more in it is given to the functions that take any. Requests
of the Responses API, and bodies in strings, are not plain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stillhunt.collect import documents
from stillhunt.collect.bodies import MOST_TOKENS, answered, name_in, status_of, string, text_or_parts, usage_of
from stillhunt.collect.messages import SYSTEM_ROLES, Request, content_of, hash_of, said_in, signatures
from stillhunt.collect.plain import each, first_of, there
from stillhunt.collect.text import json_text, text_of

NOTHING = msgspec.Raw()
FALSE = (b"", b"null", b"[]", b"{}", b'""', b"0", b"false")


class Turn(msgspec.Struct, omit_defaults=True, gc=False):
    """A turn of a talk; bare text has only the first two."""

    role: str
    content: str | list[Any] | None
    tool_calls: Any = None
    function_call: Any = None
    parts: Any = None
    output: Any = None
    thinking_blocks: Any = None
    reasoning_items: Any = None
    provider_specific_fields: Any = None
    type: None = None


class Caller(msgspec.Struct, gc=False):
    """Metadata of a request."""

    user_id: Any = None


class Budget(msgspec.Struct, gc=False):
    """How long a model may think."""

    budget_tokens: Any = None


class Asked(msgspec.Struct, gc=False):
    """A request with turns."""

    messages: list[Turn]
    model: Any = None
    system: str | list[Any] | None = None
    instructions: str | list[Any] | None = None
    tools: msgspec.Raw = NOTHING
    functions: msgspec.Raw = NOTHING
    thinking: Budget | None = None
    metadata: Caller | None = None
    conversation: str | None = None
    safety_identifier: Any = None
    user: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None
    temperature: Any = None
    top_p: Any = None
    n: Any = None
    seed: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    max_tokens: Any = None
    input: None = None


class Message(msgspec.Struct, omit_defaults=True, gc=False):
    """What a model said in a choice; bare text has only the first two."""

    content: str | list[Any] | None = None
    thinking_blocks: Any = None
    text: Any = None
    refusal: Any = None
    stop_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    parts: Any = None
    output: Any = None
    reasoning_items: Any = None
    provider_specific_fields: Any = None
    type: None = None


class Bare(msgspec.Struct, omit_defaults=True, gc=False):
    """What a model said, without an answer around it: text, and nothing else that would be read but blocks of reasoning."""

    role: str
    content: str
    thinking_blocks: Any = None
    choices: None = None
    candidates: None = None
    error: None = None
    function_call: None = None
    incomplete_details: None = None
    model: None = None
    object: None = None
    output: None = None
    parts: None = None
    provider_specific_fields: None = None
    reasoning_items: None = None
    refusal: None = None
    status: None = None
    stop_details: None = None
    stop_reason: None = None
    text: None = None
    tool_calls: None = None
    type: None = None
    usage: None = None


class Choice(msgspec.Struct, omit_defaults=True, gc=False):
    """One of the answers to a request."""

    message: Message
    finish_reason: Any = None
    finishReason: Any = None
    refusal: Any = None
    stop_details: Any = None

    @property
    def is_bare(self) -> bool:
        """Whether it has nothing but a message and why it ended."""
        return self.refusal is None and self.stop_details is None and self.finishReason is None


class Took(msgspec.Struct, omit_defaults=True, gc=False):
    """Details of tokens in."""

    cached_tokens: Any = None


class Gave(msgspec.Struct, omit_defaults=True, gc=False):
    """Details of tokens out."""

    reasoning_tokens: Any = None
    thinking_tokens: Any = None


class Usage(msgspec.Struct, omit_defaults=True, gc=False):
    """Token counts of an answer."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Took | None = None
    completion_tokens_details: Gave | None = None
    input_tokens: Any = None
    output_tokens: Any = None
    input_tokens_details: Took | None = None
    output_tokens_details: Gave | None = None
    cache_read_input_tokens: Any = None
    cache_creation_input_tokens: Any = None


class Answered(msgspec.Struct, omit_defaults=True, gc=False):
    """An answer, or an error in its place."""

    choices: list[Choice] | None = None
    content: str | list[Any] | None = None
    usage: Usage | None = None
    id: Any = None
    model: Any = None
    type: Any = None
    object: Any = None
    created: Any = None
    created_at: Any = None
    completed_at: Any = None
    stop_reason: Any = None
    stop_details: Any = None
    status: Any = None
    error: Any = None
    refusal: Any = None
    incomplete_details: Any = None
    candidates: Any = None
    output: Any = None
    text: Any = None
    parts: Any = None
    tool_calls: Any = None
    function_call: Any = None
    thinking_blocks: Any = None
    reasoning_items: Any = None
    provider_specific_fields: Any = None

    @property
    def is_one(self) -> bool:
        """Whether it is a model's answer or an error: else it may be a message of HTTP around one."""
        known = self.choices is not None or isinstance(self.error, dict | str) or self.object == "response"
        return known or (self.type == "message" and isinstance(self.content, list))


BARE_TURN = (None,) * (len(Turn.__struct_fields__) - 2)
BARE_MESSAGE = (None,) * (len(Message.__struct_fields__) - 2)

_fields = msgspec.structs.astuple
_written = msgspec.json.Encoder().encode


def talk(turns: list[Turn]) -> Request:
    """Return what `request_of` says of some turns."""
    system: list[str] = []
    said: list[Turn] = []
    presented: list[str] = []
    newest = -1
    for turn in turns:
        fields = _fields(turn)
        role, text = fields[:2]
        newer = role == "user"
        if fields[2:] != BARE_TURN or type(text) is not str or role == "reasoning":
            message = msgspec.to_builtins(turn)
            if role in SYSTEM_ROLES:
                text = content_of(message)
            else:
                text, newer, blocks = said_in(message, role)
                presented += blocks
                if role == "reasoning":
                    continue
                turn = Turn(role, text)
        if role in SYSTEM_ROLES:
            if text:
                system.append(text)
            continue
        if newer:
            newest = len(said)
        said.append(turn)
    prompt = said.pop(newest).content if newest >= 0 else None
    rules = ("\n".join(system) if len(system) > 1 else system[0]) if system else None
    return Request(rules or None, prompt, _written(said).decode() if said else None, presented)  # type: ignore[arg-type]


def others(bodies: Sequence[Answered]) -> set[int]:
    """Return which of some bodies are neither a model's answer nor an error."""
    return {at for at, body in enumerate(bodies) if body.choices is None and not body.is_one}


def asked_columns(bodies: Sequence[Asked]) -> dict[str, Sequence[object]]:
    """Return what requests say under the contract's names, as `asked` says of one."""
    columns = dict(zip(type(bodies[0]).__struct_fields__, zip(*map(_fields, bodies), strict=True), strict=True))
    talks = list(map(talk, columns["messages"]))
    system, prompt, history, presented = zip(*talks, strict=True)
    if there(columns["system"]) or there(columns["instructions"]):
        texts = zip(columns["system"], columns["instructions"], system, strict=True)
        alone = not there(columns["instructions"]) and not there(system)
        if alone and set(map(type, columns["system"])) <= {str, type(None)}:
            system = [text or None for text in columns["system"]]  # type: ignore[assignment]
        else:
            system = ["\n".join(text for one in three if (text := text_or_parts(one))) or None for three in texts]  # type: ignore[assignment]
    most = first_of(len(bodies), *(columns[name] for name in MOST_TOKENS))
    named = (columns[name] for name in ("safety_identifier", "user"))
    ends: list[Sequence[Any]] = [*named, inside(columns["metadata"], "user_id"), columns["user_profile_id"]]
    return {
        **{name: columns[name] for name in ("temperature", "top_p", "n", "seed")},
        "model": each(columns["model"], string),
        "system": system,
        "prompt": prompt,
        "history": history,
        "reasoning_presented": [blocks or None for blocks in presented],
        "tools_hash": tool_hashes(columns["tools"], columns["functions"]),
        "max_tokens": most,
        "reasoning_budget": inside(columns["thinking"], "budget_tokens"),
        "end_user_id": first_of(len(bodies), *(each(end, name_in) for end in ends)),
        "session_id": each(columns["conversation"], name_in),
        "org_id": each(columns["workspace_id"], name_in),
    }


def answered_columns(bodies: Sequence[Answered]) -> dict[str, Sequence[object]]:
    """Return what responses say under the contract's names, as `answered` says of one."""
    names = ("completion", "finish_reason", "refusal_category", "reasoning_issued")
    said = dict(zip(names, zip(*replies(bodies), strict=True), strict=True))
    counts = zip(*[_counts(body.usage) for body in bodies], strict=True)
    usage = dict(zip(("tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached"), counts, strict=True))
    return {"model": each([body.model for body in bodies], string), **said, **usage}


Reply = tuple[object, object, object, object]
"""Completion, finish reason, refusal's category and reasoning issued."""

SILENT = Answered()


def replies(bodies: Sequence[Answered]) -> list[Reply]:
    """Return what answers say."""
    return [_reply(body) if body.choices or body.content or body != SILENT else (None, None, None, None) for body in bodies]


def _reply(body: Answered) -> Reply:
    """Return completion, finish reason, refusal's category and reasoning issued."""
    if body.choices is not None and len(body.choices) == 1 and body.refusal is None and body.stop_details is None:
        choice = body.choices[0]
        message = choice.message
        content, finish, sealed = message.content, choice.finish_reason, message.thinking_blocks
        ended = finish is None or (type(finish) is str and finish)
        if type(content) is str and ended and body.candidates is None and choice.is_bare:
            category = finish if finish in ("refusal", "content_filter") else None
            rest = _fields(message)[2:]
            if rest == BARE_MESSAGE:
                issued = None if sealed is None else signatures({"thinking_blocks": sealed}) or None
                return content, finish, category, issued
    elif body.choices is None and type(body.content) is list and body.stop_details is None and body.type == "message":
        finish = body.stop_reason
        only = body.content[0] if len(body.content) == 1 else None
        text = only.get("text") if type(only) is dict and only.keys() == {"type", "text"} and only["type"] == "text" else None
        if type(text) is str and type(finish) is str and finish and _is_bare(body):
            return text, finish, finish if finish in ("refusal", "content_filter") else None, None
        kinds = [part.get("type") if isinstance(part, dict) else None for part in body.content]
        if type(finish) is str and finish and _is_bare(body) and kinds and all(kind in BARE_PARTS for kind in kinds):
            category = finish if finish in ("refusal", "content_filter") else None
            issued = None if kinds == ["text"] else signatures({"content": body.content}) or None
            return text_of(body.content), finish, category, issued
    row = answered({**msgspec.to_builtins(body), "usage": None})
    return row["completion"], row["finish_reason"], row["refusal_category"], row["reasoning_issued"]


def _is_bare(body: Answered) -> bool:
    """Whether an answer has nothing but its content of what could say something."""
    return _fields(body)[UNUSUAL:] == (None,) * (len(Answered.__struct_fields__) - UNUSUAL)


BARE_PARTS = ("text", "thinking", "redacted_thinking")
UNUSUAL = Answered.__struct_fields__.index("refusal")


def _counts(usage: Usage | None) -> tuple[object, object, object, object]:
    """Return tokens in, out, of reasoning and from the cache."""
    if usage is None:
        return (None, None, None, None)
    took = usage.input_tokens_details if usage.prompt_tokens_details is None else usage.prompt_tokens_details
    gave = usage.output_tokens_details if usage.completion_tokens_details is None else usage.completion_tokens_details
    if (took is not None and took.cached_tokens is None) or (gave is not None and gave.reasoning_tokens is gave.thinking_tokens):
        row = usage_of(msgspec.to_builtins(usage))  # details that say nothing are as good as none
        return row["tokens_in"], row["tokens_out"], row["tokens_reasoning"], row["tokens_cached"]
    read, tokens_in, tokens_out = usage.cache_read_input_tokens, usage.prompt_tokens, usage.completion_tokens
    if tokens_in is None:
        tokens_in = usage.input_tokens
        if isinstance(tokens_in, int) and took is None:
            tokens_in += sum(count for count in (read, usage.cache_creation_input_tokens) if isinstance(count, int))
    tokens_out = usage.output_tokens if tokens_out is None else tokens_out
    thought = None if gave is None else gave.thinking_tokens if gave.reasoning_tokens is None else gave.reasoning_tokens
    return tokens_in, tokens_out, thought, read if took is None else took.cached_tokens


def statuses(codes: Sequence[object], bodies: Sequence[Answered]) -> list[str | None]:
    """Return what `status_of` says of codes and the responses that came with them."""
    return [
        "ok" if code == 200 and body.error is None and body.status is None
        else status_of(code, {"error": body.error, "status": body.status})
        for code, body in zip(codes, bodies, strict=True)
    ]  # fmt: skip


def tool_hashes(tools: Sequence[msgspec.Raw], functions: Sequence[msgspec.Raw]) -> list[str | None]:
    """Return, for lists of tools in JSON, the hash of the same list with sorted keys; each different one is hashed once."""
    known: dict[bytes, str | None] = dict.fromkeys(FALSE)
    found: list[str | None] = []
    for first, second in zip(map(bytes, tools), map(bytes, functions), strict=True):
        text = second if first in FALSE else first
        if text not in known:
            value = documents.value_of(text)
            known[text] = hash_of(json_text(value)) if isinstance(value, list) else None
        found.append(known[text])
    return found


def inside(column: Sequence[Any], name: str) -> Sequence[Any]:
    """Return a field of each object in a column."""
    return [None if one is None else getattr(one, name) for one in column] if there(column) else column
