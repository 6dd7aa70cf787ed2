"""Section 6: which tests, against which nulls, at which level, with what error and what power."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from stillhunt.model import Evidence
from stillhunt.report.dossier.blocks import (
    Block,
    Drawing,
    Facts,
    Fold,
    Heading,
    Items,
    Mark,
    NotSupplied,
    Parts,
    Table,
    Tag,
    prose,
    say,
)
from stillhunt.report.dossier.cohorts import COHORTS
from stillhunt.report.dossier.matter import TESTS, Matter, pool_name
from stillhunt.report.dossier.numbered import COHORT_TABLE, PUBLISHED, Number
from stillhunt.report.dossier.power import ALPHA, lower_point
from stillhunt.report.histogram import histogram
from stillhunt.report.numbers import figure, share
from stillhunt.report.words import plain
from stillhunt.seal.canonical import canonical

JOINS = ("replay", "feedback", "takeover")
"""Tests that join calls of different accounts exactly; section 8 shows what they found."""

RHO0 = "assumed least subject coherence"

HELD_OUT = {"honest": 170224, "accused": 1, "kinds": 18, "null_worlds": 50, "reporting": 0}
"""Totals of `bench/results/held_out.md`: synthetic worlds, not this provider's customers."""

ASSUMED = ("clock_ratio", "queue_share", "circle", "own_accounts")
"""Constants of the rule that its assumptions say."""

DRAWN = ("copies_share", "clock_ratio", "queue_share")
"""Constants of the rule that the label of a drawn null says."""

NULLS = {
    "clock": "Every account’s clock is turned by a whole number of days of its own: time of day stays, common control goes; a"
    " tenth of the variance is allowed for.",
    "interchange": "Honest linked accounts keep to their own subjects at least as much as the stated coherence.",
    "queue": "Other users of the same template, as busy as the members, lend their prompts; a quarter fewer repeats are allowed"
    " for.",
    "multiplicity": "Accounts choose on their own, however popular each prompt is.",
    "replay": "Blocks of reasoning change hands only along friendships, not around a circle of accounts.",
    "feedback": "Answers change hands only along friendships, not around a circle of accounts.",
    "takeover": "A call that failed is followed by the same prompt from another account no more often than one that was served.",
    "copies": "People who work from one sheet send the same prompts too, but each when they come to it.",
}


def statistics(m: Matter) -> tuple[Block, ...]:
    """Section 6."""
    return (
        Heading(text="Decided beforehand"),
        _beforehand(m),
        Heading(text="Tests of joint operation"),
        _tests(m),
        prose(
            "The p-values of a pool are combined so that every test is paid for, whether it ran or not (weighted Bonferroni),"
            " and then times the number of pools: the p-value of the set is {p}. Over all {sets} that were judged in"
            " this hunt it becomes q = {q} (Benjamini and Hochberg).",
            p=m.figure("key2.p_value", "joint operation, combined p-value"),
            sets=_tested(m),
            q=m.figure("key2.q_value", "joint operation, q-value over all sets judged"),
        ),
        Heading(text="What each test could have shown"),
        *_power(m),
        Heading(text="How often this is wrong"),
        *_errors(m),
        Heading(text="This holds if"),
        Items(items=tuple(tuple(m.numbers.said(a, "", "assumption", rules=ASSUMED)) for a in m.campaign.claim.assumptions)),
    )


def test_drawing(m: Matter, test: Evidence) -> list[Block]:
    """Return where a test's statistic falls under its null, drawn, with the numbers on the axis in the caption."""
    null = test.null
    if null is None:
        return []
    svg = histogram(null)
    if not svg:
        return []
    of = plain(test.test)
    at = f"{m.prefix(test)}null."
    ends = {"low": (null.ends[0], "lowest value of the null"), "high": (null.ends[1], "highest value of the null")}
    ends["observed"] = (null.observed, "observed statistic")
    numbers = {name: m.number(x, f"{what} of {of}", recipe=at + name, written=figure) for name, (x, what) in ends.items()}
    caption = say(
        "Grey: {label}, from {low} to {high}. The line is what was observed, {observed}."
        if null.ends[0] < null.ends[1]
        else "Grey: {label}, always {low}. The line is what was observed, {observed}.",
        label=tuple(m.numbers.said(null.label, ("settings.rho0", m.prefix(test) or "-"), f"null of {of}", rules=DRAWN)),
        **numbers,
    )
    return [Drawing(svg=svg, caption=caption)]


