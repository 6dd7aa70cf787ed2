"""Logs in object stores: listed, copied and read like files, by whoever reads them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from collect.object_store import store

from stillhunt import collect
from stillhunt.errors import LogError

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A bucket with two logs, one of them packed away deeper, and a file that is none; its folder and its query."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-word")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "bucket"
    (folder / "march" / "02").mkdir(parents=True)
    shutil.copy(SAMPLES / "contract.parquet", folder / "march" / "02" / "one.parquet")
    shutil.copy(SAMPLES / "contract.ndjson", folder / "march" / "two words.ndjson")
    (folder / "march" / "_SUCCESS").write_text("")
    with store(folder) as query:
        yield folder, query


def rows(logs: list[str], format: str | None = None) -> list[pa.Table]:
    """Return what each split of some logs holds."""
    return [
        pa.Table.from_batches([batch.exchanges for batch in collect.read(split)])
        for split in collect.plan(logs, format)
    ]


def test_objects_are_read_like_the_files_they_are(bucket: tuple[Path, str]) -> None:
    """A folder, a glob and an object of a bucket give the rows that the same files give on disk."""
    folder, query = bucket
    on_disk = rows([str(folder / "march")])
    assert [t.num_rows > 0 for t in on_disk] == [True, True]
    assert rows([f"s3a://logs/march?{query}"]) == on_disk
    assert rows([f"s3://logs/march/**/*.parquet?{query}"]) == on_disk[:1]
    assert rows([f"s3://logs/march/*.ndjson?{query}"], "ndjson") == on_disk[1:]
    assert rows([f"s3a://logs/march/02/one.parquet?{query}"]) == on_disk[:1]


def test_a_split_names_the_object_and_not_the_way_there(bucket: tuple[Path, str]) -> None:
    """The last piece of a split's path, which messages show, is the object's name."""
    _, query = bucket
    splits = collect.plan([f"s3a://logs/march?{query}"])
    assert [Path(split.path).name for split in splits] == ["one.parquet", "two words.ndjson"]


def test_what_is_not_there_is_said(bucket: tuple[Path, str]) -> None:
    """A URL that stands for no object is an error; an object that vanishes later is left out and counted."""
    folder, query = bucket
    with pytest.raises(LogError, match="there is no log here"):
        collect.plan([f"s3a://logs/april?{query}"])
    (split,) = collect.plan([f"s3a://logs/march/*.ndjson?{query}"])
    (folder / "march" / "two words.ndjson").unlink()
    (batch,) = collect.read(split)
    assert batch.exchanges.num_rows == 0
    assert [(item.what, item.defect, item.examples) for item in batch.left_out] == [("file", True, ("two words.ndjson",))]


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    """`file://` and `file:` URLs are the files they name."""
    shutil.copy(SAMPLES / "contract.parquet", tmp_path / "a b.parquet")
    plain = rows([str(tmp_path / "a b.parquet")])
    assert rows([f"file://{tmp_path}/a%20b.parquet"]) == plain
    assert rows([f"file:{tmp_path}/a%20b.parquet"]) == plain
