"""
A hunt becomes three files: one for programs, one for joins, one for people.

`campaigns.json` holds everything, `accounts.parquet` the accused accounts, `report.html` is the page to read.

The same hunt gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from stillhunt.controls import Power
from stillhunt.model import Audit, Hunt
from stillhunt.report.calibration import calibration_html
from stillhunt.report.campaigns import accounts_table, audit_json, campaigns_json
from stillhunt.report.files import parquet, write_whole
from stillhunt.report.page import html
from stillhunt.report.power import power_html, power_json
from stillhunt.report.sentences import summary_sentences

__all__ = [
    "accounts_table",
    "audit_json",
    "calibration_html",
    "campaigns_json",
    "html",
    "power_html",
    "power_json",
    "summary_sentences",
    "write",
    "write_audit",
    "write_power",
]


def write(hunt: Hunt, out: Path) -> dict[str, Path]:
    """
    Write `campaigns.json`, `accounts.parquet` and `report.html` into `out`; return name → path.

    Beside them goes `calibration.html` where the hunt was audited. Raises `StoreError` when the folder cannot be made or written.
    """
    files = {
        "campaigns.json": campaigns_json(hunt),
        "accounts.parquet": parquet(accounts_table(hunt)),
        "report.html": html(hunt).encode("utf-8", "replace"),
    }
    if hunt.audit is not None:
        files["calibration.html"] = calibration_html(hunt.audit).encode("utf-8", "replace")
    return write_whole(files, out)


def write_audit(audit: Audit, out: Path) -> dict[str, Path]:
    """
    Write `audit.json` and `calibration.html` into `out`; return name → path.

    Raises `StoreError` when the folder cannot be made or written.
    """
    files = {
        "audit.json": audit_json(audit),
        "calibration.html": calibration_html(audit).encode("utf-8", "replace"),
    }
    return write_whole(files, out)


def write_power(power: Power, out: Path) -> dict[str, Path]:
    """
    Write `power.json` and `power.html` into `out`; return name → path.

    Raises `StoreError` when the folder cannot be made or written.
    """
    return write_whole({"power.json": power_json(power), "power.html": power_html(power).encode()}, out)
