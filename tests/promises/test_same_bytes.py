"""The same logs, key and seed give the same bytes, whatever the machine, the order of rows, or the names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stillhunt
from stillhunt import report, worlds
from stillhunt.model import Hunt
from strategies import SECRET


def hunted(exchanges: object, world: worlds.World, threads: int = 1, accounts: pa.Table | None = None) -> Hunt:
    """Return what a hunt finds."""
    return stillhunt.hunt(exchanges, accounts or world.accounts, world.events, key=SECRET, threads=threads)


def files(found: Hunt, out: Path) -> dict[str, bytes]:
    """Return the bytes of the three files of a hunt."""
    return {name: path.read_bytes() for name, path in report.write(found, out).items()}


def accused(found: Hunt) -> list[list[str]]:
    """Return the accounts of each campaign, sorted."""
    return sorted(sorted(campaign.accounts) for campaign in found.campaigns)


def test_again_gives_the_same_bytes(small_hunt: Hunt, small_world: worlds.World, tmp_path: Path) -> None:
    """A second run, on shuffled rows and shuffled account records, writes the bytes of the first."""
    rng = np.random.default_rng(1)
    shuffled = small_world.exchanges.take(rng.permutation(small_world.exchanges.num_rows))
    records = small_world.accounts.take(rng.permutation(small_world.accounts.num_rows))
    first = files(small_hunt, tmp_path / "first")
    assert set(first) == {"campaigns.json", "accounts.parquet", "report.html"}
    assert files(hunted(shuffled, small_world, accounts=records), tmp_path / "again") == first


def test_threads_and_pieces_do_not_matter(small_hunt: Hunt, small_world: worlds.World, tmp_path: Path) -> None:
    """One thread or two, one file or several pieces of it: the campaigns are the same to the byte."""
    log = tmp_path / "log.parquet"
    pq.write_table(small_world.exchanges, log, row_group_size=5000)
    one, two = (hunted(log, small_world, threads=threads) for threads in (1, 2))
    assert files(one, tmp_path / "1") == files(two, tmp_path / "2")
    assert one.campaigns == small_hunt.campaigns


def test_names_of_accounts_do_not_matter(small_hunt: Hunt, small_world: worlds.World) -> None:
    """Other names for the accounts accuse the same accounts under their other names."""
    rng = np.random.default_rng(2)
    ids = small_world.accounts.column("account_id").to_pylist()
    new = dict(zip(ids, (f"user-{n}" for n in rng.permutation(len(ids))), strict=True))

    def renamed(table: pa.Table) -> pa.Table:
        column = pa.array([new[name] for name in table.column("account_id").to_pylist()], pa.string())
        return table.set_column(table.column_names.index("account_id"), "account_id", column)

    found = hunted(renamed(small_world.exchanges), small_world, accounts=renamed(small_world.accounts))
    assert accused(found) == sorted(sorted(new[name] for name in campaign) for campaign in accused(small_hunt))
    assert [c.p_value for c in found.campaigns] == pytest.approx([c.p_value for c in small_hunt.campaigns])


def test_another_key_accuses_the_same_accounts(small_hunt: Hunt, small_world: worlds.World, tmp_path: Path) -> None:
    """Under another key nearly the same accounts are accused, under other names for the sets."""
    found = stillhunt.hunt(
        small_world.exchanges, small_world.accounts, small_world.events, key=b"another key, as long", threads=1
    )
    one = {name for campaign in accused(small_hunt) for name in campaign}
    two = {name for campaign in accused(found) for name in campaign}
    assert len(one & two) >= 0.9 * len(one | two)
    assert not {c.id for c in found.campaigns} & {c.id for c in small_hunt.campaigns}
