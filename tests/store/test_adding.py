"""What is new is added to a store once, in any order, whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.logs import NOW, add, calls, feed, ids, open_store, write

from stillhunt.config import Config
from stillhunt.digest import Digester, Key
from stillhunt.errors import ConfigError, LogError, StoreError
from stillhunt.store import disk
from stillhunt.store.folder import Store
from strategies import SECRET


@pytest.fixture
def rows_digested(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each batch that is digested from now on."""
    seen: list[int] = []
    whole = Digester.calls

    def counted(self: Digester, exchanges: object) -> object:
        seen.append(exchanges.num_rows)  # type: ignore[attr-defined]
        return whole(self, exchanges)  # type: ignore[arg-type]

    monkeypatch.setattr(Digester, "calls", counted)
    return seen


def test_only_what_is_new_is_digested(tmp_path: Path, key: Key, rows_digested: list[int]) -> None:
    """A second hunt digests the second day alone, and sees both."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0))])
    assert sum(rows_digested) == 6
    _, seen = add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "b.parquet", 1)), str(tmp_path / "a.parquet")])
    assert sum(rows_digested) == 12
    assert seen == ids(0, 1)


@pytest.fixture(scope="module")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A log of five days, one file each."""
    folder = tmp_path_factory.mktemp("days")
    return [write(folder / f"{day}.parquet", day) for day in range(5)]


def everything(folder: Path, key: Key, batches: list[list[Path]]) -> pa.Table:
    """Add batches of files to a store, opened anew for each; return all calls that it holds then, by their ids."""
    for batch in batches:
        with open_store(folder, key) as store:
            feed(store, batch)
            paths = [store.folder / part.path for part in store.parts]
    return pa.concat_tables([pq.ParquetFile(path).read() for path in paths]).sort_by("exchange_id")


@given(splits=st.lists(st.lists(st.integers(0, 4), min_size=1, unique=True), max_size=3), last=st.permutations(range(5)))
@settings(max_examples=12)
def test_any_split_of_days_stores_the_same_calls(
    five_days: list[Path], tmp_path_factory: pytest.TempPathFactory, splits: list[list[int]], last: list[int]
) -> None:
    """Whatever days came in whichever batches, some of them again, a store holds what one of all days at once holds."""
    key = Key(SECRET)
    once = everything(tmp_path_factory.mktemp("once"), key, [five_days])
    batches = [[five_days[day] for day in split] for split in (*splits, last)]
    assert everything(tmp_path_factory.mktemp("split"), key, batches).equals(once)
    assert once.num_rows == len(ids(*range(5)))


def test_the_same_file_under_another_name_is_known(tmp_path: Path, key: Key, rows_digested: list[int]) -> None:
    """A copy, a file that was moved and a file that was only touched are not digested again."""
    first = write(tmp_path / "a.parquet", 0, 1)
    add(tmp_path / "s", tmp_path, key, [str(first)])
    copy = tmp_path / "elsewhere" / "b.parquet"
    copy.parent.mkdir()
    copy.write_bytes(first.read_bytes())
    first.touch()
    _, seen = add(tmp_path / "s", tmp_path, key, [str(copy), str(first)])
    assert sum(rows_digested) == 12
    assert seen == ids(0, 1)


def test_two_copies_in_one_hunt_are_one(tmp_path: Path, key: Key, rows_digested: list[int]) -> None:
    """Of two files with the same bytes that come together, one is digested."""
    first = write(tmp_path / "a.parquet", 0)
    (tmp_path / "b.parquet").write_bytes(first.read_bytes())
    found, seen = add(tmp_path / "s", tmp_path, key, [str(first), str(tmp_path / "b.parquet")])
    assert sum(rows_digested) == 6
    assert (found.rows, seen) == (6, ids(0))


