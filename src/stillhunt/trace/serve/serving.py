"""
How a call with a coin, a best-of-k mark or a canary is served: candidates drawn, one chosen, the choice recorded.

Every function here returns what is sent to the customer, or None where nothing has been done and the call goes through as
any other.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from stillhunt.trace.canaries import edited, instruction
from stillhunt.trace.conversation import Request
from stillhunt.trace.serve.answers import read_answer, with_text
from stillhunt.trace.serve.bodies import may_be_reworded, rewording, rewords, with_instruction
from stillhunt.trace.serve.deciding import Planned, Step, may_reword
from stillhunt.trace.serve.recording import (
    Candidate,
    choose_greenest,
    prompt_digest,
    record_canary,
    toss_coin,
)
from stillhunt.trace.serve.upstream import Call, Draw, Upstream, draw_all
from stillhunt.trace.serve.writer import Writer

MOST_REWORDED = 10_000
BUSY_S = 30.0
"""How long no candidates are drawn after the upstream said that it has too much to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What is sent: a draw, and its content, which is the draw's own unless a text was exchanged."""

    draw: Draw
    content: bytes


@dataclass(slots=True)
class Reworded:
    """Which wording a greedy prompt got, so that the same call gets the same answer again: the newest 10,000."""

    _texts: OrderedDict[tuple[str, str, str], str] = field(default_factory=OrderedDict)

    def get(self, name: tuple[str, str, str]) -> str | None:
        """Return the text under a name."""
        return self._texts.get(name)

    def keep(self, name: tuple[str, str, str], text: str) -> None:
        """Keep a text under a name."""
        self._texts[name] = text
        if len(self._texts) > MOST_REWORDED:
            self._texts.popitem(last=False)


class Serving(Protocol):
    """What of a gateway is needed here."""

    writer: Writer
    reworded: Reworded
    busy_until: float

    def count(self, reason: str) -> None:
        """Count a call under a reason."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One call on its way: who serves it, and for whom."""

    gateway: Serving
    upstream: Upstream
    call: Call
    planned: Planned
    account: str
    request: Request

    @property
    def streamed(self) -> bool:
        """Whether the customer asked for events."""
        return bool(self.request.body.get("stream"))

    def candidate(self, draw: Draw) -> Candidate | None:
        """Return what a draw says, or None where it failed or cannot be read."""
        if not draw.succeeded:
            return None
        return read_answer(self.request.endpoint, draw.content, streamed=self.streamed)


async def serve(
    gateway: Serving,
    upstream: Upstream,
    call: Call,
    planned: Planned,
    account: str,
    request: Request,
    step: Step,
) -> Served | None:
    """Serve a call as a step has it."""
    turn = Turn(gateway=gateway, upstream=upstream, call=call, planned=planned, account=account, request=request)
    if step.act == "canary":
        return await _canary(turn, step)
    if step.act == "rewrite":
        return await _reworded(turn, step, await upstream.draw(call))
    return await _chosen(turn, step)


async def _chosen(turn: Turn, step: Step) -> Served | None:
    """
    Draw k candidates and serve one of them.

    1. Draws that failed or cannot be read are left out: with one left, that one is served; with none, the first as it is.
    2. The coin, or the score, picks among the rest.
    3. Whatever goes wrong in choosing or recording, the first good draw is served.
    """
    draws, in_time = await draw_all(lambda: turn.upstream.draw(turn.call), step.k, step.patience_s)
    if any(draw.busy for draw in draws):
        turn.gateway.busy_until = asyncio.get_running_loop().time() + BUSY_S
    found = [(draw, turn.candidate(draw)) for draw in draws]  # 1.
    read = [(draw, candidate) for draw, candidate in found if candidate is not None]
    good = [draw for draw in draws if draw.succeeded]
    first = (*(draw for draw, _ in read), *good, *draws)[0]
    if not in_time or len(read) < 2:
        turn.gateway.count("late" if not in_time else "failed" if len(good) < 2 else "not_understood")
        return _as_drawn(first)
    try:
        return await _picked(turn, step, read)  # 2.
    except Exception:
        turn.gateway.count("fault")  # 3.
        return _as_drawn(first)


