"""The receiver as users run it: a process of its own on the loopback address, killed, stopped, and short of disk."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gzip
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from collect.otlp_writing import CALL, log, logs, said, span, text, traces

from stillhunt import collect
from stillhunt.collect import otlp_body, otlp_journal, otlp_parquet
from stillhunt.collect.otel_joining import JOINED, LONE

pytest.importorskip("opentelemetry.proto")

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


def call(number: int, content: str = "Where is the ferry?") -> dict[str, Any]:
    """Return a span of a model call with messages."""
    messages = {
        "gen_ai.input.messages": json.dumps([said(text(content))]),
        "gen_ai.output.messages": json.dumps([said(text("At the pier."), role="assistant")]),
    }
    return span(number, {**CALL, **messages})


class Running:
    """A receiver that runs: its address, its folder, and its process."""

    def __init__(self, out: Path, process: subprocess.Popen[str], url: str) -> None:
        """Take note of them."""
        self.out, self.process, self.url = out, process, url

    def post(self, body: bytes, signal_name: str = "traces", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Send a request; return status, body and headers of the answer."""
        names = {name.replace("_", "-"): value for name, value in {"content_type": JSON, **headers}.items()}
        request = urllib.request.Request(f"{self.url}/v1/{signal_name}", body, names, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

    def send(self, *spans: dict[str, Any]) -> int:
        """Send spans as JSON; return the status."""
        return self.post(json.dumps(traces(spans)).encode())[0]

    def stop(self) -> tuple[int, str]:
        """End it with SIGTERM; return the exit status and what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said_last = self.process.communicate(timeout=30)
        return self.process.returncode, said_last


@contextlib.contextmanager
def running(out: Path, *, every_s: float = 0.5, before: Callable[[], None] | None = None) -> Iterator[Running]:
    """Run a receiver until the block ends."""
    arguments = [
        sys.executable,
        "-m",
        "stillhunt",
        "collect",
        "--otlp",
        "127.0.0.1:0",
        "--out",
        str(out),
        "--every",
        str(every_s),
    ]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, preexec_fn=before)
    assert process.stderr is not None
    first = process.stderr.readline()
    url = re.search(r"http://127\.0\.0\.1:\d+", first)
    try:
        assert url, first + process.stderr.read()
        yield Running(out, process, url.group())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ids(out: Path) -> list[str]:
    """Return the exchange ids in a receiver's folder, as `stillhunt hunt` would read them."""
    if not any(out.glob("day=*/*.parquet")):
        return []
    found = []
    for split in collect.plan([out]):
        for batch in collect.read(split):
            found += batch.exchanges.column("exchange_id").to_pylist()
    return sorted(found)


def named(*numbers: int) -> list[str]:
    """Return the exchange ids of spans."""
    return sorted(f"{number:032x}:{number:016x}" for number in numbers)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something to become true."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a receiver for tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("shared") / "out", every_s=60) as receiver:
        yield receiver


def test_the_real_exporter_sends_and_the_folder_can_be_hunted(tmp_path: Path) -> None:
    """Spans that OpenTelemetry's own SDK exports, in protobuf and gzip, are exchanges in Parquet by day."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    with running(tmp_path / "out") as receiver:
        provider = TracerProvider(resource=Resource.create({"service.name": "shore"}))
        exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces", compression=Compression.Gzip)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        asked = json.dumps([said(text("Where is the ferry?"))])
        with tracer.start_as_current_span("GET /"):
            for number in range(3):
                numbers = {"gen_ai.usage.input_tokens": 5, "gen_ai.request.temperature": 0.5}
                attributes = {**CALL, **numbers, "gen_ai.input.messages": asked, "user.id": f"u{number}"}
                with tracer.start_as_current_span("chat", attributes=attributes):
                    pass
        provider.shutdown()
        status, last = receiver.stop()
    assert status == 0, last
    (file,) = (tmp_path / "out").glob("day=*/*.parquet")
    rows = pq.read_table(file, partitioning=None).to_pylist()
    assert sorted(row["account_id"] for row in rows) == ["u0", "u1", "u2"]
    assert {(row["prompt"], row["tokens_in"], row["temperature"]) for row in rows} == {("Where is the ferry?", 5, 0.5)}
    assert file.parent.name == f"day={rows[0]['started_at']:%Y-%m-%d}"
    (note,) = [json.loads(line) for line in (tmp_path / "out" / "_received.ndjson").read_text().splitlines()]
    assert (note["lines"], note["exchanges"]) == (4, 3)
    assert len(ids(tmp_path / "out")) == 3


def test_json_and_protobuf_are_the_same(tmp_path: Path) -> None:
    """The same spans and log records, sent in JSON and in protobuf, give the same exchanges."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    nested = {"gen_ai.input.messages": [said(text("Nested?"), {"type": "n", "x": [1, 0.5, True, {}]})]}
    spans = traces([call(1), span(2, {**CALL, **nested}), span(3, CALL)], {"service.name": "shore"})
    records = logs([log(3, "gen_ai.user.message", {"content": "In a log?"})])
    tables = []
    for kind in (JSON, PROTOBUF):
        with running(tmp_path / kind) as receiver:
            for name, given, request in (
                ("traces", spans, ExportTraceServiceRequest()),
                ("logs", records, ExportLogsServiceRequest()),
            ):
                body = json.dumps(given).encode()
                if kind == PROTOBUF:
                    message: Any = ParseDict(_ids_in_base64(given), request)
                    body = message.SerializeToString()
                assert receiver.post(body, name, content_type=kind)[0] == 200
            assert receiver.stop()[0] == 0
        files = sorted((tmp_path / kind).glob("day=*/*.parquet"))
        rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
        tables.append(sorted(rows, key=lambda row: row["exchange_id"]))
    assert tables[0] == tables[1]
    assert [row["prompt"] for row in tables[0]] == ["Where is the ferry?", "Nested?", "In a log?"]


def _ids_in_base64(given: Any) -> Any:
    """Return OTLP in JSON as protobuf's own JSON wants it: ids in base64."""
    import base64

    if isinstance(given, dict):
        return {
            key: base64.b64encode(bytes.fromhex(held)).decode()
            if key in ("traceId", "spanId")
            else _ids_in_base64(held)
            for key, held in given.items()
        }
    return [_ids_in_base64(one) for one in given] if isinstance(given, list) else given


BIG = b'{"resourceSpans":[' + b" " * otlp_body.MOST_BODY + b"]}"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 200),
        (b"{}", {}, 200),
        (b"{}", {"X_Test_Connection": "true"}, 200),
        (b"not json", {"X_Test_Connection": "true"}, 200),
        (b"", {"content_type": PROTOBUF}, 200),
        (b"not json", {}, 400),
        (b"[1]", {}, 400),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, {}, 400),
        (b"\xff\xff\xff", {"content_type": PROTOBUF}, 400),
        (b"\x1f\x8bnot gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"{}" * 500, mtime=0)[:-9], {"content_encoding": "gzip"}, 400),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"content_encoding": "br"}, 415),
        (BIG, {}, 413),
        (gzip.compress(BIG, mtime=0), {"content_encoding": "gzip"}, 413),
    ],
)
def test_each_request_has_its_answer(body: bytes, headers: dict[str, str], status: int, shared: Running) -> None:
    """What is empty is fine, what is malformed, foreign or too large is told so, and a zip bomb is not unpacked."""
    got, answer, got_headers = shared.post(body, **headers)
    assert got == status
    kind = headers.get("content_type", JSON)
    assert got_headers["Content-Type"] == (kind if kind == PROTOBUF else JSON)
    if status != 200 and kind != PROTOBUF:
        assert json.loads(answer)["message"]
    assert shared.post(b"{}")[0] == 200


