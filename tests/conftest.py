"""What many tests share: how Hypothesis draws, a key, an engine, one small world and what a hunt finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import stillhunt
from stillhunt import worlds
from stillhunt.digest import Key
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.model import Hunt
from strategies import SECRET

# Compiled kernels are built on first use, which no deadline can foresee; fixed draws make a red test repeatable.
settings.register_profile(
    "stillhunt", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("stillhunt")


@pytest.fixture(scope="session")
def key() -> Key:
    """The deployment key of the tests."""
    return Key(SECRET)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    """An empty engine."""
    opened = DuckDBEngine(tmp_path, threads=1, memory_mb=512)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def small_world() -> worlds.World:
    """A small world with three campaigns among honest look-alikes."""
    return worlds.make("small", 2)


@pytest.fixture(scope="session")
def small_hunt(small_world: worlds.World) -> Hunt:
    """What a hunt finds in the small world."""
    world = small_world
    return stillhunt.hunt(world.exchanges, world.accounts, world.events, key=SECRET, threads=1)
