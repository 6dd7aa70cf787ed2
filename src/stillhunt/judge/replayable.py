"""
One campaign → its replay bundle: everything that the tests read, coded so that it says nothing else.

Owners, values, prompts and countries become numbers that mean nothing outside the bundle; times become hours; counts
one outsider are raised to two. What each table and column holds is in `docs/reference/bundle.md`.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.judge.bets import COUNTED, Core
from stillhunt.judge.blinding import recoded
from stillhunt.judge.clock import hours_of
from stillhunt.judge.copies import copied_pairs
from stillhunt.judge.interchangeable import NotRun, comparable, serves_tests
from stillhunt.judge.linkage import Population
from stillhunt.judge.membership import FOLDS
from stillhunt.judge.operate import WEIGHTS, JointOperation, Operation
from stillhunt.judge.rule import Rule
from stillhunt.judge.sets import LINKAGE_LEVEL, LinkedOwners
from stillhunt.judge.traffic import Harvest, Traffic
from stillhunt.model import LINKING_ONE_IN, Profile
from stillhunt.seal.bundle import SMALLEST_CELL, Bundle, Table, suppressed
from stillhunt.seal.canonical import Json

REPLAYED = ("clock", "interchange", "queue", "multiplicity", "copies")
"""The tests whose input is in the bundle; the p-values of others are given, not recomputed."""

RARE = "rare classes"
"""What capability classes of fewer than five calls are counted under."""

_DAY_US = 86_400_000_000
_TOKENS = ("tokens_in", "tokens_out", "tokens_reasoning")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """
    A campaign with all that its numbers follow from.

    `traffic` and `operated` have the strands shown; `others` are the p-values of strands that are not; `p_values` are
    those of all sets tested, this one at `number`, and `strand_level` the level at which strands are shown.
    """

    campaign: str
    found: LinkedOwners
    traffic: Traffic
    operated: JointOperation
    others: tuple[float, ...]
    p_values: npt.NDArray[np.float64]
    number: int
    strand_level: float
    members: tuple[str, ...]
    """The accused accounts, in the order in which the campaign lists them."""
    profile: Profile
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
    2. Key 2: each strand shown, with the texts that were compared and other users of its template.
    3. Traffic: tokens and capabilities in cells of at least five calls.
    """
    tables: dict[str, Table] = _linking(population, case)                                    # 1.
    strands: list[Json] = []
    ids = []
    for number, (harvest, tests) in enumerate(zip(case.traffic.harvests, case.operated.strands, strict=True), 1):
        columns, order = _strand(harvest, case, rule.seed)                                              # 2.
        tables |= {f"strand-{number}{part}": table for part, table in columns.items()}
        strands.append(_about_strand(harvest, tests))
        names = case.traffic.calls.column("exchange_id").take(pa.array(harvest.strand.rows[order]))
        ids.append(tuple(names.to_pylist()))
    tables |= _traffic(case)                                                                 # 3.
    incidence = population.incidence
    about: dict[str, Json] = {
        "campaign": case.campaign,
        "population": {
            "groups": list(incidence.groups),
            "kind_group": [int(g) for g in incidence.kind_group],
            "kinds": list(incidence.kinds),
            "owners": incidence.n_owners,
        },
        "selection": {
            "number": case.number,
            "other_strands": list(case.others),
            "p_values": [float(p) for p in case.p_values],
            "strand_level": float(case.strand_level),
        },
        "settings": {
            "declared_customers": rule.declared_customers,
            "draws": rule.draws,
            "level": rule.level,
            "linkage_level": LINKAGE_LEVEL,
            "membership_level": rule.membership_level,
            "rho0": rule.rho0,
            "seed": rule.seed,
            "shares": dict(WEIGHTS),
        },
        "strands": strands,
    }
    return Replayable(bundle=Bundle(about=about, tables=tables), exchange_ids=tuple(ids))


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
    counted = _outside(population, case, values, holders, strata)
    return {
        "outside-classes": {name: counted[name] for name in COUNTED[3:]},
        "outside-kinds": {name: counted[name] for name in COUNTED[:3]},
        "owners": {
            "acting": np.isin(owners, acting),
            "core": np.isin(owners, found.core),
            "country": stratum.astype(np.int16),
            "member": np.isin(owners, found.owners),
            "number": _same_remainders(owners, FOLDS, -1),
            "proposed": np.isin(owners, found.group),
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
        },
        "kinds": {
            "holdings": population.n_of_kind.astype(np.int64),
            "holdings_in_country": population.kind_in_country(kinds[0], kinds[1]).astype(np.int64),
        },
    }


