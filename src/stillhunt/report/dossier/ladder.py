"""
The claim ladder: eight rungs, each with its own evidence, its own confidence, and what would overturn it.

Nothing is carried up from one rung to the next, and no rung is averaged with another.
"""

from __future__ import annotations

from stillhunt.report.dossier.blocks import Block, Items, Ladder, Part, Parts, Rung, Supplied, prose, say
from stillhunt.report.dossier.case import Asserted
from stillhunt.report.dossier.constants import ENOUGH_MEASURES, LARGE
from stillhunt.report.dossier.matter import Matter
from stillhunt.report.dossier.numbered import THE_CASE

NOT_CLAIMED = "not claimed"
NAMES = (
    "Coordinated",
    "Jointly operated",
    "Disguised",
    "Extraction-like",
    "Terms or controls broken",
    "Operator",
    "Organisation responsible",
    "Used for training",
)


def ladder(m: Matter) -> tuple[Block, ...]:
    """Return the page of the claim ladder."""
    rungs = (_coordinated(m), _operated(m), _disguised(m), _extraction(m), *(_asserted(m, name) for name in NAMES[4:]))
    return (
        prose(
            "An accusation is a ladder. Each rung needs evidence of its own; none follows from the one below it, and they"
            " are never added up to one number. A rung without evidence is not claimed."
        ),
        Ladder(rungs=rungs),
        prose("How confidence is worded, fixed before any log is read:", small=True),
        Items(
            items=(
                say(
                    "Coordinated is high when the accounts stay linked without their strongest kind of evidence, else moderate."
                ),
                say(
                    "Jointly operated is high when the campaign would still be reported without its strongest test, else moderate."
                ),
                say(
                    "Disguised is high when the set passes for at least twice the published number of customers, else moderate."
                ),
                say(
                    "Extraction-like is never high: it rests on what calls look like. The other rungs are the operator’s to claim."
                ),
            )
        ),
    )


def extraction_measures(m: Matter) -> list[str]:
    """Return the measures in which the campaign lies clearly above matched honest accounts."""
    return [c.measure for c in m.exhibits.contrasts if c.low >= LARGE]


def _coordinated(m: Matter) -> Rung:
    strong = m.exhibits.figures["linkage.without_strongest_log10"] >= 2
    return Rung(
        name=NAMES[0],
        claimed=True,
        confidence=("high" if strong else "moderate",),
        kind="computed",
        basis=say(
            "{accounts} accounts share rare things: the bet against chance has paid at least {e}, and any set of unrelated"
            " customers anywhere in this log is linked with probability at most {level}.",
            accounts=m.figure("traffic.accounts", "accounts of the campaign", "count"),
            e=m.figure("linkage.log10", "weighted linkage e-value (power of ten)", "power"),
            level=m.figure(
                "settings.linkage_level", "chance that any set of unrelated customers counts as linked", "share"
            ),
        ),
        innocent=_innocent(m, "one company network", "one app"),
        would_change=say(
            "The shared cards, networks or programs turn out to be common property: a reseller’s, a university’s, a"
            " popular program that the log saw too rarely to know it as popular."
        ),
    )


def _operated(m: Matter) -> Rung:
    ablated = [a for a in m.campaign.ablations if a.kind == "operation"]
    strong = bool(ablated) and all(a.accounts for a in ablated)
    return Rung(
        name=NAMES[1],
        claimed=True,
        confidence=("high" if strong else "moderate",),
        kind="computed",
        basis=say(
            "Behaviour that linking did not use looks like that of one hand: p = {p}, q = {q} after correcting for all sets"
            " that were judged; {level} was allowed.",
            p=m.figure("key2.p_value", "joint operation, combined p-value"),
            q=m.figure("key2.q_value", "joint operation, q-value over all sets judged"),
            level=m.figure("settings.key2_level", "level of joint operation", "share"),
        ),
        innocent=_innocent(m, "same material", "same calendar", "moving from old accounts"),
        would_change=say(
            "Account holders who can be met, and show work of their own behind their calls; or verified honest groups of the"
            " provider that behave in the same way."
        ),
    )


