"""
A marking plan: for which accounts of which campaign what is done, how often, until when, and who approved it.

Without a plan nothing is done. A plan that is not approved, or has expired, does nothing either: `standing` says why. What
a plan may ask for is bounded here, so that no plan can lower the quality of an answer beyond what is written in `docs`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError
from stillhunt.seal.canonical import Json, canonical
from stillhunt.trace.canaries import LIBRARIES, library_digest
from stillhunt.trace.marks import CONTEXTS

CANARY_CAP = 0.05
"""No plan may make canaries of more than this share of an account's calls."""

LARGEST_K = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Coin:
    """Coins: the share of prompts, candidates drawn for each, and what is done where draws come out equal."""

    share: float
    k: int = 2
    patience_s: float = 30.0
    greedy: str = "skip"


@dataclass(frozen=True, kw_only=True, slots=True)
class BestOf:
    """The best-of-k mark: the greenest of k ordinary answers is served. Such calls have no coin."""

    share: float
    k: int = 4
    context: int = 1
    gamma: float = 0.5
    patience_s: float = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Watermark:
    """The watermark that a serving stack adds to logits: its setting, and where the stack that has the key listens."""

    scheme: str
    context: int = 1
    gamma: float = 0.5
    delta: float = 1.0
    upstream: str | None = None
    strip: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Canaries:
    """Canaries: which library, at most which share of an account's calls, and by which method."""

    library: str
    share: float
    method: str = "instruction"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A plan as it was approved; `digest` is the SHA-256 of its content."""

    campaign: str
    epoch: int
    accounts: frozenset[str]
    reason: str
    approver: str
    approved_at: datetime | None
    expires: datetime
    coin: Coin | None
    best_of: BestOf | None
    watermark: Watermark | None
    canaries: Canaries | None
    digest: str

    def standing(self, now: datetime) -> str | None:
        """Return why the plan does nothing at this time, or None where it is in force."""
        if not self.approver or self.approved_at is None:
            return f"the plan for {self.campaign} is not approved: it names no `approver` and `approved_at`"
        if now < self.approved_at:
            return f"the plan for {self.campaign} is approved from {self.approved_at.isoformat()} on, which is not yet"
        if now >= self.expires:
            return f"the plan for {self.campaign} has expired: it was valid until {self.expires.isoformat()}"
        if not (self.coin or self.best_of or self.watermark or self.canaries):
            return f"the plan for {self.campaign} asks for nothing: it has none of [coin], [best_of], [watermark], [canaries]"
        return None

    def settings(self) -> dict[str, Any]:
        """Return what the ledger records of the plan; accounts are only counted."""
        coin, best, mark, canaries = self.coin, self.best_of, self.watermark, self.canaries
        return {
            "campaign": self.campaign,
            "epoch": self.epoch,
            "plan": self.digest,
            "approver": self.approver,
            "approved_at": None if self.approved_at is None else _moment_text(self.approved_at),
            "expires": _moment_text(self.expires),
            "accounts": len(self.accounts),
            "coin": coin and {"share": coin.share, "k": coin.k, "greedy": coin.greedy},
            "mark": best and {"share": best.share, "k": best.k, "context": best.context, "gamma": best.gamma},
            "watermark": mark
            and {"scheme": mark.scheme, "context": mark.context, "gamma": mark.gamma, "delta": mark.delta},
            "canaries": canaries
            and {
                "library": canaries.library,
                "library_digest": library_digest(canaries.library),
                "share": canaries.share,
                "method": canaries.method,
            },
        }


def read_plan(path: Path) -> Plan:
    """
    Return the plan in a TOML file.

    Raises `ConfigError` for a file that cannot be read, an unknown name, or a value out of its bounds; it says which.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: this plan cannot be read: {error.strerror}.\nName another with `--plan`."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: this plan is not TOML: {error}.\nSee docs/reference/trace-plan.md for one."
        ) from error
    return plan_of(document, str(path), folder=path.parent)


def plan_of(document: Mapping[str, Any], place: str, *, folder: Path | None = None) -> Plan:
    """Return the plan that a document describes; `place` names it in messages, `accounts_file` lies in `folder`."""
    sections = {"plan", "coin", "best_of", "watermark", "canaries"}
    _known(document, sections, place, "section")
    head = _Section(document.get("plan", {}), f"{place}: [plan]")
    head.known("campaign epoch accounts accounts_file reason approver approved_at expires")
    epoch = head.number("epoch", 1, 0, 2**31, whole=True)
    expires = head.moment("expires")
    if expires is None:
        raise ConfigError(f"{place}: [plan] has no `expires`.\nEvery plan ends: write one like 2026-12-31T00:00:00Z.")
    share = 0.0
    coin = _coin(document, place)
    best_of = _best_of(document, place)
    share = (coin.share if coin else 0.0) + (best_of.share if best_of else 0.0)
    if share > 1.0:
        raise ConfigError(
            f"{place}: [coin] and [best_of] together ask for a share of {share:g}.\nA call is one or the other: at most 1."
        )
    return Plan(
        campaign=head.text("campaign"),
        epoch=int(epoch),
        accounts=frozenset(_accounts(head, place, folder)),
        reason=head.text("reason", ""),
        approver=head.text("approver", "").strip(),
        approved_at=head.moment("approved_at"),
        expires=expires,
        coin=coin,
        best_of=best_of,
        watermark=_watermark(document, place),
        canaries=_canaries(document, place),
        digest=hashlib.sha256(canonical(_plain(dict(document)))).hexdigest(),
    )


