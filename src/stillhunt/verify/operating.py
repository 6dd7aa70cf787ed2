"""Recipes of key 2: every test of every strand, combined as the rule combines them; and of the set judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from stillhunt.judge.ablation import linked_without
from stillhunt.judge.best_of_k import multiplicity_test
from stillhunt.judge.bets import Core
from stillhunt.judge.clock import clock_test
from stillhunt.judge.copies import Pairs, copies_of
from stillhunt.judge.exhibits import spread
from stillhunt.judge.false_discovery import adjusted
from stillhunt.judge.interchangeable import Comparable, compared, distinct_fills, serves_tests
from stillhunt.judge.joins.circles import circle_test
from stillhunt.judge.joins.dealings import PARTNERS
from stillhunt.judge.joins.takeover import Takeovers, takeover_of
from stillhunt.judge.membership import e_bh, scored
from stillhunt.judge.operate import NAMES
from stillhunt.judge.scalars import pictured, scalars
from stillhunt.judge.sets import FEWEST_OWNERS, linked_log10
from stillhunt.judge.strands import Strand
from stillhunt.judge.work_queue import queue_test
from stillhunt.seal.bundle import Bundle
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of
from stillhunt.verify.linking import concealed_of
from stillhunt.verify.reading import (
    DAY_US,
    HOUR_US,
    Ints,
    iso,
    outside_of,
    p_values_of,
    population_of,
    real,
    settings_of,
    shares_of,
    strands_of,
    whole,
)

PValues = Mapping[str, float]


def operating(bundle: Bundle) -> dict[str, Json]:
    """
    Return the numbers of key 2.

    1. The tests of each strand shown.
    2. Bonferroni over tests and strands; strands that are not shown give their p-values.
    3. Benjamini–Hochberg over the sets that were tested.
    4. The set judged again without its strongest test, and without its strongest kind of shared values.
    """
    selection = mapping_of(bundle.about["selection"], "selection")
    rho0 = real(settings_of(bundle)["rho0"])
    out: dict[str, Json] = {}
    shown: list[PValues] = []
    for number, strand in enumerate(strands_of(bundle), 1):
        tests = tests_of(bundle, f"strand-{number}", f"strand-{number}-others", strand)      # 1.
        numbers = {name: {**scalars(test), **pictured(test, rho0=rho0)} for name, test in tests.items()}
        found = {f"{name}.{key}": value for name, mine in numbers.items() for key, value in mine.items()}
        p_values = {name: float(found[f"{name}.p_value"]) for name in tests if f"{name}.p_value" in found}
        shown.append(p_values)
        of_strand = {**found, **_passed(bundle, number), **_rhythm(strand), "p_value": _combined(bundle, p_values)}
        out |= {f"strand.{number}.{name}": value for name, value in of_strand.items()} | spread(number, strand)
    hidden = p_values_of(selection["other_strands"])
    p_of_set = _of_set([_combined(bundle, p) for p in (*shown, *hidden)])                    # 2.
    q_values, at = _q_values(bundle, p_of_set)                                               # 3.
    out |= {"key2.p_value": p_of_set, "key2.q_value": float(q_values[at]), "key2.tested": len(q_values)}
    return {**out, **_without_test(bundle, shown, hidden), **_without_group(bundle, shown)}  # 4.


def tests_of(bundle: Bundle, table: str, others_table: str, strand: Strand) -> dict[str, object]:
    """Return the results of the eight tests of one strand; a test that does not run is None or says why."""
    settings = settings_of(bundle)
    draws, seed = number_of(settings["draws"], "draws"), number_of(settings["seed"], "seed")
    account, prompt, _ = distinct_fills(strand)
    account, prompt = account[serves_tests(prompt)], prompt[serves_tests(prompt)]
    tests: dict[str, object] = {
        "clock": clock_test(strand, draws=draws, seed=seed),
        "multiplicity": multiplicity_test(account, prompt),
    }
    texts = f"{table}-texts"
    if texts in bundle.tables:
        of_texts = Comparable(
            account=whole(bundle, texts, "account"),
            fill=whole(bundle, texts, "prompt").astype(np.uint64),
            sketch=bundle.column(texts, "sketch").astype(np.int8),
        )
        tests["interchange"] = compared(of_texts, rho0=real(settings["rho0"]), seed=seed)
    if others_table in bundle.tables:
        owner, filled = whole(bundle, others_table, "owner"), whole(bundle, others_table, "prompt").astype(np.uint64)
        known = serves_tests(filled)
        tests["queue"] = queue_test(account, prompt, owner[known], filled[known], draws=draws, seed=seed)
    copies = f"{table}-copies"
    if copies in bundle.tables:
        pairs = Pairs(hour=whole(bundle, copies, "hour"), close=bundle.column(copies, "close").astype(bool))
        tests["copies"] = copies_of(pairs)
    return {**tests, **_joins(bundle, table)}


def _joins(bundle: Bundle, table: str) -> dict[str, object]:
    """Return the exact joins of a strand, from who took what from whom and from the blocks of calls around failures."""
    tests: dict[str, object] = {}
    for name in ("replay", "feedback"):
        if f"{table}-{name}" in bundle.tables:
            giver, taker = (whole(bundle, f"{table}-{name}", column) for column in ("giver", "taker"))
            tests[name] = circle_test(giver, taker, circle=PARTNERS)
    if f"{table}-blocks" in bundle.tables:
        columns = ("calls", "failed", "followed", "both", "blocks")
        counts = Takeovers(
            blocks=np.stack([whole(bundle, f"{table}-blocks", column) for column in columns]),
            giver=whole(bundle, f"{table}-takeover", "giver"),
            taker=whole(bundle, f"{table}-takeover", "taker"),
        )
        tests["takeover"] = takeover_of(counts, np.zeros(0, dtype=np.int64))
    return tests


def _passed(bundle: Bundle, number: int) -> dict[str, Json]:
    out: dict[str, Json] = {}
    for name in ("replay", "feedback"):
        table = f"strand-{number}-{name}"
        taker = whole(bundle, table, "taker") if table in bundle.tables else np.zeros(0, np.int64)
        out |= {f"{name}.passed": len(taker), f"{name}.by": len(np.unique(taker))}
    return out


def _combined(bundle: Bundle, p_values: PValues) -> float:
    shares = shares_of(bundle)
    return min(1.0, min((p / shares[name] for name, p in p_values.items()), default=1.0))


def _of_set(strands: Sequence[float]) -> float:
    return min(1.0, len(strands) * min(strands))


def _q_values(bundle: Bundle, p_of_set: float) -> tuple[npt.NDArray[np.float64], int]:
    """Return the q-values of all sets tested with this one's p-value put in its place, and which it is."""
    selection = mapping_of(bundle.about["selection"], "selection")
    p_all = np.array([real(p) for p in list_of(selection["p_values"], "p_values")])
    at = number_of(selection["number"], "number")
    p_all[at] = p_of_set
    return adjusted(p_all), at


