"""
A receiver of OTLP over HTTP that keeps what it acknowledges: `POST /v1/traces` and `/v1/logs`, JSON or protobuf.

1. A request is read, unpacked and parsed, within bounds of size for one and for all together.
2. It is on disk, in the journal, before it is answered.
3. From the journal it becomes Parquet in the contract's columns, a folder for each day.

What cannot be taken now is answered with 429 or 503 and `Retry-After`, so that exporters keep it and send it again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from stillhunt.collect import otlp_protobuf
from stillhunt.collect.lines import LONGEST_LINE
from stillhunt.collect.otel_joining import refusal
from stillhunt.collect.otlp import NOT_A_RECORD, NOT_A_SPAN, items
from stillhunt.collect.otlp_body import MOST_BODY, TOO_LARGE, Budget, Claim, Reply, body_of
from stillhunt.collect.otlp_journal import FOLDER, Journal
from stillhunt.collect.otlp_parquet import Conversion
from stillhunt.errors import ConfigError, StoreError

MOST_CONNECTIONS = 64
MOST_BACKLOG = 2**30
"""Bytes of the journal that may wait to be converted before exporters are told to wait."""

IDLE_S = 30.0
CLOSING_S = 20.0
LINGER_S = 2.0

SIGNALS: dict[str, otlp_protobuf.Signal] = {"/v1/traces": "traces", "/v1/logs": "logs"}
JSON, PROTOBUF = "application/json", "application/x-protobuf"
BROKEN = frozenset((NOT_A_SPAN, NOT_A_RECORD))
REJECTED = {"traces": "rejectedSpans", "logs": "rejectedLogRecords"}

Say = Callable[[str], None]


class Receiver:
    """A receiver at work: an address that it listens on, and a folder that it writes to."""

    def __init__(self, address: str, out: Path, *, every_s: float, say: Say) -> None:
        """
        Listen on `address` (`HOST:PORT`), after taking up what an earlier run left in `out`.

        Raises `ConfigError` where the address cannot be listened on, `StoreError` where the folder cannot be used.
        """
        self._lock = _locked(out)
        self.say = say
        self.stopping = False
        self.budget = Budget()
        self.parsing = threading.BoundedSemaphore(2)
        try:
            self.server = _Server(_host_and_port(address), _Handler)
        except OSError as error:
            raise ConfigError(
                f"{address}: this address cannot be listened on: {error.strerror}.\n"
                "Give another with `--otlp`, as HOST:PORT; port 0 takes any that is free."
            ) from error
        self.server.receiver = self
        self.conversion = Conversion(out, say, every_s)
        try:
            self.journal = Journal(out, every_s=every_s, ready=self.conversion.add)
        except OSError as error:
            raise StoreError(
                f"{out}: what an earlier run received cannot be taken up: {error.strerror}.\n"
                "Make its folder `_journal` readable and writable, or give another with `--out`."
            ) from error
        self.conversion.start()
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}"

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> tuple[int, int]:
        """
        Answer what has begun, write everything, and stop; return the exchanges written and the bytes that could not be.

        What could not be converted stays in the journal, where the next start takes it up.
        """
        self.stopping = True
        self.server.shutdown()
        self.server.server_close()
        until = time.monotonic() + CLOSING_S
        while self.server.active and time.monotonic() < until:
            time.sleep(0.02)
        self.journal.close()
        self.conversion.close()
        size = sum(path.stat().st_size for path in self.journal.folder.glob("*.*"))
        if self._lock is not None:
            os.close(self._lock)
        return self.conversion.exchanges, size

    def take(self, body: bytes, signal: otlp_protobuf.Signal, kind: str) -> Reply:
        """Take one request's body in, durably; return what to answer."""
        if self.conversion.backlog_bytes > MOST_BACKLOG:
            return Reply(429, "too much waits to be written as Parquet", retry_s=5)
        with self.parsing:
            parsed = _parsed(body, signal, kind)
        if isinstance(parsed, Reply):
            return parsed
        line, rejected = parsed
        failure = self.journal.append(line) if line else None
        if failure is not None:
            return Reply(503, failure, retry_s=5)
        reasons = "; ".join(f"{count} × {reason}" for reason, count in rejected.items())
        return Reply(200, reasons, rejected=sum(rejected.values()))


def _parsed(body: bytes, signal: otlp_protobuf.Signal, kind: str) -> tuple[bytes, dict[str, int]] | Reply:
    """Return a request as one line of JSON, with what it holds that can never be an exchange, by reason."""
    if kind == PROTOBUF:
        record = otlp_protobuf.record_of(body, signal)
        if record is None:
            return Reply(400, f"the body is no protobuf message for /v1/{signal}")
        line = orjson.dumps(record)
    else:
        try:
            record = orjson.loads(body)
        except orjson.JSONDecodeError:
            return Reply(400, "the body is not JSON")
        if not isinstance(record, dict):
            return Reply(400, "the body is JSON, but not an object")
        line = body.strip().replace(b"\r", b" ").replace(b"\n", b" ")  # line ends are never inside a JSON string
    if len(line) >= LONGEST_LINE:
        return Reply(413, TOO_LARGE)
    rejected: dict[str, int] = {}
    found = False
    for item in items(record):
        found = found or not isinstance(item, str) or item in BROKEN
        reason = (item if item in BROKEN else None) if isinstance(item, str) else refusal(item)
        if reason is not None:
            rejected[reason] = rejected.get(reason, 0) + 1
    return (line if found else b""), rejected


