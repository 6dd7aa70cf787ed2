"""
Recipes: the name of a number → how it follows from a replay bundle.

The tests are those of `judge`, on the arrays that they read in the hunt. Names are listed in `docs/reference/bundle.md`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stillhunt.errors import SealError
from stillhunt.judge.sets import linked_log10
from stillhunt.judge.strands import Strand
from stillhunt.report.dossier.accounts import REPEATED
from stillhunt.seal.bundle import Bundle, load
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of
from stillhunt.verify.beside import beside
from stillhunt.verify.linking import linking
from stillhunt.verify.operating import operating
from stillhunt.verify.reading import DAY_US, HOUR_US, iso, real, settings_of, strands_of, whole

FROM_MONDAY = 72
"""Hours from Monday to the Thursday with which 1970 began."""


def recompute(folder: Path) -> dict[str, Json]:
    """
    Return every number that the bundle in a folder gives, by the name of its recipe.

    Raises `SealError` when the bundle is damaged or does not hang together.
    """
    return recomputed(load(folder))


def recomputed(bundle: Bundle) -> dict[str, Json]:
    """Return every number that a bundle gives, by the name of its recipe; raises as `recompute`."""
    try:
        return {**given(bundle), **linking(bundle), **operating(bundle), **traffic(bundle), **beside(bundle)}
    except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise SealError(
            f"The bundle does not hang together ({type(error).__name__}).\nIt was changed; get it anew."
        ) from error


def given(bundle: Bundle) -> dict[str, Json]:
    """Return the settings, which verification holds against the journal, and how many owners the log has."""
    population = mapping_of(bundle.about["population"], "population")
    out = {f"settings.{name}": value for name, value in settings_of(bundle).items() if isinstance(value, int | float)}
    out["linkage.level"] = out["settings.linkage_level"]
    out["linkage.power"] = linked_log10(real(out["settings.linkage_level"]))
    out["key2.level"] = real(out["settings.level"]) - real(out["settings.linkage_level"])
    out["settings.key2_level"] = out["key2.level"]
    out["membership.level"] = out["settings.membership_level"]
    out["concealment.threshold"] = out["settings.declared_customers"]
    return {**out, "population.owners": population["owners"], **_left_out(bundle)}


def _left_out(bundle: Bundle) -> dict[str, Json]:
    """Return how much was left out for each reason, numbered as the hunt lists them, and of this how many duplicates."""
    rows = [mapping_of(row, "left_out") for row in list_of(bundle.about["left_out"], "left_out")]
    counts = [number_of(row["count"], "left_out") for row in rows]
    repeated = sum(n for row, n in zip(rows, counts, strict=True) if text_of(row["reason"], "left_out").startswith(REPEATED))
    return {"log.duplicates": repeated, **{f"log.left_out.{number}": n for number, n in enumerate(counts, 1)}}


def traffic(bundle: Bundle) -> dict[str, Json]:
    """Return calls, accounts, days, tokens and capability shares over the strands shown."""
    strands = strands_of(bundle)
    hour = np.concatenate([s.at_us for s in strands]) // HOUR_US
    day = hour // 24
    per_day = np.bincount(day - day.min())
    active = np.unique(np.stack([day, np.concatenate([s.rows for s in strands])]), axis=1)
    calls = whole(bundle, "capabilities", "calls")
    names = [bytes(n).decode() for n in bundle.column("capabilities", "name").tolist()]
    about = mapping_of(bundle.about["traffic"], "traffic")
    other = number_of(about["other_calls"], "other_calls")
    out: dict[str, Json] = {
        "traffic.accounts": len(np.unique(np.concatenate([s.rows for s in strands]))),
        "traffic.calls": len(day),
        "traffic.days": int((per_day > 0).sum()),
        "traffic.first_day": iso(int(day.min())),
        "traffic.last_day": iso(int(day.max())),
        "traffic.other_share": other / max(other + len(day), 1),
        "traffic.outside": 1.0 - len(day) / max(1, number_of(about["calls_of_set"], "calls_of_set")),
        "traffic.peak_accounts": int(np.unique(active[0], return_counts=True)[1].max()),
        "traffic.peak_calls": int(per_day.max()),
        "traffic.per_day": {iso(int(day.min()) + i): int(n) for i, n in enumerate(per_day)},
        "traffic.pools": len(strands),
        "traffic.week": [int(n) for n in np.bincount((hour + FROM_MONDAY) % 168, minlength=168)],
    }
    tokens = {name: int(whole(bundle, "days", name).sum()) for name in ("tokens_in", "tokens_out", "tokens_reasoning")}
    out |= {f"traffic.{name}": n for name, n in tokens.items()}
    if tokens["tokens_out"]:
        out["traffic.reasoning_rate"] = tokens["tokens_reasoning"] / tokens["tokens_out"]
    out |= _accounts(strands)
    total = int(calls.sum())
    for name, n in zip(names, calls.tolist(), strict=True):
        if n:
            out[f"traffic.capability.{name}"] = n / total
    if int(whole(bundle, "days", "calls").sum()) != len(day):
        raise SealError("The cells of days do not add up to the calls of the strands.\nThe bundle was changed.")
    return out


def _accounts(strands: list[Strand]) -> dict[str, Json]:
    """Return calls and first day of each account, numbered from 1 in the order in which the campaign lists them."""
    login = np.concatenate([s.rows for s in strands])
    day = np.concatenate([s.at_us for s in strands]) // DAY_US
    out: dict[str, Json] = {}
    for number in np.unique(login).tolist():
        mine = day[login == number]
        out[f"account.{number + 1}.calls"] = len(mine)
        out[f"account.{number + 1}.first_day"] = iso(int(mine.min()))
    return out
