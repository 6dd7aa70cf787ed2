"""NDJSON: the fast way and the slow way agree, and each line is accounted for."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from collect.reading import SAMPLES, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import documents, lines, ndjson
from stillhunt.collect.conform import conform
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

GOOD = '{"exchange_id":"e%d","account_id":"a","started_at":%d,"prompt":"hello there"}'

json_value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.lists(st.one_of(st.none(), st.text(max_size=4), st.integers(0, 3)), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
alike = {
    "text": st.text(max_size=12),
    "whole": st.integers(-(2**53), 2**53),
    "number": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "list": st.lists(st.text(max_size=4), max_size=3),
    "any": json_value,
}


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """Draw lines of JSON; most columns hold one kind of value, as in real logs."""
    names = draw(st.lists(st.sampled_from([*EXCHANGES.names, "extra"]), unique=True, min_size=1, max_size=6))
    kinds = {name: draw(st.sampled_from(sorted(alike))) for name in names}
    rows = []
    for number in range(draw(st.integers(1, 5))):
        row: dict[str, object] = {"exchange_id": f"e{number}", "account_id": "a", "started_at": 1_772_442_300}
        for name in names:
            row[name] = draw(st.one_of(st.none(), alike[kinds[name]]))
        rows.append(json.dumps(row, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace"))
    return draw(st.sampled_from([b"\n", b"\r\n"])).join(rows) + draw(st.sampled_from([b"", b"\n"]))


def both(data: bytes) -> tuple[Batch | None, Batch]:
    """Return what the fast way and the slow way make of a block; None where the fast way gives up."""
    origin = lines.Origin("log.ndjson")
    rows = ndjson.fast(data, EXCHANGES)
    quick = None if rows is None else conform(rows, EXCHANGES, REQUIRED, origin.place(0))
    tally = Tally()
    slow = ndjson.slow(documents.records_of(lines.Block(data, 0), origin, tally), EXCHANGES, REQUIRED, tally)
    tally.merge(slow.left_out)
    lost = tally.lines - sum(one.count for one in slow.left_out if one.what == "line")
    return quick, Batch(slow.exchanges, tally.left_out(), slow.lines + lost)


def assert_same(quick: Batch, slow: Batch) -> None:
    """Assert that two batches hold the same exchanges and leave out the same."""
    assert quick.exchanges.equals(slow.exchanges)
    assert sorted(map(repr, quick.left_out)) == sorted(map(repr, slow.left_out))
    assert quick.lines == slow.lines


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=logs())
def test_fast_and_slow_ways_agree(data: bytes) -> None:
    """Where Arrow's parser reads a block, it gives the exchanges that line by line gives."""
    quick, slow = both(data)
    if quick is not None:
        assert_same(quick, slow)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(before=logs(), data=logs())
def test_what_came_late_in_one_block_does_not_change_the_next(before: bytes, data: bytes) -> None:
    """A block is read the same whatever was learned from the one before it."""
    late: ndjson.Types = {}
    ndjson.fast(before, EXCHANGES, late)
    rows = ndjson.fast(data, EXCHANGES, late)
    _, slow = both(data)
    if rows is not None:
        assert_same(conform(rows, EXCHANGES, REQUIRED, lines.Origin("log.ndjson").place(0)), slow)


def test_a_column_that_came_late_once_is_asked_for_at_once() -> None:
    """The type of a late column is kept, and a later block in which it has another type is still read."""
    plain = [GOOD % (i, i) for i in range(50)]
    late: ndjson.Types = {}
    assert ndjson.fast("\n".join([*plain, plain[0][:-1] + ',"country":"SE"}']).encode(), EXCHANGES, late) is not None
    assert late["country"] == pa.string()
    rows = ndjson.fast("\n".join([*plain, plain[0][:-1] + ',"country":46}']).encode(), EXCHANGES, late)
    assert rows is not None
    assert rows["country"].to_pylist()[-1] == 46


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=logs(), at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_fast_and_slow_ways_agree_on_damaged_lines(data: bytes, at: int, byte: int) -> None:
    """One wrong byte anywhere does not make the two ways differ."""
    damaged = bytearray(data)
    damaged[at % len(damaged)] = byte
    quick, slow = both(bytes(damaged))
    if quick is not None:
        assert_same(quick, slow)


