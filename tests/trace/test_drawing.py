"""Candidates drawn side by side: nobody waits longer than was promised, and no kind of answer is served more often."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from scipy import stats
from trace_upstream import chat_answer, chat_events, response_answer, response_events

from stillhunt.trace.conversation import Endpoint
from stillhunt.trace.serve.answers import read_answer, with_text
from stillhunt.trace.serve.upstream import Draw, draw_all


def paced(*times: float, failing: tuple[int, ...] = ()) -> Callable[[], Awaitable[Draw]]:
    """Return a way to draw that takes these times, one after another; content is the number of the draw."""
    numbers = iter(range(len(times)))

    async def _draw() -> Draw:
        number = next(numbers)
        await asyncio.sleep(times[number])
        return Draw(status=500 if number in failing else 200, headers=[], content=b"%d" % number)

    return _draw


def settled(draw: Callable[[], Awaitable[Draw]], k: int, patience_s: float) -> tuple[list[str], bool]:
    """Return the contents of the draws that are left, and whether they came in time."""
    draws, in_time = asyncio.run(draw_all(draw, k, patience_s))
    return [draw.content.decode() for draw in draws], in_time


@pytest.mark.parametrize(
    ("times", "failing", "expected"),
    [
        ((0.0, 0.01, 0.02), (), (["0", "1", "2"], True)),
        ((0.0, 9.0, 0.0), (), (["0"], False)),
        ((0.3, 0.0, 9.0), (), (["0"], False)),
        ((0.3, 0.0, 9.0), (0,), (["1"], False)),
        ((0.0, 0.0, 0.0), (0, 1, 2), (["0", "1", "2"], True)),
        ((0.0, 0.0, 0.01), (0, 1), (["0", "1", "2"], True)),
    ],
)
def test_draws_that_differ_too_much_in_time(
    times: tuple[float, ...], failing: tuple[int, ...], expected: tuple[list[str], bool]
) -> None:
    """In time, all draws are there; else the first alone, waited for, or where it failed, one that succeeded."""
    assert settled(paced(*times, failing=failing), 3, 0.15) == expected


def test_neither_short_nor_long_answers_are_preferred() -> None:
    """
    With answers that are as often short as long, and too far apart in time to be compared, as many long ones are served as
    a single draw would give: the rule for lateness prefers nothing. (Serving what came first would give one in four.)
    """
    rng = random.Random(9)
    served: Counter[str] = Counter()

    async def _one() -> None:
        kinds = [rng.choice(["short", "long"]) for _ in range(2)]
        picks = rng.randrange(2)
        pending = iter(kinds)

        async def _draw() -> Draw:
            kind = next(pending)
            await asyncio.sleep(0.0 if kind == "short" else 0.06)
            return Draw(status=200, headers=[], content=kind.encode())

        draws, in_time = await draw_all(_draw, 2, 0.02)
        served[draws[picks if in_time else 0].content.decode()] += 1

    async def _many() -> None:
        await asyncio.gather(*(_one() for _ in range(1500)))

    asyncio.run(_many())
    assert stats.binomtest(served["long"], 1500, 0.5).pvalue > 1e-4, served


def test_giving_up_gives_up_every_draw() -> None:
    """When the customer goes away, no draw is left running."""

    async def _scene() -> int:
        running = 0

        async def _draw() -> Draw:
            nonlocal running
            running += 1
            try:
                await asyncio.sleep(60)
            finally:
                running -= 1
            raise AssertionError

        task = asyncio.ensure_future(draw_all(_draw, 3, 1.0))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        return running

    assert asyncio.run(_scene()) == 0


def encoded(endpoint: Endpoint, text: str, streamed: bool) -> bytes:
    """Return an answer as an upstream sends it."""
    if streamed:
        return b"".join(chat_events(7, text) if endpoint == "chat" else response_events(7, text))
    return json.dumps(chat_answer(7, text) if endpoint == "chat" else response_answer(7, text)).encode()


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_text_is_exchanged_and_nothing_else(endpoint: Endpoint, streamed: bool) -> None:
    """An answer with another text reads as that text, keeps its id and model, and names the old text nowhere."""
    content = encoded(endpoint, "the old words", streamed)
    read = read_answer(endpoint, content, streamed=streamed)
    assert read is not None and read.text == "the old words"
    changed = with_text(endpoint, content, "new ones", streamed=streamed)
    assert changed is not None and b"old" not in changed
    again = read_answer(endpoint, changed, streamed=streamed)
    assert again is not None and again.text == "new ones"
    assert (again.id, again.model, again.fingerprint) == (read.id, read.model, read.fingerprint)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"nothing",
        b'{"choices": []}',
        b'{"choices": [{"message": "x"}]}',
        b'{"error": {}}',
        b'{"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}',
    ],
)
def test_what_is_no_answer_is_none(content: bytes) -> None:
    """Errors, several choices, and bodies of another shape are no candidates, in any shape, and never an exception."""
    for endpoint in ("chat", "responses"):
        for streamed in (False, True):
            assert read_answer(endpoint, content, streamed=streamed) is None
            assert with_text(endpoint, content, "x", streamed=streamed) is None


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_a_stream_without_its_end_is_no_answer(endpoint: Endpoint) -> None:
    """Events that stop before the end are unfinished, whatever they have said so far."""
    events = (chat_events if endpoint == "chat" else response_events)(1, "some words here")
    assert read_answer(endpoint, b"".join(events), streamed=True) is not None
    assert read_answer(endpoint, b"".join(events[:-3]), streamed=True) is None


def test_tool_calls_are_part_of_the_text_and_are_never_exchanged() -> None:
    """A streamed tool call is put together as its whole form is, and no other text is put into such an answer."""
    call = {"index": 0, "id": "c1", "function": {"name": "find", "arguments": '{"a'}}
    rest = {"index": 0, "function": {"arguments": '": 1}'}}
    pieces = [{"delta": {"tool_calls": [call]}}, {"delta": {"tool_calls": [rest]}, "finish_reason": "tool_calls"}]
    stream = b"".join(b"data: " + json.dumps({"id": "x", "choices": [piece]}).encode() + b"\n\n" for piece in pieces)
    whole = {"message": {"content": None, "tool_calls": [{"function": {"name": "find", "arguments": '{"a": 1}'}}]}}
    content = json.dumps({"id": "x", "choices": [whole]}).encode()
    one, other = read_answer("chat", stream, streamed=True), read_answer("chat", content, streamed=False)
    assert one is not None and one == other
    assert with_text("chat", stream, "x", streamed=True) is None
    assert with_text("chat", content, "x", streamed=False) is None
