"""Sections that only the operator can fill: the head, terms and searches, student models, third parties, actions, dissent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from stillhunt.report.dossier.blocks import (
    Block,
    Facts,
    Fold,
    Heading,
    Items,
    Mark,
    NotSupplied,
    Part,
    Parts,
    Supplied,
    Table,
    Tag,
    prose,
    say,
    supplied,
)
from stillhunt.report.dossier.matter import Matter, name
from stillhunt.report.numbers import day, utc

NOT_RUN = ("interchange_accounts", "interchange_prompts")
"""Constants of the rule that reasons why a test did not run say."""


def head(m: Matter) -> tuple[Block, ...]:
    """Section 1: whose dossier this is, for whom, and how long it holds."""
    case = m.case.case
    version: Parts = supplied(None) if case.version is None else (m.number(case.version, "version", recipe="case.version"),)
    marking: Parts = (
        (Mark(f"TLP:{case.tlp}", strong=True),)
        if case.tlp
        else say(
            "{mark} – treat it as the strictest marking until its authors say otherwise", mark=Mark("not supplied")
        )
    )
    return (
        Facts(
            rows=(
                ("Case", supplied(case.id)),
                ("Version", version),
                ("Date", supplied(case.dated)),
                ("Campaign", (name(m.campaign.id),)),
                ("Authors", supplied(case.authors)),
                ("Provider", supplied(case.provider)),
                ("Contact", supplied(case.contact)),
                ("Marking", marking),
                ("Recipients", supplied(case.recipients)),
                ("Legal basis", supplied(case.legal_basis)),
                ("Retention", supplied(case.retention)),
                ("Expires", supplied(case.expires)),
                ("Supersedes", supplied(case.supersedes, "nothing, as far as supplied")),
                ("Retracts", supplied(case.retracts, "nothing, as far as supplied")),
            )
        ),
        prose(
            "Words with a bar beside them are the operator’s, and so is what numbers count whose line begins with “case”."
            " Everything else is computed from the log of the hunt, or belongs to the rule. Each number leads to its line in the"
            " list at the end, which says how to check it.",
            small=True,
        ),
    )


def _accepted(m: Matter, number: int, document: str, records: Mapping[str, date]) -> Table:
    """Return when each account accepted a document, and whether that was before its first call of the campaign."""
    rows: list[tuple[Parts, ...]] = []
    for k, (member, shown) in enumerate(zip(m.campaign.members, m.exhibits.members, strict=True), 1):
        at = records.get(member.account_id)
        first = utc(shown.first_seen).date()
        when: Parts = ("no record",)
        if at is not None:
            of, recipe = f"account {shown.tag} accepted {document}", f"case.terms.{number}.accepted.{k}"
            when = (m.number(at.isoformat(), of, day(at), recipe=recipe),)
        standing = "–" if at is None else "yes" if at <= first else "no, later"
        rows.append(((Tag(shown.tag),), when, (standing,)))
    return Table(label=f"Acceptance of {document}", head=("Account", "Accepted", "By its first call"), rows=tuple(rows))


def terms(m: Matter) -> tuple[Block, ...]:
    """Section 3: terms in force, limits, notices, and what was searched that could excuse the accounts."""
    case = m.case
    blocks: list[Block] = [Heading(text="Terms in force")]
    for number, one in enumerate(case.terms):
        records = m.acceptances[number] if number < len(m.acceptances) else None
        n = one.accepted if records is None else sum(member.account_id in records for member in m.campaign.members)
        accepted: Parts = (
            supplied(None)
            if n is None
            else say(
                "{n} of {all} accounts",
                n=m.number(
                    n, f"accounts with a record of acceptance of {one.name}", recipe=f"case.terms.{number + 1}.accepted"
                ),
                all=m.figure("traffic.accounts", "accounts of the campaign", "count"),
            )
        )
        rows: list[tuple[str, Parts]] = [
            ("Document", supplied(one.name)),
            ("Version", supplied(one.version)),
            ("Text, SHA-256", (Tag(str(one.sha256)),)),
            ("In force from", supplied(one.in_force)),
            ("Clause", supplied(one.clause)),
            ("Accepted", accepted),
            ("Record of acceptance", supplied(one.acceptance)),
        ]
        blocks.append(Facts(rows=tuple(rows)))
        if records is not None:
            table = _accepted(m, number + 1, str(one.name), records)
            blocks.append(Fold(summary="Acceptance, account by account", blocks=(table,)))
    if not case.terms:
        blocks.append(NotSupplied(what="The terms in force, and who accepted them", table="terms"))
    blocks += _listed(
        "Access limits",
        "limits",
        ("Limit", "Written in", "Got around"),
        case.limits,
        ("what", "source", "circumvented"),
    )
    blocks += _listed("Notices sent", "notices", ("Day", "To", "What it said"), case.notices, ("at", "to", "what"))
    blocks += _listed(
        "Searched for what would excuse the accounts",
        "searches",
        ("Searched for", "In", "Day", "Found"),
        case.searches,
        ("what", "where", "at", "found"),
    )
    licensed = sum(len(s.account_ids) for s in m.hunt.linked if s.list_name == "licensed")
    blocks.append(
        prose(
            "Before any test, the hunt set aside every account whose record carries a licence: {n} in this log. None of the"
            " campaign’s accounts carries one.",
            n=m.number(licensed, "accounts set aside because they hold a licence", recipe="log.licensed"),
        )
    )
    return tuple(blocks)


def students(m: Matter) -> tuple[Block, ...]:
    """Section 11: tests of suspect models."""
    columns = ("Suspect", "Test", "Result", "Controls", "Report")
    fields = ("suspect", "test", "result", "controls", "source")
    blocks = _listed("", "students", columns, m.case.students, fields, what="Tests of a suspect model")
    why = prose(
        "Output that looks alike proves nothing: models that never saw an answer of this provider are often called copies by"
        " such comparisons. Only what the provider chose by chance while serving, and wrote down, gives an error rate.",
        small=True,
    )
    return (*blocks, why)


def third_parties(m: Matter) -> tuple[Block, ...]:
    """Section 12: people whose data were in the calls."""
    harmed = m.case.third_parties
    if harmed is None:
        blocks: tuple[Block, ...] = (NotSupplied(what="Whose personal data were in the calls", table="third_parties"),)
    else:
        blocks = (
            Facts(
                rows=(
                    ("Categories seen", supplied(harmed.categories)),
                    ("To be told", supplied(harmed.notify)),
                    ("What is kept was reduced", supplied(harmed.minimised)),
                )
            ),
        )
    kept = prose(
        "What this dossier itself holds: keyed tags of accounts and values, counts, days, and results of tests. No prompt, no"
        " answer, no address, no e-mail, no name of an account, and no identifier of a call. Text is turned into keyed"
        " fingerprints when the log is read and is not kept."
    )
    return (*blocks, kept)


def actions(m: Matter) -> tuple[Block, ...]:
    """Section 13: what was done, why, what was objected, what was undone, and what the pool did next."""
    blocks: list[Block] = []
    case_actions = m.case.actions
    for kind, title in (("action", "Actions"), ("appeal", "Appeals"), ("reversal", "Reversals")):
        mine = [a for a in m.case.actions if a.kind == kind]
        blocks.append(Heading(text=title))
        if not mine:
            blocks.append(NotSupplied(what=f"{title}", table="actions"))
            continue
        rows = []
        for a in mine:
            at = f"case.action.{case_actions.index(a) + 1}"
            n: Parts = ("–",)
            if a.accounts is not None:
                n = (m.number(a.accounts, f"accounts concerned by: {a.what}", recipe=f"{at}.accounts"),)
            rows.append((supplied(a.at), supplied(a.what), supplied(a.reason), (supplied(a.by) if a.by else ("–",)), n))
        head = ("Day", "What", "Reason", "Decided by", "Accounts")
        blocks.append(Table(label=title, head=head, rows=tuple(rows), figures=frozenset({4}), stacked=True))
    blocks.append(Heading(text="What the pool did next"))
    blocks.append(
        prose("Section 7 shows calls and new accounts before and after each wave of bans that the events name.")
    )
    blocks.append(
        prose("Nothing in Stillhunt acts on an account by itself; a person decides, gives a reason, and can be asked.")
    )
    return tuple(blocks)


def limits(m: Matter) -> tuple[Block, ...]:
    """Section 15: innocent explanations, dissent, single sources, and what could not be seen."""
    rows = tuple(
        (
            tuple(m.numbers.said(a.explanation, "", a.explanation)),
            tuple(m.numbers.said(a.predicts, m.explains(a), a.explanation)),
            tuple(m.numbers.said(a.seen, m.explains(a), a.explanation)),
            (Mark(a.verdict, strong=a.verdict == "open"),),
        )
        for a in m.campaign.alternatives
    )
    alone = [o for o in m.case.observations if o.single_source]
    overlaps = (*(f"strand.{strand.number}.overlap" for strand in m.exhibits.strands), "-")
    hangs = sum(bool(member.hangs_on) for member in m.exhibits.members)
    not_seen = tuple(tuple(m.numbers.said(text, overlaps, "not seen", rules=NOT_RUN)) for text in m.campaign.not_seen)
    blocks: list[Block] = [
        Heading(text="Innocent explanations that were tried"),
        Table(
            label="Innocent explanations", head=("Explanation", "Predicts", "Seen", "Verdict"), rows=rows, stacked=True
        ),
        *_listed("Dissent", "dissent", ("Whose view", "The view"), m.case.dissent, ("by", "what")),
        Heading(text="Resting on one source"),
        prose(
            "{n} of {all} accounts would not be in the campaign without one particular kind of shared value (section 5).",
            n=m.number(hangs, "accounts that hang on one kind of shared value", recipe="membership.hanging"),
            all=m.figure("traffic.accounts", "accounts of the campaign", "count"),
        ),
    ]
    if alone:
        items = tuple(
            say("{what} – source: {source}", what=Supplied(str(o.what)), source=Supplied(str(o.source))) for o in alone
        )
        blocks.append(Items(items=items))
    else:
        blocks.append(prose("The case file marks no observation as resting on a single source.", small=True))
    blocks += [
        Heading(text="What logs cannot show"),
        Items(
            items=(
                say("Answers bought from somebody’s customers leave no trace in these logs."),
                say(
                    "A shop in between that sells access, and keeps what passes through it, looks like an honest reseller."
                ),
                say("A campaign whose accounts share nothing rare, or send too little, is not seen at all."),
                say("Where traffic comes from is never evidence of wrongdoing here, and was not used as such."),
            )
        ),
        Fold(
            summary="What this hunt could not look at",
            blocks=(Items(items=not_seen),),
        ),
    ]
    return tuple(blocks)


def _listed(
    title: str,
    table: str,
    head: tuple[str, ...],
    rows: Sequence[object],
    fields: tuple[str, ...],
    *,
    what: str | None = None,
) -> list[Block]:
    """Return what the operator listed in one kind of table, or that nothing was supplied."""
    blocks: list[Block] = [Heading(text=title)] if title else []
    if not rows:
        return [*blocks, NotSupplied(what=what or title, table=table)]
    cells = tuple(tuple(_written(getattr(row, f)) for f in fields) for row in rows)
    return [*blocks, Table(label=title or table, head=head, rows=cells, stacked=True)]


def _written(value: object) -> tuple[Part, ...]:
    if value is None:
        return ("–",)
    return (Supplied(day(value) if hasattr(value, "year") else str(value)),)  # type: ignore[arg-type]
