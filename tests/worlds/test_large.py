"""What is promised of synthetic traffic: large."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from stillhunt import contract, worlds
from stillhunt.errors import ConfigError
from stillhunt.worlds import large


def test_large_world_is_partitioned_by_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Parts add up to the wanted number; each file holds one day in order of time; side tables cover
    all accounts.
    """
    monkeypatch.setattr(large, "EXCHANGES_PER_PART", 40_000_000)
    seen: list[tuple[int, int]] = []
    written = worlds.write_large(tmp_path, 9, 11_000, lambda done, wanted: seen.append((done, wanted)))
    assert written >= 5000 and seen[-1] == (written, 11_000)
    files = sorted((tmp_path / "exchanges").rglob("*.parquet"))
    assert len({f.parent.name for f in files}) == 21
    for file in files[:5]:
        table = pq.ParquetFile(file).read()
        assert table.schema.equals(contract.EXCHANGES)
        at = table["started_at"].to_pylist()
        assert at == sorted(at)
        assert all(f"day={t:%Y-%m-%d}" == file.parent.name for t in at)
    data = ds.dataset(tmp_path / "exchanges", partitioning="hive").to_table(
        columns=["exchange_id", "account_id"]
    )
    assert data.num_rows == written == len(data["exchange_id"].unique())
    accounts = pq.read_table(tmp_path / "accounts.parquet")
    assert set(data["account_id"].to_pylist()) <= set(accounts["account_id"].to_pylist())
    assert pq.read_table(tmp_path / "truth.parquet").num_rows == accounts.num_rows
    events = pq.read_table(tmp_path / "events.parquet")
    assert events["kind"].to_pylist().count("model_release") == 2


def test_nothing_is_refused(tmp_path: Path) -> None:
    """A world of no exchanges is an error."""
    with pytest.raises(ConfigError, match="at least one"):
        worlds.write_large(tmp_path, 1, 0)
