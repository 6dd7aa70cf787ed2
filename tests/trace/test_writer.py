"""The writer: a disk that refuses costs nothing that can wait, and a process that is killed leaves a ledger that holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trace_serving import MASTER, NOW, a_plan, tossed

from stillhunt.errors import StoreError
from stillhunt.seal.journal import Journal
from stillhunt.trace import ledger
from stillhunt.trace.serve import writer as writing
from stillhunt.trace.serve.recording import PlanKeys, Record
from stillhunt.trace.serve.writer import Writer
from stillhunt.trace.store import Store

PLAN = a_plan(coin={"share": 1.0})
KEYS = PlanKeys.of(MASTER, PLAN)


def coin(n: int) -> Record:
    """Return the record of a coin."""
    return tossed(PLAN, KEYS, f"p{n}", ["yes", "no"])[1]


def test_a_disk_that_refuses_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records wait while the disk refuses, and are written in order when it takes them again."""
    monkeypatch.setattr(writing, "AGAIN_S", 0.01)
    refusals = iter([True] * 3)
    append_all = Journal.append_all

    def refusing(journal: Journal, items: object, *, at: object) -> object:
        if next(refusals, False):
            raise StoreError("the disk is full")
        return append_all(journal, items, at=at)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "append_all", refusing)
    writer = Writer(tmp_path / "l", tmp_path / "s", MASTER, now=lambda: NOW)
    for n in range(5):
        assert writer.put(coin(n))
    writer.flush()
    assert (writer.lost, writer.written, writer.trouble) == (0, 5, None)
    writer.close()
    assert [entry.prompt for entry in ledger.coins(tmp_path / "l")] == [coin(n).body["prompt"] for n in range(5)]


def test_a_disk_that_never_takes_it_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written at the end is lost, counted, and the reason kept; closing does not hang."""
    monkeypatch.setattr(writing, "AGAIN_S", 0.01)
    writer = Writer(tmp_path / "l", tmp_path / "s", MASTER, now=lambda: NOW)

    def refusing(store: Store, texts: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "keep", refusing)
    for n in range(3):
        writer.put(coin(n))
    writer.close()
    assert writer.lost == writer.counts["ledger_lost"] == 3
    assert writer.trouble == "the disk is full"


def test_too_much_waiting_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound the queue takes nothing more: memory is not filled for a disk that does not answer."""
    monkeypatch.setattr(writing, "AGAIN_S", 0.01)
    monkeypatch.setattr(writing, "MOST_WAITING", 10)
    monkeypatch.setattr(Store, "keep", lambda *_: (_ for _ in ()).throw(StoreError("no")))
    writer = Writer(tmp_path / "l", tmp_path / "s", MASTER, now=lambda: NOW)
    taken = sum(writer.put(coin(n)) for n in range(40))
    assert 10 <= taken < 40 and writer.lost >= 40 - taken
    writer.close()
    assert writer.lost == 40


def test_a_record_without_canonical_form_takes_no_other_with_it(tmp_path: Path) -> None:
    """A record that cannot be written is dropped and counted; those before and after it are there."""
    writer = Writer(tmp_path / "l", tmp_path / "s", MASTER, now=lambda: NOW)
    for record in (coin(0), Record(kind="coin", body={"n": 2**60}, texts=()), coin(1)):
        writer.put(record)
    writer.close()
    assert writer.lost == 1
    assert len(ledger.coins(tmp_path / "l")) == 2


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Two gateways cannot write one ledger: the second says so before it takes a call."""
    writer = Writer(tmp_path / "l", tmp_path / "s", MASTER)
    with pytest.raises(StoreError, match="another process"):
        Writer(tmp_path / "l", tmp_path / "s2", MASTER)
    writer.close()


def test_counts_are_written_at_the_end(tmp_path: Path) -> None:
    """What was served without a coin is in the ledger once the gateway has stopped, each call once."""
    for run in range(2):
        writer = Writer(tmp_path / "l", tmp_path / "s", MASTER)
        writer.counts["greedy"] += 2 + run
        writer.close()
    assert ledger.counts(tmp_path / "l") == {"greedy": 5}


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], sys.argv[3]]
from trace_serving import MASTER, a_plan, tossed
from stillhunt.trace.serve.recording import PlanKeys
from stillhunt.trace.serve.writer import Writer
plan = a_plan(coin={"share": 1.0})
keys = PlanKeys.of(MASTER, plan)
folder = Path(sys.argv[1])
writer = Writer(folder / "l", folder / "s", MASTER)
number = 0
while True:
    writer.put(tossed(plan, keys, f"p{number}", ["yes", "no"])[1])
    number += 1
    if writer.written > 50:
        print(writer.written, flush=True)
        writer.written = -10**9
"""


def test_a_killed_gateway_leaves_a_ledger_that_holds(tmp_path: Path) -> None:
    """After SIGKILL in mid-writing the chain holds, no line refers to a missing text, and the next writer goes on."""
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(tests), str(tests.parent / "src")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    coins = ledger.coins(tmp_path / "l")
    assert len(coins) >= acknowledged > 50
    with Store.open(tmp_path / "s", MASTER) as store:
        assert all({store.text(name) for name in coin.candidates} == {"yes", "no"} for coin in coins)
    writer = Writer(tmp_path / "l", tmp_path / "s", MASTER)
    writer.put(tossed(PLAN, KEYS, "after", ["yes", "no"])[1])
    writer.close()
    assert len(ledger.coins(tmp_path / "l")) == len(coins) + 1
