"""Recipes of the journal: the size of the log, from the records that were fixed day by day before anything was judged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from stillhunt.seal import journal
from stillhunt.seal.bundle import INDEX, load
from stillhunt.seal.canonical import Json, list_of, mapping_of, number_of, text_of
from stillhunt.seal.days import before_hunt
from stillhunt.seal.dossier import BUNDLES, JOURNAL
from stillhunt.verify.published import published
from stillhunt.verify.recipes import recomputed


def journaled(content: bytes, configuration: str) -> dict[str, Json]:
    """
    Return the numbers that a journal gives of the log that was hunted under a configuration; none where it has no such line.

    Raises `SealError` when the chain is broken.
    """
    lines = list(journal.read(content, JOURNAL))
    days: list[tuple[str, int]] = []
    counts: dict[str, Json] = {}
    for line in lines:
        body = line.body if isinstance(line.body, Mapping) else {}
        if line.kind == "exchanges" and body.get("configuration") == configuration:
            rows = [mapping_of(row, JOURNAL) for row in list_of(body.get("days"), JOURNAL)]
            counts = {f"log.{name}": number_of(body.get(name), JOURNAL) for name in ("accounts", "licensed", "lines")}
            days = [(text_of(row.get("day"), JOURNAL), number_of(row.get("size"), JOURNAL)) for row in rows]
    if not days:
        return {}
    calls = sum(size for _, size in days)
    first, last = min(day for day, _ in days), max(day for day, _ in days)
    window = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    return {
        **counts,
        "journal.days": len(days),
        "journal.days_before": len(before_hunt(lines, configuration).same),
        "journal.lines": len(lines),
        "journal.records": calls,
        "log.busiest_day": max(size for _, size in days),
        "log.calls": calls,
        "log.first_day": first,
        "log.last_day": last,
        "log.silent_days": window - len({day for day, _ in days}),
    }


def evidence_of(hunt: Path, campaign: str) -> dict[str, Json]:
    """
    Return every number that the evidence of a campaign and the published tables give, by the name of its recipe.

    `hunt` is the folder of a hunt's results.

    Raises `SealError` when it is damaged.
    """
    bundle = load(hunt / BUNDLES / campaign)
    configuration = text_of(bundle.about["configuration"], INDEX)
    return {**recomputed(bundle), **journaled((hunt / BUNDLES / JOURNAL).read_bytes(), configuration), **published()}
