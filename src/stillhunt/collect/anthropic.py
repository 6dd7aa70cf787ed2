"""
Anthropic messages, captured or in batch files.

Field names are those of anthropic 2.12. A capture that holds another provider's bodies is read as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stillhunt.collect import captures
from stillhunt.collect.plain_captures import PLAIN
from stillhunt.plugs import Batch, Split

ONLY_HERE = ("system", "thinking", "stop_sequences", "anthropic_version", "output_config")
"""Keys of a request that OpenAI's requests with messages have not."""

RESULTS = ("succeeded", "errored", "canceled", "expired")


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record holds an Anthropic call: its kind of message or error, its route, or its request's keys."""
    result = record.get("result")
    if "custom_id" in record and isinstance(result, dict) and result.get("type") in RESULTS:
        return "Its records have `custom_id` and `result`, as Anthropic's batch results have."
    capture = captures.capture_of(dict(record))
    if capture is None:
        return None
    response, request = capture.response or {}, capture.request or {}
    if response.get("type") == "message" or "stop_reason" in response:
        return "Its records hold answers of the type `message`, as Anthropic's API gives them."
    if capture.route.endswith("/messages") or "anthropic-version" in capture.headers:
        return "Its records hold calls of the route `/v1/messages`, as Anthropic's API takes them."
    told = [key for key in ONLY_HERE if key in request]
    if "messages" in request and (told or ("custom_id" in record and "params" in record)):
        return "Its records hold requests with `messages` and `max_tokens`, as Anthropic's API takes them."
    return None


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of captured Anthropic calls, and what was left out."""
    return captures.read(split, PLAIN)