def serve(address: str, out: Path, *, every_s: float, say: Say, until: Callable[[], object]) -> int:
    """
    Receive until the call `until` returns; return how many bytes of the journal could not be made into Parquet, 0 as a rule.

    Raises `ConfigError` where the address, and `StoreError` where the folder cannot be used.
    """
    receiver = Receiver(address, out, every_s=every_s, say=say)
    receiver.start()
    say(f"Listening on {receiver.url}/v1/traces and /v1/logs; exchanges go to {out}.")
    if not otlp_protobuf.available():
        say("Protobuf is refused: it needs the extra, `pip install 'stillhunt[otlp]'`. JSON is taken.")
    until()
    exchanges, left = receiver.stop()
    say(f"Stopped. {exchanges:,} exchanges were written to {out}.")
    return left


class _Server(ThreadingHTTPServer):
    """The HTTP server, with a bound on connections."""

    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.active = 0
        self.counting = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, without content; a request not acknowledged is sent again by its client."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a connection that breaks off concerns its client only
            self.receiver.say(f"A request could not be answered: {type(error).__name__}. This is a fault of Stillhunt.")


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "stillhunt"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: a request's line may hold what clients made up."""

    def do_GET(self) -> None:
        """Say that the receiver is there."""
        self._send(200 if self.path.split("?")[0] == "/" else 404, b"{}", JSON, None)

    def do_POST(self) -> None:
        """Take a request in."""
        server = cast(_Server, self.server)
        with server.counting:
            server.active += 1
        try:
            self._answer(server.receiver)
        finally:
            with server.counting:
                server.active -= 1

    def _answer(self, receiver: Receiver) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        signal = SIGNALS.get(self.path.split("?")[0])
        kind = headers.get("content-type", JSON).split(";")[0].strip().lower()
        kind = PROTOBUF if kind == "application/protobuf" else kind
        reply: Reply | None = None
        if receiver.stopping:
            reply = Reply(503, "the receiver is stopping", retry_s=5)
        elif signal is None:
            reply = Reply(404, "there are /v1/traces and /v1/logs")
        elif kind not in (JSON, PROTOBUF):
            reply = Reply(415, f"the content type is none of {JSON} and {PROTOBUF}")
        elif kind == PROTOBUF and not otlp_protobuf.available():
            reply = Reply(415, "protobuf needs the extra `otlp` of stillhunt; JSON is taken")
        with Claim(receiver.budget) as claim:
            if reply is None:
                body = body_of(cast(BinaryIO, self.rfile), headers, claim)
                if isinstance(body, Reply):
                    reply = body
                elif not body or headers.get("x-test-connection", "").lower() == "true":
                    reply = Reply(200)
                else:
                    assert signal is not None
                    reply = receiver.take(body, signal, kind)
        if reply.status != 200:
            self.close_connection = True
        self._reply(reply, signal or "traces", kind)
        if reply.status != 200:
            self._listen_on()

    def _listen_on(self) -> None:
        """Take what is still on its way and throw it away: a client reads no answer before it has sent all."""
        left = 2 * MOST_BODY
        until = time.monotonic() + LINGER_S
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_S)
            while left > 0 and time.monotonic() < until and (piece := self.connection.recv(2**16)):
                left -= len(piece)

    def _reply(self, reply: Reply, signal: otlp_protobuf.Signal, kind: str) -> None:
        binary = kind == PROTOBUF and otlp_protobuf.available()
        if reply.status == 200:
            rejected, message = reply.rejected, reply.message
            if binary:
                body = otlp_protobuf.answer(signal, rejected, message)
            else:
                partial = {"partialSuccess": {REJECTED[signal]: str(rejected), "errorMessage": message}}
                body = orjson.dumps(partial if rejected else {})
        else:
            body = otlp_protobuf.failure(reply.message) if binary else orjson.dumps({"message": reply.message})
        self._send(reply.status, body, PROTOBUF if binary else JSON, reply.retry_s)

    def _send(self, status: int, body: bytes, kind: str, retry_s: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if retry_s is not None:
            self.send_header("Retry-After", str(retry_s))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _host_and_port(address: str) -> tuple[str, int]:
    """
    Return `HOST:PORT` as two; without a host, this machine alone, because nobody is asked who they are.

    Raises `ConfigError` where it is no such address.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ConfigError(
            f"{address!r} is no address to listen on.\nWrite HOST:PORT, as 127.0.0.1:4318, or :4318 for this machine alone."
        )
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def _locked(out: Path) -> int | None:
    """
    Make the folder and keep others from it; return the lock's descriptor, None where a system has no such locks.

    Raises `StoreError` where it cannot be made, or another receiver has it.
    """
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(out / FOLDER / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"{out}: this folder cannot be made or written: {error.strerror}.\nGive another with `--out`."
        ) from error
    try:
        import fcntl
    except ImportError:
        os.close(descriptor)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"{out}: another receiver writes to this folder.\nStop it, or give another folder with `--out`."
        ) from error
    return descriptor
