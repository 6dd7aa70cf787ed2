"""
The command line: the only place that prints and that turns an error into an exit status.

Results go to stdout, everything else to stderr. Exit status: 0 the run finished, 2 the input or the options are wrong,
3 the data do not meet what a claim assumes, 130 interrupted.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from stillhunt import __version__
from stillhunt.config import Config
from stillhunt.deployment_key import read_key
from stillhunt.errors import ConfigError, StillhuntError, StoreError
from stillhunt.terminal import beside_truth, found, lost, say, shown, table

RESULTS = ("campaigns.json", "accounts.parquet", "report.html")
WORLD_FORMATS = {"parquet": "exchanges.parquet", "ndjson": "exchanges.ndjson", "csv": "exchanges.csv"}
WORLD_FORMATS["litellm"] = "exchanges.litellm.jsonl"
FLAGS = {"memory_mb": "--memory"}
"""Options that are not spelled like their setting."""
DEMO_KEY = b"the public key of the demonstration"
"""Known to everybody, so that the demonstration gives the same bytes everywhere; never used on a real log."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; no exception leaves, whatever happens."""
    try:
        arguments = build_parser().parse_args(argv)
        return int(arguments.run(arguments))
    except SystemExit as leaving:  # argparse: --help, --version, or a wrong option
        return leaving.code if isinstance(leaving.code, int) else 2
    except KeyboardInterrupt:
        say("stillhunt: interrupted.")
        return 130
    except StillhuntError as error:
        say(f"stillhunt: {_printable(str(error))}")
        return error.exit_code
    except Exception as error:
        say(_unexpected(error))
        return 2


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="stillhunt",
        description="Find adversarial-distillation campaigns in the logs of a model API, with an error rate for each.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"stillhunt {__version__}", help="show the version and leave"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_demo, _add_hunt, _add_simulate, _add_backtest):
        add(commands)
    return parser


def _command(commands: Any, name: str, run: Any, usage: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=description.split(". ")[0].rstrip("."),
        description=description,
        usage=f"stillhunt {name} {usage}",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _add_demo(commands: Any) -> None:
    parser = _command(
        commands,
        "demo",
        demo,
        "[--out DIR] [--world NAME] [--seed N] [--no-open] [--json]",
        "Make a labelled world, hunt it, compare the result with the labels, and open the report. The world is"
        " synthetic and its key public: the same version, world and seed give the same bytes.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("stillhunt-demo"),
        help="folder for everything (default: %(default)s)",
    )
    parser.add_argument("--world", metavar="NAME", default="demo", help="which world (default: %(default)s)")
    parser.add_argument("--seed", type=_whole, metavar="N", default=0, help="seed of the world (default: %(default)s)")
    parser.add_argument("--no-open", action="store_true", help="do not open the report in a browser")
    _add_output(parser)


def _add_hunt(commands: Any) -> None:
    parser = _command(
        commands,
        "hunt",
        hunt,
        "LOGS… --out DIR [--accounts FILE] [--events FILE] [options]",
        "Hunt for campaigns in logs and write campaigns.json, accounts.parquet and report.html. Nothing leaves this"
        " machine, and no text of the log is written anywhere.",
    )
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for results; made if missing")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    parser.add_argument("--events", type=Path, metavar="FILE", help="the events table (Parquet, NDJSON or CSV)")
    parser.add_argument("--format", metavar="NAME", help="format of the logs (default: recognised file by file)")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="deployment key, hex digits (default: this user's, made once)"
    )
    _add_output(parser)
    _add_settings(parser)


