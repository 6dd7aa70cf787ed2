"""Sets that a hunt leaves are frozen, and judged on later days alone."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store.logs import NOW

import stillhunt
from stillhunt import cli, pipeline, worlds
from stillhunt.digest import Key
from stillhunt.store import forgetting, watched
from stillhunt.store.folder import Store
from stillhunt.watch.watching import BLOCK_DAYS
from strategies import SECRET

DAY_US = 86_400_000_000
BEFORE = 12
"""Days that are hunted; those after are watched."""


@pytest.fixture(scope="module")
def halves(small_world: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The log of the small world in two files: the days that are hunted, and those after."""
    folder = tmp_path_factory.mktemp("halves")
    number = small_world.exchanges.column("started_at").cast(pa.int64()).to_numpy() // DAY_US
    early = number < number.min() + BEFORE
    for name, rows in (("early", early), ("late", ~early)):
        pq.write_table(small_world.exchanges.filter(pa.array(np.asarray(rows))), folder / f"{name}.parquet")
    return folder / "early.parquet", folder / "late.parquet"


def test_frozen_sets_are_judged_on_later_days(
    small_world: worlds.World, halves: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Campaigns of the first days gather evidence on the days after, and nothing of the first days counts.

    Asking again, hunting again and more calls for days that are over change nothing; a removed account is out.
    """
    early, late = halves
    place = tmp_path / "s"
    beside = {"store": place, "key": SECRET, "threads": 1}
    found = stillhunt.hunt(early, small_world.accounts, small_world.events, **beside)  # type: ignore[arg-type]
    frozen = watched.read(place)
    assert {c.id for c in found.campaigns} <= set(frozen)
    number = small_world.exchanges.column("started_at").cast(pa.int64()).to_numpy() // DAY_US
    first = date(1970, 1, 1) + timedelta(days=int(number.min()) + BEFORE)
    assert {one.from_day for one in frozen.values()} == {first.isoformat()}

    once = pipeline.watch(late, small_world.accounts, small_world.events, **beside)  # type: ignore[arg-type]
    assert {w.id for w in once} == set(frozen)
    blocks = (int(number.max() - number.min()) - BEFORE) // BLOCK_DAYS
    assert {len(w.blocks) for w in once} == {blocks}
    assert {w.blocks[0].first_day for w in once} == {first.isoformat()}
    campaigns = [w for w in once if w.id in {c.id for c in found.campaigns} and w.blocks[0].calls > 200]
    assert campaigns
    assert max(w.e_log10 for w in campaigns) > 1.0
    honest = [w for w in once if w.id not in {c.id for c in found.campaigns}]
    assert all(w.highest < 2.0 for w in honest)

    again = small_world.exchanges.slice(0, 50).set_column(
        0, "exchange_id", pa.array([f"again-{n}" for n in range(50)], pa.string())
    )
    assert pipeline.watch(again, small_world.accounts, small_world.events, **beside) == once  # type: ignore[arg-type]
    (tmp_path / "key").write_text(SECRET.hex())
    named = ["--store", str(place), "--key-file", str(tmp_path / "key"), "--threads", "1"]
    assert cli.main(["watch", str(late), *named, "--quiet", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["watched"]
    assert [(w["id"], w["e_log10"]) for w in told] == [(w.id, pytest.approx(w.e_log10)) for w in once]

    account = found.campaigns[0].accounts[0]
    with Store.open(place, Key(SECRET), None, now=NOW) as store:
        assert forgetting.check(store, [account]).problems[-1].startswith("the watched set")
        forgetting.forget(store, [account], now=NOW)
        assert forgetting.check(store, [account]).holds
        assert {n: one.blocks for n, one in watched.read(place).items()} == {w.id: w.blocks for w in once}
