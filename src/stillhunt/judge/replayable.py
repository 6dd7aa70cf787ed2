"""
One campaign → its replay bundle: everything that the tests read, coded so that it says nothing else.

Owners, values, prompts and countries become numbers that mean nothing outside the bundle; times become hours; counts
one outsider are raised to two. What each table and column holds is in `docs/reference/bundle.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.judge.ablation import Regrouped
from stillhunt.judge.bets import COUNTED, Core
from stillhunt.judge.blinding import recoded
from stillhunt.judge.exhibits import most_shared
from stillhunt.judge.linkage import Population
from stillhunt.judge.membership import FOLDS
from stillhunt.judge.operate import WEIGHTS, JointOperation, Operation
from stillhunt.judge.replay_beside import contrast_tables, event_tables, indicator_tables
from stillhunt.judge.replay_strands import about_strand, codes_of, same_remainders, strand_tables
from stillhunt.judge.rule import Rule
from stillhunt.judge.scalars import Corroborated
from stillhunt.judge.sets import LinkedOwners
from stillhunt.judge.traffic import Traffic
from stillhunt.model import Campaign, Contrast
from stillhunt.seal.bundle import SMALLEST_CELL, Bundle, Table, suppressed
from stillhunt.seal.canonical import Json

Values = Mapping[str, npt.NDArray[np.float64]]

RARE = "rare classes"
"""What capability classes of fewer than five calls are counted under."""

_DAY_US = 86_400_000_000
_TOKENS = ("tokens_in", "tokens_out", "tokens_reasoning")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """
    A campaign with all that its numbers follow from.

    `traffic` and `operated` have the strands shown; `others` are the tests of strands that are not; `p_values` are
    those of all sets tested, this one at `number`, and `strand_level` the level at which strands are shown.
    """

    campaign: Campaign
    found: LinkedOwners
    traffic: Traffic
    operated: JointOperation
    others: tuple[Operation, ...]
    p_values: npt.NDArray[np.float64]
    number: int
    strand_level: float
    again: Regrouped
    """The set without its strongest kind of shared values, as it was judged again."""
    beside: Corroborated
    salt: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayable:
    """A bundle, and the exchange ids of the rows of its strands, which never leave the operator."""

    bundle: Bundle
    exchange_ids: tuple[tuple[str, ...], ...]


def replayable(population: Population, case: Case, rule: Rule) -> Replayable:
    """
    Return the bundle of a campaign.

    1. Keys 1 and 3: owners, what they hold, how popular that is.
    2. Key 2: each strand shown, with the texts that were compared and other users of its template; and again, where taking
       the strongest kind of shared values away leaves fewer accounts.
    3. Traffic: tokens and capabilities in cells of at least five calls; indicators; what happened around events.
    """
    tables: dict[str, Table] = _linking(population, case)                                    # 1.
    strands, ids = [], []
    accounts, names = case.traffic.calls.column("account_id"), case.campaign.accounts
    codes = [codes_of(harvest) for harvest in case.traffic.harvests]
    for number, (harvest, tests) in enumerate(zip(case.traffic.harvests, case.operated.strands, strict=True), 1):
        columns, order = strand_tables(harvest, tests, codes[number - 1], accounts, names, rule.seed)  # 2.
        tables |= {f"strand-{number}{part}": table for part, table in columns.items()}
        strands.append(about_strand(harvest))
        rows = pa.array(harvest.strand.rows[order])
        ids.append(tuple(case.traffic.calls.column("exchange_id").take(rows).to_pylist()))
    again = []
    for number, (harvest, tests) in enumerate(case.again.shown(case.traffic), 1):
        columns, _ = strand_tables(harvest, tests, codes[number - 1], accounts, names, rule.seed)
        tables |= {f"without-strand-{number}{part}": table for part, table in columns.items() if part != "-others"}
        again.append(about_strand(harvest))
    found, about = indicator_tables(case.beside)                                             # 3.
    tables |= {**_traffic(case), **found, **_events(case)}
    return Replayable(
        bundle=Bundle(about={**_about(population, case, rule), "strands": strands, "again": again, **about}, tables=tables),
        exchange_ids=tuple(ids),
    )


def with_contrasts(found: Replayable, contrasts: tuple[Contrast, ...], own: Values, matched: Values) -> Replayable:
    """Return a bundle with the effect sizes beside matched honest accounts."""
    tables = {**found.bundle.tables, **contrast_tables(contrasts, own, matched)}
    about = {**found.bundle.about, "contrasts": [c.measure for c in contrasts]}
    return replace(found, bundle=Bundle(about=about, tables=tables))


def _about(population: Population, case: Case, rule: Rule) -> dict[str, Json]:
    incidence, again = population.incidence, case.again
    inside = {str(a) for a in case.campaign.accounts}
    return {
        "campaign": case.campaign.id,
        "population": {
            "groups": list(incidence.groups),
            "kind_group": [int(g) for g in incidence.kind_group],
            "kinds": list(incidence.kinds),
            "owners": incidence.n_owners,
        },
        "selection": {
            "number": case.number,
            "other_strands": [dict(one.p_values) for one in case.others],
            "p_values": [float(p) for p in case.p_values],
            "strand_level": float(case.strand_level),
        },
        "settings": {
            "declared_customers": rule.declared_customers,
            "draws": rule.draws,
            "level": rule.level,
            "linkage_level": rule.linkage_level,
            "membership_level": rule.membership_level,
            "rho0": rule.rho0,
            "seed": rule.seed,
            "shares": dict(WEIGHTS),
        },
        "traffic": {
            "calls_of_set": case.traffic.calls.num_rows,
            "other_calls": sum(m.n_other for m in case.campaign.members if m.account_id in inside),
        },
        "without": {
            "group": incidence.groups[again.group],
            "other_strands": [dict(one.p_values) for one in again.hidden(case.traffic)],
            "passes": again.passes,
        },
    }


def _events(case: Case) -> dict[str, Table]:
    """Return what the set did around the events that its exhibits show."""
    calls = case.traffic.calls.select(["account_id", "started_at"]).take(pa.array(case.traffic.rows))
    at = calls.column("started_at").cast(pa.int64()).to_numpy()
    first = calls.group_by("account_id").aggregate([("started_at", "min")]).column("started_at_min").cast(pa.int64()).to_numpy()
    assert case.campaign.exhibits is not None
    return event_tables(case.campaign.exhibits.events, at, first)


def _linking(population: Population, case: Case) -> dict[str, Table]:
    """Return the tables of key 1, membership and key 3; values and countries are numbered in an order drawn under the salt."""
    found, incidence = case.found, population.incidence
    owners = np.unique(np.concatenate([found.group, found.core, found.owners])).astype(np.int32)
    member, value = population.rows(owners)
    values = np.unique(value)
    values = values[np.lexsort((recoded(values.astype(np.uint64) + np.uint64(1), case.salt), incidence.value_kind[values]))]
    at = np.argsort(values)[np.searchsorted(np.sort(values), value)]
    strata = np.unique(incidence.stratum[owners])
    strata = strata[np.argsort(recoded(strata.astype(np.uint64) + np.uint64(1), case.salt))]
    stratum = np.argsort(strata)[np.searchsorted(np.sort(strata), incidence.stratum[owners])]
    acting = found.owners[np.unique(case.traffic.calls.column("account").to_numpy()[case.traffic.rows])]
    inside = np.bincount(at, minlength=len(values))
    inside_of = np.zeros((len(values), len(strata)), dtype=np.int64)
    np.add.at(inside_of, (at, stratum[member]), 1)
    grid = np.meshgrid(values, strata, indexing="ij")
    in_country = population.in_country(grid[0], grid[1]).astype(np.int64)
    holders = inside + suppressed(population.n_of_value[values].astype(np.int64) - inside)
    kinds = np.meshgrid(np.arange(len(incidence.kinds)), strata, indexing="ij")
    order = np.lexsort((at, member))
    first = _first_of_kind(member, value, incidence.value_kind[value])
    shared = np.zeros(len(values), dtype=np.int16)
    listed = most_shared(population, found.owners)[0]
    shared[np.argsort(values)[np.searchsorted(np.sort(values), listed)]] = np.arange(1, len(listed) + 1)
    published = _published(population, values, holders)
    cores = {"": found.core, "members-": found.owners, "without-": case.again.core}
    outside: dict[str, Table] = {}
    for name, core in cores.items():
        outside |= _outside(published, core, strata, name)
    return {
        **outside,
        "owners": {
            "acting": np.isin(owners, acting),
            "core": np.isin(owners, found.core),
            "country": stratum.astype(np.int16),
            "member": np.isin(owners, found.owners),
            "number": same_remainders(owners, FOLDS, -1),
            "proposed": np.isin(owners, found.group),
            "without": np.isin(owners, case.again.core),
        },
        "holdings": {
            "identity": first[order],
            "owner": member[order].astype(np.int32),
            "value": at[order].astype(np.int32),
        },
        "values": {
            "holders": holders,
            "holders_in_country": inside_of + suppressed(in_country - inside_of),
            "kind": incidence.value_kind[values],
            "shared": shared,
        },
        "kinds": {
            "holdings": population.n_of_kind.astype(np.int64),
            "holdings_in_country": population.kind_in_country(kinds[0], kinds[1]).astype(np.int64),
        },
    }


def _published(population: Population, values: npt.NDArray[np.int32], holders: npt.NDArray[np.int64]) -> Population:
    """Return a population in which values have their published counts."""
    published = copy(population)
    published.n_of_value = population.n_of_value.copy()
    published.n_of_value[values] = holders
    return published


def _outside(population: Population, core: npt.NDArray[np.int32], strata: npt.NDArray[np.int16], name: str) -> dict[str, Table]:
    """Return what membership counts of owners outside a core, with values classed by their published counts."""
    known = Core(population, core)
    counted = {column: getattr(known, column).astype(np.int64) for column in COUNTED}
    for column in COUNTED[3:]:
        counted[column] = suppressed(counted[column])
    for column in ("rest_country", "hits_country"):
        counted[column] = counted[column][:, strata]
    return {
        f"{name}outside-classes": {column: counted[column] for column in COUNTED[3:]},
        f"{name}outside-kinds": {column: counted[column] for column in COUNTED[:3]},
    }


def _first_of_kind(
    member: npt.NDArray[np.int64], value: npt.NDArray[np.int32], kind: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    """Return which holdings are their owner's first of a kind: what key 3 counts an owner by."""
    order = np.lexsort((value, kind, member))
    first = np.zeros(len(order), dtype=bool)
    if len(order):
        key = member[order] * 256 + kind[order]
        first[order[np.concatenate([[True], key[1:] != key[:-1]])]] = True
    return first


