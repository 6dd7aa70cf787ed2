"""Sections 7 and 8: what the accounts share and how they move; what they ask for."""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt.model import Contrast, Evidence, SharedValue
from stillhunt.report.dossier.bans import after_bans
from stillhunt.report.dossier.blocks import (
    Block,
    Drawing,
    Facts,
    Fold,
    Heading,
    NotSupplied,
    Parts,
    Prose,
    Supplied,
    Table,
    Tag,
    prose,
    say,
    supplied,
)
from stillhunt.report.dossier.constants import LARGE
from stillhunt.report.dossier.drawings import effects
from stillhunt.report.dossier.matter import Matter, pool_name
from stillhunt.report.dossier.numbered import IN_WORDS, Number
from stillhunt.report.dossier.statistics import test_drawing
from stillhunt.report.numbers import share
from stillhunt.report.timeline import timeline
from stillhunt.report.words import plain

AFTER_BAN = "accounts that wake after a ban"
TO_NEW_MODEL = "move to a new model"
"""How the names of two findings start that stand with bans and with releases."""

SHOWN_FIRST = 12
SHOWN_MORE = 24

FEW = 3
"""Fewer owners than this outside the set are not counted out: a count of one would point at somebody."""

_SPELLED = {FEW: "three"}

MEASURES = {
    "focus": ("Focus", "two calls of an account ask for the same capability"),
    "no return": ("No return", "prompts that do not come back to what the account asked before"),
    "reasoning": ("Reasoning", "reasoning tokens for each token of answer"),
    "hunger": ("Hunger", "tokens of answer for each token of prompt"),
    "repeats": ("Repeats", "prompts that another account of its own crowd sent too"),
}
"""A measure → its name and what it is."""

CAPABILITY = "traffic.capability."
RARE = "rare classes"
"""What the replay bundle counts kinds of fewer than five calls under."""

TOGETHER = "kinds of fewer than five calls each, together"

SHARES = ("focus", "no return", "repeats")


def coordination(m: Matter) -> tuple[Block, ...]:
    """Section 7: rare shared values, timing, disjoint shards, and what happened around bans."""
    blocks: list[Block] = [
        Heading(text="What they share that hardly anybody else has"),
        _groups(m),
        _shared(m, _rarest(m.exhibits.shared)),
    ]
    if len(m.exhibits.shared) > SHOWN_FIRST:
        rest = [v for v in m.exhibits.shared if v not in _rarest(m.exhibits.shared)]
        blocks.append(Fold(summary="More shared values", blocks=(_shared(m, rest[:SHOWN_MORE]),)))
    blocks += [
        prose(
            "Values are shown as tags under the provider’s key. “Elsewhere” counts owners outside the set, of {n} in the log:"
            " the fewer, the less likely it is that unrelated customers hold it together.",
            small=True,
            n=m.number(
                m.hunt.n_owners,
                "owners in the log: organisations where declared, else accounts",
                recipe="population.owners",
            ),
        ),
        Heading(text="Timing"),
        *_timing(m),
        Heading(text="Disjoint work"),
        *_shards(m),
        Heading(text="Before and after bans"),
        *after_bans(m),
        *(block for test in tests_named(m, AFTER_BAN) for block in finding(m, test)),
    ]
    return tuple(blocks)


def content(m: Matter) -> tuple[Block, ...]:
    """Section 8: template families, what was asked for, and the contrast with matched honest traffic."""
    families = tuple(
        ((pool_name(s.number),), (Tag(s.family) if s.family else "no template in common",)) for s in m.exhibits.strands
    )
    return (
        Heading(text="Template families"),
        Table(label="Template families", head=("Pool", "Keyed tag"), rows=families),
        *_excerpt(m),
        Heading(text="What was asked for"),
        _capabilities(m),
        prose(
            "Told apart by {how}.",
            small=True,
            how=tuple(m.numbers.said(m.campaign.profile.capability_method, "", "method", rules=("words_in_lists", "word_lists"))),
        ),
        Heading(text="Beside matched honest accounts of the same log"),
        *_contrasts(m),
        Heading(text="Asking for reasoning"),
        _elicitation(m),
        Heading(text="Replay and other exact joins"),
        *_joins(m),
    )


def _groups(m: Matter) -> Table:
    rows = []
    for name in sorted(_group_names(m), key=lambda g: -float(m.exhibits.figures[f"linkage.group.{g}"])):
        mine = [v for v in m.exhibits.shared if v.group == name]
        rows.append(
            (
                (plain(name),),
                (m.figure(f"linkage.group.{name}", f"e-value of {name}, power of ten", "power"),),
                (", ".join(dict.fromkeys(v.kind for v in mine)).replace("/24 or /48", "prefix") or "nothing rare",),
            )
        )
    return Table(
        label="Kinds of shared values",
        stacked=True,
        head=("Kind of evidence", "Bet against chance", "What is shared"),
        rows=tuple(rows),
        figures=frozenset({1}),
    )


