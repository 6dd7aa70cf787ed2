"""A dossier says what was found, what was supplied and what was not, and every number in it has an address."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.errors import StoreError
from stillhunt.model import Campaign, Contrast, Hunt, PoolEvent
from stillhunt.report.dossier import Case, Dossier, PastCampaign, dossier, dossier_html, dossier_json, letter_html
from stillhunt.report.dossier.bans import waves
from stillhunt.report.dossier.blocks import Ladder, NotSupplied, Table, plain_text
from stillhunt.report.dossier.case import Asserted, CaseHead, Excerpt
from stillhunt.report.dossier.cohorts import COHORTS
from stillhunt.report.dossier.ladder import NAMES
from stillhunt.report.dossier.laws import MET, NOT_MET, NOT_SUPPLIED
from stillhunt.report.dossier.numbered import NO_BUNDLE, NUMERAL, Number, NumberList
from stillhunt.report.dossier.statistics import HELD_OUT
from stillhunt.seal.canonical import canonical

ROOT = Path(__file__).resolve().parents[3]
REFERENCES = re.compile(r"\b[Ss]ection \d+|\bkey \d|\bSHA-256\b")
OWN = ("rule.", "case.", "earlier.", "controls.")
"""How recipes start that need no bundle."""

LEAVES = ("meta", "br", "rect", "line", "circle", "path")
DAY_ON_AN_AXIS = re.compile(r"\d{1,2} [A-Z][a-z]{2}")


class Words(HTMLParser):
    """The text of a page that stands outside numbers, tags, the operator's words and the list of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.words: list[str] = []
        self.drawn: list[str] = []
        self.numbers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element opens; what it holds may not count as words."""
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        hidden = (
            tag in ("style", "script", "code", "title", "nav", "data", "sup")
            or "data-name" in given
            or bool({"supplied", "numeral", "line", "kicker", "envelope"} & set(classes))
            or given.get("id") in ("numbers", "terms")
        )
        if tag == "data":
            self.numbers.append(given["value"] or "")
        if tag not in LEAVES:
            self.open.append((tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        """An element closes, with whatever was left open inside it."""
        if tag in LEAVES:
            return
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Text is words, or the writing in a drawing, or nothing that counts."""
        if any(tag == "svg" for tag, _ in self.open):
            if self.open[-1][0] == "text":
                self.drawn.append(data)
        elif not any(hidden for _, hidden in self.open):
            self.words.append(data)


def read(page: str) -> Words:
    """Return the words of a page."""
    words = Words()
    words.feed(page)
    return words


def section(of: Dossier, number: str) -> str:
    """Return the text of a section as its JSON has it."""
    document = json.loads(dossier_json(of))
    return json.dumps(next(s for s in document["sections"] if s["number"] == number), ensure_ascii=False)


def status(of: Dossier, asks: str) -> str:
    """Return what the table of elements says of one of them."""
    table = next(b for s in of.sections if s.number == "16" for b in s.blocks if isinstance(b, Table))
    return next(plain_text(row[3]) for row in table.rows if asks in plain_text(row[1]))


def rungs(of: Dossier) -> dict[str, tuple[bool, str]]:
    """Return rung → claimed, confidence."""
    block = next(b for s in of.sections if s.number == "2" for b in s.blocks if isinstance(b, Ladder))
    return {r.name: (r.claimed, plain_text(r.confidence)) for r in block.rungs}


