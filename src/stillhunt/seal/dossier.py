"""
Sealing a dossier's folder: every file is named with its hash in a signed statement.

`envelope.json` is a DSSE envelope around an in-toto Statement whose subjects are all other files; `timestamp.json`, where a
timestamping authority was asked, holds its answer for the envelope's signature, in an envelope by the same key, so that none of
its bytes can change unnoticed.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from stillhunt.errors import ConfigError, SealError, StoreError
from stillhunt.seal import journal
from stillhunt.seal.canonical import Json, canonical, list_of, mapping_of, number_of, read, text_of
from stillhunt.seal.days import before_hunt
from stillhunt.seal.envelope import PAYLOAD_TYPE, Signer, sign, statement
from stillhunt.seal.keyring import KeyRing, started
from stillhunt.seal.timestamp import stamped

PREDICATE_TYPE = "urn:stillhunt:dossier:v1"
TIMESTAMP_TYPE = "application/timestamp-reply"
ENVELOPE, TIMESTAMP, KEYS, JOURNAL, BUNDLE = "envelope.json", "timestamp.json", "keys.json", "journal.jsonl", "bundle"
BUNDLES = "bundles"
"""The folder of a hunt's results that holds replay bundles and the journal."""

LARGEST = 4 * 2**30
"""Bytes of a dossier, at most: whoever verifies reads all of it into memory."""

UNSIGNED_FILES = (ENVELOPE, TIMESTAMP)


def add_evidence(folder: Path, *, hunt: Path, campaign: str) -> None:
    """
    Copy the campaign's replay bundle and the journal from a hunt's folder into a dossier's.

    Raises `ConfigError` when the hunt left none, `StoreError` when they cannot be copied.
    """
    bundle, chain = _evidence_of(hunt, campaign)
    try:
        shutil.rmtree(folder / BUNDLE, ignore_errors=True)
        shutil.copytree(bundle, folder / BUNDLE)
        shutil.copyfile(chain, folder / JOURNAL)
    except OSError as error:
        raise StoreError(f"{folder}: evidence cannot be copied here: {error.strerror}.\nMake room.") from error


def has_evidence(hunt: Path, campaign: str) -> bool:
    """Return whether a hunt left a replay bundle of a campaign, and a journal."""
    bundles = hunt / BUNDLES
    return (bundles / campaign / "bundle.json").is_file() and (bundles / JOURNAL).is_file()


def integrity(hunt: Path, campaign: str) -> dict[str, Json]:
    """
    Return what a dossier may print of a hunt's evidence before it is signed.

    `configuration_sha256`, `days`, `days_before` (of these, fixed before this hunt), `records` (exchanges committed),
    `bundle_sha256`, `journal_lines`. No times, in which two runs of one hunt would differ: those stand in the journal.
    """
    bundle, chain = _evidence_of(hunt, campaign)
    place = "bundle.json"
    index = (bundle / place).read_bytes()
    about = mapping_of(mapping_of(read(index, place), place).get("about"), place)
    configuration = text_of(about.get("configuration"), place)
    lines = list(journal.read(chain.read_bytes(), JOURNAL))
    found: dict[str, Json] = {
        "bundle_sha256": hashlib.sha256(index).hexdigest(),
        "configuration_sha256": configuration,
        "journal_lines": len(lines),
    }
    for line in lines:
        body = line.body if isinstance(line.body, Mapping) else {}
        if line.kind == "exchanges" and body.get("configuration") == configuration:
            days = [mapping_of(d, JOURNAL) for d in list_of(body["days"], JOURNAL)]
            found["days"] = len(days)
            found["days_before"] = len(before_hunt(lines, configuration).same)
            found["records"] = sum(number_of(d["size"], JOURNAL) for d in days)
    return found


def _evidence_of(hunt: Path, campaign: str) -> tuple[Path, Path]:
    """Return where the bundle and the journal lie; raise `ConfigError` when the hunt left none."""
    if not has_evidence(hunt, campaign):
        raise ConfigError(f"{hunt}: this hunt left no evidence of {campaign}.\nHunt again with `--evidence DIR`.")
    return hunt / BUNDLES / campaign, hunt / BUNDLES / JOURNAL


def seal_dossier(
    folder: Path,
    *,
    signer: Signer,
    now: datetime,
    ring: KeyRing | None = None,
    predicate: Mapping[str, Json] | None = None,
    timestamp: str | None = None,
) -> Path:
    """
    Seal everything in a folder and return its envelope.

    1. Write the public keys (those of `ring`, else the signer's own).
    2. Name every file with its hash, the head of the journal and the time, and sign that.
    3. Ask a timestamping authority, where its address is given.

    Raises `SealError`, `StoreError`, `ConfigError`.
    """
    try:
        for name in UNSIGNED_FILES:
            (folder / name).unlink(missing_ok=True)
        keys = ring if ring is not None else started(signer, at=now)                         # 1.
        if keys.standing(signer.public.keyid) is None:
            raise ConfigError("The key that signs is not among the public keys.\nGive the `keys.json` that names it.")
        (folder / KEYS).write_bytes(keys.document())
        subjects = {name: hashlib.sha256(content).digest() for name, content in files_of(folder).items()}
        about: dict[str, Json] = {
            "journal": _head(folder),
            "signedAt": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "stillhunt": version("stillhunt"),
            **(predicate or {}),
        }
        payload = canonical(statement(subjects, PREDICATE_TYPE, about))                      # 2.
        envelope = sign(payload, PAYLOAD_TYPE, signer)
        (folder / ENVELOPE).write_bytes(canonical(envelope))
        if timestamp is not None:                                                            # 3.
            token = stamped(timestamp, signature_of(envelope, ENVELOPE))
            (folder / TIMESTAMP).write_bytes(canonical(sign(token, TIMESTAMP_TYPE, signer)))
    except OSError as error:
        raise StoreError(f"{folder}: the seal cannot be written: {error.strerror}.\nMake room.") from error
    return folder / ENVELOPE


def files_of(folder: Path) -> dict[str, bytes]:
    """
    Return every file of a dossier by its name with forward slashes.

    Raises `SealError` for links, for anything else that is neither file nor folder, and for more than `LARGEST` bytes.
    """
    found: dict[str, bytes] = {}
    room = LARGEST
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise SealError(f"{name}: a link has no place in a dossier.\nPut the file itself there.")
        if path.is_dir():
            continue
        if not path.is_file():
            raise SealError(f"{name}: this is no file.\nA dossier has files and folders only.")
        room -= path.stat().st_size
        if room < 0:
            raise SealError(f"{name}: the dossier is larger than {LARGEST // 2**30} GiB.\nAsk for it without what is not its own.")
        found[name] = path.read_bytes()
    return found


def signature_of(envelope: Json, place: str) -> bytes:
    """Return the last signature of an envelope: what a timestamp is for."""
    last = mapping_of(list_of(mapping_of(envelope, place).get("signatures"), place)[-1], place)
    return base64.b64decode(text_of(last.get("sig"), place))


def _head(folder: Path) -> Json:
    """Return the number of lines and the head of the dossier's journal; None where it has none."""
    path = folder / JOURNAL
    if not path.is_file():
        return None
    lines = list(journal.read(path.read_bytes(), JOURNAL))
    return {"head": lines[-1].digest.hex() if lines else journal.START.hex(), "lines": len(lines)}
