"""The options of what seals and verifies: who signs, what is verified, which keys there are."""

from __future__ import annotations

import argparse
from pathlib import Path

VERIFY_USAGE = "DOSSIER [--key FILE] [--tsa-root FILE] [--json]"
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


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument("dossier", type=Path, metavar="DOSSIER", help="folder that `stillhunt report` wrote")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="the signer's public key (PEM), from a source other than the dossier"
    )
    parser.add_argument(
        "--tsa-root", type=Path, metavar="FILE", help="root certificates (PEM) of timestamping authorities you trust"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON on stdout and nothing else")


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `keys`."""
    parser.add_argument("action", choices=("new", "rotate", "revoke", "list"), metavar="ACTION", help="what to do")
    parser.add_argument("--ring", type=Path, metavar="FILE", required=True, help="the public file, usually keys.json")
    parser.add_argument("--seal-key", type=Path, metavar="FILE", help="the key in force; with `new`, the file to make")
    parser.add_argument("--next", type=Path, metavar="FILE", help="with `rotate`: the file to make for the key that follows")
    parser.add_argument("--keyid", metavar="HEX", help="with `revoke`: the key to revoke, by the first digits of its id")
    parser.add_argument("--reason", metavar="TEXT", default="", help="with `revoke`: why, in public words")
    parser.add_argument("--no-passphrase", action="store_true", help="with `new` and `rotate`: leave the file unencrypted")
