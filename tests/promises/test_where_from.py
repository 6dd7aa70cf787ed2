"""Where customers come from is never evidence: renamed, dealt out anew or removed, countries accuse nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stillhunt
from stillhunt import contract, worlds
from stillhunt.digest import traits
from stillhunt.judge.linkage import Population, linkage
from stillhunt.model import Hunt
from strategies import SECRET, Holdings, holdings

WHERE = {"exchanges": ("country",), "accounts": ("billing_country",)}
"""Every column of the log contract that says where somebody is from. There is none for language or nationality."""


def changed(table: pa.Table, names: tuple[str, ...], how: str) -> pa.Table:
    """Return a table with its columns of origin renamed value by value, dealt out anew among rows, or emptied."""
    rng = np.random.default_rng(5)
    for name in names:
        column = table.column(name)
        if how == "removed":
            values = pa.nulls(table.num_rows, pa.string())
        elif how == "dealt out anew":
            values = column.take(pa.array(rng.permutation(table.num_rows)))
        else:
            known = sorted(set(column.to_pylist()) - {None})
            new = dict(zip(known, rng.permutation(known).tolist(), strict=True))
            values = pa.array([new.get(v) for v in column.to_pylist()], pa.string())
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def accused(found: Hunt) -> set[str]:
    """Return all accused accounts."""
    return {account for campaign in found.campaigns for account in campaign.accounts}


@pytest.mark.parametrize("how", ["renamed", "dealt out anew", "removed"])
def test_accusations_do_not_move(how: str, small_world: worlds.World, small_hunt: Hunt) -> None:
    """The same accounts are accused whatever the countries are called, whoever has them, and without any."""
    found = stillhunt.hunt(
        changed(small_world.exchanges, WHERE["exchanges"], how),
        changed(small_world.accounts, WHERE["accounts"], how),
        small_world.events,
        key=SECRET,
        threads=1,
    )
    before, after = accused(small_hunt), accused(found)
    assert before
    assert len(before ^ after) <= 0.02 * len(before), (len(before), len(after), len(before & after))
    truth = {row["account_id"]: row["is_campaign"] for row in small_world.truth.to_pylist()}
    assert sum(not truth[a] for a in after) <= sum(not truth[a] for a in before)


@given(holdings(), st.data())
def test_a_country_only_takes_evidence_away(held: Holdings, data: st.DataObject) -> None:
    """Whatever countries are given to whom, no set is linked by more than it is when no country is known."""
    incidence = held.incidence()
    n = incidence.n_owners
    where = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=np.int16)
    group = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=2))), dtype=np.int32)
    nowhere = linkage(Population(replace(incidence, stratum=np.zeros(n, dtype=np.int16))), group)
    somewhere = linkage(Population(replace(incidence, stratum=where)), group)
    for with_country, without in zip(somewhere.groups_log10, nowhere.groups_log10, strict=True):
        assert with_country <= without + 1e-9


def test_no_trait_says_where_somebody_is_from() -> None:
    """No kind of trait, linking or not, is made of a column of origin."""
    wanted = {column for kind in traits.KINDS for column in kind.wants}
    origin = {"country", "accounts.billing_country"}
    assert not wanted & origin
    names = [*contract.EXCHANGES.names, *contract.ACCOUNTS.names]
    assert {n for n in names if any(w in n for w in ("country", "language", "nation", "locale"))} == {
        "country",
        "billing_country",
    }
