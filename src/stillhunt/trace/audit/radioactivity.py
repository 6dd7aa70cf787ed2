"""
Radioactivity: does the suspect lean towards the tokens that our key marked, after the contexts for which it marked them?

A campaign's key makes token v green after context c (the last few tokens) with probability γ, independently for every pair
(a keyed random function). A suspect that never saw marked text cannot lean towards green, whatever it leans towards. For any
weights a_c(v) that do not use the key, with g the green bits:

    S = Σ_c Σ_v a_c(v) (g(c,v) - γ)        mean 0, variance γ (1-γ) Σ a², a sum of independent draws: rigorous bounds

`tilt_weights` (open weights): the mass that the suspect moved to v compared with a reference model on probe texts, which takes
away what both models like anyhow. `count_weights` (black box): how often the suspect wrote v after c, less what a reference wrote.
Counting tokens as trials instead would make the variance many times too small: a popular pair is one draw however often it is seen.
(Watermark radioactivity: T. Sander et al., arXiv 2402.14904; green lists: J. Kirchenbauer et al., arXiv 2301.10226.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.null_sum import Floats, Tail, chernoff_log10, mixture_log10
from stillhunt.trace.marks import words_of

Context = tuple[int, ...]
Green = Callable[[Context, int], npt.NDArray[np.bool_]]
"""Green bits of a context over a vocabulary of the given size."""

WordGreen = Callable[[tuple[str, ...], str], bool]
"""The green bit of a word after a context of words."""

CLIP = 5.0
"""Largest log-ratio, in nats, that one token may carry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights a_c(v): one row of `value` for each of `contexts`, one column for each token of the vocabulary."""

    contexts: tuple[Context, ...]
    value: npt.NDArray[np.float32]


@dataclass(slots=True)
class TiltWeights:
    """
    Collects the weights of an open-weights test, text by text.

    For every position with context c: a_c(v) += m(v) (lr(v) - E_m lr), where lr = log p_suspect - log p_reference, clipped, and
    m = (p_suspect + p_reference) / 2. Probe texts must not depend on the key: none may quote marked answers.
    """

    vocabulary: int
    context: int = 1
    _rows: dict[Context, Floats] = field(default_factory=dict)

    def add(self, tokens: Sequence[int], log_p: npt.ArrayLike, log_reference: npt.ArrayLike) -> None:
        """Add a text: row t of the two arrays (positions × vocabulary) predicts `tokens[t+1]`."""
        p, q = np.asarray(log_p, dtype=np.float64), np.asarray(log_reference, dtype=np.float64)
        if p.shape != q.shape or p.shape[-1] != self.vocabulary:
            raise ConfigError("Suspect and reference do not share a vocabulary.\nTest them as a black box, by samples.")
        m = (np.exp(p) + np.exp(q)) / 2
        ratio = np.clip(p - q, -CLIP, CLIP)
        a = m * (ratio - (m * ratio).sum(axis=1, keepdims=True) / m.sum(axis=1, keepdims=True))
        for t in range(self.context - 1, len(a)):
            c = tuple(int(x) for x in tokens[t - self.context + 1 : t + 1])
            row = self._rows.get(c)
            if row is None:
                row = self._rows[c] = np.zeros(self.vocabulary)
            row += a[t]

    def weights(self) -> Weights:
        """Return what was collected."""
        contexts = tuple(sorted(self._rows))
        rows = [self._rows[c] for c in contexts]
        value = np.stack(rows).astype(np.float32) if rows else np.empty((0, self.vocabulary), dtype=np.float32)
        return Weights(contexts=contexts, value=value)


def count_weights(
    written: Iterable[tuple[Sequence[int], Sequence[int]]],
    *,
    vocabulary: int,
    context: int = 1,
    reference: Iterable[tuple[Sequence[int], Sequence[int]]] = (),
) -> Weights:
    """
    Return weights from (prompt, answer) pairs of token ids: full counts, less a reference's counts scaled to the same total.

    A pair whose context and token occur in its own prompt is dropped: copying a prompt is no lean of the model's own.
    """
    own, other = _counted(written, context), _counted(reference, context)
    scale = sum(own.values()) / sum(other.values()) if other else 0.0
    contexts = tuple(sorted({c for c, _ in own} | {c for c, _ in other}))
    place = {c: i for i, c in enumerate(contexts)}
    value = np.zeros((len(contexts), vocabulary), dtype=np.float32)
    for (c, v), n in own.items():
        value[place[c], v] += n
    for (c, v), n in other.items():
        value[place[c], v] -= n * scale
    return Weights(contexts=contexts, value=value)


def _counted(written: Iterable[tuple[Sequence[int], Sequence[int]]], context: int) -> Counter[tuple[Context, int]]:
    counts: Counter[tuple[Context, int]] = Counter()
    for prompt, answer in written:
        quoted = {tuple(prompt[i : i + context + 1]) for i in range(len(prompt) - context)}
        for i in range(len(answer) - context):
            window = tuple(answer[i : i + context + 1])
            if window not in quoted:
                counts[window[:-1], window[-1]] += 1
    return counts


@dataclass(frozen=True, kw_only=True, slots=True)
class RadioactivityTest:
    """
    The result: `tail` (p is the Chernoff bound, rigorous), the effective number of `pairs`, and `unused`: z of keys that marked
    nothing. `rank_p` places the key among them, exactly: (1 + keys at or above) / (1 + keys).
    """

    pairs: float
    tail: Tail
    unused: Floats
    rank_p: float


def radioactivity_test(
    weights: Weights, green: Green, *, gamma: float = 0.5, unused: Sequence[Green] = ()
) -> RadioactivityTest:
    """
    Return the test of one key; `unused` are green functions of keys that no call was ever marked with.

    With few effective pairs, (Σa²)² / Σa⁴, no key can stand out; without any pair p is 1.
    """
    a = weights.value[weights.value != 0].astype(np.float64)
    sums = [green_sum(weights, one, gamma) for one in (green, *unused)]
    return _judged(a, sums, gamma)


def word_test(
    written: Iterable[tuple[str, str]],
    green: WordGreen,
    *,
    context: int = 1,
    gamma: float = 0.5,
    unused: Sequence[WordGreen] = (),
    reference: Iterable[tuple[str, str]] = (),
) -> RadioactivityTest:
    """
    Return the test of a mark on words (best of k answers), from (prompt, answer) texts that the suspect wrote.

    A pair of context and word counts with the number of times it was written, unless it stands in its own prompt, less how often
    a reference wrote it, scaled to the same total.
    """
    own, other = _words_counted(written, context), _words_counted(reference, context)
    scale = sum(own.values()) / sum(other.values()) if other else 0.0
    weights = {pair: own[pair] - scale * other[pair] for pair in own.keys() | other.keys()}
    pairs = sorted(pair for pair, weight in weights.items() if weight)
    a = np.array([weights[p] for p in pairs], dtype=np.float64)
    bits = [np.array([one(*p) for p in pairs], dtype=bool) for one in (green, *unused)]
    return _judged(a, [float(a[b].sum() - gamma * a.sum()) if len(a) else 0.0 for b in bits], gamma)


def _words_counted(written: Iterable[tuple[str, str]], context: int) -> Counter[tuple[tuple[str, ...], str]]:
    counts: Counter[tuple[tuple[str, ...], str]] = Counter()
    for prompt, answer in written:
        asked, said = words_of(prompt), words_of(answer)
        quoted = {tuple(asked[i : i + context + 1]) for i in range(len(asked) - context)}
        windows = (tuple(said[i : i + context + 1]) for i in range(len(said) - context))
        counts.update((w[:-1], w[-1]) for w in windows if w not in quoted)
    return counts


def _judged(a: Floats, sums: Sequence[float], gamma: float) -> RadioactivityTest:
    """Return the test from the weights that are not zero, the observed sum, and the sums of unused keys after it."""
    if not len(a):
        nothing = Tail(observed=0.0, z=0.0, p_log10=0.0, bound_log10=0.0, e_log10=0.0, exact=False)
        return RadioactivityTest(pairs=0.0, tail=nothing, unused=np.empty(0), rank_p=1.0)
    law = GreenSum(weight=a, gamma=gamma)
    sd, observed = law.sd(), sums[0]
    bound = chernoff_log10(law, observed)
    others = np.array(sums[1:]) / sd
    z = observed / sd
    found = Tail(
        observed=observed, z=z, p_log10=bound, bound_log10=bound, e_log10=mixture_log10(law, observed), exact=False
    )
    rank = (1 + int((others >= z - 1e-9).sum())) / (1 + len(others))
    return RadioactivityTest(pairs=float((a**2).sum() ** 2 / (a**4).sum()), tail=found, unused=others, rank_p=rank)


def green_sum(weights: Weights, green: Green, gamma: float) -> float:
    """Return S."""
    vocabulary = weights.value.shape[1]
    total = 0.0
    for c, row in zip(weights.contexts, weights.value, strict=True):
        total += float(row[green(c, vocabulary)].sum(dtype=np.float64)) - gamma * float(row.sum(dtype=np.float64))
    return total


@dataclass(frozen=True, kw_only=True, slots=True)
class GreenSum:
    """The law of Σ a (g - γ) with independent green bits: that of a `NullSum` of two values a row, without the table."""

    weight: Floats
    gamma: float

    def mean(self) -> float:
        """Return 0."""
        return 0.0

    def sd(self) -> float:
        """Return √(γ (1-γ) Σ a²)."""
        return float(np.sqrt(self.gamma * (1 - self.gamma) * (self.weight**2).sum()))

    def log_mgf(self, lam: float) -> float:
        """Return Σ log(1 - γ + γ e^{lam a}) - lam γ Σ a."""
        x = lam * self.weight
        return float(np.logaddexp(np.log1p(-self.gamma), np.log(self.gamma) + x).sum() - self.gamma * x.sum())
