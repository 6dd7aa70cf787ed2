"""The gateway as a process: plans, keys and ledger opened, served by uvicorn until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from stillhunt.errors import ConfigError, StoreError
from stillhunt.seal.keys import open_signer
from stillhunt.trace.days import DaySealer
from stillhunt.trace.keys import read_master
from stillhunt.trace.plan import read_plan
from stillhunt.trace.serve.accounts import account_reader
from stillhunt.trace.serve.deciding import Planned
from stillhunt.trace.serve.proxy import Gateway
from stillhunt.trace.serve.recording import PlanKeys
from stillhunt.trace.serve.upstream import Upstream
from stillhunt.trace.serve.writer import Writer

Say = Callable[[str], None]
SWITCH_S = 0.0005
GRACE_S = 20
"""How long answers that are under way may take when the gateway is told to stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the command line says: see `stillhunt trace serve --help`."""

    plans: Sequence[Path]
    upstream: str
    listen: str
    account: str
    ledger: Path
    store: Path
    key_file: Path
    seal_key: Path | None = None
    passphrase: bytes | None = None


def command(arguments: argparse.Namespace, say: Say, out: Say) -> int:
    """Run `stillhunt trace serve`; see `stillhunt.trace.options`."""
    passphrase = os.environ.get("STILLHUNT_SEAL_PASSPHRASE")
    options = Options(
        plans=arguments.plan,
        upstream=arguments.upstream,
        listen=arguments.listen,
        account=arguments.account,
        ledger=arguments.ledger,
        store=arguments.store,
        key_file=arguments.key_file,
        seal_key=arguments.seal_key,
        passphrase=passphrase.encode() if passphrase else None,
    )
    serve(options, say=lambda text: say(f"stillhunt: {text}"))
    return 0


def serve(options: Options, *, say: Say) -> None:
    """
    Serve until SIGINT or SIGTERM, then finish what is under way and write what waits.

    Raises `ConfigError` for what is wrong in the options or plans, `StoreError` and `SealError` where ledger or store
    cannot be used, all before a connection is taken.
    """
    host, port = address_of(options.listen)
    upstream = Upstream(options.upstream)
    account_of = account_reader(options.account)
    plans = [read_plan(path) for path in options.plans]
    master = read_master(options.key_file, make=True)
    sealer = None
    if options.seal_key is not None:
        sealer = DaySealer(options.ledger, open_signer(options.seal_key, options.passphrase))
    else:
        say("days of the ledger are not signed: give a key with `--seal-key`.")
    planned = [Planned(plan=plan, keys=PlanKeys.of(master, plan)) for plan in plans]
    writer = Writer(options.ledger, options.store, master, sealed=sealer)
    # uvicorn stops at these and then raises them again, which would end the process before the ledger is closed.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        gateway = Gateway(upstream, planned, account_of, writer, say=say)
        say(f"listening on http://{options.listen}, before {options.upstream}; ledger in {options.ledger}.")
        # The thread that writes the ledger may keep the others waiting for so long; by default it is ten times as much.
        sys.setswitchinterval(SWITCH_S)
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(run(gateway, host, port))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()
        counted = ", ".join(f"{reason} {count:,}" for reason, count in sorted(writer.counts.items()))
        say(f"stopped. {writer.written:,} lines written, {writer.lost:,} lost. Without a coin: {counted or 'none'}.")
        if writer.trouble:
            say(f"the ledger could not be written at the end: {writer.trouble}")


async def run(
    gateway: Gateway, host: str, port: int, *, started: Callable[[uvicorn.Server], None] | None = None
) -> None:
    """
    Serve a gateway on a host and port (0: any free one) until the process is told to stop.

    `started` gets the server once it listens. Raises `StoreError` where the port is taken.
    """
    config = uvicorn.Config(
        gateway,
        host=host,
        port=port,
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        # What an upstream says of itself goes through; nothing is added to it.
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
        backlog=4096,
    )
    server = uvicorn.Server(config)
    with _without_exit(f"{host}:{port}"):
        if started is None:
            await server.serve()
            return
        serving = asyncio.ensure_future(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            started(server)
        await serving


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`; raises `ConfigError` for anything else."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"`--listen {listen}` is no address.\nWrite HOST:PORT, as 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed, which it cannot be on Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextmanager
def _without_exit(where: str) -> Iterator[None]:
    """Turn the exit by which uvicorn says that it cannot listen into an error with a next step."""
    try:
        yield
    except SystemExit as error:
        raise StoreError(f"{where}: the gateway cannot listen here.\nGive a free address with `--listen`.") from error