def test_other_paths_and_methods_are_refused(shared: Running) -> None:
    """There are two places to post to, and one to see whether the receiver is there."""
    assert shared.post(b"{}", "metrics")[0] == 404
    with urllib.request.urlopen(f"{shared.url}/", timeout=5) as answer:
        assert answer.status == 200


def test_what_can_never_be_an_exchange_is_a_partial_success(shared: Running) -> None:
    """Spans without a time or an account are rejected by number and reason; spans of other kinds are not."""
    nobody = span(1, {"gen_ai.operation.name": "chat"})
    timeless = span(2, CALL, startTimeUnixNano="0")
    body = json.dumps(traces([call(3), nobody, timeless, 7, span(4, {"http.request.method": "GET"})])).encode()
    _, answer, _ = shared.post(body)
    partial = json.loads(answer)["partialSuccess"]
    assert partial["rejectedSpans"] == "3"
    assert "names nobody" in partial["errorMessage"]


def test_a_partial_success_in_protobuf(shared: Running) -> None:
    """The same is told in protobuf to those who speak it."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )

    request = ExportTraceServiceRequest()
    attribute = request.resource_spans.add().scope_spans.add().spans.add().attributes.add()
    attribute.key = "gen_ai.operation.name"
    attribute.value.string_value = "chat"
    _, answer, _ = shared.post(request.SerializeToString(), content_type=PROTOBUF)
    response = ExportTraceServiceResponse.FromString(answer)
    assert response.partial_success.rejected_spans == 1
    assert response.partial_success.error_message


def test_bodies_in_chunks_and_many_requests_on_one_connection(shared: Running) -> None:
    """Exporters that compress on the fly send chunks, and keep their connection."""
    host = shared.url.removeprefix("http://")
    body = gzip.compress(json.dumps(traces([call(9)])).encode())
    connection = http.client.HTTPConnection(host, timeout=10)
    for _ in range(3):
        headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
        connection.request("POST", "/v1/traces", iter([body[:20], body[20:]]), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"{}")
    connection.close()


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-5\r\n", b"5\r\nab", b"1_0\r\n", b"3\r\nabcdef\r\n"])
def test_malformed_chunks_are_refused(chunks: bytes, shared: Running) -> None:
    """Chunks that are none, or that end early, are answered with 400 and are no harm."""
    host, _, port = shared.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + chunks)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_log_records_are_joined_to_spans_of_other_requests(tmp_path: Path) -> None:
    """
    A span and its message events come by different ways, in different segments, and are one exchange; a lone
    event is carried over once and then left out.
    """
    with running(tmp_path / "out", every_s=0.4) as receiver:
        event = json.dumps(logs([log(1, "gen_ai.user.message", {"content": "In a log?"})])).encode()
        lone = json.dumps(logs([log(2, "gen_ai.user.message", {"content": "Alone"})])).encode()
        assert receiver.post(event, "logs")[0] == receiver.post(lone, "logs")[0] == 200
        until(lambda: any((tmp_path / "out" / "_journal").glob("*.carry")))
        assert receiver.send(span(1, CALL)) == 200
        assert receiver.stop()[0] == 0
    (file,) = (tmp_path / "out").glob("day=*/*.parquet")
    assert [row["prompt"] for row in pq.read_table(file, partitioning=None).to_pylist()] == ["In a log?"]
    left = [
        one
        for line in (tmp_path / "out" / "_received.ndjson").read_text().splitlines()
        for one in json.loads(line)["left_out"]
    ]
    assert {one["reason"]: one["count"] for one in left if one["what"] == "line"} == {JOINED: 1, LONE: 1}


def test_what_waits_for_another_segment_is_written_when_none_comes(tmp_path: Path) -> None:
    """A span without messages is written after a while, and when the receiver stops."""
    with running(tmp_path / "out", every_s=0.3) as receiver:
        assert receiver.send(span(1, CALL)) == 200
        until(lambda: ids(tmp_path / "out") == named(1))
        assert receiver.send(span(2, CALL)) == 200
        assert receiver.stop()[0] == 0
    assert ids(tmp_path / "out") == named(1, 2)


def test_sigterm_under_load_loses_nothing(tmp_path: Path) -> None:
    """Whatever was acknowledged before the end is in Parquet after it, with exit status 0."""
    acknowledged: list[int] = []
    with running(tmp_path / "out", every_s=0.3) as receiver:

        def client(first: int) -> None:
            for number in range(first, first + 10_000):
                try:
                    if receiver.send(call(number), call(number + 10**6)) != 200:
                        return
                except OSError:
                    return
                acknowledged.extend((number, number + 10**6))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for worker in range(4):
                pool.submit(client, 1 + worker * 10_000)
            time.sleep(1.5)
            status, last = receiver.stop()
    assert status == 0, last
    assert len(acknowledged) > 100
    assert set(named(*acknowledged)) <= set(ids(tmp_path / "out"))
    assert not any((tmp_path / "out" / "_journal").glob("*.jsonl"))


def test_kill_after_acknowledgement_loses_nothing(tmp_path: Path) -> None:
    """What was acknowledged before a `kill -9` is written by the next start, and a torn last line is cut off."""
    out = tmp_path / "out"
    with running(out, every_s=60) as receiver:
        for number in range(1, 30):
            assert receiver.send(call(number)) == 200
        receiver.process.kill()
        receiver.process.wait()
    (segment,) = (out / "_journal").glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'{"resourceSpans":[{"sco')
    assert ids(out) == []
    with running(out) as receiver:
        until(lambda: len(ids(out)) == 29)
        assert receiver.send(call(50)) == 200
        assert receiver.stop()[0] == 0
    assert ids(out) == named(*range(1, 30), 50)
    notes = [json.loads(line) for line in (out / "_received.ndjson").read_text().splitlines()]
    assert not any(one["defect"] for note in notes for one in note["left_out"])


def test_a_death_between_parquet_and_journal_writes_nothing_twice(tmp_path: Path) -> None:
    """A segment that was converted and not yet removed is converted again, to the same files."""
    journal = tmp_path / "_journal"
    journal.mkdir()
    segment = journal / "00000000000000000007.jsonl"
    body = json.dumps(traces([call(1), span(2, CALL)])).encode() + b"\n"
    for _ in range(2):
        segment.write_bytes(body)
        written = otlp_parquet.convert(segment, tmp_path)
        assert (written.lines, written.exchanges) == (1, 1)
    assert ids(tmp_path) == named(1)
    carried = otlp_parquet.convert_carried(tmp_path)
    assert carried is not None and carried.exchanges == 1
    assert otlp_parquet.convert_carried(tmp_path) is None
    assert ids(tmp_path) == named(1, 2)


def limited() -> None:
    """Let the process write no file beyond 40 kB: what a full disk does, without one."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of file sizes are told apart on Linux")
