"""The callback for LiteLLM: the same coins, within the proxy that people already have."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from trace_serving import MASTER, NOW, a_plan
from trace_upstream import chat_answer, some_text

from stillhunt.errors import ConfigError
from stillhunt.trace import ledger
from stillhunt.trace.plan import Plan
from stillhunt.trace.serve.deciding import Planned
from stillhunt.trace.serve.litellm_hook import CoinHook, Drawing, coin_hook
from stillhunt.trace.serve.recording import PlanKeys
from stillhunt.trace.serve.writer import Writer
from stillhunt.trace.store import Store

COIN = a_plan(coin={"share": 1.0, "k": 3, "patience_s": 0.2})


def chunks(number: int, text: str) -> list[dict[str, Any]]:
    """Return the pieces of a streamed answer."""
    head = {"id": f"chatcmpl-{number}", "model": "m-1-0401", "system_fingerprint": "fp_1"}
    said = [{**head, "choices": [{"index": 0, "delta": {"content": f"{word} "}}]} for word in text.split()]
    return [*said, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


async def pieces(all_of_them: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Yield pieces as LiteLLM does."""
    for piece in all_of_them:
        yield piece


def drawing(rng: random.Random, *, delay_s: float = 0.0, failing: bool = False) -> Drawing:
    """Return a router that draws at random."""

    async def _draw(body: dict[str, Any]) -> Any:
        await asyncio.sleep(delay_s)
        if failing:
            raise RuntimeError("upstream")
        number = rng.randrange(10**6)
        text = some_text(rng)
        return pieces(chunks(number, text)) if body.get("stream") else chat_answer(number, text)

    return _draw


def played(folder: Path, plan: Plan, draw: Drawing, scene: Callable[[CoinHook], Awaitable[Any]]) -> tuple[Any, Writer]:
    """Play a scene with a callback, and return what it gives and the writer, closed."""
    writer = Writer(folder / "ledger", folder / "texts.sqlite", MASTER)
    planned = [Planned(plan=plan, keys=PlanKeys.of(MASTER, plan))]
    hook = CoinHook(planned, writer, account="user_id", draw=draw, now=lambda: NOW)
    try:
        return asyncio.run(scene(hook)), writer
    finally:
        writer.close()


def call(content: str = "hello", **more: Any) -> dict[str, Any]:
    """Return the data of a call as LiteLLM hands it around."""
    turns = [{"role": "user", "content": content}]
    own = {"litellm_call_id": "id-1", "metadata": {"x": object()}, "proxy_server_request": {}}
    return {"model": "m-1", "messages": turns, "temperature": 0.7, **own, **more}


def key(user: str = "bad-1") -> SimpleNamespace:
    """Return LiteLLM's record of a key."""
    return SimpleNamespace(user_id=user)


def test_the_coin_picks_among_three_draws(tmp_path: Path) -> None:
    """The customer gets the draw that the ledger names, and each of the three draws now and then."""
    rng = random.Random(1)

    async def _scene(hook: CoinHook) -> list[tuple[Any, Any]]:
        out = []
        for number in range(40):
            data = call(f"question {number}")
            await hook.async_pre_call_hook(key(), None, data, "acompletion")
            first = chat_answer(number, some_text(rng))
            out.append((first, await hook.async_post_call_success_hook(data, key(), first)))
        return out

    out, _ = played(tmp_path, COIN, drawing(rng), _scene)
    coins = ledger.coins(tmp_path / "ledger")
    with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
        served = [store.text(coin.candidates[coin.served]) for coin in coins]
    assert served == [answer["choices"][0]["message"]["content"] for _, answer in out]
    assert 4 <= sum(first is answer for first, answer in out) <= 24, "the first draw is served a third of the time"


def test_a_stream_is_served_whole(tmp_path: Path) -> None:
    """The pieces that come are those of one draw, in order, whichever it is."""
    rng = random.Random(2)

    async def _scene(hook: CoinHook) -> list[str]:
        texts = []
        for number in range(10):
            data = call(f"question {number}", stream=True)
            await hook.async_pre_call_hook(key(), None, data, "acompletion")
            first = pieces(chunks(number, some_text(rng)))
            came = [piece async for piece in hook.async_post_call_streaming_iterator_hook(key(), first, data)]
            assert len({piece["id"] for piece in came}) == 1 and came[-1]["choices"][0]["finish_reason"] == "stop"
            texts.append("".join(piece["choices"][0]["delta"].get("content", "") for piece in came))
        return texts

    texts, _ = played(tmp_path, COIN, drawing(rng), _scene)
    with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
        assert [store.text(coin.candidates[coin.served]) for coin in ledger.coins(tmp_path / "ledger")] == texts


@pytest.mark.parametrize(("draw", "reason"), [({"failing": True}, "failed"), ({"delay_s": 9.0}, "late")])
def test_other_draws_that_fail_or_are_late_cost_nothing(tmp_path: Path, draw: dict[str, Any], reason: str) -> None:
    """Where the other draws fail, or take too long, the first is served, counted, and nothing is left running."""

    async def _scene(hook: CoinHook) -> bool:
        data, first = call(), chat_answer(1, "the first")
        await hook.async_pre_call_hook(key(), None, data, "acompletion")
        served = await hook.async_post_call_success_hook(data, key(), first)
        await asyncio.sleep(0)
        return served is first and len(asyncio.all_tasks()) == 1

    out, writer = played(tmp_path, COIN, drawing(random.Random(3), **draw), _scene)
    assert out and writer.counts == {reason: 1} and ledger.coins(tmp_path / "ledger") == []


