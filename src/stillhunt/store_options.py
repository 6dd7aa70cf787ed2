"""The options of a store of digests: where it is, how long it keeps what, what to do with it."""

from __future__ import annotations

import argparse
from pathlib import Path

STORE = (
    "show|check|forget [ACCOUNT…] --store DIR [--key-file FILE] [--json]",
    "Look at a store of digests, check it, or remove accounts from it. `show` lists days and what became of each campaign;"
    " `forget` takes accounts out of every file and keeps them out; `check` compares every file with its record and looks for"
    " what was removed, and for the accounts that are named. Exit status 1 when something does not hold.",
)
"""Usage and description of `store`."""

WATCH = (
    "LOGS… --store DIR [--accounts FILE] [--events FILE] [options]",
    "Add logs to a store, and judge the sets that earlier hunts left to be watched. They are frozen as they were found, and"
    " judged on later days alone, so the evidence may be read as often as you like and watching stopped at any time."
    " Nobody is accused: a set that is shown is a reason to hunt.",
)
"""Usage and description of `watch`."""

LONGEST_DAYS = 36_500


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the options of a hunt with a store."""
    parser.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="keep digests in this folder, read only what it does not hold, and hunt in all of it; made if missing"
        " (default: everything is read anew)",
    )
    parser.add_argument(
        "--keep",
        type=days,
        metavar="DAYS",
        help="drop what is older from the store, like 90d, counted back from its newest day (default: drop nothing)",
    )


def add_store_command(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `store`."""
    parser.add_argument("action", choices=("show", "check", "forget"), metavar="ACTION", help="what to do")
    parser.add_argument(
        "accounts", nargs="*", metavar="ACCOUNT", help="ids of accounts: to remove, or to look for with `check`"
    )
    parser.add_argument("--store", type=Path, metavar="DIR", required=True, help="folder of the store")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="deployment key of the store (default: this user's)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON on stdout and nothing else")


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `watch`."""
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument("--store", type=Path, metavar="DIR", required=True, help="folder of the store that hunts use")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    parser.add_argument("--events", type=Path, metavar="FILE", help="the events table (Parquet, NDJSON or CSV)")
    parser.add_argument("--format", metavar="NAME", help="format of the logs (default: recognised file by file)")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="deployment key of the store (default: this user's)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one for each core)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout and nothing else")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(action="watch")


def days(text: str) -> int:
    """Return the number of days that `90d` means; argparse makes an error of anything else."""
    number = text.removesuffix("d")
    if not text.endswith("d") or not number.isdecimal() or not 1 <= int(number) <= LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days; write one like 90d")
    return int(number)