def test_the_fast_way_is_taken_for_ordinary_logs() -> None:
    """Lines of plain values go through Arrow's parser: else the comparison above would compare nothing."""
    data = "\n".join(GOOD % (i, i) for i in range(50)).encode()
    quick, slow = both(data)
    assert quick is not None
    assert_same(quick, slow)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"exchange_id":"e","account_id":"a","started_at":1}{"exchange_id":"f","account_id":"a","started_at":1}',
        b'{"exchange_id":"e","account_id":"a",\n"started_at":1}{"exchange_id":"f"}',
        b'{"exchange_id":"e","exchange_id":"f","account_id":"a","started_at":1}',
        b'{"exchange_id":"e","account_id":"a","started_at":1,"x":"\xff"}',
        b'{"exchange_id":"e","account_id":"a","started_at":1,"x":Inf}',
        b'{"exchange_id":"e","account_id":"a","started_at":1,"temperature":NaN}',
        b'{"exchange_id":"e","account_id":"a","started_at":1}\n\n{"exchange_id":"f","account_id":"a","started_at":1}',
        b'{"exchange_id":"e","account_id":"a","started_at":1,"prompt":"\\ud83d"}',
        b'{"exchange_id":"e","account_id":"a","started_at":1,"x":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_fast_and_slow_ways_agree_on_known_differences_of_parsers(odd: bytes) -> None:
    """Where parsers are known to differ, the fast way gives up or agrees."""
    for data in (odd, (GOOD % (1, 1)).encode() + b"\n" + odd + b"\n" + (GOOD % (2, 2)).encode()):
        quick, slow = both(data)
        if quick is not None:
            assert_same(quick, slow)


def test_sample_is_read_as_written() -> None:
    """The hand-written sample gives six exchanges, and each of its four broken or blank lines its due."""
    rows, left, count = read_whole(SAMPLES / "contract.ndjson", "ndjson")
    assert [row["exchange_id"] for row in rows] == ["x1", "x2", "x3", "x4", "x5", "17"]
    assert rows[2]["prompt"] == "Name three wading birds."
    assert rows[2]["asn"] == 64500
    assert rows[4]["reasoning_presented"] == ["blk-71"]
    assert json.loads(str(rows[1]["history"]))[0]["role"] == "user"
    assert left == {
        ("line", "not JSON"): 1,
        ("line", "JSON, but not an object"): 1,
        ("line", "no usable `account_id`"): 1,
    }
    assert count == 9


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"3", "JSON, but not an object"),
        (b'{"a": "\xff"}', "not valid UTF-8"),
        (b'{"a": "\0"}', "holds NUL bytes"),
        (b'{"a": 01}', "not JSON"),
    ],
)
def test_broken_lines_have_reasons_and_places(line: bytes, reason: str, tmp_path: Path) -> None:
    """A line that is no exchange is left out with why and where, and the lines around it are read."""
    path = tmp_path / "march.jsonl"
    good = [(GOOD % (i, i)).encode() for i in (1, 2)]
    path.write_bytes(b"\xef\xbb\xbf" + good[0] + b"\r\n\r\n" + line + b"\r\n" + good[1] + b"\r\n")
    batches = list(collect.read(Split(path=str(path), format="ndjson")))
    assert [row["exchange_id"] for b in batches for row in b.exchanges.to_pylist()] == ["e1", "e2"]
    (one,) = [one for batch in batches for one in batch.left_out]
    assert (one.reason, one.examples, one.defect) == (reason, ("march.jsonl:3",), True)


def test_a_last_line_without_an_end_is_called_cut_off(tmp_path: Path) -> None:
    """A log that stops in the middle of a line loses that line alone, as cut off."""
    path = tmp_path / "march.jsonl"
    path.write_text(GOOD % (1, 1) + "\n" + (GOOD % (2, 2))[:30])
    rows, left, count = read_whole(path, "ndjson")
    assert (len(rows), left, count) == (1, {("line", "cut off at the end of the file"): 1}, 2)


