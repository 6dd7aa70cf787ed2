"""
A hunt becomes three files: one for programs, one for joins, one for people.

`campaigns.json` holds everything, `accounts.parquet` the accused accounts, `report.html` is the page to read.

The same hunt gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from stillhunt.model import Hunt
from stillhunt.report.campaigns import accounts_table, campaigns_json
from stillhunt.report.files import parquet, write_whole
from stillhunt.report.page import html
from stillhunt.report.sentences import summary_sentences

__all__ = ["accounts_table", "campaigns_json", "html", "summary_sentences", "write"]


def write(hunt: Hunt, out: Path) -> dict[str, Path]:
    """
    Write `campaigns.json`, `accounts.parquet` and `report.html` into `out`; return name → path.

    Raises `StoreError` when the folder cannot be made or written.
    """
    files = {
        "campaigns.json": campaigns_json(hunt),
        "accounts.parquet": parquet(accounts_table(hunt)),
        "report.html": html(hunt).encode("utf-8", "replace"),
    }
    return write_whole(files, out)
