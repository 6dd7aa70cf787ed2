"""Campaigns keep their ids while they change, and the history says what became of them."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stillhunt.store import history
from stillhunt.store.history import Known

START = date(2026, 3, 1)


def day(number: int) -> str:
    """Return a day of the log."""
    return (START + timedelta(days=number)).isoformat()


def tag(ids: list[str]) -> str:
    """Name a set by its accounts."""
    return "-".join(sorted(ids))


def hunted(
    known: dict[str, Known], sets: list[str], until: int, *, active: tuple[int, ...] = (), bans: dict[str, str] | None = None
) -> dict[str, Known]:
    """Return the history after a hunt that found sets of accounts, each written as its letters, with calls on some days."""
    days = active or tuple(range(until + 1))
    campaigns: list[Any] = []
    for accounts in sets:
        name = f"campaign-{history.name_of(known, str, tag, list(accounts))}"
        per_day = {day(d): int(d in days) for d in range(max(days) + 1)}
        campaigns.append(SimpleNamespace(id=name, accounts=tuple(accounts), profile=SimpleNamespace(per_day=per_day)))
    assert len({c.id for c in campaigns}) == len(campaigns)
    return history.after(known, campaigns, str, day(until), bans or {})


def told(known: Known) -> list[str]:
    """Return what became of a campaign, in words."""
    return [h.sentence for h in known.happened]


def test_a_campaign_keeps_its_id_while_it_grows_and_shrinks() -> None:
    """A set with more than half of the accounts of before goes by the same id, and the change is told."""
    known = hunted({}, ["abcd"], 1)
    [name] = known
    for until, accounts in ((2, "abcdefgh"), (3, "defgh"), (4, "fghij")):
        known = hunted(known, [accounts], until)
        assert list(known) == [name]
    assert told(known[name]) == [
        "found with 4 accounts",
        "grew to 8 accounts: 4 joined",
        "shrank to 5 accounts: 3 left",
        "grew to 5 accounts: 2 joined and 2 left",
    ]


def test_the_same_hunt_again_adds_nothing() -> None:
    """Hunting the same days a second time leaves the history as it is."""
    once = hunted({}, ["abcd", "vwxyz"], 9, active=(0, 1, 6))
    assert hunted(once, ["abcd", "vwxyz"], 9, active=(0, 1, 6)) == once


def test_a_split_gives_the_id_to_the_larger_half() -> None:
    """Of two parts, the one with more than half keeps the id; the other begins with one of its own."""
    known = hunted(hunted({}, ["abcdefghi"], 1), ["abcdef", "ghi"], 2)
    assert sorted(known) == ["campaign-a-b-c-d-e-f-g-h-i", "campaign-g-h-i"]
    assert known["campaign-a-b-c-d-e-f-g-h-i"].members == set("abcdef")


def test_a_split_without_a_larger_half_ends_the_id() -> None:
    """When no part has more than half, the id ends, and it and its parts point to each other."""
    known = hunted(hunted({}, ["abcdefghi"], 1), ["abc", "def", "ghi"], 2)
    whole = known["campaign-a-b-c-d-e-f-g-h-i"]
    assert whole.standing == "split"
    assert told(whole)[-1] == "split into campaign-a-b-c, campaign-d-e-f, campaign-g-h-i"
    assert told(known["campaign-a-b-c"])[-1] == "was part of campaign-a-b-c-d-e-f-g-h-i"


def test_a_merger_keeps_the_larger_id() -> None:
    """A set that holds more than half of two campaigns goes by the id of the one it has more of, and names the other."""
    known = hunted(hunted({}, ["abcdef", "wxyz"], 1), ["abcdefwxyz"], 2)
    assert known["campaign-a-b-c-d-e-f"].members == set("abcdefwxyz")
    assert known["campaign-w-x-y-z"].standing == "merged"
    assert told(known["campaign-w-x-y-z"])[-1] == "merged into campaign-a-b-c-d-e-f"
    assert told(known["campaign-a-b-c-d-e-f"])[-1] == "took in campaign-w-x-y-z"


def test_quiet_and_resumed_after_a_ban() -> None:
    """A campaign without a call for three days is quiet; when it wakes, the bans of its accounts in between are counted."""
    known = hunted({}, ["abcd"], 2)
    known = hunted(known, ["abcd"], 6, active=(0, 1, 2))
    [one] = known.values()
    assert (one.standing, told(one)[-1]) == ("quiet", "went quiet after 2026-03-03")
    known = hunted(known, ["abcdxy"], 8, active=(0, 1, 2, 8), bans={"a": day(3), "b": day(4), "q": day(4), "c": day(8)})
    [one] = known.values()
    assert one.standing == "active"
    assert "resumed on 2026-03-09 after 5 days of quiet, after 3 of its accounts were banned" in told(one)


def test_what_is_not_found_any_more_is_said_and_found_again_under_its_id() -> None:
    """A campaign that a hunt does not find keeps its id for the day on which one does."""
    known = hunted(hunted({}, ["abcd"], 1), [], 2)
    [(name, one)] = known.items()
    assert one.standing == "not found"
    known = hunted(known, ["abcde"], 3)
    assert list(known) == [name]
    assert told(known[name])[-1] == "found again with 5 accounts"


def test_an_id_is_never_used_for_two() -> None:
    """A part that has the accounts which a campaign began with does not get that campaign's id when another goes by it."""
    known = hunted(hunted(hunted({}, ["abc"], 1), ["abcd"], 2), ["abcdefghijk"], 3)
    [name] = known
    known = hunted(known, ["abc", "defghijk"], 4)
    assert known[name].members == set("defghijk")
    assert [n for n, one in known.items() if one.members == set("abc")] == ["campaign-a-again-b-c"]


@given(st.lists(st.lists(st.integers(0, 11), min_size=12, max_size=12), min_size=1, max_size=6))
def test_ids_are_distinct_whatever_happens(partitions: list[list[int]]) -> None:
    """However sets split, merge and come back, no two of one hunt share an id, and each has the accounts it was given."""
    known: dict[str, Known] = {}
    for until, parts in enumerate(partitions):
        groups = {g: "".join(a for a, p in zip("abcdefghijkl", parts, strict=True) if p == g) for g in set(parts)}
        sets = [g for g in groups.values() if len(g) > 1]
        known = hunted(known, sets, until)
        live = [one.members for one in known.values() if one.standing in ("active", "quiet")]
        assert sorted(map(sorted, live)) == sorted(map(sorted, sets))  # type: ignore[arg-type]
