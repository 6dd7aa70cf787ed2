"""A campaign becomes a dossier: fifteen sections, the page on what is asked for, the list of numbers, and the letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from stillhunt.errors import StoreError
from stillhunt.model import Campaign, Hunt, MemberExhibit
from stillhunt.report.dossier import accounts, attribution, coordination, earlier, integrity, laws, operator, statistics
from stillhunt.report.dossier.blocks import Block, Ladder, Section, document
from stillhunt.report.dossier.case import Case
from stillhunt.report.dossier.constants import constants
from stillhunt.report.dossier.ladder import ladder
from stillhunt.report.dossier.letter import letter
from stillhunt.report.dossier.matter import Matter, PastCampaign
from stillhunt.report.dossier.numbered import Number, NumberList
from stillhunt.report.dossier.stated import case_file, stated
from stillhunt.report.numbers import utc
from stillhunt.seal.canonical import Json

SCHEMA = "stillhunt/dossier/v1"

SECTIONS: tuple[tuple[str, str, Callable[[Matter], tuple[Block, ...]]], ...] = (
    ("1", "This dossier", operator.head),
    ("2", "What is claimed, rung by rung", ladder),
    ("3", "Terms, limits, notices, licences searched for", operator.terms),
    ("4", "Counting rules", accounts.counting),
    ("5", "Accounts", accounts.accounts),
    ("6", "Statistics", statistics.statistics),
    ("7", "Coordination", coordination.coordination),
    ("8", "Content", coordination.content),
    ("9", "Model releases", attribution.timeline_section),
    ("10", "Attribution", attribution.attribution),
    ("11", "Student models", operator.students),
    ("12", "Third parties harmed", operator.third_parties),
    ("13", "Actions, appeals, reversals", operator.actions),
    ("14", "Integrity", integrity.integrity),
    ("15", "Dissent and limits", operator.limits),
    ("16", "What law and standards ask for", laws.laws),
)
"""The sections in their order; the last is the page that maps them to what others ask for."""

LAST_WRITTEN = "14"
"""It counts the numbers of the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """A dossier as it will be shown and sealed."""

    campaign: Campaign
    case: Case
    sections: tuple[Section, ...]
    letter: tuple[Block, ...]
    numbers: tuple[Number, ...]
    sealed: bool
    supplied: Mapping[str, Json]
    """What numbers follow from beside the pages: case file, acceptances, controls, earlier campaigns."""
    integrity: Mapping[str, Json] | None
    recomputed: Mapping[str, Json] | None

    def document(self) -> Json:
        """Return the dossier as it stands in `dossier.json`, schema `stillhunt/dossier/v1`."""
        exhibits = self.campaign.exhibits
        members = exhibits.members if exhibits else ()
        return {
            "schema": SCHEMA,
            "campaign": self.campaign.id,
            **self.supplied,
            "case": {
                "id": self.case.case.id,
                "version": self.case.case.version,
                "tlp": self.case.case.tlp,
                "expires": None if self.case.case.expires is None else self.case.case.expires.isoformat(),
                "supersedes": self.case.case.supersedes,
                "retracts": self.case.case.retracts,
            },
            "sections": [
                {"number": s.number, "title": s.title, "blocks": [document(b) for b in s.blocks]} for s in self.sections
            ],
            "letter": [document(b) for b in self.letter],
            "numbers": [n.document() for n in self.numbers],
            "accounts": [_account(k, m, self.recomputed or {}) for k, m in enumerate(members, 1)],
            "integrity": None if self.integrity is None else dict(self.integrity),
        }


def _account(number: int, member: MemberExhibit, recomputed: Mapping[str, Json]) -> Json:
    """Return one account; its factors as the bundle gives them where there is one, because exact ones tell of single outsiders."""
    return {
        "tag": member.tag,
        "pool": member.strand,
        "calls": member.n_exchanges,
        "first_day": utc(member.first_seen).date().isoformat(),
        "last_day": utc(member.last_seen).date().isoformat(),
        "log10_factors": {g: recomputed.get(f"account.{number}.factor.{g}", f) for g, f in member.groups.items()},
        "hangs_on": list(member.hangs_on),
    }


