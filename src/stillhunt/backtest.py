"""
A hunt beside the truth: which campaigns were found, and which honest customers were accused.

Everything here is a pure function of what was reported and a truth table with `account_id`, `cohort` and `campaign_id`
(null for honest accounts). Optional: a table of the harvested calls with `exchange_id` and `campaign_id`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.errors import LogError
from stillhunt.model import Hunt

NOTICEABLE = 0.01
"""An honest cohort of which more than this share is accused is named."""

INDEPENDENT = "independent"
"""The cohort of customers who have nothing to do with each other; all other honest cohorts are look-alikes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """One campaign as a run reported it: whom it accuses, how many calls it counts, which calls it cites."""

    id: str
    accounts: frozenset[str]
    n_exchanges: int = 0
    cited: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignScore:
    """
    What became of one true campaign.

    `sets` counts the reported campaigns of which at least half are its accounts. It is `found` when these together
    cover at least half of it. `accused` counts its accounts in any reported campaign; `recall` is their share.
    """

    campaign_id: str
    cohort: str
    accounts: int
    accused: int
    recall: float
    sets: int
    found: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedScore:
    """
    What one reported campaign is made of.

    `purity` is the largest share of it that belongs to one true campaign, `campaign_id` that campaign. It is `false`
    when more than half of its accounts are honest. `cohort` is the cohort most of its accounts come from.
    """

    id: str
    accounts: int
    honest: int
    purity: float
    campaign_id: str | None
    cohort: str
    false: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CohortScore:
    """How many accounts of a cohort were accused; `campaign` says whether accusing them is right."""

    cohort: str
    campaign: bool
    accounts: int
    accused: int
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CallScore:
    """
    The calls of the reported campaigns beside those that were harvested.

    `counted` is what the reported campaigns add up to, `harvested` what was harvested by the campaigns that were
    found, `harvested_in_all` by all. `cited` counts the calls named as evidence, `cited_harvested` those of them that
    belong to the true campaign that the citing campaign is mostly made of.
    """

    counted: int
    harvested: int
    harvested_in_all: int
    cited: int
    cited_harvested: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """
    A run beside the truth. A share of nothing is None.

    `found_as_one` is the share of found campaigns that came back as exactly one reported campaign. `noticed` names the
    honest cohorts of which more than 1 % is accused. `honest_per_100k` is the number of honest accounts accused in
    100,000 honest accounts.
    """

    campaigns: tuple[CampaignScore, ...]
    reported: tuple[ReportedScore, ...]
    cohorts: tuple[CohortScore, ...]
    n_found: int
    n_false: int
    found_as_one: float | None
    account_precision: float | None
    account_recall: float | None
    accused: int
    honest_accused: int
    honest: int
    honest_per_100k: float | None
    noticed: tuple[str, ...]
    purity_mean: float | None
    purity_worst: float | None
    calls: CallScore | None

    def document(self) -> dict[str, Any]:
        """Return the score as plain dictionaries and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Truth:
    cohort: Mapping[str, str]
    campaign: Mapping[str, str]
    """Account → true campaign, honest accounts missing."""
    members: Mapping[str, frozenset[str]]
    """True campaign → its accounts."""


def score(reported: Sequence[Reported], truth: pa.Table, truth_exchanges: pa.Table | None = None) -> Score:
    """
    Compare reported campaigns with the truth.

    Raises `LogError` when the truth lacks a column, names an account twice, or does not know an accused account.
    """
    known = _truth(truth)
    accused = frozenset(chain.from_iterable(r.accounts for r in reported))
    strangers = sorted(accused - known.cohort.keys())
    if strangers:
        raise LogError(
            f"The truth does not know {len(strangers):,} of the {len(accused):,} accused accounts ({strangers[0]}).\n"
            "Give the truth that belongs to the log of this run: it names every account of it."
        )
    campaigns = tuple(_campaign(name, reported, accused, known) for name in sorted(known.members))
    made_of = tuple(_reported(r, known) for r in reported)
    cohorts = _cohorts(accused, known)
    right = len(accused & known.campaign.keys())
    honest = len(known.cohort) - len(known.campaign)
    found = [c for c in campaigns if c.found]
    return Score(
        campaigns=campaigns,
        reported=made_of,
        cohorts=cohorts,
        n_found=len(found),
        n_false=sum(r.false for r in made_of),
        found_as_one=_share(sum(c.sets == 1 for c in found), len(found)),
        account_precision=_share(right, len(accused)),
        account_recall=_share(right, len(known.campaign)),
        accused=len(accused),
        honest_accused=len(accused) - right,
        honest=honest,
        honest_per_100k=None if honest == 0 else 100_000 * (len(accused) - right) / honest,
        noticed=tuple(c.cohort for c in cohorts if not c.campaign and c.share > NOTICEABLE),
        purity_mean=_share(sum(r.purity for r in made_of), len(made_of)),
        purity_worst=min((r.purity for r in made_of), default=None),
        calls=None if truth_exchanges is None else _calls(reported, made_of, found, truth_exchanges),
    )


def score_hunt(hunt: Hunt, truth: pa.Table, truth_exchanges: pa.Table | None = None) -> Score:
    """Compare a hunt with the truth; raises what `score` raises."""
    reported = [
        Reported(
            id=c.id,
            accounts=frozenset(c.accounts),
            n_exchanges=c.profile.n_exchanges,
            cited=frozenset(chain.from_iterable(e.exchange_ids for e in c.evidence)),
        )
        for c in hunt.campaigns
    ]
    return score(reported, truth, truth_exchanges)


def score_files(run: Path, truth: Path, truth_exchanges: Path | None = None) -> Score:
    """
    Compare the files of a run with the truth in a Parquet file.

    Raises `LogError` when a file is missing, is not what it should be, or the files are of two different runs.
    """
    reported = read_reported(run / "campaigns.json")
    accused = set(chain.from_iterable(r.accounts for r in reported))
    listed = read_parquet(run / "accounts.parquet", ("account_id",))["account_id"].to_pylist()
    if accused != set(listed):
        raise LogError(
            f"{run}: `campaigns.json` and `accounts.parquet` accuse different accounts.\n"
            "They are of two runs, or one was changed: run `stillhunt hunt` again."
        )
    exchanges = None if truth_exchanges is None else read_parquet(truth_exchanges, ("exchange_id", "campaign_id"))
    return score(reported, read_parquet(truth, ("account_id", "cohort", "campaign_id")), exchanges)


def read_reported(path: Path) -> tuple[Reported, ...]:
    """Return the campaigns of a `campaigns.json`; raises `LogError` when it cannot be read as one."""
    try:
        document = json.loads(path.read_bytes())
        return tuple(
            Reported(
                id=str(c["id"]),
                accounts=frozenset(map(str, c["accounts"])),
                n_exchanges=int(c["n_exchanges"]),
                cited=frozenset(chain.from_iterable(e.get("exchange_ids", ()) for e in c["evidence"])),
            )
            for c in document["campaigns"]
        )
    except OSError as error:
        raise LogError(
            f"{path}: the campaigns of this run cannot be read: {error.strerror}.\n"
            "Give the folder that was `--out` of `stillhunt hunt`."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogError(
            f"{path}: this is not what `stillhunt hunt` writes ({type(error).__name__}).\n"
            "Give the folder that was `--out` of `stillhunt hunt`."
        ) from error


def read_parquet(path: Path, columns: Collection[str]) -> pa.Table:
    """Return some columns of a Parquet file; raises `LogError` when it has not all of them."""
    if not path.is_file():
        raise LogError(f"{path}: there is no such file.\nGive a Parquet file with {_listed(columns)}.")
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise LogError(
            f"{path}: this file cannot be read as Parquet ({type(error).__name__}).\n"
            f"Give a Parquet file with {_listed(columns)}."
        ) from error
    return _with_columns(table, columns, str(path))


def _listed(columns: Collection[str]) -> str:
    names = ", ".join(f"`{column}`" for column in columns)
    return f"the column{'' if len(columns) == 1 else 's'} {names}"


def _with_columns(table: pa.Table, columns: Collection[str], what: str) -> pa.Table:
    missing = [c for c in columns if c not in table.column_names]
    if missing:
        raise LogError(
            f"{what}: there is no column `{missing[0]}`, only {', '.join(table.column_names)}.\n"
            f"Give a table with {_listed(columns)}."
        )
    return table.select(list(columns))


def _truth(truth: pa.Table) -> _Truth:
    rows = _with_columns(truth, ("account_id", "cohort", "campaign_id"), "The truth").to_pydict()
    ids = rows["account_id"]
    if len(set(ids)) < len(ids):
        raise LogError(
            f"The truth names {len(ids) - len(set(ids)):,} accounts more than once.\nGive it one row for each account."
        )
    campaign = {a: str(c) for a, c in zip(ids, rows["campaign_id"], strict=True) if c not in (None, "")}
    members: dict[str, set[str]] = {}
    for account, name in campaign.items():
        members.setdefault(name, set()).add(account)
    cohort = {a: str(c) for a, c in zip(ids, rows["cohort"], strict=True)}
    return _Truth(cohort, campaign, {name: frozenset(accounts) for name, accounts in members.items()})


def _campaign(name: str, reported: Sequence[Reported], accused: frozenset[str], known: _Truth) -> CampaignScore:
    members = known.members[name]
    its = [r.accounts & members for r in reported if r.accounts and 2 * len(r.accounts & members) >= len(r.accounts)]
    covered = len(frozenset().union(*its))
    return CampaignScore(
        campaign_id=name,
        cohort=_commonest(known.cohort[a] for a in members),
        accounts=len(members),
        accused=len(members & accused),
        recall=len(members & accused) / len(members),
        sets=len(its),
        found=bool(its) and 2 * covered >= len(members),
    )


def _reported(reported: Reported, known: _Truth) -> ReportedScore:
    belongs = Counter(known.campaign[a] for a in sorted(reported.accounts) if a in known.campaign)
    name, most = max(belongs.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
    honest = len(reported.accounts) - belongs.total()
    return ReportedScore(
        id=reported.id,
        accounts=len(reported.accounts),
        honest=honest,
        purity=most / max(len(reported.accounts), 1),
        campaign_id=name,
        cohort=_commonest(known.cohort[a] for a in reported.accounts),
        false=2 * honest > len(reported.accounts),
    )


def _cohorts(accused: frozenset[str], known: _Truth) -> tuple[CohortScore, ...]:
    size = Counter((cohort, account in known.campaign) for account, cohort in known.cohort.items())
    hit = Counter((known.cohort[account], account in known.campaign) for account in accused)
    return tuple(
        CohortScore(cohort=kind[0], campaign=kind[1], accounts=size[kind], accused=hit[kind], share=hit[kind] / n)
        for kind, n in sorted(size.items())
    )


def _calls(
    reported: Sequence[Reported], made_of: Sequence[ReportedScore], found: Sequence[CampaignScore], harvested: pa.Table
) -> CallScore:
    table = _with_columns(harvested, ("exchange_id", "campaign_id"), "The truth of the exchanges")
    sizes = Counter(table["campaign_id"].to_pylist())
    cited = sorted(frozenset(chain.from_iterable(r.cited for r in reported)))
    rows = table.filter(pc.is_in(table["exchange_id"], value_set=pa.array(cited, table["exchange_id"].type)))
    owner = dict(zip(rows["exchange_id"].to_pylist(), rows["campaign_id"].to_pylist(), strict=True))
    return CallScore(
        counted=sum(r.n_exchanges for r in reported),
        harvested=sum(sizes[c.campaign_id] for c in found),
        harvested_in_all=sizes.total(),
        cited=sum(len(r.cited) for r in reported),
        cited_harvested=sum(
            m.campaign_id is not None and owner.get(e) == m.campaign_id
            for r, m in zip(reported, made_of, strict=True)
            for e in r.cited
        ),
    )


def _commonest(names: Any) -> str:
    counts = Counter(names)
    return str(max(counts, key=lambda name: (counts[name], name), default=""))


def _share(part: float, whole: int) -> float | None:
    return None if whole == 0 else part / whole
