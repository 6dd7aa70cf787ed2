"""A store at the command line: what it holds, whether it is whole, and the removal of accounts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.deployment_key import key_file, read_key
from stillhunt.digest import Key
from stillhunt.errors import ConfigError
from stillhunt.model import Hunt
from stillhunt.report.files import write_whole
from stillhunt.store import forgetting, history
from stillhunt.store.folder import Store, days_of
from stillhunt.store.forgetting import Checked, Removal
from stillhunt.terminal import shown, table
from stillhunt.watch.watching import Watched

HISTORY = "history.json"


def act(arguments: argparse.Namespace) -> tuple[str, bool]:
    """Do what the arguments say; return what to print, and whether everything holds. Raises `ConfigError`, `StoreError`."""
    if arguments.action == "watch":
        found = _watch(arguments)
        return _text({"watched": [_one(w) for w in found]}, _watched(found), arguments.json), True
    if arguments.action == "forget" and not arguments.accounts:
        raise ConfigError("No account was named.\nGive the ids of the accounts to remove, as the log spells them.")
    if arguments.action == "show" and arguments.accounts:
        raise ConfigError("`store show` takes no account.\nTo look for one, use `store check`.")
    now = datetime.now(UTC)
    key = Key(read_key(arguments.key_file or key_file(), make=False))
    with Store.open(arguments.store, key, None, now=now) as store:
        if arguments.action == "show":
            return _text(_shown(store), _show(store), arguments.json), True
        if arguments.action == "forget":
            removed = forgetting.forget(store, arguments.accounts, now=now)
            return _text({"removed": [_removal(r) for r in removed]}, _removed(removed), arguments.json), True
        checked = forgetting.check(store, arguments.accounts)
        return _text(_document(checked), _checked(checked, len(arguments.accounts)), arguments.json), checked.holds


def followed(folder: Path | None, hunt: Hunt, out: Path) -> list[str]:
    """
    Write what became of each campaign as `history.json` into `out`; return, as lines, what did on the last day of a hunt.

    Does nothing without a store. Raises `StoreError`.
    """
    if folder is None:
        return []
    document = {"campaigns": _campaigns(folder)}
    write_whole({HISTORY: (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()}, out)
    if hunt.last_seen is None:
        return []
    last = hunt.last_seen.astimezone(UTC).date().isoformat()
    known = sorted(history.read(folder).items())
    lines = [f"  {name}: {h.sentence}" for name, one in known for h in one.happened if h.day == last]
    return [f"What became of campaigns by {last}:", *lines, ""] if lines else []


def _watch(arguments: argparse.Namespace) -> tuple[Watched, ...]:
    from stillhunt import pipeline

    key = None if arguments.key_file is None else read_key(arguments.key_file, make=False)
    settings = {} if arguments.threads is None else {"threads": arguments.threads}
    with shown(quiet=arguments.quiet) as progress:
        return pipeline.watch(
            arguments.logs, arguments.accounts, arguments.events, store=arguments.store, format=arguments.format, key=key,
            progress=progress, **settings,
        )  # fmt: skip


def _one(watched: Watched) -> dict[str, Any]:
    return {**asdict(watched), "blocks": [asdict(b) for b in watched.blocks]}


def _watched(found: Sequence[Watched]) -> list[str]:
    if not found:
        return ["No set is watched: a hunt with this store leaves those that it finds."]
    rows = [
        (w.id, f"{w.accounts:,}", w.from_day, f"{len(w.blocks):,}", f"{w.e_log10:.1f}", "yes" if w.shown else "")
        for w in found
    ]
    header = ("set", "accounts", "watched from", "blocks", "log10 e", "shown")
    return [
        *table(header, rows, right=(1, 3, 4)),
        "",
        "e is what bets on later days have paid: against a set that no one operator runs, it reaches 20 at any time with a"
        " chance of at most 1 in 20.",
    ]


def _text(document: Any, lines: Sequence[str], as_json: bool) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n" if as_json else "\n".join([*lines, ""])


def _campaigns(folder: Path) -> dict[str, Any]:
    return {
        name: {
            "standing": one.standing,
            "accounts": len(one.members),
            "first_day": one.first_day,
            "last_day": one.last_day,
            "happened": [{"day": h.day, "what": h.what, "sentence": h.sentence} for h in one.happened],
        }
        for name, one in sorted(history.read(folder).items())
    }


def _shown(store: Store) -> dict[str, Any]:
    return {
        "days": days_of(store.parts),
        "sources": len(store.sources),
        "oldest_kept": store.oldest,
        "removed_accounts": len(store.forgotten),
        "campaigns": _campaigns(store.folder),
    }


def _show(store: Store) -> list[str]:
    days = days_of(store.parts)
    span = f"{min(days)} to {max(days)}, " if days else ""
    lines = [f"{sum(days.values()):,} calls on {len(days):,} days ({span}{len(store.sources):,} sources)."]
    if store.oldest is not None:
        lines.append(f"What lies before {store.oldest} was dropped.")
    if store.forgotten:
        lines.append(f"{len(store.forgotten):,} accounts were removed and stay away.")
    rows = [
        (name, one["standing"], f"{one['accounts']:,}", one["first_day"], one["last_day"], one["happened"][-1]["sentence"])
        for name, one in _campaigns(store.folder).items()
    ]
    header = ("campaign", "standing", "accounts", "first call", "last call", "what became of it last")
    return [*lines, "", *table(header, rows, right=(2,))] if rows else lines


def _removal(one: Removal) -> dict[str, Any]:
    done = None if one.done is None else one.done.isoformat()
    return {"account": one.account, "calls": one.calls, "asked": one.asked.isoformat(), "done": done}


def _removed(removals: Sequence[Removal]) -> list[str]:
    return [
        f"{one.account}: {one.calls:,} calls removed" + ("" if one.calls else " (none was stored); it stays away from now on")
        for one in removals
    ]


def _document(checked: Checked) -> dict[str, Any]:
    return {
        "holds": checked.holds,
        "files": checked.files,
        "calls": checked.calls,
        "accounts": checked.accounts,
        "removed": [_removal(r) for r in checked.removals],
        "problems": list(checked.problems),
    }


def _checked(checked: Checked, asked: int) -> list[str]:
    lines = [f"{checked.files:,} files with {checked.calls:,} calls of {checked.accounts:,} accounts were looked through."]
    lines += [
        f"removed {one.account}: {one.calls:,} calls, asked {one.asked:%Y-%m-%d}"
        + (f", done {one.done:%Y-%m-%d}" if one.done else ", not done")
        for one in checked.removals
    ]
    if checked.holds:
        looked = ["what was removed"] * bool(checked.removals) + ["the accounts named"] * bool(asked)
        rest = f", and nothing is left of {' or '.join(looked)}" if looked else ""
        return [*lines, f"Every file is as it was recorded{rest}."]
    return [*lines, *(f"PROBLEM: {problem}" for problem in checked.problems)]
