"""
Make the pictures of the README and the docs anew: a small synthetic world, hunted, its report in a Chromium without a network.

Usage: `python tools/pictures.py` (needs a Chromium, its driver and the test requirements). Writes `docs/images/report.png`,
`report-campaign-dark.png` and `report-phone.png`. Run it when a page of the report looks otherwise than before.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path
from typing import Any

from selenium import webdriver

from stillhunt import hunt, report, worlds

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WORLD, SEED = "small", 2
SWITCHES = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
PICTURES: tuple[tuple[str, int, int, int, str, str], ...] = (
    ("report.png", 1280, 1180, 1, "light", "#campaigns"),
    ("report-campaign-dark.png", 1280, 1260, 1, "dark", "section.campaign"),
    ("report-phone.png", 390, 1500, 2, "light", "body"),
)
"""Name, width and height in pixels of the page, pixels of the picture for each, colour scheme, and where the picture begins."""


def main() -> None:
    """Hunt the world and take each picture of its report."""
    world = worlds.make(WORLD, seed=SEED)
    found = hunt(world.exchanges, accounts=world.accounts, events=world.events, key=bytes(range(32)))
    with tempfile.TemporaryDirectory(prefix="stillhunt-pictures-") as folder:
        report.write(found, Path(folder))
        browser = _browser()
        try:
            for picture in PICTURES:
                _take(browser, (Path(folder) / "report.html").as_uri(), *picture)
        finally:
            browser.quit()


def _browser() -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for switch in SWITCHES:
        options.add_argument(switch)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def _take(browser: Any, page: str, name: str, width: int, height: int, scale: int, scheme: str, begins: str) -> None:
    """Write one picture, from the top of the first element that `begins` names."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600},
    )
    scheme_of_page = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": scheme_of_page})
    browser.get(page)
    top = browser.execute_script(f"return document.querySelector('{begins}').getBoundingClientRect().top + scrollY")
    clip = {"x": 0, "y": max(top, 0), "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip})
    (IMAGES / name).write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
