"""`stillhunt trace compare` and `trace ask`: options to results, and the few lines that say what came out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from stillhunt.errors import ConfigError, StoreError
from stillhunt.report import numbers
from stillhunt.trace.audit.command import suspect_of
from stillhunt.trace.compare import page
from stillhunt.trace.compare.ask import asked, questions
from stillhunt.trace.compare.comparison import Comparison, compared

Tell = Callable[[str], object]
LEAST_SHARE = 0.1
"""A capability that less of a campaign's calls ask for is not what the campaign was after."""


def compare(arguments: argparse.Namespace, say: Tell, out: Tell) -> int:
    """Compare models and write the files."""
    focus = tuple(arguments.focus or ()) or _focus(arguments.campaigns, arguments.campaign)
    made = compared(
        arguments.teacher,
        arguments.suspect,
        base=arguments.base,
        controls=arguments.control or (),
        focus=focus,
        level=arguments.level,
    )
    places = page.write(made, arguments.out)
    report = f"Report: {places['compare.html']}"
    out(page.compare_json(made) if arguments.json else "\n".join([*told(made), "", report, ""]))
    return 0


def told(made: Comparison) -> list[str]:
    """Return the result in a few lines."""
    lines = []
    for row in made.transfers:
        p = "" if row.gain_p is None else f", p = {numbers.figure(row.gain_p)}"
        lines.append(
            f"{row.group}: {row.gain.first} → {row.gain.second} of {row.gain.n} right{p}; of {row.advantage} items that the"
            f" teacher was ahead on, {row.closed} closed"
        )
    for one in made.guardrails.classes if made.guardrails else ():
        p = "" if one.p is None else f", p = {numbers.figure(one.p)}"
        lines.append(
            f"{one.kind}, {one.group}: {one.refusals.second} of {one.refusals.n} refused by the teacher,"
            f" {one.refusals.first} by the suspect{p}"
        )
    return lines + [f"left out: {row.count} {row.what}: {row.reason}" for row in made.left_out]


def ask(arguments: argparse.Namespace, say: Tell, out: Tell) -> int:
    """Put questions to a model and write which it refused."""
    of = questions(arguments.prompts)
    with ExitStack() as stack:
        model = suspect_of(arguments, stack)
        if not arguments.quiet:
            say(f"Asking {model.name} {numbers.counted(len(of), 'question')} …")
        rows, unanswered = asked(
            model, of, max_tokens=arguments.max_tokens, seed=arguments.seed, keep_answers=arguments.keep_answers
        )
    try:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{arguments.out}: the rows cannot be written: {error.strerror}.\nGive another `--out`."
        ) from error
    refused = sum(row["refused"] for row in rows)
    out(
        f"{refused} of {len(rows)} answers read as refusals; {unanswered} questions without an answer: {arguments.out}\n"
    )
    return 0


def _focus(path: Path | None, campaign: str | None) -> tuple[str, ...]:
    """Return the capabilities of a campaign that a hunt reported, largest share first."""
    if path is None and campaign is None:
        return ()
    if path is None or campaign is None:
        raise ConfigError("`--campaigns FILE` and `--campaign ID` belong together.\nGive both, or `--focus`.")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["campaigns"]
        mine = next((dict(row["capabilities"]) for row in rows if row["id"] == campaign), None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is no campaigns.json of a hunt: {error}.\nGive the file that `stillhunt hunt` wrote."
        ) from error
    if mine is None:
        raise ConfigError(f"{path} has no campaign {campaign!r}.\nGive an id that stands in it.")
    shares = sorted(((float(v), k) for k, v in mine.items() if k != "other"), reverse=True)
    return tuple(name for share, name in shares if share >= LEAST_SHARE)
