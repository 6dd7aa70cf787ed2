"""
OpenAI bodies: chat completions, text completions and Responses, captured or in batch files.

Field names are those of openai 3.54. A capture that holds another provider's bodies is read as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stillhunt.collect import captures
from stillhunt.collect.plain_captures import PLAIN
from stillhunt.plugs import Batch, Split

OBJECTS = ("chat.completion", "chat.completion.chunk", "text_completion", "response")
"""What OpenAI's bodies say in `object`."""


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record holds an OpenAI call: an answer of its own kind, or a request for one."""
    capture = captures.capture_of(dict(record))
    if capture is None:
        return None
    response = capture.response or {}
    if response.get("object") in OBJECTS or isinstance(response.get("choices"), list):
        return "Its records hold answers with `choices` or `output`, as OpenAI's API gives them."
    if capture.request is not None and ("messages" in capture.request or "model" in capture.request):
        return "Its records hold requests to a model, as OpenAI's API takes them."
    return None


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of captured OpenAI calls, and what was left out."""
    return captures.read(split, PLAIN)
