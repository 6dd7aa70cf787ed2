"""The options of `stillhunt trace …`: one row for each of its commands. Imports nothing that needs the extra `[trace]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stillhunt.trace.audit.options import DESCRIPTION, USAGE, add_audit
from stillhunt.trace.compare.options import (
    ASK_DESCRIPTION,
    ASK_USAGE,
    COMPARE_DESCRIPTION,
    COMPARE_USAGE,
    add_ask,
    add_compare,
)


class Row(NamedTuple):
    """
    One command: its usage, what it says of itself, what adds its options, and the `"module:function"` that runs it.

    The function gets the arguments, `say` for stderr and `out` for stdout, and returns the exit status.
    """

    usage: str
    description: str
    add: Callable[[argparse.ArgumentParser], None]
    run: str


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        action="append",
        required=True,
        help="a marking plan (TOML); may be given more than once, for one campaign each",
    )
    parser.add_argument("--upstream", metavar="URL", required=True, help="the OpenAI-compatible server behind this one")
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8080", help="where to listen")
    parser.add_argument(
        "--account",
        metavar="RULE",
        default="bearer",
        help="where the account of a call stands: header:NAME, field:NAME of the body, or bearer, which is the first 16 hex"
        " digits of the SHA-256 of the API key",
    )
    parser.add_argument(
        "--ledger", type=Path, metavar="DIR", default=Path("trace-ledger"), help="folder of the ledger; made if missing"
    )
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        default=Path("trace-texts/texts.sqlite"),
        help="the encrypted texts behind the ledger; keep them on another disk than the ledger",
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        default=Path("trace-key"),
        help="the master key of tracing, hex digits; made if missing, and needed for every later audit",
    )
    parser.add_argument(
        "--seal-key",
        type=Path,
        metavar="FILE",
        help="Ed25519 key that signs each finished day of the ledger (PEM; passphrase in STILLHUNT_SEAL_PASSPHRASE)",
    )


ROWS: dict[str, Row] = {
    "serve": Row(
        "--plan FILE --upstream URL [--listen HOST:PORT] [options]",
        "Run a gateway that keeps a ledger for the accounts of a plan. Everything else goes through untouched. For a"
        " sampled share of their calls k answers are drawn, and a keyed coin picks the one that is served; this is what makes"
        " an exact test possible later. A plan that is not approved, or has expired, does nothing. Runs until it is told to"
        " stop (Ctrl-C or SIGTERM).",
        _serve,
        "stillhunt.trace.serve.run:command",
    ),
    "audit": Row(USAGE, DESCRIPTION, add_audit, "stillhunt.trace.audit.command:command"),
    "compare": Row(COMPARE_USAGE, COMPARE_DESCRIPTION, add_compare, "stillhunt.trace.compare.command:compare"),
    "ask": Row(ASK_USAGE, ASK_DESCRIPTION, add_ask, "stillhunt.trace.compare.command:ask"),
}
"""The commands in the order in which they are shown."""
