"""
The command line: the only place that prints and that turns an error into an exit status.

Results go to stdout, everything else to stderr. Exit status: 0 the run finished, 1 a dossier does not verify, 2 the input
or the options are wrong, 3 the data do not meet what a claim assumes, 130 interrupted.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.config import Config
from stillhunt.deployment_key import read_key
from stillhunt.errors import ConfigError, StillhuntError, StoreError
from stillhunt.model import Hunt
from stillhunt.options import WORLD_FORMATS, parser_of, world_formats
from stillhunt.terminal import beside_truth, found, lost, printable, say, shown, table, unexpected

RESULTS = ("campaigns.json", "accounts.parquet", "report.html")
AUDIT_RESULTS = ("audit.json", "calibration.html")
HISTORY = "history.json"
POWER_RESULTS = ("power.json", "power.html")
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
        say(f"stillhunt: {printable(str(error))}")
        return error.exit_code
    except Exception as error:
        say(unexpected(error))
        return 2


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    runs = {
        "demo": demo, "doctor": examine, "commit": commit, "hunt": hunt, "audit": audit, "power": plant, "report": dossier,
        "disclose": reveal, "verify": verify, "keys": keys, "store": stored, "watch": stored, "collect": receive,
        "simulate": simulate, "backtest": backtest,
    }  # fmt: skip
    return parser_of({**runs, "trace": trace})


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
    files = [str(out / "world" / f"{name}.parquet") for name in ("exchanges", "accounts", "events")]
    with shown(quiet=arguments.quiet) as progress:
        result = pipeline.hunt(*files, key=DEMO_KEY, progress=progress)
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
    results: tuple[str, ...] = RESULTS if arguments.controls is None else (*RESULTS, "calibration.html")
    results += () if arguments.store is None else (HISTORY,)
    result = _hunted(arguments, results, mark="campaigns.json")
    from stillhunt import report, storing

    places = report.write(result, arguments.out)
    since = storing.followed(arguments.store, result, arguments.out)
    if arguments.json:
        _out(report.campaigns_json(result))
    else:
        _out("\n".join([*found(result), "", *since, *lost(result), f"Report: {places['report.html']}\n"]))
    return 0


def commit(arguments: argparse.Namespace) -> int:
    """Fix whole days of a log in the journal, without a hunt."""
    from stillhunt.sealing import committed
    from stillhunt.terminal import fixed

    settings, now = _settings(arguments), datetime.now(UTC)
    with shown(quiet=arguments.quiet or arguments.json) as progress:
        done = committed(arguments, format=_format(arguments), settings=settings, now=now, progress=progress)
    _out(json.dumps(done.document(), indent=2) + "\n" if arguments.json else "\n".join([*fixed(done), ""]))
    return 0


def audit(arguments: argparse.Namespace) -> int:
    """Put the rule to sets known to be honest and write what it says of them."""
    from stillhunt.terminal import audited

    result = _hunted(arguments, AUDIT_RESULTS, mark="audit.json", shuffles=arguments.shuffles)
    from stillhunt import report

    assert result.audit is not None
    places = report.write_audit(result.audit, arguments.out)
    if arguments.json:
        _out(report.audit_json(result.audit))
    else:
        _out("\n".join([*audited(result.audit), "", f"Calibration: {places['calibration.html']}\n"]))
    return 0


def plant(arguments: argparse.Namespace) -> int:
    """Plant campaigns into a copy of the logs and write which are found."""
    from stillhunt.terminal import planted

    settings = _settings(arguments)
    tables = (arguments.accounts, arguments.events, arguments.map)
    inputs = [*arguments.logs, *(str(p) for p in tables if p is not None)]
    _prepare(arguments.out, POWER_RESULTS, mark="power.json", inputs=inputs)
    from stillhunt import report
    from stillhunt.power import power

    until = None if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    with shown(quiet=arguments.quiet) as progress:
        found = power(
            arguments.logs,
            arguments.accounts,
            arguments.events,
            format=_format(arguments),
            key=None if arguments.key_file is None else read_key(arguments.key_file, make=False),
            sizes=arguments.sizes,
            calls=arguments.calls,
            rounds=max(1, arguments.rounds),
            enough=lambda: until is not None and time.monotonic() > until,
            progress=progress,
            config=Config.of(**settings),
        )
    places = report.write_power(found, arguments.out)
    if arguments.json:
        _out(report.power_json(found))
    else:
        _out("\n".join([*planted(found), "", f"Picture: {places['power.html']}\n"]))
    return 0


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {f.name: getattr(arguments, f.name) for f in fields(Config) if getattr(arguments, f.name) is not None}


def _hunted(arguments: argparse.Namespace, results: Sequence[str], *, mark: str, shuffles: int = 0) -> Hunt:
    """Hunt as the options say, when the folder for results can be written."""
    settings = _settings(arguments)
    Config.of(**settings)
    tables = (arguments.accounts, arguments.events, arguments.map, arguments.controls)
    inputs = [*arguments.logs, *(str(p) for p in tables if p is not None)]
    _prepare(arguments.out, results, mark=mark, inputs=inputs)
    from stillhunt import pipeline
    from stillhunt.sealing import evidence_of

    evidence = evidence_of(arguments)
    key = None if arguments.key_file is None else read_key(arguments.key_file, make=False)
    with shown(quiet=arguments.quiet) as progress:
        return pipeline.hunt(
            arguments.logs,
            accounts=arguments.accounts,
            events=arguments.events,
            format=_format(arguments),
            key=key,
            engine=arguments.engine,
            master=arguments.master,
            spark_conf=dict(arguments.spark_conf or ()),
            controls=arguments.controls,
            shuffles=shuffles,
            evidence=evidence,
            store=getattr(arguments, "store", None),
            keep_days=getattr(arguments, "keep", None),
            progress=progress,
            **settings,
        )


def dossier(arguments: argparse.Namespace) -> int:
    """Write the dossier of one campaign, with its evidence where the hunt kept any, and seal it where a key is named."""
    from stillhunt import dossiers
    from stillhunt.seal.dossier import has_evidence, integrity
    from stillhunt.sealing import seal, signer_of
    from stillhunt.verify import evidence_of

    inputs = [str(arguments.hunt / "campaigns.json"), *([str(arguments.case)] if arguments.case else [])]
    _prepare(arguments.out, dossiers.RESULTS, mark="dossier.json", inputs=inputs)
    signer = signer_of(arguments)
    kept = has_evidence(arguments.hunt, arguments.campaign)
    with shown(quiet=arguments.quiet) as progress:
        progress("report", 0.0)
        places = dossiers.write(
            arguments.campaign,
            hunt=arguments.hunt,
            out=arguments.out,
            case=arguments.case,
            pdf=arguments.pdf,
            recomputed=evidence_of(arguments.hunt, arguments.campaign) if kept else None,
            integrity=integrity(arguments.hunt, arguments.campaign) if kept else None,
        )
        places |= seal(arguments, signer, now=datetime.now(UTC))
        progress("report", 1.0)
    _out("".join(f"{name}: {place}\n" for name, place in sorted(places.items())))
    return 0


def reveal(arguments: argparse.Namespace) -> int:
    """Show some records of a log to somebody, with the proof that they were fixed beforehand."""
    from stillhunt.sealing import disclosed

    _out(f"{disclosed(arguments):,} records: {arguments.out}\n")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Check a dossier's seal and recompute its numbers; 1 when something does not hold."""
    from stillhunt.seal.keys import read_public
    from stillhunt.terminal import verified
    from stillhunt.verify import Trust
    from stillhunt.verify import verify as check

    trust = Trust(key=arguments.key and read_public(arguments.key), head=arguments.head, tsa_roots=arguments.tsa_root)
    verdict = check(arguments.dossier, trust, arguments.disclosed)
    _out(json.dumps(verdict.document(), indent=2) + "\n" if arguments.json else "\n".join([*verified(verdict), ""]))
    return 0 if verdict.holds else 1


