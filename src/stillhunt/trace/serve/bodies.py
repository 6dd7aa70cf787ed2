"""Request bodies that a gateway makes of a customer's: with an instruction added, fields taken out, or to reword an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from stillhunt.trace.canaries import untouchable
from stillhunt.trace.conversation import Endpoint

REWORD = (
    "Reword the user's text. Keep its language, meaning, tone, order, length and formatting, and every name and fact exactly."
    " Answer with the reworded text alone."
)
"""After STAMP (arXiv:2504.13416): where an answer cannot be drawn twice, it can be said in more than one way."""

REWORD_WORDS = (8, 400)
REWORD_TEMPERATURE = 0.8
LENGTHS = (0.6, 1.6)


def with_instruction(endpoint: Endpoint, body: Mapping[str, Any], text: str) -> bytes:
    """Return a request body with a text added to its system message, which is made when there is none."""
    if endpoint == "responses":
        given = body.get("instructions")
        return orjson.dumps({**body, "instructions": f"{given}\n\n{text}" if given else text})
    messages = list(body["messages"])
    first = messages[0]
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        messages[0] = {**first, "content": f"{first['content']}\n\n{text}"}
    else:
        messages.insert(0, {"role": "system", "content": text})
    return orjson.dumps({**body, "messages": messages})


def without(body: Mapping[str, Any], names: Iterable[str]) -> bytes | None:
    """Return a request body without some fields, at the top or under `extra_body`; None where it has none of them."""
    extra = body.get("extra_body")
    inner = extra if isinstance(extra, dict) else {}
    taken = set(names)
    if not taken & (set(body) | set(inner)):
        return None
    rest = {name: value for name, value in body.items() if name not in taken}
    if inner:
        rest["extra_body"] = {name: value for name, value in inner.items() if name not in taken}
    return orjson.dumps(rest)


def rewording(endpoint: Endpoint, body: Mapping[str, Any], answer: str) -> bytes:
    """Return the body of a call that rewords an answer, by the same model."""
    base: dict[str, Any] = {"model": body.get("model"), "temperature": REWORD_TEMPERATURE}
    limit = max(256, 4 * len(answer.split()))
    if endpoint == "responses":
        words = {"instructions": REWORD, "input": answer, "max_output_tokens": limit, "store": False}
        return orjson.dumps({**base, **words})
    messages = [{"role": "system", "content": REWORD}, {"role": "user", "content": answer}]
    return orjson.dumps({**base, "messages": messages, "max_tokens": limit})


def may_be_reworded(answer: str) -> bool:
    """Whether an answer is short prose without code, numbers, addresses, quotations or grave matters."""
    return REWORD_WORDS[0] <= len(answer.split()) <= REWORD_WORDS[1] and untouchable(answer) is None


def rewords(answer: str, other: str) -> bool:
    """Whether a text can stand for an answer as far as a rule can tell: as long, and as plain."""
    return untouchable(other) is None and LENGTHS[0] <= len(other.split()) / max(1, len(answer.split())) <= LENGTHS[1]
