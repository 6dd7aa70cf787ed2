"""
The coin test without scores: how much of each candidate turns up in what the suspect writes to the same prompt.

The score of a candidate is its mean overlap with the sampled answers (F1 of word n-grams, n = 1 to 4, averaged). It treats all
candidates of a set alike, so that the coin test is as valid as with log-probabilities; it has power only where answers were
learned by heart. References are the length and how typical a candidate is of its own set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from stillhunt.trace.audit.coin import CoinScores, coin_scores

WORDS = re.compile(r"\w+|[^\w\s]")
LONGEST = 4

Grams = tuple["Counter[tuple[str, ...]]", ...]


def overlaps(
    drawn: Sequence[Sequence[str]],
    samples: Sequence[Sequence[str]],
    served: Sequence[int],
    *,
    account: Sequence[str] | None = None,
    conversation: Sequence[str] | None = None,
    exchange_id: Sequence[str] | None = None,
) -> CoinScores:
    """Return coin scores of candidates `drawn[i]` against the suspect's `samples[i]`; a prompt without samples scores 0."""
    scores, lengths, typical = [], [], []
    for candidates, texts in zip(drawn, samples, strict=True):
        grams, written = [grams_of(c) for c in candidates], [grams_of(t) for t in texts]
        scores.append([_mean([f1(g, w) for w in written]) for g in grams])
        lengths.append([float(g[0].total()) for g in grams])
        typical.append([_mean([f1(g, o) for j, o in enumerate(grams) if j != i]) for i, g in enumerate(grams)])
    return coin_scores(
        scores, served, [lengths, typical], account=account, conversation=conversation, exchange_id=exchange_id
    )


def grams_of(text: str) -> Grams:
    """Return the word n-grams of a text in lower case, counted, for n = 1 to 4."""
    words = WORDS.findall(text.lower())
    return tuple(Counter(zip(*(words[i:] for i in range(n)), strict=False)) for n in range(1, LONGEST + 1))


def f1(a: Grams, b: Grams) -> float:
    """Return the mean over n of the F1 of two texts' n-grams: 1 for equal texts, 0 without a word in common."""
    parts = []
    for x, y in zip(a, b, strict=True):
        total = x.total() + y.total()
        parts.append(2.0 * (x & y).total() / total if total else 0.0)
    return _mean(parts)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
