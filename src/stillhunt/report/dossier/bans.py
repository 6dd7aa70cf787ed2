"""
An event study of bans: does a pool lose calls, and do new accounts of it start, in the day after against the day before?

Bans less than `WAVE_H` hours apart are one wave, looked at from its first ban. If a wave changed nothing, an account that
enters within a day of it is as likely to do so after as before, so that those after, of all around any wave, are a fair
coin's; a campaign that is growing anyway makes the coin unfair, which is why this is an indicator.
"""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt.model import PoolEvent
from stillhunt.report.dossier.blocks import Block, Parts, Prose, Table, prose
from stillhunt.report.dossier.matter import Matter
from stillhunt.report.dossier.numbered import WRITTEN, Number
from stillhunt.report.numbers import figure

WAVE_H = 24
"""One day, so that no call and no account is counted around two waves on the same side."""

SHOWN = 12


def waves(events: Sequence[PoolEvent]) -> list[list[PoolEvent]]:
    """Return bans in waves: a ban within `WAVE_H` hours of a wave's first belongs to it, both counted in whole hours."""
    out: list[list[PoolEvent]] = []
    for event in (e for e in events if e.kind == "ban"):
        if out and _hour(event) - _hour(out[-1][0]) < WAVE_H:
            out[-1].append(event)
        else:
            out.append([event])
    return out


def _hour(event: PoolEvent) -> int:
    """Return the whole hours from 1970 to an event: what the replay bundle gives of its time."""
    return int(event.at.timestamp() // 3600)


def after_bans(m: Matter) -> list[Block]:
    """Return the event study as a table, with the coin of those who entered before and after."""
    found = waves(m.exhibits.events)
    if not found:
        return [prose("The hunt’s events name no ban of an account of this campaign while it was active.")]
    rows = []
    for n, wave in enumerate(found[:SHOWN], 1):
        first, of, at = wave[0], f"ban wave {n}", m.event(wave[0])
        rows.append(
            (
                (m.day(first.at, f"day of {of}", f"{at}.day"),),
                (m.number(len({e.subject for e in wave}), f"accounts banned in {of}", recipe=f"wave.{n}.accounts"),),
                (m.number(first.calls_before, f"campaign calls in the day before {of}", recipe=f"{at}.calls_before"),),
                (m.number(first.calls_after, f"campaign calls in the day after {of}", recipe=f"{at}.calls_after"),),
                (_entered(m, wave, before=True, of=of),),
                (_entered(m, wave, before=False, of=of),),
            )
        )
    head = ("First ban", "Banned", "Calls, day before", "Day after", "New accounts, day before", "Day after")
    table = Table(label="Before and after bans", head=head, rows=tuple(rows), figures=frozenset({1, 2, 3, 4, 5}))
    return [table, _coin(m, found)]


def _entered(m: Matter, wave: list[PoolEvent], *, before: bool, of: str) -> Number:
    """Return how many accounts made their first call in the day before or after the first ban of a wave."""
    n, side, name = (wave[0].entered_before, "before", "entered_before") if before else (wave[0].entered, "after", "entered")
    return m.number(n, f"accounts with their first call in the day {side} {of}", recipe=f"{m.event(wave[0])}.{name}")


def _coin(m: Matter, found: list[list[PoolEvent]]) -> Prose:
    before = sum(wave[0].entered_before for wave in found)
    after = sum(wave[0].entered for wave in found)
    if not before + after:
        return prose("No account of the campaign made its first call within a day of a ban.", small=True)
    sides = [[_entered(m, w, before=b, of=f"ban wave {n}") for n, w in enumerate(found, 1)] for b in (True, False)]
    all_of_them = m.numbers.derived(
        "sum", [*sides[0], *sides[1]], "accounts with their first call within a day of a wave of bans", WRITTEN["count"]
    )
    afterwards = m.numbers.derived("sum", sides[1], "of these, after the wave", WRITTEN["count"])
    what = "probability of so many after, if bans changed nothing"
    coin = m.numbers.derived("fair_coin", (afterwards, all_of_them), what, figure)
    chance = float(coin.value)
    verdict: Parts = (
        "which looks like a pool that is replaced as it is banned" if chance <= 0.05 else "which shows no replacement",
    )
    return prose(
        "Of {all} accounts that made their first call within a day of a wave of bans, {after} did so after it. If bans changed"
        " nothing, so many or more would have done so with probability {p}, {verdict}. A pool that grows anyway would show the"
        " same: an indicator, not a test.",
        small=True,
        all=all_of_them,
        after=afterwards,
        p=coin,
        verdict=verdict,
    )