def test_a_table_in_memory_is_known_by_what_is_in_it(tmp_path: Path, key: Key) -> None:
    """A table that comes twice is digested twice and kept once."""
    for _ in range(2):
        found, seen = add(tmp_path / "s", tmp_path, key, calls(0))
    assert (found.rows, seen) == (6, ids(0))
    assert len(list((tmp_path / "s").rglob("*.parquet"))) == 1


def test_a_file_that_grew_is_read_again(tmp_path: Path, key: Key) -> None:
    """A file that came back longer adds what it has more; what repeats is dropped where each exchange counts once."""
    path = write(tmp_path / "a.parquet", 0)
    add(tmp_path / "s", tmp_path, key, [str(path)])
    _, seen = add(tmp_path / "s", tmp_path, key, [str(write(path, 0, 1))])
    assert seen == ids(0, 1)


def test_the_same_bytes_read_as_another_format_replace_what_they_were(tmp_path: Path, key: Key) -> None:
    """A mapping that says something else makes the same file another reading, which takes the place of the first."""
    path = tmp_path / "a.csv"
    path.write_text("id,who,other,at\n1,ann,zed,2026-03-01T00:00:00Z\n")
    for column in ("who", "other"):
        mapping = tmp_path / f"{column}.toml"
        mapping.write_text(f'[columns]\nexchange_id = "id"\naccount_id = "{column}"\nstarted_at = "at"\n')
        add(tmp_path / "s", tmp_path, key, [str(path)], format=f"map:{mapping}")
    [part] = (tmp_path / "s").rglob("*.parquet")
    assert pq.read_table(part, partitioning=None).column("account_id").to_pylist() == ["zed"]


def test_counts_are_those_of_all_that_is_stored(tmp_path: Path, key: Key) -> None:
    """Lines, rows and filled columns are those of the whole log, as if it had been read at once."""
    paths = [str(write(tmp_path / f"{d}.parquet", d)) for d in range(3)]
    whole, _ = add(tmp_path / "one", tmp_path, key, paths)
    for path in paths:
        found, _ = add(tmp_path / "s", tmp_path, key, [path])
    assert (found.lines, found.rows, found.shingles, found.present) == (whole.lines, whole.rows, whole.shingles, whole.present)
    assert found.rows == 18


def test_no_text_and_no_address_is_stored(tmp_path: Path, key: Key) -> None:
    """Neither a word of a prompt nor an address is in any file of a store, nor in any value of its tables."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0))])
    held = b""
    for path in (tmp_path / "s").rglob("*"):
        if path.is_file():
            held += path.read_bytes()
        if path.suffix == ".parquet":
            held += repr(pq.read_table(path, partitioning=None).to_pydict()).encode()
    assert b"ann" in held
    assert b"vortigern" not in held
    assert b"198.51" not in held


def test_another_key_is_refused(tmp_path: Path, key: Key) -> None:
    """Digests under two keys cannot be compared: the error names both keys by their fingerprints and the way out."""
    path = [str(write(tmp_path / "a.parquet", 0))]
    add(tmp_path / "s", tmp_path, key, path)
    other = Key(b"another key of sixteen bytes or more")
    with pytest.raises(StoreError, match=f"{key.fingerprint}.*{other.fingerprint}(.|\n)*--key-file"):
        add(tmp_path / "s", tmp_path, other, path)


def test_another_definition_is_refused(tmp_path: Path, key: Key) -> None:
    """A store of digests by another definition is refused, and the message says what to do."""
    path = [str(write(tmp_path / "a.parquet", 0))]
    add(tmp_path / "s", tmp_path, key, path)
    place = tmp_path / "s" / "store.json"
    place.write_bytes(place.read_bytes().replace(b'"digest":', b'"digest":9'))
    with pytest.raises(StoreError, match=r"definition 9(.|\n)*empty store"):
        add(tmp_path / "s", tmp_path, key, path)


def test_another_sampling_rate_and_missing_evidence_are_refused(tmp_path: Path, key: Key) -> None:
    """What a store does not hold cannot be asked of it; a store that holds more than is asked for serves."""
    path = [str(write(tmp_path / "a.parquet", 0))]
    add(tmp_path / "s", tmp_path, key, path)
    with pytest.raises(StoreError, match="--one-in 8"):
        add(tmp_path / "s", tmp_path, key, path, config=Config(threads=1, one_in=4))
    with pytest.raises(StoreError, match="--evidence"):
        add(tmp_path / "s", tmp_path, key, path, bind=True)
    add(tmp_path / "e", tmp_path, key, path, bind=True)
    _, seen = add(tmp_path / "e", tmp_path, key, path)
    assert seen == ids(0)


def test_the_definition_of_digests_is_what_its_number_stands_for(key: Key) -> None:
    """
    Fixed texts under a fixed key have the digests that this number of the definition has always given.

    When this fails, `digest.calls.DEFINITION` must be raised with the change: old stores are then refused, not misread.
    """
    found = Digester(Key(b"a key of sixteen bytes"), one_in=2).calls(calls(0).to_batches()[0])
    fixed = found.select(["exchange_h", "prompt_h", "shingles", "sketch", "network_h"]).to_pylist()
    assert hashlib.sha256(repr(fixed).encode()).hexdigest()[:16] == "f26002808a2c151f"


def test_a_folder_with_something_else_is_refused(tmp_path: Path, key: Key) -> None:
    """A folder that holds other files is not made a store."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="no store"):
        add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0))])
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["thesis.txt"]


