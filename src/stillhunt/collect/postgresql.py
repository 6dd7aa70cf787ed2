"""
Logs live from PostgreSQL: LiteLLM's `LiteLLM_SpendLogs`, or a table under the contract's own names.

Rows come through the Arrow driver (`adbc-driver-postgresql`, the extra `postgres`) as binary COPY, about 8 MB at a time:
memory does not grow with the table. Only columns that are read are asked for, and of LiteLLM's `metadata` not the
price list that fills it. The session is read-only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from stillhunt.collect import litellm_spend, tabular, urls
from stillhunt.collect.conform import conform, pieces, sliced
from stillhunt.collect.tally import Place
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.errors import LogError, PlugError
from stillhunt.plugs import Batch, Split

BATCH_BYTES = 8 * 2**20

PLAIN = frozenset(
    ("text", "varchar", "bpchar", "int2", "int4", "int8", "float4", "float8", "bool", "timestamp", "timestamptz", "date",
     "_text", "_varchar", "json", "jsonb")
)  # fmt: skip
"""Types that arrive as they are; others are asked for as text."""

FIELDS = ", ".join(f"'{key}', \"metadata\"::jsonb -> '{key}'" for key in litellm_spend.METADATA)
METADATA = f"CASE WHEN jsonb_typeof(\"metadata\"::jsonb) = 'object' THEN jsonb_build_object({FIELDS}) END"
"""Of LiteLLM's `metadata`, the fields that are read."""

PREFIXES = re.compile(r"^.*?(?:Failed to connect: |\[PGRES_\w+\]:? ?(?:ERROR: |FATAL: )?|(?:ERROR|FATAL): +)|^[A-Z_]+: ")
"""What the driver says before the server's own words."""

WORTH_DIVIDING = 200_000
"""Rows below which a table is read in one piece."""


def splits(url: str, parts: int) -> tuple[Split, ...]:
    """Return the splits of a table: ranges of its time column; raise `LogError` where it cannot be read."""
    place = urls.place_of(url)
    with _connected(url) as connection:
        try:
            table = place.table or _found(connection)
            if table is None:
                raise LogError(
                    f"{urls.shown(url)}: this database has neither `LiteLLM_SpendLogs` nor a table `exchanges`.\n"
                    "Name the table: postgresql://user@host/database/table."
                )
            columns = _columns(connection, table)
            time = _time(table, columns, url)
            spans = _spans(connection, table, time, parts)
        except _errors() as error:
            raise LogError(
                f"{urls.shown(url)}: {_cause(error, url)}\nGrant this user SELECT on the table, or name another."
            ) from None
    count = len(spans)
    return tuple(
        Split(path=urls.path_of(place, table, span), format="postgresql", part=part, parts=count)
        for part, span in enumerate(spans)
    )


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of a table, and what was left out; a broken connection ends it and is told."""
    place = urls.place_of(split.path)
    table = place.table or "LiteLLM_SpendLogs"
    try:
        with _connected(split.path) as connection, connection.cursor() as cursor:
            columns = _columns(connection, table)
            shape = litellm_spend.SHAPE if litellm_spend.recognise(list(columns)) else None
            wanted = EXCHANGES.names if shape is None else shape.columns
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(_query(table, columns, wanted, place.span, spend=shape is not None))
            batches = cursor.fetch_record_batch()
            yield from _under_the_contract(batches, table) if shape is None else tabular.streamed(batches, shape, table)
    except LogError as error:
        yield tabular.lost(str(error).split("\n")[0], table)
    except (*_errors(), pa.ArrowException, OSError) as error:
        yield tabular.lost(f"the rest of it could not be read: {_cause(error, split.path)}", table)


def _under_the_contract(batches: Iterator[pa.RecordBatch], table: str) -> Iterator[Batch]:
    before = 0
    for batch in batches:
        for piece in pieces(batch):
            yield from sliced(conform(piece, EXCHANGES, REQUIRED, _numbered(table, before)))
            before += piece.num_rows


def _numbered(table: str, before: int) -> Place:
    return lambda row: f"{table} row {before + row + 1}"


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise PlugError(
            "Reading from PostgreSQL needs the driver `adbc-driver-postgresql`, which is not installed.\n"
            "Install it with `pip install 'stillhunt[postgres]'`."
        ) from error
    urls.check(url)
    server = urls.place_of(url).server.replace("postgres://", "postgresql://", 1)
    try:
        connection = dbapi.connect(server, autocommit=True)
    except dbapi.Error as error:
        raise LogError(
            f"{urls.shown(url)}: no connection: {_cause(error, url)}\n"
            "Check host, port, database and user; give the password in PGPASSWORD or ~/.pgpass."
        ) from None
    with connection:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("SET TIME ZONE 'UTC'")
        yield connection


def _errors() -> tuple[type[Exception], ...]:
    from adbc_driver_postgresql import dbapi

    return (dbapi.Error,)


def _cause(error: Exception, url: str) -> str:
    """Return what the driver says, without its prefixes and without any password."""
    message = urls.without_secrets(str(error), url)
    return PREFIXES.sub("", message).rstrip(".") + "."


def _found(connection: Any) -> str | None:
    """Return the table to read where the URL names none."""
    for name in ("LiteLLM_SpendLogs", "exchanges"):
        if _columns(connection, name):
            return name
    return None


def _columns(connection: Any, table: str) -> dict[str, str]:
    """Return a table's columns with the names of their types; none for a table that is not there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.attname::text, t.typname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
            " WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            parameters=(_quoted(table),),
        )
        return dict(cursor.fetchall())


