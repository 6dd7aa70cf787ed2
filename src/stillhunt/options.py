"""The parser of all commands: what may be written on the command line, and what it says of itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from stillhunt import __version__, store_options
from stillhunt.config import Config
from stillhunt.sealing_options import COMMIT_DESCRIPTION, COMMIT_USAGE, SEALING, add_commit, add_signing
from stillhunt.trace import options as trace_options

Run = Callable[[argparse.Namespace], int]
"""A command: takes its arguments and returns the exit status."""

WORLD_FORMATS = {"parquet": "exchanges.parquet", "ndjson": "exchanges.ndjson", "csv": "exchanges.csv"}
WORLD_FORMATS["litellm"] = "exchanges.litellm.jsonl"
FLAGS = {"memory_mb": "--memory"}
"""Options that are not spelled like their setting."""


def parser_of(runs: Mapping[str, Run]) -> argparse.ArgumentParser:
    """Return the parser of all commands; `runs` says by name what each of them does."""
    parser = argparse.ArgumentParser(
        prog="stillhunt",
        description="Find adversarial-distillation campaigns in the logs of a model API, with an error rate for each.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"stillhunt {__version__}", help="show the version and leave"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, add in ADD.items():
        add(commands, runs[name])
    return parser


def _command(commands: Any, name: str, run: Run, usage: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name.rpartition(" ")[2],
        help=description.split(". ")[0].rstrip("."),
        description=description,
        usage=f"stillhunt {name} {usage}",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _add_demo(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "demo",
        run,
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


def _add_hunt(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "hunt",
        run,
        "LOGS… --out DIR [--accounts FILE] [--events FILE] [options]",
        "Hunt for campaigns in logs and write campaigns.json, accounts.parquet and report.html. Nothing leaves this"
        " machine, and no text of the log is written anywhere.",
    )
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for results; made if missing")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    parser.add_argument("--events", type=Path, metavar="FILE", help="the events table (Parquet, NDJSON or CSV)")
    _add_format(parser)
    _add_key(parser)
    parser.add_argument("--controls", type=Path, metavar="FILE", help=CONTROLS + " (default: none, and no such bound)")
    _add_engine(parser)
    store_options.add_store(parser)
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="DIR",
        help="commit to the log's records, day by day, in a journal in this folder before anything is judged, and leave a"
        " replay bundle of each campaign beside the results (default: neither)",
    )
    add_signing(parser, "sign the journal with this key")
    _add_output(parser)
    _add_settings(parser)


CONTROLS = "sets known to be honest (Parquet, NDJSON or CSV with `set`, and `account_id` or `org_id`): the bound from them"
CONTROLS += " goes into the claim"


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="deployment key, hex digits (default: this user's, made once)"
    )


def _add_audit(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "audit",
        run,
        "LOGS… --controls FILE --out DIR [--accounts FILE] [--events FILE] [options]",
        "Put the whole rule to sets that you know to be honest, and say which bound may be claimed. Writes audit.json and"
        " calibration.html. A set that is rejected is printed; no setting is changed because of it.",
    )
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument(
        "--controls",
        type=Path,
        metavar="FILE",
        required=True,
        help="sets known to be honest: Parquet, NDJSON or CSV with `set` (a label) and `account_id` or `org_id`",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for results; made if missing")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    parser.add_argument("--events", type=Path, metavar="FILE", help="the events table (Parquet, NDJSON or CSV)")
    _add_format(parser)
    _add_key(parser)
    _add_engine(parser)
    parser.add_argument(
        "--shuffles",
        type=_whole,
        metavar="N",
        default=3,
        help="how often to hunt the log with every trait dealt out anew inside each country (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print audit.json on stdout and nothing else")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    _add_settings(parser)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("duckdb", "spark"),
        default="duckdb",
        help="what runs the queries: duckdb in this process, or spark, here or on a cluster (default: %(default)s)",
    )
    parser.add_argument(
        "--master", metavar="URL", help="master of the Spark cluster, like spark://host:7077, yarn or local[4]"
    )
    parser.add_argument(
        "--spark-conf",
        type=_named,
        action="append",
        metavar="NAME=VALUE",
        help="a setting of Spark, like spark.executor.memory=8g; may be given often",
    )


def _add_power(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "power",
        run,
        "LOGS… --out DIR [--accounts FILE] [--events FILE] [options]",
        "Say how small a campaign your own log would show. Plants campaigns of many sizes into a copy of the digested log, hunts"
        " it, and writes power.json and power.html. Nothing is planted in the log itself.",
    )
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for results; made if missing")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    parser.add_argument("--events", type=Path, metavar="FILE", help="the events table (Parquet, NDJSON or CSV)")
    _add_format(parser)
    _add_key(parser)
    parser.add_argument(
        "--sizes", type=_wholes, metavar="N,N,…", default="10,20,40,80", help="accounts of a campaign (default: %(default)s)"
    )
    parser.add_argument(
        "--calls", type=_wholes, metavar="N,N,…", default="10,30", help="calls of each account (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=_whole, metavar="N", default=24, help="hunts of a copy, at most (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes",
        type=_number,
        metavar="X",
        help="begin no further round after this time; how many there were is in the table (default: all rounds)",
    )
    parser.add_argument("--json", action="store_true", help="print power.json on stdout and nothing else")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    _add_settings(parser)


def _add_doctor(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "doctor",
        run,
        "LOGS… [--accounts FILE] [--format NAME | --map FILE] [--json] | LOGS… --suggest-map",
        "Say what logs can show, before a long hunt. Formats, losses, coverage, whose identity, personal data in the clear,"
        " which tests can run, and for what is missing the setting of your gateway that supplies it. Counts and names only.",
    )
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="log files, folders or globs")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="the accounts table (Parquet, NDJSON or CSV)")
    _add_format(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON on stdout and nothing else")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument(
        "--suggest-map",
        action="store_true",
        help="print a mapping.toml for the first file of LOGS, from a sample of it, and leave",
    )


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", metavar="NAME", help="format of the logs (default: recognised file by file)")
    parser.add_argument(
        "--map", type=Path, metavar="FILE", help="mapping.toml that says which column of the logs is which of ours"
    )


def _add_collect(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "collect",
        run,
        "--otlp ADDRESS --out DIR [--every SECONDS]",
        "Receive OpenTelemetry traces and logs over HTTP and write the model calls in them as Parquet, a folder for each"
        " day. What is acknowledged is on disk. Runs until it is told to stop (Ctrl-C or SIGTERM).",
    )
    parser.add_argument(
        "--otlp",
        metavar="ADDRESS",
        required=True,
        help="HOST:PORT to listen on, as 127.0.0.1:4318; without a host, this machine alone",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", required=True, help="folder for the Parquet; made if missing"
    )
    parser.add_argument(
        "--every",
        type=_number,
        metavar="SECONDS",
        default=300.0,
        help="write Parquet at least this often (default: %(default)s)",
    )


def _add_report(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "report",
        run,
        "CAMPAIGN --hunt DIR --out DIR [--case FILE] [--pdf] [--seal-key FILE] [options]",
        "Write the dossier of one campaign of a finished hunt. A page for counsel, regulators and the accused, the same as"
        " JSON, and a letter of one page. Needs neither the log nor the key, and holds no text, no address and no account id.",
    )
    parser.add_argument("campaign", metavar="CAMPAIGN", help="id of the campaign, as campaigns.json names it")
    parser.add_argument(
        "--hunt", type=Path, metavar="DIR", required=True, help="folder that was --out of the hunt"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the dossier; made if missing")
    parser.add_argument(
        "--case", type=Path, metavar="FILE", help="case.toml: terms, notices, hypotheses and what else no log knows"
    )
    parser.add_argument("--pdf", action="store_true", help="print PDFs too, with a Chromium found on this machine")
    add_signing(parser, "seal the dossier with this key")
    parser.add_argument(
        "--ring", type=Path, metavar="FILE", help="the public history of keys, written by `stillhunt keys` (default: this key)"
    )
    parser.add_argument(
        "--timestamp", metavar="URL", help="have the seal timestamped by the authority (RFC 3161) at this address"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _add_simulate(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "simulate",
        run,
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
        type=world_formats,
        metavar="NAMES",
        default="parquet",
        help=f"formats of the exchanges, with commas between: {', '.join(WORLD_FORMATS)} (default: parquet)",
    )
    parser.add_argument("--list", action="store_true", help="show the worlds there are and leave")


def _add_backtest(commands: Any, run: Run) -> None:
    parser = _command(
        commands,
        "backtest",
        run,
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


def _add_trace(commands: Any, run: Run) -> None:
    description = "Find out whether a model was trained on what this provider served. Needs the extra `[trace]`."
    parser = _command(commands, "trace", run, "COMMAND …", description)
    inner = parser.add_subparsers(metavar="COMMAND", required=True, dest="traced")
    for name, row in trace_options.ROWS.items():
        row.add(_command(inner, f"trace {name}", run, row.usage, row.description))


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


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.startswith("spark.") or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no setting of Spark; write one like spark.executor.memory=8g")
    return name, value


def _wholes(text: str) -> tuple[int, ...]:
    found = tuple(sorted({_whole(part.strip()) for part in text.split(",")}))
    if not 5 <= found[0] <= found[-1] <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r}: each number must lie between 5 and 100,000")
    return found


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


def world_formats(text: str) -> tuple[str, ...]:
    """Return the formats named with commas between; argparse makes an error of one that no world is written in."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in WORLD_FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(WORLD_FORMATS)}")
    return names


def _add_sealing(name: str) -> Callable[[Any, Run], None]:
    """Return what adds the arguments of a command that seals, shows or verifies."""
    usage, description, add = SEALING[name]
    return lambda commands, run: add(_command(commands, name, run, usage, description))


def _add_commit(commands: Any, run: Run) -> None:
    parser = _command(commands, "commit", run, COMMIT_USAGE, COMMIT_DESCRIPTION)
    add_commit(parser)
    for add in (store_options.add_store, _add_format, _add_key, _add_settings):
        add(parser)


ADD: dict[str, Callable[[Any, Run], None]] = {
    "demo": _add_demo,
    "doctor": _add_doctor,
    "commit": _add_commit,
    "hunt": _add_hunt,
    "audit": _add_audit,
    "power": _add_power,
    "report": _add_report,
    **{name: _add_sealing(name) for name in SEALING},
    "store": lambda c, run: store_options.add_store_command(_command(c, "store", run, *store_options.STORE)),
    "watch": lambda c, run: store_options.add_watch(_command(c, "watch", run, *store_options.WATCH)),
    "collect": _add_collect,
    "simulate": _add_simulate,
    "backtest": _add_backtest,
    "trace": _add_trace,
}
"""Commands in the order in which they are shown → what adds their arguments."""
