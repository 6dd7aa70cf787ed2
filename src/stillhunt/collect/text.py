"""
Text out of the shapes in which callers send it: a string, a list of parts, a list of turns.

A message's content is a string or a list of parts (`{"type": "text", "text": …}`); images, audio and
files have no text and are passed over. Parts are joined by a newline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson

TEXT_KEYS = ("text", "input_text", "output_text", "refusal")

DEEPEST = 16
"""Parts nested deeper than this are not messages, and could exhaust the stack."""


def text_of(content: object, depth: int = 0) -> str | None:
    """Return the text of a message's content; None when it has none (null, or pictures only)."""
    if depth > DEEPEST:
        return None
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _text_of_part(content, depth + 1)
    if isinstance(content, list):
        if len(content) == 1:
            return text_of(content[0], depth + 1)
        texts = [text for part in content if (text := text_of(part, depth + 1)) is not None]
        return "\n".join(texts) if texts else None
    return None


def _text_of_part(part: Mapping[str, object], depth: int) -> str | None:
    """Return the text of one part; a tool's result counts, a model's private reasoning does not."""
    if part.get("type") in ("thinking", "redacted_thinking", "reasoning"):
        return None
    for key in TEXT_KEYS:
        text = part.get(key)
        if isinstance(text, str):
            return text
    for key in ("content", "parts", "output"):
        inner = part.get(key)
        if isinstance(inner, str | list):
            return text_of(inner, depth)
    return None


def json_text(value: object) -> str:
    """Return compact JSON with sorted keys, the same for equal values; never raises on what JSON can hold."""
    try:
        return orjson.dumps(
            value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str
        ).decode()
    except (TypeError, ValueError, RecursionError):  # integers beyond 64 bits, lone surrogates, deep nesting
        try:
            text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError):
            return "null"
        return without_surrogates(text)


def without_surrogates(text: str) -> str:
    """Return the text with halves of characters, which no UTF-8 can hold, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def column_text(value: object, column: str) -> str | None:
    """
    Return a list or object found in text column `column` as a string.

    `history` becomes JSON; the others the text of their parts, or JSON where that yields no text.
    """
    if column == "history":
        return json_text(value)
    text = text_of(value)
    return json_text(value) if text is None else without_surrogates(text)
