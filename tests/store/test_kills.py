"""A process that is killed at any step leaves a store from which the next one goes on as if nothing had been."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from store.logs import ACCOUNTS, NOW, Killed, feed, held, ids, killed_after, open_store, write

from stillhunt.digest import Key
from stillhunt.store import forgetting
from stillhunt.store.folder import Store
from strategies import SECRET


@pytest.fixture(autouse=True, scope="module")
def nothing_waits() -> Iterator[None]:
    """No test here cuts the power, so nothing here waits for the disk."""
    with mock.patch.object(os, "fsync", lambda file: None):
        yield


def work(folder: Path, logs: list[Path], key: Key) -> None:
    """Fill a store with two files, keep two days, and remove an account: everything that changes a store."""
    with open_store(folder, key) as store:
        feed(store, logs[:1])
    with open_store(folder, key, keep_days=2) as store:
        feed(store, logs)
        forgetting.forget(store, ["bob"], now=NOW)


def files(folder: Path) -> list[str]:
    """Return the names of all files of a store but the journal, whose lines tell of the interruption."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "journal" not in p.name)


def test_a_kill_between_any_two_steps_changes_nothing(tmp_path: Path, key: Key) -> None:
    """Whatever the step at which it died, doing the work again gives the same files, and a check finds nothing wrong."""
    logs = [write(tmp_path / "a.parquet", 0, 1), write(tmp_path / "b.parquet", 1, 2, note="b")]
    work(tmp_path / "whole", logs, key)
    wanted = files(tmp_path / "whole")
    for steps in itertools.count():
        folder = tmp_path / f"killed-{steps}"
        with killed_after(steps) as made:
            try:
                work(folder, logs, key)
                break
            except Killed:
                assert made.count("half a write") <= 1
        with open_store(folder, key) as store:
            first = ids(0, 1)
            assert held(store) & first in (set(), first, ids(1), ids(1, of=("ann", "cyd")))
        work(folder, logs, key)
        assert files(folder) == wanted
        with open_store(folder, key) as store:
            assert forgetting.check(store, ["bob"]).problems == ()
            assert held(store) == ids(1, of=("ann", "cyd")) | ids(1, 2, of=("ann", "cyd"), note="b")
    assert steps > 15


def test_an_account_that_is_half_removed_does_not_count(tmp_path: Path, key: Key) -> None:
    """Once the journal says that an account is to go, no hunt sees it, even if its removal was cut off."""
    logs = [write(tmp_path / "a.parquet", 0), write(tmp_path / "b.parquet", 1)]
    for steps in range(2, 8):
        folder = tmp_path / f"s{steps}"
        with open_store(folder, key) as store:
            feed(store, logs)
        with killed_after(steps), open_store(folder, key) as store, pytest.raises(Killed):
            forgetting.forget(store, ["bob"], now=NOW)
        with open_store(folder, key) as store:
            assert held(store) == ids(0, 1, of=("ann", "cyd"))
            assert [r.done is not None for r in forgetting.removals(store)] == [True]


class Keeping(RuleBasedStateMachine):
    """A store beside the obvious one: sets of ids of what came, less what was dropped and removed."""

    def __init__(self) -> None:
        super().__init__()
        self._place = tempfile.TemporaryDirectory()
        self.folder = Path(self._place.name) / "s"
        self.key = Key(SECRET)
        self.copies = itertools.count()
        self.came: set[str] = set()
        self.oldest = 0
        self.removed: set[str] = set()

    def teardown(self) -> None:
        """Take the store away."""
        self._place.cleanup()

    def log(self, first: int, last: int) -> Path:
        """Return a log of some days under a name that no log had before."""
        return write(Path(self._place.name) / f"{next(self.copies)}.parquet", *range(first, last + 1))

    def wanted(self) -> set[str]:
        """Return what the store must hold."""
        gone = {i for d in range(self.oldest) for i in ids(d)} | ids(*range(9), of=tuple(self.removed))
        return self.came - gone

    @rule(first=st.integers(0, 6), more=st.integers(0, 2), keep=st.one_of(st.none(), st.integers(2, 6)), kill=st.integers(0, 20))
    def add(self, first: int, more: int, keep: int | None, kill: int) -> None:
        """Read a log, perhaps dropping days, killed on the way; then again."""
        path = self.log(first, first + more)
        before = self.wanted()
        try:
            with killed_after(kill), open_store(self.folder, self.key, keep_days=keep) as store:
                feed(store, [path])
        except Killed:
            pass
        self.came |= ids(*range(first, first + more + 1))
        if self.folder.exists():
            with open_store(self.folder, self.key) as store:
                found = held(store)
                assert found <= self.wanted() | before
        with open_store(self.folder, self.key, keep_days=keep) as store:
            feed(store, [path])
        days = [int(i.split("-")[0]) for i in self.wanted()]
        if keep is not None and days and min(days) < max(days) - keep + 1:
            self.oldest = max(days) - keep + 1

    @rule(account=st.sampled_from(ACCOUNTS[:2]), kill=st.integers(0, 15))
    def forget(self, account: str, kill: int) -> None:
        """Remove an account, killed on the way; then again."""
        try:
            with killed_after(kill), open_store(self.folder, self.key) as store:
                forgetting.forget(store, [account], now=NOW)
        except Killed:
            pass
        self.removed.add(account)
        with open_store(self.folder, self.key) as store:
            forgetting.forget(store, [account], now=NOW)

    @invariant()
    def holds_what_came(self) -> None:
        """The store holds what came, less what was dropped and removed, and nothing lies about."""
        with open_store(self.folder, self.key) as store:
            assert held(store) == self.wanted()
            assert forgetting.check(store, sorted(self.removed)).problems == ()
            self._nothing_lies_about(store)

    def _nothing_lies_about(self, store: Store) -> None:
        named = {store.folder / part.path for part in store.parts}
        assert {p for p in (self.folder / "calls").rglob("*") if p.is_file()} == named


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=8, stateful_step_count=6, phases=(Phase.explicit, Phase.generate))
