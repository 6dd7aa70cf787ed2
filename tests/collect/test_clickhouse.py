"""Logs live from ClickHouse: the real client over HTTP, ClickHouse's own engine behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from collect.reading import SAMPLES, counts, read_whole, rows_of
from collect.servers import PASSWORD, clickhouse

from stillhunt import cli, collect
from stillhunt.collect import langfuse
from stillhunt.errors import LogError, PlugError
from stillhunt.plugs import Batch, Split

pytest.importorskip("clickhouse_connect")

SPEND = """
CREATE DATABASE litellm

CREATE TABLE litellm.spend_logs (request_id String, response_id String, provider_request_id String,
  litellm_call_id String, call_type LowCardinality(String), api_key String, key_alias String, team_id String,
  team_alias String, organization_id String, user String, end_user String, model LowCardinality(String),
  model_group LowCardinality(String), model_id String, custom_llm_provider LowCardinality(String), api_base String,
  spend Nullable(Float64), prompt_tokens UInt32, completion_tokens UInt32, total_tokens UInt32,
  cache_read_tokens UInt32, cache_write_tokens UInt32, start_time DateTime64(3, 'UTC'), end_time DateTime64(3, 'UTC'),
  completion_start_time Nullable(DateTime64(3, 'UTC')), status LowCardinality(String), error_str String,
  cache_hit Bool, session_id String, trace_id String, span_id String, request_tags Array(String), metadata String,
  messages String, response String) ENGINE = MergeTree ORDER BY (start_time, request_id)
"""

OTHERS = """
CREATE DATABASE logs

CREATE TABLE logs.exchanges (exchange_id UUID, account_id LowCardinality(String), started_at DateTime64(6, 'UTC'),
  model Enum8('m' = 1), reasoning_issued Array(String), tokens_in Nullable(UInt64), client_ip IPv4, temperature Decimal(9, 3))
  ENGINE = MergeTree ORDER BY started_at

INSERT INTO logs.exchanges VALUES ('00000000-0000-0000-0000-000000000001', 'a', '2026-03-02 09:05:00.250', 'm', ['x', 'y'],
  12, '203.0.113.9', 0.5), ('00000000-0000-0000-0000-000000000002', '', '2026-03-02 09:05:00.250', 'm', [], NULL, '203.0.113.9', 1)

