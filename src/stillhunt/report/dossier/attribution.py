"""
Sections 9 and 10: releases with their base rate, and who may be behind it, as hypotheses that compete.

The default is “not attributed”. Pools may be shared between several buyers, so nothing is said of a pool as a whole.
"""

from __future__ import annotations

from datetime import timedelta

from stillhunt.report.dossier.blocks import (
    Block,
    Fold,
    Heading,
    Mark,
    NotSupplied,
    Part,
    Parts,
    Prose,
    Supplied,
    Table,
    Tag,
    prose,
    say,
    supplied,
)
from stillhunt.report.dossier.case import KINDS, Hypothesis, Observation
from stillhunt.report.dossier.coordination import TO_NEW_MODEL, finding, tests_named
from stillhunt.report.dossier.earlier import beside
from stillhunt.report.dossier.likelihood import ReleaseTiming, release_timing
from stillhunt.report.dossier.matter import Matter
from stillhunt.report.dossier.numbered import Number
from stillhunt.report.numbers import figure, share, utc

RELEASES, HYPOTHESIS = "case.releases", "case.hypothesis"
"""How the recipes of releases and of hypotheses start."""

PREDICTS = {
    "lab": "one family of templates aimed at one capability, and releases that follow more closely than the base rate",
    "reseller mix": "honest calls of many unrelated people beside the harvest in the same accounts",
    "data vendor": "several families of templates, each with work of its own, for several buyers",
    "researcher": "a registered study, published questions, an end to it",
    "false flag": "clues to a name that cost nothing to plant, and none that would be hard to plant",
    "other": "–",
}
"""What each kind of actor would be expected to leave."""


def timeline_section(m: Matter) -> tuple[Block, ...]:
    """Section 9: own releases, other labs' releases, and how often such a release comes anyway."""
    own = [e for e in m.exhibits.events if e.kind == "model_release"]
    blocks: list[Block] = [Heading(text="This provider’s own releases")]
    if own:
        rows = tuple(
            (
                (Tag(e.subject),),
                (m.day(e.at, f"release of {e.subject}", f"{at}.day"),),
                (m.number(e.calls_before, f"campaign calls in the day before {e.subject}", recipe=f"{at}.calls_before"),),
                (m.number(e.calls_after, f"campaign calls in the day after {e.subject}", recipe=f"{at}.calls_after"),),
            )
            for e, at in ((e, m.event(e)) for e in own)
        )
        blocks.append(
            Table(
                label="Releases while the campaign was active",
                head=("Model", "Day", "Calls, day before", "Day after"),
                rows=rows,
                figures=frozenset({2, 3}),
            )
        )
        blocks.append(
            prose("Everybody tries a new model on its first day: a move to it, alone, says nothing.", small=True)
        )
    else:
        blocks.append(prose("The events name no release while the campaign was active."))
    blocks += [block for test in tests_named(m, TO_NEW_MODEL) for block in finding(m, test)]
    return (*blocks, Heading(text="Releases by others, with the base rate"), *_releases(m))


def timings(m: Matter) -> tuple[tuple[ReleaseTiming, ...], float, int]:
    """Return the release timing of every lab in the case file; nothing where none is listed."""
    watch = m.case.releases_watched
    if watch is None or not m.case.releases or not (watch.start and watch.end) or watch.lag_days is None:
        return (), float("nan"), 0
    profile = m.campaign.profile
    window = (utc(profile.first_seen).date(), utc(profile.last_seen).date() + timedelta(days=watch.lag_days))
    listed = [(str(r.lab), r.at) for r in m.case.releases if r.at]
    return release_timing(listed, (watch.start, watch.end), window)


