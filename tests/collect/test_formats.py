"""The contract that every row of the table of formats keeps."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from collect.reading import SAMPLES, counts, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import ndjson, urls
from stillhunt.contract import EXCHANGES
from stillhunt.errors import ConfigError, PlugError
from stillhunt.model import LeftOut
from stillhunt.plugs import Batch, Split
from stillhunt.testing import check_batch, check_format

SAMPLE_OF = {
    "parquet": "contract.parquet",
    "ndjson": "contract.ndjson",
    "csv": "contract.csv",
    "litellm": "litellm.jsonl",
    "litellm-spend": "litellm-spend.ndjson",
    "langfuse": "langfuse.jsonl",
    "databricks": "databricks.jsonl",
    "envoy": "envoy.jsonl",
    "kong": "kong.jsonl",
    "vllm": "vllm.log",
    "otel": "otel.jsonl",
    "openai": "openai.jsonl",
    "anthropic": "anthropic.jsonl",
    "bedrock": "bedrock.jsonl",
}

OF_FILES = sorted(set(collect.FORMATS) - set(urls.SOURCES) - {"vllm"})
"""Formats of which one file has exchanges: databases are no files, and vLLM's log needs a gateway's beside it."""


@pytest.mark.parametrize("name", OF_FILES)
def test_every_format_keeps_the_contract(name: str, tmp_path: Path) -> None:
    """A row of the table accounts for every line, repeats itself, may be divided, never raises, hides text."""
    assert check_format(collect.FORMATS[name], SAMPLES / SAMPLE_OF[name], tmp_path) >= 3


@pytest.mark.parametrize("sample", ["litellm-array.json", "litellm-one.json"])
def test_other_layouts_keep_the_contract(sample: str, tmp_path: Path) -> None:
    """A JSON array and an indented object keep the contract as lines do."""
    assert check_format(collect.FORMATS["litellm"], SAMPLES / sample, tmp_path) >= 1


@pytest.mark.parametrize("name", sorted(collect.FORMATS))
@settings(max_examples=60, deadline=None, derandomize=True)
@given(content=st.binary(max_size=600))
def test_arbitrary_bytes_never_raise(name: str, content: bytes) -> None:
    """Whatever bytes a file holds, reading it in any format gives whole batches."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.log"
        path.write_bytes(content)
        for batch in collect.read(Split(path=str(path), format=name)):
            check_batch(batch)


@pytest.mark.parametrize("name", sorted(collect.FORMATS))
@pytest.mark.parametrize("other", sorted(SAMPLE_OF))
def test_a_wrong_format_never_raises(name: str, other: str) -> None:
    """A log of one format read as another gives whole batches, and says what it left out."""
    batches = list(collect.read(Split(path=str(SAMPLES / SAMPLE_OF[other]), format=name)))
    for batch in batches:
        check_batch(batch)
    if name != other and {name, other} != {"ndjson", "litellm"}:
        assert counts(batches)


