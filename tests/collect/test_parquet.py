"""Parquet, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from collect.reading import SAMPLES, read_whole

from stillhunt import collect
from stillhunt.plugs import Split


def test_sample_is_read_as_written() -> None:
    """Whole-number ids, categories, milliseconds and nested turns arrive in the contract's types."""
    rows, left, lines = read_whole(SAMPLES / "contract.parquet", "parquet")
    assert [row["exchange_id"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["history"] == '[{"content":"hello there, harbour","role":"user"}]'
    assert rows[0]["tokens_in"] == 5
    assert left == {("line", "no usable `account_id`"): 1}
    assert lines == 4


def test_only_the_columns_that_the_file_has_are_given() -> None:
    """Columns that a file has not are missing, and its other columns are passed over."""
    (batch, _) = collect.read(Split(path=str(SAMPLES / "contract.parquet"), format="parquet"))
    assert "client_ip" not in batch.exchanges.schema.names
    assert "shard" not in batch.exchanges.schema.names


def test_a_cut_file_is_one_thing_left_out(tmp_path: Path) -> None:
    """A file cut short or of another kind is left out as one file; it does not raise."""
    body = (SAMPLES / "contract.parquet").read_bytes()
    for content in (body[:-20], body[:100], b"hello", b""):
        path = tmp_path / "x.parquet"
        path.write_bytes(content)
        rows, left, lines = read_whole(path, "parquet")
        assert (rows, lines) == ([], 0)
        assert [what for what, _ in left] == ["file"]


def test_a_broken_row_group_does_not_take_the_others(tmp_path: Path) -> None:
    """Where one row group cannot be decoded, those before and after it are read."""
    path = tmp_path / "x.parquet"
    table = pa.table(
        {
            "exchange_id": [f"e{i:04}" for i in range(300)],
            "account_id": [f"account-{i:04}" for i in range(300)],
            "started_at": pa.array(range(300), pa.timestamp("us")),
        }
    )
    pq.write_table(table, path, row_group_size=100, compression="zstd", use_dictionary=False)
    about = pq.ParquetFile(path).metadata.row_group(1).column(1)
    body = bytearray(path.read_bytes())
    for offset in range(about.data_page_offset, about.data_page_offset + about.total_compressed_size):
        body[offset] = 0xFF
    path.write_bytes(bytes(body))
    rows, left, _ = read_whole(path, "parquet")
    assert [row["exchange_id"] for row in rows] == [f"e{i:04}" for i in [*range(100), *range(200, 300)]]
    assert [what for what, _ in left] == ["file"]


def test_a_table_without_contract_columns_accounts_for_its_rows(tmp_path: Path) -> None:
    """A Parquet file of something else has lines, all of them left out."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"colour": ["red", "blue"]}), path)
    assert read_whole(path, "parquet") == ([], {("line", "no usable `exchange_id`"): 2}, 2)
