"""The journal: what was acknowledged stays, what was changed is seen, what was half written is set aside."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.errors import SealError, StoreError
from stillhunt.seal import merkle
from stillhunt.seal.journal import START, Journal, read

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def written(path: Path, n: int) -> list[bytes]:
    """Write n lines, an hour apart, and return their hashes."""
    with Journal.open(path) as journal:
        for i in range(n):
            journal.append("test", {"n": i}, at=NOON + timedelta(hours=i))
        return list(journal.digests)


def test_lines_name_the_line_before(tmp_path: Path) -> None:
    """The hash of a line is the Merkle leaf hash of its bytes, and the next line names it."""
    digests = written(tmp_path / "j", 3)
    lines = (tmp_path / "j").read_bytes().splitlines()
    assert digests == [hashlib.sha256(b"\0" + line).digest() for line in lines]
    assert [START.hex(), *(d.hex() for d in digests[:2])] == [line.split(b'"previous":"')[1][:64].decode() for line in lines]


def test_a_journal_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    """Opening again continues the numbers and the chain."""
    written(tmp_path / "j", 2)
    with Journal.open(tmp_path / "j") as journal:
        entry = journal.append("test", None, at=NOON)
        assert entry.seq == 2
        assert [e.seq for e in journal.entries()] == [0, 1, 2]
        assert journal.head == entry.digest


def test_a_day_has_the_root_of_its_lines(tmp_path: Path) -> None:
    """The day root is the Merkle root over the hashes of that UTC day's lines, and proofs lead to it."""
    digests = written(tmp_path / "j", 20)
    with Journal.open(tmp_path / "j") as journal:
        assert journal.days() == [date(2026, 3, 1), date(2026, 3, 2)]
        day = journal.root_of_day(date(2026, 3, 2))
        leaves = journal.leaves_of_day(date(2026, 3, 2))
    assert leaves == digests[12:]
    assert (day.size, day.root) == (8, merkle.root(digests[12:]))
    assert merkle.verify_inclusion(digests[14], 2, 8, merkle.inclusion_proof(leaves, 2), day.root)


def test_times_are_kept_in_utc(tmp_path: Path) -> None:
    """A time in another zone is the same moment; a time without a zone is refused."""
    with Journal.open(tmp_path / "j") as journal:
        entry = journal.append("test", 1, at=datetime.fromisoformat("2026-03-01T23:30:00-05:00"))
        assert entry.time.date() == date(2026, 3, 2)
        with pytest.raises(SealError, match="no time zone"):
            journal.append("test", 1, at=datetime(2026, 3, 1))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 7))
def test_one_bit_changed_anywhere_is_seen(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    """Whatever bit of a journal is turned, reading it fails and names a line, or its head is another."""
    path = tmp_path_factory.getbasetemp() / "flips"
    if not path.exists():
        written(path, 6)
    whole = path.read_bytes()
    head = [e.digest for e in read(whole, "j")][-1]
    changed = bytearray(whole)
    changed[at % len(whole)] ^= 1 << bit
    try:
        found = [e.digest for e in read(bytes(changed), "j")]
    except SealError as error:
        assert str(error).startswith("j:")
    else:
        assert found[-1] != head


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_an_unfinished_line_is_set_aside_and_said(tmp_path: Path, cut: int) -> None:
    """What a dying process left is kept beside the journal, the lines before it stay, and the next line reports it."""
    digests = written(tmp_path / "j", 3)
    whole = (tmp_path / "j").read_bytes()
    torn = b'{"body":{"n":3},"kind":"test","previous":"00000'[:cut]
    (tmp_path / "j").write_bytes(whole + torn)
    with Journal.open(tmp_path / "j") as journal:
        assert list(journal.digests) == digests
        entry = journal.append("test", {"n": 4}, at=NOON)
        kinds = [e.kind for e in journal.entries()]
    assert (tmp_path / "j.torn").read_bytes() == torn + b"\n"
    assert kinds == ["test", "test", "test", "repaired", "test"]
    assert entry.kind == "test" and entry.seq == 4


def test_a_line_changed_in_the_middle_is_not_repaired(tmp_path: Path) -> None:
    """Only an unfinished end is set aside; a changed line is an error that names it, and the file stays as it is."""
    written(tmp_path / "j", 3)
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(lines[0] + lines[2])
    with pytest.raises(SealError, match=r"j:2: this line does not follow"):
        Journal.open(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == lines[0] + lines[2]


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    """A second writer is told that there is one; when the first has closed, it may."""
    first = Journal.open(tmp_path / "j")
    with pytest.raises(StoreError, match="another process"):
        Journal.open(tmp_path / "j")
    first.close()
    Journal.open(tmp_path / "j").close()


WRITER = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from stillhunt.seal.journal import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    for n in range(10**6):
        journal.append("test", {"n": n, "filler": "x" * 3000}, at=datetime(2026, 3, 1, tzinfo=UTC))
        print(n, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a POSIX signal")
def test_what_was_acknowledged_survives_a_killed_process(tmp_path: Path) -> None:
    """Writers are killed at a random moment again and again; every line they were told of is there afterwards."""
    path = tmp_path / "j"
    acknowledged = 0
    for lines in (3, 11, 7):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert writer.stdout is not None
        for _ in range(lines):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged += lines + len(writer.stdout.readlines())
        writer.wait()
        writer.stdout.close()
        with Journal.open(path) as journal:
            kept = sum(e.kind == "test" for e in journal.entries())
        assert acknowledged <= kept <= acknowledged + 1
        acknowledged = kept


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk takes half a line and then refuses, the half is taken back and the error says what to do."""
    with Journal.open(tmp_path / "j") as journal:
        journal.append("test", 1, at=NOON)
        whole = (tmp_path / "j").read_bytes()
        real = os.write
        calls = []

        def failing(file: int, data: bytes) -> int:
            calls.append(len(data))
            if len(calls) > 1:
                raise OSError(28, "No space left on device")
            return real(file, bytes(data)[:10])

        monkeypatch.setattr(os, "write", failing)
        with pytest.raises(StoreError, match="No space left"):
            journal.append("test", 2, at=NOON)
        monkeypatch.undo()
        assert (tmp_path / "j").read_bytes() == whole
        journal.append("test", 3, at=NOON)
        assert [e.body for e in journal.entries()] == [1, 3]