def _group_names(m: Matter) -> list[str]:
    return [n.removeprefix("linkage.group.") for n in m.exhibits.figures if n.startswith("linkage.group.")]


def _rarest(shared: Sequence[SharedValue]) -> list[SharedValue]:
    """Return the first of each kind, then the next, until enough: no kind crowds out the others."""
    rank: dict[str, int] = {}
    ranked = []
    for n, value in enumerate(shared):
        rank[value.kind] = rank.get(value.kind, 0) + 1
        ranked.append((rank[value.kind], n, value))
    return [v for *_, v in sorted(ranked, key=lambda r: r[:2])[:SHOWN_FIRST]]


def _shared(m: Matter, values: Sequence[SharedValue]) -> Table:
    rows = []
    for v in values:
        what, at = f"{v.kind} {v.tag}", f"shared.{m.exhibits.shared.index(v) + 1}"
        few = 0 < v.outside < FEW
        everywhere = (v.inside + (FEW - 1 if few else v.outside)) / max(m.hunt.n_owners, 1)
        outside: Parts = (f"fewer than {_SPELLED[FEW]}",)
        if not few:
            outside = (m.number(v.outside, f"holders elsewhere of {what}", recipe=f"{at}.outside"),)
        part = m.number(
            everywhere, f"share of all owners that hold {what}, at most", recipe=f"{at}.share", written=share
        )
        rows.append(
            (
                tuple(m.numbers.said(v.kind.replace("/24 or /48", "prefix"), "", v.kind, IN_WORDS)),
                (Tag(v.tag),),
                (m.number(v.inside, f"holders in the set of {what}", recipe=f"{at}.inside"),),
                outside,
                (part,),
            )
        )
    head = ("What", "Tag", "In the set", "Elsewhere", "Of all owners")
    return Table(label="Rare shared values", head=head, rows=tuple(rows), figures=frozenset({2, 3, 4}))


def finding(m: Matter, test: Evidence) -> list[Block]:
    """Return a finding in the hunt's words, and where it falls under its null."""
    return [Prose(parts=m.said(test)), *test_drawing(m, test)]


def tests_named(m: Matter, *words: str) -> list[Evidence]:
    """Return the findings whose name starts with some words."""
    return [e for e in m.campaign.evidence if any(e.test.startswith(w) for w in words)]


def _timing(m: Matter) -> list[Block]:
    per_day, log = m.campaign.profile.per_day, m.hunt.per_day
    blocks: list[Block] = []
    drawn = timeline(per_day, log)
    if drawn:
        caption = say(
            "Calls per day, UTC: above the campaign, {own} on its busiest day; below the whole log, {all} on its busiest, the"
            " campaign’s part filled.",
            own=m.figure("traffic.peak_calls", "calls of the campaign on its busiest day", "count"),
            all=m.number(
                max(max(log.values(), default=0), max(per_day.values())),
                "calls of the log on its busiest day",
                recipe="log.busiest_day",
            ),
        )
        blocks.append(Drawing(svg=drawn, caption=caption))
    clocks = tests_named(m, "one clock")
    if not clocks:
        blocks.append(prose("The test for one common clock did not run: too few calls, accounts or days."))
    for test in clocks:
        blocks += finding(m, test)
    return blocks


def _shards(m: Matter) -> list[Block]:
    blocks: list[Block] = []
    for s in m.exhibits.strands:
        pool = f"pool {s.number}"
        blocks.append(
            prose(
                "{pool}: of {pairs} pairs of accounts {sharing} have a prompt in common; of {prompts} different prompts"
                " {several} were sent by more than one account.",
                pool=pool_name(int(pool[5:])),
                pairs=m.figure(f"strand.{s.number}.pairs", f"pairs of owners in {pool}", "count"),
                sharing=m.figure(
                    f"strand.{s.number}.pairs_sharing", f"pairs of owners with a prompt in common in {pool}", "count"
                ),
                prompts=m.figure(f"strand.{s.number}.prompts", f"different prompts in {pool}", "count"),
                several=m.figure(
                    f"strand.{s.number}.prompts_shared", f"prompts that more than one owner sent in {pool}", "count"
                ),
            )
        )
    tests = tests_named(m, "de-duplicated queue", "interchangeable workers")
    for test in tests:
        blocks += finding(m, test)
    return blocks


def _excerpt(m: Matter) -> list[Block]:
    excerpt = m.case.excerpt
    if excerpt is None:
        return [prose("No excerpt of a template is shown: none was approved in the case file.", small=True)]
    return [
        Facts(
            rows=(
                ("Excerpt", (Supplied(str(excerpt.text)),)),
                ("Approved by", supplied(excerpt.approved_by)),
                ("On", supplied(excerpt.approved_at)),
                (
                    "Pool",
                    supplied(None)
                    if excerpt.strand is None
                    else (m.number(excerpt.strand, "pool of the excerpt", recipe="case.excerpt.pool"),),
                ),
            )
        )
    ]


