"""Recipes: the bundle gives the numbers of the hunt, and small counts only make them smaller."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hunted import Hunted

from stillhunt.errors import SealError
from stillhunt.report.dossier.numbered import PUBLISHED_COUNTS
from stillhunt.seal.bundle import Bundle, load
from stillhunt.seal.canonical import Json
from stillhunt.verify.beside import beside
from stillhunt.verify.linking import linking
from stillhunt.verify.operating import operating
from stillhunt.verify.recipes import recomputed, traffic


def test_every_figure_of_the_hunt_follows_from_the_bundle(hunted: Hunted, values: dict[str, Json]) -> None:
    """
    Each unrounded figure of the campaign's exhibits is recomputed, to nine digits, but for two kinds.

    Shares of capability classes of fewer than five calls are withheld; where the bundle withholds counts of outsiders, it
    gives another number, which the dossier says in its place.
    """
    figures = hunted.hunt.campaigns[0].exhibits.figures
    assert len(figures) > 80
    withheld = [name for name in figures if name not in values]
    assert all(name.startswith("traffic.capability.") and figures[name] * figures["traffic.calls"] < 5 for name in withheld)
    others = [name for name in figures if name in values and not PUBLISHED_COUNTS.match(name)]
    assert len(others) > 60
    for name in others:
        found = values[name]
        assert isinstance(found, int | float)
        assert math.isclose(figures[name], found, rel_tol=1e-9, abs_tol=1e-12), name


def test_accounts_effect_sizes_and_what_is_left_follow_too(hunted: Hunted, values: dict[str, Json]) -> None:
    """Factors of accounts, who stays without a signal, shared values, effect sizes, events and ablations are recomputed."""
    campaign = hunted.hunt.campaigns[0]
    shown = campaign.exhibits
    assert shown is not None
    for number, member in enumerate(shown.members, 1):
        assert values[f"account.{number}.calls"] == member.n_exchanges
        for group, factor in member.groups.items():
            found = values[f"account.{number}.factor.{group}"]
            assert isinstance(found, float) and math.isfinite(found) and math.isfinite(factor), (number, group)
    for one in shown.without:
        stays = values[f"without.{one.group}.accounts"]
        assert isinstance(stays, int) and stays <= one.accounts
    for number, value in enumerate(shown.shared, 1):
        assert values[f"shared.{number}.inside"] == value.inside
        outside = values[f"shared.{number}.outside"]
        assert isinstance(outside, int) and value.outside <= outside <= value.outside + 1
    for contrast in shown.contrasts:
        for name in ("superiority", "low", "high"):
            found = values[f"contrast.{contrast.measure}.{name}"]
            assert isinstance(found, float) and math.isclose(found, getattr(contrast, name), abs_tol=1e-9)
        median = values[f"contrast.{contrast.measure}.campaign"]
        assert isinstance(median, float) and math.isclose(median, contrast.campaign, rel_tol=5e-3, abs_tol=1e-9)
    for number, event in enumerate(shown.events, 1):
        for name in ("calls_before", "calls_after", "entered_before", "entered"):
            assert values[f"event.{number}.{name}"] == getattr(event, name)
    for ablation in campaign.ablations:
        if f"ablation.{ablation.kind}.accounts" in values:
            assert values[f"ablation.{ablation.kind}.accounts"] == len(ablation.accounts)
            assert ablation.q_value is None or values[f"ablation.{ablation.kind}.q_value"] == pytest.approx(ablation.q_value)
    assert "ablation.operation.accounts" in values


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


PARTS: tuple[tuple[Callable[[Bundle], dict[str, Json]], tuple[tuple[str, str], ...]], ...] = (
    (linking, (
        ("owners", "proposed"), ("owners", "core"), ("owners", "acting"), ("holdings", "value"), ("values", "holders"),
        ("values", "holders_in_country"), ("values", "shared"), ("kinds", "holdings"), ("outside-classes", "hits"),
        ("outside-kinds", "rest"), ("members-outside-classes", "hits"),
    )),
    (operating, (("strand-1", "hour"), ("strand-1", "prompt"), ("strand-1-texts", "sketch"))),
    (traffic, (("days", "tokens_in"), ("capabilities", "calls"))),
    (beside, (("contrast-1", "tie"), ("contrast-1", "value"), ("events", "calls"))),
)  # fmt: skip
"""What recomputes → columns that it reads."""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("part", "columns"), PARTS)
def test_every_input_matters(
    hunted: Hunted, part: Callable[[Bundle], dict[str, Json]], columns: tuple[tuple[str, str], ...]
) -> None:
    """Each column of the bundle that a test reads changes a number when it is changed: nothing is read from a result."""
    bundle = load(hunted.bundle)
    before = part(bundle)
    rng = np.random.default_rng(1)
    for table, column in columns:
        old = bundle.tables[table][column]
        new = ~old if old.dtype == bool else old + np.arange(len(old)).reshape(-1, *[1] * (old.ndim - 1)).astype(old.dtype)
        if column in ("value", "sketch", "hour") and table != "contrast-1":
            new = rng.permutation(old)
        if column == "tie":
            new = np.sort(rng.integers(0, 9, len(old))).astype(old.dtype)
        if column in ("core", "acting", "proposed"):
            new = old.copy()
            new[:4] = ~new[:4]
        assert part(changed(bundle, table, column, new)) != before, (table, column)
