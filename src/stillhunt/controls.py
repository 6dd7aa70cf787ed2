"""The nouns of an audit (sets known to be honest, what the rule says of each) and of a power study (sets that were planted)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """
    One set that the operator has verified to be honest, and what the whole rule says of it.

    `linked` says whether key 1 links it: only then it can stand for honest linked sets. `p_values` are those of the tests of
    joint operation that ran, by name; `coherence` is the least subject coherence of a strand, or of its quieter
    accounts. `rejected` is a false accusation. `reason` says in a sentence how the rule came to its end.
    """

    label: str
    accounts: int
    linked: bool
    linkage_log10: float
    declared_customers: float | None
    p_values: Mapping[str, float]
    p_value: float | None
    coherence: float | None
    rejected: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A threshold estimated from the operator's own controls; `estimate` is None where they are too few to say."""

    name: str
    in_use: float
    estimate: float | None
    seen: int
    needed: int
    statement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FullBreak:
    """
    The log with every kind of trait dealt out anew inside each country: groups proposed there, and sets key 1 kept.

    `of_one_country` counts those of the kept sets that are a quarter or more of the owners of one country: dealing inside
    that country leaves most of what they share with them, so they are not broken.
    """

    shuffles: int
    proposed: int
    kept: int
    of_one_country: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerCell:
    """One kind of campaign that was planted: its accounts, what they share, calls of each, who keeps time; how many were found."""

    size: int
    sharing: str
    calls: int
    scheduler: str
    planted: int
    found: int
    low: float
    """Lower end of the exact 95 % interval for the share found."""
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Smallest:
    """The smallest planted size found with the wanted power, it and all larger ones; None where no size was."""

    sharing: str
    calls: int
    scheduler: str
    size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Power:
    """What a hunt finds of campaigns planted into a copy of an operator's own log."""

    wanted: float
    cells: tuple[PowerCell, ...]
    smallest: tuple[Smallest, ...]
    too_large: tuple[int, ...]
    """Sizes that were not planted, because they would have been too large a part of this log."""
    rounds: int
    owners: int
    days: int
    falsely: int
    """Sets reported in the rounds, mostly of accounts that were neither planted nor reported before."""
    meaning: Mapping[str, str]
    """What each word for sharing and scheduling stands for."""
    settings: Mapping[str, float | int | str]
