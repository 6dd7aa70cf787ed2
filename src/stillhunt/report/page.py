"""A hunt as one page that can be read offline, printed, and shown to someone who has to decide."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from stillhunt.model import Ablation, AccountId, Campaign, Coverage, Evidence, Hunt, LeftOut, LinkedSet
from stillhunt.report import numbers, words
from stillhunt.report.histogram import histogram
from stillhunt.report.node_link import node_link, resting_on
from stillhunt.report.sentences import campaign_sentence, found, nothing_found, summary_sentences
from stillhunt.report.svg import element, percent
from stillhunt.report.timeline import sparkline, timeline

DETAILED_AT_MOST = 100
MEMBERS_AT_MOST = 50
POINTERS_AT_MOST = 24
SETS_AT_MOST = 40
ROWS_AT_MOST = 100
LICENSED = "licensed"
MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
PERCENT = re.compile(r"(\d) ?%")
UNIT = re.compile(r"(?<=\d) (?=[mb]illion\b)")
POWERS = re.compile(r"\b10\^(-?\d+(?:\.\d+)?)")
SCIENTIFIC = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([-+]?\d+)\b")
BACK_TICKS = re.compile(r"`([^`]+)`")


def html(hunt: Hunt) -> str:
    """
    One self-contained page: style, drawings and a little script inside, nothing fetched, nothing sent.

    Every value of the hunt is escaped; a content security policy forbids what the page does not carry
    itself. The page reads the same without its script.
    """
    licensed = [s for s in hunt.linked if s.list_name == LICENSED]
    return render(
        "page.html.j2",
        hunt=hunt,
        summary=summary(hunt),
        detailed=hunt.campaigns[:DETAILED_AT_MOST],
        lists=set_lists(hunt.linked),
        licensed=set_list(LICENSED, licensed) if licensed else None,
        left_out=sorted(hunt.left_out, key=_by_weight),
        coverage=column_coverage(hunt.coverage),
    )


def render(template: str, **values: object) -> str:
    """A page of the house's style: a template with its values, and the style, script and policy that every page has."""
    style, script = source("style.css"), source("script.js")
    return (
        environment()
        .get_template(template)
        .render(style=Markup(style), script=Markup(script), policy=policy(style, script), most=_MOST, **values)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SetList:
    """Linked sets under one heading; `more` of them are only in `campaigns.json`."""

    title: str
    meaning: str
    sets: Sequence[LinkedSet]
    total: int
    accounts: int
    more: int


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEvidence:
    """The evidence of one key, under its name and what it shows."""

    name: str
    shows: str
    evidence: Sequence[Evidence]


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnCoverage:
    """The columns that are full and those that are empty, by table, and the columns between."""

    full: Mapping[str, Sequence[str]]
    empty: Mapping[str, Sequence[str]]
    partial: Sequence[Coverage]


def summary(hunt: Hunt) -> list[str]:
    """The sentences that open the page; those of single campaigns stand with their campaigns."""
    if not hunt.n_exchanges:
        return summary_sentences(hunt)
    return found(hunt) if hunt.campaigns else nothing_found(hunt)


def set_lists(linked: Sequence[LinkedSet]) -> list[SetList]:
    """Linked sets that are not licensed, list by list, the known lists in their order."""
    names = dict.fromkeys([*words.LISTS, *sorted({s.list_name for s in linked})])
    grouped = {name: [s for s in linked if s.list_name == name] for name in names if name != LICENSED}
    return [set_list(name, sets) for name, sets in grouped.items() if sets]


def set_list(name: str, sets: Sequence[LinkedSet]) -> SetList:
    """One list, its largest sets first, cut where a reader would stop."""
    title, meaning = words.LISTS.get(name, (words.plain(name).capitalize(), ""))
    ranked = sorted(sets, key=lambda s: (-len(s.account_ids), s.id))
    return SetList(
        title=title,
        meaning=meaning,
        sets=ranked[:SETS_AT_MOST],
        total=len(sets),
        accounts=sum(len(s.account_ids) for s in sets),
        more=max(len(sets) - SETS_AT_MOST, 0),
    )


def keys_of(campaign: Campaign) -> list[KeyEvidence]:
    """A campaign's evidence key by key; the three keys are always there, even with nothing to show."""
    kinds = dict.fromkeys([*words.KEYS, *(e.kind for e in campaign.evidence)])
    found_by_kind = {kind: [e for e in campaign.evidence if e.kind == kind] for kind in kinds}
    return [
        KeyEvidence(name=name, shows=shows, evidence=evidence)
        for kind, evidence in found_by_kind.items()
        for name, shows in [words.KEYS.get(kind, (words.plain(kind).capitalize(), ""))]
        if evidence or kind != "indicator"
    ]


def no_longer_accused(campaign: Campaign, ablation: Ablation) -> list[AccountId]:
    """The accounts of a campaign that would not be accused without what an ablation leaves aside."""
    stays = frozenset(ablation.accounts)
    return [account for account in campaign.accounts if account not in stays]


def still_accused(campaign: Campaign, ablation: Ablation) -> str:
    """How many accounts of a campaign would still be accused, in words."""
    left, of = len(ablation.accounts), len(campaign.members)
    if left in (0, of):
        return f"all {numbers.count(of)} accounts" if left else f"none of {numbers.counted(of, 'account')}"
    return f"{numbers.count(left)} of {numbers.counted(of, 'account')}"


def column_coverage(coverage: Sequence[Coverage]) -> ColumnCoverage:
    """Tell the columns that are full, those that are empty, and those between."""
    full: dict[str, list[str]] = {}
    empty: dict[str, list[str]] = {}
    partial: list[Coverage] = []
    for row in coverage:
        if not row.present:
            empty.setdefault(row.table, []).append(row.column)
        elif row.present >= row.rows:
            full.setdefault(row.table, []).append(row.column)
        else:
            partial.append(row)
    return ColumnCoverage(full=full, empty=empty, partial=partial)


def share_bar(part: float, class_: str = "own") -> Markup:
    """A share as a bar; the number stands beside it, so the bar itself is not read aloud."""
    bar = element("rect", x="0", y=3, width=percent(min(max(part, 0.0), 1.0)), height=8, class_=class_)
    track = element("rect", x="0", y=3, width="100%", height=8, class_="track")
    return element("svg", track, bar, class_="bar", width="100%", height=14, aria_hidden="true")


def ranked(parts: Mapping[str, float]) -> list[tuple[str, float]]:
    """The largest part first; equal parts by name."""
    return sorted(parts.items(), key=lambda item: (-item[1], item[0]))


def keep_together(text: str) -> Markup:
    """Prose as markup: a number stays with its unit, powers of ten are raised, back ticks make code."""
    bound = PERCENT.sub(f"\\1{NO_BREAK}%", UNIT.sub(NO_BREAK, str(escape(text))))
    raised = POWERS.sub(lambda found: power(found[1]), bound)
    raised = SCIENTIFIC.sub(lambda found: f"{found[1]}{NO_BREAK}×{NO_BREAK}{power(found[2])}", raised)
    return Markup(BACK_TICKS.sub(r"<code>\1</code>", raised))


def power(exponent: str) -> str:
    """A power of ten with its exponent raised."""
    return f"10<sup>{exponent.lstrip('+').replace('-', MINUS)}</sup>"


def anchor(campaign_id: str) -> str:
    """A place on the page for a campaign, whatever its id is made of."""
    return "c-" + hashlib.sha256(campaign_id.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def policy(style: str, script: str) -> str:
    """A content security policy that allows this style and this script and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _by_weight(row: LeftOut) -> tuple[bool, int, str]:
    return (not row.defect, -row.count, row.reason)


_MOST = {
    "detailed": DETAILED_AT_MOST,
    "members": MEMBERS_AT_MOST,
    "pointers": POINTERS_AT_MOST,
    "rows": ROWS_AT_MOST,
}


def source(name: str) -> str:
    """Return a file that stands with the templates, as it is."""
    loader = environment().loader
    if loader is None:
        raise LookupError(name)
    return loader.get_source(environment(), name)[0]


@cache
def environment() -> Environment:
    """Return what renders every page of the report: templates, and how numbers, days and names are written."""
    made = Environment(
        loader=PackageLoader("stillhunt.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        count=numbers.count,
        share=lambda x: keep_together(numbers.share(x)),
        figure=numbers.figure,
        odds=numbers.odds,
        effective=numbers.effective,
        confidence=lambda x: keep_together(numbers.confidence(x)),
        day=numbers.day,
        period=lambda profile: numbers.short_span(profile.first_seen, profile.last_seen),
        minute=numbers.minute,
        iso=numbers.iso,
        listed=numbers.listed,
        plain=words.plain,
        printable=words.printable,
        prose=lambda text: keep_together(words.printable(text)),
        ranked=ranked,
        anchor=anchor,
    )
    made.globals.update(
        counted=numbers.counted,
        span=numbers.span,
        timeline=timeline,
        sparkline=sparkline,
        node_link=node_link,
        resting_on=resting_on,
        histogram=histogram,
        share_bar=share_bar,
        keys_of=keys_of,
        campaign_sentence=campaign_sentence,
        still_accused=still_accused,
        no_longer_accused=no_longer_accused,
        ladder=words.LADDER,
        glossary=words.GLOSSARY,
    )
    return made