def _disguised(m: Matter) -> Rung:
    strong = m.campaign.declared_customers >= 2 * float(m.exhibits.figures["settings.declared_customers"])
    return Rung(
        name=NAMES[2],
        claimed=True,
        confidence=("high" if strong else "moderate",),
        kind="observed",
        basis=say(
            "By payment cards and e-mail domains the set passes for {n} unrelated customers; {least} count as disguise."
            " This is a definition, not a test.",
            n=m.figure("concealment.customers", "unrelated customers the set passes for", "effective"),
            least=m.figure("settings.declared_customers", "declared customers from which a set counts as disguised"),
        ),
        innocent=_innocent(m, "one honest customer", "licensed bulk use"),
        would_change=say("A contract, a parent company or a reseller that declared these accounts as one customer’s."),
    )


def _extraction(m: Matter) -> Rung:
    found = extraction_measures(m)
    claimed = len(found) >= ENOUGH_MEASURES
    if m.exhibits.contrasts:
        basis = say(
            "In {k} of {n} measures the campaign’s accounts lie clearly above matched honest accounts of the same log"
            "{which} (section 8); {least} are needed.",
            k=m.number(
                len(found), "measures of a harvest that lie clearly above matched honest accounts", recipe="contrasts.above"
            ),
            n=m.number(len(m.exhibits.contrasts), "measures of a harvest that could be taken", recipe="contrasts"),
            which=f": {', '.join(found)}" if found else "",
            least=m.number(ENOUGH_MEASURES, "measures needed before anything is claimed", recipe="rule.measures_needed"),
        )
    else:
        basis = say("The log held too few matched honest accounts, or no text and tokens, to compare with.")
    strong = len(found) > ENOUGH_MEASURES
    return Rung(
        name=NAMES[3],
        claimed=claimed,
        confidence=(("moderate" if strong else "low") if claimed else NOT_CLAIMED,),
        kind="inferred",
        basis=basis,
        innocent=_innocent(m, "same material", "licensed bulk use"),
        would_change=say(
            "The work that the answers were for: a product, a data set under licence, an evaluation. Calls that serve an"
            " evaluation and calls that make training data look nearly the same from here."
        ),
    )


WITHOUT_LOG = {
    NAMES[4]: (
        "A log does not hold contracts. See section 3 for what was supplied.",
        "A contract or permission that was not found because nobody searched for it.",
        "The text of the terms in force, with a record of who accepted them, would allow the claim.",
    ),
    NAMES[5]: (
        "Nothing in the log names a person. See section 10: the default is “not attributed”.",
        "Accounts may be stolen or rented: used by somebody is not owned by somebody.",
        "Evidence from outside the log that holds for this pool of accounts and not for others.",
    ),
    NAMES[6]: (
        "Nothing in the log shows that anybody acted for an organisation.",
        "A person acting alone, a vendor with several customers, or somebody who wants it to look so.",
        "Documents, payments or statements that tie the operator to an organisation.",
    ),
    NAMES[7]: (
        "A log shows that answers were served, never that a model was trained on them. See section 11.",
        "The answers were used for something else, or a similar model learned from public transcripts.",
        "An exact test of a suspect model against answers that were served by chance (section 11).",
    ),
}


def _asserted(m: Matter, name: str) -> Rung:
    mine = [c for c in m.case.claims if c.rung == name.lower()]
    if not mine:
        basis, innocent, change = WITHOUT_LOG[name]
        return Rung(
            name=name,
            claimed=False,
            confidence=(NOT_CLAIMED,),
            kind="none",
            basis=say(basis),
            innocent=say(innocent),
            would_change=say(change),
        )
    return Rung(
        name=name,
        claimed=True,
        confidence=(" / ".join(dict.fromkeys(str(c.confidence) for c in mine)),),
        kind=" / ".join(dict.fromkeys(str(c.kind) for c in mine)),
        basis=_supplied(mine, "statement", "source"),
        innocent=_supplied(mine, "innocent"),
        would_change=_supplied(mine, "would_change"),
    )


def _supplied(claims: list[Asserted], *fields: str) -> Parts:
    out: list[Part] = []
    for claim in claims:
        out.append(Supplied(" — source: ".join(str(getattr(claim, f)) for f in fields) + " "))
    return (*out, f"(claimed by the operator, from {THE_CASE})") if "statement" in fields else tuple(out)


def _innocent(m: Matter, *words: str) -> Parts:
    found = m.weakest(*words)
    return m.tried(found) if found is not None else ("none was tried",)
