"""The options of what seals and verifies: who signs, what is verified, which keys there are."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path

COMMIT_USAGE = "LOGS… --evidence DIR [--store DIR] [--day DAY] [--accounts FILE] [--seal-key FILE] [options]"
COMMIT_DESCRIPTION = (
    "Fix whole days of a log without hunting in it. Writes the Merkle roots of each day's exchanges and traits into a signed"
    " journal, before anybody looks at them; a later hunt with the same `--evidence` shows that its records are these. Fixes every"
    " day (UTC) that is over and has more calls than were fixed before, so that a daily job needs no dates."
)
DISCLOSE_USAGE = "DOSSIER --evidence DIR --out FILE (--sample N --word WORD | --calls FILE | --traits KIND[:TAG]…) [options]"
DISCLOSE_DESCRIPTION = (
    "Show some records of a log to somebody who has a dossier. Each comes with its salt and the proof that it was fixed before"
    " anything was judged; of all other records nothing can be guessed. The receiver says the word by which a sample is drawn."
)
VERIFY_USAGE = "DOSSIER [--disclosed FILE] [--key FILE] [--head HEX] [--tsa-root FILE] [--json]"
VERIFY_DESCRIPTION = (
    "Check the seal of a dossier and recompute its numbers from its replay bundle. Needs no log, no deployment key and no"
    " network. Names each check that it made and each that it could not make. Exit status 1 when something does not"
    " hold."
)
KEYS_USAGE = "new|rotate|revoke|list --ring FILE [--seal-key FILE] [options]"
KEYS_DESCRIPTION = (
    "Make, follow, revoke and list signing keys. The ring is a public file of signed events and goes into every dossier;"
    " private keys stay in their own files. A passphrase is asked for, or read from STILLHUNT_SEAL_PASSPHRASE."
)


def add_signing(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options that name a signer."""
    parser.add_argument("--seal-key", type=Path, metavar="FILE", help=f"{what} (a file made by `stillhunt keys new`)")
    parser.add_argument(
        "--seal-command",
        metavar="COMMAND",
        help="sign by running this command instead: it reads the bytes on its standard input and writes the Ed25519"
        " signature in Base64; needs `--seal-public`",
    )
    parser.add_argument("--seal-public", type=Path, metavar="FILE", help="public key (PEM) of the signing command")


def add_commit(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `commit`, but for those that say how logs are read."""
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument(
        "--evidence", type=Path, metavar="DIR", required=True, help="folder of journal and records, the one that hunts name too"
    )
    parser.add_argument(
        "--day", type=_day, metavar="DAY", help="fix this day (UTC, like 2026-03-01) and no other, also when it was fixed before"
    )
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    add_signing(parser, "sign the journal with this key")
    parser.add_argument(
        "--timestamp", metavar="URL", help="have the journal's head timestamped by the authority (RFC 3161) at this address"
    )
    parser.add_argument("--json", action="store_true", help="print what was fixed as JSON on stdout and nothing else")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write one like 2026-03-01") from None


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument("dossier", type=Path, metavar="DOSSIER", help="folder that `stillhunt report` wrote")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="the signer's public key (PEM), from a source other than the dossier"
    )
    parser.add_argument(
        "--tsa-root", type=Path, metavar="FILE", help="root certificates (PEM) of timestamping authorities you trust"
    )
    parser.add_argument(
        "--head", metavar="HEX", help="a head of the operator's journal that you noted before (first 16 digits or more)"
    )
    parser.add_argument(
        "--disclosed", type=Path, metavar="FILE", help="records that were disclosed later, a file of `stillhunt disclose`"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON on stdout and nothing else")


def add_disclose(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `disclose`."""
    parser.add_argument("dossier", type=Path, metavar="DOSSIER", help="folder of the dossier that the receiver has")
    parser.add_argument(
        "--evidence", type=Path, metavar="DIR", required=True, help="folder that was --evidence of the hunt, with its records"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="file for the disclosure")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument(
        "--sample", type=int, metavar="N", default=0, help="this many of the campaign's calls, drawn by a word of the receiver's"
    )
    chosen.add_argument("--calls", type=Path, metavar="FILE", help="calls of the log, by ids in this file, one a line")
    chosen.add_argument(
        "--traits",
        nargs="+",
        metavar="KIND[:TAG]",
        help="what accounts of the campaign have: every value of a kind (as `device`), or the shared value with this tag in section"
        " 7 of the dossier",
    )
    parser.add_argument("--word", metavar="WORD", default="", help="with `--sample`: the word, best a long one (default: none)")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="with `--calls` and `--traits`: deployment key (default: this user's)"
    )


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `keys`."""
    parser.add_argument("action", choices=("new", "rotate", "revoke", "list"), metavar="ACTION", help="what to do")
    parser.add_argument("--ring", type=Path, metavar="FILE", required=True, help="the public file, usually keys.json")
    parser.add_argument("--seal-key", type=Path, metavar="FILE", help="the key in force; with `new`, the file to make")
    parser.add_argument("--next", type=Path, metavar="FILE", help="with `rotate`: the file to make for the key that follows")
    parser.add_argument("--keyid", metavar="HEX", help="with `revoke`: the key to revoke, by the first digits of its id")
    parser.add_argument("--reason", metavar="TEXT", default="", help="with `revoke`: why, in public words")
    parser.add_argument("--no-passphrase", action="store_true", help="with `new` and `rotate`: leave the file unencrypted")


SEALING: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "disclose": (DISCLOSE_USAGE, DISCLOSE_DESCRIPTION, add_disclose),
    "verify": (VERIFY_USAGE, VERIFY_DESCRIPTION, add_verify),
    "keys": (KEYS_USAGE, KEYS_DESCRIPTION, add_keys),
}
"""Commands that seal, show and verify → how they are called, what they do, what adds their arguments."""