def test_calls_that_no_plan_covers_are_left_alone(tmp_path: Path) -> None:
    """Other users, other kinds of calls, and an expired plan: no draw, no count, the same object back."""

    async def _draw(body: dict[str, Any]) -> Any:
        raise AssertionError("nothing is drawn")

    async def _scene(hook: CoinHook) -> None:
        for user, kind, data in (("good", "acompletion", call()), ("bad-1", "embeddings", call())):
            await hook.async_pre_call_hook(key(user), None, data, kind)
            first = object()
            assert await hook.async_post_call_success_hook(data, key(user), first) is first

    assert played(tmp_path, COIN, _draw, _scene)[1].counts == {}
    expired = a_plan(coin={"share": 1.0}, plan={"expires": NOW})
    (tmp_path / "other").mkdir()
    assert played(tmp_path / "other", expired, _draw, _scene)[1].counts == {}


def test_a_failed_call_gives_up_its_draws(tmp_path: Path) -> None:
    """When LiteLLM's own draw fails, the others are given up; a stream that breaks off does so for the customer too."""

    async def _scene(hook: CoinHook) -> int:
        data = call()
        await hook.async_pre_call_hook(key(), None, data, "acompletion")
        await hook.async_post_call_failure_hook(data, RuntimeError(), key())

        async def _broken() -> AsyncIterator[Any]:
            yield {"choices": []}
            raise RuntimeError("cut off")

        data = call(stream=True)
        await hook.async_pre_call_hook(key(), None, data, "acompletion")
        came = 0
        with pytest.raises(RuntimeError, match="cut off"):
            async for _ in hook.async_post_call_streaming_iterator_hook(key(), _broken(), data):
                came += 1
        await asyncio.sleep(0)
        return came + len(asyncio.all_tasks())

    out, writer = played(tmp_path, COIN, drawing(random.Random(4), delay_s=9.0), _scene)
    assert out == 2 and writer.counts == {"failed": 2}


def test_the_greenest_is_served_under_best_of(tmp_path: Path) -> None:
    """A best-of-k plan serves the highest score, logged as a mark."""
    rng = random.Random(5)

    async def _scene(hook: CoinHook) -> Any:
        data = call()
        await hook.async_pre_call_hook(key(), None, data, "acompletion")
        return await hook.async_post_call_success_hook(data, key(), chat_answer(1, some_text(rng)))

    plan = a_plan(best_of={"share": 1.0, "k": 4})
    out, _ = played(tmp_path, plan, drawing(rng), _scene)
    (mark,) = ledger.marks(tmp_path / "ledger")
    score = PlanKeys.of(MASTER, plan).mark.word_score(out["choices"][0]["message"]["content"])
    assert abs(score - max(mark.scores)) < 1e-6 and len(mark.scores) == 4


def test_a_field_that_litellm_does_not_have_is_refused(tmp_path: Path) -> None:
    """The account must be a field of LiteLLM's key record."""
    with pytest.raises(ConfigError, match="no field `name`"):
        coin_hook(plans=[], ledger="l", store="s", key_file="k", account="name")


def test_it_is_what_litellm_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real LiteLLM: one of its callbacks, with its own arguments, and its own answers are served and logged."""
    litellm = pytest.importorskip("litellm", reason="needs litellm: pip install litellm")
    from litellm.integrations.custom_logger import CustomLogger

    monkeypatch.setattr("stillhunt.trace.plan.Plan.standing", lambda plan, now: None)
    rng = random.Random(6)

    async def _draw(body: dict[str, Any]) -> Any:
        return await litellm.acompletion(**{**body, "model": "gpt-4o"}, mock_response=some_text(rng), api_key="none")

    text = '[plan]\ncampaign = "c"\naccounts = ["bad-1"]\nexpires = 2999-01-01T00:00:00Z\n[coin]\nshare = 1.0\nk = 3\n'
    (tmp_path / "plan.toml").write_text(text)
    where = {name: str(tmp_path / name) for name in ("ledger", "store", "key_file")}
    hook = coin_hook(plans=[str(tmp_path / "plan.toml")], **where, draw=_draw)
    assert isinstance(hook, CustomLogger)
    for name, method in vars(CoinHook).items():
        if name.startswith("async_"):
            ours, theirs = inspect.signature(method), inspect.signature(getattr(CustomLogger, name))
            assert list(ours.parameters) == list(theirs.parameters), name

    async def _scene() -> list[str]:
        texts = []
        for number, stream in ((1, False), (2, True)):
            data = call(f"question {number}", stream=stream)
            await hook.async_pre_call_hook(key(), None, data, "acompletion")
            first = await _draw({name: data[name] for name in ("messages", "stream", "temperature")})
            if stream:
                came = [piece async for piece in hook.async_post_call_streaming_iterator_hook(key(), first, data)]
                texts.append("".join(piece.choices[0].delta.content or "" for piece in came))
            else:
                answer = await hook.async_post_call_success_hook(data, key(), first)
                texts.append(answer.choices[0].message.content)
        return texts

    texts = asyncio.run(_scene())
    hook.writer.close()
    from stillhunt.trace.keys import read_master

    with Store.open(tmp_path / "store", read_master(tmp_path / "key_file", make=False)) as store:
        coins = ledger.coins(tmp_path / "ledger")
        assert [store.text(coin.candidates[coin.served]) for coin in coins] == texts
        assert [len(coin.candidates) for coin in coins] == [3, 3]