async def _picked(turn: Turn, step: Step, read: Sequence[tuple[Draw, Candidate]]) -> Served:
    candidates = [candidate for _, candidate in read]
    plan, keys = turn.planned.plan, turn.planned.keys
    if step.act == "best_of":
        chosen, record = choose_greenest(plan, keys, turn.request, turn.account, candidates)
    else:
        tossed = toss_coin(plan, keys, turn.request, turn.account, candidates)
        if tossed is None:
            if plan.coin is not None and plan.coin.greedy == "rewrite" and may_reword(turn.request):
                return await _reworded(turn, step, read[0][0])
            turn.gateway.count("one_answer")
            return _as_drawn(read[0][0])
        chosen, record = tossed
    turn.gateway.writer.put(record)
    return _as_drawn(read[chosen][0])


async def _reworded(turn: Turn, step: Step, draw: Draw) -> Served:
    """
    Serve one of k rewordings of an answer that always comes out the same; where that cannot be done well, the answer.

    1. The same call got a wording before: it gets it again.
    2. Prose alone is reworded, and only by texts that can stand for it.
    """
    original, count = _as_drawn(draw), turn.gateway.count
    base = turn.candidate(draw)
    if base is None:
        count("failed" if not draw.succeeded else "not_understood")
        return original
    plan, keys, request = turn.planned.plan, turn.planned.keys, turn.request
    name = (plan.campaign, prompt_digest(keys, request).hex, request.decoding)
    before = turn.gateway.reworded.get(name)
    if before is not None:  # 1.
        return _with_text(turn, draw, before) or original
    if not may_be_reworded(base.text) or _with_text(turn, draw, base.text) is None:  # 2.
        count("greedy")
        return original
    body = rewording(request.endpoint, request.body, base.text)
    call = turn.call.with_body(body)
    draws, in_time = await draw_all(lambda: turn.upstream.draw(call), step.k, step.patience_s)
    read = [read_answer(request.endpoint, d.content, streamed=False) for d in draws if d.succeeded]
    candidates = [replace(c, id=base.id) for c in read if c is not None and rewords(base.text, c.text)]
    tossed = toss_coin(plan, keys, request, turn.account, candidates, how="rewrite") if len(candidates) > 1 else None
    if tossed is None or not in_time:
        count("greedy")
        return original
    chosen, record = tossed
    served = _with_text(turn, draw, candidates[chosen].text)
    if served is None:
        count("greedy")
        return original
    turn.gateway.writer.put(record)
    turn.gateway.reworded.keep(name, candidates[chosen].text)
    return served


async def _canary(turn: Turn, step: Step) -> Served | None:
    """Serve an answer that is led to the favoured half, or None where the upstream refused the instruction."""
    plan, keys, one = turn.planned.plan, turn.planned.keys, step.canary
    assert one is not None and plan.canaries is not None
    call = turn.call
    if plan.canaries.method == "instruction":
        text = instruction(keys.canary, one, prompt_digest(keys, turn.request).hex)
        body = with_instruction(turn.request.endpoint, turn.request.body, text)
        call = call.with_body(body)
    draw = await turn.upstream.draw(call)
    candidate = turn.candidate(draw)
    if candidate is None:
        turn.gateway.count("failed")
        # A refusal may be the fault of the instruction: the call as it came is then sent, and answered for itself.
        return None if plan.canaries.method == "instruction" else _as_drawn(draw)
    served = _as_drawn(draw)
    if plan.canaries.method == "edit":
        edit = edited(keys.canary, one, candidate.text)
        changed = None if edit is None else _with_text(turn, draw, edit.text)
        if edit is None or changed is None:
            turn.gateway.count("not_edited")
            return served
        served, candidate = changed if edit.before != edit.after else served, replace(candidate, text=edit.text)
    turn.gateway.writer.put(record_canary(plan, keys, turn.request, turn.account, one, candidate))
    return served


def _as_drawn(draw: Draw) -> Served:
    return Served(draw=draw, content=draw.content)


def _with_text(turn: Turn, draw: Draw, text: str) -> Served | None:
    content = with_text(turn.request.endpoint, draw.content, text, streamed=turn.streamed)
    return None if content is None else Served(draw=draw, content=content)
