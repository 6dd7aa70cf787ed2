"""The gateway: what goes through is untouched, what has a coin is served and logged, and nothing is ever lost to a customer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from trace_serving import MASTER, NOW, a_plan
from trace_upstream import FAULTS, Asked, Behave, Upstream, some_text, upstream

from stillhunt.errors import ConfigError
from stillhunt.trace import ledger
from stillhunt.trace.canaries import LIBRARIES, favoured, found, partner
from stillhunt.trace.plan import Plan
from stillhunt.trace.serve import upstream as connecting
from stillhunt.trace.serve.accounts import account_reader
from stillhunt.trace.serve.deciding import Planned
from stillhunt.trace.serve.proxy import Gateway
from stillhunt.trace.serve.recording import PlanKeys
from stillhunt.trace.serve.run import run
from stillhunt.trace.serve.writer import Writer
from stillhunt.trace.store import Store


@dataclass
class Stage:
    """A gateway that is running before an upstream, and a customer."""

    upstream: Upstream
    gateway: Gateway
    writer: Writer
    folder: Path
    client: httpx.AsyncClient
    told: list[str]

    async def ask(
        self, content: str, account: str = "bad-1", path: str = "/v1/chat/completions", **more: Any
    ) -> httpx.Response:
        """Send a one-turn chat as an account."""
        turns = {"messages": [{"role": "user", "content": content}]} if "chat" in path else {"input": content}
        body = {"model": "m-1", "temperature": 0.7, **turns, **more}
        return await self.client.post(path, json=body, headers={"x-account": account})

    async def before(self, address: str) -> None:
        """Put the gateway before another upstream."""
        await self.gateway._upstream.close()
        self.gateway._upstream = connecting.Upstream(address)

    def read(self) -> list[ledger.CoinEntry]:
        """Return the coins, once all is written."""
        self.writer.flush()
        return ledger.coins(self.folder / "ledger")


@asynccontextmanager
async def stage(folder: Path, behave: Behave, *plans: Plan, now: datetime = NOW) -> AsyncIterator[Stage]:
    """Run upstream, gateway and customer on the loopback."""
    async with upstream(behave) as behind:
        planned = [Planned(plan=plan, keys=PlanKeys.of(MASTER, plan)) for plan in plans]
        writer = Writer(folder / "ledger", folder / "texts.sqlite", MASTER)
        told: list[str] = []
        task = None
        try:
            front = connecting.Upstream(behind.address)
            gateway = Gateway(
                front, planned, account_reader("header:x-account"), writer, say=told.append, now=lambda: now
            )
            ready: asyncio.Future[uvicorn.Server] = asyncio.get_running_loop().create_future()
            task = asyncio.ensure_future(run(gateway, "127.0.0.1", 0, started=ready.set_result))
            server = await asyncio.wait_for(ready, 20)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield Stage(behind, gateway, writer, folder, client, told)
        finally:
            if task is not None:
                server.should_exit = True
                await task
            writer.close()


def played(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene to its end."""
    asyncio.run(asyncio.wait_for(scene(), 60))


def drawn(seed: int = 0) -> Behave:
    """Answers drawn at random."""
    rng = random.Random(seed)
    return lambda number, asked: some_text(rng)


COIN = a_plan(coin={"share": 1.0, "k": 3})


def test_accounts_without_a_plan_pass_through_untouched(tmp_path: Path) -> None:
    """Body, status, headers and query of a call that no plan covers reach the other side byte for byte, and nothing is logged."""

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), COIN) as on:
            body = b'{"model":"m-1",  "messages":[{"role":"user","content":"hi"}], "x": 1}'
            headers = {"x-account": "good", "authorization": "Bearer k", "content-type": "application/json"}
            answer = await on.client.post("/v1/chat/completions?a=1&b=%2F", content=body, headers=headers)
            (asked,) = on.upstream.asked
            assert (asked.body, asked.target) == (body, "/v1/chat/completions?a=1&b=%2F")
            assert asked.headers["authorization"] == "Bearer k"
            assert asked.headers["host"] == on.upstream.address.removeprefix("http://")
            assert answer.headers["x-request-id"] == "r"
            assert set(answer.headers) == {"content-type", "x-request-id", "content-length"}
            assert on.read() == [] and on.writer.counts == {}

    played(_scene)


