"""
Recipes: the name of a number → how it follows from a replay bundle.

The tests are those of `judge`, on the arrays that they read in the hunt. Names are listed in `docs/reference/bundle.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillhunt.errors import SealError
from stillhunt.judge.best_of_k import multiplicity_test
from stillhunt.judge.bets import COUNTED, Core
from stillhunt.judge.clock import clock_test
from stillhunt.judge.concealment import concealment
from stillhunt.judge.copies import Pairs, copies_of
from stillhunt.judge.false_discovery import adjusted
from stillhunt.judge.interchangeable import Comparable, NotRun, compared, distinct_fills, serves_tests
from stillhunt.judge.linkage import Population, linkage
from stillhunt.judge.membership import e_bh, scored
from stillhunt.judge.strands import Strand
from stillhunt.judge.work_queue import queue_test
from stillhunt.model import Incidence
from stillhunt.seal.bundle import Bundle, load
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of

_HOUR_US = 3_600_000_000
_LOG10 = math.log(10.0)

Ints = npt.NDArray[np.int64]


def recompute(folder: Path) -> dict[str, Json]:
    """
    Return every number that the bundle in a folder gives, by the name of its recipe.

    Raises `SealError` when the bundle is damaged or does not hang together.
    """
    return recomputed(load(folder))


def recomputed(bundle: Bundle) -> dict[str, Json]:
    """Return every number that a bundle gives, by the name of its recipe; raises as `recompute`."""
    try:
        return {**given(bundle), **linking(bundle), **operating(bundle), **traffic(bundle)}
    except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise SealError(
            f"The bundle does not hang together ({type(error).__name__}).\nIt was changed; get it anew."
        ) from error


def given(bundle: Bundle) -> dict[str, Json]:
    """Return the settings, which verification holds against the journal, and how many owners the log has."""
    population = mapping_of(bundle.about["population"], "population")
    out = {f"settings.{name}": value for name, value in _settings(bundle).items() if isinstance(value, int | float)}
    out["linkage.level"] = out["settings.linkage_level"]
    out["key2.level"] = _float(out["settings.level"]) - _float(out["settings.linkage_level"])
    out["membership.level"] = out["settings.membership_level"]
    out["concealment.threshold"] = out["settings.declared_customers"]
    return {**out, "population.owners": population["owners"]}


def linking(bundle: Bundle) -> dict[str, Json]:
    """
    Return the numbers of key 1, membership and key 3.

    1. The owners of the bundle as a population whose counts are those of the whole log.
    2. Linkage of the set as proposed.
    3. Membership: e-values against the core, and how many e-BH keeps.
    4. Concealment of the members that act in a strand.
    """
    population, flags, number = _population(bundle)                                          # 1.
    link = linkage(population, number[flags["proposed"]])                                    # 2.
    out: dict[str, Json] = {
        "owners": int(flags["member"].sum()),
        "linkage.log10": link.weighted_log10,
        "linkage.price_log10": link.price_log10,
        "linkage.without_strongest_log10": link.without_strongest_log10,
    }
    out |= {f"linkage.group.{n}": g for n, g in zip(population.incidence.groups, link.groups_log10, strict=True)}
    core = number[flags["core"]]                                                             # 3.
    owners, log_e, _ = scored(Core(population, core, _outside(bundle)), others=False)
    level = _float(_settings(bundle)["membership_level"])
    kept = owners[e_bh(log_e, population.incidence.n_owners, level)]
    members = number[flags["member"]]
    out["membership.log10"] = [float(e) / _LOG10 for e in log_e[np.isin(owners, members)]]
    out["membership.kept"] = int(np.isin(members, kept).sum())
    acting = number[flags["acting"]]                                                         # 4.
    seen = concealment(
        acting,
        _identities(bundle, population, number, "card"),
        _identities(bundle, population, number, "email_domain"),
        population.incidence.n_owners,
        population.n_of_value,
    )
    for name, value in (("customers", seen.customers), ("by_card", seen.by_card), ("by_domain", seen.by_domain)):
        if value is not None:
            out[f"concealment.{name}"] = value
    return out


def _population(bundle: Bundle) -> tuple[Population, dict[str, npt.NDArray[np.bool_]], npt.NDArray[np.int32]]:
    """Return the population of the bundle's owners, which of them are what, and their numbers."""
    about = mapping_of(bundle.about["population"], "population")
    number = bundle.column("owners", "number").astype(np.int32)
    n_owners = number_of(about["owners"], "population.owners")
    stratum = np.zeros(n_owners, dtype=np.int16)
    stratum[number] = bundle.column("owners", "country").astype(np.int16)
    owner = number[_whole(bundle, "holdings", "owner")]
    value = _whole(bundle, "holdings", "value").astype(np.int32)
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
    flags = {name: bundle.column("owners", name).astype(bool) for name in ("proposed", "core", "member", "acting")}
    return population, flags, number


def _outside(bundle: Bundle) -> dict[str, npt.NDArray[np.float64]]:
    """Return what membership counts of the owners outside the core."""
    tables = ("outside-kinds",) * 3 + ("outside-classes",) * 3
    return {name: bundle.column(table, name).astype(np.float64) for table, name in zip(tables, COUNTED, strict=True)}


