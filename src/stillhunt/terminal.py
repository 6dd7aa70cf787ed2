"""
What a person at a terminal is shown: how far a run is, on stderr, and results as tables and sentences.

Progress is bars where a person is looking and one line for each stage where nobody is. It never touches stdout, which
belongs to results; only `cli` writes there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stillhunt import __version__

if TYPE_CHECKING:
    from stillhunt.backtest import Score
    from stillhunt.committing import Commitment
    from stillhunt.controls import Power
    from stillhunt.doctor import Check, Checkup
    from stillhunt.model import Audit, Hunt, LeftOut
    from stillhunt.verify import Verdict

WIDTH = 110
"""Sentences are broken at this many columns."""

STAGES = {
    "digest": "Reading the log",
    "accounts": "Reading accounts and events",
    "traits": "Collecting what accounts have in common",
    "commit": "Committing to the records of each day",
    "links": "Linking accounts",
    "judge": "Judging linked sets",
    "audit": "Judging sets known to be honest",
    "watch": "Judging watched sets on later days",
    "power": "Hunting planted campaigns",
}
"""What the pipeline calls its stages → what a reader is told."""

Progress = Callable[[str, float], None]


@contextlib.contextmanager
def shown(*, quiet: bool) -> Iterator[Progress]:
    """Give a function that shows a stage and the share of it that is done (0 to 1), until the block ends."""
    if quiet:
        yield _nothing
    elif sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield _lines()


def say(text: str) -> None:
    """Write one message to stderr; a reader who has gone away is not an error."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _nothing(stage: str, share: float) -> None:
    """Show nothing."""


def _lines() -> Progress:
    seen: set[str] = set()

    def show(stage: str, share: float) -> None:
        if stage not in seen:
            seen.add(stage)
            say(f"{STAGES.get(stage, stage)} …")

    return show


@contextlib.contextmanager
def _bars() -> Iterator[Progress]:
    # Rich takes a tenth of a second to import, which a run without a terminal need not pay.
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, share: float) -> None:
            if stage not in tasks:
                for earlier in tasks.values():
                    bars.update(earlier, completed=1.0)
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=1.0)
            bars.update(tasks[stage], completed=share)

        yield show


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return rows as lines with aligned columns; those numbered in `right` are aligned on the right."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    aligned = [f"{'>' if i in right else '<'}{width}" for i, width in enumerate(widths)]
    lines = ["  ".join(map(format, row, aligned)) for row in cells]
    lines.insert(1, "  ".join("─" * w for w in widths))
    return [line.rstrip() for line in lines]


def _wrapped(sentences: Sequence[str]) -> list[str]:
    """Break each sentence at `WIDTH`, never between a number and its `%`."""
    kept = (sentence.replace(" %", "\N{NO-BREAK SPACE}%") for sentence in sentences)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for sentence in kept for line in textwrap.wrap(sentence, WIDTH)]


def found(hunt: Hunt, score: Score | None = None) -> list[str]:
    """Return what a hunt found as lines: the whole in sentences, then a row for each campaign, beside the truth."""
    from stillhunt.report import summary_sentences

    sentences = summary_sentences(hunt)
    whole = sentences[: len(sentences) - len(hunt.campaigns)]
    lines = _wrapped(whole)
    return [*lines, "", *_campaigns(hunt, score)] if hunt.campaigns else lines


def _campaigns(hunt: Hunt, score: Score | None) -> list[str]:
    from stillhunt.report.numbers import effective, figure, short_span

    header = ["campaign", "accounts", "exchanges", "when", "mostly", "p", "q", "poses as"]
    truth = {} if score is None else _truth(score)
    rows = []
    for c in hunt.campaigns:
        row = [c.id, f"{len(c.members):,}", f"{c.profile.n_exchanges:,}"]
        row += [short_span(c.profile.first_seen, c.profile.last_seen), _mostly(c.profile.capabilities)]
        row += [figure(c.p_value), figure(c.q_value), effective(c.declared_customers)]
        rows.append([*row, *truth.get(c.id, ())])
    return table([*header, "truth", "found"] if truth else header, rows, right=(1, 2, 5, 6, 7, 9))


