"""Between a hunt and the history of its store: which id a set goes by, and what became of the campaigns before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pyarrow as pa

from stillhunt.judge.rule import Rule
from stillhunt.model import Hunt
from stillhunt.store import disk, history
from stillhunt.store.folder import Store


def named(rule: Rule, store: Store | None) -> Rule:
    """Return a rule that names sets as a store knows them, and by their accounts where it does not."""
    if store is None:
        return rule
    known, tag, account = history.read(store.folder), rule.tag, store.account
    return replace(rule, tag=lambda ids: history.name_of(known, account, tag, ids))


def follow(store: Store, hunt: Hunt, events: pa.Table) -> None:
    """Write down what a hunt shows of campaigns, new and old; `events` tells whose accounts were banned when."""
    if hunt.last_seen is None:
        return
    bans: dict[str, str] = {}
    for event in events.to_pylist():
        if event["kind"] == "ban" and event["at"] is not None and event["subject"] is not None:
            day = event["at"].astimezone(UTC).date().isoformat()
            account = store.account(event["subject"])
            bans[account] = min(day, bans.get(account, day))
    before = history.read(store.folder)
    last_day = hunt.last_seen.astimezone(UTC).date().isoformat()
    after = history.after(before, hunt.campaigns, store.account, last_day, bans)
    if after != before:
        with disk.explained(store.folder):
            history.write(store.folder, after)
