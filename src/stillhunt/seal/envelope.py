"""
Signed envelopes: DSSE around an in-toto Statement, signed with Ed25519.

    PAE(type, payload) = "DSSEv1" SP len(type) SP type SP len(payload) SP payload

What is signed is the PAE, so a payload cannot be taken for one of another type. Sources: secure-systems-lab, "DSSE
v1.0.0"; in-toto, "Statement v1"; S. Josefsson, I. Liusvaara, "EdDSA", RFC 8032 (2017).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Protocol

from stillhunt.errors import SealError
from stillhunt.seal.canonical import Json, list_of, mapping_of, text_of
from stillhunt.seal.keys import PublicKey

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Signer(Protocol):
    """Whoever can sign: a key file, or a command that talks to a key store."""

    @property
    def public(self) -> PublicKey:
        """The key under which signatures verify."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the Ed25519 signature of some bytes."""
        ...


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def statement(subjects: Mapping[str, bytes], predicate_type: str, predicate: Mapping[str, Json]) -> Json:
    """Return an in-toto Statement about files; `subjects` are SHA-256 digests by name."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"digest": {"sha256": subjects[name].hex()}, "name": name} for name in sorted(subjects)],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def sign(payload: bytes, payload_type: str, *signers: Signer) -> Json:
    """Return the envelope of a payload, checked before it leaves: a signer that signs wrongly is an error."""
    data = pae(payload_type, payload)
    signatures: list[Json] = []
    for signer in signers:
        signature = signer.sign(data)
        if not signer.public.verifies(signature, data):
            raise SealError(
                f"What was signed does not verify under the key {signer.public.keyid[:16]}.\n"
                "Give the public key that belongs to the signing command, or correct the command."
            )
        signatures.append({"keyid": signer.public.keyid, "sig": base64.b64encode(signature).decode()})
    return {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": signatures}


def opened(envelope: Json, keys: Sequence[PublicKey], payload_type: str, place: str) -> tuple[bytes, PublicKey]:
    """
    Return the payload of an envelope and the key that signed it last.

    Every signature must verify, so that nothing in the envelope can change unnoticed. Raises `SealError` when one does
    not, when none is by a known key, or when the payload has another type.
    """
    row = mapping_of(envelope, place)
    if set(row) != {"payload", "payloadType", "signatures"} or row["payloadType"] != payload_type:
        raise SealError(f"{place}: this is no envelope of the type `{payload_type}`.\nIt was changed, or is another file.")
    payload = _decoded(text_of(row["payload"], place), place)
    data = pae(payload_type, payload)
    by_id = {key.keyid: key for key in keys}
    signed_by: PublicKey | None = None
    for signature in list_of(row["signatures"], place):
        one = mapping_of(signature, place)
        key = by_id.get(text_of(one.get("keyid"), place))
        if set(one) != {"keyid", "sig"} or key is None:
            raise SealError(f"{place}: it is signed by a key that is not known.\nGive the signer's public key.")
        if not key.verifies(_decoded(text_of(one["sig"], place), place), data):
            raise SealError(f"{place}: the signature does not verify.\nThe envelope was changed after it was signed.")
        signed_by = key
    if signed_by is None:
        raise SealError(f"{place}: it has no signature.\nThe envelope was changed after it was signed.")
    return payload, signed_by


def _decoded(text: str, place: str) -> bytes:
    """Return what Base64 text stands for; only its one canonical spelling is read."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SealError(f"{place}: this is not Base64.\nIt was changed; get the file anew.") from error
    if base64.b64encode(data).decode() != text:
        raise SealError(f"{place}: this Base64 has a second spelling.\nIt was changed; get the file anew.")
    return data
