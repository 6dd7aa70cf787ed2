"""What an audit is going to do, written down and committed to the ledger before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stillhunt.errors import ClaimError
from stillhunt.trace import ledger

CHANNELS = ("coin", "mark", "canary")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditSpec:
    """
    The choices that an analyst has, so that none is left for afterwards.

    `alpha` is the level of a finding for a campaign, `level` that of naming accounts (over all accounts of the campaign). At most
    `exchanges` coins are used, taken by a seeded draw that looks at no coin; `samples` is the number of answers for each question
    where a suspect is sampled, of `max_tokens` each at `temperature`. `indicators` is the number of prompts for likeness, which
    decides nothing. `weights` has the SHA-256 of each model that was loaded from files, so that none can be exchanged afterwards
    for one under which the result looks better.
    """

    suspect: str
    references: tuple[str, ...]
    own: str | None
    campaigns: tuple[str, ...]
    channels: tuple[str, ...] = CHANNELS
    alpha: float = 1e-5
    level: float = 0.05
    exchanges: int | None = None
    samples: int = 4
    max_tokens: int = 96
    temperature: float = 1.0
    unused_keys: int = 99
    indicators: int = 0
    seed: int = 0
    budget: Mapping[str, float | int | None] | None = None
    weights: Mapping[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """Return the specification as it is committed."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def commit(self, folder: Path, *, at: datetime) -> str:
        """Commit to the ledger in `folder` and return the SHA-256 of what was committed."""
        return ledger.commit_audit(folder, self.document(), at=at)


def committed(folder: Path, digest: str) -> None:
    """Raise `ClaimError` unless a specification of that digest was committed to the ledger."""
    found = [entry.body.get("sha256") for entry in ledger.audits(folder) if isinstance(entry.body, Mapping)]
    if digest not in found:
        raise ClaimError(
            f"The audit {digest[:12]}… was not committed to the ledger before it ran, so it claims nothing.\n"
            "Commit the specification first; `stillhunt trace audit` does."
        )
