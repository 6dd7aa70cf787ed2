"""
Bodies of model calls as typed rows: what `bodies.asked` and `bodies.answered` say of chat completions and Anthropic messages.

Bodies that hold bare text are read as columns of their fields; one with anything more in it is given to the functions that
take any. Requests of the Responses API, and bodies in strings, are not plain.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from types import NoneType
from typing import Any

import msgspec

from stillhunt.collect import documents
from stillhunt.collect.bodies import MOST_TOKENS, answered, name_in, status_of, string, text_or_parts, usage_of
from stillhunt.collect.messages import SYSTEM_ROLES, Request, content_of, hash_of, said_in, signatures
from stillhunt.collect.plain import each, first_of, there, through
from stillhunt.collect.plain_types import NOTHING, Answered, Asked, Bare, Choice, Turn, Usage
from stillhunt.collect.text import json_text, text_of

FALSE = (b"", b"null", b"[]", b"{}", b'""', b"0", b"false")

BARE_TURN = (None,) * (len(Turn.__struct_fields__) - 2)

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


def fields_of(rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return the fields of rows of one type, of which there must be some, as columns by their names in Python."""
    return dict(zip(type(rows[0]).__struct_fields__, zip(*map(_fields, rows), strict=True), strict=True))


def rows_with(columns: Iterable[Sequence[Any]]) -> set[int]:
    """Return the rows in which one of some columns has something."""
    return {row for column in columns if there(column) for row, value in enumerate(column) if value is not None}


Columns = tuple[list[Any], list[Any], list[Any], list[Any]]


def talks(column: Sequence[list[Turn]]) -> Columns:
    """Return system, prompt, history and reasoning presented of some talks, as `talk` says them of each."""
    turns = list(chain.from_iterable(column))
    roles, texts, *rest = zip(*map(_fields, turns), strict=True) if turns else ((), ())
    unusual = rows_with(rest)
    if set(map(type, texts)) != {str}:
        unusual |= {at for at, text in enumerate(texts) if type(text) is not str}
    if "reasoning" in roles:
        unusual |= {at for at, role in enumerate(roles) if role == "reasoning"}
    ends = list(accumulate(map(len, column)))
    odd = {bisect_right(ends, at) for at in unusual}
    said: Columns = ([], [], [], [])
    system, prompt, history, presented = (one.append for one in said)
    start = 0
    for row, end in enumerate(ends):
        first = start + 1 if end > start and roles[start] in SYSTEM_ROLES else start
        if row in odd or first == end or roles[end - 1] != "user" or not SYSTEM_ROLES.isdisjoint(roles[first:end]):
            one = talk(column[row])
            system(one.system), prompt(one.prompt), history(one.history), presented(one.presented or None)
        else:
            system(texts[start] or None if first > start else None)
            prompt(texts[end - 1])
            history(_written(turns[first : end - 1]).decode() if end - first > 1 else None)
            presented(None)
        start = end
    return said


def others(bodies: Sequence[Answered]) -> set[int]:
    """Return which of some bodies are neither a model's answer nor an error."""
    return {at for at, body in enumerate(bodies) if body.choices is None and not body.is_one}


def asked_columns(bodies: Sequence[Asked]) -> dict[str, Sequence[object]]:
    """Return what requests say under the contract's names, as `asked` says of one."""
    columns = fields_of(bodies)
    system, prompt, history, presented = talks(columns["messages"])
    if there(columns["system"]) or there(columns["instructions"]):
        texts = zip(columns["system"], columns["instructions"], system, strict=True)
        alone = not there(columns["instructions"]) and not there(system)
        if alone and set(map(type, columns["system"])) <= {str, type(None)}:
            system = [text or None for text in columns["system"]]
        else:
            system = ["\n".join(text for one in three if (text := text_or_parts(one))) or None for three in texts]
    most = first_of(len(bodies), *(columns[name] for name in MOST_TOKENS))
    named = (columns[name] for name in ("safety_identifier", "user"))
    ends: list[Sequence[Any]] = [*named, inside(columns["metadata"], "user_id"), columns["user_profile_id"]]
    return {
        **{name: columns[name] for name in ("temperature", "top_p", "n", "seed")},
        "model": each(columns["model"], string),
        "system": system,
        "prompt": prompt,
        "history": history,
        "reasoning_presented": presented,
        "tools_hash": tool_hashes(columns["tools"], columns["functions"]),
        "max_tokens": most,
        "reasoning_budget": inside(columns["thinking"], "budget_tokens"),
        "end_user_id": first_of(len(bodies), *(each(end, name_in) for end in ends)),
        "session_id": each(columns["conversation"], name_in),
        "org_id": each(columns["workspace_id"], name_in),
    }