def _releases(m: Matter) -> list[Block]:
    watch = m.case.releases_watched
    if watch is None or not m.case.releases:
        return [
            NotSupplied(what="Releases of every lab over a stated time", table="releases"),
            prose(
                "Without all of them there is no base rate, and a release that follows a harvest means nothing: labs release"
                " often enough for some release to follow almost anything.",
                small=True,
            ),
        ]
    found, anybody, windows = timings(m)
    labs = m.number(sum(t.in_window > 0 for t in found), "labs that released in the window", recipe=f"{RELEASES}.labs_in_window")
    if not windows:
        return [prose("The days that are watched are shorter than the window itself, so no base rate can be computed.")]
    rows = tuple(
        (
            (Supplied(t.lab),),
            (m.number(t.releases, f"releases of {t.lab} over the days watched", recipe=f"{RELEASES}.{n}.listed"),),
            (m.number(t.in_window, f"releases of {t.lab} in the window", recipe=f"{RELEASES}.{n}.in_window"),),
            (_base_rate(m, n, t),),
            _bound(m, n, t),
        )
        for n, t in enumerate(found, 1)
    )
    return [
        prose(
            "The window runs from the campaign’s first day to {lag} days after its last. In it {labs} of {all} labs listed"
            " released a model; in a window of this length anywhere in the days watched, at least one of them does so with"
            " frequency {rate} ({n} windows).",
            lag=m.number(
                int(watch.lag_days or 0), "days after the campaign within which a release counts", recipe=f"{RELEASES}.lag_days"
            ),
            labs=labs,
            all=m.number(len(found), "labs listed", recipe=f"{RELEASES}.labs"),
            rate=m.number(anybody, "base rate of a release by any lab", share(anybody), recipe=f"{RELEASES}.base_rate"),
            n=m.number(windows, "windows that the base rates are over", recipe=f"{RELEASES}.windows"),
        ),
        Table(
            label="Releases and base rates",
            head=("Lab", "Releases", "In the window", "Base rate", "Likelihood ratio"),
            rows=rows,
            figures=frozenset({1, 2, 3, 4}),
        ),
        Fold(
            summary="The releases",
            blocks=(
                Table(
                    label="Releases listed",
                    head=("Lab", "Model", "Day", "Source"),
                    rows=tuple(
                        (supplied(r.lab), supplied(r.model), supplied(r.at), supplied(r.source))
                        for r in m.case.releases
                    ),
                    stacked=True,
                ),
            ),
        ),
    ]


def _bound(m: Matter, n: int, t: ReleaseTiming) -> Parts:
    if not t.in_window or not t.base_rate:
        return ("–",)
    of = f"likelihood ratio of the timing of {t.lab}, upper bound"
    return say("at most {x}", x=m.numbers.derived("inverse", (_base_rate(m, n, t),), of, "{:.1f}".format))


def _base_rate(m: Matter, n: int, t: ReleaseTiming) -> Number:
    of = f"base rate of a release of {t.lab}"
    return m.number(t.base_rate, of, share(t.base_rate), recipe=f"{RELEASES}.{n}.base_rate")


def attribution(m: Matter) -> tuple[Block, ...]:
    """Section 10."""
    claimed = any(c.rung == "operator" for c in m.case.claims)
    verdict = Mark("claimed by the operator" if claimed else "not attributed", strong=True)
    blocks: list[Block] = [
        prose("{verdict}", verdict=verdict),
        prose(
            "Whose accounts these are is not known from the log. Pools are rented out and shared: two labs, or a lab and"
            " honest people, may use the same accounts at the same time. So nothing is attributed to a pool as a whole; each"
            " row says which pool’s strand of calls it is about."
        ),
        Heading(text="Hypotheses that compete"),
        _hypotheses(m),
        Heading(text="Evidence for and against"),
        *_evidence(m),
        Heading(text="Mixing in this pool"),
        _mixing(m),
        Heading(text="Resemblance to earlier campaigns"),
    ]
    number = 0
    for past in m.past:
        number += past.comparable
        blocks += beside(m, number, past)
    if not m.past:
        blocks.append(NotSupplied(what="Earlier campaigns to compare with", table="past"))
    return tuple(blocks)


