"""
The gateway under load: what it adds to a call, what it loses when the upstream fails, and what is left after kill -9.

    python bench/trace_proxy.py [--seconds 20] [--calls 600]     # about six minutes; loopback only

Writes `bench/results/trace_proxy.md`.

Three processes: a pretended upstream (`tests/trace_upstream.py`), the gateway (`stillhunt trace serve`), and this one.

1. Latency: calls at a quiet pace, direct, through a bare relay and through the gateway in turn. For a call with a coin, direct
   means k calls side by side, all waited for: what remains is what the gateway adds beyond drawing candidates. The relay is a
   process that passes bytes on and looks at none: it shows what any process in between costs on this machine at this hour.
2. Throughput: as many calls as go through with 32 customers.
3. Faults: a share of all upstream answers fail. Each call carries a number, and the upstream writes down which of its draws
   failed. A call is lost when the customer got no good answer though one of its draws succeeded.
4. kill -9 under load: the chain must hold, and every line's texts must be there.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpcore

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from trace_upstream import free_port  # noqa: E402

from stillhunt.trace import ledger  # noqa: E402
from stillhunt.trace.keys import read_master  # noqa: E402
from stillhunt.trace.store import Store  # noqa: E402

K = 2
PLAN = f"""
[plan]
campaign = "bench"
accounts = ["planned"]
approver = "bench"
approved_at = 2020-01-01T00:00:00Z
expires = 2999-01-01T00:00:00Z
[coin]
share = 1.0
k = {K}
"""
POLICIES = {os.SCHED_OTHER: "as any other process", os.SCHED_FIFO: "first in first out (`chrt -f 10`)"}
Once = Callable[[int], Awaitable[bool]]


@contextmanager
def running(*command: str, ready: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process until the end of the block, from the moment that it says it is ready."""
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if ready in line:
                break
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def body_of(number: int, stream: bool = False) -> bytes:
    """Return a request of about a kilobyte whose first word is its number."""
    content = f"{number} " + "please compare the two proposals and say which is clearer " * 15
    turns = [{"role": "user", "content": content}]
    return json.dumps({"model": "m", "temperature": 0.7, "stream": stream, "messages": turns}).encode()


class Customer:
    """Sends calls over kept connections, as an account."""

    def __init__(self, port: int, account: str, stream: bool = False) -> None:
        """Prepare to send to a port of the loopback."""
        self.pool = httpcore.AsyncConnectionPool(max_connections=None, max_keepalive_connections=100)
        self.url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self.account = account
        self.stream = stream

    async def once(self, number: int) -> bool:
        """Send one call; return whether a good answer came."""
        headers = {"x-account": self.account, "content-type": "application/json"}
        try:
            answer = await self.pool.request("POST", self.url, headers=headers, content=body_of(number, self.stream))
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            return False
        ending = b"[DONE]\n\n" if self.stream else b"}"
        return answer.status == 200 and answer.content.endswith(ending) and b'"choices"' in answer.content

    async def side_by_side(self, number: int) -> bool:
        """Send k calls at once, and wait for all."""
        return all(await asyncio.gather(*(self.once(number) for _ in range(K))))


def quantile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def in_turn(ways: tuple[Once, ...], calls: int) -> tuple[list[float], ...]:
    """Time three ways in turn, each so many times, in ms; which goes first changes every time."""
    times: tuple[list[float], ...] = ([], [], [])
    for number in range(40):
        for way in ways:
            await way(number)
    for number in range(100, 100 + calls):
        for place in range(3):
            way = (number + place) % 3
            started = time.perf_counter()
            assert await ways[way](number)
            times[way].append((time.perf_counter() - started) * 1000)
    return times


async def crowd(once: Once, customers: int, seconds: float, first: int = 0) -> tuple[int, set[int]]:
    """Send calls by several customers for some seconds; return how many were sent and the numbers of those not answered."""
    until = time.monotonic() + seconds
    numbers = iter(range(first, 10**9))
    unanswered: set[int] = set()
    sent = 0

    async def _one() -> None:
        nonlocal sent
        while time.monotonic() < until:
            number = next(numbers)
            sent += 1
            if not await once(number):
                unanswered.add(number)

    await asyncio.gather(*(_one() for _ in range(customers)))
    return sent, unanswered


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def stage(folder: Path, delay_ms: float, faults: float) -> Iterator[tuple[int, int, int, Path]]:
    """Run upstream and gateway; gives both ports, the gateway's process id, and where the upstream writes its draws down."""
    behind, front = free_port(), free_port()
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    draws = folder / "draws.txt"
    program = ("tests/trace_upstream.py", str(behind), str(delay_ms), str(faults), str(draws))
    serve = ["-m", "stillhunt", "trace", "serve", "--plan", str(plan), "--upstream", f"http://127.0.0.1:{behind}"]
    serve += ["--listen", f"127.0.0.1:{front}", "--account", "header:x-account", "--ledger", str(folder / "ledger")]
    serve += ["--store", str(folder / "texts.sqlite"), "--key-file", str(folder / "key")]
    with running(*program, ready="ready"), running(*serve, ready="listening") as process:
        wait_for(front)
        yield behind, front, process.pid, draws


