"""One page that carries everything it needs, and nothing that a log could slip in."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from stillhunt.model import Hunt
from stillhunt.report import html
from stillhunt.report.page import anchor, keep_together

PAYLOADS = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</style></title></svg><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "`<b>` 10^3<i> {{ 7 * 7 }} {% raw %} & &lt;",
)
SECTIONS = (
    *("claims", "linked", "licensed", "left-out"),
    *("unavailable", "coverage", "settings", "glossary"),
)


class Outline(HTMLParser):
    """Tags, attributes and text of a page, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text.append(data)

    def of(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [value for _, key, value in self.attributes if key == name]


def poisoned(value: Any, payload: str) -> Any:
    """The same value with `payload` before every text in it; dates stay dates."""
    if isinstance(value, str):
        return payload + value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{f.name: poisoned(getattr(value, f.name), payload) for f in fields(value) if f.name != "per_day"},
        )
    if isinstance(value, tuple):
        return tuple(poisoned(v, payload) for v in value)
    if isinstance(value, dict):
        return {poisoned(k, payload): poisoned(v, payload) for k, v in value.items()}
    assert value is None or isinstance(value, int | float | datetime)
    return value


@pytest.fixture(scope="module")
def page(hunt: Hunt) -> str:
    """The page of the hunt with three campaigns."""
    return html(hunt)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_value_of_the_log_is_inert_wherever_it_stands(hunt: Hunt, payload: str) -> None:
    """With markup in every text of the hunt, the page has no tag and no handler that it did not have before."""
    clean, dirty = Outline(html(hunt)), Outline(html(poisoned(hunt, payload)))
    assert set(dirty.tags) <= {*clean.tags, "code", "sup"}
    assert dirty.tags.count("script") == 1
    assert not [name for _, name, _ in dirty.attributes if name.startswith("on")]
    assert {name for _, name, _ in dirty.attributes} == {name for _, name, _ in clean.attributes}


def test_markup_in_an_account_id_is_shown_as_it_is(hunt: Hunt) -> None:
    """The reader sees the id, letter by letter."""
    shown = "".join(Outline(html(poisoned(hunt, PAYLOADS[0]))).text)
    assert PAYLOADS[0] + hunt.campaigns[0].accounts[0] in shown


def test_the_page_fetches_nothing(page: str) -> None:
    """No address of another machine, no source, no style or picture from outside; links stay on the page."""
    outline = Outline(page)
    assert not outline.of("src")
    assert all(href.startswith("#") for href in outline.of("href"))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page.split("<body>")[0].split("</title>")[1])
    assert "link" not in outline.tags


