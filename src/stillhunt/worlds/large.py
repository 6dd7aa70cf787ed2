"""
Worlds too large for memory, written part by part as Parquet partitioned by day.

A large world is many parts side by side. Parts have their own people and operators and share the catalogue:
the same apps, client stacks, networks, benchmark, releases and outage.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.errors import ConfigError
from stillhunt.worlds.clock import DAY, DAYS, START
from stillhunt.worlds.worlds import DEMO, World, build
from stillhunt.worlds.write import cannot_write

EXCHANGES_PER_PART = 310_000
"""What one part of full size holds on average."""
_SIDE = ("accounts", "events", "truth", "truth_exchanges")

Progress = Callable[[int, int], None]


def write_large(out: Path, seed: int, n_exchanges: int, progress: Progress | None = None) -> int:
    """
    Write a world of about `n_exchanges` exchanges and return how many it has.

    `out/exchanges/day=2026-03-02/part-0000.parquet` and so on, each file ordered by time; `accounts`,
    `events`,
    `truth` and `truth_exchanges` as one Parquet file each. `progress(done, wanted)` is called after each
    part.
    Memory stays below 2 GiB. Raises `ConfigError` for less than one exchange, `StoreError` for a bad folder.
    """
    if n_exchanges < 1:
        raise ConfigError(f"A world of {n_exchanges} exchanges cannot be written.\nAsk for at least one.")
    done, part = 0, 0
    side: dict[str, list[pa.Table]] = {name: [] for name in _SIDE}
    try:
        while done < n_exchanges:
            scale = min((n_exchanges - done) / EXCHANGES_PER_PART, 1.0)
            if part and scale < 0.02:
                break
            world = build(DEMO, "large", seed, max(scale, 0.02), part)
            _write_days(world, out / "exchanges", part)
            for name in _SIDE:
                side[name].append(getattr(world, name))
            done, part = done + world.exchanges.num_rows, part + 1
            if progress is not None:
                progress(done, n_exchanges)
        _write_side(side, out)
    except OSError as error:
        raise cannot_write(out, error) from error
    return done


def _write_days(world: World, out: Path, part: int) -> None:
    at = world.exchanges["started_at"].cast(pa.int64()).to_numpy()
    bounds = np.searchsorted(at, START + DAY * np.arange(DAYS + 1))
    for day in range(DAYS):
        folder = out / f"day={datetime.fromtimestamp((START + day * DAY) / 1e6, UTC):%Y-%m-%d}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = world.exchanges.slice(int(bounds[day]), int(bounds[day + 1] - bounds[day]))
        pq.write_table(rows, folder / f"part-{part:04d}.parquet", compression="zstd", compression_level=1)


def _write_side(side: dict[str, list[pa.Table]], out: Path) -> None:
    order: dict[str, tuple[str, ...]] = {
        "accounts": ("created_at", "account_id"),
        "events": ("at", "subject"),
        "truth": ("account_id",),
        "truth_exchanges": ("exchange_id",),
    }
    for name, tables in side.items():
        table = pa.concat_tables(tables)
        if name == "events":
            table = table.group_by(["at", "kind", "subject"], use_threads=False).aggregate([])
        table = table.sort_by([(column, "ascending") for column in order[name]])
        pq.write_table(table, out / f"{name}.parquet", compression="zstd")
