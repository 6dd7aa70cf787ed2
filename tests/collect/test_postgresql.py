"""Logs live from a real PostgreSQL server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from collect.reading import SAMPLES, counts, read_whole, rows_of
from collect.servers import PASSWORD, Postgres, postgres

from stillhunt import cli, collect
from stillhunt.collect import litellm, postgresql, urls
from stillhunt.errors import LogError, PlugError
from stillhunt.plugs import Batch, Split

pytest.importorskip("adbc_driver_postgresql")

SPEND = """
CREATE TABLE "LiteLLM_SpendLogs" (
  request_id text PRIMARY KEY, call_type text NOT NULL, api_key text NOT NULL DEFAULT '',
  spend double precision NOT NULL DEFAULT 0, total_tokens integer NOT NULL DEFAULT 0,
  prompt_tokens integer NOT NULL DEFAULT 0, completion_tokens integer NOT NULL DEFAULT 0,
  "startTime" timestamp(3) NOT NULL, "endTime" timestamp(3) NOT NULL, request_duration_ms integer,
  "completionStartTime" timestamp(3), model text NOT NULL DEFAULT '', model_id text DEFAULT '',
  model_group text DEFAULT '', custom_llm_provider text DEFAULT '', api_base text DEFAULT '',
  "user" text DEFAULT '', metadata jsonb DEFAULT '{}', cache_hit text DEFAULT '', cache_key text DEFAULT '',
  request_tags jsonb DEFAULT '[]', team_id text, organization_id text, end_user text, requester_ip_address text,
  messages jsonb DEFAULT '{}', response jsonb DEFAULT '{}', session_id text, status text,
  mcp_namespaced_tool_name text, billing_agent_id text, agent_id text, proxy_server_request jsonb DEFAULT '{}',
  litellm_call_id text, created_at timestamp(3) NOT NULL DEFAULT now(), updated_at timestamp(3) NOT NULL DEFAULT now()
);
CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime");
"""

CONTRACT = """
CREATE SCHEMA logs;
CREATE TABLE logs.calls (exchange_id uuid, account_id bigint, started_at timestamptz, prompt text, client_ip inet,
  reasoning_issued text[], temperature numeric, seed text, "odd ""name" text);
INSERT INTO logs.calls VALUES
  ('00000000-0000-0000-0000-000000000001', 7, '2026-03-02 10:05:00.25+01', 'Why?', '203.0.113.9', '{a,b}', 0.5, '12', 'x'),
  ('00000000-0000-0000-0000-000000000002', NULL, now(), 'No account', NULL, NULL, NULL, 'many', NULL),
  ('00000000-0000-0000-0000-000000000003', 8, NULL, 'No time', '2001:db8::1', NULL, 'NaN', NULL, NULL);
CREATE VIEW logs.large AS SELECT 'x' || i AS exchange_id, 'a' || i % 50 AS account_id,
  timestamp '2026-03-02' + i * interval '1 second' AS started_at, repeat('groyne ', 300) AS prompt
  FROM generate_series(1, 150000) AS i;
CREATE VIEW logs.broken AS SELECT 'x' || i AS exchange_id, 'a' AS account_id, now() AS started_at,
  (1 / (90000 - i))::text AS model, repeat('x', 500) AS prompt FROM generate_series(1, 100000) AS i;
CREATE TABLE logs.strange (id int, name text);
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server with LiteLLM's table, filled with the sample, and tables under the contract's names."""
    with postgres(tmp_path_factory.mktemp("postgres")) as running:
        running.run(SPEND + CONTRACT + _inserts())
        yield running


def _inserts() -> str:
    rows = [json.loads(line) for line in (SAMPLES / "litellm-spend.ndjson").read_text().splitlines()]
    made = []
    for row in rows:
        body = json.dumps(row).replace("'", "''")
        made.append(
            f'INSERT INTO "LiteLLM_SpendLogs" SELECT * FROM json_populate_record(NULL::"LiteLLM_SpendLogs",'
            f""" '{body}'::json || '{{"created_at": "2026-03-02", "updated_at": "2026-03-02"}}'::json);""".replace(
                "::json || ", "::jsonb || "
            ).replace("}'::json)", "}'::jsonb)").replace("json_populate", "jsonb_populate")
        )
    return "\n".join(made)


def read(url: str, parts: int = 1) -> list[Batch]:
    """Return the batches of a table, all its splits one after the other."""
    return [batch for split in collect.plan([url], parts=parts) for batch in collect.read(split)]


def test_live_table_reads_like_its_export(server: Postgres, tmp_path: Path) -> None:
    """LiteLLM's table is found by itself, and gives what a CSV export of it by COPY gives, and what the sample gives."""
    live = read(server.url())
    export = tmp_path / "export.csv"
    export.write_text(server.run('COPY (SELECT * FROM "LiteLLM_SpendLogs") TO STDOUT CSV HEADER;'))
    rows, left, lines = read_whole(export, "litellm-spend")
    assert sum(batch.lines for batch in live) == lines == 13
    assert (rows_of(live), counts(live)) == (rows, left)
    assert rows == read_whole(SAMPLES / "litellm-spend.ndjson", "litellm-spend")[0]
    assert left[("line", litellm.NOT_A_CALL)] == 2


