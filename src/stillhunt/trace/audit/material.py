"""From the ledger and the texts beside it to what a suspect can be asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from stillhunt.model import LeftOut
from stillhunt.trace import ledger
from stillhunt.trace.audit.suspects.suspect import Prompt


class Texts(Protocol):
    """Gives the text behind a digest, or None where it was erased or never kept."""

    def text(self, name: str) -> str | None:
        """Return the text."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CoinMaterial:
    """One coin with its texts; `conversation` is shared by turns that quote each other's answers."""

    prompt: Prompt
    candidates: tuple[str, ...]
    served: int
    account: str
    conversation: str
    exchange: str


def coin_material(
    folder: Path, texts: Texts, campaign: str, *, most: int | None, seed: int
) -> tuple[list[CoinMaterial], tuple[LeftOut, ...]]:
    """
    Return the coins of a campaign in the order of time, at most so many of them, and what was left out.

    The draw of those that are used looks at no coin and no text.
    """
    lost: Counter[str] = Counter()
    entries = ledger.coins(folder, campaign)
    if most is not None and len(entries) > most:
        kept = np.sort(np.random.default_rng([seed, 1]).choice(len(entries), most, replace=False))
        lost["beyond the number of exchanges that the audit was to use"] = len(entries) - most
        entries = [entries[i] for i in kept]
    out = []
    for e in entries:
        prompt, answers = texts.text(e.prompt), [texts.text(c) for c in e.candidates]
        if prompt is None or any(a is None for a in answers):
            lost["its text was erased or not kept"] += 1
            continue
        one = CoinMaterial(
            prompt=asked(prompt),
            candidates=tuple(a for a in answers if a is not None),
            served=e.served,
            account=texts.text(e.account) or e.account,
            conversation=e.opening if e.history else f"{e.opening}/{e.coin}",
            exchange=e.exchange,
        )
        out.append(one)
    return _opened(out), tuple(LeftOut(what="exchange", reason=r, count=n) for r, n in sorted(lost.items()))


def _opened(coins: Sequence[CoinMaterial]) -> list[CoinMaterial]:
    """Put the first turns into the conversation of the later ones that may quote them."""
    later = {c.conversation for c in coins if "/" not in c.conversation}
    joined = [c.conversation.partition("/")[0] for c in coins]
    return [replace(c, conversation=j) if j in later else c for c, j in zip(coins, joined, strict=True)]


def asked(text: str) -> Prompt:
    """Return the prompt of a canonical request as the store keeps it; other text is one user's question."""
    try:
        request = json.loads(text)
    except ValueError:
        return Prompt.of(text)
    if not isinstance(request, dict):
        return Prompt.of(text)
    turns = request.get("messages", request.get("input"))
    return Prompt.of(turns) if isinstance(turns, str) else Prompt.of({"messages": turns})
