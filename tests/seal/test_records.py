"""Records: what is revealed can be checked, what is not revealed cannot be guessed."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.errors import SealError, StoreError
from stillhunt.seal import merkle
from stillhunt.seal.canonical import canonical
from stillhunt.seal.records import Sealed, checked, commit, disclosed, records_of, sealed

SALTS = bytes(range(16))
DAY = "2026-03-01"


def some(n: int) -> list[Sealed]:
    """Return n records of few possible contents."""
    return [sealed({"n": i, "status": "ok", "tokens": i % 3}, SALTS, b"test", i.to_bytes(8, "little")) for i in range(n)]


@given(
    st.dictionaries(
        st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=9),
        st.none() | st.integers(1 - 2**53, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=9),
        max_size=6,
    )
)
def test_a_record_is_canonical(record: dict[str, str | int | None]) -> None:
    """The fast writer of flat records gives the bytes of RFC 8785."""
    assert sealed(record, SALTS, b"test", b"1").record == canonical(record)


def test_a_number_too_large_for_json_is_text() -> None:
    """What JSON cannot hold exactly is spelled out instead of being rounded."""
    assert sealed({"n": 2**60}, SALTS, b"test", b"1").record == canonical({"n": str(2**60)})


def test_fifty_of_fifty_thousand_are_revealed_and_checked(tmp_path: Path) -> None:
    """Fifty records with one proof lead to the root of fifty thousand; the file is small and holds no other record."""
    records = some(50_000)
    day = commit(tmp_path, "exchanges", DAY, records)
    chosen = list(range(17, 50_000, 1000))
    revealed = disclosed(tmp_path, "exchanges", {DAY: chosen})
    found = checked(revealed, {("exchanges", DAY): (day.size, day.root.hex())}, "d")
    assert [r.index for r in found] == chosen
    assert len(found) == 50
    assert [r.record["n"] for r in found] == chosen
    written = canonical(revealed)
    assert len(written) < 100_000
    assert written.count(b'"salt"') == 50


def test_what_is_not_revealed_cannot_be_guessed(tmp_path: Path) -> None:
    """A record that can only be one of three is not found by hashing all three: its leaf depends on a salt that is not given."""
    records = some(64)
    commit(tmp_path, "exchanges", DAY, records)
    revealed: Any = disclosed(tmp_path, "exchanges", {DAY: [0, 2]})
    known = {bytes.fromhex(h) for h in revealed["days"][0]["proof"]}
    hidden = records[1]
    assert hidden.leaf in known
    salts = [bytes.fromhex(r["salt"]) for r in revealed["days"][0]["records"]]
    guesses = [canonical({"n": 1, "status": "ok", "tokens": t}) for t in range(3)]
    assert hidden.record in guesses
    tried = {merkle.leaf_hash(salt + guess) for guess in guesses for salt in [b"", *salts, bytes(16)]}
    assert not tried & known
    assert merkle.leaf_hash(hidden.salt + hidden.record) in known


def test_records_of_the_same_content_have_different_leaves() -> None:
    """Equal records of different identity, purpose or key cannot be told to be equal."""
    one = sealed({"n": 1}, SALTS, b"test", b"a")
    others = [
        sealed({"n": 1}, SALTS, b"test", b"b"),
        sealed({"n": 1}, SALTS, b"other", b"a"),
        sealed({"n": 1}, bytes(16), b"test", b"a"),
    ]
    assert len({one.leaf, *(other.leaf for other in others)}) == 4
    assert sealed({"n": 1}, SALTS, b"test", b"a") == one


@pytest.mark.parametrize("change", ["record", "salt", "index", "size", "proof", "day"])
def test_nothing_in_a_disclosure_can_be_changed(tmp_path: Path, change: str) -> None:
    """A changed record, salt, place, size, proof or day does not lead to the root."""
    day = commit(tmp_path, "exchanges", DAY, some(40))
    roots = {("exchanges", DAY): (day.size, day.root.hex())}
    whole: Any = json.loads(canonical(disclosed(tmp_path, "exchanges", {DAY: [3, 9]})))
    checked(whole, roots, "d")
    row = whole["days"][0]
    first = row["records"][0]
    changed = copy.deepcopy(whole)
    target = changed["days"][0]
    if change == "record":
        target["records"][0]["record"] = first["record"].replace('"tokens":0', '"tokens":1')
    elif change == "salt":
        target["records"][0]["salt"] = hashlib.md5(b"", usedforsecurity=False).hexdigest()
    elif change == "index":
        target["records"][0]["index"] = 4
    elif change == "size":
        target["size"] = 41
    elif change == "proof":
        target["proof"] = target["proof"][1:]
    else:
        target["day"] = "2026-03-02"
    assert changed != whole
    with pytest.raises(SealError):
        checked(changed, roots, "d")


def test_records_are_kept_with_the_operator(tmp_path: Path) -> None:
    """Records and salts come back as they were committed; a day that is not there is an error that says what to name."""
    records = some(5)
    day = commit(tmp_path, "traits", DAY, records)
    assert records_of(tmp_path, "traits", DAY) == records
    assert day.root == merkle.root([r.leaf for r in records])
    with pytest.raises(StoreError, match="Name the folder"):
        records_of(tmp_path, "traits", "2026-03-02")