def _quoted(table: str) -> str:
    """Return a table's name, with its schema where a dot divides them, as SQL."""
    return ".".join('"' + piece.replace('"', '""') + '"' for piece in table.split(".", 1))


def _time(table: str, columns: Mapping[str, str], url: str) -> str:
    """Return the column that says when a call began; raise `LogError` where the table is none that we know."""
    if litellm_spend.recognise(list(columns)):
        return "startTime" if "startTime" in columns else "start_time"
    if set(REQUIRED) <= set(columns):
        return "started_at"
    what = "there is no such table, or this user may not see it"
    if columns:
        what = f"its columns are neither LiteLLM's nor the contract's: {', '.join(list(columns)[:8])}"
    raise LogError(
        f"{urls.shown(url)}: table `{table}`: {what}.\n"
        "Name a table or view with the columns `exchange_id`, `account_id` and `started_at`: postgresql://…/database/table."
    )


def _spans(connection: Any, table: str, time: str, parts: int) -> list[str]:
    """Return ranges of time as conditions' bounds, `from..to`, which cover all rows whatever is added meanwhile."""
    if parts <= 1:
        return [""]
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::int8 FROM pg_class WHERE oid = to_regclass($1)", parameters=(_quoted(table),))
        rows = cursor.fetchone()
        if not rows or (rows[0] or 0) < WORTH_DIVIDING:
            return [""]
        wanted = min(parts, 64, int(rows[0]) // (WORTH_DIVIDING // 2))
        column = '"' + time.replace('"', '""') + '"'
        cursor.execute(
            f"SELECT to_char(low + (high - low) * (i::float8 / {wanted}), 'YYYY-MM-DD\"T\"HH24:MI:SS.US') FROM"
            f" (SELECT min({column})::timestamp AS low, max({column})::timestamp AS high FROM {_quoted(table)}) AS ends,"
            f" generate_series(1, {wanted - 1}) AS i ORDER BY i"
        )
        bounds = sorted({str(row[0]) for row in cursor.fetchall() if row[0] is not None})
    return [f"{low}..{high}" for low, high in zip(["", *bounds], [*bounds, ""], strict=True)] if bounds else [""]


def _query(table: str, columns: Mapping[str, str], wanted: list[str] | tuple[str, ...], span: str, *, spend: bool) -> str:
    listed = []
    for name in wanted:
        if name not in columns:
            continue
        quoted, kind = '"' + name.replace('"', '""') + '"', columns[name]
        if spend and name == "metadata" and kind in ("json", "jsonb"):
            listed.append(f'({METADATA})::text AS "metadata"')
        elif kind == "inet":
            listed.append(f"host({quoted}) AS {quoted}")
        else:
            listed.append(quoted if kind in PLAIN else f"{quoted}::text AS {quoted}")
    query = f"SELECT {', '.join(listed)} FROM {_quoted(table)}"
    low, _, high = span.partition("..")
    time = next(name for name in ("startTime", "start_time", "started_at") if name in columns)
    bounds = [f"\"{time}\" >= '{_safe(low)}'"] if low else []
    bounds += [f"\"{time}\" < '{_safe(high)}'"] if high else []
    where = " AND ".join(bounds)
    if where and not low:
        where = f'({where} OR "{time}" IS NULL)'
    return f"{query} WHERE {where}" if where else query


def _safe(bound: str) -> str:
    """Return a bound of ours as it stands in SQL: nothing but digits and their marks."""
    return "".join(character for character in bound if character in "0123456789-:.T ")