def _without_test(bundle: Bundle, shown: Sequence[PValues], hidden: Sequence[PValues]) -> dict[str, Json]:
    """Return what is left without the test whose p-value over its share is smallest in any strand."""
    shares = shares_of(bundle)
    smallest = {name: min(p.get(name, 1.0) / shares[name] for p in (*shown, *hidden)) for name in NAMES}
    strongest = min(smallest, key=smallest.__getitem__)
    left = [{name: x for name, x in p.items() if name != strongest} for p in (*shown, *hidden)]
    found = _standing(bundle, strands_of(bundle), left[: len(shown)], left[len(shown) :])
    return {f"ablation.operation.{name}": value for name, value in found.items()}


def _without_group(bundle: Bundle, shown: Sequence[PValues]) -> dict[str, Json]:
    """
    Return what is left without the group of traits that says most for the linkage.

    Only how strongly the rest is linked where the counts published do not keep the same owners as those of the log.
    """
    population, flags, number = population_of(bundle)
    about, settings = mapping_of(bundle.about["without"], "without"), settings_of(bundle)
    level, enough = real(settings["membership_level"]), linked_log10(real(settings["linkage_level"]))
    group = population.incidence.groups.index(text_of(about["group"], "without"))
    core = Core(population, number[flags["without"]], outside_of(bundle, "without-"))
    owners, log_e, _ = scored(core, others=False, without=group)
    kept = owners[e_bh(log_e, population.incidence.n_owners, level)]
    log10, witnesses = linked_without(population, kept, group)
    out: dict[str, Json] = {"ablation.linkage.log10": log10}
    if not (len(kept) >= FEWEST_OWNERS and log10 >= enough and witnesses >= 2):
        return out if about["passes"] else {**out, "ablation.linkage.accounts": 0}
    again = strands_of(bundle, "without-strand")
    left = shown
    if again:
        acting = np.unique(np.concatenate([s.account for s in again]))
        if not np.isin(number[flags["member"]][acting], kept).all():
            return out
        tests = [tests_of(bundle, f"without-strand-{n}", f"strand-{n}-others", s) for n, s in enumerate(again, 1)]
        left = [{name: float(scalars(t)["p_value"]) for name, t in one.items() if "p_value" in scalars(t)} for one in tests]
    found = _standing(bundle, again or strands_of(bundle), left, p_values_of(about["other_strands"]))
    return {**out, **{f"ablation.linkage.{name}": value for name, value in found.items()}}