def _coin(document: Mapping[str, Any], place: str) -> Coin | None:
    if "coin" not in document:
        return None
    part = _Section(document["coin"], f"{place}: [coin]")
    part.known("share k patience_s greedy")
    return Coin(
        share=part.number("share", None, 0.0, 1.0),
        k=int(part.number("k", 2, 2, LARGEST_K, whole=True)),
        patience_s=part.number("patience_s", 30.0, 0.0, 600.0),
        greedy=part.one_of("greedy", ("skip", "rewrite")),
    )


def _best_of(document: Mapping[str, Any], place: str) -> BestOf | None:
    if "best_of" not in document:
        return None
    part = _Section(document["best_of"], f"{place}: [best_of]")
    part.known("share k context gamma patience_s")
    return BestOf(
        share=part.number("share", None, 0.0, 1.0),
        k=int(part.number("k", 4, 2, LARGEST_K, whole=True)),
        context=int(part.number("context", 1, min(CONTEXTS), max(CONTEXTS), whole=True)),
        gamma=part.number("gamma", 0.5, 0.1, 0.9),
        patience_s=part.number("patience_s", 30.0, 0.0, 600.0),
    )


def _watermark(document: Mapping[str, Any], place: str) -> Watermark | None:
    if "watermark" not in document:
        return None
    part = _Section(document["watermark"], f"{place}: [watermark]")
    part.known("scheme context gamma delta upstream strip")
    upstream = part.text("upstream", "")
    if upstream and not upstream.startswith(("http://", "https://")):
        raise ConfigError(
            f"{place}: [watermark] upstream {upstream!r} is no address.\nWrite one like http://127.0.0.1:8001."
        )
    return Watermark(
        scheme=part.one_of("scheme", ("kgw", "engine")),
        context=int(part.number("context", 1, min(CONTEXTS), max(CONTEXTS), whole=True)),
        gamma=part.number("gamma", 0.5, 0.1, 0.9),
        delta=part.number("delta", 1.0, 0.0, 2.0),
        upstream=upstream or None,
        strip=tuple(part.texts("strip")),
    )


def _canaries(document: Mapping[str, Any], place: str) -> Canaries | None:
    if "canaries" not in document:
        return None
    part = _Section(document["canaries"], f"{place}: [canaries]")
    part.known("library share method")
    return Canaries(
        library=part.one_of("library", tuple(LIBRARIES)),
        share=part.number("share", 0.02, 0.0, CANARY_CAP),
        method=part.one_of("method", ("instruction", "edit")),
    )


def _accounts(head: _Section, place: str, folder: Path | None) -> list[str]:
    accounts = head.texts("accounts")
    name = head.text("accounts_file", "")
    if name:
        path = (folder or Path()) / name
        try:
            accounts += [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path}: the accounts of {place} cannot be read: {error}.\nCorrect `accounts_file`."
            ) from error
    if not accounts:
        raise ConfigError(
            f"{place}: [plan] names no account.\nList them under `accounts`, or in a file as `accounts_file`."
        )
    return accounts


class _Section:
    """A table of the plan with its place, to read checked values from."""

    def __init__(self, table: object, place: str) -> None:
        if not isinstance(table, dict):
            raise ConfigError(f"{place} is no table.\nSee docs/reference/trace-plan.md for a plan.")
        self.table: dict[str, Any] = table
        self.place = place

    def known(self, names: str) -> None:
        _known(self.table, set(names.split()), self.place, "name")

    def text(self, name: str, default: str | None = None) -> str:
        value = self.table.get(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise ConfigError(f"{self.place} has no text `{name}`.\nSee docs/reference/trace-plan.md for a plan.")
        return value

    def texts(self, name: str) -> list[str]:
        value = self.table.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f'{self.place}: `{name}` is no list of texts.\nWrite one like ["a", "b"].')
        return list(value)

    def one_of(self, name: str, values: Sequence[str]) -> str:
        value = self.table.get(name, values[0])
        if value not in values:
            raise ConfigError(f"{self.place}: `{name}` is {value!r}.\nGive one of {', '.join(values)}.")
        return str(value)

    def number(self, name: str, default: float | None, low: float, high: float, *, whole: bool = False) -> float:
        value = self.table.get(name, default)
        right = isinstance(value, int) if whole else isinstance(value, int | float)
        if not right or isinstance(value, bool) or not low <= value <= high:  # type: ignore[operator]
            kind = "a whole number" if whole else "a number"
            raise ConfigError(f"{self.place}: `{name}` is {value!r}.\nGive {kind} from {low:g} to {high:g}.")
        return float(value)  # type: ignore[arg-type]

    def moment(self, name: str) -> datetime | None:
        value = self.table.get(name)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ConfigError(f"{self.place}: `{name}` is no time with a zone.\nWrite one like 2026-12-31T00:00:00Z.")
        return value.astimezone(UTC)


def _known(table: Mapping[str, Any], names: set[str], place: str, kind: str) -> None:
    for name in table:
        if name not in names:
            raise ConfigError(f"{place}: there is no {kind} `{name}`.\nThose there are: {', '.join(sorted(names))}.")


def _plain(value: Any) -> Json:
    """Return a TOML value as JSON has it; a time becomes a text."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