@pytest.mark.parametrize("which", ["bare", "full"])
def test_every_number_of_dossier_and_letter_has_a_line(which: str, request: pytest.FixtureRequest) -> None:
    """No digit stands on a page outside a number with an address, a tag, a name, a section's number or supplied words."""
    written: Dossier = request.getfixturevalue(which)
    lines = {n.id: n for n in written.numbers}
    values = {str(n.value) for n in written.numbers}
    texts = {n.text.replace("−", "-") for n in written.numbers}
    for page in (dossier_html(written), letter_html(written)):
        found = read(page)
        left = [w for w in found.words if re.search(r"\d", REFERENCES.sub("", w))]
        assert left == []
        assert len(" ".join(found.words)) > 1000
        assert found.numbers
        assert set(found.numbers) <= values
        for text in found.drawn:
            for token in NUMERAL.finditer(DAY_ON_AN_AXIS.sub("", text.replace("−", "-"))):
                assert token[0] in texts, text
    assert len(read(dossier_html(written)).drawn) > 10
    ids = re.findall(r'href="#(n\d+)"', dossier_html(written))
    assert set(ids) <= set(lines)
    assert set(re.findall(r'data-line="(n\d+)"', letter_html(written))) <= set(lines)


@pytest.mark.parametrize("which", ["bare", "full"])
def test_every_line_says_how_it_is_checked(which: str, request: pytest.FixtureRequest) -> None:
    """Each number has a recipe or a need, never both; ids are unique; sections are those of the dossier or the letter."""
    written: Dossier = request.getfixturevalue(which)
    assert len({n.id for n in written.numbers}) == len(written.numbers)
    for n in written.numbers:
        assert (n.recipe is None) != (n.needs is None), n
        assert n.section == "letter" or 1 <= int(n.section) <= 16
        assert n.label
        assert n.text


def test_without_a_bundle_nothing_claims_a_recipe(bare: Dossier, full: Dossier, campaign: Campaign) -> None:
    """Figures need a bundle where there is none, and have their recipe where it gives them."""
    assert not [n for n in bare.numbers if n.recipe and "(" not in n.recipe and not n.recipe.startswith(OWN)]
    assert [n for n in bare.numbers if n.needs == NO_BUNDLE]
    assert campaign.exhibits is not None
    for n in full.numbers:
        if n.recipe is not None and "(" not in n.recipe and not n.recipe.startswith(OWN):
            assert n.value == pytest.approx(campaign.exhibits.figures[n.recipe], rel=1e-9)
    assert len({n.recipe for n in full.numbers} - {None}) > 35


def test_lower_bounds_of_the_bundle_are_what_is_printed(finished: Hunt, campaign: Campaign) -> None:
    """Where the bundle withholds small counts, the dossier prints the bundle's smaller e-value."""
    assert campaign.exhibits is not None
    less = dict(campaign.exhibits.figures) | {"linkage.log10": 12.25}
    found = dossier(finished, campaign, recomputed=less)
    assert {n.value for n in found.numbers if n.recipe == "linkage.log10"} == {12.25}


def test_factors_of_accounts_are_the_published_ones_and_say_so(finished: Hunt, campaign: Campaign, bare: Dossier) -> None:
    """With a bundle, page and JSON give its factors and a note beside them; without one, those of the hunt and no note."""
    assert campaign.exhibits is not None
    first = campaign.exhibits.members[0]
    group = max(first.groups, key=lambda g: first.groups[g])
    recipe = f"account.1.factor.{group}"
    found = dossier(finished, campaign, recomputed={**campaign.exhibits.figures, recipe: 0.125})
    document: Any = found.document()
    assert document["accounts"][0]["log10_factors"][group] == 0.125
    assert {n.value for n in found.numbers if n.recipe == recipe} == {0.125}
    assert "the bundle says two" in section(found, "5")
    assert "the bundle says two" not in section(bare, "5")
    plain: Any = bare.document()
    assert plain["accounts"][0]["log10_factors"][group] == first.groups[group]


def test_the_sections_are_the_fifteen_in_order_and_the_page_of_laws(full: Dossier) -> None:
    """One to fifteen, then what law and standards ask for; each has something to say."""
    assert [s.number for s in full.sections] == [str(n) for n in range(1, 17)]
    assert all(s.blocks for s in full.sections)