def test_parquet_export_of_the_driver_reads_like_the_table(server: Postgres, tmp_path: Path) -> None:
    """A Parquet file written from the driver's Arrow batches, JSON columns and all, reads like the table."""
    import pyarrow.parquet as pq
    from adbc_driver_postgresql import dbapi

    path = tmp_path / "export.parquet"
    with dbapi.connect(server.url(), autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT * FROM "LiteLLM_SpendLogs"')
        pq.write_table(cursor.fetch_arrow_table(), path)
    assert read_whole(path, "litellm-spend")[:2] == read_whole(SAMPLES / "litellm-spend.ndjson", "litellm-spend")[:2]


def test_a_table_under_the_contracts_names(server: Postgres) -> None:
    """Columns of PostgreSQL's own types arrive: ids, addresses, arrays, decimals, times with a zone."""
    found = read(server.url("postgres/logs.calls"))
    (row,) = rows_of(found)
    assert {name: str(value) for name, value in row.items() if value is not None} == {
        "exchange_id": "00000000-0000-0000-0000-000000000001",
        "account_id": "7",
        "started_at": "2026-03-02 09:05:00.250000+00:00",
        "prompt": "Why?",
        "client_ip": "203.0.113.9",
        "reasoning_issued": "['a', 'b']",
        "temperature": "0.5",
        "seed": "12",
    }
    assert counts(found)[("line", "no usable `account_id`")] == 1
    assert counts(found)[("line", "no usable `started_at`")] == 1


def test_parts_are_ranges_of_time_and_make_the_whole(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large table is divided by time; each row is in one part, also one that comes in between planning and reading."""
    server.run(
        "CREATE TABLE timed AS SELECT 'x' || i AS exchange_id, 'a' AS account_id,"
        " timestamptz '2026-03-02' + i * interval '1 minute' AS started_at FROM generate_series(1, 1000) AS i;"
        " INSERT INTO timed VALUES ('none', 'a', NULL); ANALYZE timed;"
    )
    monkeypatch.setattr(postgresql, "WORTH_DIVIDING", 100)
    splits = collect.plan([server.url("postgres/timed")], parts=4)
    assert [split.part for split in splits] == [0, 1, 2, 3]
    server.run("INSERT INTO timed VALUES ('late', 'a', '2026-09-01'), ('early', 'a', '2020-01-01');")
    each = [list(collect.read(split)) for split in splits]
    ids = [row["exchange_id"] for batches in each for row in rows_of(batches)]
    assert sorted(ids) == sorted({*ids}) and len(ids) == 1002
    assert all(200 < len(rows_of(batches)) < 300 for batches in each)
    assert sum(counts(batches).get(("line", "no usable `started_at`"), 0) for batches in each) == 1


def test_the_session_only_reads(server: Postgres) -> None:
    """The session cannot write, whatever its user may do elsewhere."""
    owner = f"postgresql://owner@127.0.0.1:{server.port}/postgres"
    refused = pytest.raises(Exception, match="read-only transaction")
    with postgresql._connected(owner) as connection, connection.cursor() as cursor, refused:
        cursor.execute("CREATE TABLE mark (a int)")


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("postgres/nowhere", "there is no such table"),
        ("postgres/logs.strange", "neither LiteLLM's nor the contract's: id, name"),
        ("nothing", 'database "nothing" does not exist'),
        ("template1", "neither `LiteLLM_SpendLogs` nor a table `exchanges`"),
        ("postgres/x'; DROP TABLE timed; --", "there is no such table"),
    ],
)
def test_what_cannot_be_read_is_said_without_the_password(server: Postgres, rest: str, says: str) -> None:
    """A table that is missing or unknown stops the plan with its cause, what to do, and no password."""
    with pytest.raises(LogError) as caught:
        collect.plan([server.url(rest)])
    assert says in str(caught.value)
    assert PASSWORD not in str(caught.value) and "\n" in str(caught.value)


def test_a_server_that_refuses_is_named_without_the_password(server: Postgres) -> None:
    """Neither a wrong password nor a closed port shows what was tried."""
    for url in (server.url().replace(PASSWORD, "wr0ng-word"), f"postgres://u:wr0ng-word@127.0.0.1:1/db?password={PASSWORD}"):
        with pytest.raises(LogError, match="no connection") as caught:
            collect.plan([url])
        assert PASSWORD not in str(caught.value) and "wr0ng-word" not in str(caught.value)
        batches = list(collect.read(Split(path=url + "#//exchanges", format="postgresql")))
        assert [one.what for batch in batches for one in batch.left_out] == ["file"]
        assert PASSWORD not in repr(batches) and "wr0ng-word" not in repr(batches)


def test_a_query_that_breaks_half_way_keeps_what_came_before(server: Postgres) -> None:
    """When the server fails in the middle, earlier rows are exchanges and the loss is counted as part of a file."""
    batches = read(server.url("postgres/logs.broken"))
    assert counts(batches) == {("file", "the rest of it could not be read: division by zero."): 1}
    assert 10_000 < len(rows_of(batches)) < 90_000


def test_a_hunt_reads_from_the_server_and_never_shows_the_password(
    server: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`stillhunt hunt postgresql://…` runs to its end; the password is in nothing that it prints or writes."""
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    out = tmp_path / "out"
    arguments = ["hunt", server.url(), "--out", str(out), "--key-file", str(key), "--allow-left-out", "50%"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr()
    assert "LiteLLM_SpendLogs" in (out / "report.html").read_text()
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert PASSWORD.encode() not in path.read_bytes()
    assert PASSWORD not in printed.out + printed.err


def test_memory_does_not_grow_with_the_table(server: Postgres) -> None:
    """300 MB of rows are read in a process that never holds 100 MB more than it held before."""
    program = (
        "import resource, sys\nfrom stillhunt import collect\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "url = sys.argv[1]\n"
        "small = sum(b.lines for s in collect.plan([url.replace('large', 'calls')]) for b in collect.read(s))\n"
        "before = peak()\n"
        "rows = sum(b.lines for s in collect.plan([url]) for b in collect.read(s))\n"
        "print(small, rows, peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, server.url("postgres/logs.large")], capture_output=True, text=True, check=True
    )
    small, rows, grown = map(int, done.stdout.split())
    assert (small, rows) == (3, 150_000)
    assert grown < 100


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the driver is told which extra to install."""
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(PlugError, match=r"stillhunt\[postgres\]"):
        collect.plan(["postgresql://u@127.0.0.1/db"])


@pytest.mark.parametrize(
    ("url", "shown", "last"),
    [
        ("postgresql://u:p%40ss@h:5/db?sslmode=require&password=q", "postgresql://u:***@h:5/db?sslmode=require&password=***", "t"),
        ("postgresql:/u@h/db", "postgresql://u@h/db", "t"),
        ("clickhouses://u:pw@h/db/t?secure=true", "clickhouses://u:***@h/db/t?secure=true", "t"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str, last: str) -> None:
    """What is shown of a URL, also of one that went through a path, has no secret; the last piece of a split's is the table."""
    assert urls.shown(url) == shown
    split = urls.path_of(urls.place_of(url), "t", "a..b")
    assert Path(split).name == last
    again = urls.place_of(split)
    assert (again.table, again.span, again.server) == ("t", "a..b", urls.place_of(url).server)


def test_other_schemes_are_refused() -> None:
    """A scheme that nobody reads is an error that names those that are read."""
    with pytest.raises(LogError, match="not read from `ftp://`"):
        collect.plan(["ftp://bucket/logs"])


