"""
Coins and best-of-k marks inside LiteLLM's own proxy, as a callback: `coin_hook` gives what its configuration names.

LiteLLM makes the first draw; the others are made beside it through its router, and where the coin picks one of them, that
one is what the customer gets. Chat completions, whole or streamed. Canaries, rewording and replicas need the gateway.
Written against `litellm.integrations.custom_logger.CustomLogger` of LiteLLM 1.110.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError
from stillhunt.trace.conversation import SETTINGS, Request, read_request
from stillhunt.trace.keys import read_master
from stillhunt.trace.plan import read_plan
from stillhunt.trace.serve.answers import read_document, read_events
from stillhunt.trace.serve.deciding import Planned, RateCap, Step, decide
from stillhunt.trace.serve.recording import Candidate, PlanKeys, choose_greenest, record_plan, toss_coin
from stillhunt.trace.serve.writer import Writer

CALLS = ("completion", "acompletion")
FIELDS = SETTINGS | {"model", "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"}
FIELDS |= {"stream", "stream_options", "logprobs", "top_logprobs", "user"}
ACCOUNTS = ("user_id", "team_id", "org_id", "end_user_id", "api_key")

Drawing = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Underway:
    """A call whose other draws are being made."""

    planned: Planned
    account: str
    request: Request
    step: Step
    others: Sequence[asyncio.Future[Drawn]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A whole answer as LiteLLM gives it (a response, or the list of its pieces), what it says, and when it was there."""

    answer: Any
    candidate: Candidate | None
    at: float


class CoinHook:
    """
    The callback; see `coin_hook`. Nothing that it does can fail a call: whatever goes wrong, the first draw is served.

    `writer.counts` says how many planned calls had no coin, by reason.
    """

    def __init__(
        self, plans: Sequence[Planned], writer: Writer, *, account: str, draw: Drawing, now: Callable[[], datetime]
    ) -> None:
        self.writer = writer
        self._account = account
        self._draw = draw
        self._now = now
        self._cap = RateCap()
        self._underway: dict[str, Underway] = {}
        self._recorded: set[str] = set()
        # Canaries would change the request, which this callback leaves to the gateway.
        bare = [replace(one, plan=replace(one.plan, canaries=None)) for one in plans]
        self._planned = {account_id: one for one in bare for account_id in one.plan.accounts}

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:
        """Start the other draws of a call that has a coin."""
        try:
            account = getattr(user_api_key_dict, self._account, None)
            planned = self._planned.get(account) if isinstance(account, str) else None
            if (
                planned is None
                or str(getattr(call_type, "value", call_type)) not in CALLS
                or not self._in_force(planned)
            ):
                return
            body = {name: value for name, value in data.items() if name in FIELDS}
            request = read_request("chat", body)
            step = decide(planned, request, str(account), self._cap)
            if request is None or step.act not in ("coin", "best_of") or "litellm_call_id" not in data:
                self.writer.counts[step.reason or "greedy"] += 1
                return
            others = [asyncio.ensure_future(self._drawn(body)) for _ in range(step.k - 1)]
            self._underway[data["litellm_call_id"]] = Underway(
                planned=planned, account=str(account), request=request, step=step, others=others
            )
        except Exception:
            self.writer.counts["fault"] += 1

    async def async_post_call_success_hook(self, data: Any, user_api_key_dict: Any, response: Any) -> Any:
        """Return the answer that is served."""
        underway = self._underway.pop(data.get("litellm_call_id", ""), None)
        if underway is None:
            return response
        return await self._served(underway, response)

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: Any
    ) -> AsyncIterator[Any]:
        """Yield the pieces of the answer that is served; without a coin, each as it comes."""
        underway = self._underway.pop(request_data.get("litellm_call_id", ""), None)
        if underway is None:
            async for piece in response:
                yield piece
            return
        pieces = []
        try:
            async for piece in response:
                pieces.append(piece)
        except Exception:
            # The first draw broke off: what there is of it goes on, and then its failure.
            _given_up(underway.others)
            self.writer.counts["failed"] += 1
            for piece in pieces:
                yield piece
            raise
        for piece in await self._served(underway, pieces):
            yield piece

    async def async_post_call_failure_hook(
        self, request_data: Any, original_exception: Any, user_api_key_dict: Any, traceback_str: Any = None
    ) -> None:
        """Give up the other draws of a call that failed."""
        underway = self._underway.pop(request_data.get("litellm_call_id", ""), None)
        if underway is not None:
            _given_up(underway.others)
            self.writer.counts["failed"] += 1

    async def _served(self, underway: Underway, first: Any) -> Any:
        try:
            return await self._chosen(underway, _read(first))
        except Exception:
            self.writer.counts["fault"] += 1
            return first
        finally:
            _given_up(underway.others)

    async def _chosen(self, underway: Underway, first: Drawn) -> Any:
        """Wait for the other draws under the rule of `upstream.draw_all`, choose, and record."""
        patience_s = underway.step.patience_s
        done = [one.result() for one in underway.others if one.done() and _fine(one)]
        earliest = min([first.at, *(one.at for one in done if one.candidate)])
        left = earliest + patience_s - asyncio.get_running_loop().time()
        pending = [one for one in underway.others if not one.done()]
        if pending and left > 0:
            await asyncio.wait(pending, timeout=left)
        if first.at - earliest > patience_s or not all(one.done() for one in underway.others):
            self.writer.counts["late"] += 1
            return first.answer
        every = [first, *(one.result() for one in underway.others if _fine(one))]
        read = [(one.answer, one.candidate) for one in every if one.candidate is not None]
        if len(read) < 2 or first.candidate is None:
            self.writer.counts["failed"] += 1
            return first.answer
        candidates = [candidate for _, candidate in read]
        plan, keys = underway.planned.plan, underway.planned.keys
        if underway.step.act == "best_of":
            chosen, record = choose_greenest(plan, keys, underway.request, underway.account, candidates)
        else:
            tossed = toss_coin(plan, keys, underway.request, underway.account, candidates)
            if tossed is None:
                self.writer.counts["one_answer"] += 1
                return first.answer
            chosen, record = tossed
        self.writer.put(record)
        return read[chosen][0]

    async def _drawn(self, body: Mapping[str, Any]) -> Drawn:
        answer = await self._draw(dict(body))
        return _read([piece async for piece in answer] if body.get("stream") else answer)

    def _in_force(self, planned: Planned) -> bool:
        if planned.plan.standing(self._now()) is not None:
            return False
        if planned.plan.digest not in self._recorded:
            self._recorded.add(planned.plan.digest)
            self.writer.put(record_plan(planned.plan, planned.keys))
        return True