def _standing(
    bundle: Bundle, strands: Sequence[Strand], shown: Sequence[PValues], hidden: Sequence[PValues]
) -> dict[str, Json]:
    """Return q-value and accounts still accused with other p-values; no accounts where a strand not shown would be."""
    settings = settings_of(bundle)
    level = real(settings["level"]) - real(settings["linkage_level"])
    combined = [_combined(bundle, p) for p in (*shown, *hidden)]
    q_values, at = _q_values(bundle, _of_set(combined))
    out: dict[str, Json] = {"p_value": _of_set(combined), "q_value": float(q_values[at])}
    if q_values[at] > level:
        return {**out, "accounts": 0}
    for_strands = level * float((q_values <= level).mean())
    passing = [p * len(combined) <= for_strands for p in combined]
    if any(passing[len(shown) :]):
        return out
    seen = [strand for strand, passes in zip(strands, passing, strict=False) if passes]
    if not seen:
        return {**out, "accounts": 0}
    population, flags, number = population_of(bundle)
    acting = number[flags["member"]][np.unique(np.concatenate([s.account for s in seen]))]
    customers = concealed_of(bundle, population, number, acting).customers
    disguised = customers is not None and customers >= real(settings["declared_customers"])
    return {**out, "accounts": len(np.unique(np.concatenate([s.rows for s in seen]))) if disguised else 0}


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
    """Return accounts, calls, first and last day, calls by hour, active accounts by day, and how disjoint the prompts are."""
    account, prompt, _ = distinct_fills(strand)
    out: dict[str, Json] = {
        "accounts": len(np.unique(strand.account)), "calls": len(strand.account), **_disjointness(account, prompt)
    }  # fmt: skip
    if not len(strand.at_us):
        return out
    day = strand.at_us // DAY_US
    pairs = np.unique(np.stack([day, strand.rows]), axis=1)
    days, active = np.unique(pairs[0], return_counts=True)
    return {
        **out,
        "active_per_day": {iso(int(d)): int(n) for d, n in zip(days, active, strict=True)},
        "first_day": iso(int(day.min())),
        "hours": [int(n) for n in np.bincount(strand.at_us // HOUR_US % 24, minlength=24)],
        "last_day": iso(int(day.max())),
        "peak_accounts": int(active.max()),
    }
