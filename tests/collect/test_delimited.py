"""CSV and TSV with a header."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from collect.reading import SAMPLES, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.collect import delimited

HEADER = ["exchange_id", "account_id", "started_at", "prompt", "note"]


def test_sample_is_read_as_written() -> None:
    """Quoted line ends, doubled quotes and numeric times are read; three broken rows are left out."""
    rows, left, lines = read_whole(SAMPLES / "contract.csv", "csv")
    assert [row["exchange_id"] for row in rows] == ["c1", "c2", "c6"]
    assert rows[0]["prompt"] == "What is a rip current?\nAnswer briefly."
    assert rows[1]["prompt"] == 'Say "hello", twice.'
    assert rows[1]["reasoning_issued"] == ["blk-9"]
    assert left == {
        ("line", "not as many fields as the header has"): 1,
        ("line", "no usable `account_id`"): 1,
        ("line", "no usable `started_at`"): 1,
        ("value", "column `temperature` holds something that is not a number"): 1,
    }
    assert lines == 6


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=8),
    delimiter=st.sampled_from(delimited.DELIMITERS),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read(texts: list[str], delimiter: str, end: str) -> None:
    """Any text in any column survives quoting, with every delimiter and either line end."""
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter, lineterminator=end)
    writer.writerow(HEADER)
    for number, text in enumerate(texts):
        writer.writerow([f"e{number}", "a", "1772442300", text, text])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_bytes(held.getvalue().encode())
        rows, left, lines = read_whole(path, "csv")
    assert [row["prompt"] or "" for row in rows] == texts
    assert (left, lines) == ({}, len(texts))


def test_blocks_end_between_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of many blocks with line ends inside quotes gives each row once, and names broken ones rightly."""
    monkeypatch.setattr(delimited, "BLOCK", 1000)
    monkeypatch.setattr("stillhunt.collect.opening.PIECE", 700)
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(HEADER)
    for number in range(300):
        writer.writerow(
            [f"e{number}", "a", "1772442300", "one\ntwo\n" * (number % 5), ""][: 5 - (number == 250)]
        )
    path = tmp_path / "log.csv"
    path.write_text(held.getvalue())
    rows, left, lines = read_whole(path, "csv")
    assert [row["exchange_id"] for row in rows] == [f"e{i}" for i in range(300) if i != 250]
    assert (left, lines) == ({("line", "not as many fields as the header has"): 1}, 300)
    assert [batch_place(path)] == ["log.csv row 251"]


def batch_place(path: Path) -> str:
    """Return the place of the one line that is left out."""
    from stillhunt.plugs import Split

    batches = delimited.read(Split(path=str(path), format="csv"))
    return next(place for batch in batches for one in batch.left_out for place in one.examples)


def test_bytes_that_are_not_utf_8_lose_their_value_only(tmp_path: Path) -> None:
    """A prompt in another encoding becomes null and is counted; other rows, even odd ones, are not touched."""
    path = tmp_path / "log.csv"
    body = ",".join(HEADER) + "\ne1,a,1,caf\xe9,\ne2,a,1,caf\xe9\ne3,a,1,tea,\n"
    path.write_bytes(body.encode("latin-1"))
    rows, left, lines = read_whole(path, "csv")
    assert [row["prompt"] for row in rows] == [None, "tea"]
    assert left == {
        ("line", "not as many fields as the header has"): 1,
        ("value", "column `prompt` holds something that is not text"): 1,
    }
    assert lines == 3


@pytest.mark.parametrize(
    "body", ["", "\n\n", "exchange_id,account_id,started_at\n", "\ufeffexchange_id;account_id\n"]
)
def test_files_without_rows_have_no_lines(body: str, tmp_path: Path) -> None:
    """An empty file and a header alone are no defect."""
    path = tmp_path / "log.csv"
    path.write_text(body, encoding="utf-8")
    assert read_whole(path, "csv") == ([], {}, 0)


def test_header_may_be_quoted_and_marked(tmp_path: Path) -> None:
    """A byte order mark, quotes and spaces around the names do not hide them."""
    path = tmp_path / "log.csv"
    path.write_text('\ufeff"exchange_id"; "account_id" ;started_at\n1;2;3\n', encoding="utf-8")
    rows, left, _ = read_whole(path, "csv")
    assert [(row["exchange_id"], row["account_id"]) for row in rows] == [("1", "2")]
    assert left == {}
