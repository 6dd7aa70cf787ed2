"""
Is the seal of a dossier whole? Each check holds, fails, or was not made, and says which.

All checks are made on bytes in memory, so that what is checked is what was read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.disclosing import drawn
from stillhunt.errors import ConfigError, SealError
from stillhunt.seal import days, journal, records
from stillhunt.seal import dossier as seal
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, read, text_of
from stillhunt.seal.envelope import PAYLOAD_TYPE, STATEMENT_TYPE, opened
from stillhunt.seal.keyring import KeyRing, read_ring
from stillhunt.seal.keys import PublicKey
from stillhunt.seal.timestamp import claimed_time, verified_time
from stillhunt.verify.calls import bundle_of, calls_committed
from stillhunt.verify.days import said_of_days
from stillhunt.verify.shown import beside_bundle, tags_of

HOLDS, FAILS, NOT_MADE = "holds", "fails", "not made"
HEAD_TYPE = "application/vnd.stillhunt.journal-head"
DISCLOSURE = "disclosure.json"
SHORTEST_HEAD = 16
"""Hex digits of a journal's head that a reader has to give, at least: 64 bits, which nobody can aim at by chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check: its name, whether it holds, fails or was not made, and what was found."""

    name: str
    status: str
    found: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """What the reader brings: the signer's public key, a noted head of the journal, roots (PEM) of timestamping authorities."""

    key: PublicKey | None = None
    head: str | None = None
    tsa_roots: Path | None = None


@dataclass(slots=True)
class _Dossier:
    """The files of a dossier, and what checks have found in them so far."""

    files: Mapping[str, bytes]
    trust: Trust
    predicate: Mapping[str, Json] = field(default_factory=dict)
    envelope: Json = None
    signed_by: PublicKey | None = None
    disclosed: bytes | None = None
    ring: KeyRing | None = None
    entries: list[journal.Entry] = field(default_factory=list)
    stamps: list[tuple[int, datetime]] = field(default_factory=list)

    def content(self, name: str) -> bytes:
        """Return a file; raise `SealError` when it is not there."""
        if name not in self.files:
            raise SealError(f"{name}: this file is missing.\nGet the whole dossier.")
        return self.files[name]


def integrity(files: Mapping[str, bytes], trust: Trust, disclosed: bytes | None = None) -> list[Check]:
    """
    Return the checks of a dossier's seal, given its files by name, and of records that were disclosed later.

    A check that depends on one that failed is not made.
    """
    whole = _Dossier(files=files, trust=trust, disclosed=disclosed)
    steps: Sequence[tuple[str, Callable[[_Dossier], Check]]] = (
        ("keys", _keys),
        ("signature", _signature),
        ("signer", _signer),
        ("files", _files),
        ("timestamp", _timestamp),
        ("journal", _journal),
        ("journal noted before", _noted),
        ("configuration", _configuration),
        ("calls committed", _calls),
        ("days fixed before", _days),
        ("disclosed records", _disclosed),
    )
    found: list[Check] = []
    broken = False
    for name, step in steps:
        if broken and name != "files":
            found.append(Check(name=name, status=NOT_MADE, found="an earlier check failed"))
            continue
        try:
            found.append(step(whole))
        except SealError as error:
            found.append(Check(name=name, status=FAILS, found=str(error).partition("\n")[0]))
        broken = broken or found[-1].status == FAILS
    return found


def _keys(whole: _Dossier) -> Check:
    whole.ring = read_ring(whole.content(seal.KEYS), seal.KEYS)
    n = len(whole.ring.keys)
    return Check(name="keys", status=HOLDS, found=f"{n} public key{'s' if n != 1 else ''}, each vouched for by the one before")


def _signature(whole: _Dossier) -> Check:
    """The envelope opens, and holds a statement about a dossier."""
    place = seal.ENVELOPE
    assert whole.ring is not None
    whole.envelope = read(whole.content(place), place)
    payload, whole.signed_by = opened(whole.envelope, whole.ring.public, PAYLOAD_TYPE, place)
    statement = mapping_of(read(payload, place), place)
    if statement.get("_type") != STATEMENT_TYPE or statement.get("predicateType") != seal.PREDICATE_TYPE:
        raise SealError(f"{place}: the statement is not about a dossier.")
    whole.predicate = mapping_of(statement.get("predicate"), place)
    when = text_of(whole.predicate.get("signedAt"), place)
    standing = whole.ring.standing(whole.signed_by.keyid)
    moment = datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if standing is not None and standing.revoked is not None and standing.revoked <= moment:
        raise SealError(f"{place}: the key was revoked on {standing.revoked:%Y-%m-%d} ({standing.reason}).")
    if standing is not None and standing.followed is not None and standing.followed < moment:
        raise SealError(f"{place}: the key had been followed by another on {standing.followed:%Y-%m-%d}.")
    return Check(name="signature", status=HOLDS, found=f"by the key {whole.signed_by.keyid[:16]}…; it says: signed at {when}")


