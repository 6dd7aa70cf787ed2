"""
Which accounts' answers the suspect learned from: one coin test for each account, with the errors of all of them controlled.

The coins of an account are its own: an innocent account stays at its level even when the suspect learned from others, and the
signal of one account is not thinned by others. Holm's step-down (S. Holm, Scandinavian Journal of Statistics 6, 1979) bounds the
chance of naming any innocent account; e-BH (R. Wang, A. Ramdas, JRSS-B 84, 2022) bounds the share of innocents among those named,
whatever the dependence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.trace.audit.coin import CoinScores, padded, residuals
from stillhunt.trace.audit.null_sum import Floats, NullSum, Tail, lattice, tail


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountTest:
    """One account: its exchanges tested, its own tail, the adjusted p of Holm, and what each procedure says."""

    account: str
    n: int
    tail: Tail
    holm_log10: float
    named: bool
    named_by_e: bool


def attribute(scores: CoinScores, *, level: float = 0.05) -> tuple[AccountTest, ...]:
    """Return one test for each account, smallest p first; the residuals are fitted once, on all candidates, without coins."""
    u, _ = residuals(scores)
    table, weight = padded(scores, u)
    names = np.array(scores.account)
    accounts = sorted(set(scores.account))
    tails = []
    for account in accounts:
        mine = names == account
        rounded = lattice(table[mine], weight[mine])
        observed = float(rounded[np.arange(len(rounded)), scores.served[mine]].sum())
        tails.append(tail(NullSum(value=rounded, weight=weight[mine]), observed))
    adjusted = holm_log10(np.array([t.p_log10 for t in tails]))
    by_e = e_bh(np.array([t.e_log10 for t in tails]), level)
    rows = [
        AccountTest(
            account=account,
            n=int((names == account).sum()),
            tail=found,
            holm_log10=float(p),
            named=bool(p <= np.log10(level)),
            named_by_e=bool(e),
        )
        for account, found, p, e in zip(accounts, tails, adjusted, by_e, strict=True)
    ]
    return tuple(sorted(rows, key=lambda r: (r.tail.p_log10, r.account)))


def holm_log10(p_log10: Floats) -> Floats:
    """Return log10 of Holm's adjusted p-values."""
    m = len(p_log10)
    order = np.argsort(p_log10, kind="stable")
    scaled = p_log10[order] + np.log10(np.arange(m, 0, -1, dtype=np.float64)) if m else p_log10
    out = np.empty(m)
    out[order] = np.minimum(np.maximum.accumulate(scaled), 0.0) if m else scaled
    return out


def e_bh(e_log10: Floats, level: float) -> npt.NDArray[np.bool_]:
    """Return which of the hypotheses the e-BH procedure rejects at a false discovery rate of `level`."""
    m = len(e_log10)
    order = np.argsort(-e_log10, kind="stable")
    enough = e_log10[order] + np.log10(np.arange(1, m + 1)) >= np.log10(m / level) if m else np.empty(0, dtype=bool)
    kept = int(np.flatnonzero(enough)[-1]) + 1 if enough.any() else 0
    out = np.zeros(m, dtype=bool)
    out[order[:kept]] = True
    return out


def together(e_log10: Sequence[float]) -> float:
    """
    Return log10 of the e-value of several channels on one suspect: their product.

    Coins, mark key and canary halves are drawn independently of each other, so that the mean of each e-value given the others
    is at most one.
    """
    return float(sum(e_log10))