def coin_hook(
    *,
    plans: Sequence[str],
    ledger: str,
    store: str,
    key_file: str,
    account: str = "user_id",
    draw: Drawing | None = None,
) -> Any:
    """
    Return the callback for LiteLLM's `callbacks` setting; `account` is the field of its key record that plans name.

    Raises `ConfigError` for another field, a wrong plan or where LiteLLM is not installed, `StoreError` and `SealError`
    where ledger or store cannot be used.
    """
    if account not in ACCOUNTS:
        raise ConfigError(
            f"LiteLLM's key record has no field `{account}` for accounts.\nGive one of {', '.join(ACCOUNTS)}."
        )
    try:
        from litellm.integrations.custom_logger import CustomLogger
    except ImportError as error:
        raise ConfigError("LiteLLM is not installed here.\nRun this inside the environment of its proxy.") from error
    master = read_master(Path(key_file), make=True)
    read = [read_plan(Path(name)) for name in plans]
    planned = [Planned(plan=plan, keys=PlanKeys.of(master, plan)) for plan in read]
    writer = Writer(Path(ledger), Path(store), master)
    # LiteLLM calls only what is one of its own: the class is made here, where that can be imported.
    kind: Any = type("StillhuntCoins", (CoinHook, CustomLogger), {})
    return kind(planned, writer, account=account, draw=draw or _through_router, now=lambda: datetime.now(UTC))


async def _through_router(body: dict[str, Any]) -> Any:
    """Draw an answer through the proxy's router, as the call itself is."""
    import litellm
    from litellm.proxy import proxy_server

    router = getattr(proxy_server, "llm_router", None)
    return await (router.acompletion(**body) if router is not None else litellm.acompletion(**body))


def _read(answer: Any) -> Drawn:
    now = asyncio.get_running_loop().time()
    try:
        if isinstance(answer, list):
            candidate = read_events("chat", [_document(piece) for piece in answer])
        else:
            candidate = read_document("chat", _document(answer))
    except (AttributeError, KeyError, TypeError, ValueError):
        candidate = None
    return Drawn(answer=answer, candidate=candidate, at=now)


def _document(answer: Any) -> Any:
    return answer if isinstance(answer, dict) else answer.model_dump()


def _fine(one: asyncio.Future[Drawn]) -> bool:
    return not one.cancelled() and one.exception() is None


def _given_up(others: Sequence[asyncio.Future[Drawn]]) -> None:
    for one in others:
        if not one.done():
            one.cancel()
        elif not one.cancelled():
            one.exception()
