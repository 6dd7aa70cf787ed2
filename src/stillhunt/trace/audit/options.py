"""The options of `stillhunt trace audit`; imports nothing that needs an extra."""

from __future__ import annotations

import argparse
from pathlib import Path

USAGE = "--ledger DIR --store FILE --key-file FILE --out DIR (--suspect PATH | --suspect-url URL --suspect-model NAME) [options]"
DESCRIPTION = (
    "Test whether a model learned from what a ledger says was served. The specification is committed to the ledger before"
    " anything is scored; p-values are exact or rigorous bounds; beside a negative stands what it could have missed. Writes"
    " audit.html, audit.json, exhibits.json and students.toml."
)


def add_audit(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser."""
    add = parser.add_argument
    add("--ledger", type=Path, metavar="DIR", required=True, help="folder of the ledger, as in `trace serve`")
    add("--store", type=Path, metavar="FILE", required=True, help="the encrypted texts behind the ledger")
    add("--key-file", type=Path, metavar="FILE", required=True, help="the master key of tracing")
    add("--out", type=Path, metavar="DIR", required=True, help="folder for results; made if missing")
    add_suspect(parser)
    add(
        "--reference",
        type=Path,
        metavar="PATH",
        action="append",
        help="weights to compare with: best the suspect's base model, and a rehearsal made of it; once for each",
    )
    add("--own", type=Path, metavar="PATH", help="weights of our own served model: as a suspect it must give nothing")
    add("--tokenizer", type=Path, metavar="FILE", help="tokenizer.json of our served model, for marks in sampled text")
    add("--probes", type=Path, metavar="FILE", help="texts that no key touched, one a line, for the mark")
    add("--campaign", metavar="NAME", action="append", help="a campaign to test (default: all of the ledger)")
    add(
        "--channels",
        metavar="NAMES",
        default="coin,mark,canary",
        help="channels, with commas between (default: %(default)s)",
    )
    add("--alpha", type=float, metavar="X", default=1e-5, help="level of a finding (default: %(default)s)")
    add("--level", type=float, metavar="X", default=0.05, help="level of naming accounts (default: %(default)s)")
    add("--exchanges", type=int, metavar="N", help="use at most so many coins, by a draw that looks at none")
    add("--samples", type=int, metavar="N", default=4, help="answers sampled for each question (default: %(default)s)")
    add(
        "--temperature",
        type=float,
        metavar="X",
        default=1.0,
        help="of sampled answers; cooler ones more often hold an answer that canaries can count (default: %(default)s)",
    )
    add("--max-tokens", type=int, metavar="N", default=96, help="length of a sampled answer (default: %(default)s)")
    add(
        "--indicators",
        type=int,
        metavar="N",
        default=0,
        help="compare answers to so many of our prompts, for orientation: no p-value, no verdict (default: %(default)s)",
    )
    add("--seed", type=int, metavar="N", default=0, help="seed of every draw (default: %(default)s)")
    add_budget(parser)
    add("--json", action="store_true", help="print audit.json on stdout and nothing else")
    add("--quiet", action="store_true", help="show no progress")


def add_suspect(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the model under test."""
    add = parser.add_argument
    add("--suspect", type=Path, metavar="PATH", help="weights of the suspect: a folder of transformers or a .gguf file")
    add("--suspect-url", metavar="URL", help="API of the suspect, as https://host/v1; its key in STILLHUNT_SUSPECT_KEY")
    add("--suspect-model", metavar="NAME", help="name of the model at that address")
    add(
        "--shows",
        choices=("prompt", "alternatives", "text"),
        default="text",
        help="what the API shows: log-probabilities of the prompt, alternatives of the next token, or text alone",
    )
    add("--completions", action="store_true", help="sample from /completions and not from /chat/completions")


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add the options that bound what an API is asked for."""
    add = parser.add_argument
    add("--cache", type=Path, metavar="FILE", help="answers of the API so far (default: answers.sqlite in --out)")
    add("--most-calls", type=int, metavar="N", help="stop before more calls than this, over all runs")
    add("--most-tokens", type=int, metavar="N", help="stop before more tokens than this, over all runs")
    add("--most-money", type=float, metavar="X", help="stop before a higher price than this, over all runs")
    add(
        "--price-in", type=float, metavar="X", default=0.0, help="price of a million tokens sent (default: %(default)s)"
    )
    add(
        "--price-out",
        type=float,
        metavar="X",
        default=0.0,
        help="price of a million tokens received (default: %(default)s)",
    )
    add("--per-second", type=float, metavar="X", default=2.0, help="calls in a second (default: %(default)s)")