def test_what_nobody_supplied_is_said_not_invented(bare: Dossier) -> None:
    """Without a case file the dossier marks each gap, and attributes nothing."""
    missing = {b.table for s in bare.sections for b in s.blocks if isinstance(b, NotSupplied)}
    assert missing >= {"terms", "limits", "notices", "searches", "releases", "observations", "past", "students"}
    assert missing >= {"third_parties", "actions", "dissent"}
    assert "not attributed" in section(bare, "10")
    assert "not sealed" in section(bare, "14")
    assert "none was approved" in section(bare, "8")


def test_the_ladder_has_eight_rungs_and_no_rung_without_evidence(bare: Dossier, full: Dossier) -> None:
    """Three rungs rest on the keys; the last four are not claimed until the operator claims them."""
    for written in (bare, full):
        found = rungs(written)
        assert tuple(found) == NAMES
        assert all(found[name][0] for name in NAMES[:3])
        assert {found[name] for name in NAMES[4:]} == {(False, "not claimed")}


def test_a_rung_that_the_operator_claims_is_the_operators(finished: Hunt, campaign: Campaign) -> None:
    """A claim from the case file carries its own confidence and class, and the attribution says whose it is."""
    claim = Asserted(
        rung="operator",
        statement="Account holder X operates them",
        confidence="low",
        kind="third party",
        innocent="X was framed",
        would_change="X shows receipts",
        source="bank",
    )
    found = dossier(finished, campaign, case=Case(claims=(claim,)))
    assert rungs(found)["Operator"] == (True, "low")
    assert rungs(found)["Organisation responsible"] == (False, "not claimed")
    assert "X was framed" in section(found, "2")
    assert "claimed by the operator" in section(found, "10")


@pytest.mark.parametrize(("clear", "claimed", "confidence"), [(1, False, "not claimed"), (2, True, "low"), (4, True, "moderate")])
def test_extraction_like_takes_two_clear_measures(
    finished: Hunt, campaign: Campaign, clear: int, claimed: bool, confidence: str
) -> None:
    """One clear measure claims nothing, two claim little, more a little more; it is never high."""
    assert campaign.exhibits is not None
    names = ("focus", "no return", "reasoning", "hunger", "repeats")
    made = tuple(
        Contrast(
            measure=name, campaign=2, matched=1, superiority=0.8, low=0.7 if i < clear else 0.5, high=0.9, accounts=9,
            matched_accounts=40,
        )
        for i, name in enumerate(names)
    )  # fmt: skip
    one = replace(campaign, exhibits=replace(campaign.exhibits, contrasts=made))
    assert rungs(dossier(finished, one))["Extraction-like"] == (claimed, confidence)


def test_elements_are_met_only_where_evidence_is(bare: Dossier, full: Dossier) -> None:
    """The table of elements follows the evidence: nothing supplied is not met, and a bill's element is met where shown."""
    assert status(bare, "development timeline") == NOT_SUPPLIED
    assert status(full, "development timeline") == "in part"
    assert status(bare, "circumvention") == NOT_SUPPLIED
    assert status(full, "circumvention") == "in part"
    assert status(bare, "by which copies can be known") == NOT_MET
    assert status(bare, "coordinated use of multiple accounts") == MET


def test_ids_of_laws_are_all_there(full: Dossier) -> None:
    """Every identifier that readers look for stands in the table."""
    text = section(full, "16")
    ids = ("H.R. 8283 §3(11)", "11.5.1", "11.5.2", "11.5.3", "11.5.4", "AML.T0024.002", "AML.T0008.005", "AML.T0021")
    for identifier in (*ids, "AML.T0040", "AML.CS0056"):
        assert identifier in text
    assert (ROOT / "docs" / "reference" / "dossier.md").read_text("utf-8").count("AML.") >= 5


def test_the_base_rate_stands_beside_the_release(full: Dossier) -> None:
    """Releases by others come with how often any lab releases in such a window, and a bound instead of a proof."""
    text = section(full, "9")
    assert "base rate" in text.lower()
    assert "at most" in text


