"""
What a pending bill, a standard and a catalogue ask for, and where the dossier has it: element by element, met or not.

Sources: H.R. 8283 (119th Congress, as introduced), section 3(11); OWASP AISVS 1.0, chapter 11.5; MITRE ATLAS. The bill is
pending: nothing here says that it became law, and no row is a legal conclusion.
"""

from __future__ import annotations

from stillhunt.report.dossier.attribution import timings
from stillhunt.report.dossier.blocks import Block, Mark, Parts, Table, Tag, prose, say
from stillhunt.report.dossier.constants import ENOUGH_MEASURES
from stillhunt.report.dossier.ladder import extraction_measures
from stillhunt.report.dossier.matter import Matter

MET, PARTLY, NOT_MET, NOT_SUPPLIED, COMPARE = "met", "in part", "not met", "not supplied", "to compare"

RARE = 0.05
"""A release in the window counts as correlation only where so few windows have one anyway; else it is met in part."""

BILL = "H.R. 8283 §3(11)"
STANDARD = "OWASP AISVS"
CATALOGUE = "MITRE ATLAS"

Row = tuple[str, str, str, str, str]
"""Source, its identifier, what it asks, where the dossier has it, and whether it is met."""


def laws(m: Matter) -> tuple[Block, ...]:
    """Return the page that maps the dossier to what is asked for."""
    rows = tuple(_row(row) for row in (*_bill(m), *_standard(m), *_catalogue(m)))
    return (
        prose(
            "Which element is met where, and which is not. The bill is pending and lists circumstances from which a purpose may"
            " be inferred; none of them proves it, and this table is no legal opinion. “Met” means that the dossier holds"
            " evidence of the kind asked for, not that anybody is guilty of anything."
        ),
        Table(label="Elements", head=("Source", "Asks for", "Sections", "Here"), rows=rows, stacked=True),
    )


def _row(row: Row) -> tuple[Parts, ...]:
    source, identifier, asks, where, status = row
    joined: Parts = (Tag(", ".join(where.split()), code=False),)
    return (
        say("{s} {i}", s=Tag(source, code=False), i=Tag(identifier, code=False)),
        (asks,),
        joined,
        (Mark(status, strong=status == MET),),
    )


def _bill(m: Matter) -> list[Row]:
    asserted = {str(c.rung) for c in m.case.claims}
    clock = any(e.kind == "operation" and e.test.startswith("one clock") for e in m.campaign.evidence)
    focus = "focus" in extraction_measures(m)
    found, _, windows = timings(m)
    rare = any(t.in_window and t.base_rate <= RARE for t in found)
    followed = MET if rare else PARTLY if any(t.in_window for t in found) else NOT_MET
    timeline = followed if m.case.releases and windows else NOT_SUPPLIED
    return [
        (
            BILL,
            "(A)",
            "circumvention of controls, misrepresented credentials, or breach of terms that bar such training",
            "2 3",
            MET
            if "terms or controls broken" in asserted
            else PARTLY
            if m.case.terms or m.case.limits
            else NOT_SUPPLIED,
        ),
        (
            BILL,
            "(B)",
            "volume, structure, pattern, coordination and timing of queries",
            "5 7",
            MET if clock else PARTLY,
        ),
        (BILL, "(B)", "concentration of queries on particular capabilities", "8", MET if focus else NOT_MET),
        (BILL, "(B)", "coordinated use of multiple accounts", "2 5 7", MET),
        (BILL, "(B)", "correlation with the development timeline of another model", "9", timeline),
        (BILL, "(C)", "licensed use is excluded", "3", MET if m.case.searches else PARTLY),
    ]


def _standard(m: Matter) -> list[Row]:
    return [
        (
            STANDARD,
            "11.5.1",
            "limits per principal and in all, sized to extraction",
            "3",
            PARTLY if m.case.limits else NOT_SUPPLIED,
        ),
        (STANDARD, "11.5.2", "alerts carry principal, volume and statistics of the queries", "4 5 6 7 8", MET),
        (STANDARD, "11.5.3", "analysis of query patterns feeds an automated detector", "6 7", MET),
        (
            STANDARD,
            "11.5.4",
            "a mark or fingerprint by which copies can be known",
            "11",
            PARTLY if m.case.students else NOT_MET,
        ),
    ]


def _catalogue(m: Matter) -> list[Row]:
    extraction = len(extraction_measures(m)) >= ENOUGH_MEASURES
    signup = float(m.exhibits.figures.get("linkage.group.signup", 0.0)) >= 1
    reseller = any(h.kind == "reseller mix" for h in m.case.hypotheses)
    return [
        (
            CATALOGUE,
            "AML.T0024.002",
            "extract a model through its inference interface",
            "2 8",
            MET if extraction else PARTLY,
        ),
        (CATALOGUE, "AML.T0008.005", "services that pass traffic on for others", "10", PARTLY if reseller else NOT_MET),
        (CATALOGUE, "AML.T0021", "accounts established for the purpose", "5 7", MET if signup else NOT_MET),
        (CATALOGUE, "AML.T0040", "access to the inference interface of a model", "4 5", MET),
        (CATALOGUE, "AML.CS0056", "the case study of such a campaign", "5 7 8", COMPARE),
    ]
