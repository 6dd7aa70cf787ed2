"""Recipes of what stands beside the tests: effect sizes, indicators, and what the set did around events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillhunt.features.harvest import score_interval, superiority_of
from stillhunt.judge.joins.events import FailoverTest, failover_p, pivot_of
from stillhunt.judge.joins.indicators import SEARCH_DRAWS
from stillhunt.judge.joins.technique import SearchTest, search_test
from stillhunt.judge.joins.unserved import Histories, UnservedTest, unserved_of
from stillhunt.judge.scalars import Corroborated
from stillhunt.report.dossier.bans import WAVE_H
from stillhunt.seal.bundle import Bundle
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of
from stillhunt.verify.reading import iso, real, settings_of, whole

LARGE = 0.64
"""The superiority from which a measure counts as clearly apart."""


def beside(bundle: Bundle) -> dict[str, Json]:
    """Return the numbers of effect sizes, indicators and events."""
    found = Corroborated(
        unserved=_unserved(bundle),
        failover=_failover(bundle),
        search=_search(bundle),
        pivots=tuple(
            pivot_of("", *row)
            for row in zip(
                *(whole(bundle, "pivots", c).tolist() for c in ("members", "members_moved", "peers", "peers_moved")), strict=True
            )
        )
        if "pivots" in bundle.tables
        else (),
    )
    return {**found.figures(), **_contrasts(bundle), **_events(bundle)}


def _contrasts(bundle: Bundle) -> dict[str, Json]:
    """Return how far the set's accounts lie above matched ones: ranks are exact, medians of rounded values."""
    out: dict[str, Json] = {}
    lows: list[float] = []
    most = 0
    names: Sequence[Json] = list_of(bundle.about.get("contrasts", []), "contrasts")
    for number, name in enumerate(names, 1):
        table = f"contrast-{number}"
        mine, tie = bundle.column(table, "campaign").astype(bool), whole(bundle, table, "tie").astype(np.float64)
        value = bundle.column(table, "value").astype(np.float64)
        superiority = superiority_of(tie[mine], tie[~mine])
        low, high = score_interval(superiority, int(mine.sum()), int((~mine).sum()))
        lows.append(low)
        most = max(most, int((~mine).sum()))
        numbers = {"superiority": superiority, "low": low, "high": high}
        numbers |= {"campaign": float(np.median(value[mine])), "matched": float(np.median(value[~mine]))}
        out |= {f"contrast.{text_of(name, 'contrasts')}.{key}": x for key, x in numbers.items()}
    if names:
        out |= {"contrasts": len(names), "contrasts.above": sum(low >= LARGE for low in lows), "contrasts.matched": most}
    return out


def _events(bundle: Bundle) -> dict[str, Json]:
    """Return the set's calls and first calls in the day before and the day after each event."""
    if "events" not in bundle.tables:
        return {}
    calls, entered = whole(bundle, "events", "calls"), whole(bundle, "events", "entered")
    half = calls.shape[1] // 2
    out = _days_of_events(bundle)
    for number in range(len(calls)):
        out[f"event.{number + 1}.calls_before"] = int(calls[number, :half].sum())
        out[f"event.{number + 1}.calls_after"] = int(calls[number, half:].sum())
        out[f"event.{number + 1}.entered_before"] = int(entered[number, :half].sum())
        out[f"event.{number + 1}.entered"] = int(entered[number, half:].sum())
    return out


def _days_of_events(bundle: Bundle) -> dict[str, Json]:
    """Return the day of each event, and how many accounts were banned in each wave: bans within 24 hours of its first."""
    hour, ban, subject = (whole(bundle, "events", column).tolist() for column in ("hour", "ban", "subject"))
    out: dict[str, Json] = {f"event.{number}.day": iso(at // 24) for number, at in enumerate(hour, 1)}
    waves: list[tuple[int, set[int]]] = []
    for at, banned, who in zip(hour, ban, subject, strict=True):
        if not banned:
            continue
        if not waves or at - waves[-1][0] >= WAVE_H:
            waves.append((at, set()))
        waves[-1][1].add(who)
    return out | {f"wave.{number}.accounts": len(who) for number, (_, who) in enumerate(waves, 1)}


def _failover(bundle: Bundle) -> FailoverTest | None:
    if "failover" not in bundle.tables:
        return None
    about = mapping_of(bundle.about["failover"], "failover")
    null = whole(bundle, "failover", "woken").astype(np.float64)
    woken, events = number_of(about["woken"], "woken"), number_of(about["events"], "events")
    return FailoverTest(
        p_value=failover_p(woken, null, events),
        banned=number_of(about["banned"], "banned"),
        at_us=0,
        woken=woken,
        lag_h=real(about["lag_h"]),
        null=null,
        wakers=np.zeros(0, dtype=np.int64),
        events=events,
    )


def _unserved(bundle: Bundle) -> UnservedTest | None:
    if "histories" not in bundle.tables:
        return None
    counts = Histories(
        turns=whole(bundle, "histories", "turns"),
        unserved=whole(bundle, "histories", "unserved"),
        expected=bundle.column("histories", "expected").astype(np.float64),
        others=whole(bundle, "histories-outside", "turns"),
        excess=bundle.column("histories-outside", "excess").astype(np.float64),
    )
    draws, seed = (number_of(settings_of(bundle)[name], name) for name in ("draws", "seed"))
    return unserved_of(counts, draws=draws, seed=seed)


def _search(bundle: Bundle) -> SearchTest | None:
    if "search" not in bundle.tables:
        return None
    refused = bundle.column("search", "refused").astype(bool)
    category = [str(c) for c in whole(bundle, "search", "category")[refused].tolist()]
    draws, seed = (number_of(settings_of(bundle)[name], name) for name in ("draws", "seed"))
    return search_test(whole(bundle, "search", "form"), refused, category, draws=min(draws, SEARCH_DRAWS), seed=seed)
