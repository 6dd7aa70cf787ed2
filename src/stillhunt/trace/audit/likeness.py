"""
How alike a suspect's answers are to ours: indicators, which have no p-value and decide nothing.

Every good answer to a question resembles every other one, and models that answer in the most usual way are everybody's nearest
neighbour. There is no chance in it that somebody drew, hence no null; `bench/trace_outputs.py` shows what comes of computing a
p-value all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stillhunt.trace.audit.overlap import f1, grams_of

Answers = Mapping[str, Sequence[str]]
"""For each model, one answer to each of the same prompts."""


def likeness(suspect: Sequence[str], others: Answers) -> dict[str, float]:
    """Return the mean overlap (F1 of word n-grams, n = 1 to 4) of a suspect's answers with each model's, prompt by prompt."""
    own = [grams_of(text) for text in suspect]
    return {
        name: sum(f1(a, grams_of(b)) for a, b in zip(own, texts, strict=True)) / len(own) if own else 0.0
        for name, texts in others.items()
    }


def nearest(suspect: Sequence[str], others: Answers) -> dict[str, int]:
    """Return on how many prompts each model is the most alike; a tie goes to the earlier name."""
    counts = dict.fromkeys(others, 0)
    rows = {name: [grams_of(text) for text in texts] for name, texts in others.items()}
    for i, text in enumerate(suspect):
        own = grams_of(text)
        counts[max(rows, key=lambda name: f1(own, rows[name][i]))] += 1
    return counts
