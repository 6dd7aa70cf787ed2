"""What a dossier is written from, and the ways in which every section takes its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from stillhunt.model import Alternative, Campaign, Evidence, Exhibits, Hunt, PoolEvent
from stillhunt.report.dossier.blocks import Part, Parts, Tag
from stillhunt.report.dossier.case import Case
from stillhunt.report.dossier.numbered import THE_LOG, Number, NumberList, Value
from stillhunt.report.numbers import day, utc
from stillhunt.report.words import plain, printable
from stillhunt.seal.canonical import Json

OPEN, UNLIKELY, RULED_OUT = "open", "unlikely", "ruled out"
WEAKEST_FIRST = (OPEN, UNLIKELY, RULED_OUT)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastCampaign:
    """An earlier campaign, under the name the case file gives it, with the size of the log it was found in."""

    name: str
    campaign: Campaign
    n_owners: int
    same_key: bool
    """Whether its tags were made under the same deployment key; only then can they be compared."""

    @property
    def comparable(self) -> bool:
        """Whether there is anything to compare: tags under the same key, and exhibits."""
        return self.same_key and self.campaign.exhibits is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Matter:
    """One campaign with everything that is said about it; `integrity` is what is known of its seal before it is signed."""

    hunt: Hunt
    campaign: Campaign
    exhibits: Exhibits
    case: Case
    numbers: NumberList
    past: tuple[PastCampaign, ...]
    audit: Mapping[str, Any] | None
    integrity: Mapping[str, Json] | None
    acceptances: tuple[Mapping[str, date] | None, ...] = ()
    """For each document of `case.terms`: account id → the day of its acceptance; None where no record was supplied."""

    def figure(self, name: str, label: str, written: str = "figure") -> Number:
        """Return a figure of the hunt by its recipe."""
        return self.numbers.figure(name, label, written=written)

    def has(self, name: str) -> bool:
        """Say whether the hunt has a figure."""
        return name in self.exhibits.figures

    def number(
        self,
        value: Value,
        label: str,
        text: str | None = None,
        *,
        needs: str = THE_LOG,
        recipe: str | None = None,
        written: Callable[[Any], str] | None = None,
    ) -> Number:
        """Return a number that is not a figure of the hunt."""
        return self.numbers.counted(value, label, text, needs=needs, recipe=recipe, written=written)

    def day(self, moment: datetime, label: str, recipe: str | None = None, needs: str = THE_LOG) -> Number:
        """Return a day, in UTC, as a number with an address; its value is the ISO date."""
        return self.numbers.counted(utc(moment).date().isoformat(), label, day(moment), recipe=recipe, needs=needs)

    def said(self, evidence: Evidence) -> Parts:
        """Return the statement of a finding, its numbers with addresses."""
        prefix = self.prefix(evidence)
        with_rho0 = (prefix, "settings.rho0") if prefix.endswith(".interchange.") else prefix
        rules = next((names for words, names in CONSTANTS.items() if evidence.test.startswith(words)), ())
        model = evidence.test.removeprefix(PIVOT).strip(" ()") if evidence.test.startswith(PIVOT) else ""
        text, names = printable(evidence.statement), (printable(model),)
        return tuple(self.numbers.said(text, with_rho0, plain(evidence.test), rules=rules, names=names))

    def tried(self, alternative: Alternative) -> Parts:
        """Return what an innocent explanation predicts and what was seen."""
        label = f"innocent explanation “{alternative.explanation}”"
        found: list[Part] = [*self.numbers.said(f"{alternative.explanation}: ", "", label)]
        text = f"it predicts {alternative.predicts}; seen: {alternative.seen}"
        found += self.numbers.said(text, self.explains(alternative), label)
        return (*found, f" ({alternative.verdict}).")

    def explains(self, alternative: Alternative) -> tuple[str, ...]:
        """Return how the figures start that an innocent explanation is held against."""
        strands = [f"strand.{strand.number}." for strand in self.exhibits.strands]
        names = next((names for words, names in SEEN.items() if words in alternative.explanation), ())
        whole = [name for name in names if not name.startswith("*.")]
        return (*whole, *(start + name[2:] for start in strands for name in names if name.startswith("*.")), "-")

    def prefix(self, evidence: Evidence) -> str:
        """Return how the figures of a finding start: `strand.1.clock.`, for one of the tests of a strand."""
        if evidence.kind == "concealment":
            return "concealment."
        if evidence.test.startswith("urn bet"):
            return "linkage."
        for words, name in INDICATORS.items():
            if evidence.test.startswith(words):
                return name
        pivots = [e for e in self.campaign.evidence if e.test.startswith(PIVOT)]
        if evidence in pivots:
            return f"pivot.{pivots.index(evidence) + 1}."
        for words, name in TESTS.items():
            if evidence.test.startswith(words):
                return f"strand.{self.strand_of(evidence)}.{name}."
        return ""

    def event(self, event: PoolEvent) -> str:
        """Return how the figures of an event start: `event.1`."""
        return f"event.{self.exhibits.events.index(event) + 1}"

    def strand_of(self, evidence: Evidence) -> int:
        """Return the number of the strand that a test is about."""
        _, found, rest = evidence.test.partition(", strand ")
        return int(rest.split(" ")[0]) if found else 1

    def weakest(self, *words: str) -> Alternative | None:
        """Return the innocent explanation that stands best among those whose text has one of some words."""
        mine = [a for a in self.campaign.alternatives if any(w in a.explanation for w in words)]
        return min(mine, key=lambda a: WEAKEST_FIRST.index(a.verdict), default=None)

    def of_kind(self, kind: str) -> list[Evidence]:
        """Return the findings of one kind, in their order."""
        return [e for e in self.campaign.evidence if e.kind == kind]


PIVOT = "move to a new model"
INDICATORS = {
    "histories this provider never served": "unserved.",
    "accounts that wake after a ban": "failover.",
    "technique search": "search.",
}
"""How the name of an indicator starts → how its figures do."""

CONSTANTS: Mapping[str, tuple[str, ...]] = {
    "simultaneous copies": ("copies_window_s", "copies_share"),
    "accounts that wake after a ban": ("wakes_within_h",),
}
"""How the name of a test starts → constants of the rule that its sentence says."""

SEEN: Mapping[str, tuple[str, ...]] = {
    "one honest customer": ("concealment.customers", "settings.declared_customers"),
    "one company network": ("without.network.",),
    "users of one app": ("without.client.",),
    "the same material": ("*.overlap",),
    "on the same calendar": ("*.clock.variance_ratio", "*.clock.null_mean"),
    "moving from old accounts": ("*.together",),
    "stolen or rented": ("traffic.outside",),
    "keeps its conversations in one store": ("*.replay.", "*.feedback."),
    "when keys or accounts were changed": ("*.replay.", "*.feedback."),
    "a second account of their own": ("*.takeover.circle",),
}
"""Words of an innocent explanation → how the figures start that it is held against, `*.` for those of every strand."""

TESTS = {
    "one clock": "clock",
    "interchangeable workers": "interchange",
    "de-duplicated queue": "queue",
    "best of k": "multiplicity",
    "simultaneous copies": "copies",
    "reasoning blocks presented by others": "replay",
    "answers sent back by others": "feedback",
    "failed prompts taken over": "takeover",
}
"""How the name of a test starts → the name of its figures."""


def name(text: str) -> Tag:
    """Return a name from the log as it is, every character visible."""
    return Tag(printable(text))


def pool_name(number: int) -> Tag:
    """Return how a pool is called."""
    return Tag(f"Pool {number}", code=False)