def answered_columns(bodies: Sequence[Answered]) -> dict[str, Sequence[object]]:
    """Return what responses say under the contract's names, as `answered` says of one."""
    columns = fields_of(bodies)
    said = dict(zip(SAID, replies(bodies, columns), strict=True))
    return {"model": each(columns["model"], string), **said, **counts(columns["usage"])}


def message_columns(messages: Sequence[Bare]) -> dict[str, Sequence[object]]:
    """Return what messages say that have no answer around them, as `answered` says of one."""
    columns = fields_of(messages)
    nothing = (None,) * len(messages)
    issued = each(columns["thinking_blocks"], lambda blocks: signatures({"thinking_blocks": blocks}) or None)
    found: Columns = (list(columns["content"]), [*nothing], [*nothing], list(issued))
    for row in rows_with(columns[name] for name in ("refusal", "stop_details", "provider_specific_fields")):
        _say(found, row, answered(msgspec.to_builtins(messages[row])))
    silent = ("model", "tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached")
    return {**dict(zip(SAID, found, strict=True)), **dict.fromkeys(silent, nothing)}


SAID = ("completion", "finish_reason", "refusal_category", "reasoning_issued")
SILENT = Answered()
REFUSING = frozenset(("refusal", "content_filter"))
UNUSUAL = Answered.__struct_fields__[Answered.__struct_fields__.index("refusal") :]
"""Fields of an answer that could say something beside its content."""
UNUSUAL_CHOICE = ("finishReason", "refusal", "stop_details")
USUAL_KINDS = ("message", "error")
"""What an answer may say of itself that no function reads."""
BARE_PARTS = frozenset(("text", "thinking", "redacted_thinking"))


def replies(bodies: Sequence[Answered], columns: Mapping[str, Sequence[Any]]) -> Columns:
    """Return completion, finish reason, refusal's category and reasoning issued of answers, whose fields are `columns`."""
    odd = rows_with(columns[name] for name in (*UNUSUAL, "stop_details", "status"))
    found: Columns = ([None] * len(bodies), [None] * len(bodies), [None] * len(bodies), [None] * len(bodies))
    if there(columns["type"]):
        odd |= {row for row, kind in enumerate(columns["type"]) if kind is not None and kind not in USUAL_KINDS}
    if there(columns["choices"]):
        _chosen(columns["choices"], found, odd)
    if there(columns["content"]) or there(columns["stop_reason"]):
        _said(columns, found, odd)
    for row in odd:
        _say(found, row, answered({**msgspec.to_builtins(bodies[row]), "usage": None}))
    return found


def _say(found: Columns, row: int, said: Mapping[str, object]) -> None:
    for column, name in zip(found, SAID, strict=True):
        column[row] = said[name]


def _chosen(column: Sequence[list[Choice] | None], found: Columns, odd: set[int]) -> None:
    """Fill in what answers say in one choice of bare text; add others to `odd`."""
    rows = [row for row, choices in enumerate(column) if choices is not None]
    one = [row for row in rows if len(column[row]) == 1]  # type: ignore[arg-type]
    odd.update(set(rows).difference(one))
    if not one:
        return
    choices = fields_of([column[row][0] for row in one])  # type: ignore[index]
    messages = fields_of(choices["message"])
    texts, finish, sealed = messages.pop("content"), choices["finish_reason"], messages.pop("thinking_blocks")
    unusual = rows_with([*(choices[name] for name in UNUSUAL_CHOICE), *messages.values()])
    if set(map(type, texts)) != {str}:
        unusual |= {at for at, text in enumerate(texts) if type(text) is not str}
    ends = {type(end) for end in finish}
    if not ends <= {str, NoneType} or "" in finish:
        unusual |= {at for at, end in enumerate(finish) if end is not None and (type(end) is not str or not end)}
    odd.update(one[at] for at in unusual)
    if ends <= {str, NoneType}:
        category = through(lambda end: end if end in REFUSING else None, finish)
    else:
        category = [end if type(end) is str and end in REFUSING else None for end in finish]
    issued = each(sealed, lambda blocks: signatures({"thinking_blocks": blocks}) or None)
    for whole, part in zip(found, (texts, finish, category, issued), strict=True):
        if len(one) == len(column):
            whole[:] = part
        elif there(part):
            for row, value in zip(one, part, strict=True):
                whole[row] = value