def _supplied(
    hunt: Hunt,
    campaign: Campaign,
    case: Case,
    past: tuple[PastCampaign, ...],
    audit: Mapping[str, Any] | None,
    acceptances: tuple[Mapping[str, date] | None, ...],
) -> dict[str, Json]:
    """Return what a dossier holds beside its pages, so that numbers which no log gives can be checked too."""
    controls = None
    if audit is not None:
        counted = [bool(one["rejected"]) for one in audit["controls"] if one["linked"] or one["rejected"]]
        controls = {
            "judged": audit["linked_sets"],
            "falsely": audit.get("falsely_reported", 0),
            "rejected": counted,
            "reported": audit["reported"],
        }
    return {
        "acceptances": [
            None if records is None else [_iso(records.get(member.account_id)) for member in campaign.members]
            for records in acceptances
        ],
        "case_file": case_file(case),
        "controls": controls,
        "earlier": [earlier.sealed(one, campaign, hunt) for one in past if one.comparable],
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _given(campaign: Campaign) -> dict[str, Json]:
    """Return what recipes of the supplied part take from the campaign, by the names under which a bundle gives it."""
    assert campaign.exhibits is not None
    days = {"first": campaign.profile.first_seen, "last": campaign.profile.last_seen}
    return {
        **{f"traffic.{which}_day": utc(moment).date().isoformat() for which, moment in days.items()},
        "owners": campaign.exhibits.figures["owners"],
        "settings.seed": campaign.claim.seed,
        "traffic.week": list(campaign.exhibits.week),
    }


def dossier(
    hunt: Hunt,
    campaign: Campaign,
    *,
    case: Case | None = None,
    past: tuple[PastCampaign, ...] = (),
    audit: Mapping[str, Any] | None = None,
    recomputed: Mapping[str, Json] | None = None,
    integrity: Mapping[str, Json] | None = None,
    acceptances: tuple[Mapping[str, date] | None, ...] = (),
) -> Dossier:
    """
    Return the dossier of a campaign.

    `recomputed` has what the replay bundle gives, by recipe; `integrity` what is known of the seal before it is signed.
    `acceptances` has, for each document of the case's terms, the day on which each account accepted it. Raises `StoreError`
    when the hunt left no exhibits of the campaign.
    """
    if campaign.exhibits is None:
        raise StoreError(
            f"The hunt left no exhibits of {campaign.id}: an earlier version wrote it.\nHunt again with this version."
        )
    given = case or Case()
    supplied = _supplied(hunt, campaign, given, past, audit, acceptances)
    own = {**constants(), **stated(supplied, _given(campaign))}
    numbers = NumberList(figures=campaign.exhibits.figures, recomputed=recomputed, own=own)
    matter = Matter(
        hunt=hunt,
        campaign=campaign,
        exhibits=campaign.exhibits,
        case=given,
        numbers=numbers,
        past=past,
        audit=audit,
        integrity=integrity,
        acceptances=acceptances,
    )
    written: dict[str, tuple[Block, ...]] = {}
    last = [s for s in SECTIONS if s[0] == LAST_WRITTEN]
    for number, _, write in [*(s for s in SECTIONS if s[0] != LAST_WRITTEN), *last]:
        numbers.section = number
        written[number] = write(matter)
    rungs = next(block.rungs for block in written["2"] if isinstance(block, Ladder))
    numbers.section = "letter"
    wording = letter(matter, rungs)
    return Dossier(
        campaign=campaign,
        case=matter.case,
        sections=tuple(Section(number=n, title=title, blocks=written[n]) for n, title, _ in SECTIONS),
        letter=wording,
        numbers=tuple(numbers.lines),
        sealed=integrity is not None,
        supplied=supplied,
        integrity=integrity,
        recomputed=recomputed,
    )