@contextmanager
def relay(behind: int) -> Iterator[int]:
    """Run a process that passes bytes on to a port and back, as they come; gives its own port."""
    port = free_port()
    with running("bench/trace_proxy.py", "--relay", str(port), str(behind), ready="ready"):
        yield port


async def relayed(port: int, behind: int) -> None:
    """Pass bytes on from one port to another and back, for ever."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    print("ready", file=sys.stderr, flush=True)
    await server.serve_forever()


def wait_for(port: int) -> None:
    """Wait until somebody listens on a port of the loopback."""
    import socket

    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the gateway does not listen")


def latency(folder: Path, calls: int) -> list[str]:
    """Return the rows of added latency."""
    rows = []
    for delay_ms in (0.0, 20.0):
        with stage(folder, delay_ms, 0.0) as (behind, front, _, _), relay(behind) as between:
            for label, account, stream in (
                ("no plan, passes through", "other", False),
                (f"coin, k = {K}", "planned", False),
                (f"coin, k = {K}, streamed", "planned", True),
            ):
                before, middle, after = (Customer(port, account, stream) for port in (behind, between, front))
                draws = (c.side_by_side if account == "planned" else c.once for c in (before, middle))
                ways = (*draws, after.once)
                rows.append(latency_row(f"{label} | {delay_ms:g}", *asyncio.run(in_turn(ways, calls))))
                print(rows[-1], flush=True)
        for path in folder.glob("*"):
            if path.is_file() and path.name != "plan.toml":
                path.unlink()
        for path in (folder / "ledger").glob("*"):
            path.unlink()
    return rows


def latency_row(head: str, direct: list[float], relayed: list[float], through: list[float]) -> str:
    """Return a row: median and 99th percentile of each way, and what relay and gateway add to those of the direct call."""
    figures = [(quantile(values, 0.5), quantile(values, 0.99)) for values in (direct, relayed, through)]
    added = [(m - figures[0][0], p - figures[0][1]) for m, p in figures[1:]]
    return f"| {head} | {len(direct):,} | " + " | ".join(f"{m:.2f}, {p:.2f}" for m, p in (*figures, *added)) + " |"


def throughput(folder: Path, seconds: float) -> list[str]:
    """Return the rows of calls a second, and of CPU time for each call."""
    rows = []
    for label, account in (("no plan, passes through", "other"), (f"coin, k = {K}", "planned")):
        with stage(folder, 0.0, 0.0) as (_, front, pid, _):
            used = cpu_s(pid)
            started = time.monotonic()
            sent, unanswered = asyncio.run(crowd(Customer(front, account).once, 32, seconds))
            wall, used = time.monotonic() - started, cpu_s(pid) - used
        rows.append(f"| {label} | {sent:,} | {sent / wall:,.0f} | {used / sent * 1000:.2f} | {len(unanswered)} |")
        print(rows[-1], flush=True)
    return rows


def faults(folder: Path, seconds: float) -> list[str]:
    """Return the rows of calls lost while the upstream fails."""
    rows = []
    for share in (0.05, 0.3):
        for label, account in (("no plan, passes through", "other"), (f"coin, k = {K}", "planned")):
            with stage(folder, 2.0, share) as (_, front, _, draws):
                sent, unanswered = asyncio.run(crowd(Customer(front, account).once, 16, seconds))
                lines = draws.read_text().split()
            fine = {int(line[1:]) for line in lines if line.startswith("+")}
            failed = sum(line.startswith("-") for line in lines)
            lost = unanswered & fine
            rows.append(f"| {label} | {share:.0%} | {sent:,} | {failed:,} | {len(unanswered):,} | **{len(lost)}** |")
            print(rows[-1], flush=True)
            draws.unlink()
    return rows


def killed(folder: Path, seconds: float) -> list[str]:
    """Return what is left of the ledger after kill -9 under load, three times one after another."""
    rows = []
    for time_ in range(3):
        with stage(folder, 0.0, 0.0) as (_, front, pid, _):
            good: set[int] = set()
            customer = Customer(front, "planned")

            async def _once(number: int, customer: Customer = customer, good: set[int] = good) -> bool:
                answered = await customer.once(number)
                if answered:
                    good.add(number)
                else:
                    await asyncio.sleep(0.05)
                return answered

            async def _scene(once: Once = _once, pid: int = pid, first: int = time_ * 10**6) -> None:
                load = asyncio.ensure_future(crowd(once, 16, seconds, first))
                await asyncio.sleep(seconds * 0.7)
                os.kill(pid, signal.SIGKILL)
                await load

            asyncio.run(_scene())
            coins = ledger.coins(folder / "ledger")
            with Store.open(folder / "texts.sqlite", read_master(folder / "key", make=False)) as store:
                whole = all(store.text(name) is not None for coin in coins for name in (*coin.candidates, coin.prompt))
                logged = {number_of(store.text(coin.prompt)) for coin in coins}
        size = (folder / "ledger" / "journal.jsonl").stat().st_size / 2**20
        missing = len(good - logged)
        row = f"| {time_ + 1} | {len(good):,} | {len(coins):,} | {missing} | holds | {'all there' if whole else 'MISSING'} |"
        rows.append(f"{row} {size:.1f} |")
        print(rows[-1], flush=True)
    return rows


def number_of(prompt: str | None) -> int:
    """Return the number at the head of a prompt."""
    assert prompt is not None
    return int(json.loads(prompt)["messages"][0]["content"].split(" ", 1)[0])


def main() -> None:
    """Run all four parts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--calls", type=int, metavar="N", default=600, help="calls of each way for each row of latency")
    parser.add_argument("--relay", type=int, nargs=2, metavar=("PORT", "BEHIND"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.relay:
        asyncio.run(relayed(*arguments.relay))
    seconds = arguments.seconds
    load = os.getloadavg()[0]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    parts: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        parts.append(latency(Path(folder), arguments.calls))
    for part in (throughput, faults, killed):
        with tempfile.TemporaryDirectory() as folder:
            parts.append(part(Path(folder), seconds))
    text = PAGE.format(
        commit=commit,
        script=digest,
        seconds=seconds,
        calls=arguments.calls,
        cores=os.cpu_count(),
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        before=load,
        policy=POLICIES[os.sched_getscheduler(0)],
        after=os.getloadavg()[0],
        latency="\n".join(parts[0]),
        throughput="\n".join(parts[1]),
        faults="\n".join(parts[2]),
        killed="\n".join(parts[3]),
    )
    (ROOT / "bench" / "results" / "trace_proxy.md").write_text(text, encoding="utf-8")


PAGE = """# The gateway of tracing: added latency, load, faults, kill -9

`python bench/trace_proxy.py --seconds {seconds:g} --calls {calls}`, commit {commit} (script {script}); {system},
{cores} cores shared by customer, gateway and upstream.
Load of the machine (1-minute average): {before:.1f} before, {after:.1f} after;
the three processes are
scheduled {policy}. Where that is above the
number of cores and they are scheduled as any other, times, and the 99th percentiles most of all, also measure how long a
process waits for a core; scheduled first in first out, they come before all other work of the machine. The CPU time per
call, further below, depends on neither.

## Latency (ms)

Direct, through a bare relay and through the gateway in turn, one call at a time. For calls with a coin, direct and relayed mean
k calls side by side and all waited for: the difference is what the gateway adds beyond drawing candidates. The relay is a
process that passes bytes on and looks at none: what it adds is the price of any process in between, on this machine at this
hour, and no part of it is the gateway's own. Each cell has the median and the 99th percentile. Where direct or relayed calls
have a 99th percentile some milliseconds above their median, what the gateway adds at the 99th says more of the machine than of
the gateway. With an upstream that answers at once no process sleeps meanwhile, and other work of the machine gets in less.

| call | upstream takes | calls of each | direct | relayed | through | relay adds | **gateway adds** |
|---|---|---|---|---|---|---|---|
{latency}

## Load

32 customers at once, upstream without delay.

| call | calls | calls/s | gateway CPU ms/call | not answered |
|---|---|---|---|---|
{throughput}

## Calls lost while the upstream fails

Shares of all upstream answers fail: 500, closed before the first byte, cut off in the middle, malformed. *Lost* are calls
of which at least one draw succeeded and whose customer got no good answer. Not answered and not lost: every draw failed,
and the failure was passed on.

| call | failing | calls | failed upstream answers | not answered | lost |
|---|---|---|---|---|---|
{faults}

## After kill -9 under load

Three kills of one ledger, taken up again each time. *Not in the ledger* are answers that customers got in the moments before
the kill and whose coins were not on the disk yet: customers do not wait for the disk.

| kill | answers | coins in the ledger | not in the ledger | chain | texts | MiB |
|---|---|---|---|---|---|---|
{killed}
"""

if __name__ == "__main__":
    main()
