"""
From a finished hunt to a dossier on disk: reads the hunt, the case file and earlier hunts, writes the pages.

What a seal knows is given by whoever seals: this module signs nothing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from stillhunt import printing
from stillhunt.errors import ConfigError
from stillhunt.report import dossier as dossiers
from stillhunt.report.reading import campaign_of, read_hunt
from stillhunt.seal.canonical import Json

PAGES = ("dossier.html", "letter.html")
RESULTS = (*dossiers.FILES, "dossier.pdf", "letter.pdf")


def write(
    campaign_id: str,
    *,
    hunt: Path,
    out: Path,
    case: Path | None = None,
    pdf: bool = False,
    recomputed: Mapping[str, Json] | None = None,
    integrity: Mapping[str, Json] | None = None,
) -> dict[str, Path]:
    """
    Write the dossier of a campaign into a folder, with PDFs if asked; return name → path.

    1. Read everything, and find what prints, before anything is written.
    2. Write the pages.
    3. Print them.

    Raises `ConfigError` and `StoreError`.
    """
    chromium = printing.browser() if pdf else None                                       # 1.
    found = read_hunt(hunt)
    campaign = campaign_of(found, campaign_id)
    given = dossiers.read_case(case) if case is not None else dossiers.Case()
    written = dossiers.dossier(
        found,
        campaign,
        case=given,
        past=_past(given, case, str(found.settings.get("key fingerprint"))),
        audit=_audit(hunt),
        recomputed=recomputed,
        integrity=integrity,
        acceptances=tuple(_acceptances(str(one.records), case) if one.records else None for one in given.terms),
    )
    places = dossiers.write_dossier(written, out)                                        # 2.
    if chromium is not None:                                                             # 3.
        for page in PAGES:
            place = out / Path(page).with_suffix(".pdf")
            printing.print_to_pdf(places[page], place, chromium)
            places[place.name] = place
    return places


def _past(given: dossiers.Case, case: Path | None, key: str) -> tuple[dossiers.PastCampaign, ...]:
    """Return the earlier campaigns that a case file names, from their hunts."""
    out = []
    for past in given.past:
        folder = (case.parent if case is not None else Path()) / str(past.hunt)
        if not folder.is_dir():
            raise ConfigError(
                f"{case}: `hunt` in `[[past]]`: there is no folder {folder}.\n"
                "Give the folder that was `--out` of that hunt, from the folder of the case file."
            )
        earlier = read_hunt(folder)
        out.append(
            dossiers.PastCampaign(
                name=str(past.name),
                campaign=campaign_of(earlier, str(past.campaign)),
                n_owners=earlier.n_owners,
                same_key=str(earlier.settings.get("key fingerprint")) == key,
            )
        )
    return tuple(out)


def _acceptances(name: str, case: Path | None) -> Mapping[str, date]:
    """
    Return account id → the day of its acceptance, from a CSV beside the case file; of several rows the earliest counts.

    Raises `ConfigError` when it cannot be read, naming the line.
    """
    path = (case.parent if case is not None else Path()) / name
    found: dict[str, date] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"account_id", "accepted"} <= set(rows.fieldnames or ()):
                raise ConfigError(f"{path}: `account_id` and `accepted` are not both here.\nName them in the first line.")
            for row in rows:
                at = _day(row["accepted"], f"{path}:{rows.line_num}")
                found[row["account_id"]] = min(at, found.get(row["account_id"], at))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: these records cannot be read.\nName a CSV from the folder of the case file.") from error
    return found


def _day(text: str | None, place: str) -> date:
    try:
        return datetime.fromisoformat(text or "").date()
    except ValueError as error:
        raise ConfigError(f"{place}: {text!r} is no day.\nWrite it as 2026-01-15.") from error


def _audit(hunt: Path) -> Mapping[str, Any] | None:
    """Return what a hunt says of its verified-honest sets; None where it had none."""
    found = json.loads((hunt / "campaigns.json").read_bytes()).get("audit")
    return found if isinstance(found, dict) else None