def _add_simulate(commands: Any) -> None:
    parser = _command(
        commands,
        "simulate",
        simulate,
        "--out DIR [--world NAME] [--seed N] [--scale X] [--formats NAMES] | --list",
        "Write a synthetic world with its truth: honest customers, their look-alikes, and campaigns.",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the world; made if missing")
    parser.add_argument("--world", metavar="NAME", default="demo", help="which world (default: %(default)s)")
    parser.add_argument("--seed", type=_whole, metavar="N", default=0, help="seed of the world (default: %(default)s)")
    parser.add_argument(
        "--scale", type=_number, metavar="X", default=1.0, help="size, multiple of the usual one (default: %(default)s)"
    )
    parser.add_argument(
        "--formats",
        type=_formats,
        metavar="NAMES",
        default="parquet",
        help=f"formats of the exchanges, with commas between: {', '.join(WORLD_FORMATS)} (default: parquet)",
    )
    parser.add_argument("--list", action="store_true", help="show the worlds there are and leave")


def _add_backtest(commands: Any) -> None:
    parser = _command(
        commands,
        "backtest",
        backtest,
        "RUN_DIR --truth FILE [--truth-exchanges FILE] [--json]",
        "Compare a finished run with the truth: campaigns found, honest accounts accused, cohort by cohort.",
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder that was --out of the run")
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        required=True,
        help="Parquet with account_id, cohort and campaign_id (null for honest accounts), one row for each account",
    )
    parser.add_argument(
        "--truth-exchanges",
        type=Path,
        metavar="FILE",
        help="Parquet with exchange_id and campaign_id of each harvested call",
    )
    parser.add_argument("--json", action="store_true", help="print the score as JSON on stdout and nothing else")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print campaigns.json on stdout and nothing else")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add one option for each setting, with the setting's own help and default."""
    settings = parser.add_argument_group("settings")
    for setting in fields(Config):
        high = setting.metadata["high"]
        kind: Any = {"int": _whole, "float": _share if high is not None and high <= 1 else _number}.get(
            str(setting.type), Path
        )
        text = str(setting.metadata["help"])
        settings.add_argument(
            FLAGS.get(setting.name, "--" + setting.name.replace("_", "-")),
            dest=setting.name,
            type=kind,
            metavar={_whole: "N", _number: "X", _share: "SHARE"}.get(kind, "DIR"),
            # The number of cores differs between machines, and this text must not.
            default=None if setting.name == "threads" else setting.default,
            help=text.replace("%", "%%") + _default(setting.name, setting.default),
        )


def _default(name: str, value: object) -> str:
    if name == "threads":
        return " (default: one for each core)"
    return "" if value is None else " (default: %(default)s)"


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up; write one like 20000")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; write one like 2.5") from None


def _share(text: str) -> float:
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share; write one like 0.01 or 1%") from None


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in WORLD_FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(WORLD_FORMATS)}")
    return names


def demo(arguments: argparse.Namespace) -> int:
    """Make a labelled world, write it, hunt its files, and compare the result with the labels."""
    from stillhunt import pipeline, report, worlds
    from stillhunt.backtest import score_hunt

    out: Path = arguments.out
    _prepare(out, RESULTS, mark="campaigns.json")
    if not arguments.quiet:
        say("Making a world …")
    world = worlds.make(arguments.world, arguments.seed)
    worlds.write(world, out / "world")
    files = {name: str(out / "world" / f"{name}.parquet") for name in ("exchanges", "accounts", "events")}
    with shown(quiet=arguments.quiet) as progress:
        result = pipeline.hunt(**files, key=DEMO_KEY, progress=progress)
    places = report.write(result, out)
    if arguments.json:
        _out(report.campaigns_json(result))
        return 0
    score = score_hunt(result, world.truth, world.truth_exchanges)
    _out("\n".join([*found(result, score), "", *beside_truth(score), "", f"Report: {places['report.html']}\n"]))
    if not arguments.no_open and _somebody_looks():
        import webbrowser

        webbrowser.open(places["report.html"].resolve().as_uri())
    return 0


def hunt(arguments: argparse.Namespace) -> int:
    """Hunt in the logs and write the three files."""
    names = [f.name for f in fields(Config)]
    settings = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    Config.of(**settings)
    inputs = [*arguments.logs, *(str(p) for p in (arguments.accounts, arguments.events) if p is not None)]
    _prepare(arguments.out, RESULTS, mark="campaigns.json", inputs=inputs)
    from stillhunt import pipeline, report

    key = None if arguments.key_file is None else read_key(arguments.key_file, make=False)
    with shown(quiet=arguments.quiet) as progress:
        result = pipeline.hunt(
            arguments.logs,
            accounts=arguments.accounts,
            events=arguments.events,
            format=arguments.format,
            key=key,
            progress=progress,
            **settings,
        )
    places = report.write(result, arguments.out)
    if arguments.json:
        _out(report.campaigns_json(result))
    else:
        _out("\n".join([*found(result), "", *lost(result), f"Report: {places['report.html']}\n"]))
    return 0