def _traffic(case: Case) -> dict[str, Table]:
    """Return tokens by cells of days with at least five calls, and calls by capability."""
    calls = case.traffic.calls.take(pa.array(case.traffic.rows))
    day = calls.column("started_at").cast(pa.int64()).to_numpy() // _DAY_US
    days, place, count = np.unique(day, return_inverse=True, return_counts=True)
    cell = _cells(count)
    columns: dict[str, npt.NDArray[np.generic]] = {
        "calls": np.bincount(cell, weights=count).astype(np.int64),
        "first_day": days[np.unique(cell, return_index=True)[1]].astype(np.int32),
    }
    for name in _TOKENS:
        tokens = pc.fill_null(calls.column(name), 0).to_numpy().astype(np.int64)
        summed = np.zeros(int(cell.max(initial=-1)) + 1, dtype=np.int64)
        np.add.at(summed, cell[place], tokens)
        columns[name] = summed
    classes, counts = np.unique(calls.column("capability").drop_null().to_numpy(), return_counts=True)
    named = list(zip(case.campaign.profile.capabilities, counts.tolist(), strict=True)) if len(classes) else []
    shown = {name: n for name, n in named if n >= SMALLEST_CELL}
    rest = sum(n for _, n in named) - sum(shown.values())
    names = [*sorted(shown), RARE]
    return {
        "days": columns,
        "capabilities": {
            "calls": np.array([*(shown[name] for name in sorted(shown)), rest], dtype=np.int64),
            "name": np.array(names, dtype=f"S{max(len(name.encode()) for name in names)}"),
        },
    }


def _cells(count: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the cell of each day: days are added up from the first on until a cell has five calls; the rest joins the last."""
    cell = np.zeros(len(count), dtype=np.int64)
    number, held = 0, 0
    for place, n in enumerate(count.tolist()):
        cell[place] = number
        held += n
        if held >= SMALLEST_CELL:
            number, held = number + 1, 0
    if held and number:
        cell[cell == number] = number - 1
    return cell
