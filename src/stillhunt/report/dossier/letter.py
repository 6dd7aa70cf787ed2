"""The letter: one page in plain words for somebody who will read nothing else, each number with its line in the dossier."""

from __future__ import annotations

from stillhunt.report.dossier.blocks import Block, Heading, Items, Parts, Rung, Supplied, Tag, prose, say, supplied
from stillhunt.report.dossier.matter import OPEN, Matter


def letter(m: Matter, rungs: tuple[Rung, ...]) -> tuple[Block, ...]:
    """Return what the letter says; it uses numbers of the list and adds none of its own."""
    profile, case = m.campaign.profile, m.case.case
    own = say("our log") if case.provider is None else say("the log of {p}", p=Supplied(case.provider))
    return (
        prose(
            "Between {first} and {last}, {accounts} accounts in {log} made {calls} calls that we believe to be the work of one"
            " hand, while the accounts passed for {customers} unrelated customers.",
            first=m.day(profile.first_seen, "first day of the campaign", "traffic.first_day"),
            last=m.day(profile.last_seen, "last day of the campaign", "traffic.last_day"),
            accounts=m.figure("traffic.accounts", "accounts of the campaign", "count"),
            log=own,
            calls=m.figure("traffic.calls", "calls of the campaign", "count"),
            customers=m.figure("concealment.customers", "unrelated customers the set passes for", "effective"),
        ),
        Heading(text="How sure we are"),
        prose(
            "The accounts share things that hardly anybody else has; chance alone would link any set in this log that strongly"
            " with probability at most {link}. Their calls behave as those of one operator do; the error figure of that is"
            " {q}, after allowing for every set we looked at. Of all campaigns reported in this way, at most {level} may be"
            " honest groups, on average.",
            link=m.figure(
                "settings.linkage_level", "chance that any set of unrelated customers counts as linked", "share"
            ),
            q=m.figure("key2.q_value", "joint operation, q-value over all sets judged"),
            level=m.number(
                float(m.campaign.claim.level),
                "level of campaigns",
                f"{m.campaign.claim.level:.0%}",
                recipe="settings.level",
            ),
        ),
        Heading(text="What we claim, and what we do not"),
        prose("We claim: {claimed}.", claimed=_named(rungs, claimed=True)),
        prose(
            "We do not claim: {open}. Where calls came from was not used as evidence, and no text of any call is in the dossier.",
            open=_named(rungs, claimed=False),
        ),
        Heading(text="What else it could be"),
        *_others(m),
        Heading(text="What you can do"),
        _recourse(m),
    )


def _named(rungs: tuple[Rung, ...], *, claimed: bool) -> Parts:
    names = [r.name.lower() for r in rungs if r.claimed is claimed]
    return (", ".join(names) or "nothing",)


def _others(m: Matter) -> list[Block]:
    standing = [a.explanation for a in m.campaign.alternatives if a.verdict == OPEN]
    if not standing:
        return [prose("Every innocent explanation that we tried speaks against what was seen; the dossier lists them.")]
    intro = prose(
        "We tried innocent explanations. These still stand and would have to be excluded before anything final is done:"
    )
    return [intro, Items(items=tuple((text,) for text in standing[:4]))]


def _recourse(m: Matter) -> Block:
    case = m.case.case
    contact = supplied(case.contact, "the contact was not supplied")
    check = (
        "It is sealed: an expert of yours can check it with a free program, without our log."
        if m.integrity
        else "It is not sealed yet: until it is, these numbers are our word."
    )
    return prose(
        f"The dossier beside this letter holds every number with its source, and says what would change our mind. {check} If"
        " accounts of yours are among these, ask for the reasons and object: {contact}. Campaign {id}.",
        contact=contact,
        id=Tag(m.campaign.id),
    )
