"""
Numbers that follow from what a dossier itself holds beside its pages: the case file, acceptances, controls, earlier campaigns.

What an operator supplies is true or not outside of any log. That the pages say it as it was supplied, and compute what follows
from it rightly, can be checked: `dossier.json` holds it, and the seal covers that. Names of recipes are in
`docs/reference/dossier.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from typing import Any

from scipy.stats import beta

from stillhunt.report.dossier.case import KINDS, Case
from stillhunt.report.dossier.constants import CONSTANTS
from stillhunt.report.dossier.likelihood import release_timing, resembling
from stillhunt.report.dossier.schedule import chance, likeness, thinned
from stillhunt.seal.canonical import Json

PRIVATE = {"terms": ("records",), "past": ("hunt",)}
"""Keys of the case file that name places on the operator's machine, and stay there."""


def case_file(case: Case) -> dict[str, Json]:
    """Return a case file as `dossier.json` holds it: every table that is not empty, days as ISO dates, no places."""
    out: dict[str, Json] = {}
    for one in fields(case):
        found = _plain(getattr(case, one.name), PRIVATE.get(one.name, ()))
        if found:
            out[one.name] = found
    return out


def _plain(value: Any, private: Sequence[str] = ()) -> Json:
    if is_dataclass(value):
        named = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in private}
        return {name: x for name, x in named.items() if x is not None and x != []}
    if isinstance(value, tuple):
        return [_plain(one, private) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def stated(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Json]:
    """
    Return every number that the supplied part of a dossier gives, by the name of its recipe.

    `document` has `case_file`, `acceptances`, `controls` and `earlier` as in `dossier.json`; `given` what the bundle gives of
    the campaign: `traffic.first_day`, `traffic.last_day`, `traffic.week`, `owners` and `settings.seed`. Raises `KeyError`,
    `TypeError` or `ValueError` for what hangs together badly.
    """
    case = document.get("case_file") or {}
    out: dict[str, Json] = {**_quoted(case), **_terms(case, document.get("acceptances") or []), **_hypotheses(case)}
    if "traffic.first_day" in given:
        days = [date.fromisoformat(given[f"traffic.{which}_day"]) for which in ("first", "last")]
        out |= _releases(case, (days[0], days[1]))
    for n, past in enumerate(document.get("earlier") or [], 1):
        out |= {f"earlier.{n}.{name}": x for name, x in _earlier(past, given).items()}
    return out | _controls(document.get("controls"))


def _earlier(past: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Json]:
    """Return what a campaign has in common with an earlier one, and how often an unrelated set of its size would."""
    out: dict[str, Json] = {"accounts": len(past["accounts"])}
    if "owners" in given:
        values = [(str(v["group"]), int(v["outside"]), bool(v["here"])) for v in past["values"]]
        for one in resembling(values, int(past["owners"]), int(given["owners"])):
            out |= {f"{one.group}.values": one.values, f"{one.group}.shared": one.shared}
            out |= {f"{one.group}.chance": one.chance} if one.shared else {}
    return out | {f"schedule.{name}": x for name, x in _schedule(past, given).items()}


def _schedule(past: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Json]:
    """Return how alike the schedules are, and how many of the other sets are as alike."""
    calls, others = int(past["schedules"]["calls"]), [float(x) for x in past["schedules"]["others"]]
    if not calls or "traffic.week" not in given:
        return {}
    own = likeness(past["week"], thinned(given["traffic.week"], calls, int(given["settings.seed"])))
    level = chance(own, others)
    out: dict[str, Json] = {"as_alike": sum(x >= own for x in others), "calls": calls, "floor": 1 / (len(others) + 1)}
    return {**out, "likeness": own, "sets": len(others)} | ({} if level is None else {"chance": level})


def _quoted(case: Mapping[str, Any]) -> dict[str, Json]:
    """Return numbers that the case file says, as it says them."""
    out: dict[str, Json] = {"case.version": case.get("case", {}).get("version")}
    out["case.excerpt.pool"] = case.get("excerpt", {}).get("strand")
    out["case.releases.lag_days"] = case.get("releases_watched", {}).get("lag_days")
    for n, one in enumerate(case.get("actions", []), 1):
        out[f"case.action.{n}.accounts"] = one.get("accounts")
    for n, one in enumerate(case.get("observations", []), 1):
        for name in ("if_true", "otherwise"):
            for part, x in zip(("seen", "of"), one.get(name, []), strict=False):
                out[f"case.observation.{n}.{name}.{part}"] = x
    return {name: x for name, x in out.items() if x is not None}


def _terms(case: Mapping[str, Any], acceptances: Sequence[Any]) -> dict[str, Json]:
    """Return who accepted what: as the case file says, or counted over the days on which each account did."""
    out: dict[str, Json] = {}
    for n, one in enumerate(case.get("terms", []), 1):
        records = acceptances[n - 1] if n <= len(acceptances) else None
        if records is None:
            out |= {f"case.terms.{n}.accepted": one["accepted"]} if "accepted" in one else {}
            continue
        out[f"case.terms.{n}.accepted"] = sum(day is not None for day in records)
        out |= {f"case.terms.{n}.accepted.{k}": day for k, day in enumerate(records, 1) if day is not None}
    return out


def _hypotheses(case: Mapping[str, Any]) -> dict[str, Json]:
    """Return how many observations speak for and against each hypothesis, by its name."""
    out: dict[str, Json] = {}
    observations = case.get("observations", [])
    for one in case.get("hypotheses", []):
        if "strand" in one:
            out[f"case.hypothesis.{one['name']}.pool"] = one["strand"]
    for name in dict.fromkeys([*KINDS, *(one["name"] for one in case.get("hypotheses", []))]):
        out[f"case.hypothesis.{name}.for"] = sum(name in o.get("speaks_for", []) for o in observations)
        out[f"case.hypothesis.{name}.against"] = sum(name in o.get("against", []) for o in observations)
    return out


def _releases(case: Mapping[str, Any], days: tuple[date, date]) -> dict[str, Json]:
    """Return releases in the window after the campaign and the base rates, by the number of the lab in order of names."""
    watch, listed = case.get("releases_watched"), case.get("releases", [])
    if not watch or not listed:
        return {}
    releases = [(str(one["lab"]), date.fromisoformat(one["at"])) for one in listed]
    window = (days[0], days[1] + timedelta(days=int(watch["lag_days"])))
    watched = (date.fromisoformat(watch["start"]), date.fromisoformat(watch["end"]))
    timing, anybody, windows = release_timing(releases, watched, window)
    out: dict[str, Json] = {"case.releases.labs": len(timing), "case.releases.windows": windows}
    out["case.releases.labs_in_window"] = sum(one.in_window > 0 for one in timing)
    for n, one in enumerate(timing, 1):
        out |= {f"case.releases.{n}.listed": one.releases, f"case.releases.{n}.in_window": one.in_window}
        out |= {f"case.releases.{n}.base_rate": one.base_rate} if windows else {}
    return {**out, "case.releases.base_rate": anybody} if windows else out


def _controls(controls: Mapping[str, Any] | None) -> dict[str, Json]:
    """Return the bound from verified-honest sets, counted over what became of each."""
    if not controls:
        return {}
    linked, rejected = len(controls["rejected"]), sum(bool(one) for one in controls["rejected"])
    sure = CONSTANTS["controls_confidence"]
    rate = 1.0 if rejected >= linked else float(beta.ppf(sure, rejected + 1, linked - rejected))
    out: dict[str, Json] = {"controls.linked": linked, "controls.rejected": rejected, "controls.rate": rate}
    if controls["reported"]:
        out["controls.bound"] = (rate * controls["judged"] + controls["falsely"]) / controls["reported"]
    return out
