"""Files, globs and folders become splits, in the same order every time, each of a known format."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collect.reading import SAMPLES

from stillhunt import collect
from stillhunt.collect import planning
from stillhunt.collect.guess import guess
from stillhunt.errors import ConfigError, LogError
from stillhunt.plugs import Split


@pytest.mark.parametrize(
    ("sample", "format", "because"),
    [
        ("contract.ndjson", "ndjson", "`exchange_id`"),
        ("contract.csv", "csv", "first line"),
        ("contract.parquet", "parquet", "four bytes"),
        ("litellm.jsonl", "litellm", "LiteLLM"),
        ("litellm-array.json", "litellm", "LiteLLM"),
        ("litellm-one.json", "litellm", "LiteLLM"),
        ("openai.jsonl", "openai", "OpenAI"),
        ("openai-batch.jsonl", "openai", "OpenAI"),
        ("anthropic.jsonl", "anthropic", "Anthropic"),
        ("anthropic-batch.jsonl", "anthropic", "Anthropic"),
        ("bedrock.jsonl", "bedrock", "Bedrock"),
    ],
)
@pytest.mark.parametrize("renamed", [False, True])
def test_content_tells_the_format(
    sample: str, format: str, because: str, renamed: bool, tmp_path: Path
) -> None:
    """A log is recognised by what is in it, under any name, and the reason is a sentence."""
    path = SAMPLES / sample
    if renamed:
        path = tmp_path / "some.dat"
        shutil.copy(SAMPLES / sample, path)
    found = guess(path)
    assert found.format == format
    assert because in found.reason
    assert found.reason.endswith(".")


def test_names_tell_the_format_where_content_does_not(tmp_path: Path) -> None:
    """An empty or damaged log is what its name says; a file that says nothing is of no format."""
    cases = {
        "a.parquet": (b"cut", "parquet"),
        "a.ndjson": (b"", "ndjson"),
        "b.jsonl.gz": (gzip.compress(b'{"exchange_id'), "ndjson"),
        "a.txt": (b"hello", None),
        "package.json": (b'{"name": "x", "version": 1}', None),
        "a.csv": (b"colour,size\nred,1\n", None),
    }
    for name, (content, format) in cases.items():
        (tmp_path / name).write_bytes(content)
        assert guess(tmp_path / name).format == format, name


def test_a_reason_never_shows_values() -> None:
    """The reason for a guess names keys, and no value of the log."""
    for sample in SAMPLES.iterdir():
        assert "tide" not in guess(sample).reason


def test_a_folder_gives_its_logs_in_order_and_skips_the_rest(tmp_path: Path) -> None:
    """Folders are read with all below them, by name, without what tools and people leave beside data."""
    for name in ("day=2/b.ndjson", "day=1/a.ndjson", "day=1/_SUCCESS", "day=1/.a.ndjson.crc", "README.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(SAMPLES / "contract.ndjson", path)
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "_delta_log").mkdir()
    shutil.copy(SAMPLES / "contract.ndjson", tmp_path / "_delta_log" / "0.json")
    found = [Path(split.path).name for split in collect.plan([tmp_path])]
    assert found == ["a.ndjson", "b.ndjson"]
    pattern = str(tmp_path / "day=*" / "*.ndjson")
    assert [Path(split.path).name for split in collect.plan([pattern, tmp_path])] == found


def test_a_file_given_twice_is_read_once(tmp_path: Path) -> None:
    """No exchange is counted twice because its file was named twice."""
    path = SAMPLES / "contract.ndjson"
    assert len(collect.plan([path, path, str(path)])) == 1


@pytest.mark.parametrize(
    ("logs", "says"),
    [
        ([], "No log was given"),
        (["nowhere.ndjson"], "no such file"),
        (["*.nothing"], "no file matches"),
    ],
)
def test_nothing_found_is_an_error_that_says_what_next(logs: list[str], says: str) -> None:
    """A log that is not there stops the run with what, where and what next."""
    with pytest.raises(LogError, match=says) as error:
        collect.plan(logs)
    assert "Pass " in str(error.value)


def test_an_empty_folder_and_an_unrecognised_log_are_errors(tmp_path: Path) -> None:
    """A folder without logs and a file of no known format each stop the run, and name the formats."""
    with pytest.raises(LogError, match="holds no log"):
        collect.plan([tmp_path])
    (tmp_path / "x.json").write_text('{"colour": "red"}')
    for log in (tmp_path, tmp_path / "x.json"):
        with pytest.raises(LogError, match=r"`colour`[\s\S]*--format[\s\S]*litellm"):
            collect.plan([log])


def test_a_named_format_is_taken_at_its_word(tmp_path: Path) -> None:
    """With a format named, no file is judged; a format that does not exist is corrected."""
    (tmp_path / "x.json").write_text('{"colour": "red"}')
    assert collect.plan([tmp_path / "x.json"], "ndjson")[0].format == "ndjson"
    with pytest.raises(ConfigError, match="Did you mean `parquet`"):
        collect.plan([tmp_path], "parquets")


def test_large_files_are_divided_for_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines are divided by bytes and Parquet by row groups; packed files, arrays and CSV are not."""
    monkeypatch.setattr(planning, "SMALLEST_PART", 200)
    body = (SAMPLES / "contract.ndjson").read_bytes()
    (tmp_path / "a.ndjson").write_bytes(body)
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(body, 0))
    (tmp_path / "c.json").write_text(
        json.dumps([{"exchange_id": "e", "account_id": "a", "started_at": 1}] * 20)
    )
    shutil.copy(SAMPLES / "contract.csv", tmp_path / "d.csv")
    table = pq.read_table(SAMPLES / "contract.parquet")
    pq.write_table(pa.concat_tables([table] * 3), tmp_path / "e.parquet", row_group_size=4)
    splits = collect.plan([tmp_path], parts=2)
    parts = {Path(split.path).name: split.parts for split in splits}
    assert parts["a.ndjson"] == 2
    assert (parts["b.ndjson.gz"], parts["c.json"], parts["d.csv"], parts["e.parquet"]) == (1, 1, 1, 3)
    assert [split.part for split in splits if split.path.endswith("e.parquet")] == [0, 1, 2]
    assert splits == collect.plan([tmp_path], parts=2)
    assert all(split.parts == 1 for split in collect.plan([tmp_path], parts=1))


def test_formats_of_other_packages_join_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A format that another package declares is planned and read like a built-in one."""
    extra = {"acme": "stillhunt.collect.ndjson:read"}
    monkeypatch.setattr("stillhunt.plugs.table", lambda builtin, group: {**extra, **builtin})
    shutil.copy(SAMPLES / "contract.ndjson", tmp_path / "any.name")
    (split,) = collect.plan([tmp_path], "acme")
    assert split == Split(path=str(tmp_path / "any.name"), format="acme")
    assert sum(batch.exchanges.num_rows for batch in collect.read(split)) == 6
