"""What the tests of joint operation read of one strand, as tables of a replay bundle: coded, and in whole hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.judge.clock import hours_of
from stillhunt.judge.copies import copied_pairs
from stillhunt.judge.interchangeable import NotRun, comparable, serves_tests
from stillhunt.judge.joins.dealings import ANSWER, REASONING
from stillhunt.judge.operate import Operation
from stillhunt.judge.traffic import Harvest
from stillhunt.model import LINKING_ONE_IN
from stillhunt.seal.bundle import Table
from stillhunt.seal.canonical import Json

REPLAYED = ("clock", "interchange", "queue", "multiplicity", "copies", "replay", "feedback", "takeover")
"""The tests whose input is in the bundle: all of them."""

_DAY_US = 86_400_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Codes:
    """Prompts of a strand and of other users of its template, ascending, and the code of each."""

    prompts: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.int32]

    def of(self, fill: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
        """Return the codes of some prompts."""
        return self.codes[np.searchsorted(self.prompts, fill)]


def codes_of(harvest: Harvest) -> Codes:
    """Return the codes of a strand's prompts: ranks among them, in the order that the salt gives."""
    prompts = np.unique(np.concatenate([harvest.strand.fill, _elsewhere(harvest), np.zeros(1, np.uint64)]))
    return Codes(prompts=prompts, codes=same_remainders(prompts, LINKING_ONE_IN, -1))


def same_remainders(ascending: npt.NDArray[np.integer], modulus: int, last: int) -> npt.NDArray[np.int32]:
    """Return the smallest ascending numbers above `last` with the same remainders as some ascending numbers."""
    numbers = []
    for value in ascending.tolist():
        last += 1 + (value - last - 1) % modulus
        numbers.append(last)
    return np.array(numbers, dtype=np.int32)


def strand_tables(
    harvest: Harvest, tests: Operation, codes: Codes, account_ids: pa.ChunkedArray, members: tuple[str, ...], seed: int
) -> tuple[dict[str, Table], npt.NDArray[np.int64]]:
    """
    Return the tables of a strand by the end of their names, and the order in which its calls stand in them.

    `account_ids` are those of the calls that the strand was cut from.
    """
    strand = harvest.strand
    hours, _ = hours_of(strand)
    login = pc.index_in(account_ids.take(pa.array(strand.rows)), pa.array(members, pa.string())).to_numpy()
    order = np.lexsort((strand.fill, hours, strand.account))
    tables: dict[str, Table] = {
        "": {
            "account": strand.account[order],
            "hour": hours[order].astype(np.int32),
            "login": login[order].astype(np.int32),
            "prompt": codes.of(strand.fill[order]),
        }
    }
    texts = comparable(strand)
    if not isinstance(texts, NotRun):
        tables["-texts"] = {
            "account": texts.account.astype(np.int32),
            "prompt": codes.of(texts.fill),
            "sketch": texts.sketch,
        }
    pairs = copied_pairs(strand, serves_tests(strand.fill), _elsewhere(harvest), seed=seed)
    if pairs is not None:
        tables["-copies"] = {"close": pairs.close, "hour": (pairs.hour - pairs.hour.min()).astype(np.int32)}
    if harvest.others is not None:
        tables["-others"] = {
            "owner": harvest.others.column("owner").to_numpy().astype(np.int32),
            "prompt": codes.of(_elsewhere(harvest)),
        }
    return {**tables, **_joins(harvest, tests)}, order


def _joins(harvest: Harvest, tests: Operation) -> dict[str, Table]:
    """Return who took what from whom, in the order of time, and the blocks of calls around failures."""
    tables: dict[str, Table] = {}
    passed = harvest.passed
    for name, kind in (("-replay", REASONING), ("-feedback", ANSWER)):
        things = passed.things(kind, harvest.strand)
        if len(things):
            tables[name] = {
                "giver": passed.giver[things].astype(np.int32),
                "taker": passed.taker[things].astype(np.int32),
            }
    if tests.takeover is not None:
        counts = tests.takeover.counts
        tables["-takeover"] = {"giver": counts.giver.astype(np.int32), "taker": counts.taker.astype(np.int32)}
        names = ("calls", "failed", "followed", "both", "blocks")
        tables["-blocks"] = {name: counts.blocks[at].astype(np.int32) for at, name in enumerate(names)}
    return tables


def _elsewhere(harvest: Harvest) -> npt.NDArray[np.uint64]:
    if harvest.others is None:
        return np.zeros(0, np.uint64)
    found: npt.NDArray[np.uint64] = harvest.others.column("prompt_h").to_numpy()
    return found


def about_strand(harvest: Harvest) -> Json:
    """Return what is said of a strand beside its tables: how many accounts the set has, and its first day."""
    at = harvest.strand.at_us
    first = date(1970, 1, 1) + timedelta(days=int(at.min()) // _DAY_US) if len(at) else date(1970, 1, 1)
    return {"accounts": harvest.strand.n_accounts, "first_day": first.isoformat()}