def _signer(whole: _Dossier) -> Check:
    """Whose key it is cannot be told from the dossier: the reader has to bring the signer's key."""
    assert whole.signed_by is not None
    if whole.trust.key is None:
        found = "whose key it is: give the signer's public key, from another source, with `--key`"
        return Check(name="signer", status=NOT_MADE, found=found)
    if whole.trust.key != whole.signed_by:
        raise SealError(f"the key is not the one that was given ({whole.trust.key.keyid[:16]}…).")
    return Check(name="signer", status=HOLDS, found="the key is the one that was given")


def _files(whole: _Dossier) -> Check:
    """Every file is listed with its hash, and every listed file is there."""
    place = seal.ENVELOPE
    payload = mapping_of(read(_payload(whole), place), place)
    listed: dict[str, str] = {}
    for row in list_of(payload.get("subject"), place):
        subject = mapping_of(row, place)
        name = text_of(subject.get("name"), place)
        if name in listed:
            raise SealError(f"{place}: it names {name} twice.")
        listed[name] = text_of(mapping_of(subject.get("digest"), place).get("sha256"), place)
    wrong = [
        name
        for name in sorted({*listed, *whole.files} - set(seal.UNSIGNED_FILES))
        if name not in whole.files or hashlib.sha256(whole.files[name]).hexdigest() != listed.get(name)
    ]
    if wrong:
        said = {n: "is missing" if n not in whole.files else "was changed" if n in listed else "was added" for n in wrong}
        raise SealError("; ".join(f"{name} {how}" for name, how in said.items()))
    return Check(name="files", status=HOLDS, found=f"{len(listed)} files have the hashes that were signed")


def _payload(whole: _Dossier) -> bytes:
    """Return the payload as far as it can be read, so that changed files are named even where the signature is broken."""
    place = seal.ENVELOPE
    try:
        return base64.b64decode(text_of(mapping_of(read(whole.content(place), place), place).get("payload"), place))
    except ValueError as error:
        raise SealError(f"{place}: the statement cannot be read.") from error


def _timestamp(whole: _Dossier) -> Check:
    place = seal.TIMESTAMP
    if place not in whole.files:
        found = "there is none: the time of signing is the signer's word"
        return Check(name="timestamp", status=NOT_MADE, found=found)
    assert whole.ring is not None
    token, _ = opened(read(whole.content(place), place), whole.ring.public, seal.TIMESTAMP_TYPE, place)
    if whole.trust.tsa_roots is None:
        found = f"it names {claimed_time(token, place):%Y-%m-%d %H:%M:%SZ}: give the authority's root certificate with `--tsa-root`"
        return Check(name="timestamp", status=NOT_MADE, found=found)
    time = verified_time(token, seal.signature_of(whole.envelope, seal.ENVELOPE), whole.trust.tsa_roots, place)
    return Check(name="timestamp", status=HOLDS, found=f"the seal existed on {time:%Y-%m-%d %H:%M:%SZ}")