def test_numbers_that_are_not_json_and_half_characters_survive(tmp_path: Path) -> None:
    """NaN is a missing number, and half a character is shown as U+FFFD instead of losing its line."""
    path = tmp_path / "march.jsonl"
    path.write_text(
        '{"exchange_id":"e1","account_id":"a","started_at":1,"temperature":NaN,"prompt":"cut \\ud83d"}\n'
    )
    rows, left, _ = read_whole(path, "ndjson")
    assert (rows[0]["temperature"], rows[0]["prompt"]) == (None, "cut \ufffd")
    assert left == {}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("array", [True, False])
def test_arrays_and_indented_objects_read_like_lines(indent: int | None, array: bool, tmp_path: Path) -> None:
    """The same records as lines, as one array and as indented objects are the same exchanges."""
    records = [json.loads(GOOD % (i, i)) for i in range(20)]
    path = tmp_path / "log.json"
    text = (
        json.dumps(records, indent=indent)
        if array
        else "\n".join(json.dumps(r, indent=indent) for r in records)
    )
    path.write_text(text)
    rows, left, count = read_whole(path, "ndjson")
    assert [row["exchange_id"] for row in rows] == [f"e{i}" for i in range(20)]
    assert (left, count) == ({}, 20)


def test_an_array_cut_off_keeps_what_came_before(tmp_path: Path) -> None:
    """Of an array that ends early, whole records are read, and the file is named as cut."""
    text = json.dumps([json.loads(GOOD % (i, i)) for i in range(20)] + [7])
    path = tmp_path / "log.json"
    path.write_text(text[: len(text) // 2])
    rows, left, _ = read_whole(path, "ndjson")
    assert 5 < len(rows) < 15
    assert list(left) == [("file", "its JSON is cut off or broken; the records before that point were read")]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    widths=st.lists(st.integers(0, 60), min_size=1, max_size=30),
    parts=st.integers(1, 9),
    end=st.sampled_from(["", "\n"]),
)
def test_parts_cover_every_line_once(widths: list[int], parts: int, end: str) -> None:
    """However a file is divided, each line belongs to one part, and is named by its number in the file."""
    records = [GOOD % (i, i) + " " * width if width % 7 else "broken" for i, width in enumerate(widths)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.ndjson"
        path.write_text("\n".join(records) + end)
        found, places = [], []
        for part in range(parts):
            split = Split(path=str(path), format="ndjson", part=part, parts=parts)
            for batch in collect.read(split):
                found += batch.exchanges.column("exchange_id").to_pylist()
                places += [place for one in batch.left_out for place in one.examples]
    assert found == [f"e{i}" for i, record in enumerate(records) if record != "broken"]
    wanted = [f"log.ndjson:{i + 1}" for i, record in enumerate(records) if record == "broken"]
    assert set(places) <= set(wanted)
    assert len(places) >= min(len(wanted), 5)


def test_a_line_above_the_limit_is_left_out_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line too long to hold in memory is skipped; those before and after are read and rightly numbered."""
    monkeypatch.setattr(lines, "LONGEST_LINE", 3 * 2**20)
    monkeypatch.setattr(lines, "BLOCK", 2**20)
    path = tmp_path / "log.ndjson"
    long = '{"exchange_id":"big","prompt":"' + "x" * (6 * 2**20) + '"}'
    path.write_text("\n".join([GOOD % (1, 1), long, "broken", GOOD % (2, 2)]))
    batches = list(collect.read(Split(path=str(path), format="ndjson")))
    assert [name for b in batches for name in b.exchanges.column("exchange_id").to_pylist()] == ["e1", "e2"]
    found = {one.reason: one.examples for batch in batches for one in batch.left_out}
    assert found == {"longer than 64 MB": ("log.ndjson:2",), "not JSON": ("log.ndjson:3",)}
    assert sum(batch.lines for batch in batches) == 4
