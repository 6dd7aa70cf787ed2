"""
A gateway (ASGI) before an OpenAI-compatible upstream that keeps a ledger of coins for the accounts of a plan.

Calls that no plan covers go through byte for byte, streams piece by piece. For a call with a coin, the same request is
sent k times, and the bytes of the answer that the coin picks are sent on. Nothing here may cost a customer an answer: where
a draw, the ledger or this code fails, the call is served as without it, and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from stillhunt.errors import ConfigError
from stillhunt.trace.conversation import Endpoint, Request, endpoint_of, read_request
from stillhunt.trace.serve import serving
from stillhunt.trace.serve.accounts import AccountOf
from stillhunt.trace.serve.bodies import without
from stillhunt.trace.serve.deciding import Planned, RateCap, Step, decide
from stillhunt.trace.serve.recording import record_plan
from stillhunt.trace.serve.serving import Served
from stillhunt.trace.serve.upstream import FAILURES, Call, Headers, Upstream
from stillhunt.trace.serve.writer import Writer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_BEHIND = 256
"""With more records than that waiting for the disk no candidates are drawn: a kill would lose them, and they cost time."""

IDEMPOTENT = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE")
UNREACHABLE = orjson.dumps(
    {
        "error": {
            "message": "The upstream cannot be reached.",
            "type": "upstream_unreachable",
            "code": None,
            "param": None,
        }
    }
)


class Gateway:
    """
    The ASGI application.

    `plans` are those that were given; which of them are in force is asked anew at each call, and `say` is told when that
    changes. Raises `ConfigError` where an account stands in two plans.
    """

    def __init__(
        self,
        upstream: Upstream,
        plans: Sequence[Planned],
        account_of: AccountOf,
        writer: Writer,
        *,
        say: Callable[[str], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Look up which plan covers which account, and record the plans that are in force."""
        self.busy_until = 0.0
        self.writer = writer
        self.cap = RateCap()
        self.reworded = serving.Reworded()
        self._upstream = upstream
        self._plans = plans
        self._account_of = account_of
        self._say = say
        self._now = now
        self._standing: dict[str, str | None] = {}
        self._planned = _by_account(plans)
        self._replicas = {
            one.plan.campaign: Upstream(one.plan.watermark.upstream)
            for one in plans
            if one.plan.watermark and one.plan.watermark.upstream
        }
        for one in plans:
            self._in_force(one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI: calls over HTTP, and the start and end of the server."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def count(self, reason: str) -> None:
        """Count a call of a planned account under a reason."""
        self.writer.counts[reason] += 1

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        for upstream in (self._upstream, *self._replicas.values()):
            await upstream.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers: Headers = list(scope["headers"])
        method = scope["method"].encode()
        endpoint = endpoint_of(scope["path"]) if method == b"POST" else None
        if endpoint is None:
            sized = any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
            await self._through(self._upstream, method, target, headers, _pieces(receive) if sized else b"", send)
            return
        body = await _whole(receive)
        if body is None:
            return
        call = Call(method=method, target=target, headers=headers, body=body)
        await _unless_gone(receive, self._call(call, endpoint, send))

    async def _call(self, call: Call, endpoint: Endpoint, send: Send) -> None:
        """Serve a call whose body is known: as a plan has it, or through."""
        upstream = self._upstream
        try:
            planned, account, document = self._covered(call)
            if planned is not None and account is not None:
                call, upstream = self._routed(planned, call, document)
                request = read_request(endpoint, document) if document is not None else None
                step = self._step(planned, request, account)
                if step.act != "pass" and request is not None:
                    served = await serving.serve(self, upstream, call, planned, account, request, step)
                    if served is not None:
                        await self._send(served, send)
                        return
                else:
                    self.count(step.reason)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever is wrong here must not cost the customer the answer
            self.count("fault")
            self._say(f"a call was served without a plan's doing: {type(error).__name__}")
        await self._through(upstream, call.method, call.target, call.headers, call.body, send)

    def _covered(self, call: Call) -> tuple[Planned | None, str | None, Mapping[str, Any] | None]:
        """Return the plan in force for a call's account, the account, and the body where it is an object."""
        if not self._planned:
            return None, None, None
        account = self._account_of(call.headers, call.body)
        planned = self._planned.get(account) if account is not None else None
        if planned is None or not self._in_force(planned):
            return None, None, None
        try:
            document = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            document = None
        return planned, account, document if isinstance(document, dict) else None

    def _in_force(self, planned: Planned) -> bool:
        """Whether a plan is in force; when that has changed, it is said and, where it now is, recorded."""
        campaign = planned.plan.campaign
        reason = planned.plan.standing(self._now())
        if campaign not in self._standing or self._standing[campaign] != reason:
            self._standing[campaign] = reason
            if reason is None:
                self.writer.put(record_plan(planned.plan, planned.keys))
                accounts = len(planned.plan.accounts)
                self._say(f"the plan for {campaign} is in force: {accounts:,} accounts, until {planned.plan.expires}")
            else:
                self._say(f"nothing is done: {reason}")
        return reason is None

    def _routed(self, planned: Planned, call: Call, document: Mapping[str, Any] | None) -> tuple[Call, Upstream]:
        """Return the call as the campaign's watermarked replica gets it, and that replica, where the plan has one."""
        mark = planned.plan.watermark
        if mark is None:
            return call, self._upstream
        if document is not None and mark.strip:
            stripped = without(document, mark.strip)
            if stripped is not None:
                call = call.with_body(stripped)
        replica = self._replicas.get(planned.plan.campaign)
        if replica is not None:
            self.count("to_replica")
        return call, replica or self._upstream

    def _step(self, planned: Planned, request: Request | None, account: str) -> Step:
        """Return what is done with a call; no candidates are drawn from an upstream that has too much to do."""
        step = decide(planned, request, account, self.cap)
        drawn = step.act in ("coin", "rewrite", "best_of")
        if drawn and asyncio.get_running_loop().time() < self.busy_until:
            return Step(act="pass", reason="upstream_busy")
        if drawn and self.writer.waiting > MOST_BEHIND:
            return Step(act="pass", reason="ledger_behind")
        return step

    async def _send(self, served: Served, send: Send) -> None:
        """Send an answer that was drawn; one that was cut off ends where the upstream ended it."""
        draw = served.draw
        if draw.status == 0:
            await _answer(send, 502, [(b"content-type", b"application/json")], UNREACHABLE)
            return
        content = served.content
        known = draw.broken or served.content is draw.content
        headers = [(n, v) for n, v in draw.headers if known or n != b"content-length"]
        if not any(name == b"content-length" for name, _ in headers) and not draw.broken:
            headers.append((b"content-length", str(len(content)).encode()))
        await _answer(send, draw.status, headers, content, more=draw.broken)

    async def _through(
        self,
        upstream: Upstream,
        method: bytes,
        target: bytes,
        headers: Headers,
        body: bytes | AsyncIterator[bytes],
        send: Send,
    ) -> None:
        """Pass a call and its answer through, piece by piece as they come; a replica that is down is passed by."""
        try:
            again = isinstance(body, bytes) and (bool(body) or method in IDEMPOTENT)
            answer = await upstream.open(method, target, headers, body, again=again)
        except FAILURES:
            if upstream is not self._upstream and isinstance(body, bytes):
                self.count("replica_down")
                await self._through(self._upstream, method, target, headers, body, send)
                return
            await _answer(send, 502, [(b"content-type", b"application/json")], UNREACHABLE)
            return
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            async for piece in answer.response.aiter_stream():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except FAILURES:
            # The answer stays unfinished, so that the server closes the connection: the customer sees what we saw.
            return
        finally:
            await answer.close()


def _by_account(plans: Sequence[Planned]) -> dict[str, Planned]:
    found: dict[str, Planned] = {}
    for planned in plans:
        for account in sorted(planned.plan.accounts):
            if account in found:
                raise ConfigError(
                    f"The account {account!r} stands in the plans for {found[account].plan.campaign} and"
                    f" {planned.plan.campaign}.\nTake it out of one of them: an answer can serve one plan only."
                )
            found[account] = planned
    return found


async def _answer(send: Send, status: int, headers: Headers, content: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": more})


async def _whole(receive: Receive) -> bytes | None:
    """Return the whole body of a call, or None where the customer went away."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    pieces = []
    while message["type"] == "http.request":
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    return None


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while (message := await receive())["type"] == "http.request":
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def _unless_gone(receive: Receive, work: Awaitable[None]) -> None:
    """Do work, and give it up when the customer goes away."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