def _beforehand(m: Matter) -> Facts:
    settings = m.hunt.settings
    sealed = None if m.integrity is None else m.integrity.get("configuration_sha256")
    digest = str(sealed) if sealed else hashlib.sha256(canonical(dict(settings))).hexdigest()
    rows: list[tuple[str, Parts]] = [
        (
            "Level, campaigns",
            say(
                "{x} of reported campaigns may be honest sets, on average",
                x=m.number(
                    float(m.campaign.claim.level),
                    "level of campaigns",
                    f"{m.campaign.claim.level:.0%}",
                    recipe="settings.level",
                ),
            ),
        ),
        (
            "Level, accounts",
            say(
                "{x} of a campaign’s accounts may not belong, on average",
                x=m.figure("settings.membership_level", "level of accounts", "share"),
            ),
        ),
        (
            "Least subject coherence of honest groups",
            (m.number(float(settings["rho0"]), RHO0, recipe="settings.rho0"),)
            if "rho0" in settings
            else ("–",),
        ),
        (
            "Fewest declared customers",
            (m.figure("settings.declared_customers", "fewest declared customers of a disguised set"),),
        ),
        ("Seed", (m.number(int(m.campaign.claim.seed), "seed of every random draw", recipe="settings.seed"),)),
        ("Configuration, SHA-256", (Tag(digest),)),
        (
            "Fixed at",
            say("in the journal beside this file, before anything was judged; the journal gives the time (section 14)")
            if sealed
            else say("not committed before the hunt: no journal is beside it (section 14)"),
        ),
    ]
    return Facts(rows=tuple(rows))


def _tested(m: Matter) -> Parts:
    tested = int(m.hunt.settings.get("sets tested", 0))
    return say("{n} sets", n=m.number(tested, "sets judged for joint operation", recipe="key2.tested"))


def _tests(m: Matter) -> Table:
    rows = []
    for strand in m.exhibits.strands:
        for words, test in TESTS.items():
            at = f"strand.{strand.number}.{test}"
            pool = f"pool {strand.number}"
            ran = m.has(f"{at}.p_value")
            rows.append(
                (
                    (pool_name(strand.number), f": {words}"),
                    (NULLS[test],),
                    _statistic(m, at, test, pool) if ran else ("did not run",),
                    (m.figure(f"{at}.p_value", f"p-value of {words}, {pool}"),) if ran else ("–",),
                )
            )
    return Table(
        label="Tests of joint operation",
        head=("Test", "If nobody ran them together", "Seen", "p"),
        rows=tuple(rows),
        figures=frozenset({3}),
        stacked=True,
    )


