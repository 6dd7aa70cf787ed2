"""
The public history of signing keys: which key came when, which followed it, which was revoked and why.

A file of signed events in canonical JSON, each naming the hash of the one before. The first key vouches for itself; a key
that follows is vouched for by the key before it and by itself; a key is revoked by itself or by the key in force. The file
holds public keys only and may be given to anybody: `stillhunt keys` writes it, and every dossier has a copy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stillhunt.errors import SealError
from stillhunt.seal.canonical import Json, canonical, list_of, mapping_of, read, text_of
from stillhunt.seal.envelope import Signer, opened, sign
from stillhunt.seal.keys import PublicKey

FORMAT = "stillhunt/keys/v1"
EVENT_TYPE = "application/vnd.stillhunt.key-event+json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One key: since when it is in force, when another followed it, when and why it was revoked."""

    key: PublicKey
    since: datetime
    followed: datetime | None = None
    revoked: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRing:
    """The keys in the order in which they came, and the signed events that say so."""

    keys: tuple[Standing, ...]
    events: tuple[Json, ...]

    @property
    def public(self) -> tuple[PublicKey, ...]:
        """All keys, revoked ones too: old signatures are still by them."""
        return tuple(one.key for one in self.keys)

    def standing(self, keyid: str) -> Standing | None:
        """Return what is known of a key, None for a stranger's."""
        return next((one for one in self.keys if one.key.keyid == keyid), None)

    def document(self) -> bytes:
        """Return the bytes of the file."""
        return canonical({"events": list(self.events), "format": FORMAT})


def started(signer: Signer, *, at: datetime) -> KeyRing:
    """Return a ring with its first key."""
    return _with(KeyRing(keys=(), events=()), {"event": "new", "public": signer.public.raw.hex()}, [signer], at)


def rotated(ring: KeyRing, old: Signer, new: Signer, *, at: datetime) -> KeyRing:
    """Return the ring with a key that follows the one in force; both vouch for it."""
    return _with(ring, {"event": "rotate", "public": new.public.raw.hex()}, [old, new], at)


def revoked(ring: KeyRing, by: Signer, keyid: str, reason: str, *, at: datetime) -> KeyRing:
    """Return the ring with a key revoked, by itself or by the key in force; signatures before that moment stand."""
    return _with(ring, {"event": "revoke", "keyid": keyid, "reason": reason}, [by], at)


def read_ring(data: bytes, place: str) -> KeyRing:
    """Return the ring in a file; raise `SealError` at the first event that does not follow from those before."""
    document = mapping_of(read(data, place), place)
    if document.get("format") != FORMAT or set(document) != {"events", "format"}:
        raise SealError(f"{place}: this is no list of keys.\nGive the `keys.json` that `stillhunt keys` writes.")
    ring = KeyRing(keys=(), events=())
    for event in list_of(document["events"], place):
        ring = _followed(ring, event, place)
    if not ring.keys:
        raise SealError(f"{place}: there is no key in it.\nGive the `keys.json` that `stillhunt keys` writes.")
    return ring


def _with(ring: KeyRing, event: Mapping[str, Json], signers: Sequence[Signer], at: datetime) -> KeyRing:
    time = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    payload = canonical({**event, "previous": _last(ring), "time": time})
    return _followed(ring, sign(payload, EVENT_TYPE, *signers), "keys")


def _last(ring: KeyRing) -> str:
    return hashlib.sha256(canonical(ring.events[-1])).hexdigest() if ring.events else ""


def _followed(ring: KeyRing, event: Json, place: str) -> KeyRing:
    """
    Return the ring after one more event.

    1. Open it with the keys known and the one it brings.
    2. See that it names the event before.
    3. See that whoever had to vouch did.
    """
    wrong = SealError(f"{place}: event {len(ring.events) + 1} does not follow from those before.\nThe file was changed.")
    signed_by = {text_of(mapping_of(s, place).get("keyid"), place) for s in _signatures(event, place)}
    brought = _brought(event, place)
    known = [*ring.public, *([] if brought is None else [brought])]
    payload, _ = opened(event, known, EVENT_TYPE, place)                                     # 1.
    row = mapping_of(read(payload, place), place)
    time = _time(text_of(row.get("time"), place), place)
    if row.get("previous") != _last(ring) or (ring.keys and time < ring.keys[-1].since):     # 2.
        raise wrong
    kind = row.get("event")
    in_force = ring.keys[-1] if ring.keys else None
    if kind in ("new", "rotate") and brought is not None:                                    # 3.
        vouchers = {brought.keyid} if in_force is None else {brought.keyid, in_force.key.keyid}
        standing = in_force is None or in_force.revoked is None
        if (kind == "new") != (in_force is None) or signed_by != vouchers or brought in ring.public or not standing:
            raise wrong
        before = tuple(_replaced(one, followed=time) if one is in_force else one for one in ring.keys)
        return KeyRing(keys=(*before, Standing(key=brought, since=time)), events=(*ring.events, event))
    keyid = text_of(row.get("keyid"), place)
    target = ring.standing(keyid)
    if kind != "revoke" or target is None or in_force is None or target.revoked is not None:
        raise wrong
    if not (signed_by == {keyid} or (signed_by == {in_force.key.keyid} and in_force.revoked is None)):
        raise wrong
    reason = text_of(row.get("reason"), place)
    keys = tuple(_replaced(one, revoked=time, reason=reason) if one is target else one for one in ring.keys)
    return KeyRing(keys=keys, events=(*ring.events, event))


def _replaced(one: Standing, **changes: object) -> Standing:
    return replace(one, **changes)  # type: ignore[arg-type]


def _signatures(event: Json, place: str) -> Sequence[Json]:
    return list_of(mapping_of(event, place).get("signatures"), place)


def _brought(event: Json, place: str) -> PublicKey | None:
    """Return the key that an event brings, before anything is known of it: only to check its own signature."""
    try:
        payload = base64.b64decode(text_of(mapping_of(event, place).get("payload"), place), validate=True)
        public = mapping_of(read(payload, place), place).get("public")
        return None if public is None else PublicKey(bytes.fromhex(text_of(public, place)))
    except ValueError as error:
        raise SealError(f"{place}: an event cannot be read.\nThe file was changed.") from error


def _time(text: str, place: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SealError(f"{place}: {text!r} is no time.\nThe file was changed.") from error
