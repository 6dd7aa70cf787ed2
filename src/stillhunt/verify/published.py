"""Recipes of the published tables: error rates on synthetic worlds, as the version that verifies knows them."""

from __future__ import annotations

from stillhunt.report.dossier.cohorts import COHORTS
from stillhunt.report.dossier.statistics import HELD_OUT
from stillhunt.seal.canonical import Json

PREFIX = "published."
TABLES = {"cohorts": "bench/results/cohorts.md", "held_out": "bench/results/held_out.md"}
"""Second word of a recipe → the table of this project in which the number stands."""


def published() -> dict[str, Json]:
    """Return the numbers of the published tables by the names of their recipes."""
    found: dict[str, Json] = {f"{PREFIX}held_out.{name}": value for name, value in HELD_OUT.items() if name != "kinds"}
    found[f"{PREFIX}cohorts.kinds"] = sum(one.name != "independent" for one in COHORTS)
    for one in COHORTS:
        found |= {f"{PREFIX}cohorts.{one.name}.accounts": one.accounts, f"{PREFIX}cohorts.{one.name}.accused": one.accused}
    return found


def table_of(recipe: str) -> str | None:
    """Return what a number of a published table needs where the table of this version says otherwise; None for other recipes."""
    name = recipe.removeprefix(PREFIX).partition(".")[0]
    return f"the published table `{TABLES[name]}` of its version" if recipe.startswith(PREFIX) and name in TABLES else None
