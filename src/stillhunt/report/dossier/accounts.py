"""Sections 4 and 5: how things were counted, and how each account came in."""

from __future__ import annotations

from collections import Counter
from datetime import date

from stillhunt.judge.sets import linked_log10
from stillhunt.report.dossier.blocks import (
    Block,
    Facts,
    Fold,
    Heading,
    Items,
    Mark,
    Parts,
    Table,
    Tag,
    prose,
    say,
    supplied,
)
from stillhunt.report.dossier.matter import Matter, pool_name
from stillhunt.report.dossier.numbered import THE_RULE, WRITTEN
from stillhunt.report.numbers import short_day
from stillhunt.report.words import plain

ROWS_AT_MOST = 25
"""Accounts whose way in is shown on the page; all are in `dossier.json`."""

POWER = WRITTEN["power"]
REPEATED = "its exchange id was read before"


def counting(m: Matter) -> tuple[Block, ...]:
    """Section 4: what was counted, over which time, and what was not."""
    hunt = m.hunt
    repeats = sum(row.count for row in hunt.left_out if row.reason.startswith(REPEATED))
    window: Parts = ("–",)
    if hunt.first_seen and hunt.last_seen:
        window = say(
            "{first} to {last}, in UTC",
            first=m.day(hunt.first_seen, "first day of the log", "log.first_day"),
            last=m.day(hunt.last_seen, "last day of the log", "log.last_day"),
        )
    rows: tuple[tuple[str, Parts], ...] = (
        (
            "An exchange",
            say("one model call: a request and its answer. An agent that loops makes many for one question."),
        ),
        ("In this provider’s log", supplied(m.case.counting.exchange)),
        ("Window", window),
        ("Lines read", (m.number(hunt.n_lines, "lines read"),)),
        ("Calls", (m.number(hunt.n_exchanges, "calls in the log", recipe="log.calls"),)),
        ("Accounts", (m.number(hunt.n_accounts, "accounts in the log"),)),
        (
            "Owners",
            (
                m.number(
                    hunt.n_owners,
                    "owners in the log: organisations where declared, else accounts",
                    recipe="population.owners",
                ),
            ),
        ),
        (
            "Duplicates",
            say(
                "{n} calls whose identifier was read before; only the earliest counts",
                n=m.number(repeats, "duplicates left out"),
            ),
        ),
        ("Sampling before the hunt", supplied(m.case.counting.sampling)),
        ("Known gaps", supplied(m.case.counting.gaps)),
        ("Days without a call", _silent_days(m)),
        (
            "Counted for the campaign",
            tuple(m.numbers.said(m.campaign.strand, "", "how the campaign’s calls were told apart", THE_RULE)),
        ),
    )
    return (Facts(rows=rows), Heading(text="Left out"), *_left_out(m))


def _left_out(m: Matter) -> list[Block]:
    """Return what was not used, and what the log did not hold."""
    hunt = m.hunt
    blocks: list[Block] = []
    if hunt.left_out:
        table = tuple(
            (
                tuple(m.numbers.said(f"{plain(row.what)}: {row.reason}", "", "what was left out", THE_RULE)),
                (m.number(row.count, f"left out: {row.what}, {row.reason}"),),
                (Mark("broken input") if row.defect else "sound, not used",),
            )
            for row in sorted(hunt.left_out, key=lambda r: (not r.defect, -r.count, r.reason))
        )
        blocks.append(
            Table(label="Left out", head=("What and why", "How many", "Kind"), rows=table, figures=frozenset({1}))
        )
    else:
        blocks.append(prose("Nothing was left out."))
    if hunt.unavailable:
        items = tuple(say(f"{plain(u.what)}: {u.consequence}") for u in hunt.unavailable)
        blocks += [Heading(text="Not in this log"), Items(items=items)]
    return blocks