def _hypotheses(m: Matter) -> Table:
    given = list(m.case.hypotheses)
    named = {h.kind for h in given}
    given += [Hypothesis(name=kind, kind=kind) for kind in KINDS if kind not in named and kind != "other"]
    rows = []
    for h in given:
        mine = h in m.case.hypotheses
        about: Parts = ("every pool",)
        if h.strand is not None:
            of, recipe = f"pool that “{h.name}” is about", f"{HYPOTHESIS}.{h.name}.pool"
            about = (m.number(h.strand, of, f"pool {h.strand}", recipe=recipe),)
        pro = sum(h.name in o.speaks_for for o in m.case.observations)
        con = sum(h.name in o.against for o in m.case.observations)
        rows.append(
            (
                (Supplied(str(h.name)),) if mine else (f"{h.name}",),
                about,
                (*((Supplied(h.note), ". ") if h.note else ()), "Would leave: ", PREDICTS[str(h.kind)]),
                say(
                    "{pro} for, {con} against",
                    pro=m.number(pro, f"observations for “{h.name}”", recipe=f"{HYPOTHESIS}.{h.name}.for"),
                    con=m.number(con, f"observations against “{h.name}”", recipe=f"{HYPOTHESIS}.{h.name}.against"),
                ),
            )
        )
    head = ("Hypothesis", "About", "What it says", "Observations")
    return Table(label="Hypotheses", head=head, rows=tuple(rows), stacked=True)


def _evidence(m: Matter) -> list[Block]:
    if not m.case.observations:
        return [NotSupplied(what="Observations for or against any hypothesis", table="observations")]
    rows = tuple(_observation(m, n, o) for n, o in enumerate(m.case.observations, 1))
    head = ("Observation, source", "Class", "For", "Against", "Likelihood ratio")
    return [
        Table(label="Evidence for and against each hypothesis", head=head, rows=rows, stacked=True),
        prose(
            "A likelihood ratio is given only where the operator supplied how often the like was seen in cases like the"
            " hypothesis and in others; it is that ratio of frequencies, half a case added to each, with its interval. Ratios"
            " are not multiplied: nobody knows how the observations depend on each other.",
            small=True,
        ),
    ]


def _observation(m: Matter, n: int, o: Observation) -> tuple[Parts, ...]:
    alone: tuple[Part, ...] = (" ", Mark("single source", strong=True)) if o.single_source else ()
    lr: Parts = ("not computable",)
    if o.if_true:
        of, at = str(o.what), f"case.observation.{n}"
        cases = {
            "k1": m.number(o.if_true[0], f"seen among cases like the hypothesis: {of}", recipe=f"{at}.if_true.seen"),
            "n1": m.number(o.if_true[1], f"cases like the hypothesis: {of}", recipe=f"{at}.if_true.of"),
            "k0": m.number(o.otherwise[0], f"seen among other cases: {of}", recipe=f"{at}.otherwise.seen"),
            "n0": m.number(o.otherwise[1], f"other cases: {of}", recipe=f"{at}.otherwise.of"),
        }
        four = tuple(cases.values())
        lr = say(
            "{x} ({low} to {high}), from {k1} of {n1} against {k0} of {n0}",
            x=m.numbers.derived("likelihood", four, f"likelihood ratio: {of}", figure),
            low=m.numbers.derived("likelihood_low", four, f"lower end of the likelihood ratio: {of}", figure),
            high=m.numbers.derived("likelihood_high", four, f"upper end of the likelihood ratio: {of}", figure),
            **cases,
        )
    what = (Supplied(str(o.what)), " – source: ", Supplied(str(o.source)), *alone)
    return (what, (str(o.kind),), _names(o.speaks_for), _names(o.against), lr)


def _names(hypotheses: tuple[str, ...]) -> Parts:
    return supplied(hypotheses) if hypotheses else ("–",)


def _mixing(m: Matter) -> Prose:
    other = sum(member.n_other for member in m.campaign.members)
    inside = sum(member.n_exchanges for member in m.campaign.members)
    part = other / max(other + inside, 1)
    return prose(
        "{part} of all calls of these accounts lie outside the harvested strands and are held against nobody. They may be"
        " honest people’s, chaff, or another buyer’s. The campaign has {pools} with a template family of its own.",
        part=m.number(
            part, "share of the accounts’ calls outside the harvested strands", recipe="traffic.other_share", written=share
        ),
        pools=m.number(len(m.exhibits.strands), "pools of the campaign", recipe="traffic.pools", written=_pools),
    )


def _pools(n: int) -> str:
    return f"{n} pool" if n == 1 else f"{n} pools"