def _same_remainders(ascending: npt.NDArray[np.integer], modulus: int, last: int) -> npt.NDArray[np.int32]:
    """Return the smallest ascending numbers above `last` with the same remainders as some ascending numbers."""
    numbers = []
    for value in ascending.tolist():
        last += 1 + (value - last - 1) % modulus
        numbers.append(last)
    return np.array(numbers, dtype=np.int32)


def _outside(
    population: Population, case: Case, values: npt.NDArray[np.int32], holders: npt.NDArray[np.int64], strata: npt.NDArray[np.int16]
) -> Table:
    """Return what membership counts of owners outside the core, with values classed by their published counts."""
    published = copy(population)
    published.n_of_value = population.n_of_value.copy()
    published.n_of_value[values] = holders
    core = Core(published, case.found.core)
    counted = {name: getattr(core, name).astype(np.int64) for name in COUNTED}
    for name in COUNTED[3:]:
        counted[name] = suppressed(counted[name])
    for name in ("rest_country", "hits_country"):
        counted[name] = counted[name][:, strata]
    return counted


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


def _strand(harvest: Harvest, case: Case, seed: int) -> tuple[dict[str, Table], npt.NDArray[np.int64]]:
    """Return the tables of a strand, and the order in which its calls stand in them."""
    strand = harvest.strand
    hours, _ = hours_of(strand)
    others = np.zeros(0, np.uint64) if harvest.others is None else harvest.others.column("prompt_h").to_numpy()
    prompts = np.unique(np.concatenate([strand.fill, others, np.zeros(1, np.uint64)]))
    codes = _same_remainders(prompts, LINKING_ONE_IN, -1)

    def coded(fill: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
        return codes[np.searchsorted(prompts, fill)]

    names = case.traffic.calls.column("account_id").take(pa.array(strand.rows))
    login = pc.index_in(names, pa.array(case.members, pa.string())).to_numpy()
    order = np.lexsort((strand.fill, hours, strand.account))
    tables: dict[str, Table] = {
        "": {
            "account": strand.account[order],
            "hour": hours[order].astype(np.int32),
            "login": login[order].astype(np.int32),
            "prompt": coded(strand.fill[order]),
        }
    }
    texts = comparable(strand)
    if not isinstance(texts, NotRun):
        tables["-texts"] = {
            "account": texts.account.astype(np.int32),
            "prompt": coded(texts.fill),
            "sketch": texts.sketch,
        }
    pairs = copied_pairs(strand, serves_tests(strand.fill), others, seed=seed)
    if pairs is not None:
        tables["-copies"] = {"close": pairs.close, "hour": (pairs.hour - pairs.hour.min()).astype(np.int32)}
    if harvest.others is not None:
        tables["-others"] = {
            "owner": harvest.others.column("owner").to_numpy().astype(np.int32),
            "prompt": coded(others),
        }
    return tables, order


def _about_strand(harvest: Harvest, tests: Operation) -> Json:
    at = harvest.strand.at_us
    first = date(1970, 1, 1) + timedelta(days=int(at.min()) // _DAY_US) if len(at) else date(1970, 1, 1)
    given: dict[str, Json] = {name: p for name, p in tests.p_values.items() if name not in REPLAYED}
    return {"accounts": harvest.strand.n_accounts, "first_day": first.isoformat(), "given": given}


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
    named = list(zip(case.profile.capabilities, counts.tolist(), strict=True)) if len(classes) else []
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
