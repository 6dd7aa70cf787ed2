"""Requests and answers, as the ledger sees them."""

from __future__ import annotations

from typing import Any

from trace_serving import chat

from stillhunt.trace.conversation import endpoint_of, message_text, output_text, read_request

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_prompts_leave_out_what_does_not_shape_the_answer() -> None:
    """User ids, streaming and decoding are not part of the prompt; tools and the system turn are."""
    plain = chat("hello")
    assert chat("hello", user="u-1", stream=True, stream_options={"include_usage": True}).prompt == plain.prompt
    assert chat("hello", max_tokens=5).prompt == plain.prompt
    assert chat("hello", max_tokens=5).decoding != plain.decoding
    assert chat("hello", model="m-2").decoding != plain.decoding
    assert chat("hello", tools=[{"type": "function", "function": {"name": "f"}}]).prompt != plain.prompt


def test_history_is_what_models_answered() -> None:
    """Assistant turns make the history, in order; the opening is all before the first; the question is the last user turn."""
    request = chat("a", "b", "c", "d", "e")
    assert request.history == ("b", "d")
    assert request.opening == chat("a").opening
    assert request.question == "e"
    assert chat("a", "b").question is None


def test_both_shapes_give_the_same_text() -> None:
    """A turn that is quoted back has the text under which it was served, as message or as output item, with its tool calls."""
    message = {"role": "assistant", "content": "hi", "tool_calls": [CALL]}
    items: list[Any] = [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "call_9", "name": "f", "arguments": "{}"},
    ]
    assert message_text(message) == output_text(items)
    assert message_text({"content": [{"type": "text", "text": "hi"}]}) == output_text(items[1:2]) == "hi"
    request = read_request("responses", {"model": "m", "input": [{"role": "user", "content": "q"}, *items[1:]]})
    assert request is not None and request.history[0] == "hi"


def test_a_bare_input_is_one_user_turn() -> None:
    """The short form of a response request is the same prompt as its long form."""
    short = read_request("responses", {"model": "m", "input": "q"})
    long = read_request("responses", {"model": "m", "input": [{"role": "user", "content": "q"}]})
    assert short is not None and long is not None
    assert (short.prompt, short.question) == (long.prompt, "q")


def test_what_cannot_be_understood_is_none() -> None:
    """Bodies without turns, with turns of another kind, or without a canonical form are left alone, never an error."""
    for body in ({}, {"messages": []}, {"messages": "x"}, {"messages": ["x"]}, {"messages": [{"content": 2**60}]}):
        assert read_request("chat", body) is None
    assert read_request("chat", {"messages": [{"role": "user", "content": "\ud800"}]}) is None


def test_paths_are_known_by_their_end() -> None:
    """Every prefix that a gateway may use is fine; other paths are none of ours."""
    assert endpoint_of("/v1/chat/completions") == endpoint_of("/openai/v1/chat/completions/") == "chat"
    assert endpoint_of("/v1/responses") == "responses"
    assert endpoint_of("/v1/responses/resp_1") is None
    assert endpoint_of("/v1/embeddings") is None