def test_resemblance_needs_the_same_key(finished: Hunt, campaign: Campaign, full: Dossier) -> None:
    """Tags of another key are not compared; those of the same key are, with a chance level."""
    assert "Chance level" in section(full, "10")
    past = PastCampaign(name="p", campaign=campaign, n_owners=9, same_key=False)
    other = dossier(finished, campaign, past=(past,))
    assert "another key" in section(other, "10")


def banned(at: datetime, subject: str, *, before: int, after: int) -> PoolEvent:
    """Return a ban with accounts that entered in the days around it."""
    return PoolEvent(
        at=at, kind="ban", subject=subject, calls_before=90, calls_after=5, entered_before=before, entered=after
    )


def test_bans_are_looked_at_in_waves(finished: Hunt, campaign: Campaign) -> None:
    """Bans of one day are one wave; accounts that enter after it are weighed against those before."""
    at = campaign.profile.first_seen
    events = [banned(at + timedelta(hours=h), f"t{h}", before=1, after=9) for h in (0, 3, 23)]
    events.append(banned(at + timedelta(days=3), "t9", before=0, after=2))
    assert [len(w) for w in waves(events)] == [3, 1]
    at_once = [banned(at, "a", before=0, after=0), banned(at + timedelta(hours=24), "b", before=0, after=0)]
    assert [len(w) for w in waves(at_once)] == [1, 1]
    assert campaign.exhibits is not None
    one = replace(campaign, exhibits=replace(campaign.exhibits, events=tuple(events)))
    found = dossier(finished, one)
    assert "looks like a pool that is replaced" in section(found, "7")
    values = {n.label: n.value for n in found.numbers}
    assert values["of these, after the wave"] == 11
    chance = float(str(values["probability of so many after, if bans changed nothing"]))
    assert chance == pytest.approx(13 / 2**12)


def test_two_pools_are_told_apart(finished: Hunt, campaign: Campaign) -> None:
    """A campaign of two strands shows each with its own accounts, tests and template family."""
    x = campaign.exhibits
    assert x is not None
    second = replace(x.strands[0], number=2, family="feedfeedfeed")
    figures = {**x.figures, **{k.replace("strand.1.", "strand.2."): v for k, v in x.figures.items()}}
    found = dossier(finished, replace(campaign, exhibits=replace(x, strands=(x.strands[0], second), figures=figures)))
    for number in ("5", "6", "7", "8"):
        assert "Pool 2" in section(found, number)
    assert "feedfeedfeed" in section(found, "8")


def test_an_excerpt_is_shown_only_when_approved(finished: Hunt, campaign: Campaign, full: Dossier) -> None:
    """Text of a template comes from the case file alone, under the name of who approved it."""
    excerpt = Excerpt(text="Write your reasoning", approved_by="Counsel")
    found = dossier(finished, campaign, case=Case(excerpt=excerpt))
    assert "Write your reasoning" in dossier_html(found)
    assert "Counsel" in dossier_html(found)
    assert "Write your reasoning" not in dossier_html(full)


def test_the_same_hunt_gives_the_same_bytes(finished: Hunt, campaign: Campaign, example: Case) -> None:
    """Written twice, all three files are equal byte by byte; the JSON is RFC 8785."""
    one, two = (dossier(finished, campaign, case=example) for _ in range(2))
    for write in (dossier_html, dossier_json, letter_html):
        assert write(one) == write(two)
    assert canonical(json.loads(dossier_json(one))) == dossier_json(one)