@pytest.mark.parametrize("name", ["ndjson", "csv", "litellm"])
def test_packed_logs_read_like_plain_ones(name: str, tmp_path: Path) -> None:
    """Gzip and Zstandard, in one piece or several, change nothing that is read."""
    sample = SAMPLES / SAMPLE_OF[name]
    body = sample.read_bytes()
    plain = read_whole(sample, name)
    packed = {
        "one.gz": gzip.compress(body),
        "two.gz": gzip.compress(body[:100]) + gzip.compress(body[100:]),
        "one.zst": zstandard.compress(body),
        "two.zst": zstandard.compress(body[:100]) + zstandard.compress(body[100:]),
    }
    for suffix, content in packed.items():
        path = tmp_path / f"log.{suffix}"
        path.write_bytes(content)
        assert read_whole(path, name) == plain, suffix


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_cut_packed_log_keeps_the_lines_before_the_cut(pack: object, tmp_path: Path) -> None:
    """Of a packed log that ends early, whole lines before the end are read, and the file is named as cut."""
    lines = [
        b'{"exchange_id":"e%d","account_id":"a","started_at":%d,"prompt":"%s"}\n'
        % (i, 1_772_442_300 + i, bytes(65 + (i * i * j) % 26 for j in range(90)))
        for i in range(4000)
    ]
    body = pack(b"".join(lines))  # type: ignore[operator]
    path = tmp_path / "log.packed"
    path.write_bytes(body[: len(body) * 3 // 4])
    rows, left, count = read_whole(path, "ndjson")
    assert len(rows) > 500
    assert [row["exchange_id"] for row in rows] == [f"e{i}" for i in range(len(rows))]
    assert [what for what, reason in left if "end early" in reason] == ["file"]
    assert count - len(rows) in (0, 1)


def test_utf_16_is_left_out_by_name(tmp_path: Path) -> None:
    """A log in UTF-16 is left out as a whole, with a reason that names the encoding."""
    text = (SAMPLES / "contract.ndjson").read_text(encoding="utf-8")
    for number, encoding in enumerate(["utf-16", "utf-16-le", "utf-16-be"]):
        for name in ("ndjson", "csv", "litellm"):
            path = tmp_path / f"{number}.log"
            path.write_bytes(text.encode(encoding))
            rows, left, lines = read_whole(path, name)
            assert (rows, lines) == ([], 0)
            assert list(left) == [("file", "it is UTF-16 text; convert it to UTF-8")], (encoding, name)


def test_an_unknown_format_is_named() -> None:
    """Reading a split of a format that does not exist says which formats there are."""
    with pytest.raises(ConfigError, match=r"no log format `nope`[\s\S]*parquet"):
        collect.read(Split(path="x", format="nope"))


def _lossy(split: Split) -> Iterator[Batch]:
    for batch in ndjson.read(split):
        yield batch._replace(lines=batch.lines + 1)


def _talkative(split: Split) -> Iterator[Batch]:
    for batch in ndjson.read(split):
        said = (
            Path(split.path).read_bytes()[:4000].decode(errors="replace")
            if Path(split.path).exists()
            else "-"
        )
        yield batch._replace(
            left_out=(*batch.left_out, LeftOut(what="value", reason=f"odd: {said}", count=1))
        )


def _fragile(split: Split) -> Iterator[Batch]:
    Path(split.path).read_bytes().decode()
    return ndjson.read(split)


def _greedy(split: Split) -> Iterator[Batch]:
    return ndjson.read(Split(path=split.path, format=split.format))


@pytest.mark.parametrize(
    ("reader", "complaint"),
    [
        ("_lossy", "lines left out"),
        ("_talkative", "text of the log is shown"),
        ("_fragile", "raised"),
        ("_greedy", "parts together do not give"),
    ],
)
def test_check_format_finds_broken_readers(
    reader: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check for strangers' formats fails for readers that lose lines, talk, raise, or ignore parts."""
    monkeypatch.setattr("stillhunt.plugs.load", lambda row: globals()[row])
    with pytest.raises(PlugError, match=complaint):
        check_format(reader, SAMPLES / "contract.ndjson", tmp_path)


def test_check_batch_finds_wrong_types() -> None:
    """A batch with a column of another type than the contract's does not pass."""
    names = ["exchange_id", "account_id", "started_at"]
    wrong = pa.RecordBatch.from_arrays([pa.array(["e"]), pa.array(["a"]), pa.array(["2026"])], names=names)
    with pytest.raises(PlugError, match="`started_at` is string"):
        check_batch(Batch(wrong, (), 1))
    right = pa.RecordBatch.from_pylist(
        [{"exchange_id": "e", "account_id": "a", "started_at": 0}],
        schema=pa.schema([EXCHANGES.field(name) for name in names]),
    )
    check_batch(Batch(right, (), 1))
