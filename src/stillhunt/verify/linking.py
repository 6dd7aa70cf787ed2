"""Recipes of key 1, membership and key 3: what the accounts share, who belongs by it, and whom they pose as."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stillhunt.judge.bets import Core
from stillhunt.judge.concealment import Concealment, concealment
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.membership import SMALLEST_FACTOR, e_bh, scored
from stillhunt.seal.bundle import FEWEST_OUTSIDERS, Bundle
from stillhunt.seal.canonical import Json
from stillhunt.verify.reading import (
    Flags,
    identities_of,
    outside_of,
    population_of,
    real,
    settings_of,
    strands_of,
    whole,
)

LOG10 = math.log(10.0)


def linking(bundle: Bundle) -> dict[str, Json]:
    """
    Return the numbers of key 1, membership and key 3.

    1. The owners of the bundle as a population whose counts are those of the whole log.
    2. Linkage of the set as proposed.
    3. Membership: e-values against the core, of members outside it too, and how many e-BH keeps; account by account; and with
       each group left aside.
    4. Concealment of the members that act in a strand.
    5. The shared values that are listed.
    """
    population, flags, number = population_of(bundle)                                        # 1.
    link = linkage(population, number[flags["proposed"]])                                    # 2.
    names = population.incidence.groups
    out: dict[str, Json] = {
        "owners": int(flags["member"].sum()),
        "linkage.log10": link.weighted_log10,
        "linkage.price_log10": link.price_log10,
        "linkage.without_strongest_log10": link.without_strongest_log10,
    }
    for name, g in zip(names, link.groups_log10, strict=True):
        out |= {f"linkage.group.{name}": g, f"without.{name}.log10": link.weighted_log10 - g}
    out |= _membership(bundle, population, flags, number)                                    # 3.
    out |= _without(bundle, population, number[flags["member"]])
    seen = concealed_of(bundle, population, number, number[flags["acting"]])                 # 4.
    for key, value in (("customers", seen.customers), ("by_card", seen.by_card), ("by_domain", seen.by_domain)):
        if value is not None:
            out[f"concealment.{key}"] = value
    return out | _shared(bundle, population, flags)                                          # 5.


def concealed_of(
    bundle: Bundle, population: Population, number: npt.NDArray[np.int32], acting: npt.NDArray[np.int32]
) -> Concealment:
    """Return key 3 of some owners."""
    cards, domains = (identities_of(bundle, population, number, kind) for kind in ("card", "email_domain"))
    return concealment(acting, cards, domains, population.incidence.n_owners, population.n_of_value)


def owner_of_login(bundle: Bundle) -> dict[int, int]:
    """Return which member, counted from 0, each account belongs to, accounts numbered as the campaign lists them."""
    found: dict[int, int] = {}
    for strand in strands_of(bundle):
        found |= dict(zip(strand.rows.tolist(), strand.account.tolist(), strict=True))
    return found


def _membership(
    bundle: Bundle, population: Population, flags: Flags, number: npt.NDArray[np.int32]
) -> dict[str, Json]:
    owners, log_e, factors = scored(Core(population, number[flags["core"]], outside_of(bundle)), others=True)
    level = real(settings_of(bundle)["membership_level"])
    kept = owners[e_bh(log_e, population.incidence.n_owners, level)]
    members = number[flags["member"]]
    out: dict[str, Json] = {
        "membership.log10": [float(e) / LOG10 for e in log_e[np.isin(owners, members)]],
        "membership.kept": int(np.isin(members, kept).sum()),
    }
    row = {int(owner): at for at, owner in enumerate(owners.tolist())}
    for login, at in owner_of_login(bundle).items():
        mine = row.get(int(members[at]))
        if mine is None:
            continue
        for name, factor in zip(population.incidence.groups, factors[mine].tolist(), strict=True):
            out[f"account.{login + 1}.factor.{name}"] = round(math.log(max(factor, SMALLEST_FACTOR)) / LOG10, 4)
    return out


def _without(bundle: Bundle, population: Population, members: npt.NDArray[np.int32]) -> dict[str, Json]:
    """Return how many accounts stay when each group says nothing, and how many do not stay without some group."""
    level = real(settings_of(bundle)["membership_level"])
    core = Core(population, members, outside_of(bundle, "members-"))
    owner = owner_of_login(bundle)
    at = np.array([owner[login] for login in sorted(owner)], dtype=np.int64)
    out: dict[str, Json] = {}
    hangs = np.zeros(len(at), dtype=bool)
    for group, name in enumerate(population.incidence.groups):
        owners, log_e, _ = scored(core, others=False, without=group)
        stays = np.isin(members, owners[e_bh(log_e, population.incidence.n_owners, level)])[at]
        out[f"without.{name}.accounts"] = int(stays.sum())
        hangs |= ~stays
    return {**out, "membership.hanging": int(hangs.sum())}


def _shared(bundle: Bundle, population: Population, flags: Flags) -> dict[str, Json]:
    """Return, for each listed value, holders in the set and elsewhere, and at most which share of all owners holds it."""
    member = np.flatnonzero(flags["member"])
    value = whole(bundle, "holdings", "value")[np.isin(whole(bundle, "holdings", "owner"), member)]
    inside = np.bincount(value, minlength=len(population.n_of_value))
    out: dict[str, Json] = {}
    for at, listed in enumerate(whole(bundle, "values", "shared").tolist()):
        if listed:
            outside = int(population.n_of_value[at]) - int(inside[at])
            most = FEWEST_OUTSIDERS - 1 if 0 < outside < FEWEST_OUTSIDERS else outside
            out[f"shared.{listed}.inside"] = int(inside[at])
            out[f"shared.{listed}.outside"] = outside
            out[f"shared.{listed}.share"] = (int(inside[at]) + most) / population.incidence.n_owners
    return out
