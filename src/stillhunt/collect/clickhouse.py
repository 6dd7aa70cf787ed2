"""
Logs live from ClickHouse: LiteLLM's `spend_logs`, Langfuse's `observations`, or a table under the contract's names.

Rows come over HTTP through `clickhouse-connect` (the extra `clickhouse`) as a stream of Arrow batches: memory does not
grow with the table. Only columns that are read are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa

from stillhunt.collect import langfuse, litellm_spend, tabular, urls
from stillhunt.collect.conform import conform, pieces, sliced
from stillhunt.collect.tabular import Shape
from stillhunt.collect.tally import Place
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.errors import LogError, PlugError
from stillhunt.plugs import Batch, Split

TABLES = ("spend_logs", "exchanges", "observations")
"""Tables that are looked for, in this order, where the URL names none."""

ROWS_AT_A_TIME = 8192

OURS = ("secure", "interface", "password")

WRITTEN_OUT = re.compile(r"^(?:Nullable\()?(?:Enum|IPv[46]|UUID|JSON|Dynamic|Variant|FixedString|Object)")
"""Types that would arrive as numbers or bytes and are asked for as text."""


def splits(url: str, parts: int) -> tuple[Split, ...]:
    """Return one split, which the server reads with all its cores; raise `LogError` where it cannot be read."""
    place = urls.place_of(url)
    client = _connected(url)
    try:
        table = place.table or next((name for name in TABLES if _columns(client, name)), None)
        columns = _columns(client, table) if table else {}
    except _errors() as error:
        raise LogError(f"{urls.shown(url)}: {_cause(error, url)}\nGrant this user SELECT on the table.") from None
    finally:
        client.close()
    if table is None or not columns:
        what = f"there is no table `{table}`, or this user may not see it" if table else f"no table {', '.join(TABLES)}"
        raise LogError(f"{urls.shown(url)}: {what}.\nName the table: clickhouse://user@host:8123/database/table.")
    if _shape(columns) is None and not set(REQUIRED) <= set(columns):
        raise LogError(
            f"{urls.shown(url)}: table `{table}`: its columns are none that we know: {', '.join(list(columns)[:8])}.\n"
            "Make a view with the columns `exchange_id`, `account_id` and `started_at`, and name it in the URL."
        )
    return (Split(path=urls.path_of(place, table), format="clickhouse"),)


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of a table, and what was left out; a broken connection ends it and is told."""
    if split.part:
        return
    table = urls.place_of(split.path).table or TABLES[0]
    try:
        client = _connected(split.path)
    except LogError as error:
        yield tabular.lost(str(error).split("\n")[0], table)
        return
    try:
        columns = _columns(client, table)
        shape = _shape(columns)
        wanted = EXCHANGES.names if shape is None else shape.columns
        listed = ", ".join(_selected(name, columns[name]) for name in wanted if name in columns)
        query = f"SELECT {listed} FROM {_named(table)}"
        with client.query_arrow_stream(query, settings={"max_block_size": ROWS_AT_A_TIME}) as batches:
            yield from _under_the_contract(batches, table) if shape is None else tabular.streamed(batches, shape, table)
    except (*_errors(), pa.ArrowException, OSError) as error:
        yield tabular.lost(f"the rest of it could not be read: {_cause(error, split.path)}", table)
    finally:
        client.close()


def _under_the_contract(batches: Iterator[pa.RecordBatch], table: str) -> Iterator[Batch]:
    before = 0
    for batch in batches:
        for piece in pieces(batch):
            yield from sliced(conform(piece, EXCHANGES, REQUIRED, _numbered(table, before)))
            before += piece.num_rows


def _numbered(table: str, before: int) -> Place:
    return lambda row: f"{table} row {before + row + 1}"


def _shape(columns: Collection[str]) -> Shape | None:
    if litellm_spend.recognise(columns):
        return litellm_spend.SHAPE
    return langfuse.SHAPE if langfuse.recognise(columns) else None


def _connected(url: str) -> Any:
    try:
        import clickhouse_connect
    except ImportError as error:
        raise PlugError(
            "Reading from ClickHouse needs `clickhouse-connect`, which is not installed.\n"
            "Install it with `pip install 'stillhunt[clickhouse]'`."
        ) from error
    urls.check(url)
    place = urls.place_of(url)
    part = urlsplit(place.server)
    options = dict(parse_qsl(part.query))
    secure = place.scheme == "clickhouses" or options.get("secure", "").lower() in ("1", "true")
    settings = {name: value for name, value in options.items() if name not in OURS}
    failures: tuple[type[Exception], ...] = (*_errors(), OSError, ValueError)
    try:
        return clickhouse_connect.get_client(
            host=part.hostname or "localhost",
            port=part.port or (8443 if secure else 8123),
            username=unquote(part.username) if part.username else None,
            password=unquote(part.password) if part.password else options.get("password", ""),
            database=unquote(part.path.strip("/")) or None,
            secure=secure,
            settings=settings,
            connect_timeout=10,
            query_retries=0,
        )
    except failures as error:
        raise LogError(
            f"{urls.shown(url)}: no connection: {_cause(error, url)}\n"
            "Check host, HTTP port (8123, or 8443 with TLS: clickhouses://), database, user and password."
        ) from None


def _errors() -> tuple[type[Exception], ...]:
    from clickhouse_connect.driver.exceptions import ClickHouseError

    return (ClickHouseError,)


def _cause(error: Exception, url: str) -> str:
    return urls.without_secrets(str(error), url).rstrip(".") + "."


def _columns(client: Any, table: str) -> dict[str, str]:
    """Return a table's columns with their types; none for a table that is not there."""
    database, _, name = table.rpartition(".")
    where = "database = {database:String}" if database else "database = currentDatabase()"
    found = client.query(
        f"SELECT name, type FROM system.columns WHERE {where} AND table = {{table:String}} ORDER BY position",
        parameters={"database": database, "table": name},
    )
    return {str(name): str(kind) for name, kind in found.result_rows}


def _selected(name: str, kind: str) -> str:
    quoted = _quoted(name)
    return f"toString({quoted}) AS {quoted}" if WRITTEN_OUT.match(kind) else quoted


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _named(table: str) -> str:
    """Return a table's name, with its database where a dot divides them, as SQL."""
    database, _, name = table.rpartition(".")
    return f"{_quoted(database)}.{_quoted(name)}" if database else _quoted(name)
