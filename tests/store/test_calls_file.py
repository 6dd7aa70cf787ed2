"""Files of calls hold what they were given, in the order of accounts, in fewer bytes."""

from __future__ import annotations

import itertools
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt.digest import CALLS
from stillhunt.store import calls_file
from stillhunt.store.calls_file import CallsFile


def calls(n: int) -> pa.RecordBatch:
    """Return calls of forty accounts, each with a client of its own, in the order of time."""
    rng = np.random.default_rng(3)
    account = rng.integers(0, 40, n)
    hashes = [rng.integers(0, 2**63, size=k, dtype=np.int64) for k in rng.integers(0, 9, n).tolist()]
    columns = {
        "exchange_id": [f"req_{k:016x}" for k in rng.integers(0, 2**62, n).tolist()],
        "exchange_h": rng.integers(0, 2**63, n, dtype=np.int64),
        "account_id": [f"account-{k}" for k in account.tolist()],
        "started_at": pa.array(1_772_409_600_000_000 + np.sort(rng.integers(0, 86_400_000_000, n)), pa.timestamp("us", "UTC")),
        "shingles": [h.tolist() if len(h) else None for h in hashes],
        "answer_marks": [h[:5].tolist() for h in hashes],
        "sketch": [bytes(row) for row in rng.poisson(0.1, (n, 128)).astype(np.uint8)],
        "agent_h": account + 2**62,
        "network_h": account + 2**61,
    }
    return pa.record_batch(
        [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in CALLS], schema=CALLS
    )


def rows(table: pa.Table) -> list[dict[str, object]]:
    """Return rows in an order of their own."""
    return sorted(table.to_pylist(), key=lambda row: str(row["exchange_id"]))


def test_what_was_written_is_read_by_arrow_and_by_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All values come back, through Arrow and DuckDB, and each row group goes account by account, each by time."""
    monkeypatch.setattr(calls_file, "ROW_GROUP", 700)
    given = calls(2000)
    file = CallsFile(tmp_path / "calls.parquet")
    for start in range(0, 2000, 300):
        file.write(given.slice(start, 300))
    assert file.held == 200
    file.close()
    found = pq.read_table(tmp_path / "calls.parquet")
    assert rows(found) == rows(pa.Table.from_batches([given]))
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    names = ", ".join(CALLS.names)
    assert rows(engine.sql(f"SELECT {names} FROM read_parquet('{tmp_path}/calls.parquet')").to_arrow_table()) == rows(found)
    metadata = pq.ParquetFile(tmp_path / "calls.parquet")
    assert metadata.num_row_groups == 3
    for number in range(3):
        group = metadata.read_row_group(number)
        account = group.column("account_id").to_pylist()
        assert len([1 for a, b in itertools.pairwise(account) if a != b]) == len(set(account)) - 1
        times = list(zip(account, group.column("started_at").to_pylist(), strict=True))
        assert all(a[0] != b[0] or a[1] <= b[1] for a, b in itertools.pairwise(times))


def test_it_is_smaller_than_calls_as_they_come(tmp_path: Path) -> None:
    """The same calls take a twentieth less than in the order of time with dictionaries for all columns."""
    given = calls(20_000)
    file = CallsFile(tmp_path / "small.parquet")
    file.write(given)
    file.close()
    pq.write_table(pa.Table.from_batches([given]), tmp_path / "plain.parquet", compression="zstd", compression_level=1)
    assert (tmp_path / "small.parquet").stat().st_size < 0.95 * (tmp_path / "plain.parquet").stat().st_size