@pytest.mark.parametrize(
    ("bound", "claimable", "words"),
    [(0.04, True, "within the level"), (0.4, False, "no guarantee"), (None, False, "no guarantee")],
)
def test_the_audit_bound_is_told_or_refused(
    finished: Hunt, campaign: Campaign, bound: float | None, claimable: bool, words: str
) -> None:
    """What verified-honest sets showed is in section 6 without their names, and an insufficient bound is no guarantee."""
    audit = {
        "statement": "x", "linked_controls": 40, "rejected": 0, "rate_upper": 0.07, "confidence": 0.95, "bound": bound,
        "claimable": claimable, "controls": [{"set": "Honest Customer Ltd", "linked": True, "rejected": False}],
        "linked_sets": 9, "reported": 0 if bound is None else 1,
    }  # fmt: skip
    text = section(dossier(finished, campaign, audit=audit), "6")
    assert words in text
    assert "Honest Customer Ltd" not in text


def test_hostile_words_are_shown_as_words(finished: Hunt, campaign: Campaign) -> None:
    """Markup in the case file or in a name from the log is text, and no control character is hidden."""
    head = CaseHead(id="<script>alert(1)</script>", authors=("<img src=x>\u202e",), provider="<b>")
    found = dossier(finished, replace(campaign, id="<i>\u202e"), case=Case(case=head))
    for page in (dossier_html(found), letter_html(found)):
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page


def test_an_old_hunt_is_refused(hunt: Hunt) -> None:
    """A campaign without exhibits gets no dossier but a sentence about what to do."""
    with pytest.raises(StoreError, match="Hunt again"):
        dossier(hunt, hunt.campaigns[0])


def test_published_totals_are_those_of_the_table() -> None:
    """The error rates on synthetic worlds are the totals of the published table."""
    table = (ROOT / "bench" / "results" / "held_out.md").read_text("utf-8")
    accused = re.search(r"Honest accounts accused: ([\d,]+) of ([\d,]+)", table)
    worlds = re.search(r"^(\d+) of (\d+) worlds report anything", table, re.MULTILINE)
    assert accused
    assert worlds
    assert [int(x.replace(",", "")) for x in accused.groups()] == [HELD_OUT["accused"], HELD_OUT["honest"]]
    assert [int(x) for x in worlds.groups()] == [HELD_OUT["reporting"], HELD_OUT["null_worlds"]]


def test_the_cohorts_are_those_of_the_table() -> None:
    """Each named kind of honest customer has the numbers of the published table, and none is left out."""
    table = (ROOT / "bench" / "results" / "cohorts.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| ([\d,]+) \| (\d+) \|", table, re.MULTILINE)
    assert [(c.name, f"{c.accounts:,}", str(c.accused)) for c in COHORTS] == rows


@given(st.text(alphabet=" abc0123456789.,%-−^e/", max_size=60))
def test_a_sentence_in_parts_is_the_sentence(sentence: str) -> None:
    """Taking the numbers out of a sentence and putting them back changes nothing but how a minus and a power are drawn."""
    numbers = NumberList(figures={}, recomputed=None)
    parts = numbers.said(sentence, "", "x")
    for part in parts:
        if isinstance(part, str):
            assert not NUMERAL.search(part)
    if "e" not in sentence:
        whole = "".join(p.text if isinstance(p, Number) else p for p in parts)
        assert whole.replace("−", "-") == sentence.replace("−", "-")


def test_a_number_in_a_sentence_finds_its_figure() -> None:
    """A rounded number is the figure it was rounded from, whatever its form; another number is not."""
    figures = {"t.p_value": 1.26e-6, "t.rho": -0.00171, "t.part": 0.3437, "t.log10": 25.91, "t.n": 1810}
    numbers = NumberList(figures=figures, recomputed=figures)
    parts = numbers.said("rho -0.002, p = 1.3e-06, 34% of 1,810, 10^25.9, not 7", "t.", "t")
    found = [p for p in parts if isinstance(p, Number)]
    assert [n.recipe for n in found] == ["t.rho", "t.p_value", "t.part", "t.n", "t.log10", None]
    assert [n.value for n in found][:2] == [-0.00171, 1.26e-6]
