"""
Honest accounts to compare a campaign's with: linked to nobody, licensed for nothing, as busy, on the same model.

The choice is blind to what is asked and when: among the accounts of one cell (model most used, calls in powers of two)
those come first whose number hashes lowest. Each campaign account asks for `EACH` of them; where a cell has too few, the
model is let go, never the volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.judge.rule import Rule
from stillhunt.model import Campaign

EACH = 5
MOST = 2000
"""Matched accounts of one campaign, at most."""

COLUMNS = (
    "account_id", "started_at", "prompt_h", "shingles", "capability", "tokens_in", "tokens_out", "tokens_reasoning",
)  # fmt: skip

MATCHING = (
    "up to five for each account of the campaign, of owners that are linked to nobody and hold no licence, with as many calls"
    " (in powers of two) and the same model most used where the log has enough of them"
)


def matched_calls(engine: Engine, linked: npt.NDArray[np.int32], campaigns: Sequence[Sequence[str]]) -> list[pa.Table]:
    """
    Return the calls of accounts matched to those of each campaign, in `COLUMNS`.

    1. Count every account's calls and find its model: one pass over the log.
    2. Choose accounts cell by cell.
    3. Fetch the calls of all that were chosen: a second pass.
    """
    engine.register("not_honest", pa.table({"owner": np.unique(linked).astype(np.int32)}))
    rows = engine.fetch(                                                                         # 1.
        "SELECT a.acct, a.account_id, sum(n)::BIGINT AS calls, arg_max(coalesce(model, ''), (n, model)) AS model,"
        " bool_and(a.licence IS NULL AND a.owner NOT IN (SELECT owner FROM not_honest)) AS free"
        " FROM (SELECT acct, model, count(*) AS n FROM call GROUP BY acct, model) JOIN account a USING (acct)"
        " GROUP BY a.acct, a.account_id ORDER BY a.acct"
    )
    engine.drop("not_honest")
    chosen = [_chosen(rows, accounts) for accounts in campaigns]                                  # 2.
    wanted = np.unique(np.concatenate([np.zeros(0, np.int32), *chosen])).astype(np.int32)
    engine.register("matched", pa.table({"acct": wanted}))
    calls = engine.fetch(                                                                        # 3.
        f"SELECT acct, {', '.join(COLUMNS)} FROM call WHERE acct IN (SELECT acct FROM matched)"
    )
    engine.drop("matched")
    acct = calls.column("acct").to_numpy()
    return [calls.filter(pa.array(np.isin(acct, one))).drop_columns(["acct"]) for one in chosen]


def contrasted(
    engine: Engine,
    campaigns: list[Campaign],
    measured: list[Any],
    linked: npt.NDArray[np.int32],
    rule: Rule,
) -> tuple[list[Campaign], list[Any]]:
    """Return the campaigns with their contrast to matched honest accounts, in the order given, and what was measured of those."""
    if not campaigns:
        return [], []
    beside = matched_calls(engine, linked, [[str(a) for a in one.accounts] for one in campaigns])
    out, theirs = [], []
    for campaign, own, others in zip(campaigns, measured, beside, strict=True):
        assert campaign.exhibits is not None
        theirs.append(rule.measured(others))
        found = replace(campaign.exhibits, contrasts=rule.contrast(own, theirs[-1]), matching=MATCHING)
        out.append(replace(campaign, exhibits=found))
    return out, theirs


def _chosen(rows: pa.Table, accounts: Sequence[str]) -> npt.NDArray[np.int32]:
    acct = rows.column("acct").to_numpy().astype(np.int32)
    size = np.floor(np.log2(np.maximum(rows.column("calls").to_numpy(), 1))).astype(np.int64)
    model = rows.column("model").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    ours = np.isin(rows.column("account_id").to_numpy(zero_copy_only=False), list(accounts))
    free = rows.column("free").to_numpy(zero_copy_only=False).astype(bool) & ~ours
    order = np.argsort(acct.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15), kind="stable")
    order = order[free[order]]
    taken = np.zeros(len(acct), dtype=bool)
    cells, members = np.unique(np.stack([size[ours], model[ours]]), axis=1, return_counts=True)
    wanted = EACH * members
    for same_model in (True, False):
        for at, (of_size, of_model) in enumerate(cells.T):
            fits = order[(size[order] == of_size) & ~taken[order]]
            if same_model:
                fits = fits[model[fits] == of_model]
            taken[fits[: wanted[at]]] = True
            wanted[at] = max(wanted[at] - len(fits), 0)
    found = acct[order[taken[order]]][:MOST]
    return np.sort(found)
