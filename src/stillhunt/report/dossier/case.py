"""
What a log cannot know, supplied by the operator: terms, notices, searches, hypotheses, releases, actions, dissent.

Every noun here is a table of the case file, every field a key of it. What is not supplied stays empty, and the dossier
says so. Nothing here is checked against the world: each statement carries its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

TLP = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
"""Traffic Light Protocol 2.0 (FIRST, 2022), https://www.first.org/tlp/."""

CLASSES = ("observed", "computed", "inferred", "third party")
CONFIDENCE = ("low", "moderate", "high")
KINDS = ("lab", "reseller mix", "data vendor", "researcher", "false flag", "other")
CLAIMABLE = ("terms or controls broken", "operator", "organisation responsible", "used for training")
"""Rungs that no log can carry: the operator claims them, or nobody does."""


def key(help: str, *, needed: bool = False, one_of: tuple[str, ...] = (), many: bool = False) -> Any:
    """Return a field of a case-file table: what it is for, whether the table needs it, which values it may have."""
    about = {"help": help, "needed": needed, "one_of": one_of, "many": many}
    return field(default=() if many else None, metadata=about)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseHead:
    """Who wrote the dossier, for whom, under which marking."""

    id: str | None = key("your number for this case")
    version: int | None = key("1 for the first; a later version supersedes an earlier one")
    dated: date | None = key("day of this version, as 2026-11-25")
    authors: tuple[str, ...] = key("who answers for it", many=True)
    tlp: str | None = key("Traffic Light Protocol 2.0 marking", one_of=TLP)
    recipients: tuple[str, ...] = key("who may have it", many=True)
    provider: str | None = key("whose model was called; signs the letter")
    contact: str | None = key("where a reader can ask or object")
    legal_basis: str | None = key("why you may process and hand on these data")
    retention: str | None = key("how long it is kept, and where")
    expires: date | None = key("day after which it must not be used")
    supersedes: str | None = key("case id and version that this one replaces")
    retracts: str | None = key("statement of an earlier version that is withdrawn, and why")