def _mostly(capabilities: Mapping[str, float]) -> str:
    """Return the capability with the largest share, of those that could be told."""
    from stillhunt.report.numbers import share
    from stillhunt.report.sentences import UNTOLD

    told = [(part, label) for label, part in capabilities.items() if label not in UNTOLD]
    return f"{max(told)[1]} {share(max(told)[0])}" if told else "–"


def _truth(score: Score) -> dict[str, tuple[str, str]]:
    """Return for each reported campaign what it really is, and how much of the true campaign was found."""
    true = {c.campaign_id: c for c in score.campaigns}
    out = {}
    for r in score.reported:
        its = true[r.campaign_id] if r.campaign_id is not None and not r.false else None
        out[r.id] = (r.cohort, "HONEST" if its is None else f"{its.accused:,} of {its.accounts:,}")
    return out


def lost(hunt: Hunt) -> list[str]:
    """Return what was left out of a hunt and what could not run, as lines; none when nothing was lost."""
    lines = [_left_out(item) for item in hunt.left_out if item.defect]
    if hunt.unavailable:
        missing = "; ".join(u.what for u in hunt.unavailable)
        lines.append(f"Not used, for want of columns: {missing}. The report says what that costs.")
    return [part for line in lines for part in (*_wrapped([line]), "")]


def _left_out(item: LeftOut) -> str:
    where = f" (such as {item.examples[0]})" if item.examples else ""
    return f"Left out: {item.count:,} {item.what}{'' if item.count == 1 else 's'}: {item.reason}{where}."


def audited(audit: Audit) -> list[str]:
    """Return an audit as lines: the bound or that there is none, rejected controls, then thresholds."""
    from stillhunt.report.calibration import full_break_sentence
    from stillhunt.report.numbers import effective, figure, odds

    rejected = [c for c in audit.controls if c.rejected]
    lines = _wrapped([audit.statement])
    if rejected:
        rows = [
            (c.label, f"{c.accounts:,}", odds(c.linkage_log10), figure(c.p_value), effective(c.declared_customers), c.reason)
            for c in rejected
        ]
        header = ("rejected", "accounts", "key 1", "key 2, p", "key 3, n", "how")
        lines += ["", *table(header, rows, right=(1, 2, 3, 4))]
    not_counted = [c for c in audit.controls if not c.linked and not c.rejected]
    if not_counted:
        lines += ["", *_wrapped([f"Not counted, because key 1 does not link them here: {len(not_counted):,} controls."])]
    for item in audit.left_out:
        lines += _wrapped([f"Left out: {item.count:,} {item.what}{'' if item.count == 1 else 's'}: {item.reason}."])
    said = [f"{t.name}: {t.statement}" for t in audit.thresholds]
    if audit.full_break is not None:
        said.append(full_break_sentence(audit))
    return [*lines, "", *(line for one in said for line in _item(one))]


def planted(power: Power) -> list[str]:
    """Return a power study as lines: the headline, then the smallest size found of each kind."""
    from stillhunt.report.power import headline

    rows = [
        (s.sharing, f"{s.calls:,}", s.scheduler, "none" if s.size is None else f"{s.size:,}") for s in power.smallest
    ]
    header = ("shared", "calls each", "who keeps time", f"smallest found, {power.wanted:.0%} power")
    whole = f"{headline(power)} ({power.rounds:,} rounds, {sum(c.planted for c in power.cells):,} planted)."
    lines = [*_wrapped([whole]), "", *table(header, rows, right=(1, 3))]
    if power.too_large:
        sizes = ", ".join(f"{s:,}" for s in power.too_large)
        lines += ["", *_wrapped([f"Not planted, more than one in twenty of this log's owners: campaigns of {sizes}."])]
    return lines