def _silent_days(m: Matter) -> Parts:
    silent = [d for d, n in m.hunt.per_day.items() if not n]
    if not silent:
        return say("none inside the window")
    shown = ", ".join(short_day(date.fromisoformat(d)) for d in silent[:6])
    return say(
        "{n}: {days}{more}",
        n=m.number(len(silent), "days of the window without any call"),
        days=Tag(shown, code=False),
        more=" and others" if len(silent) > 6 else "",
    )


def accounts(m: Matter) -> tuple[Block, ...]:
    """Section 5: how many accounts, in which pools, how each came in, and who hangs on one signal."""
    total = m.figure("traffic.accounts", "accounts of the campaign", "count")
    return (
        Facts(
            rows=(
                ("In all", (total,)),
                (
                    "At the peak",
                    say(
                        "{n} accounts with a call on {day}, the most on any one day",
                        n=m.figure("traffic.peak_accounts", "accounts with a call on the busiest day", "count"),
                        day=Tag(peak_day(m), code=False),
                    ),
                ),
                ("Linked owners", (m.figure("owners", "owners in the linked set", "count"),)),
                ("Calls", (m.figure("traffic.calls", "calls of the campaign", "count"),)),
                ("Days with a call", (m.figure("traffic.days", "days with a call of the campaign", "count"),)),
            )
        ),
        prose(
            "These are two different counts, and neither may be added to those of another report: accounts in all is who ever"
            " made a call of the campaign, the peak is who did so on one day.",
            small=True,
        ),
        Heading(text="Pools"),
        _pools(m),
        Heading(text="How each account came in"),
        prose(
            "No account was picked by hand. An account is in when what it shares with the others outweighs chance so far"
            " that, over all accounts of the log, at most {level} of those in are in by mistake, on average (e-BH). Each kind"
            " of shared value contributes a factor; the table gives its power of ten.",
            level=m.figure(
                "settings.membership_level", "share of a campaign’s accounts that may not belong, at most", "share"
            ),
        ),
        *_published(m),
        Fold(summary="Account by account", blocks=(_members(m), _rest(m))),
        Heading(text="Leaving one signal out"),
        _without(m),
        prose(
            "A set counts as linked from a power of {enough}. Who stays is judged account by account, with that kind of value"
            " saying nothing. This decides nothing; it shows what the accusation hangs on.",
            small=True,
            enough=m.number(_enough(m), "power of ten from which a set counts as linked", f"10^{_enough(m):.3g}", needs=THE_RULE),
        ),
        *_ablations(m),
    )


def _published(m: Matter) -> tuple[Block, ...]:
    """Say that factors come from published counts, where there is a bundle."""
    if m.numbers.recomputed is None:
        return ()
    return (
        prose(
            "These factors are computed from the counts that the replay bundle publishes, so that anybody can repeat them. Where"
            " a single owner outside the set holds a value, the bundle says two. The factors can therefore differ from those by"
            " which the hunt, which knows the exact counts, let an account in; so can what follows from them under “Leaving one"
            " signal out”.",
            small=True,
        ),
    )


def peak_day(m: Matter) -> str:
    """Return the day on which most accounts of the campaign were active."""
    active: Counter[str] = Counter()
    for strand in m.exhibits.strands:
        active.update(strand.active_per_day)
    at = date.fromisoformat(max(active, key=lambda d: (active[d], d)))
    return f"{short_day(at)} {at.year}"


def _pools(m: Matter) -> Table:
    rows = []
    for s in m.exhibits.strands:
        of = f"pool {s.number}"
        rows.append(
            (
                (pool_name(s.number),),
                (Tag(s.family) if s.family else "none in common",),
                (m.figure(f"strand.{s.number}.accounts", f"accounts of {of}", "count"),),
                (m.figure(f"strand.{s.number}.peak_accounts", f"accounts of {of} on its busiest day", "count"),),
                (m.figure(f"strand.{s.number}.calls", f"calls of {of}", "count"),),
                (m.day(s.first_seen, f"first day of {of}", f"strand.{s.number}.first_day"),),
                (m.day(s.last_seen, f"last day of {of}", f"strand.{s.number}.last_day"),),
            )
        )
    return Table(
        label="Pools: accounts that share one family of templates",
        head=("Pool", "Template family", "Accounts", "At the peak", "Calls", "First day", "Last day"),
        rows=tuple(rows),
        figures=frozenset({2, 3, 4}),
    )