def _journal(whole: _Dossier) -> Check:
    """
    The chain is whole, ends where the signed statement says, and its own signatures verify.

    The bundle of the dossier is journaled, after the roots of the days and under the same configuration.
    """
    if seal.JOURNAL not in whole.files:
        return Check(name="journal", status=NOT_MADE, found="there is none: nothing shows when records were fixed")
    whole.entries = list(journal.read(whole.content(seal.JOURNAL), seal.JOURNAL))
    head = mapping_of(whole.predicate.get("journal"), seal.ENVELOPE)
    if not whole.entries or head != {"head": whole.entries[-1].digest.hex(), "lines": len(whole.entries)}:
        raise SealError(f"{seal.JOURNAL}: it does not end where the signed statement says.")
    assert whole.ring is not None
    signed = 0
    for entry in whole.entries:
        if entry.kind == "signature":
            keys = [*whole.ring.public, *([whole.trust.key] if whole.trust.key else [])]
            payload, _ = opened(entry.body, keys, HEAD_TYPE, f"{seal.JOURNAL}:{entry.seq + 1}")
            if payload != entry.previous:
                raise SealError(f"{seal.JOURNAL}:{entry.seq + 1}: the signature is of another line.")
            signed += 1
        elif entry.kind == days.STAMP:
            _stamp(whole, entry)
    found = f"{len(whole.entries)} lines, each naming the one before; {signed} of them sign those before"
    return Check(name="journal", status=HOLDS, found=found)


def _stamp(whole: _Dossier, entry: journal.Entry) -> None:
    """Note when a line existed, as an authority attests; nothing where the reader trusts none."""
    if whole.trust.tsa_roots is None:
        return
    place = f"{seal.JOURNAL}:{entry.seq + 1}"
    try:
        token = base64.b64decode(text_of(mapping_of(entry.body, place).get("token"), place), validate=True)
    except ValueError as error:
        raise SealError(f"{place}: the timestamp cannot be read.") from error
    whole.stamps.append((entry.seq, verified_time(token, entry.previous, whole.trust.tsa_roots, place)))


def _noted(whole: _Dossier) -> Check:
    """The journal is the one of which somebody noted a head before: what it fixed by then stands unchanged."""
    name, given = "journal noted before", whole.trust.head
    if given is None:
        found = "give a head of the journal that you noted earlier with `--head`"
        return Check(name=name, status=NOT_MADE, found=found)
    if len(given) < SHORTEST_HEAD:
        raise ConfigError(f"{given}: this is too short for a head of a journal.\nGive {SHORTEST_HEAD} digits or more.")
    line = next((e for e in whole.entries if e.digest.hex().startswith(given.lower())), None)
    if line is None:
        raise SealError(f"{seal.JOURNAL}: no line has the hash {given}: this is not the journal whose head was noted.")
    fixed = len({one.day for one in days.fixings(whole.entries[: line.seq + 1])})
    found = f"the head given is that of line {line.seq + 1:,} of {len(whole.entries):,}; {fixed:,} days were fixed by then"
    return Check(name=name, status=HOLDS, found=found)


def _configuration(whole: _Dossier) -> Check:
    """The settings of the bundle are those that were journaled before the result."""
    if not whole.entries:
        return Check(name="configuration", status=NOT_MADE, found="there is no journal")
    place = f"{seal.BUNDLE}/bundle.json"
    content = whole.content(place)
    about = mapping_of(mapping_of(read(content, place), place).get("about"), place)
    digest = text_of(about.get("configuration"), place)
    settled = _last(whole, "configuration", "sha256", digest)
    result = _last(whole, "campaigns", "configuration", digest)
    bundles = mapping_of(mapping_of(result.body, seal.JOURNAL).get("bundles"), seal.JOURNAL)
    if bundles.get(text_of(about.get("campaign"), place)) != hashlib.sha256(content).hexdigest():
        raise SealError(f"{place}: this is not the bundle that was journaled.")
    journaled = mapping_of(mapping_of(settled.body, seal.JOURNAL).get("settings"), seal.JOURNAL)
    for name, value in mapping_of(about.get("settings"), place).items():
        if name in journaled and journaled[name] != value:
            raise SealError(f"{place}: the setting `{name}` is not the one that was journaled.")
    if settled.seq > result.seq:
        raise SealError(f"{seal.JOURNAL}: the configuration was journaled after the result.")
    when = f"settings fixed {settled.time:%Y-%m-%d %H:%M:%SZ}, result written {result.time:%Y-%m-%d %H:%M:%SZ}"
    return Check(name="configuration", status=HOLDS, found=when)


def _last(whole: _Dossier, kind: str, key: str, digest: str) -> journal.Entry:
    for entry in reversed(whole.entries):
        if entry.kind == kind and mapping_of(entry.body, seal.JOURNAL).get(key) == digest:
            return entry
    raise SealError(f"{seal.JOURNAL}: there is no line of the kind `{kind}` for this bundle's configuration.")


