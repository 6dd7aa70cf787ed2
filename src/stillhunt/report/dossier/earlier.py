"""Resemblance to earlier campaigns: what of it goes into `dossier.json`, so that it can be computed again, and how it is said."""

from __future__ import annotations

from typing import Any

from stillhunt.model import Campaign
from stillhunt.report.dossier.blocks import Block, Heading, Parts, Table, prose, say
from stillhunt.report.dossier.coordination import FEW
from stillhunt.report.dossier.matter import Matter, PastCampaign
from stillhunt.report.dossier.numbered import EARLIER, Number
from stillhunt.report.numbers import figure
from stillhunt.report.words import plain


def sealed(past: PastCampaign, now: Campaign) -> dict[str, Any]:
    """
    Return what the comparison with an earlier campaign needs, and no more.

    Of each of its rare values: the group, how many owners outside hold it (one is said as two), and its number among the
    shared values of this dossier (0: not among them). Of its accounts, only those that are in this campaign too, by their
    number here.
    """
    theirs, ours = past.campaign.exhibits, now.exhibits
    assert theirs is not None and ours is not None
    number = {value.tag: n for n, value in reversed(list(enumerate(ours.shared, 1)))}
    tags = {member.tag for member in theirs.members}
    return {
        "accounts": [k for k, member in enumerate(ours.members, 1) if member.tag in tags],
        "name": past.name,
        "owners": past.n_owners,
        "values": [
            {
                "group": value.group,
                "here": number.get(value.tag, 0),
                "outside": FEW - 1 if 0 < value.outside < FEW else value.outside,
            }
            for value in theirs.shared
        ],
    }


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
    ]


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