def _statistic(m: Matter, at: str, test: str, pool: str) -> Parts:
    if test == "clock":
        return say(
            "variance ratio {x}; {null} on average without control",
            x=m.figure(f"{at}.variance_ratio", f"variance ratio, {pool}"),
            null=m.figure(f"{at}.null_mean", f"mean variance ratio under the null, {pool}"),
        )
    if test == "interchange":
        of_all = say(
            "subject coherence {x} ± {se} over {fills} prompts",
            x=m.figure(f"{at}.rho", f"subject coherence, {pool}"),
            se=m.figure(f"{at}.standard_error", f"standard error of subject coherence, {pool}"),
            fills=m.figure(f"{at}.fills", f"different prompts looked at, {pool}", "count"),
        )
        if not m.has(f"{at}.quieter_rho"):
            return of_all
        return of_all + say(
            "; of the {n} accounts with the fewest prompts {x} ± {se} (p {p}, at a tenth of the error rate)",
            n=m.figure(f"{at}.quieter_accounts", f"quieter accounts, {pool}", "count"),
            x=m.figure(f"{at}.quieter_rho", f"subject coherence of the quieter accounts, {pool}"),
            se=m.figure(f"{at}.quieter_standard_error", f"standard error of that, {pool}"),
            p=m.figure(f"{at}.quieter_p_value", f"p-value of the quieter accounts, {pool}"),
        )
    if test == "queue":
        return say(
            "{x} coincidences; {e} expected",
            x=m.figure(f"{at}.coincidences", f"coincidences, {pool}", "count"),
            e=m.figure(f"{at}.expected", f"expected coincidences, {pool}"),
        )
    if test in JOINS:
        return ("section 8 shows it",)
    if test == "copies":
        return say(
            "{x} of {n} hours in which most shared prompts left two accounts at once",
            x=m.figure(f"{at}.simultaneous", f"hours with simultaneous prompts, {pool}", "count"),
            n=m.figure(f"{at}.hours", f"hours with shared prompts, {pool}", "count"),
        )
    return say(
        "{at} prompts sent by exactly {k} accounts; {null} expected",
        at=m.figure(f"{at}.at", f"prompts sent by exactly k accounts, {pool}", "count"),
        k=m.figure(f"{at}.k", f"k of best of k, {pool}", "count"),
        null=m.figure(f"{at}.null_mean", f"expected prompts sent by exactly k accounts, {pool}"),
    )


def _power(m: Matter) -> list[Block]:
    items: list[Parts] = []
    rho0 = m.number(float(m.hunt.settings.get("rho0", 0.05)), RHO0, recipe="settings.rho0")
    nulls = {m.prefix(e): e.null for e in m.campaign.evidence if e.null is not None}
    for strand in m.exhibits.strands:
        at, pool = f"strand.{strand.number}", f"pool {strand.number}"
        if m.has(f"{at}.interchange.rho"):
            se = m.figure(f"{at}.interchange.standard_error", f"standard error of subject coherence, {pool}")
            of = (rho0, se, m.figure(f"{at}.interchange.accounts", f"accounts with prompts that were compared, {pool}", "count"))
            items.append(
                say(
                    "{pool}, interchangeable workers: speaks below a coherence of {reach}; against workers fed from one queue its"
                    " power is {power}.",
                    pool=pool_name(int(pool[5:])),
                    reach=m.numbers.derived("reach", of, f"subject coherence below which the test speaks, {pool}", figure),
                    power=m.numbers.derived("power", of, f"power of the interchange test, {pool}", _share),
                )
            )
        for test, what in (("clock", "a variance ratio"), ("queue", "a number of coincidences")):
            null = nulls.get(f"{at}.{test}.")
            if null is not None and any(null.counts):
                point = lower_point(null)
                items.append(
                    say(
                        "{pool}, {test}: speaks below {what} of {point}.",
                        pool=pool_name(int(pool[5:])),
                        test=next(w for w, name in TESTS.items() if name == test),
                        what=what,
                        point=m.number(point, f"{what} below which the test speaks, {pool}", recipe=f"{at}.{test}.null.point"),
                    )
                )
    note = prose(
        "At {alpha} for each test by itself. Power of the whole rule against the size of a campaign is measured on synthetic"
        " worlds (docs, “Limits”) and on your own log with the power command where the hunt was made with it.",
        small=True,
        alpha=m.number(ALPHA, "level of a single test in this list", "5 %", recipe="rule.single_test"),
    )
    return [Items(items=tuple(items)) if items else prose("No test left a null to compute this from."), note]


def _share(x: float) -> str:
    return "over 99.9 %" if x > 0.999 else f"{100 * x:.0f} %"


def _held_out(m: Matter, name: str, label: str) -> Number:
    return m.number(HELD_OUT[name], label, needs=PUBLISHED, recipe=f"published.held_out.{name}")


