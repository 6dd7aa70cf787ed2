"""The small tables beside the log, accounts, events and controls, each read whole from one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from stillhunt.collect import delimited, ndjson, parquet
from stillhunt.collect.arrays import pc
from stillhunt.collect.arrow import SHAPES
from stillhunt.collect.lines import BYTE_ORDER_MARK
from stillhunt.collect.opening import head
from stillhunt.collect.tally import Tally
from stillhunt.errors import LogError
from stillhunt.model import LeftOut
from stillhunt.plugs import Split

PARQUET = b"PAR1"


def read_table(path: str | Path, schema: pa.Schema) -> tuple[pa.Table, tuple[LeftOut, ...]]:
    """
    Return the accounts, events or controls of a Parquet, NDJSON or CSV file in `schema`, and what was left out.

    A row without `account_id` (or `at` and `kind`, or `set`) is left out; of several rows for one account the first
    counts. Columns that the file has not are null. Raises `LogError` when the file is missing or no row of
    it can be used.
    """
    table, required = next(
        (name, wants) for name, (shape, wants) in SHAPES.items() if shape.names == schema.names
    )
    noun = table.removesuffix("s")
    if not Path(path).is_file():
        raise LogError(
            f"{path}: there is no such file.\nPass the file that holds the {table}, or leave it away."
        )
    split = Split(path=str(path), format=_container(path))
    reader = {"parquet": parquet.read_as, "ndjson": ndjson.read_as, "csv": delimited.read_as}[split.format]
    tally, found = Tally(), []
    for batch in reader(split, schema, required):
        tally.merge(batch.left_out)
        found.append(_widened(batch.exchanges, schema))
    rows = pa.Table.from_batches(found, schema=schema)
    left_out = [
        replace(one, what=noun) if one.reason.startswith("no usable") else one for one in tally.left_out()
    ]
    if rows.num_rows == 0 and left_out:
        raise LogError(
            f"{path}: no {noun} could be read ({left_out[0].reason}).\n"
            f"It was read as {split.format}; each row needs {' and '.join(f'`{name}`' for name in required)}."
        )
    if table != "accounts":
        return rows, tuple(left_out)
    once, repeated = _first_of_each(rows)
    if repeated:
        reason = "another row for the same `account_id` came first"
        left_out.append(LeftOut(what=noun, reason=reason, count=repeated, defect=True))
    return once, tuple(left_out)


def _container(path: str | Path) -> str:
    """Return whether a file is Parquet, JSON or CSV, by its first bytes, then by its name."""
    first = head(path)
    name = Path(path).name.lower()
    if first.startswith(PARQUET) or name.endswith((".parquet", ".pq")):
        return "parquet"
    text = first.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith((b"{", b"[")) or any(part in name for part in (".ndjson", ".jsonl", ".json")):
        return "ndjson"
    return "csv"


def _widened(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    have = set(rows.schema.names)
    columns = [
        rows.column(field.name) if field.name in have else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _first_of_each(rows: pa.Table) -> tuple[pa.Table, int]:
    """Return the first row of each account, in order, and how many rows were repeats."""
    numbered = pa.table({"account_id": rows["account_id"], "row": pa.array(range(rows.num_rows), pa.int64())})
    first = numbered.group_by("account_id", use_threads=False).aggregate([("row", "min")])["row_min"]
    if len(first) == rows.num_rows:
        return rows, 0
    return rows.take(first.take(pc.sort_indices(first))), rows.num_rows - len(first)