def test_a_store_inside_the_logs_is_refused(tmp_path: Path, key: Key) -> None:
    """A store is never read as a log."""
    write(tmp_path / "logs" / "a.parquet", 0)
    add(tmp_path / "logs" / "s", tmp_path, key, [str(tmp_path / "logs" / "a.parquet")])
    with pytest.raises(ConfigError, match="inside the logs"):
        add(tmp_path / "logs" / "s", tmp_path, key, [str(tmp_path / "logs")])


def test_two_processes_do_not_write_at_once(tmp_path: Path, key: Key) -> None:
    """While one holds the store, another is told so."""
    path = [str(write(tmp_path / "a.parquet", 0))]
    add(tmp_path / "s", tmp_path, key, path)
    with Store.open(tmp_path / "s", key, None, now=NOW), pytest.raises(StoreError, match="another process"):
        add(tmp_path / "s", tmp_path, key, path)


def test_a_broken_log_is_refused_each_time(tmp_path: Path, key: Key) -> None:
    """What is refused is not stored: the same log is refused again, what was sound beside it is there, and may be let in."""
    bad = tmp_path / "bad.ndjson"
    bad.write_text('{"exchange_id": "x", "account_id": "ann", "started_at": "2026-03-01T00:00:00Z"}\n{"exchange_id": "y"}\n')
    good = write(tmp_path / "a.parquet", 0)
    for _ in range(2):
        with pytest.raises(LogError, match="cannot be read"):
            add(tmp_path / "s", tmp_path, key, [str(good), str(bad)])
    _, seen = add(tmp_path / "s", tmp_path, key, [str(good)])
    assert seen == ids(0)
    _, seen = add(tmp_path / "s", tmp_path, key, [str(bad)], config=Config(threads=1, allow_left_out=0.5))
    assert seen == ids(0) | {"x"}


def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path: Path, key: Key) -> None:
    """A write that fails is a `StoreError` that names the store; what was stored stays."""
    add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "a.parquet", 0))])
    full = OSError(28, "No space left on device")
    with mock.patch.object(disk, "place", side_effect=full), pytest.raises(StoreError, match="No space left"):
        add(tmp_path / "s", tmp_path, key, [str(write(tmp_path / "b.parquet", 1))])
    _, seen = add(tmp_path / "s", tmp_path, key, [str(tmp_path / "a.parquet")])
    assert seen == ids(0)