def _errors(m: Matter) -> list[Block]:
    accused = _held_out(m, "accused", "honest accounts accused on held-out synthetic worlds")
    honest = _held_out(m, "honest", "honest accounts on held-out synthetic worlds")
    wrong = _held_out(m, "reporting", "worlds without a campaign that reported one")
    empty = _held_out(m, "null_worlds", "worlds without a campaign")
    rate, of_worlds = (f"upper end, rate of {what} (Clopper–Pearson, 95 %)" for what in ("honest accounts accused", "such worlds"))
    blocks: list[Block] = [
        prose(
            "On synthetic worlds kept apart from development, {a} of {n} honest accounts in {kinds} named kinds of look-alikes"
            " and among ordinary customers were accused (upper end of the interval {up}); {w} of {worlds} worlds without a"
            " campaign reported one (upper end {upw}). Synthetic customers are not this provider’s, and"
            " the published tables name the version of the rule that was measured, which may be older than this hunt’s.",
            a=accused,
            n=honest,
            kinds=m.number(
                HELD_OUT["kinds"], "kinds of honest look-alikes", needs=COHORT_TABLE, recipe="published.cohorts.kinds"
            ),
            up=m.numbers.derived("upper", (accused, honest), rate, figure),
            w=wrong,
            worlds=empty,
            upw=m.numbers.derived("upper", (wrong, empty), of_worlds, figure),
        )
    ]
    return [*blocks, Fold(summary="Kind by kind of honest customer", blocks=(_cohorts(m),)), *_audit(m, m.audit)]


def _cohorts(m: Matter) -> Table:
    rows = []
    for one in COHORTS:
        name = f"published.cohorts.{one.name}"
        accounts = m.number(one.accounts, f"honest accounts: {one.words}", needs=COHORT_TABLE, recipe=f"{name}.accounts")
        accused = m.number(one.accused, f"honest accounts accused: {one.words}", needs=COHORT_TABLE, recipe=f"{name}.accused")
        of = f"upper end of the rate: {one.words}"
        upper = m.numbers.derived("upper", (accused, accounts), of, lambda x: f"{x:.2%}")
        rows.append(((one.words,), (accounts,), (accused,), (upper,)))
    head = ("Honest customers", "Accounts", "Accused", "Rate, upper end")
    return Table(
        label="Honest customers on synthetic worlds", head=head, rows=tuple(rows), figures=frozenset({1, 2, 3})
    )


def _audit(m: Matter, audit: Mapping[str, Any] | None) -> list[Block]:
    """Return the bound from the provider's own verified-honest sets, or that there is none."""
    if audit is None:
        return [
            NotSupplied(
                what="Verified-honest groups of this provider, on which the whole rule would have been tried",
                table="--controls",
            ),
            prose(
                "Without them there is no guarantee from this provider’s own customers; the levels above rest on the"
                " assumptions below."
            ),
        ]
    bound = audit["bound"]
    found = prose(
        "Of {linked} verified-honest sets of this provider that are linked, the whole rule would have reported {rejected}: at"
        " most {rate} of such sets, with confidence {sure} (Clopper and Pearson).",
        linked=m.number(int(audit["linked_controls"]), "verified-honest sets that are linked", recipe="controls.linked"),
        rejected=m.number(int(audit["rejected"]), "of these, sets that the rule would have reported", recipe="controls.rejected"),
        rate=m.number(float(audit["rate_upper"]), "upper end, rate of honest linked sets reported", recipe="controls.rate"),
        sure=m.number(
            float(audit["confidence"]),
            "confidence of that upper end",
            f"{audit['confidence']:.0%}",
            recipe="rule.controls_confidence",
        ),
    )
    if bound is None:
        return [found, prose("{mark} No bound follows for this hunt.", mark=Mark("no guarantee", strong=True))]
    verdict = Mark(
        "within the level" if audit["claimable"] else "above the level: no guarantee", strong=not audit["claimable"]
    )
    then = prose(
        "So at most {bound} of what this hunt reported is honest sets. {verdict}",
        bound=m.number(
            float(bound), "bound on the share of reported sets that are honest", share(float(bound)), recipe="controls.bound"
        ),
        verdict=verdict,
    )
    return [Heading(text="The bound from verified-honest sets"), found, then]