@dataclass(frozen=True, kw_only=True, slots=True)
class Counting:
    """How the operator's log came to be."""

    exchange: str | None = key("what one line of your log is: a request, a turn, a tool call")
    sampling: str | None = key("whether lines were sampled before the hunt, and how")
    gaps: str | None = key("hours or sources that are missing from the log")


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Terms in force while the calls were made."""

    name: str | None = key("which document", needed=True)
    version: str | None = key("its version or date", needed=True)
    sha256: str | None = key("hash of its text as it was published", needed=True)
    clause: str | None = key("the clause that matters, in your words")
    in_force: date | None = key("first day in force")
    accepted: int | None = key("accounts of the campaign with a record of acceptance")
    acceptance: str | None = key("where acceptance is recorded for each account")
    records: str | None = key("CSV beside this file: `account_id`, and `accepted`, the day on which the account accepted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """An access limit: a rate limit, a region, a verification."""

    what: str | None = key("the limit", needed=True)
    source: str | None = key("where it is written or configured", needed=True)
    circumvented: str | None = key("what shows that it was got around; leave out if nothing does")


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A notice sent to account holders."""

    at: date | None = key("day it was sent", needed=True)
    to: str | None = key("to whom", needed=True)
    what: str | None = key("what it said", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A search for what would excuse the accounts: contracts, licences, registered research, resellers."""

    what: str | None = key("what was searched for", needed=True)
    where: str | None = key("in which records", needed=True)
    at: date | None = key("when", needed=True)
    found: str | None = key("what was found; `nothing` is an answer", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A template's text, shown because somebody approved it."""

    text: str | None = key("the excerpt, with everything personal removed", needed=True)
    approved_by: str | None = key("who approved it", needed=True)
    approved_at: date | None = key("when", needed=True)
    strand: int | None = key("number of the strand that it is from")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A model release of somebody who might have used the answers; list all labs, or the base rate is wrong."""

    lab: str | None = key("who released it", needed=True)
    model: str | None = key("which model", needed=True)
    at: date | None = key("day", needed=True)
    source: str | None = key("where that is written", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Over which days the list of releases is complete, and how long after a harvest a release may follow."""

    start: date | None = key("first day of the list", needed=True)
    end: date | None = key("last day of the list", needed=True)
    lag_days: int | None = key(
        "days after the campaign within which a release counts (decided beforehand)", needed=True
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hypothesis:
    """One answer to the question who is behind it, or behind one strand of it."""

    name: str | None = key("short name, as `lab A`", needed=True)
    kind: str | None = key("what kind of actor", needed=True, one_of=KINDS)
    strand: int | None = key("number of the strand it is about; leave out for all")
    lab: str | None = key("name under which its releases are listed")
    note: str | None = key("what this hypothesis says happened")


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """Something seen that speaks for or against a hypothesis."""

    what: str | None = key("what was seen", needed=True)
    source: str | None = key("where it comes from", needed=True)
    kind: str | None = key("evidence class", needed=True, one_of=CLASSES)
    speaks_for: tuple[str, ...] = key("hypotheses it speaks for", many=True)
    against: tuple[str, ...] = key("hypotheses it speaks against", many=True)
    single_source: bool | None = key("true if nobody else can confirm it")
    if_true: tuple[int, ...] = key("seen in how many of how many cases like the hypothesis: `[9, 10]`", many=True)
    otherwise: tuple[int, ...] = key("seen in how many of how many other cases: `[3, 200]`", many=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asserted:
    """A rung that the operator claims on grounds outside the log."""

    rung: str | None = key("which rung", needed=True, one_of=CLAIMABLE)
    statement: str | None = key("what is claimed, in one sentence", needed=True)
    confidence: str | None = key("how sure", needed=True, one_of=CONFIDENCE)
    kind: str | None = key("evidence class", needed=True, one_of=CLASSES)
    innocent: str | None = key("the strongest innocent explanation", needed=True)
    would_change: str | None = key("what would change your mind", needed=True)
    source: str | None = key("what it rests on", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Student:
    """A test of a suspect model."""

    suspect: str | None = key("which model, as named by whom", needed=True)
    test: str | None = key("which test, on what", needed=True)
    result: str | None = key("what came out, with its error figure", needed=True)
    controls: str | None = key("models that should come out negative, and did or did not", needed=True)
    source: str | None = key("report that it is from", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Harmed:
    """Third parties whose data were in the calls."""

    categories: tuple[str, ...] = key("categories of personal data seen", needed=True, many=True)
    notify: str | None = key("who must be told, by when", needed=True)
    minimised: str | None = key("how what is kept was reduced", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """Something done to accounts, with its reason; an appeal against it; its reversal."""

    at: date | None = key("day", needed=True)
    kind: str | None = key("what it was", needed=True, one_of=("action", "appeal", "reversal"))
    what: str | None = key("what was done, asked or undone", needed=True)
    reason: str | None = key("reason given", needed=True)
    by: str | None = key("who decided")
    accounts: int | None = key("accounts it concerned")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dissent:
    """A view of somebody who worked on the case and does not agree, or an open question."""

    by: str | None = key("whose view", needed=True)
    what: str | None = key("the view, unshortened", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """An earlier campaign to compare with: the folder of its hunt, made with the same deployment key."""

    hunt: str | None = key("folder that was `--out` of that hunt, from the case file's own folder", needed=True)
    campaign: str | None = key("id of the campaign there", needed=True)
    name: str | None = key("what to call it here", needed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """The whole case file; every table may be missing."""

    case: CaseHead = CaseHead()
    counting: Counting = Counting()
    releases_watched: Watch | None = None
    excerpt: Excerpt | None = None
    third_parties: Harmed | None = None
    terms: tuple[Terms, ...] = ()
    limits: tuple[Limit, ...] = ()
    notices: tuple[Notice, ...] = ()
    searches: tuple[Search, ...] = ()
    releases: tuple[Release, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    observations: tuple[Observation, ...] = ()
    claims: tuple[Asserted, ...] = ()
    students: tuple[Student, ...] = ()
    actions: tuple[Action, ...] = ()
    dissent: tuple[Dissent, ...] = ()
    past: tuple[Past, ...] = ()


ONE: Mapping[str, type] = {
    "case": CaseHead,
    "counting": Counting,
    "releases_watched": Watch,
    "excerpt": Excerpt,
    "third_parties": Harmed,
}
"""Tables that are written once, `[name]`."""

MANY: Mapping[str, type] = {
    "terms": Terms,
    "limits": Limit,
    "notices": Notice,
    "searches": Search,
    "releases": Release,
    "hypotheses": Hypothesis,
    "observations": Observation,
    "claims": Asserted,
    "students": Student,
    "actions": Action,
    "dissent": Dissent,
    "past": Past,
}
"""Tables that may be written several times, `[[name]]`."""
