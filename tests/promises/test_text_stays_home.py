"""No text leaves the digest: planted words are in no file, no relation, no message of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt import pipeline, report, worlds
from stillhunt.config import Config
from stillhunt.contract import EXCHANGES, TEXT
from stillhunt.digest import Key
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.errors import LogError
from stillhunt.model import Hunt
from strategies import SECRET

CANARIES = {name: f"zq{name}vortigernzyx" for name in TEXT}
"""A word for each column that holds text, which nothing else in a log could contain."""


@pytest.fixture(scope="module")
def planted(small_world: worlds.World) -> pa.Table:
    """Exchanges of the small world with a planted word in every text, filled in where there was none."""
    table = small_world.exchanges
    for name, word in CANARIES.items():
        texts = [f"{text or ''} {word} {n % 7}" for n, text in enumerate(table.column(name).to_pylist())]
        table = table.set_column(table.column_names.index(name), EXCHANGES.field(name), pa.array(texts, pa.string()))
    return table


def stored(engine: DuckDBEngine) -> Iterator[tuple[str, bytes]]:
    """Yield everything that the relations of an engine hold, as text and as bytes."""
    names = engine.fetch("SELECT table_name FROM information_schema.tables").column(0).to_pylist()
    for name in names:
        rows = engine.fetch(f'SELECT * FROM "{name}"')
        for column in rows.column_names:
            if pa.types.is_string(rows.schema.field(column).type) or pa.types.is_binary(rows.schema.field(column).type):
                values = rows.column(column).unique().drop_null().cast(pa.binary()).to_pylist()
                yield f"{name}.{column}", b"\n".join(values)


def inside(content: bytes) -> list[str]:
    """Return the planted words that some bytes hold, in any case."""
    return [word for word in CANARIES.values() if word.encode() in content.lower()]


def test_no_planted_word_is_anywhere(
    planted: pa.Table, small_world: worlds.World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run that reports campaigns leaves no planted word in its files, its working folder, or on the terminal."""
    engine = DuckDBEngine(tmp_path / "work", threads=1, memory_mb=512)
    found: Hunt = pipeline.run(
        engine,
        planted,
        small_world.accounts,
        small_world.events,
        format=None,
        key=Key(SECRET),
        config=Config(threads=1),
    )
    assert found.campaigns
    held = dict(stored(engine))
    a_member = found.campaigns[0].accounts[0].encode()
    assert any(a_member in content for content in held.values())
    assert [place for place, content in held.items() if inside(content)] == []
    for path in (tmp_path / "work").rglob("*"):
        if path.is_file():
            assert inside(path.read_bytes()) == []
        if path.suffix == ".parquet":
            columns = pq.read_table(path, partitioning=None).to_pydict()
            assert inside(repr(columns).encode()) == []
    engine.close()
    written = report.write(found, tmp_path / "out")
    for path in written.values():
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += repr(pq.read_table(path).to_pydict()).encode()
        assert a_member in content
        assert inside(content) == []
    assert inside(repr(found).encode()) == []
    assert inside("".join(capfd.readouterr()).encode()) == []


def test_broken_lines_are_not_quoted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Lines that cannot be read are pointed to, never shown: not in the error, not in what was left out."""
    good = [
        {"exchange_id": f"x{n}", "account_id": f"a{n % 9}", "started_at": "2026-03-02T00:00:00Z", "prompt": f"hi {n}"}
        for n in range(50)
    ]
    bad = [
        '{"exchange_id": "b1", "prompt": "' + CANARIES["prompt"] + '", "account_id": ',
        json.dumps({"exchange_id": "b2", "prompt": CANARIES["prompt"], "account_id": "a1", "started_at": "never"}),
        json.dumps({"prompt": CANARIES["prompt"], "system": CANARIES["system"]}),
    ]
    log = tmp_path / "march.ndjson"
    log.write_text("\n".join([*map(json.dumps, good), *bad]) + "\n")
    with pytest.raises(LogError) as refused:
        pipeline.hunt(log, key=SECRET, threads=1)
    assert "march.ndjson" in str(refused.value)
    assert inside(str(refused.value).encode()) == []
    found = pipeline.hunt(log, key=SECRET, threads=1, allow_left_out=0.5)
    assert sum(item.count for item in found.left_out) >= 3
    for path in report.write(found, tmp_path / "out").values():
        assert inside(path.read_bytes()) == []
    assert inside("".join(capfd.readouterr()).encode()) == []


def test_planted_words_would_be_noticed(small_hunt: Hunt) -> None:
    """The search finds a planted word where there is one."""
    word = CANARIES["history"]
    assert inside(f"… {word.upper()} …".encode()) == [word]
    assert inside(repr(small_hunt).encode()) == []
