"""Records that were shown, held against the rows of the bundle that stand for them: hour, account, and which prompts are equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from stillhunt.errors import SealError
from stillhunt.seal.bundle import Bundle
from stillhunt.seal.canonical import Json, list_of, mapping_of, text_of
from stillhunt.seal.records import TAG_DIGITS, Revealed

_PLACE = "disclosure.json"


def beside_bundle(found: Sequence[Revealed], bundle: Bundle, tags: Sequence[str]) -> int:
    """
    Return how many of some records are calls of the campaign, after each has agreed with its row.

    The hour of the record is that of the row; one account of the records is one account of the bundle, and the one whose tag
    the dossier gives (`tags`, in the order of the bundle's numbers); one prompt is one code in each strand. Raises
    `SealError` where they do not agree.
    """
    rows = _rows(bundle)
    account: dict[str, int] = {}
    prompts: dict[tuple[int, object], int] = {}
    codes: dict[tuple[int, int], object] = {}
    calls = 0
    for one in found:
        row = rows.get(one.leaf)
        if row is None:
            continue
        strand, hour, login, code = row
        calls += 1
        name, prompt = text_of(one.record.get("account"), _PLACE), one.record.get("prompt")
        at = datetime.fromisoformat(text_of(one.record.get("at"), _PLACE)).astimezone(UTC)
        known = login < len(tags) and tags[login]
        alike = (
            int(at.timestamp() // 3600) == hour
            and account.setdefault(name, login) == login
            and (not known or name[:TAG_DIGITS] == known)
            and prompts.setdefault((strand, prompt), code) == code
            and codes.setdefault((strand, code), prompt) == prompt
            and (code == 0) == (prompt is None)
        )
        if not alike or len(set(account.values())) != len(account):
            raise SealError(f"{_PLACE}: the record of {one.day}, place {one.index}, is not the call that the bundle says it is.")
    return calls


def tags_of(document: Mapping[str, Json]) -> list[str]:
    """Return the tags of a dossier's accounts in their order; none where it lists none."""
    rows = list_of(document.get("accounts", []), _PLACE)
    return [text_of(mapping_of(row, _PLACE).get("tag"), _PLACE) for row in rows]


def _rows(bundle: Bundle) -> dict[bytes, tuple[int, int, int, int]]:
    """Return leaf → strand, hour since 1970, account and code of the prompt, of every call."""
    leaves = [bytes(row) for row in bundle.column("proof-leaves", "leaf")]
    out = {}
    for number, row in enumerate(list_of(bundle.about["strands"], "strands"), 1):
        first = date.fromisoformat(text_of(mapping_of(row, "strands").get("first_day"), "strands")) - date(1970, 1, 1)
        columns = (bundle.column(f"strand-{number}", name).tolist() for name in ("leaf", "hour", "login", "prompt"))
        for leaf, hour, login, prompt in zip(*columns, strict=True):
            out[leaves[leaf]] = (number, int(hour) + 24 * first.days, int(login), int(prompt))
    return out
