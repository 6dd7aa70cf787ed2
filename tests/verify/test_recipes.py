"""Recipes: the bundle gives the numbers of the hunt, and small counts only make them smaller."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from verify.conftest import Hunted

from stillhunt.errors import SealError
from stillhunt.seal.bundle import Bundle, load
from stillhunt.seal.canonical import Json
from stillhunt.verify.recipes import recomputed

AT_LEAST = ("linkage.log10", "linkage.group.", "linkage.without_strongest_log10", "membership.")
"""Numbers that depend on how many outsiders hold a value, where one outsider is published as two."""


def test_every_figure_of_the_hunt_follows_from_the_bundle(hunted: Hunted, values: dict[str, Json]) -> None:
    """
    Each unrounded figure of the campaign's exhibits is recomputed to nine digits.

    But for rare capability classes, settings, and the joins, whose p-values a bundle hands on and says so.
    """
    figures = hunted.hunt.campaigns[0].exhibits.figures
    assert len(figures) > 40
    rare = []
    for name, says in figures.items():
        if name.startswith(AT_LEAST):
            continue
        if name not in values:
            given = name.startswith("settings.") or name.split(".")[2:3] in (["replay"], ["feedback"], ["takeover"])
            rare += [] if given else [name]
            continue
        found = values[name]
        assert isinstance(found, int | float)
        assert math.isclose(says, found, rel_tol=1e-9, abs_tol=1e-12), name
    assert all(name.startswith("traffic.capability.") for name in rare), rare
    calls = figures["traffic.calls"]
    assert all(figures[name] * calls < 5 for name in rare)


def test_published_counts_never_make_a_campaign_look_worse(hunted: Hunted, values: dict[str, Json]) -> None:
    """The linkage e-values of the bundle are at most those of the hunt, group by group, and most of it is left."""
    figures = hunted.hunt.campaigns[0].exhibits.figures
    names = [n for n in figures if n.startswith(("linkage.log10", "linkage.group."))]
    assert len(names) > 4
    for name in names:
        found = values[name]
        assert isinstance(found, float)
        assert found <= figures[name] + 1e-9, name
    total = values["linkage.log10"]
    assert isinstance(total, float) and total > 2
    assert values["membership.kept"] == len(hunted.hunt.campaigns[0].members)


@pytest.mark.parametrize("column", ["holders", "kind"])
def test_a_bundle_that_does_not_hang_together_is_an_error(hunted: Hunted, column: str) -> None:
    """Tables that contradict each other are told, not computed with."""
    bundle = load(hunted.bundle)
    cut = {name: col[:3] if name == column else col for name, col in bundle.tables["values"].items()}
    with pytest.raises(SealError, match="hang together"):
        recomputed(replace(bundle, tables={**bundle.tables, "values": cut}))
    without = {name: table for name, table in bundle.tables.items() if name != "owners"}
    with pytest.raises(SealError, match="no column"):
        recomputed(replace(bundle, tables=without))


def changed(bundle: Bundle, table: str, column: str, values: np.ndarray) -> Bundle:  # type: ignore[type-arg]
    """Return a bundle with one column replaced."""
    return replace(bundle, tables={**bundle.tables, table: {**bundle.tables[table], column: values}})


def test_every_input_matters(hunted: Hunted, values: dict[str, Json]) -> None:
    """Each column of the bundle that a test reads changes a number when it is changed: nothing is read from a result."""
    bundle = load(hunted.bundle)
    rng = np.random.default_rng(1)
    for table, column in (
        ("owners", "proposed"), ("owners", "core"), ("owners", "acting"), ("holdings", "value"), ("values", "holders"),
        ("values", "holders_in_country"), ("kinds", "holdings"), ("strand-1", "hour"), ("strand-1", "prompt"),
        ("strand-1-texts", "sketch"), ("days", "tokens_in"), ("outside-classes", "hits"), ("outside-kinds", "rest"),
        ("capabilities", "calls"),
    ):  # fmt: skip
        old = bundle.tables[table][column]
        new = ~old if old.dtype == bool else old + np.arange(len(old)).reshape(-1, *[1] * (old.ndim - 1)).astype(old.dtype)
        if column in ("value", "sketch", "hour"):
            new = rng.permutation(old)
        if column in ("core", "acting", "proposed"):
            new = old.copy()
            new[:4] = ~new[:4]
        assert recomputed(changed(bundle, table, column, new)) != values, (table, column)
