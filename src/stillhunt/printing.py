"""A page on disk printed to PDF by a Chromium that is on this machine, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from stillhunt.errors import ConfigError, StoreError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SWITCHES = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND"),
    "--no-pdf-header-footer",
)
LONGEST_S = 120


def browser() -> str:
    """Return the Chromium of this machine; raise `ConfigError` when there is none."""
    named = os.environ.get("STILLHUNT_CHROMIUM")
    for candidate in (named, *BROWSERS) if named else BROWSERS:
        found = shutil.which(str(candidate))
        if found:
            return found
    raise ConfigError(
        "No Chromium was found, which `--pdf` prints with.\n"
        "Install one, name it in STILLHUNT_CHROMIUM, or leave `--pdf` out and print the page from any browser."
    )


def print_to_pdf(page: Path, pdf: Path, chromium: str) -> None:
    """Print a page; the file is there whole or not at all. Raises `StoreError`."""
    # Chromium refuses its sandbox to the superuser, and containers often run as nobody else.
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="stillhunt-print-") as folder:
        part = Path(folder) / "page.pdf"
        command = [chromium, *SWITCHES, *as_root, f"--user-data-dir={folder}/profile", f"--print-to-pdf={part}"]
        try:
            done = subprocess.run(
                [*command, page.resolve().as_uri()], capture_output=True, timeout=LONGEST_S, check=False
            )
            content = part.read_bytes() if done.returncode == 0 and part.exists() else b""
        except (OSError, subprocess.TimeoutExpired):
            content = b""
        if not content.startswith(b"%PDF"):
            raise StoreError(
                f"{page}: {chromium} did not print this page.\nOpen it in any browser and print it from there."
            )
        try:
            pdf.write_bytes(content)
        except OSError as error:
            raise StoreError(f"{pdf}: this file cannot be written: {error.strerror}.\nGive another folder.") from error
