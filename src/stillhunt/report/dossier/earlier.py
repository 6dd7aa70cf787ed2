"""Resemblance to earlier campaigns: what of it goes into `dossier.json`, so that it can be computed again, and how it is said."""

from __future__ import annotations

from typing import Any

from stillhunt.model import Campaign, Hunt
from stillhunt.report.dossier.blocks import Block, Heading, Mark, Parts, Prose, Table, prose, say
from stillhunt.report.dossier.constants import FEWEST_REFERENCES
from stillhunt.report.dossier.coordination import FEW
from stillhunt.report.dossier.matter import Matter, PastCampaign
from stillhunt.report.dossier.numbered import EARLIER, Number
from stillhunt.report.dossier.schedule import FEWEST_CALLS, references
from stillhunt.report.numbers import figure
from stillhunt.report.words import plain

NOTHING = Mark("nothing claimed")


def sealed(past: PastCampaign, now: Campaign, hunt: Hunt) -> dict[str, Any]:
    """
    Return what the comparison with an earlier campaign needs, and no more.

    Of each of its rare values: the group, how many owners outside hold it (one is said as two), and its number among the
    shared values of this dossier (0: not among them). Of its accounts, only those that are in this campaign too, by their
    number here. Of other sets, which schedules are compared with, only how alike each is to that campaign's.
    """
    theirs, ours = past.campaign.exhibits, now.exhibits
    assert theirs is not None and ours is not None
    number = {value.tag: n for n, value in reversed(list(enumerate(ours.shared, 1)))}
    tags = {member.tag for member in theirs.members}
    schedules = references(theirs.week, ours.week, _others(past, now, hunt), now.claim.seed)
    return {
        "accounts": [k for k, member in enumerate(ours.members, 1) if member.tag in tags],
        "name": past.name,
        "owners": past.n_owners,
        "schedules": {"calls": schedules.calls, "others": list(schedules.others)},
        "values": [
            {
                "group": value.group,
                "here": number.get(value.tag, 0),
                "outside": FEW - 1 if 0 < value.outside < FEW else value.outside,
            }
            for value in theirs.shared
        ],
        "week": list(theirs.week),
    }


def _others(past: PastCampaign, now: Campaign, hunt: Hunt) -> list[tuple[int, ...]]:
    """Return the schedules of the other sets of a log: none that has an account of this campaign or of the earlier one."""
    ours = {*now.accounts, *past.campaign.accounts}
    linked = [one.week for one in hunt.linked if one.week and ours.isdisjoint(one.account_ids)]
    campaigns = [one.exhibits.week for one in hunt.campaigns if one.exhibits is not None and ours.isdisjoint(one.accounts)]
    return [*linked, *(week for week in campaigns if week)]


def beside(m: Matter, number: int, past: PastCampaign) -> list[Block]:
    """Return the resemblance to an earlier campaign, the `number`th of those that can be compared."""
    title = Heading(text=f"Beside {past.name}")
    if not past.same_key:
        return [title, prose("That hunt was made under another key, so its tags cannot be compared with these.")]
    theirs, ours = past.campaign.exhibits, m.exhibits
    if theirs is None:
        return [title, prose("That hunt left no exhibits; hunt again with this version to compare.")]
    at = f"earlier.{number}"
    families = {s.family for s in theirs.strands if s.family} & {s.family for s in ours.strands if s.family}
    return [
        title,
        _values(m, at, past),
        prose(
            "{n} accounts are in both; the template families are {same}. The chance level is how often an unrelated set of this"
            " size would hold one of that campaign’s values, at least as rare as the rarest found. Rented infrastructure is"
            " shared by unrelated renters: this speaks for a common supplier before it speaks for a common operator.",
            small=True,
            n=_number(m, f"{at}.accounts", f"accounts in both campaigns ({past.name})"),
            same="the same" if families else "different",
        ),
        _schedule(m, f"{at}.schedule", past),
    ]


def _schedule(m: Matter, at: str, past: PastCampaign) -> Prose:
    """Return how alike the schedules are and how often other sets are as alike, or why nothing is claimed."""
    own = m.numbers.own
    if f"{at}.likeness" not in own:
        return prose(
            "{mark} The schedules are not compared: that hunt left none, or there are fewer than {n} calls in this campaign or in"
            " every other set of this log.",
            mark=NOTHING,
            n=m.number(FEWEST_CALLS, "calls that a schedule needs", recipe="rule.calls_of_a_schedule"),
        )
    alike = say(
        "Calls by hour of the week, thinned to {calls}, correlate by {r} with those of that campaign. Of {n} other sets that this"
        " log links, {k} are at least as alike",
        calls=_number(m, f"{at}.calls", "calls that each schedule was thinned to"),
        r=_number(m, f"{at}.likeness", f"correlation of the hours of the week with {past.name}"),
        n=_number(m, f"{at}.sets", f"other sets whose schedules were compared with {past.name}"),
        k=_number(m, f"{at}.as_alike", f"of these, at least as alike to {past.name}"),
    )
    floor = _number(m, f"{at}.floor", "smallest chance level that so many sets allow")
    if f"{at}.chance" not in own:
        least = m.number(FEWEST_REFERENCES, "other sets that a comparison of schedules needs", recipe="rule.references_needed")
        return prose(
            "{alike}. {mark} With so few sets no chance level could lie below {floor}; it takes {least} of them.",
            alike=alike,
            mark=NOTHING,
            floor=floor,
            least=least,
        )
    level = _number(m, f"{at}.chance", f"chance level of the schedule shared with {past.name}")
    return prose(
        "{alike}: a chance level of {p} (never below {floor}), and a likelihood ratio of at most {x}. This holds if this campaign,"
        " had it nothing to do with that one, could stand in the place of any of these sets: companies, classes, resellers,"
        " licensed use and other campaigns. It says nothing of who: crowds of one place keep its office hours, and machines that"
        " run round the clock are alike.",
        alike=alike,
        p=level,
        floor=floor,
        x=m.numbers.derived("inverse", (level,), f"likelihood ratio of the schedule shared with {past.name}, upper bound", figure),
    )


def _values(m: Matter, at: str, past: PastCampaign) -> Table:
    assert past.campaign.exhibits is not None
    rows = []
    for group in dict.fromkeys(value.group for value in past.campaign.exhibits.shared):
        of = f"{group} shared with {past.name}"
        chance: Parts = ("nothing shared",)
        bound: Parts = ("–",)
        if f"{at}.{group}.chance" in m.numbers.own:
            level = _number(m, f"{at}.{group}.chance", f"chance level of {of}")
            chance = (level,)
            what = f"likelihood ratio of {of}, upper bound"
            bound = say("at most {x}", x=m.numbers.derived("inverse", (level,), what, figure))
        found = _number(m, f"{at}.{group}.shared", f"of these found here, {of}")
        rows.append(
            (
                (plain(group),),
                (_number(m, f"{at}.{group}.values", f"rare values of {past.name}, {group}"),),
                (found,),
                chance,
                bound,
            )
        )
    head = ("Kind", "Its rare values", "Found here", "Chance level", "Likelihood ratio")
    return Table(label=f"Resemblance to {past.name}", head=head, rows=tuple(rows), figures=frozenset({1, 2, 3, 4}))


def _number(m: Matter, recipe: str, label: str) -> Number:
    return m.number(m.numbers.own[recipe], label, needs=EARLIER, recipe=recipe)  # type: ignore[arg-type]
