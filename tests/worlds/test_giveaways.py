"""What is promised of synthetic traffic: giveaways."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from scipy.stats import rankdata

from stillhunt import worlds


def auc(score: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> float:
    """Return the chance that a positive scores above a negative, ties halved (Mann and Whitney 1947)."""
    ranks = rankdata(score)
    ones = int(positive.sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(positive) - ones)))


def accused(world: worlds.World) -> set[str]:
    """Return the accounts of campaigns."""
    return set(world.truth.filter(world.truth["is_campaign"])["account_id"].to_pylist())


def in_campaign(table: pa.Table, world: worlds.World) -> npt.NDArray[np.bool_]:
    """Return for each row whether its account belongs to a campaign."""
    members = accused(world)
    return np.array([a in members for a in table["account_id"].to_pylist()])


@pytest.mark.parametrize("column", ["account_id", "exchange_id", "api_key_id"])
def test_ids_do_not_separate(demo: worlds.World, column: str) -> None:
    """
    The value of an id, read as a number, ranks campaign rows no better than chance; all ids are
    equally long.
    """
    texts = demo.exchanges[column].to_pylist()
    assert len({len(t) for t in texts}) == 1
    first = {}
    for account, text in zip(demo.exchanges["account_id"].to_pylist(), texts, strict=True):
        first.setdefault(account, int(text.split("_")[1], 16))
    members = accused(demo)
    score = np.array([float(v) for v in first.values()])
    assert 0.45 < auc(score, np.array([a in members for a in first])) < 0.55


def test_rows_are_ordered_by_time_only(demo: worlds.World) -> None:
    """Exchanges are in order of time, accounts of sign-up, truth of id; ties are broken by random ids."""
    assert demo.exchanges["started_at"].to_pylist() == sorted(demo.exchanges["started_at"].to_pylist())
    keys = list(
        zip(demo.accounts["created_at"].to_pylist(), demo.accounts["account_id"].to_pylist(), strict=True)
    )
    assert keys == sorted(keys)
    assert demo.truth["account_id"].to_pylist() == sorted(demo.truth["account_id"].to_pylist())


def test_position_in_truth_does_not_separate(demo: worlds.World) -> None:
    """The row number in the truth table ranks campaign accounts no better than chance."""
    assert 0.45 < auc(np.arange(demo.truth.num_rows, dtype=float), in_campaign(demo.truth, demo)) < 0.55


def test_missing_account_fields_do_not_separate(demo: worlds.World) -> None:
    """No account column is missing much more often in campaigns than among independents."""
    cohort = dict(zip(demo.truth["account_id"].to_pylist(), demo.truth["cohort"].to_pylist(), strict=True))
    alone = np.array([cohort[a] == "independent" for a in demo.accounts["account_id"].to_pylist()])
    members = in_campaign(demo.accounts, demo)
    for name in demo.accounts.column_names:
        missing = demo.accounts[name].is_null().to_numpy()
        assert abs(missing[members].mean() - missing[alone].mean()) < 0.12, name


def test_number_of_missing_fields_does_not_accuse(demo: worlds.World) -> None:
    """The number of nulls in an exchange ranks campaign rows within 0.2 of chance."""
    nulls = np.sum([demo.exchanges[c].is_null().to_numpy() for c in demo.exchanges.column_names], axis=0)
    assert 0.3 < auc(nulls.astype(float), in_campaign(demo.exchanges, demo)) < 0.7


def test_end_users_do_not_tell_the_harvest(demo: worlds.World) -> None:
    """Where an account names end users, its harvested calls name them as its other calls do."""
    harvested = dict(zip(*(demo.truth_exchanges[c].to_pylist() for c in ("exchange_id", "campaign_id")), strict=True))
    rows = zip(*(demo.exchanges[c].to_pylist() for c in ("exchange_id", "account_id", "end_user_id")), strict=True)
    named: dict[str, dict[bool, list[str | None]]] = {}
    for exchange, account, user in rows:
        named.setdefault(account, {}).setdefault(harvested.get(exchange) is not None, []).append(user)
    pools = [one for one in named.values() if len(one) == 2 and any(one[False])]
    assert len(pools) > 50
    for pool in pools:
        assert all(pool[True])
    assert np.mean([len(set(pool[True]) & set(pool[False])) > 0 for pool in pools]) > 0.9


def test_volume_does_not_accuse(demo: worlds.World) -> None:
    """No threshold on calls per account finds accounts of which even half belong to campaigns."""
    found, counts = np.unique(demo.exchanges["account_id"].to_pylist(), return_counts=True)
    members = accused(demo)
    guilty = np.array([a in members for a in found])
    precision = [guilty[counts >= t].mean() for t in (5, 10, 20, 30, 40, 60, 80, 120, 200)]
    assert max(precision) < 0.5
    assert counts[~guilty].max() > 3 * counts[guilty].max()


@pytest.mark.parametrize("column", ["tls_ja4", "user_agent", "model", "asn", "client_ip"])
def test_operators_use_what_others_use(demo: worlds.World, column: str) -> None:
    """
    Most values that campaigns show (clients, networks, models, addresses) also occur among honest
    accounts.
    """
    members = in_campaign(demo.exchanges, demo)
    values = np.array(demo.exchanges[column].to_pylist())
    theirs, ours = np.unique(values[members]), np.unique(values[~members])
    least = 0.1 if column == "client_ip" else 0.9
    assert np.isin(theirs, ours).mean() > least
