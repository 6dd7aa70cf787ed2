"""
Rewrite docs/reference/cli.md from the command line's own parser, and settings.md from the settings.

Usage: `python tools/write_reference.py`. The pages depend neither on the Python version nor on the machine:
they are written from the rows themselves, not from `--help`, whose layout changes between versions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
HEAD = """# The command line

This page is written by `tools/write_reference.py` from the parser itself; `make docs` rewrites it.

Progress goes to stderr, results to files and a short table of them to stdout; with `--json`, stdout holds JSON alone.
Exit status: 0 the run finished, with or without campaigns; 1 a dossier does not verify; 2 the input or the options are wrong;
3 the data do not meet what a claim assumes.
"""

SETTINGS_HEAD = """# Settings

This page is written by `tools/write_reference.py` from `stillhunt/config.py`; `make docs` rewrites it.

Settings are options of [the command line](cli.md) or arguments of `stillhunt.hunt`; there is no settings
file. Every setting that a result depends on is printed in the report.

| setting | default | meaning | from | to |
|---|---|---|---|---|
"""
OF_THE_MACHINE = {"threads": "one for each core"}


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the subcommands by name, in the order in which they were added; those of a subcommand after it."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found[name] = command
                found.update({f"{name} {inner}": one for inner, one in commands(command).items()})
    return found


def options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments and options of one command, without `--help` and without hidden ones."""
    hidden = (argparse._HelpAction, argparse._SubParsersAction)
    return [a for a in parser._actions if not isinstance(a, hidden) and a.help != argparse.SUPPRESS]


def spelling(action: argparse.Action) -> str:
    """Return how an argument is written on the command line, `--level X` or `LOG…`."""
    shown = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"{shown}…" if action.nargs in ("+", "*") else shown
    flag = ", ".join(action.option_strings)
    return flag if action.nargs == 0 else f"{flag} {shown}"


def meaning(action: argparse.Action) -> str:
    """Return the help of an argument with its default, where it has one worth telling."""
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    untold = action.default in (None, False, argparse.SUPPRESS) or isinstance(action.default, list | tuple)
    told = "default" in text.lower() or action.nargs == 0 or not action.option_strings
    choices = f" (one of {', '.join(f'`{c}`' for c in action.choices)})" if action.choices else ""
    default = "" if untold or told else f" (default `{action.default}`)"
    return (text + choices + default).replace("|", "\\|").replace("\n", " ")


def section(title: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the Markdown of one command."""
    yield f"\n## `{title}`\n"
    if parser.description:
        yield parser.description.strip() + "\n"
    rows = options(parser)
    if rows:
        yield "| | |\n|---|---|"
        yield from (f"| `{spelling(action)}` | {meaning(action)} |" for action in rows)


def page(parser: argparse.ArgumentParser) -> str:
    """Return the whole page for a parser."""
    lines = [HEAD.rstrip("\n"), *section(parser.prog, parser)]
    for name, command in commands(parser).items():
        lines += section(f"{parser.prog} {name}", command)
    return "\n".join(lines) + "\n"


def settings_page(config: type[Any]) -> str:
    """Return the page of settings for a dataclass whose fields carry `help`, `low` and `high`."""
    rows = []
    for setting in fields(config):
        default = OF_THE_MACHINE.get(
            setting.name, "none" if setting.default is None else f"`{setting.default}`"
        )
        low, high = (
            "" if bound is None else f"{bound:.10g}" for bound in map(setting.metadata.get, ("low", "high"))
        )
        meaning = str(setting.metadata["help"]).replace("|", "\\|")
        rows.append(f"| `{setting.name}` | {default} | {meaning} | {low} | {high} |\n")
    return SETTINGS_HEAD + "".join(rows)


def main() -> int:
    """Write both pages."""
    from stillhunt.cli import build_parser
    from stillhunt.config import Config

    (REFERENCE / "settings.md").write_text(settings_page(Config), encoding="utf-8")
    (REFERENCE / "cli.md").write_text(page(build_parser()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
