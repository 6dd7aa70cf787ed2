"""Reading a replay bundle: columns as arrays of the kind that the tests take, and its parts as the objects they take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from stillhunt.errors import SealError
from stillhunt.judge.bets import COUNTED
from stillhunt.judge.linkage import Population
from stillhunt.judge.strands import Strand
from stillhunt.model import Incidence
from stillhunt.seal.bundle import Bundle
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
FLAGS = ("proposed", "core", "member", "acting", "without")

Ints = npt.NDArray[np.int64]
Flags = Mapping[str, npt.NDArray[np.bool_]]


def settings_of(bundle: Bundle) -> Mapping[str, Json]:
    """Return the settings of the hunt."""
    return mapping_of(bundle.about["settings"], "settings")


def shares_of(bundle: Bundle) -> dict[str, float]:
    """Return the share of the level that each test of joint operation may spend."""
    return {name: real(x) for name, x in mapping_of(settings_of(bundle)["shares"], "shares").items()}


def whole(bundle: Bundle, table: str, column: str) -> Ints:
    """Return a column as whole numbers."""
    return bundle.column(table, column).astype(np.int64)


def real(value: Json) -> float:
    """Return a number, else raise `SealError`."""
    if isinstance(value, int | float):
        return float(value)
    raise SealError("A number is expected in the bundle where there is none.\nIt was changed; get it anew.")


def iso(day: int) -> str:
    """Return a day since 1970 as an ISO date."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def p_values_of(rows: Json) -> list[dict[str, float]]:
    """Return the p-values by test of strands of which nothing else is in the bundle."""
    return [{name: real(p) for name, p in mapping_of(row, "strands").items()} for row in list_of(rows, "strands")]


def population_of(bundle: Bundle) -> tuple[Population, Flags, npt.NDArray[np.int32]]:
    """Return the population of the bundle's owners, which of them are what, and their numbers."""
    about = mapping_of(bundle.about["population"], "population")
    number = bundle.column("owners", "number").astype(np.int32)
    n_owners = number_of(about["owners"], "population.owners")
    stratum = np.zeros(n_owners, dtype=np.int16)
    stratum[number] = bundle.column("owners", "country").astype(np.int16)
    owner = number[whole(bundle, "holdings", "owner")]
    value = whole(bundle, "holdings", "value").astype(np.int32)
    order = np.lexsort((owner, value))
    population = Population(
        Incidence(
            owner=owner[order],
            value=value[order],
            value_kind=bundle.column("values", "kind").astype(np.uint8),
            kinds=tuple(text_of(k, "kinds") for k in list_of(about["kinds"], "kinds")),
            kind_group=np.array(about["kind_group"], dtype=np.int8),
            groups=tuple(text_of(g, "groups") for g in list_of(about["groups"], "groups")),
            stratum=stratum,
            n_owners=n_owners,
        )
    )
    population.recounted(
        n_of_value=bundle.column("values", "holders").astype(np.float64),
        n_of_kind=bundle.column("kinds", "holdings").astype(np.float64),
        in_country=bundle.column("values", "holders_in_country").astype(np.float64),
        kind_in_country=bundle.column("kinds", "holdings_in_country").astype(np.float64),
    )
    flags = {name: bundle.column("owners", name).astype(bool) for name in FLAGS}
    return population, flags, number


def outside_of(bundle: Bundle, core: str = "") -> dict[str, npt.NDArray[np.float64]]:
    """Return what membership counts of the owners outside a core: the first (no name), `members-`, or `without-`."""
    tables = (f"{core}outside-kinds",) * 3 + (f"{core}outside-classes",) * 3
    return {name: bundle.column(table, name).astype(np.float64) for table, name in zip(tables, COUNTED, strict=True)}


def identities_of(
    bundle: Bundle, population: Population, number: npt.NDArray[np.int32], kind: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return (owner, value) of the holding of a kind that each owner is counted by in key 3."""
    kinds = population.incidence.kinds
    value = whole(bundle, "holdings", "value").astype(np.int32)
    counted = bundle.column("holdings", "identity").astype(bool)
    which = kinds.index(kind) if kind in kinds else -1
    mine = counted & (population.incidence.value_kind[value].astype(np.int64) == which)
    return number[whole(bundle, "holdings", "owner")][mine], value[mine]


def strands_of(bundle: Bundle, part: str = "strand") -> list[Strand]:
    """Return the strands shown, or those judged again (`without-strand`)."""
    rows = list_of(bundle.about["strands" if part == "strand" else "again"], "strands")
    return [_strand(bundle, f"{part}-{n}", mapping_of(about, "strands")) for n, about in enumerate(rows, 1)]


def _strand(bundle: Bundle, table: str, about: Mapping[str, Json]) -> Strand:
    """Return a strand of the bundle; `rows` are the numbers of the accounts, of which an owner may have several."""
    first = date.fromisoformat(text_of(about["first_day"], "first_day")) - date(1970, 1, 1)
    account = bundle.column(table, "account").astype(np.int32)
    return Strand(
        account=account,
        at_us=(whole(bundle, table, "hour") + 24 * first.days) * HOUR_US,
        fill=bundle.column(table, "prompt").astype(np.uint64),
        sketch=np.zeros((len(account), 0), dtype=np.int8),
        rows=whole(bundle, table, "login"),
        n_accounts=number_of(about["accounts"], "accounts"),
        key=None,
        description="",
    )
