"""What is promised of synthetic traffic: write."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from stillhunt import worlds
from stillhunt.errors import StoreError


@pytest.fixture(scope="module")
def tiny() -> worlds.World:
    """A world small enough to write several times."""
    return worlds.make("small", 4, 0.05)


def test_parquet_gives_the_tables_back(tiny: worlds.World, tmp_path: Path) -> None:
    """Each table is read back from Parquet as it was."""
    worlds.write(tiny, tmp_path / "new")
    for name in ("exchanges", "accounts", "events", "truth", "truth_exchanges"):
        assert pq.read_table(tmp_path / "new" / f"{name}.parquet").equals(getattr(tiny, name)), name


def test_ndjson_has_every_exchange(tiny: worlds.World, tmp_path: Path) -> None:
    """NDJSON holds one line for each exchange, in order, without nulls, with the same texts."""
    path = tmp_path / "log.ndjson"
    worlds.write_ndjson(tiny, path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [r["exchange_id"] for r in rows] == tiny.exchanges["exchange_id"].to_pylist()
    assert [r["prompt"] for r in rows] == tiny.exchanges["prompt"].to_pylist()
    assert all(value is not None for row in rows for value in row.values())


def test_csv_has_every_exchange(tiny: worlds.World, tmp_path: Path) -> None:
    """CSV holds a header and every exchange, line breaks in prompts included."""
    path = tmp_path / "log.csv"
    worlds.write_csv(tiny, path)
    table = pacsv.read_csv(path, parse_options=pacsv.ParseOptions(newlines_in_values=True))
    assert table.column_names == tiny.exchanges.column_names
    assert table["prompt"].to_pylist() == tiny.exchanges["prompt"].to_pylist()


def test_litellm_carries_the_same_world(tiny: worlds.World, tmp_path: Path) -> None:
    """A LiteLLM line holds account, address, fingerprints, messages, answer and usage of its exchange."""
    path = tmp_path / "litellm.ndjson"
    worlds.write_litellm(tiny, path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for row, line in zip(tiny.exchanges.to_pylist(), lines, strict=True):
        assert line["id"] == row["exchange_id"]
        assert line["metadata"]["user_api_key_user_id"] == row["account_id"]
        assert line["metadata"]["requester_custom_headers"]["x-ja4"] == row["tls_ja4"]
        assert line["requester_ip_address"] == row["client_ip"]
        assert abs(line["startTime"] - row["started_at"].timestamp()) < 1e-6
        assert line["messages"][-1] == {"role": "user", "content": row["prompt"]}
        systems = [m["content"] for m in line["messages"] if m["role"] == "system"]
        assert systems == ([] if row["system"] is None else [row["system"]])
        assert (line["status"] == "success") == (row["status"] == "ok")
        if row["status"] == "ok":
            assert line["response"]["choices"][0]["message"]["content"] == row["completion"]
            assert line["response"]["usage"]["completion_tokens"] == row["tokens_out"]


def test_unwritable_place_is_named(tiny: worlds.World, tmp_path: Path) -> None:
    """A place that cannot be written is an error that names it."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="file"):
        worlds.write(tiny, blocked / "under")
    with pytest.raises(StoreError, match="missing"):
        worlds.write_litellm(tiny, tmp_path / "missing" / "x.ndjson")