CREATE TABLE logs.observations (id String, trace_id String, project_id String, type LowCardinality(String),
  parent_observation_id Nullable(String), start_time DateTime64(3), end_time Nullable(DateTime64(3)), level String,
  status_message String, input Nullable(String), output Nullable(String), provided_model_name Nullable(String),
  model_parameters Nullable(String), usage_details Map(LowCardinality(String), UInt64), user_id String, session_id String,
  metadata Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY id

INSERT INTO logs.observations VALUES ('obs-1', 't', 'p', 'GENERATION', NULL, '2026-03-02 09:05:00.250', NULL, 'DEFAULT',
  '', 'Why?', 'So.', 'm', '{"temperature":0.5}', {'input': 4, 'input_cached_tokens': 8, 'output': 5}, '', 's',
  {'user_api_key_hash': '8a1f'}), ('obs-2', 't', 'p', 'SPAN', NULL, '2026-03-02 09:05:00', NULL, '', '', NULL, NULL, NULL, NULL,
  {}, 'u', '', {})

CREATE VIEW logs.large AS SELECT toString(number) AS exchange_id, 'a' AS account_id,
  toDateTime(1772442300 + number, 'UTC') AS started_at,
  repeat('groyne ', 300) AS prompt FROM numbers(40000)

CREATE TABLE logs.strange (id Int32, name String) ENGINE = Memory
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with LiteLLM's table, filled with the sample, and other tables."""
    sample = (SAMPLES / "litellm-clickhouse.ndjson").read_text(encoding="utf-8")
    insert = "SET date_time_input_format = 'best_effort'\n\nINSERT INTO litellm.spend_logs FORMAT JSONEachRow\n"
    lines = []
    for line in sample.splitlines():
        row = json.loads(line)
        row["start_time"] /= 1000
        row["end_time"] /= 1000
        lines.append(json.dumps(row))
    with clickhouse(tmp_path_factory.mktemp("clickhouse"), SPEND + OTHERS + "\n" + insert + "\n".join(lines)) as url:
        yield url


def read(url: str) -> list[Batch]:
    """Return the batches of a table."""
    return [batch for split in collect.plan([url]) for batch in collect.read(split)]


def test_litellms_table_reads_like_its_rows_in_a_file(server: str) -> None:
    """LiteLLM's table is found by itself and known by its columns, and gives what its JSONEachRow gives."""
    found = read(f"{server}/litellm")
    rows, left, lines = read_whole(SAMPLES / "litellm-clickhouse.ndjson", "litellm-spend")
    assert sum(batch.lines for batch in found) == lines
    assert sorted(rows_of(found), key=lambda row: str(row["exchange_id"])) == sorted(
        rows, key=lambda row: str(row["exchange_id"])
    )
    assert counts(found) == left


def test_a_table_under_the_contracts_names(server: str) -> None:
    """ClickHouse's own types arrive: UUIDs, enums, addresses, arrays, decimals, categories."""
    found = read(f"{server}/logs/exchanges")
    (row,) = rows_of(found)
    assert {name: str(value) for name, value in row.items() if value is not None} == {
        "exchange_id": "00000000-0000-0000-0000-000000000001",
        "account_id": "a",
        "started_at": "2026-03-02 09:05:00.250000+00:00",
        "model": "m",
        "reasoning_issued": "['x', 'y']",
        "tokens_in": "12",
        "client_ip": "203.0.113.9",
        "temperature": "0.5",
    }
    assert counts(found) == {("line", "no usable `account_id`"): 1}


def test_langfuses_own_table_is_known(server: str) -> None:
    """Langfuse's `observations` are read where they lie, maps and all."""
    found = read(f"{server}/logs/observations")
    (row,) = rows_of(found)
    assert (row["exchange_id"], row["account_id"], row["prompt"], row["completion"]) == ("obs-1", "8a1f", "Why?", "So.")
    assert (row["tokens_in"], row["tokens_cached"], row["tokens_out"], row["temperature"]) == (12, 8, 5, 0.5)
    assert counts(found)[("line", langfuse.NOT_A_GENERATION)] == 1


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("logs/nowhere", "there is no table `nowhere`"),
        ("logs/strange", "its columns are none that we know: id, name"),
        ("logs/x` ; DROP TABLE logs.strange", "there is no table"),
        ("default", "no table spend_logs, exchanges, observations"),
    ],
)
def test_what_cannot_be_read_is_said_without_the_password(server: str, rest: str, says: str) -> None:
    """A table that is missing or unknown stops the plan with its cause, what to do, and no password."""
    with pytest.raises(LogError) as caught:
        collect.plan([f"{server}/{rest}"])
    assert says in str(caught.value)
    assert PASSWORD not in str(caught.value) and "\n" in str(caught.value)


def test_a_server_that_refuses_is_named_without_the_password(server: str) -> None:
    """Neither a wrong password nor a closed port shows what was tried."""
    for url in (server.replace(PASSWORD, "wr0ng-word"), "clickhouse://u:wr0ng-word@127.0.0.1:1/db"):
        with pytest.raises(LogError, match="no connection") as caught:
            collect.plan([url])
        assert "wr0ng-word" not in str(caught.value)
        batches = list(collect.read(Split(path=url + "#//exchanges", format="clickhouse")))
        assert [one.what for batch in batches for one in batch.left_out] == ["file"]
        assert "wr0ng-word" not in repr(batches)


def test_a_hunt_reads_from_the_server_and_never_shows_the_password(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`stillhunt hunt clickhouse://…` runs to its end; the password is in nothing that it prints or writes."""
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    out = tmp_path / "out"
    assert cli.main(["hunt", f"{server}/litellm/spend_logs", "--out", str(out), "--key-file", str(key)]) == 0
    printed = capsys.readouterr()
    assert "spend_logs" in (out / "report.html").read_text()
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert PASSWORD.encode() not in path.read_bytes()
    assert PASSWORD not in printed.out + printed.err


def test_batches_are_small_and_memory_does_not_grow_with_the_table(server: str) -> None:
    """84 MB of rows are read in a process that never holds 60 MB more than it held before."""
    program = (
        "import resource, sys\nfrom stillhunt import collect\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "url = sys.argv[1]\n"
        "small = sum(b.lines for s in collect.plan([url + 'exchanges']) for b in collect.read(s))\n"
        "before = peak()\n"
        "rows = sum(b.lines for s in collect.plan([url + 'large']) for b in collect.read(s))\n"
        "print(small, rows, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, f"{server}/logs/"], capture_output=True, text=True, check=True)
    small, rows, grown = map(int, done.stdout.split())
    assert (small, rows) == (2, 40_000)
    assert grown < 60


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the client is told which extra to install."""
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(PlugError, match=r"stillhunt\[clickhouse\]"):
        collect.plan(["clickhouse://u@127.0.0.1/db"])
