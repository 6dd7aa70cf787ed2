"""Days fixed without a hunt: which ones, what is journaled, and that a later hunt makes the same roots."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hunted import Hunted
from store.logs import calls, write
from timestamping import TIME, authority, serving

from stillhunt import worlds
from stillhunt.cli import main
from stillhunt.committing import AS_BEFORE, NOT_OVER, Commitment, commit
from stillhunt.digest import Key
from stillhunt.errors import ConfigError, StoreError
from stillhunt.evidence import HEAD_TYPE, JOURNAL
from stillhunt.seal import journal, merkle
from stillhunt.seal.canonical import list_of, mapping_of, text_of
from stillhunt.seal.days import DAY, EXCHANGES, STAMP, TRAITS_OF_DAY, roots
from stillhunt.seal.envelope import opened
from stillhunt.seal.keys import generate
from stillhunt.seal.records import checked, disclosed, records_of
from stillhunt.seal.timestamp import verified_time

NIGHT = datetime(2026, 3, 3, 2, 15, tzinfo=UTC)
"""The night after the second of March, the day that the log calls 1."""


def fixed(logs: object, evidence: Path, key: Key, *, now: datetime = NIGHT, **more: object) -> Commitment:
    """Fix days of a log on one thread."""
    return commit(logs, evidence=evidence, key=key, now=now, threads=1, **more)  # type: ignore[arg-type]


def lines_of(evidence: Path) -> list[journal.Entry]:
    """Return the lines of a journal, checked."""
    return list(journal.read((evidence / JOURNAL).read_bytes(), JOURNAL))


def days(done: Commitment) -> list[str]:
    """Return the days that were fixed."""
    return [one.exchanges.day for one in done.days]


def test_a_later_hunt_makes_the_same_roots(hunted: Hunted, small_world: worlds.World, key: Key, tmp_path: Path) -> None:
    """The exchanges of two days, fixed from these days' calls alone, have the roots that a hunt in three weeks of them has."""
    first = pc.min(small_world.exchanges.column("started_at")).as_py().date()
    end = datetime.combine(first + timedelta(days=2), datetime.min.time(), UTC)
    early = small_world.exchanges.filter(pc.less(small_world.exchanges.column("started_at"), pa.scalar(end)))
    done = fixed(early, tmp_path, key, now=end + timedelta(hours=2), accounts=small_world.accounts)
    assert len(done.days) == 2
    line = next(x for x in lines_of(hunted.evidence) if x.kind == EXCHANGES)
    of_hunt = {text_of(mapping_of(d, "j")["day"], "j"): d for d in list_of(mapping_of(line.body, "j")["days"], "j")}
    for one in done.days:
        row = {"day": one.exchanges.day, "root": one.exchanges.root.hex(), "size": one.exchanges.size}
        assert of_hunt[one.exchanges.day] == row
        assert one.traits.size > one.exchanges.size


def test_days_that_are_over_are_fixed_once_and_signed(key: Key, tmp_path: Path) -> None:
    """Today waits, a second run has nothing to do, and the journal's head is signed."""
    signer = generate(tmp_path / "seal.key", None)
    done = fixed(str(write(tmp_path / "log.parquet", 0, 1, 2)), tmp_path / "e", key, signer=signer)
    assert days(done) == ["2026-03-01", "2026-03-02"]
    assert done.passed == (("2026-03-03", NOT_OVER),)
    lines = lines_of(tmp_path / "e")
    assert [x.kind for x in lines] == [DAY, DAY, "signature"]
    assert opened(lines[2].body, [signer.public], HEAD_TYPE, "j")[0] == lines[1].digest
    assert done.head == lines[2].digest.hex()
    again = fixed(str(tmp_path / "log.parquet"), tmp_path / "e", key, signer=signer)
    assert not again.days and again.head == done.head
    assert again.passed[0] == ("2026-03-01", AS_BEFORE)


def test_a_day_that_grew_is_fixed_anew_and_the_earlier_records_are_kept(key: Key, tmp_path: Path) -> None:
    """Calls that arrive late give the day a second line; what was fixed first can still be proved."""
    log, evidence = tmp_path / "log.parquet", tmp_path / "e"
    first = fixed(str(write(log, 0)), evidence, key)
    late = pa.concat_tables([calls(0), calls(0, note="late")])
    pq.write_table(late, log)
    second = fixed(str(log), evidence, key)
    assert second.days[0].exchanges.size == 2 * first.days[0].exchanges.size
    assert [x.kind for x in lines_of(evidence)] == [DAY, DAY]
    kept = list((evidence / "records" / EXCHANGES / "earlier").iterdir())
    assert len(kept) == 1
    kept[0].rename(evidence / "records" / EXCHANGES / "2026-03-01.zst")
    leaves = [one.leaf for one in records_of(evidence, EXCHANGES, "2026-03-01")]
    assert merkle.root(leaves) == first.days[0].exchanges.root