def test_the_policy_forbids_what_the_page_does_not_carry(page: str) -> None:
    """Nothing is allowed but one style and one script by their hashes; no attribute holds style."""
    outline = Outline(page)
    policy = next(value for value in outline.of("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not outline.of("style")


def test_every_link_on_the_page_leads_somewhere(page: str) -> None:
    """Each `#place` is the id of one element."""
    outline = Outline(page)
    ids = outline.of("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in outline.of("href")} <= set(ids)


def test_headings_do_not_skip_a_level(page: str) -> None:
    """One h1, and each heading is at most one deeper than the one before."""
    levels = [int(tag[1]) for tag in Outline(page).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_every_drawing_is_told_to_those_who_cannot_see_it(page: str) -> None:
    """An SVG is a picture with a title, a part of one, or hidden from reading aloud."""
    for svg in re.findall(r"<svg[^>]*>(?:<title>[^<]+</title>)?", page):
        assert 'aria-hidden="true"' in svg or "preserveAspectRatio" in svg or "<title>" in svg


def test_every_section_is_there_in_its_order(page: str) -> None:
    """What is claimed, the campaigns, then everything that was not accused and not seen."""
    places = [page.index(f'<section class="part" id="{name}"') for name in SECTIONS]
    assert places == sorted(places)
    assert places[0] < page.index('id="campaigns"') < page.index('class="part campaign"') < places[1]


def test_a_campaign_shows_fifty_members_and_says_how_many_more(page: str, hunt: Hunt) -> None:
    """The fiftieth is on the page, the next is not; all are in the table beside it."""
    accounts = hunt.campaigns[0].accounts
    assert accounts[49] in page
    assert accounts[50] not in page
    assert "and 350 more in <code>accounts.parquet</code>" in page


def test_accounts_that_are_not_accused_are_not_named(page: str, hunt: Hunt) -> None:
    """A linked set is on the page with its reason and its size, without its account ids."""
    for linked in hunt.linked:
        assert linked.id in page
        assert not any(account in page for account in linked.account_ids)


def test_what_was_left_out_is_told_broken_input_first(page: str) -> None:
    """Reasons, counts and places of everything that was not used."""
    rows = page[page.index('id="left-out"') :]
    assert rows.index("this exchange names no account") < rows.index("not a model call")
    assert "march.jsonl:418" in rows
    assert "120,345" in rows


def test_a_hunt_without_campaigns_claims_none(quiet: Hunt) -> None:
    """The ladder says so on its first three rungs, and there is no campaign section."""
    page = html(quiet)
    assert page.count("no campaign, so not claimed") == 3
    assert 'id="campaigns"' not in page
    assert 'class="part campaign"' not in page


def test_a_hunt_that_read_nothing_is_a_page(void: Hunt) -> None:
    """Every section is there and says that there is nothing in it."""
    page = html(void)
    assert "No call was read" in page
    assert all(f'id="{name}"' in page for name in SECTIONS)


def test_a_thousand_linked_sets_are_cut_and_counted(crowded: Hunt) -> None:
    """Forty are shown; the page says how many more are in the document."""
    page = html(crowded)
    assert page.count('class="part campaign"') == 60
    assert len(re.findall(r'<code class="id">S-\d+</code>', page)) == 40
    assert "and 960 more sets in <code>campaigns.json</code>" in page


def test_the_same_hunt_is_the_same_page(hunt: Hunt, page: str) -> None:
    """No clock, no chance, no order of a mapping."""
    assert html(replace(hunt, settings=dict(reversed(hunt.settings.items())))) == page


def test_a_campaign_nobody_doubted_carries_a_warning(hunt: Hunt) -> None:
    """Without innocent explanations the page says not to act."""
    bare = replace(hunt, campaigns=(replace(hunt.campaigns[0], alternatives=()),))
    assert "None was tried.</strong> Do not act" in html(bare)


def test_prose_keeps_a_number_with_its_unit() -> None:
    """Percentages do not break; powers rise; back ticks are code; markup in prose is text."""
    assert keep_together("5% (p = 4.9e-76)") == "5\u00a0% (p = 4.9\u00a0×\u00a010<sup>−76</sup>)"
    assert keep_together("61 % of 2 million") == "61\u00a0% of 2\u00a0million"
    assert keep_together("10^-3.5 and `a<b`") == "10<sup>−3.5</sup> and <code>a&lt;b</code>"


def test_any_campaign_id_has_a_place() -> None:
    """Ids with spaces, quotes and none at all become plain anchors, different for different ids."""
    places = {anchor(id) for id in ("", "C 1", 'C"1', "C-1", "\udce9")}
    assert len(places) == 5
    assert all(re.fullmatch(r"c-[0-9a-f]{12}", place) for place in places)


def test_a_campaign_says_who_stays_without_its_strongest_leg(page: str, hunt: Hunt) -> None:
    """Each ablation has a row that says how many stay accused; those who do not are named."""
    section = page.split("Without its strongest leg</h3>")[1].split("</section>")[0]
    assert "320 of 400 accounts" in section
    assert "none of 400 accounts" in section
    assert "every shared value of “payment”" in section
    assert hunt.campaigns[0].accounts[320] in section
