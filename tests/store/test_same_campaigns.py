"""A hunt with a store finds what a hunt of the whole log finds, whatever the order in which its days came."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stillhunt
from stillhunt import cli, worlds
from stillhunt.digest import Key
from stillhunt.errors import ConfigError
from stillhunt.model import Hunt
from stillhunt.store import history
from strategies import SECRET

DAY_US = 86_400_000_000


def by_day(world: worlds.World, folder: Path) -> list[Path]:
    """Write the log of a world as one file a day."""
    number = world.exchanges.column("started_at").cast(pa.int64()).to_numpy() // DAY_US
    out = []
    for day in np.unique(number).tolist():
        out.append(folder / f"{day}.parquet")
        pq.write_table(world.exchanges.filter(pa.array(number == day)), out[-1])
    return out


def without_names(hunt: Hunt) -> dict[str, Any]:
    """Return everything that a hunt found, but by which id, in which order, and from where it was read."""
    return {
        "campaigns": sorted((replace(c, id="") for c in hunt.campaigns), key=repr),
        "linked": sorted((replace(s, id="") for s in hunt.linked), key=repr),
        "rest": replace(hunt, campaigns=(), linked=(), sources=()),
    }


def test_any_order_of_days_gives_the_campaigns_of_the_whole_log(
    small_world: worlds.World, small_hunt: Hunt, tmp_path: Path
) -> None:
    """
    Days that come in another order, some twice, in three hunts, give the same campaigns, sets and numbers as one hunt.

    Of the days before the last hunt nothing is digested again, and the campaigns of the second hunt keep their ids.
    """
    days = by_day(small_world, tmp_path)
    middle = len(days) // 2
    beside: dict[str, Any] = {"key": SECRET, "threads": 1, "store": tmp_path / "s"}
    ids = []
    for part in (days[middle:-1], [*days[:middle], days[-2]], days[::-1]):
        found = stillhunt.hunt(part, small_world.accounts, small_world.events, **beside)
        ids.append({c.id for c in found.campaigns})
    assert small_hunt.campaigns
    assert without_names(found) == without_names(small_hunt)
    assert ids[1] == ids[2]
    known = history.read(tmp_path / "s")
    assert {n for n, one in known.items() if one.standing in ("active", "quiet")} == ids[2]


def test_the_command_hunts_looks_removes_and_checks(
    small_world: worlds.World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hunt with a store writes `history.json`; `store` shows, removes an accused account and proves that it is gone."""
    worlds.write(small_world, tmp_path / "w")
    (tmp_path / "key").write_text(SECRET.hex())
    files = {name: str(tmp_path / "w" / f"{name}.parquet") for name in ("exchanges", "accounts")}
    place = ["--store", str(tmp_path / "s"), "--key-file", str(tmp_path / "key")]
    options = ["--accounts", files["accounts"], "--out", str(tmp_path / "out"), "--quiet", "--keep", "90d"]
    assert cli.main(["hunt", files["exchanges"], *place, *options, "--threads", "1"]) == 0
    assert "What became of campaigns by" in capsys.readouterr().out
    written = json.loads((tmp_path / "out" / "history.json").read_text())["campaigns"]
    found = json.loads((tmp_path / "out" / "campaigns.json").read_text())["campaigns"]
    assert sorted(written) == sorted(c["id"] for c in found)
    account = found[0]["accounts"][0]
    assert cli.main(["store", "show", *place]) == 0
    assert found[0]["id"] in capsys.readouterr().out
    assert cli.main(["store", "check", account, *place, "--json"]) == 1
    assert Key(SECRET).tag("account", [account], 32) in capsys.readouterr().out
    assert cli.main(["store", "forget", account, *place]) == 0
    assert cli.main(["store", "check", account, *place]) == 0
    assert "nothing is left of what was removed or the accounts named" in capsys.readouterr().out
    assert cli.main(["store", "forget", *place]) == 2
    assert cli.main(["store", "show", account, *place]) == 2
    assert cli.main(["store", "show", "--store", str(tmp_path / "w"), "--key-file", str(tmp_path / "key")]) == 2
    assert "there is no store here" in capsys.readouterr().err


def test_days_need_a_store(tmp_path: Path) -> None:
    """`--keep` without `--store` is refused."""
    with pytest.raises(ConfigError, match="without a store"):
        stillhunt.hunt(tmp_path, key=SECRET, keep_days=3)
    assert cli.main(["hunt", "x", "--out", str(tmp_path), "--keep", "90"]) == 2
