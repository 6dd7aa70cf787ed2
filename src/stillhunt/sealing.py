"""Keys and signatures at the command line: who signs, under which passphrase, and the public history of keys."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stillhunt.errors import ConfigError, StoreError
from stillhunt.seal.dossier import (
    BUNDLE,
    BUNDLES,
    ENVELOPE,
    JOURNAL,
    KEYS,
    TIMESTAMP,
    add_evidence,
    has_evidence,
    seal_dossier,
)
from stillhunt.seal.envelope import Signer
from stillhunt.seal.keyring import KeyRing, read_ring, revoked, rotated, started
from stillhunt.seal.keys import CommandSigner, generate, open_signer, read_public

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from stillhunt.committing import Commitment
    from stillhunt.evidence import Evidence

PASSPHRASE = "STILLHUNT_SEAL_PASSPHRASE"
NEXT_PASSPHRASE = "STILLHUNT_SEAL_NEXT_PASSPHRASE"


def signer_of(arguments: argparse.Namespace) -> Signer | None:
    """
    Return who signs as the options say, None where nobody is named.

    Raises `ConfigError` when both a key and a command are named, or a command without its public key.
    """
    if arguments.seal_command is not None:
        if arguments.seal_key is not None or arguments.seal_public is None:
            raise ConfigError(
                "A signing command needs `--seal-public`, and no `--seal-key`.\nGive the public key that it signs for."
            )
        return CommandSigner(arguments.seal_command, read_public(arguments.seal_public))
    return None if arguments.seal_key is None else key_at(arguments.seal_key)


def evidence_of(arguments: argparse.Namespace) -> Evidence | None:
    """Return where evidence goes and who signs it, where it is asked for; raises as `signer_of`."""
    folder: Path | None = getattr(arguments, "evidence", None)
    if folder is None:
        if getattr(arguments, "seal_key", None) or getattr(arguments, "seal_command", None):
            raise ConfigError("There is nothing to sign without evidence.\nName a folder for it with `--evidence`.")
        return None
    from stillhunt.evidence import Evidence

    return Evidence(folder=folder, bundles=arguments.out / BUNDLES, signer=signer_of(arguments))


def key_at(path: Path, variable: str = PASSPHRASE) -> Signer:
    """Return the signer of a key file, asking for its passphrase where it has one and none is in the environment."""
    try:
        encrypted = b"ENCRYPTED" in path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: this key file cannot be read: {error.strerror}.\nGive another.") from error
    return open_signer(path, _passphrase(path, variable, again=False) if encrypted else None)


def _passphrase(path: Path, variable: str, *, again: bool) -> bytes:
    given = os.environ.get(variable)
    if given is None:
        if not sys.stdin.isatty():
            raise ConfigError(f"{path}: this key is under a passphrase, and nobody is here to ask.\nSet {variable}.")
        given = getpass.getpass(f"Passphrase of {path}: ")
        if again and getpass.getpass("Once more: ") != given:
            raise ConfigError("The two passphrases are not the same.\nTry again.")
    if not given:
        raise ConfigError("The passphrase is empty.\nGive one, or use `--no-passphrase`.")
    return given.encode()


def seal(arguments: argparse.Namespace, signer: Signer | None, *, now: datetime) -> dict[str, Path]:
    """
    Put a hunt's evidence into a written dossier and seal it; return what was added, by name.

    Without a signer, what an earlier run sealed is taken away: it would be of another dossier.
    """
    out: Path = arguments.out
    added = {}
    if has_evidence(arguments.hunt, arguments.campaign):
        add_evidence(out, hunt=arguments.hunt, campaign=arguments.campaign)
        added = {BUNDLE: out / BUNDLE, JOURNAL: out / JOURNAL}
    if signer is None:
        if arguments.timestamp is not None or arguments.ring is not None:
            raise ConfigError("There is no seal without a key.\nName one with `--seal-key`.")
        for name in (ENVELOPE, TIMESTAMP, KEYS):
            (out / name).unlink(missing_ok=True)
        return added
    ring = None if arguments.ring is None else _ring(arguments.ring)
    envelope = seal_dossier(out, signer=signer, now=now, ring=ring, timestamp=arguments.timestamp)
    return {**added, ENVELOPE: envelope}


def committed(
    arguments: argparse.Namespace,
    *,
    format: str | None,
    settings: Mapping[str, Any],
    now: datetime,
    progress: Callable[[str, float], None],
) -> Commitment:
    """
    Fix days of a log as the options say and return what was fixed.

    Raises `ConfigError`, `LogError`, `StoreError`, `SealError`.
    """
    from stillhunt.committing import commit
    from stillhunt.deployment_key import read_key
    from stillhunt.pipeline import key_of

    signer = signer_of(arguments)
    return commit(
        arguments.logs,
        arguments.accounts,
        evidence=arguments.evidence,
        key=key_of(None if arguments.key_file is None else read_key(arguments.key_file, make=False)),
        now=now,
        signer=signer,
        day=arguments.day,
        timestamp=arguments.timestamp,
        format=format,
        store=arguments.store,
        keep_days=arguments.keep,
        progress=progress,
        **settings,
    )


def disclosed(arguments: argparse.Namespace) -> int:
    """
    Write some records of a log with the proof that they were fixed beforehand, and return how many.

    Raises `ConfigError`, `LogError`, `StoreError`.
    """
    from stillhunt.deployment_key import key_file, read_key
    from stillhunt.digest import Key
    from stillhunt.disclosing import disclose, ids_in

    ids = [] if arguments.calls is None else ids_in(arguments.calls)
    traits: list[str] = arguments.traits or []
    key = Key(read_key(arguments.key_file or key_file(), make=False)) if ids or traits else None
    return disclose(
        arguments.dossier,
        arguments.evidence,
        arguments.out,
        ids=ids,
        traits=traits,
        key=key,
        sample=arguments.sample,
        word=arguments.word,
    )


def manage(arguments: argparse.Namespace, *, now: datetime) -> KeyRing:
    """Do what `stillhunt keys` was asked to do and return the ring afterwards."""
    path: Path = arguments.ring
    action = arguments.action
    if action == "list":
        return _ring(path)
    if arguments.seal_key is None:
        raise ConfigError("No key was named.\nName its file with `--seal-key`.")
    if action == "new":
        if path.exists():
            raise ConfigError(f"{path}: there are keys already.\nLet another key follow with `rotate`, or name a new file.")
        ring = started(_made(arguments.seal_key, PASSPHRASE, arguments), at=now)
    elif action == "rotate":
        if arguments.next is None:
            raise ConfigError("No file was named for the key that follows.\nName one with `--next`.")
        before = _ring(path)
        old = key_at(arguments.seal_key)
        if before.keys[-1].key != old.public:
            raise ConfigError(f"{arguments.seal_key}: this key is not the one in force.\nName the last key of the ring.")
        ring = rotated(before, old, _made(arguments.next, NEXT_PASSPHRASE, arguments), at=now)
    else:
        before = _ring(path)
        ring = revoked(before, key_at(arguments.seal_key), _named(before, arguments.keyid), arguments.reason, at=now)
    _save(ring, path)
    return ring


def _made(path: Path, variable: str, arguments: argparse.Namespace) -> Signer:
    if arguments.no_passphrase:
        return generate(path, None)
    if variable not in os.environ and PASSPHRASE in os.environ:
        variable = PASSPHRASE
    return generate(path, _passphrase(path, variable, again=True))


def _ring(path: Path) -> KeyRing:
    try:
        return read_ring(path.read_bytes(), path.name)
    except OSError as error:
        raise ConfigError(f"{path}: there is no ring here: {error.strerror}.\nBegin with `stillhunt keys new`.") from error


def _named(ring: KeyRing, start: str | None) -> str:
    found = [one.key.keyid for one in ring.keys if start and one.key.keyid.startswith(start.lower())]
    if len(found) != 1:
        raise ConfigError("No key, or more than one, has an id that begins so.\nSee `stillhunt keys list`.")
    return found[0]


def _save(ring: KeyRing, path: Path) -> None:
    """Write the ring beside the old one and move it into place, so that a crash leaves one of the two."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_bytes(ring.document())
        os.replace(new, path)
    except OSError as error:
        raise StoreError(f"{path}: the ring cannot be written: {error.strerror}.\nName another.") from error


def listed(ring: KeyRing) -> list[tuple[str, str, str, str]]:
    """Return a row for each key: id, since, until, standing."""
    rows = []
    for one in ring.keys:
        until = one.revoked or one.followed
        standing = f"revoked: {one.reason}" if one.revoked else "followed" if one.followed else "in force"
        rows.append((one.key.keyid[:16], f"{one.since:%Y-%m-%d}", f"{until:%Y-%m-%d}" if until else "", standing))
    return rows
