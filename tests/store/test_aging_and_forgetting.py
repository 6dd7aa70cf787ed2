"""Days age out of a store, and accounts can be removed from it, for good and so that it can be checked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from store.logs import NOW, add, calls, feed, held, ids, open_store, write

from stillhunt.digest import Key
from stillhunt.errors import SealError
from stillhunt.seal.journal import Journal
from stillhunt.store import forgetting, history
from stillhunt.store.history import Known


def test_days_age_out(tmp_path: Path, key: Key) -> None:
    """With two days kept, the newest two are there, files of the others are gone, and their logs bring nothing back."""
    paths = [str(write(tmp_path / f"{d}.parquet", d)) for d in range(4)]
    _, seen = add(tmp_path / "s", tmp_path, key, paths, keep_days=2)
    assert seen == ids(2, 3)
    assert len(list((tmp_path / "s").rglob("*.parquet"))) == 2
    late = write(tmp_path / "late.parquet", 1, 2, note="late")
    found, seen = add(tmp_path / "s", tmp_path, key, [*paths, str(late)])
    assert seen == ids(2, 3) | ids(2, note="late")
    assert [(item.count, item.reason) for item in found.left_out] == [(6, "before 2026-03-03: the store keeps later days")]


def test_what_is_dropped_is_in_the_journal(tmp_path: Path, key: Key) -> None:
    """The journal says before which day nothing is kept, and how many calls went."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0, 1, 2))], keep_days=1)
    with Journal.open(tmp_path / "s" / "journal.jsonl") as journal:
        assert [e.body for e in journal.entries()] == [{"before": "2026-03-03", "calls": 12, "keep_days": 1}]


def test_a_call_from_the_future_empties_nothing(tmp_path: Path, key: Key) -> None:
    """Days are counted back from the newest day that is not after tomorrow, whatever a broken clock wrote."""
    paths = [str(write(tmp_path / "a.parquet", 0, 1)), str(write(tmp_path / "b.parquet", 4000, note="b"))]
    _, seen = add(tmp_path / "s", tmp_path, key, paths, keep_days=2)
    assert seen == ids(0, 1) | ids(4000, note="b")
    _, seen = add(tmp_path / "s", tmp_path, key, paths, keep_days=2, now=datetime(2040, 1, 1, tzinfo=UTC))
    assert seen == ids(4000, note="b")


def test_a_removed_account_is_nowhere_and_stays_away(tmp_path: Path, key: Key) -> None:
    """Its calls and its place in the history are gone, others' are not, and the same logs do not bring it back."""
    paths = [str(write(tmp_path / f"{d}.parquet", d)) for d in range(2)]
    add(tmp_path / "s", tmp_path, key, paths)
    with open_store(tmp_path / "s", key) as store:
        members = frozenset(store.account(a) for a in ("ann", "bob"))
        known = Known(members=members, first_day="2026-03-01", last_day="2026-03-02", standing="active")
        history.write(store.folder, {"campaign-1": known})
        [removed] = forgetting.forget(store, ["bob"], now=NOW)
        assert (removed.account, removed.calls, removed.done) == (store.account("bob"), 4, NOW)
        assert history.read(store.folder)["campaign-1"].members == {store.account("ann")}
        assert forgetting.check(store, ["bob"]).holds
    again = str(write(tmp_path / "again.parquet", 0, note="again"))
    found, seen = add(tmp_path / "s", tmp_path, key, [*paths, again])
    assert seen == ids(0, 1, of=("ann", "cyd")) | ids(0, of=("ann", "cyd"), note="again")
    assert [(item.count, item.reason) for item in found.left_out] == [(2, "its account was removed from the store")]
    assert all(b"bob" not in path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file())


def test_rows_of_a_removed_account_are_taken_out_of_other_tables(tmp_path: Path, key: Key) -> None:
    """Its record among accounts and events does not count either."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0))])
    with open_store(tmp_path / "s", key) as store:
        forgetting.forget(store, ["bob"], now=NOW)
        rows = store.without_forgotten(calls(0), "account_id")
        assert set(rows.column("account_id").to_pylist()) == {"ann", "cyd"}
        assert store.without_forgotten(calls(0), "subject").num_rows == 6


def test_a_check_finds_what_was_left_or_changed(tmp_path: Path, key: Key) -> None:
    """Calls that came back behind the store's back, a changed file and a missing one are each named."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / f"{d}.parquet", d)) for d in range(3)])
    with open_store(tmp_path / "s", key) as store:
        before = [store.folder / p.path for p in store.parts]
        kept = before[0].read_bytes()
        [removed] = forgetting.forget(store, ["bob"], now=NOW)
        assert forgetting.check(store).holds
        after = [store.folder / p.path for p in store.parts]
        after[0].write_bytes(kept)
        after[1].unlink()
        problems = forgetting.check(store).problems
        assert len(problems) == 2
        assert all("not as it was recorded" in p for p in problems)
        store.forgotten.add(store.account("ann"))
        assert forgetting.check(store).problems[-1] == f"{store.parts[2].path} has calls of the account {store.account('ann')}"
        assert removed.account not in "".join(forgetting.check(store).problems)


def test_an_account_nobody_knows_stays_away_too(tmp_path: Path, key: Key) -> None:
    """Removing an account without calls changes no file, and it does not come in later."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0))])
    with open_store(tmp_path / "s", key) as store:
        assert [r.calls for r in forgetting.forget(store, ["dan"], now=NOW)] == [0]
    _, seen = add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "b.parquet", 1, of=("ann", "dan")))])
    assert seen == ids(0) | ids(1, of=("ann",))


def test_a_changed_journal_is_noticed(tmp_path: Path, key: Key) -> None:
    """Taking the line of a removal out of the journal breaks its chain, and the store is not opened."""
    with open_store(tmp_path / "s", key) as store:
        feed(store, [write(tmp_path / "a.parquet", 0)])
        forgetting.forget(store, ["bob", "dan"], now=NOW)
        assert held(store) == ids(0, of=("ann", "cyd"))
    place = tmp_path / "s" / "journal.jsonl"
    lines = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join(lines[1:]))
    with pytest.raises(SealError, match="does not follow"):
        open_store(tmp_path / "s", key)
