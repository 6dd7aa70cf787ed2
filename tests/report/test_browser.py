"""The report as a real browser shows it: offline, narrow and wide, light and dark, read and printed."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stillhunt.model import AccountId, Hunt
from stillhunt.report import html

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver") or shutil.which("chromium-driver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed"),
    pytest.mark.skipif(not DRIVER, reason="no chromedriver is installed"),
]

SWITCHES = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)
INJECTED = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"

CONTRASTS = """
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
const behind = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
  }
  return [255, 255, 255];
};
return arguments[0].map((selector) => {
  const node = document.querySelector(selector);
  const style = getComputedStyle(node);
  const ink = rgb(node instanceof SVGElement ? style.fill : style.color).slice(0, 3);
  const [high, low] = [luminance(ink), luminance(behind(node))].sort((a, b) => b - a);
  return [selector, (high + 0.05) / (low + 0.05)];
});
"""
READ = [
    *("h1", "h2", "p", "nav a", ".kicker", ".facts dt", ".facts dd", ".tag.yes", ".tag.no", "thead th"),
    *("td", "code.id", "figcaption", ".small", ".ladder .not span", ".verdict.open", "summary", "pre"),
    *("svg text.label", "svg text.label.strong.own", "footer .soft"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a network."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def pages(hunt: Hunt, quiet: Hunt, void: Hunt, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages on disk: campaigns, none, nothing read, and long or hostile ids in every table."""
    folder = tmp_path_factory.mktemp("pages")
    campaign = hunt.campaigns[2]
    hostile = replace(
        hunt,
        campaigns=(
            replace(
                campaign,
                id=INJECTED,
                members=tuple(
                    replace(m, account_id=AccountId(INJECTED + "x" * 300 + str(i)))
                    for i, m in enumerate(campaign.members)
                ),
            ),
        ),
        settings={"w" * 400: INJECTED},
        sources=("s" * 400,),
    )
    written = {}
    for name, what in {"found": hunt, "quiet": quiet, "void": void, "hostile": hostile}.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(html(what), "utf-8")
    return written


def show(browser: Any, page: Path, *, width: int = 1280, scheme: str = "light", media: str = "screen") -> None:
    """Open a page at a width, in a colour scheme, for a medium."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", [960, 1024, 1100, 1199, 1200, 1201, 1280, 1600])
def test_no_column_of_the_campaigns_is_cut(browser: Any, pages: dict[str, Path], width: int) -> None:
    """On any screen of a laptop the table of campaigns is as wide as its box: nothing of its last column is hidden."""
    show(browser, pages["found"], width=width)
    box = browser.find_element("css selector", "#campaigns .wide")
    seen, whole = (browser.execute_script(f"return arguments[0].{side}", box) for side in ("clientWidth", "scrollWidth"))
    assert whole <= seen


@pytest.mark.parametrize("name", ["found", "quiet", "void", "hostile"])
def test_the_page_opens_offline_without_an_error(browser: Any, pages: dict[str, Path], name: str) -> None:
    """Nothing is fetched, nothing is refused by the policy, nothing is on the console."""
    browser.get_log("browser")
    show(browser, pages[name])
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.title.startswith("Stillhunt: ")


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1600])
@pytest.mark.parametrize("name", ["found", "quiet", "void", "hostile"])
def test_the_page_never_scrolls_sideways(browser: Any, pages: dict[str, Path], name: str, width: int) -> None:
    """Wide tables scroll inside their box, also with ids of hundreds of letters and everything unfolded."""
    show(browser, pages[name], width=width)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    wide, room = browser.execute_script("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]")
    assert wide <= room


def test_every_section_is_there_and_named(browser: Any, pages: dict[str, Path]) -> None:
    """Each section of the page is a region that carries the name of its heading."""
    show(browser, pages["found"])
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('main > section')]"
        ".filter(s => !document.getElementById(s.getAttribute('aria-labelledby'))?.textContent.trim()).length"
    )
    assert unnamed == 0
    assert browser.execute_script("return document.querySelectorAll('main > section').length") == 12
    for landmark in ("header", "nav", "main", "footer"):
        assert browser.execute_script(f"return document.querySelectorAll('body > {landmark}').length") == 1


def test_a_hostile_id_does_not_run(browser: Any, pages: dict[str, Path]) -> None:
    """Markup in ids is shown as text and changes nothing."""
    show(browser, pages["hostile"])
    assert browser.title.startswith("Stillhunt: ")
    assert INJECTED in browser.execute_script("return document.querySelector('.campaign h2').textContent")
    assert browser.execute_script("return document.images.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_that_is_read_has_contrast(browser: Any, pages: dict[str, Path], scheme: str) -> None:
    """Text stands out at least 4.5 to 1 from what is behind it, in light and in dark."""
    show(browser, pages["found"], scheme=scheme)
    weak = [(s, round(c, 2)) for s, c in browser.execute_script(CONTRASTS, READ) if c < 4.5]
    assert weak == []


def test_dark_is_dark_and_print_is_white(browser: Any, pages: dict[str, Path]) -> None:
    """A reader who asks for dark gets it on the screen, and never on paper."""
    background = "return getComputedStyle(document.documentElement).backgroundColor"
    show(browser, pages["found"], scheme="dark")
    dark = browser.execute_script(background)
    assert max(map(int, dark.removeprefix("rgb(").removesuffix(")").split(","))) < 60
    show(browser, pages["found"], scheme="dark", media="print")
    assert browser.execute_script(background) == "rgb(255, 255, 255)"


def test_a_table_can_be_sorted_and_reads_the_same_unsorted(browser: Any, pages: dict[str, Path]) -> None:
    """A heading is a button: first the largest on top, then the smallest; the state is told."""
    show(browser, pages["found"])
    calls = "return [...document.querySelectorAll('#campaigns tbody tr')].map(r => Number(r.cells[2].dataset.value))"
    press = "document.querySelectorAll('#campaigns thead button')[2].click()"
    state = "return document.querySelectorAll('#campaigns thead th')[2].getAttribute('aria-sort')"
    browser.execute_script(press)
    assert browser.execute_script(calls) == sorted(browser.execute_script(calls), reverse=True)
    assert browser.execute_script(state) == "descending"
    browser.execute_script(press)
    assert browser.execute_script(calls) == sorted(browser.execute_script(calls))
    assert browser.execute_script(state) == "ascending"


def test_the_page_prints(browser: Any, pages: dict[str, Path]) -> None:
    """Three campaigns fit on a sensible number of pages."""
    show(browser, pages["found"])
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    pdf = base64.b64decode(printed["data"])
    assert pdf.startswith(b"%PDF")
    assert 8 <= pdf.count(b"/Type /Page\n") <= 24
