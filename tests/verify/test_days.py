"""Days fixed before a hunt: both verifiers say which they were, and notice a journal that is not the one that was noted."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hunted import Hunted
from timestamping import TIME, authority, serving
from verify.conftest import NOW

from stillhunt.errors import ConfigError
from stillhunt.evidence import sign_head
from stillhunt.seal import journal
from stillhunt.seal.canonical import Json, list_of, mapping_of
from stillhunt.seal.days import DAY, EXCHANGES, STAMP, Before, Fixing
from stillhunt.seal.dossier import JOURNAL, files_of, seal_dossier
from stillhunt.seal.timestamp import stamped
from stillhunt.verify import Check, Trust, verify
from stillhunt.verify.checks import FAILS, HOLDS, NOT_MADE
from stillhunt.verify.days import said_of_days, spans
from stillhunt.verify.journaled import journaled
from tools import verify_dossier as second

EARLY = datetime(2026, 3, 23, 2, 15, tzinfo=UTC)


def rows_of(sealed: Path) -> list[dict[str, Json]]:
    """Return day, root and size of each day of the hunt."""
    lines = journal.read((sealed / JOURNAL).read_bytes(), JOURNAL)
    line = next(x for x in lines if x.kind == EXCHANGES)
    return [dict(mapping_of(row, JOURNAL)) for row in list_of(mapping_of(line.body, JOURNAL)["days"], JOURNAL)]


def with_days(sealed: Path, hunted: Hunted, out: Path, rows: Sequence[dict[str, Json]], stamp: str | None = None) -> Path:
    """Return a sealed copy of a dossier in whose journal some days were fixed before the hunt, the head stamped where asked."""
    shutil.copytree(sealed, out)
    before = list(journal.read((sealed / JOURNAL).read_bytes(), JOURNAL))
    (out / JOURNAL).unlink()
    with journal.Journal.open(out / JOURNAL) as chain:
        for row in rows:
            body = {"root": row["root"], "size": row["size"]}
            chain.append(DAY, {"day": row["day"], "exchanges": body, "traits": body}, at=EARLY)
        sign_head(chain, hunted.signer, EARLY)
        if stamp is not None:
            chain.append(STAMP, {"token": base64.b64encode(stamped(stamp, chain.head)).decode()}, at=EARLY)
        for entry in before:
            if entry.kind == "signature":
                sign_head(chain, hunted.signer, entry.time)
            else:
                chain.append(entry.kind, entry.body, at=entry.time)
    seal_dossier(out, signer=hunted.signer, now=NOW)
    return out


def check(folder: Path, name: str, trust: Trust) -> Check:
    """Return one check of a dossier."""
    return next(c for c in verify(folder, trust).checks if c.name == name)


def test_days_fixed_before_are_told_from_those_that_were_not(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """Two days fixed as the hunt used them, one with other records, the rest not at all: named by both verifiers."""
    rows = rows_of(sealed)
    folder = with_days(sealed, hunted, tmp_path / "d", [*rows[-3:-1], {**rows[-1], "root": "00" * 32}])
    found = check(folder, "days fixed before", Trust())
    assert found.status == HOLDS
    assert found.found.startswith(f"2 of {len(rows)} days of the log, with ")
    assert f"fixed before with other records: {rows[-1]['day']}; " in found.found
    assert found.found.endswith(f"not fixed before: {rows[0]['day']} to {rows[-4]['day']}")
    files = files_of(folder)
    lines = second.journal(files[JOURNAL])
    configuration = second.Bundle(files).about["configuration"]
    early, whole = second.days_before(lines, configuration)
    assert early == {rows[-3]["day"], rows[-2]["day"]} and len(whole) == len(rows)
    assert second.verify(files, None)["failed"] == []
    assert journaled(files[JOURNAL], configuration)["journal.days_before"] == 2
    assert second.journaled(lines, configuration)["journal.days_before"] == 2


def test_days_fixed_after_the_hunt_began_do_not_count(sealed: Path) -> None:
    """The hunt's own line, which it wrote before it judged, is not a day fixed before."""
    found = check(sealed, "days fixed before", Trust())
    assert found.status == NOT_MADE
    assert "operator's word" in found.found


def test_a_head_noted_before_shows_that_the_journal_is_the_same(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """Whoever noted the head of one night recognises the chain; a journal made anew is not it."""
    rows = rows_of(sealed)
    folder = with_days(sealed, hunted, tmp_path / "d", rows[:4])
    lines = list(journal.read((folder / JOURNAL).read_bytes(), JOURNAL))
    head = lines[4].digest.hex()
    found = check(folder, "journal noted before", Trust(head=head[:20]))
    assert found.status == HOLDS and "line 5 of" in found.found and "4 days were fixed by then" in found.found
    assert second.verify(files_of(folder), None, None, head)["failed"] == []
    other = with_days(sealed, hunted, tmp_path / "o", rows[:3])
    assert check(other, "journal noted before", Trust(head=head)).status == FAILS
    assert second.verify(files_of(other), None, None, head)["failed"]
    with pytest.raises(ConfigError, match="too short"):
        verify(folder, Trust(head=head[:6]))


def test_a_timestamp_of_the_head_attests_the_days_before_it(sealed: Path, hunted: Hunted, tmp_path: Path) -> None:
    """With the authority's root, the days say by when a third party saw them; under another root nothing holds."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    tsa = authority(tmp_path / "a")
    with serving(tsa) as (address, _):
        folder = with_days(sealed, hunted, tmp_path / "d", rows_of(sealed), address)
    assert "attested" not in check(folder, "days fixed before", Trust()).found
    found = check(folder, "days fixed before", Trust(tsa_roots=tsa.root))
    assert f"attested by a third party, by {TIME:%Y-%m-%d %H:%MZ}" in found.found
    assert check(folder, "journal", Trust(tsa_roots=authority(tmp_path / "b").root)).status == FAILS


def test_days_are_said_in_words() -> None:
    """Days that follow each other are a span; the longest wait from a day's end to its line is said."""
    assert spans(["2026-03-04", "2026-02-27", "2026-02-28", "2026-03-01"]) == "2026-02-27 to 2026-03-01, 2026-03-04"
    at = datetime(2026, 3, 2, 2, tzinfo=UTC)
    first = Fixing(day="2026-03-01", size=3, root="aa", seq=0, time=at)
    later = Fixing(day="2026-03-02", size=3, root="bb", seq=4, time=at + timedelta(days=4))
    calls = {20513: 7, 20514: 2}
    said = said_of_days(Before(same=(first,), other=(), never=("2026-03-02",)), calls, [])
    assert said == (
        "1 of 2 days of the log, with 7 of 9 calls counted, were fixed before this hunt with the records that it used;"
        " each at most 2 h after it ended, the last on 2026-03-02 02:00Z; not fixed before: 2026-03-02"
    )
    assert "each at most 3 days after it ended" in said_of_days(Before(same=(first, later), other=(), never=()), calls, [])