def simulate(arguments: argparse.Namespace) -> int:
    """Write a world, or list those there are."""
    from stillhunt import worlds

    if arguments.list:
        _out("".join(f"{line}\n" for line in table(("world", "what it holds"), list(worlds.NAMES.items()))))
        return 0
    if arguments.out is None:
        raise ConfigError("No folder was given for the world.\nName one with `--out`, or see `--list`.")
    out: Path = arguments.out
    formats = _formats(arguments.formats) if isinstance(arguments.formats, str) else arguments.formats
    _prepare(out, (*WORLD_FORMATS.values(), "accounts.parquet"), mark="truth.parquet")
    world = worlds.make(arguments.world, arguments.seed, arguments.scale)
    worlds.write(world, out)
    if "parquet" not in formats:
        (out / WORLD_FORMATS["parquet"]).unlink()
    writers = {"ndjson": worlds.write_ndjson, "csv": worlds.write_csv, "litellm": worlds.write_litellm}
    for name, write in writers.items():
        if name in formats:
            write(world, out / WORLD_FORMATS[name])
    _out(
        f"{world.exchanges.num_rows:,} exchanges by {world.accounts.num_rows:,} accounts are in {out}."
        " Hunt them with\n\n"
        f"  stillhunt hunt {out / WORLD_FORMATS[formats[0]]} --accounts {out / 'accounts.parquet'}"
        f" --events {out / 'events.parquet'} --out {out / 'hunt'}\n"
        f"  stillhunt backtest {out / 'hunt'} --truth {out / 'truth.parquet'}\n"
    )
    return 0


def backtest(arguments: argparse.Namespace) -> int:
    """Compare the files of a run with the truth."""
    from stillhunt.backtest import score_files

    score = score_files(arguments.run_dir, arguments.truth, arguments.truth_exchanges)
    if arguments.json:
        _out(json.dumps(score.document(), indent=2) + "\n")
        return 0
    rows = [
        (c.campaign_id, c.cohort, f"{c.accounts:,}", f"{c.accused:,}", "found" if c.found else "missed")
        for c in score.campaigns
    ]
    lines = table(("campaign", "kind", "accounts", "accused", "result"), rows, right=(2, 3))
    _out("\n".join([*lines, "", *beside_truth(score), ""]))
    return 0


def _prepare(out: Path, names: Sequence[str], *, mark: str, inputs: Sequence[str] = ()) -> None:
    """
    Make the folder for results and see that it can be written, before the work and not after it.

    Files called `names` are overwritten only beside a file `mark`, which says that they are from an earlier run, and
    never when they are read by this one. Raises `ConfigError` and `StoreError`.
    """
    for name in names:
        place = out / name
        if place.exists() and (not (out / mark).exists() or place.resolve() in _files(inputs)):
            raise ConfigError(
                f"{place}: this file would be overwritten, and it is not a result of an earlier run.\n"
                "Give another folder with `--out`, or move the file away."
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            return
    except OSError as error:
        raise StoreError(
            f"{out}: this folder cannot be made or written: {error.strerror}.\nGive another with `--out`."
        ) from error


def _files(inputs: Sequence[str]) -> set[Path]:
    """Return the files that are read, as far as arguments name them: each argument, and what its pattern matches."""
    return {Path(match).resolve() for given in inputs for match in (given, *glob.glob(given, recursive=True))}


def _somebody_looks() -> bool:
    """Whether a browser window would be seen by a person."""
    if os.environ.get("CI") or not sys.stdout.isatty():
        return False
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in screens)


def _out(text: str | bytes) -> None:
    """Write to stdout as UTF-8, the same bytes on every machine; a reader who has gone away is not an error."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more when it leaves, which would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """Return text in which control characters that came from a log or a file name are spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _unexpected(error: Exception) -> str:
    """Return what is said of an error that nobody foresaw: where it was, and what to do; no text of the log."""
    if os.environ.get("STILLHUNT_DEBUG"):
        return "".join(traceback.format_exception(error)).rstrip("\n")
    frames = traceback.extract_tb(error.__traceback__)
    ours = next((f for f in reversed(frames) if "stillhunt" in Path(f.filename).parts), frames[-1])
    return (
        f"stillhunt: {type(error).__name__} in {Path(ours.filename).name}:{ours.lineno} ({ours.name}), version"
        f" {__version__}. This is a fault of Stillhunt, not of your log. Please report this line."
        " To see more, run again with STILLHUNT_DEBUG=1; what it prints may quote your log, so read it before you send"
        " it."
    )