def keys(arguments: argparse.Namespace) -> int:
    """Make, follow, revoke or list signing keys."""
    from stillhunt.sealing import listed, manage

    rows = listed(manage(arguments, now=datetime.now(UTC)))
    _out("".join(f"{line}\n" for line in table(("key", "since", "until", "standing"), rows)))
    return 0


def stored(arguments: argparse.Namespace) -> int:
    """Look at a store, check it, watch its sets, or remove accounts from it; 1 when something does not hold."""
    from stillhunt import storing

    text, holds = storing.act(arguments)
    _out(text)
    return int(not holds)


def examine(arguments: argparse.Namespace) -> int:
    """Say what logs can show, or propose a mapping for them."""
    from stillhunt import doctor
    from stillhunt.terminal import examined

    format = _format(arguments)
    if arguments.suggest_map:
        proposal = doctor.suggested(arguments.logs)
        _out(proposal.text)
        if proposal.missing:
            missing = ", ".join(f"`{name}`" for name in proposal.missing)
            say(f"stillhunt: nothing looks like {missing}: fill that in before you use the mapping.")
        return 0
    with shown(quiet=arguments.quiet or arguments.json) as progress:
        checkup = doctor.examine(arguments.logs, arguments.accounts, format=format, progress=progress)
    _out(json.dumps(checkup.document(), indent=2) + "\n" if arguments.json else "\n".join([*examined(checkup), ""]))
    return 0


def _format(arguments: argparse.Namespace) -> str | None:
    """Return the format that was named, by its name or by a mapping; None to have it recognised."""
    if arguments.map is None:
        return str(arguments.format) if arguments.format is not None else None
    if arguments.format is not None:
        raise ConfigError("`--map` and `--format` both say how the logs are read.\nGive one of them.")
    return f"map:{arguments.map}"


def receive(arguments: argparse.Namespace) -> int:
    """Receive OpenTelemetry until told to stop, and write what came."""
    import signal
    import socket

    from stillhunt.collect.otlp_receiver import serve

    if not 0.1 <= arguments.every <= 86_400:
        raise ConfigError("`--every` is no time in seconds between 0.1 and 86400.\nThe default is 300.")
    told, tell = socket.socketpair()
    tell.setblocking(False)
    # A system may deliver a signal to any thread: only the byte written there wakes this one for certain.
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    left = serve(arguments.otlp, arguments.out, every_s=arguments.every, say=say, until=lambda: told.recv(1))
    if left:
        raise StoreError(
            f"{arguments.out}: {left:,} bytes that were received could not be made into Parquet and are kept in the"
            " folder `_journal`.\nMake room, and start again: they are taken up then."
        )
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
    formats = world_formats(arguments.formats) if isinstance(arguments.formats, str) else arguments.formats
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


def trace(arguments: argparse.Namespace) -> int:
    """Run one of the commands of tracing, which need an extra."""
    from importlib import import_module

    from stillhunt.trace.options import ROWS

    module, _, name = ROWS[arguments.traced].run.partition(":")
    try:
        run = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Tracing needs the package `{error.name}`, which is not installed.\nInstall the extra: pip install 'stillhunt[trace]'"
        ) from error
    return int(run(arguments, say, _out))


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
