"""
One campaign of a finished hunt, as a dossier that counsel, a regulator or the accused can read and an outsider can check.

The log's part comes from `campaigns.json`, the operator's from a case file; what neither says is shown as missing.
"""

from __future__ import annotations

from pathlib import Path

from stillhunt.report.dossier.case import Case
from stillhunt.report.dossier.case_file import read_case
from stillhunt.report.dossier.matter import PastCampaign
from stillhunt.report.dossier.render import dossier_html, dossier_json, letter_html
from stillhunt.report.dossier.writing import Dossier, dossier
from stillhunt.report.files import write_whole

__all__ = [
    "Case",
    "Dossier",
    "PastCampaign",
    "dossier",
    "dossier_html",
    "dossier_json",
    "letter_html",
    "read_case",
    "write_dossier",
]

FILES = ("dossier.html", "dossier.json", "letter.html")


def write_dossier(written: Dossier, out: Path) -> dict[str, Path]:
    """Write the three files of a dossier into `out`; return name → path. Raises `StoreError`."""
    files = {
        "dossier.html": dossier_html(written).encode("utf-8", "replace"),
        "dossier.json": dossier_json(written),
        "letter.html": letter_html(written).encode("utf-8", "replace"),
    }
    return write_whole(files, out)
