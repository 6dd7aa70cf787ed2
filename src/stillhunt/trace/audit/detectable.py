"""
What a negative could have missed: the smallest share of a campaign's exchanges whose use would probably have been seen.

When a share s of the tested exchanges was learned from, and learning moves an exchange by d standard deviations of its null, z
has mean s d √n. A test at level α sees it with probability β when s d √n ≥ z_α + z_β (normal approximation: a planning figure,
not a claim). d is not known for a suspect that shows nothing, so the figure is given for learning that is weak, middling and
strong; they span what `bench/trace_coin.py` measures: d = 0.1 is one pass without a good reference, 1 is what a small
share of harvested data in a fine-tune leaves when the public base model is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

WEAK, MIDDLING, STRONG = 0.1, 0.35, 1.0
GAINS = (WEAK, MIDDLING, STRONG)
POWER = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Detectable:
    """For each assumed gain: the `share` that would be seen with probability `power` at level `alpha`; above 1 is none."""

    alpha: float
    power: float
    share: dict[str, float]

    def sentence(self) -> str:
        """Return the negative's own limit, in words."""
        seen = {name: share for name, share in self.share.items() if share <= 1}
        if not seen:
            return (
                "With so little material even a model trained on all of it would probably have gone unseen: "
                "this negative says nothing."
            )
        parts = [f"{100 * share:.2g} % for {name}" for name, share in seen.items()]
        rest = (
            " For weaker learning the whole of it could have been used unseen." if len(seen) < len(self.share) else ""
        )
        return (
            f"Use of a smaller share than this would probably have been missed (power {100 * self.power:.0f} % at "
            f"p = {_level(self.alpha)}): {', '.join(parts)}.{rest}"
        )


def coin_share(n: int, *, alpha: float, power: float = POWER, bound: bool = False) -> Detectable:
    """Return the smallest detectable share of n tested coin exchanges; `bound` where p is a Chernoff bound."""
    need = _needed(alpha, power, bound)
    names = ("weak learning", "middling learning", "strong learning")
    root = np.sqrt(n)
    share = {
        f"{name} (gain {d:g})": float(need / (d * root)) if n else np.inf for name, d in zip(names, GAINS, strict=True)
    }
    return Detectable(alpha=alpha, power=power, share=share)


def scaled_share(z_at_full: float, *, of: str, alpha: float, power: float = POWER, bound: bool = True) -> Detectable:
    """
    Return the smallest detectable share when z grows in proportion to it and would be `z_at_full` at the whole.

    For a mark, the whole is what our own marked model shows under the same test (a student shows less: the figure is a lower
    limit); for canaries, a suspect that always gives favoured answers.
    """
    share = _needed(alpha, power, bound) / z_at_full if z_at_full > 0 else np.inf
    return Detectable(alpha=alpha, power=power, share={of: float(share)})


def account_sentence(accounts: int, *, level: float, power: float = POWER) -> str:
    """Return from how many exchanges on an account would probably be named among so many, for each assumed gain."""
    need = _needed(level / max(accounts, 1), power, bound=False)
    counts = [f"{int(np.ceil((need / gain) ** 2)):,} (gain {gain:g})" for gain in reversed(GAINS)]
    return (
        f"An account all of whose exchanges were learned from would probably be named (power {100 * power:.0f} %) from"
        f" {counts[0]}, {counts[1]} or {counts[2]} exchanges on. One with fewer that is not named is not cleared."
    )


def _needed(alpha: float, power: float, bound: bool) -> float:
    """Return the mean that z needs; a Gaussian's Chernoff bound exp(-z²/2) falls below α at √(2 ln 1/α)."""
    threshold = np.sqrt(2 * np.log(1 / alpha)) if bound else norm.isf(alpha)
    return float(threshold + norm.ppf(power))


def _level(alpha: float) -> str:
    """Return a level as it is read: 10^-5 and not 1e-05."""
    exponent = round(np.log10(alpha))
    return f"10^{exponent}" if alpha < 1e-3 and np.isclose(alpha, 10.0**exponent) else f"{alpha:g}"