def _identities(
    bundle: Bundle, population: Population, number: npt.NDArray[np.int32], kind: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return (owner, value) of the holding of a kind that each owner is counted by in key 3."""
    kinds = population.incidence.kinds
    value = _whole(bundle, "holdings", "value").astype(np.int32)
    counted = bundle.column("holdings", "identity").astype(bool)
    which = kinds.index(kind) if kind in kinds else -1
    mine = counted & (population.incidence.value_kind[value].astype(np.int64) == which)
    return number[_whole(bundle, "holdings", "owner")][mine], value[mine]


def operating(bundle: Bundle) -> dict[str, Json]:
    """
    Return the numbers of key 2.

    1. The tests of each strand; p-values of tests that the bundle cannot repeat are taken as given.
    2. Bonferroni over tests and strands.
    3. Benjamini–Hochberg over the sets that were tested.
    """
    settings, selection = _settings(bundle), mapping_of(bundle.about["selection"], "selection")
    shares = {name: _float(x) for name, x in mapping_of(settings["shares"], "shares").items()}
    out: dict[str, Json] = {}
    strand_p = [_float(p) for p in list_of(selection["other_strands"], "other_strands")]
    for number, about in enumerate(list_of(bundle.about["strands"], "strands"), 1):
        found = _strand(bundle, number, mapping_of(about, "strands"))                        # 1.
        given = mapping_of(mapping_of(about, "strands")["given"], "given")
        p_values = {name: _float(p) for name, p in given.items()}
        p_values |= {n.removesuffix(".p_value"): _float(v) for n, v in found.items() if n.endswith(".p_value")}
        p = min(1.0, min((p / shares[name] for name, p in p_values.items()), default=1.0))   # 2.
        out |= {f"strand.{number}.{name}": value for name, value in found.items()}
        out[f"strand.{number}.p_value"] = p
        strand_p.append(p)
    p_of_set = min(1.0, len(strand_p) * min(strand_p))
    p_all = np.array([_float(p) for p in list_of(selection["p_values"], "p_values")])        # 3.
    at = number_of(selection["number"], "number")
    p_all[at] = p_of_set
    return {
        **out,
        "key2.p_value": p_of_set,
        "key2.q_value": float(adjusted(p_all)[at]),
        "key2.tested": len(p_all),
    }


def _strand(bundle: Bundle, number: int, about: Mapping[str, Json]) -> dict[str, Json]:
    """Return the numbers of the four tests of one strand; a test that does not run has none."""
    settings = _settings(bundle)
    draws, seed = number_of(settings["draws"], "draws"), number_of(settings["seed"], "seed")
    strand = _strand_of(bundle, number, about)
    account, prompt, _ = distinct_fills(strand)
    everything = _disjointness(account, prompt)
    account, prompt = account[serves_tests(prompt)], prompt[serves_tests(prompt)]
    clock = clock_test(strand, draws=draws, seed=seed)
    tests: dict[str, object] = {"clock": clock, "multiplicity": multiplicity_test(account, prompt)}
    texts, others = f"strand-{number}-texts", f"strand-{number}-others"
    if texts in bundle.tables:
        of_texts = Comparable(
            account=_whole(bundle, texts, "account"),
            fill=_whole(bundle, texts, "prompt").astype(np.uint64),
            sketch=bundle.column(texts, "sketch").astype(np.int8),
        )
        tests["interchange"] = compared(of_texts, rho0=_float(settings["rho0"]), seed=seed)
    if others in bundle.tables:
        owner, filled = _whole(bundle, others, "owner"), _whole(bundle, others, "prompt").astype(np.uint64)
        known = serves_tests(filled)
        tests["queue"] = queue_test(account, prompt, owner[known], filled[known], draws=draws, seed=seed)
    copies = f"strand-{number}-copies"
    if copies in bundle.tables:
        pairs = Pairs(hour=_whole(bundle, copies, "hour"), close=bundle.column(copies, "close").astype(bool))
        tests["copies"] = copies_of(pairs)
    out: dict[str, Json] = {
        "accounts": len(np.unique(strand.account)),
        "calls": len(strand.account),
        **everything,
        **_rhythm(strand),
    }
    for name, test in tests.items():
        if test is not None and not isinstance(test, NotRun):
            out |= {f"{name}.{key}": value for key, value in scalars(test).items()}
    return out


def _strand_of(bundle: Bundle, number: int, about: Mapping[str, Json]) -> Strand:
    """Return a strand of the bundle; `rows` are the numbers of the accounts, of which an owner may have several."""
    table = f"strand-{number}"
    first = date.fromisoformat(text_of(about["first_day"], "first_day")) - date(1970, 1, 1)
    account = bundle.column(table, "account").astype(np.int32)
    return Strand(
        account=account,
        at_us=(_whole(bundle, table, "hour") + 24 * first.days) * _HOUR_US,
        fill=bundle.column(table, "prompt").astype(np.uint64),
        sketch=np.zeros((len(account), 0), dtype=np.int8),
        rows=_whole(bundle, table, "login"),
        n_accounts=number_of(about["accounts"], "accounts"),
        key=None,
        description="",
    )


def scalars(test: object) -> dict[str, Json]:
    """Return the numbers that a test result holds, by name; those of its null as their mean."""
    out: dict[str, Json] = {}
    for name in test.__dataclass_fields__:  # type: ignore[attr-defined]
        value = getattr(test, name)
        if name == "near":
            out |= dict(zip(("below", "at", "above"), value, strict=True))
        elif name == "null":
            out["null_mean"] = float(value.mean())
        elif isinstance(value, int | float):
            out[name] = value
    return out


def _disjointness(account: Ints, prompt: npt.NDArray[np.uint64]) -> dict[str, Json]:
    """Return pairs of accounts, pairs with a prompt in common, different prompts, and prompts of several accounts."""
    n = len(np.unique(account))
    _, place, senders = np.unique(prompt, return_inverse=True, return_counts=True)
    together: set[tuple[int, int]] = set()
    order = np.lexsort((account, place))
    bounds = np.cumsum(senders)[:-1]
    for who in np.split(account[order], bounds) if len(account) else []:
        ids = who.tolist()
        together.update((a, b) for i, a in enumerate(ids) for b in ids[i + 1 :])
    return {
        "pairs": n * (n - 1) // 2,
        "pairs_sharing": len(together),
        "prompts": len(senders),
        "prompts_shared": int((senders >= 2).sum()),
    }


def _rhythm(strand: Strand) -> dict[str, Json]:
    """Return first and last day, calls by hour of the day, and active accounts by day."""
    if not len(strand.at_us):
        return {}
    day = strand.at_us // (24 * _HOUR_US)
    pairs = np.unique(np.stack([day, strand.rows]), axis=1)
    days, active = np.unique(pairs[0], return_counts=True)
    return {
        "active_per_day": {_iso(int(d)): int(n) for d, n in zip(days, active, strict=True)},
        "first_day": _iso(int(day.min())),
        "hours": [int(n) for n in np.bincount(strand.at_us // _HOUR_US % 24, minlength=24)],
        "last_day": _iso(int(day.max())),
        "peak_accounts": int(active.max()),
    }


def traffic(bundle: Bundle) -> dict[str, Json]:
    """Return calls, accounts, days, tokens and capability shares over the strands shown."""
    strands = [
        _strand_of(bundle, number, mapping_of(about, "strands"))
        for number, about in enumerate(list_of(bundle.about["strands"], "strands"), 1)
    ]
    day = np.concatenate([s.at_us for s in strands]) // (24 * _HOUR_US)
    per_day = np.bincount(day - day.min())
    active = np.unique(np.stack([day, np.concatenate([s.rows for s in strands])]), axis=1)
    calls = _whole(bundle, "capabilities", "calls")
    names = [bytes(n).decode() for n in bundle.column("capabilities", "name").tolist()]
    out: dict[str, Json] = {
        "traffic.accounts": len(np.unique(np.concatenate([s.rows for s in strands]))),
        "traffic.calls": len(day),
        "traffic.days": int((per_day > 0).sum()),
        "traffic.first_day": _iso(int(day.min())),
        "traffic.last_day": _iso(int(day.max())),
        "traffic.peak_accounts": int(np.unique(active[0], return_counts=True)[1].max()),
        "traffic.peak_calls": int(per_day.max()),
        "traffic.per_day": {_iso(int(day.min()) + i): int(n) for i, n in enumerate(per_day)},
    }
    for name in ("tokens_in", "tokens_out", "tokens_reasoning"):
        out[f"traffic.{name}"] = int(_whole(bundle, "days", name).sum())
    out |= _accounts(strands)
    total = int(calls.sum())
    for name, n in zip(names, calls.tolist(), strict=True):
        if n:
            out[f"traffic.capability.{name}"] = n / total
    if int(_whole(bundle, "days", "calls").sum()) != len(day):
        raise SealError("The cells of days do not add up to the calls of the strands.\nThe bundle was changed.")
    return out


def _accounts(strands: list[Strand]) -> dict[str, Json]:
    """Return calls and first day of each account, numbered from 1 in the order in which the campaign lists them."""
    login = np.concatenate([s.rows for s in strands])
    day = np.concatenate([s.at_us for s in strands]) // (24 * _HOUR_US)
    out: dict[str, Json] = {}
    for number in np.unique(login).tolist():
        mine = day[login == number]
        out[f"account.{number + 1}.calls"] = len(mine)
        out[f"account.{number + 1}.first_day"] = _iso(int(mine.min()))
    return out


def _settings(bundle: Bundle) -> Mapping[str, Json]:
    return mapping_of(bundle.about["settings"], "settings")


def _whole(bundle: Bundle, table: str, column: str) -> Ints:
    return bundle.column(table, column).astype(np.int64)


def _float(value: Json) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise SealError("A number is expected in the bundle where there is none.\nIt was changed; get it anew.")


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