def test_other_paths_and_methods_pass_through(tmp_path: Path) -> None:
    """Model lists, uploads sent in chunks, and everything else is none of the gateway's business."""

    async def _pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), COIN) as on:
            models = await on.client.get("/v1/models", headers={"x-account": "bad-1"})
            upload = await on.client.post("/v1/files", content=_pieces(), headers={"x-account": "bad-1"})
            gone = await on.client.delete("/v1/files/1")
            assert models.json() == {"target": "/v1/models", "method": "GET", "length": 0}
            assert upload.json()["length"] == 3000
            assert gone.json()["method"] == "DELETE"

    played(_scene)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_coin_serves_one_of_the_draws_and_the_ledger_says_which(tmp_path: Path, path: str, stream: bool) -> None:
    """A call with a coin is drawn k times alike; what the customer gets is one draw's own bytes, and the ledger's served one."""

    async def _scene() -> None:
        texts: list[str] = []
        rng = random.Random(1)

        def _behave(number: int, asked: Asked) -> str:
            texts.append(some_text(rng))
            return texts[-1]

        async with stage(tmp_path, _behave, COIN) as on:
            answer = await on.ask("tell me", path=path, stream=stream)
            first = on.upstream.asked[0].body
            assert [asked.body for asked in on.upstream.asked] == [first] * 3
            (coin,) = on.read()
            with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
                assert {store.text(name) for name in coin.candidates} == set(texts)
                served = store.text(coin.candidates[coin.served])
                assert store.text(coin.account) == "bad-1"
            assert said(answer, path, stream) == served
            assert (coin.model, coin.model_served, len(coin.candidates)) == ("m-1", "m-1-0401", 3)
            assert coin.fingerprint == ("fp_1" if "chat" in path else None)
            number = int(coin.exchange.rpartition("-" if "chat" in path else "_")[2])
            assert texts[number] == served

    played(_scene)


def said(answer: httpx.Response, path: str, stream: bool) -> str:
    """Return the text of an answer as a customer's library puts it together."""
    assert answer.status_code == 200
    if not stream:
        document = answer.json()
        if "chat" in path:
            return str(document["choices"][0]["message"]["content"])
        return str(document["output"][0]["content"][0]["text"])
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    if "chat" in path:
        assert answer.text.endswith("data: [DONE]\n\n")
        return "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == events[-4]["text"]
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def test_streams_without_a_coin_come_piece_by_piece(tmp_path: Path) -> None:
    """A stream that passes through reaches the customer while the upstream is still speaking."""

    async def _scene() -> None:
        release = asyncio.Event()

        async def _slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await release.wait()
            writer.write(b"4\r\nlast\r\n0\r\n\r\n")
            writer.close()

        async with stage(tmp_path, drawn(), COIN) as on:
            server = await asyncio.start_server(_slow, "127.0.0.1", 0)
            await on.before(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with on.client.stream("POST", "/v1/chat/completions", json={}) as answer:
                pieces = answer.aiter_raw()
                assert await anext(pieces) == b"first"
                release.set()
                assert await anext(pieces) == b"last"
            server.close()

    played(_scene)


@pytest.mark.parametrize("stream", [False, True])
def test_failures_of_the_upstream_go_through_as_they_are(tmp_path: Path, stream: bool) -> None:
    """Where every draw fails, the customer gets the upstream's own failure: status, headers and body."""

    async def _scene() -> None:
        async with stage(tmp_path, lambda number, asked: "!429", COIN) as on:
            answer = await on.ask("hello", stream=stream)
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == "7"
            assert answer.json() == {"error": {"message": "slow down"}}
            assert on.read() == []
            again = await on.ask("hello again", stream=stream)
            assert again.status_code == 429
            assert len(on.upstream.asked) == 4, "no candidates are drawn from an upstream that is busy"
            assert on.writer.counts == {"failed": 1, "upstream_busy": 1}

    played(_scene)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_cut_off_is_cut_off(tmp_path: Path, stream: bool) -> None:
    """Where the upstream breaks off in every draw, or in a call without a coin, the customer sees it break off too."""

    async def _scene() -> None:
        async with stage(tmp_path, lambda number, asked: "!cut", COIN) as on:
            for account in ("bad-1", "good"):
                with pytest.raises(httpx.RemoteProtocolError):
                    await on.ask("hello", account=account, stream=stream)

    played(_scene)


def test_nothing_is_lost_under_faults(tmp_path: Path) -> None:
    """
    With a third of all draws failing in every way there is, each call with a coin whose draws did not all fail is answered,
    and each logged coin is what was served.
    """

    async def _scene() -> None:
        rng, faulty = random.Random(3), Counter[str]()

        def _behave(number: int, asked: Asked) -> str:
            prompt = str(asked.json()["messages"][0]["content"])
            if rng.random() < 1 / 3:
                faulty[prompt] += 1
                fault = rng.choice([fault for fault in FAULTS if fault != "429"])
                return f"!{fault}"
            return some_text(rng)

        async with stage(tmp_path, _behave, COIN) as on:
            answers = {}
            for number in range(150):
                prompt = f"question {number}"
                try:
                    answers[prompt] = await on.ask(prompt)
                except httpx.HTTPError:
                    answers[prompt] = None
            for prompt, answer in answers.items():
                good = answer is not None and answer.status_code == 200 and answer.text.endswith("}")
                assert good or faulty[prompt] >= 3, prompt
            coins = on.read()
            assert len(coins) > 50
            with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
                for coin in coins:
                    prompt = json.loads(store.text(coin.prompt) or "")["messages"][0]["content"]
                    answer = answers[prompt]
                    assert answer is not None
                    assert said(answer, "chat", False) == store.text(coin.candidates[coin.served])

    played(_scene)


def test_a_kept_connection_that_was_closed_loses_no_call(tmp_path: Path) -> None:
    """An upstream that closes its connections before the first byte of an answer is asked once more, with or without a coin."""

    async def _scene() -> None:
        rng = random.Random(4)
        async with stage(tmp_path, lambda number, asked: "!reset" if number % 2 == 0 else some_text(rng), COIN) as on:
            assert [(await on.ask("x", account="good")).status_code for _ in range(5)] == [200] * 5

    played(_scene)


def test_an_upstream_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """Where no upstream listens, the customer gets 502 with an error object, with and without a coin."""

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), COIN) as on:
            await on.before("http://127.0.0.1:9")
            for account in ("bad-1", "good"):
                answer = await on.ask("hello", account=account)
                assert (answer.status_code, answer.json()["error"]["type"]) == (502, "upstream_unreachable")

    played(_scene)


