"""
The nouns, in the order data flows: stages speak to each other in these and in Arrow tables.

`LeftOut · Trait (a table) · Profile · Link · Group · Claim · Evidence · Campaign · LinkedSet · Hunt`.
A number leaves with its claim: a `Campaign` cannot be built without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

import numpy as np
import numpy.typing as npt

from stillhunt.controls import Control, FullBreak, Threshold

AccountId = NewType("AccountId", str)
ExchangeId = NewType("ExchangeId", str)


LINKING_ONE_IN = 4
"""One in so many prompts, by hash, serves linking; the tests of joint operation look at the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """
    Something that was not used, with the reason and a count.

    `what` is one of `line`, `value`, `exchange`, `account`, `event`, `file`, `trait value`, `pair`, `set`.
    `defect` marks input that is broken (bounded by `--allow-left-out`), as opposed to input that is sound
    but is not a model call or lies outside what the run looks at.
    `examples` are places (`march.jsonl:418`), never content.
    """

    what: str
    reason: str
    count: int
    defect: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Unavailable:
    """A key, test or trait kind that could not run, for want of which columns, and what that costs."""

    what: str
    wants: tuple[str, ...]
    consequence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What is asserted, at what level, by which method, under which assumptions, with which seed."""

    statement: str
    level: float
    method: str
    assumptions: tuple[str, ...]
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NullDistribution:
    """
    Where a statistic would fall under its null: a histogram to draw, and the observed value in it.

    `edges` has one more entry than `counts`.
    """

    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    observed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One finding with the numbers that carry it; `kind` is `linkage`, `operation`, `concealment` or `indicator`."""

    kind: str
    test: str
    statement: str
    statistic: float | None = None
    p_value: float | None = None
    e_value_log10: float | None = None
    effect: Mapping[str, float | int | str] = field(default_factory=dict)
    null: NullDistribution | None = None
    exchange_ids: tuple[ExchangeId, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """An innocent explanation that was tried: what it predicts, what was seen, whether it is `ruled out`, `unlikely` or `open`."""

    explanation: str
    predicts: str
    seen: str
    verdict: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """
    A campaign judged again without its strongest leg, and the accounts that would still be accused.

    `kind` is `linkage` (without a dependence group of traits) or `operation` (without a test); `without` names which.
    `linkage_log10`, `p_value` and `q_value` are what the keys then give; None where key 2 was not reached.
    """

    kind: str
    without: str
    linkage_log10: float
    p_value: float | None
    q_value: float | None
    accounts: tuple[AccountId, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """
    One account in a campaign, with the evidence that it belongs there.

    `confidence` is 1 - the account's own false-membership bound (from its e-value against the set without it).
    `n_exchanges` counts the calls of the harvested strand; `n_other` the account's calls outside it.
    `shared` names the trait kinds the account shares with the rest.
    """

    account_id: AccountId
    confidence: float
    e_value_log10: float
    n_exchanges: int
    n_other: int
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Two accounts and the surprise of what they share, in nats, by trait group."""

    a: AccountId
    b: AccountId
    surprise: float
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Token totals of a set of exchanges; zero where the log does not say."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_reasoning: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What a set of exchanges looks like: when, how much, of what, on which models."""

    n_accounts: int
    n_exchanges: int
    first_seen: datetime
    last_seen: datetime
    capabilities: Mapping[str, float]
    capability_method: str
    models: Mapping[str, int]
    tokens: Tokens
    per_day: Mapping[str, int]
    """Calls per UTC day, ISO date → count, every day of the window present."""
    status: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """
    How far the accounts of a campaign differ from matched honest accounts in one measure.

    `campaign` and `matched` are medians over accounts. `superiority` is the probability that an account of the campaign
    lies above a matched one, ties counted half; `low` and `high` its 95 % interval.
    """

    measure: str
    campaign: float
    matched: float
    superiority: float
    low: float
    high: float
    accounts: int
    matched_accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedValue:
    """A value that several owners of a set hold, by its keyed tag, with how many hold it inside and outside."""

    group: str
    kind: str
    tag: str
    inside: int
    outside: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StrandExhibit:
    """One strand of a campaign, a pool of accounts with a template family of its own; shares of prompts for disjointness."""

    number: int
    family: str | None
    """Keyed tag of a value that all of the family's calls carry; None where every call of the set is counted."""
    description: str
    accounts: int
    calls: int
    first_seen: datetime
    last_seen: datetime
    active_per_day: Mapping[str, int]
    """Accounts with a call, ISO date → count, days without any left out."""
    capabilities: Mapping[str, float]
    hours: tuple[int, ...]
    """Calls by hour of the day, UTC."""
    pairs: int
    pairs_sharing: int
    """Pairs of accounts, and those with a prompt in common."""
    prompts: int
    prompts_shared: int
    """Different prompts, and those that more than one account sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberExhibit:
    """How one account came in: by its keyed tag, the evidence by trait group, and the groups without which it would not be in."""

    tag: str
    strand: int
    n_exchanges: int
    first_seen: datetime
    last_seen: datetime
    groups: Mapping[str, float]
    """Trait group → log10 of the factor that it contributes to the account's e-value."""
    hangs_on: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class WithoutGroup:
    """Who stays a member when one trait group says nothing, and the weighted linkage e-value of the set then."""

    group: str
    linkage_log10: float
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolEvent:
    """
    A recorded event and what the campaign did around it.

    `subject` is the tag of a banned account or the name of a model. `calls_before` and `calls_after` are the campaign's
    calls in the day before and after; `entered_before` and `entered` its accounts whose first call falls in those days.
    """

    at: datetime
    kind: str
    subject: str
    calls_before: int
    calls_after: int
    entered_before: int
    entered: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibits:
    """What a dossier needs beyond the evidence: every figure unrounded, by the name of the recipe that computes it again."""

    figures: Mapping[str, float | int]
    strands: tuple[StrandExhibit, ...]
    shared: tuple[SharedValue, ...]
    members: tuple[MemberExhibit, ...]
    without: tuple[WithoutGroup, ...]
    contrasts: tuple[Contrast, ...] = ()
    matching: str = ""
    """How honest accounts were matched, in a sentence; empty when none were."""
    events: tuple[PoolEvent, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """A set of accounts that is linked, jointly operated and disguised, with the claim that says so."""

    id: str
    claim: Claim
    members: tuple[Membership, ...]
    profile: Profile
    evidence: tuple[Evidence, ...]
    alternatives: tuple[Alternative, ...]
    not_seen: tuple[str, ...]
    links: tuple[Link, ...]
    linkage_log10: float
    """log10 of the weighted linkage e-value w·E of key 1."""
    p_value: float
    q_value: float
    """Benjamini–Hochberg adjusted p-value over all sets judged in this run."""
    declared_customers: float
    """Effective number of unrelated customers the set presents itself as (key 3)."""
    strand: str
    """How the harvested strand of the accounts' traffic was told apart."""
    ablations: tuple[Ablation, ...] = ()
    """Who would still be accused without the strongest trait group, and without the strongest test."""
    exhibits: Exhibits | None = None
    """What a dossier needs beyond the evidence; None in hunts made by hand."""

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """Account ids in the order of `members`."""
        return tuple(m.account_id for m in self.members)


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkedSet:
    """A set of accounts that is linked but not accused, with the key that it did not pass and the numbers."""

    id: str
    account_ids: tuple[AccountId, ...]
    owners: int
    n_exchanges: int
    linkage_log10: float
    p_value: float | None
    declared_customers: float | None
    reason: str
    """One sentence: why nobody is accused."""
    list_name: str
    """`honest group`, `one customer, many accounts`, `licensed`, `not examined`."""
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """How much of a contract column is filled in: `present` rows of `rows`."""

    table: str
    column: str
    present: int
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """
    The whole rule on verified-honest linked sets, and the bound that follows for the hunt.

    Of `linked` controls `rejected` were rejected, so at confidence `confidence` the rule rejects at most the share
    `rate_upper` (Clopper and Pearson) of honest linked sets. `sets` linked sets of the hunt are not verified, `verified_sets`
    are mostly accounts of controls; `reported` were reported, `falsely_reported` of these verified ones. So at most the share
    `bound` = (rate_upper x sets + falsely_reported) / reported of the reports is honest. `claimable` says whether that is
    within `level`. `cutoff` is the p-value up to which the hunt reported sets.
    """

    controls: tuple[Control, ...]
    linked: int
    rejected: int
    confidence: float
    rate_upper: float
    sets: int
    verified_sets: int
    falsely_reported: int
    reported: int
    cutoff: float
    bound: float | None
    level: float
    claimable: bool
    statement: str
    thresholds: tuple[Threshold, ...]
    full_break: FullBreak | None
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunt:
    """The result of a run: campaigns with their claims, and everything that was not accused or not seen."""

    claim: Claim
    campaigns: tuple[Campaign, ...]
    linked: tuple[LinkedSet, ...]
    left_out: tuple[LeftOut, ...]
    unavailable: tuple[Unavailable, ...]
    coverage: tuple[Coverage, ...]
    n_lines: int
    n_exchanges: int
    n_accounts: int
    n_owners: int
    first_seen: datetime | None
    last_seen: datetime | None
    sources: tuple[str, ...]
    """File names (never content) that were read, with the format each was read as."""
    settings: Mapping[str, float | int | str]
    """Every setting that the result depends on, and the key's fingerprint."""
    per_day: Mapping[str, int]
    """Calls per UTC day of the whole log."""
    audit: Audit | None = None
    """The rule on the operator's own verified-honest sets, where these were given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incidence:
    """
    Which owners hold which values: the table that linking reads, one row per (owner, kind, value).

    Owners are numbered 0 … n_owners-1 in the order of their first call. Rows are sorted by (value, owner); values are
    numbered 0 … n_values-1 so that the values of one kind are contiguous.
    """

    owner: npt.NDArray[np.int32]
    """(rows,)"""
    value: npt.NDArray[np.int32]
    """(rows,)"""
    value_kind: npt.NDArray[np.uint8]
    """(n_values,) index into `kinds`"""
    kinds: tuple[str, ...]
    kind_group: npt.NDArray[np.int8]
    """(kinds,) index into `groups`"""
    groups: tuple[str, ...]
    stratum: npt.NDArray[np.int16]
    """(n_owners,) country number of the owner; used only to make shared values less surprising"""
    n_owners: int

    @property
    def n_values(self) -> int:
        """Number of distinct values of all kinds."""
        return len(self.value_kind)