def capabilities(m: Matter) -> dict[str, float]:
    """Return the share of each kind of call, as the bundle gives it where there is one: kinds of very few calls together."""
    given = m.numbers.recomputed
    if given is None or not m.campaign.profile.capabilities:
        return dict(m.campaign.profile.capabilities)
    return {name.removeprefix(CAPABILITY): float(str(x)) for name, x in given.items() if name.startswith(CAPABILITY)}


def _capabilities(m: Matter) -> Block:
    parts = sorted(capabilities(m).items(), key=lambda p: (p[0] == RARE, -p[1], p[0]))
    if not parts:
        return NotSupplied(what="Prompt text, by which kinds of call are told apart", table="the log")
    rows = tuple(
        (
            (TOGETHER if name == RARE else plain(name),),
            (m.number(x, f"share of calls: {plain(name)}", recipe=f"{CAPABILITY}{name}", written=share),),
        )
        for name, x in parts
    )
    return Table(label="Kinds of call", head=("Kind of call", "Share"), rows=rows, figures=frozenset({1}))


def _contrasts(m: Matter) -> list[Block]:
    found = m.exhibits.contrasts
    if not found:
        return [prose("The log held too few matched honest accounts with text and tokens to compare with.")]
    rows = []
    for c in found:
        name, what = MEASURES[c.measure]
        above = m.number(
            c.superiority,
            f"{name}: chance to lie above a matched account",
            written=share,
            recipe=f"contrast.{c.measure}.superiority",
        )
        low = m.number(c.low, f"{name}: lower end", written=share, recipe=f"contrast.{c.measure}.low")
        high = m.number(c.high, f"{name}: upper end", written=share, recipe=f"contrast.{c.measure}.high")
        rows.append(
            (
                (name, f" – {what}"),
                (_median(m, c, c.campaign, "campaign"),),
                (_median(m, c, c.matched, "matched"),),
                say("{x} ({low} to {high})", x=above, low=low, high=high),
            )
        )
    widest = max(found, key=lambda c: c.matched_accounts)
    caption = say(
        "How often an account of the campaign lies above a matched honest one: half means no difference. The line at {large}"
        " is where the ladder counts a measure. Bars are intervals of {level}.",
        large=m.number(LARGE, "superiority from which the ladder counts a measure", "64 %", recipe="rule.superiority"),
        level=m.number(0.95, "confidence of the intervals", "95 %", recipe="rule.intervals"),
    )
    return [
        Drawing(svg=effects(found, {k: v[0] for k, v in MEASURES.items()}, LARGE), caption=caption),
        Table(
            label="Effect sizes",
            head=("Measure", "Campaign, median", "Matched, median", "Lies above, with interval"),
            rows=tuple(rows),
            figures=frozenset({1, 2, 3}),
            stacked=True,
        ),
        prose(
            "Matched are {n} accounts: {how}. Accounts of one operator are not independent of each other, so the interval says"
            " how well this pool was measured, not how another pool would look.",
            small=True,
            n=m.number(widest.matched_accounts, "matched honest accounts, at most", recipe="contrasts.matched"),
            how=m.exhibits.matching,
        ),
    ]


def _median(m: Matter, c: Contrast, x: float, crowd: str) -> Number:
    of = f"{MEASURES[c.measure][0]}: median of {crowd} accounts"
    return m.number(x, of, recipe=f"contrast.{c.measure}.{crowd}", written=share if c.measure in SHARES else "{:.2f}".format)


def _elicitation(m: Matter) -> Prose:
    tokens = m.campaign.profile.tokens
    if not tokens.tokens_reasoning or not tokens.tokens_out:
        return prose("The log does not count reasoning tokens, so nothing can be said.")
    rate = tokens.tokens_reasoning / tokens.tokens_out
    part = capabilities(m).get("reasoning")
    of_calls: Parts = ("hardly any",)
    if part is not None:
        of_calls = (m.number(part, "share of calls: reasoning", recipe=f"{CAPABILITY}reasoning", written=share),)
    return prose(
        "The campaign’s calls used {rate} reasoning tokens for each token of answer, and {part} of its calls with text are"
        " counted as reasoning by word lists. Neither shows that hidden reasoning was asked for: that would take the prompts.",
        rate=m.number(
            rate, "reasoning tokens for each token of answer", written="{:.2f}".format, recipe="traffic.reasoning_rate"
        ),
        part=of_calls,
    )


def _joins(m: Matter) -> list[Block]:
    known = (
        AFTER_BAN,
        TO_NEW_MODEL,
        "one clock",
        "interchangeable",
        "de-duplicated",
        "best of k",
        "simultaneous copies",
        "urn bet",
        "shared ",
        "declared customers",
    )
    blocks: list[Block] = []
    for test in tests_named(m, "best of k", "simultaneous copies"):
        blocks += finding(m, test)
    others = [e for e in m.campaign.evidence if not e.test.startswith(known)]
    for test in others:
        blocks += finding(m, test)
    if not others:
        blocks.append(
            prose(
                "No replay of protected reasoning, no answer fed back by another account and no foreign history is among the"
                " findings of this hunt. Where the log lacks the columns for it, section 4 says so."
            )
        )
    return blocks