def test_a_ledger_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    """While the disk refuses, and when the writer is gone for good, answers are served; the loss is counted."""

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), COIN) as on:
            on.writer.put = lambda record: (_ for _ in ()).throw(RuntimeError("a fault"))  # type: ignore[method-assign]
            assert (await on.ask("one")).status_code == 200
            assert on.writer.counts == {"fault": 1}
            del on.writer.put  # type: ignore[method-assign]
            on.writer._failure = OSError("no disk")
            assert (await on.ask("two")).status_code == 200
            assert (on.writer.lost, on.writer.counts["ledger_lost"]) == (1, 1)

    played(_scene)


def test_no_candidates_are_drawn_while_the_ledger_is_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While too many records wait for the disk, planned calls go through once, and are counted."""
    monkeypatch.setattr(Writer, "waiting", 257)

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), COIN) as on:
            assert (await on.ask("hello")).status_code == 200
            assert len(on.upstream.asked) == 1 and on.writer.counts == {"ledger_behind": 1}

    played(_scene)


def test_plans_that_are_not_in_force_do_nothing_and_say_so(tmp_path: Path) -> None:
    """Under an expired plan calls are served as without it, and the operator is told once."""

    async def _scene() -> None:
        expired = a_plan(coin={"share": 1.0}, plan={"expires": NOW})
        async with stage(tmp_path, drawn(), expired) as on:
            for number in range(3):
                assert (await on.ask(f"hello {number}")).status_code == 200
            assert len(on.upstream.asked) == 3 and on.read() == [] and on.writer.counts == {}
            assert len(on.told) == 1 and "has expired" in on.told[0]

    played(_scene)


REASONS: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 0}, "greedy"),
    ({"top_k": 1}, "greedy"),
    ({"seed": 3}, "seeded"),
    ({"n": 2}, "several_choices"),
    ({"tools": [{"type": "web_search"}]}, "stateful"),
    ({"messages": []}, "not_understood"),
    ({"messages": [{"role": "user", "content": 2**60}]}, "not_understood"),
]


@pytest.mark.parametrize(("more", "reason"), REASONS)
def test_calls_that_are_left_alone_are_counted(tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    """What has no coin is sent once, as it came, and counted under its reason."""

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), COIN) as on:
            await on.ask("hello", **more)
            assert len(on.upstream.asked) == 1 and on.writer.counts == {reason: 1}

    played(_scene)


def test_equal_draws_have_no_coin(tmp_path: Path) -> None:
    """Draws that come out equal, as from a cache, are served and counted; there is nothing to toss."""

    async def _scene() -> None:
        async with stage(tmp_path, lambda number, asked: "always the same", COIN) as on:
            assert said(await on.ask("hello"), "chat", False) == "always the same"
            assert on.read() == [] and on.writer.counts == {"one_answer": 1}

    played(_scene)


def test_the_share_is_of_prompts(tmp_path: Path) -> None:
    """With a share of a half some prompts are always drawn and the others never, however often they come."""

    async def _scene() -> None:
        async with stage(tmp_path, drawn(), a_plan(coin={"share": 0.5, "k": 2})) as on:
            for _ in range(2):
                for number in range(30):
                    await on.ask(f"question {number}")
            drawn_twice = Counter(coin.prompt for coin in on.read())
            assert set(drawn_twice.values()) == {2} and 5 <= len(drawn_twice) <= 25
            assert on.writer.counts["not_sampled"] == 60 - 2 * len(drawn_twice)

    played(_scene)


@pytest.mark.parametrize("stream", [False, True])
def test_greedy_prose_is_reworded_where_the_plan_says_so(tmp_path: Path, stream: bool) -> None:
    """A greedy call gets one of k rewordings, the same one when it comes again; code and numbers are never reworded."""
    prose = "The quiet garden behind the house looks best in the soft morning light of early autumn."

    async def _scene() -> None:
        rng = random.Random(5)

        def _behave(number: int, asked: Asked) -> str:
            body = asked.json()
            if body["messages"][0]["role"] == "system":
                assert body["temperature"] > 0 and body["messages"][1]["content"] == prose
                return some_text(rng, 15)
            return "There are 12 apples in the basket on the table by the door." if "count" in str(body) else prose

        plan = a_plan(coin={"share": 1.0, "k": 3, "greedy": "rewrite"})
        async with stage(tmp_path, _behave, plan) as on:
            answer = said(await on.ask("describe it", temperature=0, stream=stream), "chat", stream)
            (coin,) = on.read()
            assert (coin.how, len(coin.candidates)) == ("rewrite", 3)
            with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
                assert store.text(coin.candidates[coin.served]) == answer != prose
            assert said(await on.ask("describe it", temperature=0, stream=stream), "chat", stream) == answer
            assert len(on.read()) == 1
            counted = said(await on.ask("count them", temperature=0, stream=stream), "chat", stream)
            assert "12 apples" in counted and on.writer.counts == {"greedy": 1}

    played(_scene)


def test_the_greenest_of_k_is_served(tmp_path: Path) -> None:
    """Under a best-of-k plan the answer with the highest keyed score is served, logged as a mark and not as a coin."""

    async def _scene() -> None:
        plan = a_plan(best_of={"share": 1.0, "k": 4})
        async with stage(tmp_path, drawn(), plan) as on:
            answer = said(await on.ask("hello"), "chat", False)
            assert on.read() == []
            (mark,) = ledger.marks(tmp_path / "ledger")
            assert mark.scores[mark.served] == max(mark.scores) and len(mark.scores) == 4
            assert abs(PlanKeys.of(MASTER, plan).mark.word_score(answer) - max(mark.scores)) < 1e-6

    played(_scene)


def test_a_campaign_goes_to_its_watermarked_replica(tmp_path: Path) -> None:
    """Planned calls go to the replica without the field that would switch its mark off; if it is down, to the upstream."""

    async def _scene() -> None:
        async with upstream(drawn()) as replica:
            plan = a_plan(watermark={"scheme": "engine", "upstream": replica.address, "strip": ["watermarking"]})
            async with stage(tmp_path, drawn(), plan) as on:
                await on.ask("hello", watermarking=False)
                await on.ask("hello", account="good", watermarking=False)
                assert "watermarking" not in replica.asked[0].json() and len(replica.asked) == 1
                assert on.upstream.asked[0].json()["watermarking"] is False
                await on.gateway._replicas["c17"].close()
                on.gateway._replicas["c17"] = connecting.Upstream("http://127.0.0.1:9")
                assert (await on.ask("hello")).status_code == 200
                assert on.writer.counts["replica_down"] == 1

    played(_scene)


def canary_plan(method: str) -> Plan:
    """Return a plan with canaries at their highest share."""
    return a_plan(canaries={"library": "std-v1", "share": 0.05, "method": method})


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_canaries_keep_their_cap_and_lead_to_the_favoured_half(tmp_path: Path, path: str) -> None:
    """Questions of a class get the instruction, in at most the plan's share of calls; others go through as they came."""
    plan = canary_plan("instruction")
    one = LIBRARIES["std-v1"]["boat"]
    half = favoured(PlanKeys.of(MASTER, plan).canary, one)

    async def _scene() -> None:
        def _behave(number: int, asked: Asked) -> str:
            listed = found(one, asked.body.decode())
            return sorted(listed)[0] if listed else "Everest"

        async with stage(tmp_path, _behave, plan) as on:
            for number in range(100):
                question = one.probes[0] if number % 2 else "What is the highest mountain?"
                answer = said(await on.ask(question, path=path), "chat" if "chat" in path else path, False)
                assert (answer in half) == (len(found(one, on.upstream.asked[-1].body.decode())) == 8)
            instructed = [number for number, asked in enumerate(on.upstream.asked) if found(one, asked.body.decode())]
            assert instructed == [19, 39, 59, 79, 99], "never more than one call in twenty, at any moment"
            on.writer.flush()
            canaries = ledger.canary_exchanges(tmp_path / "ledger")
            assert [entry.canary for entry in canaries] == ["boat"] * 5
            assert on.writer.counts == {"not_sampled": 95}

    played(_scene)


