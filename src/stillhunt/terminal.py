"""
What a person at a terminal is shown: how far a run is, on stderr, and results as tables and sentences.

Progress is bars where a person is looking and one line for each stage where nobody is. It never touches stdout, which
belongs to results; only `cli` writes there.
"""

from __future__ import annotations

import contextlib
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillhunt.backtest import Score
    from stillhunt.model import Hunt, LeftOut

WIDTH = 110
"""Sentences are broken at this many columns."""

STAGES = {
    "digest": "Reading the log",
    "accounts": "Reading accounts and events",
    "traits": "Collecting what accounts have in common",
    "links": "Linking accounts",
    "judge": "Judging linked sets",
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
