"""`stillhunt trace serve` as an operator runs it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from trace_upstream import free_port, some_text, upstream

from stillhunt.cli import main
from stillhunt.seal.keys import generate
from stillhunt.trace import ledger
from stillhunt.trace.keys import read_master
from stillhunt.trace.store import Store

PLAN = """
[plan]
campaign = "c17"
accounts = ["bad-1"]
approver = "duty officer"
approved_at = 2020-01-01T00:00:00Z
expires = 2999-01-01T00:00:00Z
[coin]
share = 1.0
"""


def a_plan(folder: Path, text: str = PLAN) -> Path:
    """Write a plan and return its file."""
    path = folder / "plan.toml"
    path.write_text(text)
    return path


@contextmanager
def gateway(folder: Path, address: str, *more: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """Run the command before an upstream; gives the process, its address, and what it has said until it listens."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "stillhunt",
        "trace",
        "serve",
        "--plan",
        str(a_plan(folder)),
        "--upstream",
        address,
    ]
    command += ["--listen", f"127.0.0.1:{port}", "--account", "header:x-account", "--ledger", str(folder / "ledger")]
    command += ["--store", str(folder / "texts.sqlite"), "--key-file", str(folder / "key"), *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if "listening" in line:
                    break
            yield process, f"http://127.0.0.1:{port}", said
        finally:
            process.kill()


async def asked(address: str, n: int) -> list[str]:
    """Ask n questions as a planned account, and return the answers."""
    answers = []
    async with httpx.AsyncClient(base_url=address, headers={"x-account": "bad-1"}, timeout=20) as client:
        for number in range(n):
            for _ in range(200):
                body = {"messages": [{"role": "user", "content": f"question {number}"}]}
                try:
                    answer = await client.post("/v1/chat/completions", json=body)
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
            answers.append(str(answer.json()["choices"][0]["message"]["content"]))
    return answers


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_gateway_is_run_stopped_and_killed(tmp_path: Path, ending: signal.Signals) -> None:
    """What customers got is in the ledger when the gateway is told to stop; after a kill, as far as it goes."""
    rng = random.Random(2)

    async def _scene() -> tuple[list[str], subprocess.Popen[str], str]:
        async with upstream(lambda number, _: some_text(rng)) as behind:
            loop = asyncio.get_running_loop()
            with gateway(tmp_path, behind.address) as (process, address, said):
                answers = await asked(address, 10)
                process.send_signal(ending)
                assert process.stderr is not None
                rest = await loop.run_in_executor(None, process.stderr.read)
                await loop.run_in_executor(None, process.wait)
            return answers, process, "".join(said) + rest

    answers, process, told = asyncio.run(_scene())
    coins = ledger.coins(tmp_path / "ledger")
    with Store.open(tmp_path / "texts.sqlite", read_master(tmp_path / "key", make=False)) as store:
        served = [store.text(coin.candidates[coin.served]) for coin in coins]
        prompts = [json.loads(store.text(coin.prompt) or "")["messages"][0]["content"] for coin in coins]
    assert served == answers[: len(served)]
    assert prompts == [f"question {n}" for n in range(len(prompts))]
    assert "the plan for c17 is in force" in told and "not signed" in told
    assert os.stat(tmp_path / "key").st_mode & 0o077 == 0
    if ending is signal.SIGTERM:
        assert process.returncode == 0 and len(served) == 10
        assert "stopped. 11 lines written, 0 lost" in told
    assert len(ledger.plans(tmp_path / "ledger")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--upstream", "nowhere"], "is no address"),
        (["--listen", "x"], "`--listen x` is no address"),
        (["--account", "cookie"], "does not say where the account"),
        (["--seal-key", "nothing.pem"], "cannot be read"),
        (["--plan", "nothing.toml"], "this plan cannot be read"),
    ],
)
def test_wrong_options_are_errors_with_a_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    """Whatever is wrong is said before a connection is taken, without a traceback."""
    words = ["trace", "serve", "--plan", str(a_plan(tmp_path)), "--upstream", "http://127.0.0.1:9"]
    words += ["--ledger", str(tmp_path / "l"), "--store", str(tmp_path / "s"), "--key-file", str(tmp_path / "k")]
    assert main([*words, *options]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second server on a port says so, and the ledger is left whole."""
    generate(tmp_path / "seal.pem", None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = ["trace", "serve", "--plan", str(a_plan(tmp_path)), "--upstream", "http://127.0.0.1:9"]
        words += ["--listen", f"127.0.0.1:{other.getsockname()[1]}", "--seal-key", str(tmp_path / "seal.pem")]
        words += ["--ledger", str(tmp_path / "l"), "--store", str(tmp_path / "s"), "--key-file", str(tmp_path / "k")]
        assert main(words) == 2
    assert "cannot listen here" in capsys.readouterr().err
    assert ledger.coins(tmp_path / "l") == []