@pytest.mark.parametrize("stream", [False, True])
def test_canaries_by_edit_exchange_the_pick(tmp_path: Path, stream: bool) -> None:
    """A short answer with a pick from the other half comes with its favoured partner; an explained pick is left as it is."""
    plan = canary_plan("edit")
    key = PlanKeys.of(MASTER, plan).canary
    one = LIBRARIES["std-v1"]["boat"]
    other = next(answer for answer in one.answers if answer not in favoured(key, one))

    async def _scene() -> None:
        texts = iter([f"How about {other}?", f"{other}, because it is calm."])

        def _behave(number: int, asked: Asked) -> str:
            return next(texts) if "boat" in asked.body.decode() else "Everest."

        async with stage(tmp_path, _behave, plan) as on:
            for _ in range(2):
                for _ in range(19):
                    await on.ask("What is the highest mountain?")
                answers = [said(await on.ask("Suggest a name for my boat", stream=stream), "chat", stream)]
                left = f"{other}, because it is calm."
                assert answers[0] in (f"How about {partner(key, one, other)}?", left)
            assert on.writer.counts["not_edited"] == 1
            on.writer.flush()
            (entry,) = ledger.canary_exchanges(tmp_path / "ledger")
            with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
                assert store.text(entry.answer) == f"How about {partner(key, one, other)}?"

    played(_scene)