def _members(m: Matter) -> Table:
    rows = []
    for k, member in enumerate(m.exhibits.members[:ROWS_AT_MOST], 1):
        strongest = sorted(member.groups.items(), key=lambda g: -g[1])[:3]
        factors: list[Parts] = [
            say(
                "{group} {power}",
                group=g,
                power=m.number(
                    f, f"factor of {g} for account {member.tag}, power of ten", recipe=f"account.{k}.factor.{g}", written=POWER
                ),
            )
            for g, f in strongest
        ]
        joined: Parts = tuple(part for n, f in enumerate(factors) for part in ((", ",) if n else ()) + f)
        rows.append(
            (
                (Tag(member.tag),),
                (m.number(member.n_exchanges, f"calls of account {member.tag}", recipe=f"account.{k}.calls"),),
                (m.day(member.first_seen, f"first day of account {member.tag}", f"account.{k}.first_day"),),
                joined or ("–",),
                (", ".join(member.hangs_on) or "no single kind",),
            )
        )
    return Table(
        label="Accounts and their way in",
        head=("Account", "Calls", "First day", "What speaks for it most", "Would be out without"),
        rows=tuple(rows),
        figures=frozenset({1}),
    )


def _rest(m: Matter) -> Block:
    in_all = m.figure("traffic.accounts", "accounts of the campaign", "count")
    if len(m.exhibits.members) <= ROWS_AT_MOST:
        return prose(
            "Tags are made under the provider’s key: only the provider can tell which account one stands for.",
            small=True,
        )
    return prose(
        "{n} more are in dossier.json. Tags are made under the provider’s key: only the provider can tell which account one"
        " stands for.",
        small=True,
        n=m.numbers.derived("difference", (in_all, ROWS_AT_MOST), "accounts that are in dossier.json only", WRITTEN["count"]),
    )


def _enough(m: Matter) -> float:
    """Return the power of ten from which a set counts as linked."""
    return linked_log10(float(m.exhibits.figures["settings.linkage_level"]))


def _without(m: Matter) -> Table:
    rows, enough = [], _enough(m)
    for w in m.exhibits.without:
        stays: Parts = say(
            "{n} of {all}",
            n=m.number(w.accounts, f"accounts that stay without {w.group}", recipe=f"without.{w.group}.accounts"),
            all=m.figure("traffic.accounts", "accounts of the campaign", "count"),
        )
        linked = w.linkage_log10 >= enough
        rows.append(
            (
                (plain(w.group),),
                (
                    m.number(
                        w.linkage_log10,
                        f"weighted linkage e-value without {w.group}, power of ten",
                        recipe=f"without.{w.group}.log10",
                        written=POWER,
                    ),
                ),
                (Mark("still linked") if linked else Mark("no longer linked", strong=True),),
                stays,
            )
        )
    head = ("Left aside", "Bet against chance", "The set", "Accounts that stay")
    return Table(label="Leaving one signal out", head=head, rows=tuple(rows), figures=frozenset({1}))


def _ablations(m: Matter) -> list[Block]:
    if not m.campaign.ablations:
        return []
    rows = []
    for a in m.campaign.ablations:
        q: Parts = ("not reached",)
        if a.q_value is not None:
            q = (m.number(a.q_value, f"q-value without {a.without}", recipe=f"ablation.{a.kind}.q_value"),)
        of = f"accounts still accused without {a.without}"
        n = m.number(len(a.accounts), of, recipe=f"ablation.{a.kind}.accounts")
        rows.append(((plain(a.without),), q, (n,)))
    return [
        Heading(text="The whole rule again, without its strongest leg"),
        Table(
            label="Judged again",
            head=("Left aside", "q", "Accounts still accused"),
            rows=tuple(rows),
            figures=frozenset({1, 2}),
        ),
    ]
