"""Worlds that several tests look at, made once."""

from __future__ import annotations

import pytest

from stillhunt import worlds


@pytest.fixture(scope="session")
def small() -> worlds.World:
    """A small world with campaigns."""
    return worlds.make("small", 11)


@pytest.fixture(scope="session")
def demo() -> worlds.World:
    """The world of `stillhunt demo`."""
    return worlds.make("demo", 3)