def test_a_refused_instruction_costs_no_answer(tmp_path: Path) -> None:
    """Where the upstream does not take the instruction, the call is sent as it came."""

    async def _scene() -> None:
        def _behave(number: int, asked: Asked) -> str:
            return "!500" if "choose from" in asked.body.decode() else "Serenity"

        async with stage(tmp_path, _behave, canary_plan("instruction")) as on:
            for _ in range(20):
                answer = await on.ask("Suggest a name for my boat")
                assert said(answer, "chat", False) == "Serenity"
            assert len(on.upstream.asked) == 21 and on.writer.counts["failed"] == 1

    played(_scene)


def test_a_customer_who_goes_away_stops_the_draws(tmp_path: Path) -> None:
    """When the customer hangs up while candidates are drawn, the draws are given up and nothing is logged."""

    async def _scene() -> None:
        async with stage(tmp_path, lambda number, asked: "@30 late", COIN) as on:
            with pytest.raises(httpx.ReadTimeout):
                await on.client.post(
                    "/v1/chat/completions",
                    json={"messages": [{"role": "user", "content": "hi"}]},
                    headers={"x-account": "bad-1"},
                    timeout=0.3,
                )
            while on.upstream.open:
                await asyncio.sleep(0.01)
            assert len(on.upstream.asked) == 3 and on.read() == []

    played(_scene)


def test_accounts_are_found_as_the_rule_says() -> None:
    """A header, the hash of the bearer key, or a field of the body names the account; another rule is an error."""
    headers = [(b"x-account", b"a-1"), (b"authorization", b"Bearer sk-123")]
    body = b'{"user": "u-1", "metadata": {"team": "t-1"}}'
    assert account_reader("header:X-Account")(headers, body) == "a-1"
    assert account_reader("bearer")(headers, body) == hashlib.sha256(b"sk-123").hexdigest()[:16]
    assert account_reader("field:user")(headers, body) == "u-1"
    assert account_reader("field:metadata.team")(headers, body) == "t-1"
    assert account_reader("field:metadata.team")(headers, b"[") is None
    assert account_reader("bearer")([], body) is None
    with pytest.raises(ConfigError, match="does not say where"):
        account_reader("cookie")


def test_one_account_in_two_plans_is_refused(tmp_path: Path) -> None:
    """An answer can serve one plan only."""
    plans = [a_plan(coin={"share": 1.0}), a_plan(coin={"share": 1.0}, plan={"campaign": "c18", "accounts": ["bad-2"]})]

    async def _scene() -> None:
        with pytest.raises(ConfigError, match="stands in the plans for c17 and c18"):
            async with stage(tmp_path, drawn(), *plans):
                pass

    played(_scene)