def test_a_disk_that_takes_no_more_is_back_pressure(tmp_path: Path) -> None:
    """When the disk refuses, 503 with Retry-After is the answer, what was acknowledged stays, and no more is kept."""
    out = tmp_path / "out"
    accepted, refused = [], 0
    with running(out, every_s=60, before=limited) as receiver:
        for number in range(1, 40):
            status, _, headers = receiver.post(json.dumps(traces([call(number, "x" * 4000)])).encode())
            if status == 200:
                accepted.append(number)
            else:
                refused += 1
                assert (status, headers["Retry-After"]) == (503, "5")
        assert receiver.process.poll() is None
    assert accepted and refused
    with running(out) as receiver:
        until(lambda: len(ids(out)) >= len(accepted))
        assert receiver.stop()[0] == 0
    assert ids(out) == named(*accepted)


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs a file system of its own")
def test_a_full_file_system_loses_nothing(tmp_path: Path) -> None:
    """On a file system of 1 MB: refused when full, kept, and converted once there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        out = disk / "out"
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 600_000)
        accepted = []
        with running(out, every_s=0.3) as receiver:
            for number in range(1, 200):
                status = receiver.post(json.dumps(traces([call(number, os.urandom(4000).hex())])).encode())[0]
                if status == 200:
                    accepted.append(number)
                else:
                    assert status == 503
                    break
            assert accepted and status == 503
            assert len(ids(out)) <= len(accepted)
            ballast.unlink()
            assert receiver.send(call(1000)) == 200
            until(lambda: len(ids(out)) == len(accepted) + 1, 20)
            assert receiver.stop()[0] == 0
        assert ids(out) == named(*accepted, 1000)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_backlog_is_back_pressure(tmp_path: Path) -> None:
    """While too much waits to become Parquet, or too many bytes are under way, clients are told to wait."""
    from stillhunt.collect.otlp_receiver import MOST_BACKLOG, Receiver

    receiver = Receiver("127.0.0.1:0", tmp_path, every_s=60, say=lambda _: None)
    receiver.start()
    client = Running(tmp_path, None, receiver.url)  # type: ignore[arg-type]
    receiver.conversion.backlog_bytes = MOST_BACKLOG + 1
    status, _, headers = client.post(json.dumps(traces([call(1)])).encode())
    assert (status, headers["Retry-After"]) == (429, "5")
    receiver.conversion.backlog_bytes = 0
    receiver.budget = otlp_body.Budget(100)
    status, _, headers = client.post(json.dumps(traces([call(1)])).encode())
    assert (status, headers["Retry-After"]) == (429, "1")
    receiver.budget = otlp_body.Budget()
    assert client.send(call(1)) == 200
    assert receiver.stop() == (1, 0)


def test_one_folder_has_one_receiver(tmp_path: Path) -> None:
    """A second receiver for the same folder, and an address that is none or taken, end with status 2 and say why."""
    with running(tmp_path / "out") as receiver:
        taken = receiver.url.removeprefix("http://")
        for address, out, why in (
            ("127.0.0.1:0", "out", "another receiver"),
            (taken, "other", "cannot be listened on"),
            ("here", "other", "no address"),
        ):
            arguments = [sys.executable, "-m", "stillhunt", "collect", "--otlp", address, "--out", str(tmp_path / out)]
            ended = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
            assert (ended.returncode, ended.stdout) == (2, "")
            assert why in ended.stderr


def test_exchanges_of_too_many_days_share_a_folder(tmp_path: Path) -> None:
    """Times made up by a client cannot open folders without end."""
    journal = tmp_path / "_journal"
    journal.mkdir()
    segment = journal / "00000000000000000001.jsonl"
    spans = [{**call(n), "startTimeUnixNano": str(n * 86_400 * 10**9 + 10**18)} for n in range(1, 60)]
    segment.write_text(json.dumps(traces(spans)) + "\n")
    assert otlp_parquet.convert(segment, tmp_path).exchanges == 59
    assert len(list(tmp_path.glob("day=*"))) == otlp_parquet.MOST_DAYS + 1
    assert len(ids(tmp_path)) == 59


def test_a_journal_takes_back_what_it_could_not_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half-way leaves nothing of itself, and those before and after it are whole."""
    finished: list[Path] = []
    journal = otlp_journal.Journal(tmp_path, every_s=60, ready=finished.append)
    assert journal.append(b'{"a":1}') is None
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: _half(real, descriptor, data))
    failure = journal.append(b'{"b":2}')
    assert failure is not None and "disk" in failure
    monkeypatch.setattr(os, "write", real)
    assert journal.append(b'{"c":3}') is None
    journal.close()
    (segment,) = finished
    assert segment.read_bytes() == b'{"a":1}\n{"c":3}\n'


def _half(real: Any, descriptor: int, data: Any) -> int:
    """Write half of it, then fail as a full disk does."""
    if len(data) < 4:
        raise OSError(28, "No space left on device")
    return int(real(descriptor, bytes(data)[: len(data) // 2]))
