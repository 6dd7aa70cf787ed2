"""
The upstream of a gateway: one HTTP connection pool, answers as they come, and candidates drawn side by side.

Headers and bodies go through as they are, but for those of the hop (RFC 9110, section 7.6.1).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpcore

from stillhunt.errors import ConfigError

Headers = list[tuple[bytes, bytes]]

HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    | {b"proxy-authenticate", b"proxy-authorization"}
)
MOST_IDLE = 1000
IDLE_S = 4.0
"""Idle connections are given up a little before common servers do (5 s), so that seldom one is closed while it is taken."""

CONNECT_S = 10.0
SILENT_S = 900.0
"""An upstream that says nothing for so long has failed; models that think for minutes have not."""

NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout)
CUT_OFF = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call to be sent: `target` is path and query as they came; `body` may be sent again."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes

    def with_body(self, body: bytes) -> Call:
        """Return the call with another body, and its length."""
        told = (b"content-length", b"content-encoding")
        headers = [(name, value) for name, value in self.headers if name not in told]
        headers.append((b"content-length", str(len(body)).encode()))
        return replace(self, body=body, headers=headers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """One whole answer, or what there was of it: `broken` where it was cut off, `status` 0 where there was nothing."""

    status: int
    headers: Headers
    content: bytes
    broken: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the upstream gave a whole answer and called it a success."""
        return self.status == 200 and not self.broken

    @property
    def busy(self) -> bool:
        """Whether the upstream said that it has too much to do."""
        return self.status in (429, 503)


Lane = httpcore.AsyncConnectionPool
"""
A pool of one connection. One pool of many looks at all of them, and asks the system about each, at every call: with a
hundred calls at once that costs more than all the rest.
"""


def _lane() -> Lane:
    return Lane(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer whose body is still to be read, by `response.aiter_stream()`; whoever opened it closes it."""

    response: httpcore.Response
    _lane: Lane
    _upstream: Upstream

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status

    @property
    def headers(self) -> Headers:
        """The headers that go on to the customer."""
        return [(name.lower(), value) for name, value in self.response.headers if name.lower() not in HOP]

    async def close(self) -> None:
        """End the answer; its connection is used again if all of it was read."""
        await self.response.aclose()
        await self._upstream._given_back(self._lane)


class Upstream:
    """An OpenAI-compatible server at an address; raises `ConfigError` for what is no address."""

    def __init__(self, address: str) -> None:
        """Prepare connections to an address, which may have a path that is put before every target."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"The upstream {address!r} is no address.\nWrite one like http://127.0.0.1:8000.")
        default = 443 if parts.scheme == "https" else 80
        self.address = address
        self._origin = (parts.scheme.encode(), parts.hostname.encode(), parts.port or default)
        self._prefix = parts.path.rstrip("/").encode()
        self._host = parts.netloc.rpartition("@")[2].encode()
        self._idle: deque[tuple[float, Lane]] = deque()

    async def close(self) -> None:
        """Close all connections that nobody uses."""
        while self._idle:
            await self._idle.pop()[1].aclose()

    async def open(
        self, method: bytes, target: bytes, headers: Headers, body: bytes | AsyncIterator[bytes], *, again: bool
    ) -> Answer:
        """
        Send a call and return its answer with the body still to be read; the caller closes it.

        With `again`, a call whose connection broke off before the first byte of an answer is sent once more: a kept
        connection may have been closed at the very moment. Raises one of `FAILURES`.
        """
        scheme, host, port = self._origin
        url = httpcore.URL(scheme=scheme, host=host, port=port, target=self._prefix + target)
        sent = [(b"host", self._host), *_framed(headers, body)]
        timeouts = {"connect": CONNECT_S, "read": SILENT_S, "write": SILENT_S, "pool": SILENT_S}

        def _request() -> httpcore.Request:
            return httpcore.Request(method, url, headers=sent, content=body, extensions={"timeout": timeouts})

        try:
            return await self._sent(_request())
        except NOT_SENT:
            if not isinstance(body, bytes):
                raise
        except CUT_OFF:
            if not again:
                raise
        return await self._sent(_request())

    async def _sent(self, request: httpcore.Request) -> Answer:
        lane = self._idle.pop()[1] if self._idle else _lane()
        try:
            return Answer(response=await lane.handle_async_request(request), _lane=lane, _upstream=self)
        except BaseException:
            await lane.aclose()
            raise

    async def _given_back(self, lane: Lane) -> None:
        """Keep a connection for the next call, and close those that nobody has used for a while."""
        now = asyncio.get_running_loop().time()
        self._idle.append((now, lane))
        while len(self._idle) > MOST_IDLE or self._idle[0][0] < now - IDLE_S:
            await self._idle.popleft()[1].aclose()

    async def draw(self, call: Call) -> Draw:
        """Return one whole answer to a call; a failure is a draw that did not succeed, never an exception."""
        headers = [(name, value) for name, value in call.headers if name != b"accept-encoding"]
        headers.append((b"accept-encoding", b"identity"))
        pieces: list[bytes] = []
        answer: Answer | None = None
        try:
            answer = await self.open(call.method, call.target, headers, call.body, again=True)
            async for piece in answer.response.aiter_stream():
                pieces.append(piece)
        except FAILURES:
            if answer is None:
                return Draw(status=0, headers=[], content=b"", broken=True)
            return Draw(status=answer.status, headers=answer.headers, content=b"".join(pieces), broken=True)
        finally:
            if answer is not None:
                await answer.close()
        return Draw(status=answer.status, headers=answer.headers, content=b"".join(pieces))


def _framed(headers: Headers, body: bytes | AsyncIterator[bytes]) -> Headers:
    """Return the headers that go on, with the body's length or, where it comes piece by piece without one, chunked."""
    rest = [(name, value) for name, value in headers if name not in HOP and name != b"host"]
    if any(name == b"content-length" for name, _ in rest):
        return rest
    if isinstance(body, bytes):
        return [*rest, (b"content-length", str(len(body)).encode())] if body else rest
    chunked = any(name == b"transfer-encoding" for name, _ in headers)
    return [*rest, (b"transfer-encoding", b"chunked")] if chunked else rest


async def draw_all(draw: Callable[[], Awaitable[Draw]], k: int, patience_s: float) -> tuple[Sequence[Draw], bool]:
    """
    Return k draws made side by side, the first first, and whether they came in time.

    1. Wait for the first success, then `patience_s` for the others.
    2. In time: all of them. If not: the first draw alone, waited for as any call without a coin would be; where that one
       fails, another that succeeded.

    Draws are in time when they differ by at most `patience_s`, whichever of them is slow: a rule that treats all draws
    alike, so that neither short nor long answers are served more often than one draw would.
    """
    tasks = [asyncio.ensure_future(draw()) for _ in range(k)]
    try:
        pending: set[asyncio.Future[Draw]] = set(tasks)
        while pending and not any(task.result().succeeded for task in tasks if task.done()):
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if pending:  # 1.
            _, pending = await asyncio.wait(pending, timeout=patience_s)
        if not pending:  # 2.
            return [task.result() for task in tasks], True
        for task in pending - {tasks[0]}:
            task.cancel()
        first = await tasks[0]
        others = [task.result() for task in tasks[1:] if task.done() and not task.cancelled()]
        return [next((one for one in (first, *others) if one.succeeded), first)], False
    finally:
        for task in tasks:
            task.cancel()
