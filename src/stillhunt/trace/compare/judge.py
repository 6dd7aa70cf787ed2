"""
A judge's errors taken out of a share: what part of the answers are refusals, if the judge is sometimes wrong?

With q the share that the judge calls refusals, s its sensitivity and c its specificity (W. Rogan, B. Gladen, American Journal of
Epidemiology 107, 1978):

    true share = (q + c - 1) / (s + c - 1)

s and c come from a sample that people labelled. The interval is the range of the formula over Clopper and Pearson's intervals of
q, s and c, each at a third of what may be missed: it covers with at least its level, and is everything where the labels cannot
tell the judge from a coin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from stillhunt.trace.compare.paired import LEVEL, Interval, share_interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """A labelled sample: of `refusals` true ones the judge saw `seen`; of `others` it called `cleared` no refusal."""

    refusals: int
    seen: int
    others: int
    cleared: int

    @classmethod
    def of(cls, labelled: Iterable[tuple[bool, bool]]) -> Errors:
        """Count pairs of (what a person says, what the judge says)."""
        pairs = list(labelled)
        true = [said for truth, said in pairs if truth]
        false = [said for truth, said in pairs if not truth]
        return cls(refusals=len(true), seen=sum(true), others=len(false), cleared=len(false) - sum(false))

    def known(self) -> bool:
        """Say whether both kinds of error were looked for."""
        return self.refusals > 0 and self.others > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrected:
    """A share with the judge's errors taken out, and the interval that covers it with at least its level."""

    share: float
    interval: Interval


def corrected(k: int, n: int, errors: Errors, *, level: float = LEVEL) -> Corrected:
    """Return the true share where a judge says k of n."""
    if not n or not errors.known():
        return Corrected(share=k / n if n else 0.0, interval=(0.0, 1.0))
    third = 1 - (1 - level) / 3
    boxes = (
        share_interval(k, n, level=third),
        share_interval(errors.seen, errors.refusals, level=third),
        share_interval(errors.cleared, errors.others, level=third),
    )
    point = _true_share(k / n, errors.seen / errors.refusals, errors.cleared / errors.others)
    share = k / n if point is None else point
    if boxes[1][0] + boxes[2][0] <= 1:
        return Corrected(share=share, interval=(0.0, 1.0))
    # The formula is monotone in each of the three, so that its range is reached at corners.
    ends = [value for q, s, c in product(*boxes) if (value := _true_share(q, s, c)) is not None]
    return Corrected(share=share, interval=(min(ends), max(ends)))


def corrected_difference(
    first: tuple[int, int], second: tuple[int, int], errors: tuple[Errors, Errors], *, level: float = LEVEL
) -> Corrected:
    """Return the second model's true share less the first's; each model has its own errors of the judge."""
    half = (1 + level) / 2
    a, b = (corrected(*shown, known, level=half) for shown, known in zip((first, second), errors, strict=True))
    low, high = b.interval[0] - a.interval[1], b.interval[1] - a.interval[0]
    return Corrected(share=b.share - a.share, interval=(max(-1.0, low), min(1.0, high)))


def _true_share(q: float, s: float, c: float) -> float | None:
    """Return the formula's value, cut to a share; None where the judge is no better than a coin."""
    if s + c <= 1:
        return None
    return min(1.0, max(0.0, (q + c - 1) / (s + c - 1)))