def _calls(whole: _Dossier) -> Check:
    if not whole.entries:
        return Check(name="calls committed", status=NOT_MADE, found="there is no journal")
    calls, number = calls_committed(whole.files, days.roots(whole.entries))
    found = f"each of {calls:,} calls counted is a record of {number:,} days that were fixed before anything was judged"
    return Check(name="calls committed", status=HOLDS, found=found)


def _days(whole: _Dossier) -> Check:
    """Which days were fixed before this hunt, with the very records that it used, and which were not."""
    name = "days fixed before"
    if not whole.entries:
        return Check(name=name, status=NOT_MADE, found="there is no journal")
    bundle = bundle_of(whole.files)
    before = days.before_hunt(whole.entries, text_of(bundle.about.get("configuration"), seal.BUNDLE))
    if not before.same and not before.other:
        found = "no day was fixed before this hunt: that nothing was added or taken away until then is the operator's word"
        return Check(name=name, status=NOT_MADE, found=found)
    calls = dict(zip(*(bundle.column("proof-days", c).tolist() for c in ("day", "leaves")), strict=True))
    return Check(name=name, status=HOLDS, found=said_of_days(before, calls, whole.stamps))


def _disclosed(whole: _Dossier) -> Check:
    """Every record is in the tree of its day; a sample is the one that its word draws."""
    content = whole.files.get(DISCLOSURE) if whole.disclosed is None else whole.disclosed
    if content is None:
        return Check(name="disclosed records", status=NOT_MADE, found="none were disclosed")
    return Check(name="disclosed records", status=HOLDS, found=check_disclosed(content, days.roots(whole.entries), whole.files))


def check_disclosed(
    content: bytes, roots: Mapping[tuple[str, str], tuple[int, str]], files: Mapping[str, bytes]
) -> str:
    """Return what is found in a disclosure, given the journaled (size, root) of each day and a dossier's files; else raise."""
    disclosure = read(content, DISCLOSURE)
    found = records.checked(disclosure, roots, DISCLOSURE)
    asked = mapping_of(mapping_of(disclosure, DISCLOSURE).get("asked"), DISCLOSURE)
    said = f"{len(found)} records were committed as they are shown"
    document = _document_of(files)
    of_traits = mapping_of(disclosure, DISCLOSURE).get("table") == days.TRAITS
    if of_traits:
        said = _of_traits(found, frozenset(tags_of(document)))
    elif f"{seal.BUNDLE}/bundle.json" in files:
        calls = beside_bundle(found, bundle_of(files), tags_of(document))
        said += f" ({calls} calls of the campaign, with hour, account and equal prompts as in the bundle)" if calls else ""
    if asked == {"by": records.CHOSEN}:
        return f"{said}; the operator chose them"
    if set(asked) != {"by", "records", "word"} or asked["by"] != "sample":
        raise SealError(f"{DISCLOSURE}: it does not say how the records were chosen.")
    word, number = text_of(asked["word"], DISCLOSURE), number_of(asked["records"], DISCLOSURE)
    shown: dict[str, list[int]] = {}
    for one in found:
        shown.setdefault(one.day, []).append(one.index)
    if of_traits or shown != drawn(bundle_of(files), number, word):
        raise SealError(f"{DISCLOSURE}: the records are not those that the word draws.")
    return f"{said}; the word `{word}` draws just these"


def _document_of(files: Mapping[str, bytes]) -> Mapping[str, Json]:
    place = "dossier.json"
    return mapping_of(read(files[place], place), place) if place in files else {}


def _of_traits(found: Sequence[records.Revealed], accounts: frozenset[str]) -> str:
    """Return what trait records show, kind by kind: values, and how many accounts of the dossier, and others, have them."""
    values: dict[str, set[str]] = {}
    holders: dict[str, set[str]] = {}
    for one in found:
        kind, value, account = (text_of(one.record.get(name), DISCLOSURE) for name in ("kind", "value", "account"))
        values.setdefault(kind, set()).add(value)
        holders.setdefault(kind, set()).add(account)
    said = []
    for kind in sorted(values):
        mine = sum(account[: records.TAG_DIGITS] in accounts for account in holders[kind])
        others = len(holders[kind]) - mine
        beside = f" and {others} others" if others else ""
        said.append(f"{kind}, {len(values[kind])} different among {mine} accounts of this dossier{beside}")
    return f"{len(found)} trait records were committed as they are shown ({'; '.join(said)})"
