"""What many tests share: how Hypothesis draws, a key, an engine, one small world and what a hunt finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hunted import Hunted, hunted_in
from hypothesis import HealthCheck, settings

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
def hunted(small_world: worlds.World, tmp_path_factory: pytest.TempPathFactory) -> Hunted:
    """The small world, hunted with evidence."""
    return hunted_in(tmp_path_factory.mktemp("hunted"), small_world)


@pytest.fixture(scope="session")
def small_hunt(hunted: Hunted) -> Hunt:
    """What a hunt finds in the small world."""
    return hunted.hunt
