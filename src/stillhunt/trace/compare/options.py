"""The options of `stillhunt trace compare` and `trace ask`; imports nothing that needs an extra."""

from __future__ import annotations

import argparse
from pathlib import Path

from stillhunt.trace.audit.options import add_budget, add_suspect

COMPARE_USAGE = "--teacher FILE --suspect FILE [--base FILE] [--control FILE …] --out DIR [options]"
COMPARE_DESCRIPTION = (
    "Compare models that were put to the same items: what the suspect gained over its base model where the teacher is ahead, and"
    " which refusals of the teacher it has lost. Files are rows of outcomes or logs of Inspect. Exact paired tests and intervals,"
    " per capability and hazard class. Writes compare.html, compare.json, exhibits.json and students.toml."
)
ASK_USAGE = "--prompts FILE --out FILE (--suspect PATH | --suspect-url URL --suspect-model NAME) [options]"
ASK_DESCRIPTION = (
    "Put harmful and benign questions to a model and write down which it refused, for `trace compare`. Questions are rows with"
    " `item`, `kind`, `group` and `prompt`. The answers themselves are read by rules and not written, unless `--keep-answers` says"
    " so."
)


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compare`."""
    add = parser.add_argument
    add("--teacher", type=Path, metavar="FILE", required=True, help="outcomes of our own model")
    add("--suspect", type=Path, metavar="FILE", required=True, help="outcomes of the model under test")
    add("--base", type=Path, metavar="FILE", help="outcomes of the suspect's base model; without it no gain is tested")
    add(
        "--control",
        type=Path,
        metavar="FILE",
        action="append",
        help="outcomes of a model that nobody suspects to be the teacher; may be given more than once",
    )
    add(
        "--focus",
        metavar="NAME",
        action="append",
        help="a capability to test (default: all); others are shown beside it",
    )
    add("--campaigns", type=Path, metavar="FILE", help="campaigns.json of a hunt, to take the capabilities from")
    add("--campaign", metavar="ID", help="the campaign in it whose capabilities are tested")
    add("--level", type=float, metavar="X", default=0.95, help="level of the intervals (default: %(default)s)")
    add("--out", type=Path, metavar="DIR", required=True, help="folder for results; made if missing")
    add("--json", action="store_true", help="print compare.json on stdout and nothing else")


def add_ask(parser: argparse.ArgumentParser) -> None:
    """Add the options of `ask`."""
    add = parser.add_argument
    add("--prompts", type=Path, metavar="FILE", required=True, help="questions, one JSON object a line")
    add("--out", type=Path, metavar="FILE", required=True, help="rows of outcomes to write")
    add("--keep-answers", action="store_true", help="write the answers too, for a judge or for people to label")
    add("--max-tokens", type=int, metavar="N", default=96, help="length of an answer (default: %(default)s)")
    add("--seed", type=int, metavar="N", default=0, help="seed of the answers (default: %(default)s)")
    add("--quiet", action="store_true", help="show no progress")
    add_suspect(parser)
    add_budget(parser)
