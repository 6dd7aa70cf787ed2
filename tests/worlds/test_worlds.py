"""What is promised of synthetic traffic: worlds."""

from __future__ import annotations

import time

import numpy as np
import pyarrow.compute as pc
import pytest

from stillhunt import contract, worlds
from stillhunt.errors import ConfigError
from stillhunt.worlds import joined
from stillhunt.worlds.campaigns import KINDS
from stillhunt.worlds.worlds import HANDING


def test_tables_are_in_the_contract(small: worlds.World) -> None:
    """
    Exchanges, accounts and events have exactly the contract's columns and types, and no required
    value is null.
    """
    assert small.exchanges.schema.equals(contract.EXCHANGES)
    assert small.accounts.schema.equals(contract.ACCOUNTS)
    assert small.events.schema.equals(contract.EVENTS)
    assert all(small.exchanges[name].null_count == 0 for name in contract.REQUIRED)
    small.exchanges.validate(full=True)


def test_same_seed_gives_same_tables() -> None:
    """Two worlds of one seed are equal in every table; another seed gives another world."""
    first, again, other = (worlds.make("small", seed, 0.3) for seed in (5, 5, 6))
    for name in ("exchanges", "accounts", "events", "truth", "truth_exchanges"):
        assert getattr(first, name).equals(getattr(again, name)), name
    assert not first.exchanges.equals(other.exchanges)


def test_ids_are_unique_and_refer_to_each_other(small: worlds.World) -> None:
    """Every exchange has its own id and a known account; every harvested exchange exists."""
    ids = small.exchanges["exchange_id"]
    assert len(ids.unique()) == len(ids)
    known = set(small.accounts["account_id"].to_pylist())
    assert len(known) == small.accounts.num_rows
    assert set(small.exchanges["account_id"].to_pylist()) <= known
    assert set(small.truth["account_id"].to_pylist()) == known
    assert set(small.truth_exchanges["exchange_id"].to_pylist()) <= set(ids.to_pylist())


def test_nobody_calls_before_signing_up(small: worlds.World) -> None:
    """Every exchange starts after its account was created and inside the window of 21 days."""
    created = dict(zip(*(small.accounts[c].to_pylist() for c in ("account_id", "created_at")), strict=True))
    at = small.exchanges["started_at"].to_pylist()
    assert all(t >= created[a] for a, t in zip(small.exchanges["account_id"].to_pylist(), at, strict=True))
    assert (max(at) - min(at)).days < 21


@pytest.mark.parametrize("name", ["small_null", "independent"])
def test_null_worlds_have_no_campaign(name: str) -> None:
    """A world without campaigns has no accused account, no harvested exchange and no campaign id."""
    world = worlds.make(name, 2, 0.2)
    assert not pc.any(world.truth["is_campaign"]).as_py()
    assert world.truth_exchanges.num_rows == 0
    assert world.truth["campaign_id"].null_count == world.truth.num_rows


def test_independent_world_has_one_cohort() -> None:
    """The independent world holds nobody but independent accounts."""
    assert worlds.make("independent", 1, 0.05).truth["cohort"].unique().to_pylist() == ["independent"]


def test_unknown_name_lists_the_worlds() -> None:
    """An unknown world is refused with the nearest name and the list of all."""
    with pytest.raises(ConfigError, match="Did you mean 'small'") as error:
        worlds.make("smal", 1)
    assert all(name in str(error.value) for name in worlds.NAMES)


@pytest.mark.parametrize("scale", [0.0, -1.0, 5000.0])
def test_impossible_scale_is_refused(scale: float) -> None:
    """A scale outside (0, 1000) is an error."""
    with pytest.raises(ConfigError, match="scale"):
        worlds.make("small", 1, scale)


def test_small_world_is_small_and_fast() -> None:
    """A small world has about 1,500 accounts and takes less than ten seconds even on a busy machine."""
    worlds.make("small", 1, 0.1)
    begin = time.monotonic()
    world = worlds.make("small", 21)
    assert time.monotonic() - begin < 10
    assert 1000 < world.accounts.num_rows < 2000
    assert 20_000 < world.exchanges.num_rows < 70_000


def test_demo_world_has_everyone(demo: worlds.World) -> None:
    """The demo holds every look-alike and every kind of campaign but those of the joins world, in the promised sizes."""
    assert set(demo.truth["cohort"].to_pylist()) == set(worlds.COHORTS) - set(HANDING) - set(joined.KINDS)
    assert 8500 < demo.accounts.num_rows < 11_000
    assert 230_000 < demo.exchanges.num_rows < 400_000
    found = demo.truth.filter(demo.truth["is_campaign"])
    sizes = found["campaign_id"].value_counts().field("counts").to_pylist()
    assert len(sizes) in (7, 8)
    assert all(25 <= size <= 400 for size in sizes)
    assert set(found["cohort"].to_pylist()) == set(KINDS)


def test_verified_accounts_are_honest(demo: worlds.World) -> None:
    """About 70 % of the honest groups' accounts are verified, and no campaign account ever is."""
    verified = demo.truth["verified"].to_numpy()
    accused = demo.truth["is_campaign"].to_numpy()
    alone = np.asarray(demo.truth["cohort"].to_pylist()) == "independent"
    assert not (verified & accused).any()
    assert 0.45 < verified[~accused & ~alone].mean() < 0.95


def test_events_name_models_accounts_and_an_outage(demo: worlds.World) -> None:
    """There are two releases, one outage, and bans of honest and campaign accounts alike."""
    kinds = demo.events["kind"].value_counts().to_pylist()
    counts = {row["values"]: row["counts"] for row in kinds}
    assert counts["model_release"] == 2 and counts["outage"] == 1
    banned = set(demo.events.filter(pc.equal(demo.events["kind"], "ban"))["subject"].to_pylist())
    accused = set(demo.truth.filter(demo.truth["is_campaign"])["account_id"].to_pylist())
    assert banned - accused
    assert banned <= set(demo.accounts["account_id"].to_pylist())