def fixed(found: Commitment) -> list[str]:
    """Return what a run fixed as lines: each day, the days that were passed over, the head to note elsewhere."""
    lines = [_left_out(item) for item in found.left_out if item.defect]
    rows = [(d.exchanges.day, f"{d.exchanges.size:,}", f"{d.traits.size:,}", f"{d.exchanges.root.hex()[:16]}…") for d in found.days]
    if rows:
        lines += [*table(("day fixed", "exchanges", "traits", "root"), rows, right=(1, 2)), ""]
    reasons = dict.fromkeys(reason for _, reason in found.passed)
    for reason in reasons:
        days = [day for day, why in found.passed if why == reason]
        lines.append(f"Passed over: {days[0] if len(days) == 1 else f'{len(days):,} days from {days[0]} to {days[-1]}'}: {reason}.")
    if not rows:
        return [*lines, "No day was fixed: there is nothing new."]
    note = "Note it where this machine cannot write: it shows later what was fixed by now."
    return [*lines, f"Head of the journal: {found.head}", note]


def verified(verdict: Verdict) -> list[str]:
    """Return a verdict on a dossier in lines: each check, each number, and the sum of it."""
    width = max(len(check.name) for check in verdict.checks)
    rows = [
        (*(("", "") if i else (check.name, check.status)), line)
        for check in verdict.checks
        for i, line in enumerate(textwrap.wrap(check.found, WIDTH - width, break_on_hyphens=False) or [""])
    ]
    lines = [*table(("check", "result", "what was found"), rows), ""]
    numbers = [(n.id, n.status, _short(n.says), n.label or n.needs) for n in verdict.numbers]
    if numbers:
        lines += [*table(("number", "result", "says", "what it is"), numbers), ""]
    for number in verdict.numbers:
        if number.status == "not reproduced":
            gives = "nothing" if number.needs else _short(number.found)
            lines.append(f"{number.id} says {_short(number.says)}; the bundle gives {gives}.")
    failed = [check.name for check in verdict.checks if check.status == "fails"]
    lines.append("Everything that was checked holds." if verdict.holds else f"This dossier does not hold: {', '.join(failed)}.")
    return lines


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:21] + "…"


def beside_truth(score: Score) -> list[str]:
    """Return a score as lines: campaigns, then accounts, then look-alikes, then calls."""
    from stillhunt.report.numbers import counted, share

    lines = [
        f"Found {score.n_found:,} of {counted(len(score.campaigns), 'true campaign')};"
        f" of {counted(len(score.reported), 'reported campaign')}, {score.n_false:,} consist mostly of honest accounts."
    ]
    if score.account_precision is not None:
        lines.append(
            f"Of {counted(score.accused, 'accused account')}, {share(score.account_precision)} belong to a campaign"
            + (f"; that is {share(score.account_recall)} of all that do." if score.account_recall is not None else ".")
        )
    if score.honest_per_100k is not None:
        lines.append(
            f"Honest accounts accused: {score.honest_accused:,} of {score.honest:,}"
            f" ({score.honest_per_100k:.0f} in 100,000)."
        )
        lines.append(_lookalikes(score))
    if score.calls is not None and score.calls.cited:
        lines.append(
            f"Calls named as evidence: {score.calls.cited:,}, of which"
            f" {share(score.calls.cited_harvested / score.calls.cited)} were harvested by that campaign."
        )
    return _wrapped(lines)


def _lookalikes(score: Score) -> str:
    from stillhunt.backtest import INDEPENDENT

    kinds = [c for c in score.cohorts if not c.campaign and c.cohort != INDEPENDENT]
    total, hit = sum(c.accounts for c in kinds), [c for c in kinds if c.accused]
    if not hit:
        return f"Look-alikes accused: none of {total:,} accounts in {len(kinds)} kinds of honest groups."
    which = ", ".join(f"{c.cohort} {c.accused:,} of {c.accounts:,}" for c in hit)
    return f"Look-alikes accused: {sum(c.accused for c in hit):,} of {total:,} accounts ({which})."


