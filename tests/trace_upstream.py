"""
A pretended OpenAI-compatible upstream on the loopback, with faults on order: it answers, refuses, breaks off, or is slow.

Also run as a program, for benchmarks: `python tests/trace_upstream.py PORT DELAY_MS FAULT_SHARE DRAWS_FILE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

WORDS = (
    "river",
    "stone",
    "quiet",
    "lantern",
    "morning",
    "window",
    "garden",
    "silver",
    "paper",
    "winter",
    "music",
    "harbour",
)
FAULTS = ("500", "429", "reset", "cut", "garbage")


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as an object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


Behave = Callable[[int, Asked], str]
"""Number of the request and the request → the text to answer with, or a fault as `!cut`, or a delay as `@0.2 text`."""


@dataclass
class Upstream:
    """A server that is running: its port, and all it was asked."""

    behave: Behave
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            await self._answered(reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            self.open.discard(task)
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (asked := await _read(reader)) is not None:
                number = len(self.asked)
                self.asked.append(asked)
                text = self.behave(number, asked)
                if text.startswith("@"):
                    delay, _, text = text[1:].partition(" ")
                    await asyncio.sleep(float(delay))
                if text == "!reset":
                    break
                pieces = answer(asked, number, text)
                for at, piece in enumerate(pieces):
                    if text == "!cut" and at == len(pieces) - 1:
                        writer.write(piece[: len(piece) // 2])
                        await writer.drain()
                        break
                    writer.write(piece)
                    if len(pieces) > 2:
                        await writer.drain()
                else:
                    await writer.drain()
                    continue
                break


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = b""
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    return Asked(method, target, headers, body)


def answer(asked: Asked, number: int, text: str) -> list[bytes]:
    """Return the pieces in which a request is answered with a text, or a fault."""
    if text == "!500":
        return [_whole("500 Internal Server Error", {"error": {"message": f"broken {number}"}})]
    if text == "!429":
        return [_whole("429 Too Many Requests", {"error": {"message": "slow down"}}, "retry-after: 7\r\n")]
    if text == "!garbage":
        return [b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"choices']
    said = "a few words, then nothing" if text == "!cut" else text
    if not asked.target.split("?")[0].endswith(("/chat/completions", "/responses")):
        return [_whole("200 OK", {"target": asked.target, "method": asked.method, "length": len(asked.body)})]
    body = asked.json()
    chat = "messages" in body
    if body.get("stream"):
        events = chat_events(number, said) if chat else response_events(number, said)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-request-id: r\r\n\r\n"
        return [head, *(b"%x\r\n%s\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]
    return [_whole("200 OK", chat_answer(number, said) if chat else response_answer(number, said))]


def _whole(status: str, document: dict[str, Any], more: str = "") -> bytes:
    content = json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: r\r\n{more}content-length: {len(content)}"
    return head.encode() + b"\r\n\r\n" + content


def chat_answer(number: int, text: str) -> dict[str, Any]:
    """Return a chat completion."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "m-1-0401"}
    usage = {"prompt_tokens": 5, "completion_tokens": len(text.split()), "total_tokens": 5 + len(text.split())}
    return {**head, "system_fingerprint": "fp_1", "choices": [choice], "usage": usage}


def chat_events(number: int, text: str) -> list[bytes]:
    """Return the events of a chat completion that is streamed."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": "m-1-0401"}
    head["system_fingerprint"] = "fp_1"
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": word} for word in _split(text)]
    choices = [{"index": 0, "delta": piece, "finish_reason": None} for piece in pieces]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n" for choice in choices]
    return [*events, b"data: [DONE]\n\n"]


def response_answer(number: int, text: str) -> dict[str, Any]:
    """Return a response object."""
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [part]}
    return {"id": f"resp_{number}", "object": "response", "status": "completed", "model": "m-1-0401", "output": [item]}


def response_events(number: int, text: str) -> list[bytes]:
    """Return the events of a response that is streamed."""
    done = response_answer(number, text)
    item = done["output"][0]
    part = item["content"][0]
    bare = {**done, "status": "in_progress", "output": []}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": bare}]
    events.append({"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}})
    events.append({"type": "response.content_part.added", "part": {**part, "text": ""}})
    events += [{"type": "response.output_text.delta", "delta": word} for word in _split(text)]
    events.append({"type": "response.output_text.done", "text": text})
    events.append({"type": "response.content_part.done", "part": part})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": done})
    numbered = [{**event, "sequence_number": at} for at, event in enumerate(events)]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in numbered]


def _split(text: str) -> list[str]:
    words = text.split(" ")
    return [word if at == 0 else f" {word}" for at, word in enumerate(words)]


def some_text(rng: random.Random, n: int = 12) -> str:
    """Return an answer drawn at random."""
    return " ".join(rng.choice(WORDS) for _ in range(n))


@asynccontextmanager
async def upstream(behave: Behave) -> AsyncIterator[Upstream]:
    """Run a pretended upstream on a free port."""
    running = Upstream(behave)
    server = await asyncio.start_server(running.connection, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in list(running.open):
            task.cancel()
        await asyncio.gather(*running.open, return_exceptions=True)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _program(port: int, delay_ms: float, fault_share: float, draws: TextIO) -> None:
    """Serve until the process is ended; each answer is written down by the number of its prompt, as +7 or -7."""
    rng = random.Random(7)

    def _behave(number: int, asked: Asked) -> str:
        prompt = asked.json()["messages"][0]["content"].split(" ", 1)[0]
        fails = rng.random() < fault_share
        if fault_share:
            draws.write(f"{'-' if fails else '+'}{prompt}\n")
            draws.flush()
        # 429 is left out: after it the gateway draws no candidates for a while, and this program is for calls that are drawn.
        said = f"!{rng.choice([fault for fault in FAULTS if fault != '429'])}" if fails else some_text(rng, 60)
        return f"@{delay_ms / 1000:g} {said}" if delay_ms else said

    running = Upstream(_behave)
    running.asked = _Counted()
    server = await asyncio.start_server(running.connection, "127.0.0.1", port, backlog=1000)
    print("ready", file=sys.stderr, flush=True)
    async with server:
        await server.serve_forever()


class _Counted(list[Asked]):
    """Requests of a long run: counted, not kept."""

    count = 0

    def append(self, asked: Asked) -> None:
        """Count a request."""
        self.count += 1

    def __len__(self) -> int:
        return self.count


if __name__ == "__main__":
    with open(sys.argv[4], "w") as written:
        asyncio.run(_program(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), written))
