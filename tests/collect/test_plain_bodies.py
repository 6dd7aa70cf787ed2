"""Bodies read together say what each says by itself."""

from __future__ import annotations

import gc
from typing import Any

import msgspec
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.collect import body_columns
from stillhunt.collect.bodies import answered, asked, usage_of
from stillhunt.collect.collector import paused
from stillhunt.collect.messages import request_of
from stillhunt.collect.plain_bodies import answered_columns, asked_columns, message_columns, talks
from stillhunt.collect.plain_types import Answered, Asked, Bare, Turn
from stillhunt.collect.tally import Tally

SEALED = st.lists(st.fixed_dictionaries({"type": st.just("thinking"), "signature": st.sampled_from(["s1", "s2", ""])}), max_size=2)
PART = st.fixed_dictionaries({"type": st.sampled_from(["text", "thinking", "image"]), "text": st.sampled_from(["a", "b"])})
PARTS = st.lists(PART, max_size=2)
TEXT = st.sampled_from(["", "a", "é", "two\nlines"])
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "user", "assistant", "system", "developer", "tool", "reasoning"]),
     "content": TEXT | TEXT | st.none() | PARTS},
    optional={"thinking_blocks": SEALED, "tool_calls": st.just([{"id": "c", "function": {"name": "f", "arguments": "{}"}}])},
)  # fmt: skip
COUNT = st.integers(0, 9) | st.none()
TOOK = st.fixed_dictionaries({}, optional={"cached_tokens": st.integers(0, 9)})
GAVE = st.fixed_dictionaries({}, optional=dict.fromkeys(("reasoning_tokens", "thinking_tokens"), st.integers(0, 9)))
USAGE = st.fixed_dictionaries({}, optional={
    "prompt_tokens": COUNT, "completion_tokens": COUNT, "input_tokens": COUNT, "output_tokens": COUNT,
    "cache_read_input_tokens": COUNT, "cache_creation_input_tokens": COUNT,
    "prompt_tokens_details": TOOK, "input_tokens_details": TOOK, "completion_tokens_details": GAVE, "output_tokens_details": GAVE,
})  # fmt: skip
FINISH = st.sampled_from(["stop", "refusal", "content_filter", "", None, 5, ["stop"]])
DETAILS = st.fixed_dictionaries({"category": st.sampled_from(["frontier_llm", 3])})
MESSAGE = st.fixed_dictionaries(
    {"content": TEXT | st.none() | PARTS},
    optional={"role": st.just("assistant"), "thinking_blocks": SEALED, "refusal": TEXT, "stop_details": DETAILS},
)
CHOICE = st.fixed_dictionaries({"message": MESSAGE}, optional={"finish_reason": FINISH, "finishReason": FINISH})
BODY = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(CHOICE, max_size=2), "content": PARTS | TEXT, "stop_reason": FINISH, "usage": USAGE,
        "type": st.sampled_from(["message", "error", "reasoning", "function_call"]), "stop_details": DETAILS,
        "error": st.sampled_from([{"type": "rate_limit_error"}, "bad", None]), "status": st.sampled_from(["completed", "failed"]),
        "model": TEXT, "id": TEXT, "output": PARTS, "refusal": TEXT,
    },
)  # fmt: skip


def typed(values: list[Any], kind: Any) -> list[Any]:
    """Return values as a decoder of JSON lines gives them in a type."""
    return msgspec.json.Decoder(kind).decode_lines(b"\n".join(map(orjson.dumps, values)))


@given(st.lists(st.lists(TURN, max_size=5), min_size=1, max_size=6))
def test_talks_read_together_say_what_each_says(several: list[list[dict[str, Any]]]) -> None:
    """Turns of any role, with text, parts or nothing, come out as `request_of` tells them."""
    found = zip(*talks(typed(several, list[Turn])), strict=True)
    alone = [request_of(turns) for turns in several]
    assert list(found) == [(one.system, one.prompt, one.history, one.presented or None) for one in alone]


@given(st.lists(BODY, min_size=1, max_size=6))
def test_answers_read_together_say_what_each_says(bodies: list[dict[str, Any]]) -> None:
    """Choices, contents, errors and counts of tokens come out as `answered` tells them."""
    found = answered_columns(typed(bodies, Answered))
    assert [{name: column[row] for name, column in found.items()} for row in range(len(bodies))] == list(map(answered, bodies))


@given(st.lists(USAGE, min_size=1, max_size=5))
def test_counts_read_together_are_those_of_each(usages: list[dict[str, Any]]) -> None:
    """Tokens of any spelling, with details or none, are counted as `usage_of` counts them."""
    found = answered_columns(typed([{"usage": usage} for usage in usages], Answered))
    assert [{name: found[name][row] for name in usage_of({})} for row in range(len(usages))] == list(map(usage_of, usages))


@given(st.lists(MESSAGE.filter(lambda one: isinstance(one["content"], str)), min_size=1, max_size=5))
def test_messages_without_an_answer_around_them_say_what_each_says(messages: list[dict[str, Any]]) -> None:
    """Text, refusals and blocks of reasoning come out as `answered` tells them."""
    said = [{"role": "assistant", **message} for message in messages]
    found = message_columns(typed(said, Bare))
    assert [{name: column[row] for name, column in found.items()} for row in range(len(said))] == list(map(answered, said))


@given(st.lists(st.lists(TURN, max_size=3), min_size=1, max_size=4), st.data())
def test_requests_read_together_say_what_each_says(several: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    """Turns with a system prompt, tools and knobs beside them come out as `asked` tells them."""
    beside = st.fixed_dictionaries({}, optional={
        "system": TEXT | PARTS, "tools": st.sampled_from([[], [{"b": 1, "a": 2}]]), "functions": st.just([{"name": "f"}]),
        "max_tokens": COUNT, "max_completion_tokens": COUNT, "user": TEXT, "thinking": st.just({"budget_tokens": 9}),
    })  # fmt: skip
    bodies = [{"messages": turns, **data.draw(beside)} for turns in several]
    found = asked_columns(typed(bodies, Asked))
    assert [{name: column[row] for name, column in found.items()} for row in range(len(bodies))] == list(map(asked, bodies))


HARD = (
    '{"choices":[{"message":{"content":"}', '{"}}]}', '{"choices":[{"message":{"content":"}\\n{"}}]}',
    '{"role":"assistant","content":"a"}', '{"role":"assistant","content":"a","refusal":"no"}', "{}", "", "plain text",
    '{"role":"assistant","content":"b"} {"role":"assistant","content":"c"}', '{"error":"x"}', '{"choices":\n[]}', "[1]",
    '{"choices":[{"message":{"content":"fine","role":"assistant"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}',
)  # fmt: skip


@given(st.lists(st.sampled_from(HARD) | st.none(), min_size=1, max_size=8))
def test_bodies_in_a_column_are_read_as_each_alone(texts: list[str | None]) -> None:
    """Whatever stands beside a body, broken or whole, is no part of it, and no body is taken for another's."""
    whole = body_columns.of_responses(pa.array(texts, pa.string()), Tally())
    alone = [body_columns.of_responses(pa.array([text], pa.string()), Tally()) for text in texts]
    for name, column in whole.items():
        assert column.to_pylist() == [one[name][0].as_py() for one in alone]


def test_the_collector_runs_again_after_a_failure() -> None:
    """Python's collector of cycles is as it was, whether it ran before or not."""
    with pytest.raises(ValueError), paused():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
    gc.disable()
    try:
        with paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