def examined(checkup: Checkup) -> list[str]:
    """Return what logs can show as lines: what was read, what was lost, how full columns are, what can run."""
    files = [
        (f.name, f.format or "unknown", f"{f.lines:,}", f"{f.exchanges:,}", f.why) for f in checkup.files[:MOST_FILES]
    ]
    lines = [*table(("file", "read as", "lines", "exchanges", "why"), files, right=(2, 3))]
    if len(checkup.files) > MOST_FILES:
        lines.append(f"and {len(checkup.files) - MOST_FILES:,} more files")
    lines += ["", *_wrapped(_whose(checkup)), ""]
    if checkup.left_out:
        rows = [
            (f"{i.count:,}", i.what, "yes" if i.defect else "no", i.reason, ", ".join(i.examples[:2]))
            for i in checkup.left_out
        ]
        lines += [*table(("left out", "what", "broken", "why", "such as"), rows, right=(0,)), ""]
    if not checkup.exchanges:
        hint = "Name the format with `--format`, or let `--suggest-map` propose a mapping of your columns to ours."
        return [*lines, *_wrapped([hint])]
    for name in ("exchanges", "accounts"):
        columns = [c for c in checkup.coverage if c.table == name and c.rows]
        filled = [(c.column, f"{c.present / c.rows:.1%}", f"{c.present:,}") for c in columns if c.present]
        empty = [c.column for c in columns if not c.present]
        if filled:
            lines += [*table((f"column of {name}", "filled", "rows"), filled, right=(1, 2))]
            lines += [*_wrapped([f"Empty: {', '.join(empty)}."] if empty else []), ""]
    if checkup.exposures:
        clear = [(f"{e.count:,}", e.kind, f"{e.table}.{e.column}", e.advice) for e in checkup.exposures]
        lines += [*table(("in the clear", "what", "where", "what to do"), clear, right=(0,)), ""]
    return [*lines, *_can_run(checkup.checks)]


MOST_FILES = 20
"""Files listed one by one; of more, the rest is counted."""


def _whose(checkup: Checkup) -> list[str]:
    """Return how much was read, from when to when, and what stands for an account."""
    if checkup.first_seen is None or checkup.last_seen is None:
        return [f"{checkup.exchanges:,} exchanges in {checkup.lines:,} lines: there is nothing to hunt in."]
    whole = (
        f"{checkup.exchanges:,} exchanges by {checkup.accounts:,} accounts, from {checkup.first_seen:%Y-%m-%d %H:%M}"
        f" to {checkup.last_seen:%Y-%m-%d %H:%M} UTC."
    )
    kinds = "; ".join(f"{kind} in {count:,}" for kind, count in checkup.identity)
    sentences = [whole, f"What stands for the account: {kinds}."]
    if [kind for kind, _ in checkup.identity] != ["account"]:
        sentences.append(
            "Links mean what the account means: keys of one customer are linked because they are one customer's, and"
            " people behind one key are not told apart."
        )
    return sentences


def _can_run(checks: Sequence[Check]) -> list[str]:
    """Return a row for each key and test, what follows from those that cannot run, and what would supply them."""
    wants = [f"wants {(' and ' if c.every else ' or ').join(c.wants)}" for c in checks]
    rows = [
        (c.key, c.test, "yes" if c.runs else "no", ", ".join(c.has) if c.runs else wanted)
        for c, wanted in zip(checks, wants, strict=True)
    ]
    lines = [*table(("key", "test", "runs", "on"), rows), ""]
    lost = [c for c in checks if not c.runs]
    costs = {c.consequence: [o.test for o in lost if o.consequence == c.consequence] for c in lost if c.consequence}
    lines += _wrapped([f"Without {', '.join(tests)}: {cost}." for cost, tests in costs.items()])
    supplied: dict[tuple[str, str], dict[str, None]] = {}
    for setting in (setting for c in lost for setting in c.settings):
        supplied.setdefault((setting.format, setting.what), {}).setdefault(setting.column)
    if supplied:
        formats = {format for format, _ in supplied if format}
        said = [
            f"{', '.join(columns)}{f' ({format})' if format and len(formats) > 1 else ''}: {what}"
            for (format, what), columns in supplied.items()
        ]
        lines += ["", "What would supply what is missing:", "", *(line for one in said for line in _item(one))]
    return lines


def _item(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, WIDTH, initial_indent="- ", subsequent_indent="  ")


def printable(text: str) -> str:
    """Return text in which control characters that came from a log or a file name are spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def unexpected(error: Exception) -> str:
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
