"""
Campaigns by the id that they keep, and what became of them from hunt to hunt.

An id goes on to the set that holds more than half of the accounts that the campaign had when it was last seen. There is at
most one such set, so two campaigns never claim one id. A set that holds more than half of several campaigns is the largest
of them grown; the others are merged into it. When no set holds more than half, the campaign is split and its id ends.

Events carry days of the log, never of the clock: hunting the same days again adds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from stillhunt.errors import SealError, StoreError
from stillhunt.model import Campaign
from stillhunt.seal.canonical import Json, canonical, list_of, mapping_of, text_of
from stillhunt.seal.canonical import read as parsed
from stillhunt.store import disk

NAME = "history.json"
QUIET_DAYS = 3
"""A campaign is quiet after so many days of the log without a call of it."""

A_PART = 3
"""So many accounts of a campaign in another set make that set a part of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """One thing that became of a campaign, on a day of the log: `what`, in a sentence."""

    day: str
    what: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """
    A campaign as it was last seen: keyed hashes of its accounts, its calls' first and last day, and what became of it.

    `standing` is `active`, `quiet`, `not found`, `merged` or `split`.
    """

    members: frozenset[str]
    first_day: str
    last_day: str
    standing: str
    happened: tuple[Happened, ...] = ()


def read(folder: Path) -> dict[str, Known]:
    """Return the campaigns of a store by their ids. Raises `StoreError` for a file that was changed."""
    path = folder / NAME
    if not path.exists():
        return {}
    place = str(path)
    try:
        rows = mapping_of(parsed(path.read_bytes(), place), place)
        return {name: _known(mapping_of(row, place), place) for name, row in mapping_of(rows["campaigns"], place).items()}
    except (SealError, KeyError) as error:
        raise StoreError(f"{place}: the history of campaigns is damaged.\nRestore it, or remove it: ids begin anew.") from error


def write(folder: Path, known: Mapping[str, Known]) -> None:
    """Put a history in the place of the one before."""
    rows = {name: {**asdict(one), "members": sorted(one.members)} for name, one in known.items()}
    disk.write(folder / NAME, canonical({"campaigns": rows}))


def leave_out(folder: Path, accounts: set[str]) -> None:
    """Take some accounts, by their keyed hashes, out of all campaigns."""
    before = read(folder)
    after = {name: replace(one, members=one.members - accounts) for name, one in before.items()}
    if after != before:
        write(folder, after)


def heir(known: Mapping[str, Known], members: set[str]) -> str | None:
    """Return the id that goes on to a set: of the campaigns of which it holds more than half, the largest, then the oldest."""
    claims = [
        (-shared, one.first_day, name)
        for name, one in known.items()
        if one.standing not in ("merged", "split") and 2 * (shared := len(one.members & members)) > len(one.members)
    ]
    return min(claims)[2] if claims else None


def name_of(
    known: Mapping[str, Known], account: Callable[[str], str], tag: Callable[[list[str]], str], ids: list[str]
) -> str:
    """Return the digits of a set's id: those that go on to it, else new ones that no campaign has or had."""
    goes_on = heir(known, {account(i) for i in ids})
    if goes_on is not None:
        return goes_on.removeprefix("campaign-")
    parts = list(ids)
    while f"campaign-{(digits := tag(parts))}" in known:
        parts.append("again")
    return digits


def after(
    known: Mapping[str, Known],
    campaigns: Sequence[Campaign],
    account: Callable[[str], str],
    last_day: str,
    bans: Mapping[str, str],
) -> dict[str, Known]:
    """
    Return the history after a hunt whose log ends with `last_day`; `bans` has the day of each banned account, by its hash.

    1. Campaigns that were found: new ones, grown and shrunk ones, and when they paused.
    2. Those that are not found under their id: merged into one that was, split among several, or no longer found.
    """
    members = {c.id: frozenset(account(a) for a in c.accounts) for c in campaigns}
    out = dict(known)
    for campaign in campaigns:                                                               # 1.
        out[campaign.id] = _seen(known.get(campaign.id), campaign, members[campaign.id], last_day, bans)
    for name, one in known.items():                                                          # 2.
        if name in members or one.standing in ("merged", "split"):
            continue
        holds = Counter({other: len(one.members & theirs) for other, theirs in members.items()})
        parts = [other for other, n in holds.most_common() if n >= A_PART]
        if parts and 2 * holds[parts[0]] > len(one.members):
            out[name] = _ended(one, "merged", last_day, f"merged into {parts[0]}")
            out[parts[0]] = _and(out[parts[0]], Happened(day=last_day, what="merged", sentence=f"took in {name}"))
        elif len(parts) > 1:
            out[name] = _ended(one, "split", last_day, f"split into {', '.join(sorted(parts))}")
            for part in parts:
                out[part] = _and(out[part], Happened(day=last_day, what="split", sentence=f"was part of {name}"))
        elif one.standing != "not found":
            out[name] = _ended(one, "not found", last_day, "no longer found: too little of it is left to report")
    return out