def _said(columns: Mapping[str, Sequence[Any]], found: Columns, odd: set[int]) -> None:
    """Fill in what Anthropic's answers say in text and in blocks of reasoning; add others to `odd`."""
    completion, finish, category, issued = found
    four = zip(columns["content"], columns["stop_reason"], columns["type"], columns["choices"], strict=True)
    for row, (content, end, kind, choices) in enumerate(four):
        if content is None and end is None:
            continue
        if type(content) is not list or type(end) is not str or not end or kind != "message" or choices is not None or not content:
            odd.add(row)
            continue
        only = content[0] if len(content) == 1 else None
        text = only.get("text") if type(only) is dict and only.keys() == TEXT_PART and only["type"] == "text" else None
        if type(text) is not str:
            kinds = [part.get("type") if isinstance(part, dict) else None for part in content]
            if not all(isinstance(kind, str) and kind in BARE_PARTS for kind in kinds):
                odd.add(row)
                continue
            text = text_of(content)
            issued[row] = None if kinds == ["text"] else signatures({"content": content}) or None
        completion[row], finish[row] = text, end
        if end in REFUSING:
            category[row] = end


TEXT_PART = {"type", "text"}


def counts(usages: Sequence[Usage | None]) -> dict[str, Sequence[object]]:
    """Return tokens in, out, of reasoning and from the cache."""
    names = ("tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached")
    if not there(usages):
        return dict.fromkeys(names, usages)
    nothing = next(type(usage) for usage in usages if usage is not None)()
    told = fields_of([nothing if usage is None else usage for usage in usages])
    took, gave, _, given = (told[name] for name in DETAILS)
    openai = not any(there(told[name]) for name in (*DETAILS[2:], "input_tokens", "output_tokens"))
    anthropic = not any(there(told[name]) for name in (*DETAILS[:3], "prompt_tokens", "completion_tokens"))
    details = gave if openai else given
    unclear = {row for row, one in enumerate(took) if one is not None and one.cached_tokens is None} if there(took) else set()
    if there(details):
        unclear |= {row for row, one in enumerate(details) if one is not None and one.reasoning_tokens is one.thinking_tokens}
    read, written = told["cache_read_input_tokens"], told["cache_creation_input_tokens"]
    whole = {type(count) for column in (told["input_tokens"], read, written) for count in column} <= {int, NoneType}
    if unclear or not (openai or (anthropic and whole)):
        return dict(zip(names, zip(*map(_counts, usages), strict=True), strict=True))
    thought = [
        None if one is None else one.thinking_tokens if one.reasoning_tokens is None else one.reasoning_tokens for one in details
    ]
    if openai:
        cached = [count if one is None else one.cached_tokens for one, count in zip(took, read, strict=True)]
        return dict(zip(names, (told["prompt_tokens"], told["completion_tokens"], thought, cached), strict=True))
    three = zip(told["input_tokens"], read, written, strict=True)
    asked = [None if count is None else count + (hit or 0) + (new or 0) for count, hit, new in three]
    return dict(zip(names, (asked, told["output_tokens"], thought, read), strict=True))


DETAILS = ("prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details")


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
    for first, second in zip(tools, functions, strict=True):
        if first is NOTHING and second is NOTHING:
            found.append(None)
            continue
        text = bytes(first)
        text = bytes(second) if text in FALSE else text
        if text not in known:
            value = documents.value_of(text)
            known[text] = hash_of(json_text(value)) if isinstance(value, list) else None
        found.append(known[text])
    return found


def inside(column: Sequence[Any], name: str) -> Sequence[Any]:
    """Return a field of each object in a column."""
    return [None if one is None else getattr(one, name) for one in column] if there(column) else column
