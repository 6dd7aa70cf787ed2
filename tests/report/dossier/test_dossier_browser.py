"""Dossier and letter as a real browser shows them: offline, narrow and wide, light and dark, read and printed."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stillhunt import printing
from stillhunt.report.dossier import Dossier, write_dossier

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
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
READ = {
    "dossier.html": [
        *("h1", "h2", "h3", "p", "nav a", ".kicker", ".sheet dt", ".sheet dd", ".tag.yes", ".tag.no", "thead th", "td"),
        *("code.id", "figcaption", ".small", ".rungs .not dd", ".rungs dt", ".numeral", ".num", ".supplied", "summary"),
        *(".missing .soft", "svg text.label", ".lines .soft", "footer .soft"),
    ],
    "letter.html": ["h1", "h3", "p", ".kicker", ".envelope dt", ".num", ".line", "footer .small"],
}


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
def pages(full: Dossier, bare: Dossier, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of a dossier with everything supplied, and of one with nothing."""
    folder = tmp_path_factory.mktemp("dossiers")
    written = {}
    for name, what in {"full": full, "bare": bare}.items():
        for page, place in write_dossier(what, folder / name).items():
            written[f"{name}/{page}"] = place
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
    whole = "return document.readyState === 'complete' && document.querySelector('footer') !== null"
    WebDriverWait(browser, 30).until(lambda b: b.execute_script(whole))


ALL = [f"{which}/{page}" for which in ("full", "bare") for page in ("dossier.html", "letter.html")]


@pytest.mark.parametrize("name", ALL)
def test_the_page_opens_offline_without_an_error(browser: Any, pages: dict[str, Path], name: str) -> None:
    """Nothing is fetched, nothing is refused by the policy, nothing is on the console."""
    browser.get_log("browser")
    show(browser, pages[name])
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("name", ALL)
def test_the_page_never_scrolls_sideways(browser: Any, pages: dict[str, Path], name: str, width: int) -> None:
    """Wide tables scroll inside their box, also with everything unfolded."""
    show(browser, pages[name], width=width)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    wide, room = browser.execute_script("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]")
    assert wide <= room


def test_no_column_is_hidden_on_a_phone(browser: Any, pages: dict[str, Path]) -> None:
    """On a telephone no table has to be pushed sideways: rows of wide ones are blocks."""
    show(browser, pages["full/dossier.html"], width=390)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    hidden = browser.execute_script(
        "return [...document.querySelectorAll('.wide')].filter(w => w.scrollWidth > w.clientWidth + 1)"
        ".map(w => w.getAttribute('aria-label'))"
    )
    assert hidden == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", list(READ))
def test_everything_that_is_read_has_contrast(browser: Any, pages: dict[str, Path], page: str, scheme: str) -> None:
    """Text stands out at least 4.5 to 1 from what is behind it, in light and in dark."""
    show(browser, pages[f"full/{page}"], scheme=scheme)
    weak = [(s, round(c, 2)) for s, c in browser.execute_script(CONTRASTS, READ[page]) if c < 4.5]
    assert weak == []


def test_every_number_leads_to_its_line(browser: Any, pages: dict[str, Path]) -> None:
    """Each number is a link to a row of the list that shows the same text."""
    show(browser, pages["full/dossier.html"])
    astray = browser.execute_script(
        "return [...document.querySelectorAll('a.num')].filter(a => {"
        " const row = document.querySelector(a.getAttribute('href'));"
        " return !row || row.cells[1].textContent.trim() !== a.textContent.trim(); }).map(a => a.outerHTML)"
    )
    assert astray == []


def test_every_section_is_there_and_named(browser: Any, pages: dict[str, Path]) -> None:
    """Sixteen sections, the list of numbers and the words are regions that carry the name of their heading."""
    show(browser, pages["full/dossier.html"])
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('main > section')]"
        ".filter(s => !document.getElementById(s.getAttribute('aria-labelledby'))?.textContent.trim()).length"
    )
    assert unnamed == 0
    assert browser.execute_script("return document.querySelectorAll('main > section').length") == 18


def printed(browser: Any, page: Path) -> int:
    """Return the number of sheets on which a page is printed."""
    show(browser, page, media="")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    return pdf.count(b"/Type /Page\n")


@pytest.mark.parametrize("which", ["full", "bare"])
def test_the_letter_is_one_page(browser: Any, pages: dict[str, Path], which: str) -> None:
    """However much is supplied, the letter fits on one sheet of A4."""
    assert printed(browser, pages[f"{which}/letter.html"]) == 1


def test_the_ladder_fits_on_one_page(browser: Any, pages: dict[str, Path]) -> None:
    """In print the claim ladder is no higher than a sheet of A4 within its margins."""
    show(browser, pages["full/dossier.html"], width=672, media="print")
    height = browser.execute_script("return document.querySelector('#s2').getBoundingClientRect().height")
    assert height <= (297 - 36) / 25.4 * 96


def test_pdfs_are_printed_by_the_chromium_of_this_machine(pages: dict[str, Path], tmp_path: Path) -> None:
    """What `--pdf` writes is a PDF, the letter of one page."""
    printing.print_to_pdf(pages["full/letter.html"], tmp_path / "letter.pdf", printing.browser())
    content = (tmp_path / "letter.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") == 1


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="no pdftotext is installed")
def test_every_sheet_carries_the_marking_at_head_and_foot(pages: dict[str, Path], tmp_path: Path) -> None:
    """TLP 2.0 asks for the label on each page of a document; the number of the sheet stands beside it."""
    printing.print_to_pdf(pages["full/dossier.html"], tmp_path / "d.pdf", printing.browser())
    text = subprocess.run(["pdftotext", str(tmp_path / "d.pdf"), "-"], capture_output=True, check=True, text=True).stdout
    sheets = text.split("\f")[:-1]
    assert len(sheets) > 10
    for number, sheet in enumerate(sheets, 1):
        assert sheet.count("TLP:") >= 2, number
        assert f"{number} of {len(sheets)}" in sheet