def test_a_day_of_which_calls_are_gone_is_not_fixed_unless_it_is_named(key: Key, tmp_path: Path) -> None:
    """Half a log does not quietly take the place of a whole one."""
    log, evidence = tmp_path / "log.parquet", tmp_path / "e"
    fixed(str(write(log, 0)), evidence, key)
    write(log, 0, of=("ann",))
    assert fixed(str(log), evidence, key).passed == (("2026-03-01", "only 2 of the 6 records fixed before are here"),)
    assert [one.exchanges.size for one in fixed(str(log), evidence, key, day=date(2026, 3, 1)).days] == [2]


def test_one_day_can_be_named(key: Key, tmp_path: Path) -> None:
    """Only that day is fixed; a day without calls, and one that is not over, are refused."""
    log = str(write(tmp_path / "log.parquet", 0, 1, 2))
    assert days(fixed(log, tmp_path / "e", key, day=date(2026, 3, 2))) == ["2026-03-02"]
    with pytest.raises(ConfigError, match="no call of this day"):
        fixed(log, tmp_path / "e", key, day=date(2026, 2, 1))
    with pytest.raises(ConfigError, match="not over"):
        fixed(log, tmp_path / "e", key, day=date(2026, 3, 3))


def test_with_a_store_each_night_fixes_what_came(key: Key, tmp_path: Path) -> None:
    """Each night is given its own file; a call of yesterday in the file of today makes yesterday's line anew."""
    where = {"store": tmp_path / "store"}
    assert days(fixed(str(write(tmp_path / "a.parquet", 0)), tmp_path / "e", key, **where)) == ["2026-03-01"]
    pq.write_table(pa.concat_tables([calls(1), calls(0, of=("ann",), note="late")]), tmp_path / "b.parquet")
    done = fixed(str(tmp_path / "b.parquet"), tmp_path / "e", key, **where)
    assert [(one.exchanges.day, one.exchanges.size) for one in done.days] == [("2026-03-01", 8), ("2026-03-02", 6)]
    whole = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    assert [one.exchanges.root for one in fixed(whole, tmp_path / "other", key).days] == [d.exchanges.root for d in done.days]


def test_traits_of_a_day_can_be_proved(key: Key, tmp_path: Path) -> None:
    """Traits are those that the day's calls alone give, and a record of one leads to the journaled root."""
    done = fixed(str(write(tmp_path / "log.parquet", 0, 1)), tmp_path / "e", key)
    alone = fixed(str(write(tmp_path / "one.parquet", 0)), tmp_path / "f", key)
    assert done.days[0].traits == alone.days[0].traits
    shown = disclosed(tmp_path / "e", TRAITS_OF_DAY, {"2026-03-02": [0]})
    found = checked(shown, roots(lines_of(tmp_path / "e")), "d")
    assert {"account", "kind", "value", "n", "first", "last"} == set(found[0].record)


def test_the_head_can_be_timestamped(key: Key, tmp_path: Path) -> None:
    """The authority's answer is journaled, and is for the line before it."""
    tsa = authority(tmp_path)
    with serving(tsa) as (address, _):
        fixed(str(write(tmp_path / "log.parquet", 0)), tmp_path / "e", key, timestamp=address)
    import base64

    line = lines_of(tmp_path / "e")[-1]
    assert line.kind == STAMP
    token = base64.b64decode(text_of(mapping_of(line.body, "j")["token"], "j"))
    assert verified_time(token, line.previous, tsa.root, "j") == TIME


def test_a_journal_that_another_process_writes_is_left_alone(key: Key, tmp_path: Path) -> None:
    """Two jobs at once do not tear a chain: the second says so."""
    with journal.Journal.open(tmp_path / "e" / JOURNAL), pytest.raises(StoreError, match="another process"):
        fixed(str(write(tmp_path / "log.parquet", 0)), tmp_path / "e", key)


def test_the_command_prints_the_days_and_the_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a table for a person and as JSON for a program; nothing new is said to be nothing new."""
    monkeypatch.setenv("STILLHUNT_KEY_FILE", str(tmp_path / "deployment.key"))
    log, evidence = str(write(tmp_path / "log.parquet", 0, 1)), str(tmp_path / "e")
    assert main(["commit", log, "--evidence", evidence, "--day", "2026-03-01", "--quiet"]) == 0
    out = capfd.readouterr().out
    assert "2026-03-01" in out and "2026-03-02" not in out and "Head of the journal: " in out
    assert main(["commit", log, "--evidence", evidence, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert [d["day"] for d in document["days"]] == ["2026-03-02"]
    assert document["head"] == lines_of(Path(evidence))[-1].digest.hex()
    assert main(["commit", log, "--evidence", evidence]) == 0
    seen = capfd.readouterr()
    assert "Passed over: 2 days from 2026-03-01 to 2026-03-02: fixed before" in seen.out
    assert "No day was fixed" in seen.out
    assert main(["commit", log, "--evidence", evidence, "--day", "first of March"]) == 2
    assert "is no day" in capfd.readouterr().err