def news(before: Mapping[str, Known], now: Mapping[str, Known]) -> list[tuple[str, Happened]]:
    """Return what was added to a history, by campaign."""
    return [
        (name, one)
        for name, known in sorted(now.items())
        for one in known.happened
        if name not in before or one not in before[name].happened
    ]


def _seen(
    known: Known | None, campaign: Campaign, members: frozenset[str], last_day: str, bans: Mapping[str, str]
) -> Known:
    active = [day for day, n in sorted(campaign.profile.per_day.items()) if n]
    one = known or Known(
        members=members,
        first_day=active[0],
        last_day=active[-1],
        standing="active",
        happened=(Happened(day=last_day, what="found", sentence=f"found with {len(members):,} accounts"),),
    )
    came, went = members - one.members, one.members - members
    if known is not None and known.standing == "not found":
        one = _and(one, Happened(day=last_day, what="found", sentence=f"found again with {len(members):,} accounts"))
    elif came or went:
        what = "grew" if len(came) >= len(went) else "shrank"
        change = " and ".join(f"{len(s):,} {v}" for s, v in ((came, "joined"), (went, "left")) if s)
        one = _and(one, Happened(day=last_day, what=what, sentence=f"{what} to {len(members):,} accounts: {change}"))
    for begin, end in _pauses(active):
        one = _and(one, _quiet(begin))
        one = _and(one, Happened(day=end, what="resumed", sentence=_resumed(begin, end, members | one.members, bans)))
    quiet = _days(active[-1], last_day) >= QUIET_DAYS
    if quiet:
        one = _and(one, _quiet(active[-1]))
    return replace(
        one,
        members=members,
        first_day=min(one.first_day, active[0]),
        last_day=max(one.last_day, active[-1]),
        standing="quiet" if quiet else "active",
    )


def _quiet(day: str) -> Happened:
    return Happened(day=day, what="quiet", sentence=f"went quiet after {day}")


def _resumed(begin: str, end: str, members: frozenset[str], bans: Mapping[str, str]) -> str:
    banned = sum(1 for account in members if begin <= bans.get(account, "") <= end)
    about = f", after {banned:,} of its accounts {'was' if banned == 1 else 'were'} banned" if banned else ""
    return f"resumed on {end} after {_days(begin, end) - 1} days of quiet{about}"


def _pauses(active: Sequence[str]) -> list[tuple[str, str]]:
    """Return the last day before and the first day after each stretch of days without a call that is long enough."""
    return [(a, b) for a, b in pairwise(active) if _days(a, b) > QUIET_DAYS]


def _days(a: str, b: str) -> int:
    return (date.fromisoformat(b) - date.fromisoformat(a)) // timedelta(days=1)


def _and(known: Known, one: Happened) -> Known:
    """Add what happened, once; a pause that is told again with more bans takes the place of what was told before."""
    if one in known.happened:
        return known
    kept = tuple(h for h in known.happened if not (h.what == one.what == "resumed" and h.day == one.day))
    return replace(known, happened=tuple(sorted((*kept, one), key=lambda h: h.day)))


def _ended(known: Known, standing: str, day: str, sentence: str) -> Known:
    return replace(_and(known, Happened(day=day, what=standing, sentence=sentence)), standing=standing)


def _known(row: Mapping[str, Json], place: str) -> Known:
    happened = [mapping_of(h, place) for h in list_of(row["happened"], place)]
    return Known(
        members=frozenset(text_of(m, place) for m in list_of(row["members"], place)),
        first_day=text_of(row["first_day"], place),
        last_day=text_of(row["last_day"], place),
        standing=text_of(row["standing"], place),
        happened=tuple(
            Happened(day=text_of(h["day"], place), what=text_of(h["what"], place), sentence=text_of(h["sentence"], place))
            for h in happened
        ),
    )
