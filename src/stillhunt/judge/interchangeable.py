"""
Key 2b, interchangeable workers: what an account asks about says nothing about what it asks next.

Honest accounts keep to their own subject; accounts fed from one queue take whatever comes. Every text has a sketch in
two halves, each word counted in one half or the other by its hash. Centred over the strand, with s(a, b) the inner
product of two sketches,

    within  = E s(a, b) over texts of one account
    between = E s(a, b) over texts of different accounts
    alike   = E s(a, b) - between, where b is what another account's text most like a is, chosen by one half of the
              words and measured on the other half
    ρ       = (within - between) / alike

`alike` says how much two texts about one thing have in common in this strand, so ρ is the share of an account's
subject that its other texts share: near 0 for interchangeable workers, and one threshold serves long and short texts.
Choosing by one half and measuring on the other keeps the choice from flattering itself (split halves, C. Spearman,
"The proof and measurement of association between two things", 1904); where the choice errs, `alike` is too small and
the test is on the honest side. H0: ρ ≥ ρ0, tested by a one-sided t-test over accounts.

Customers of a reseller who use the app that a harvest hides in have subjects, and make the accounts that they come by the busier
ones. So the accounts with the fewer texts are looked at by themselves as well (`WEIGHT` says at what price): how many texts an
account has says nothing of what they are about, so under H0 these are as coherent as the rest. That counts only where the
whole is not clearly coherent (`MOST_COHERENT`), or busy honest customers would be judged by quiet others.

Guard: users who all work through one small pool (an evaluation, a course) are interchangeable for an innocent reason.
When the accounts' overlap shows that each has covered a share of the pool that is not small, the test does not run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from stillhunt.judge.blinding import STEPS, rounded, turned
from stillhunt.judge.strands import Strand
from stillhunt.model import LINKING_ONE_IN

FEWEST_ACCOUNTS = 8
FEWEST_FILLS = 3
LARGEST_OVERLAP = 0.05
SMALLEST_SIGNAL_Z = 4.0
"""The two halves of the strand's texts must agree at least this clearly, or the text is too poor to judge by."""

COMPARED = 4000
"""Texts that are compared with each other to find what is alike, at most."""

NEIGHBOURS = 3

SMALLEST_P = 1e-6
"""A t-test is an approximation: no smaller p-value is claimed for it."""


WEIGHT = 0.1
"""The share of the error rate that the look at the quieter accounts may spend."""

FEWEST_QUIETER = 20
"""Fewer quieter accounts are not looked at by themselves: contributions are skewed, and a t-test of few of them is not exact."""

MOST_COHERENT = 2.0
"""The quieter accounts speak for the set only where ρ of all is at most so many times ρ0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InterchangeTest:
    """
    The test of one strand: ρ with its standard error, and the overlap of accounts.

    `quieter_…` are the same of the accounts with the fewer texts, None where these were not looked at by themselves;
    `p_value` is the smaller p-value over its share of the error rate then.
    """

    p_value: float
    rho: float
    standard_error: float
    overlap: float
    accounts: int
    fills: int
    alike: float
    quieter_rho: float | None = None
    quieter_standard_error: float | None = None
    quieter_accounts: int | None = None
    quieter_p_value: float | None = None

    @property
    def decisive(self) -> tuple[float, float, int, bool]:
        """ρ, its standard error and the accounts of the look that decided the p-value, and whether that was at the quieter."""
        rho, error, accounts, p_value = (
            self.quieter_rho, self.quieter_standard_error, self.quieter_accounts, self.quieter_p_value
        )  # fmt: skip
        if rho is None or error is None or accounts is None or p_value is None:
            return self.rho, self.standard_error, self.accounts, False
        if self.p_value == 1.0 or self.p_value < p_value / WEIGHT:
            return self.rho, self.standard_error, self.accounts, False
        return rho, error, accounts, True


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRun:
    """A test that did not run, and why."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparable:
    """
    What the test reads: the distinct texts of accounts with enough of them, with blinded sketches of unit length.

    `sketch` is in steps of 1/254 (`blinding.py`).
    """

    account: npt.NDArray[np.int64]
    fill: npt.NDArray[np.uint64]
    sketch: npt.NDArray[np.int8]


def interchange_test(strand: Strand, *, rho0: float, seed: int) -> InterchangeTest | NotRun:
    """Return the test of a strand, or why it did not run."""
    texts = comparable(strand)
    return texts if isinstance(texts, NotRun) else compared(texts, rho0=rho0, seed=seed)


def comparable(strand: Strand) -> Comparable | NotRun:
    """
    Return the distinct texts of accounts that have enough of them, blinded, or why there is nothing to compare.

    Texts by which linking may have brought the accounts together are not among them.
    """
    account, fill, sketch = _unlinked(*distinct_fills(strand))
    counts = np.bincount(account, minlength=strand.n_accounts)
    keep = (counts >= FEWEST_FILLS)[account]
    account, fill, sketch = account[keep], fill[keep], sketch[keep]
    if len(np.unique(account)) < FEWEST_ACCOUNTS:
        return NotRun(reason=f"fewer than {FEWEST_ACCOUNTS} accounts have {FEWEST_FILLS} different prompts")
    return Comparable(account=account, fill=fill, sketch=rounded(_scaled(turned(sketch, strand.salt))))


def compared(texts: Comparable, *, rho0: float, seed: int) -> InterchangeTest | NotRun:
    """
    Return the test of some texts, or why it did not run.

    1. Guard against a small pool that everybody works through.
    2. Measure how much texts about one thing have in common.
    3. Compare within and between; test over accounts.
    """
    overlap = pool_overlap(texts.account, texts.fill)                                        # 1.
    if overlap > LARGEST_OVERLAP:
        return NotRun(
            reason=f"accounts work through a shared pool of prompts (two of them may share {overlap:.0%}),"
            " as in a course or an evaluation"
        )
    sketch = texts.sketch / STEPS
    alike, alike_z = _alike(texts.account, texts.fill, sketch, seed)                         # 2.
    if alike_z < SMALLEST_SIGNAL_Z:
        return NotRun(reason="the prompts are too short, or too much or too little alike, to tell what they are about")
    return _test(texts.account, sketch, rho0, overlap, alike)                                # 3.


def distinct_fills(
    strand: Strand,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    """Return account, fill and sketch of each account's distinct prompts."""
    has = strand.fill != 0
    account, fill = strand.account[has].astype(np.int64), strand.fill[has]
    order = np.lexsort((fill, account))
    account, fill, rows = account[order], fill[order], np.flatnonzero(has)[order]
    new = np.ones(len(account), dtype=bool)
    new[1:] = (account[1:] != account[:-1]) | (fill[1:] != fill[:-1])
    return account[new], fill[new], strand.sketch[rows[new]].astype(np.float64)


def serves_tests(fill: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Return which prompts linking cannot have used: the tests of joint operation may look at who shares them."""
    serves: npt.NDArray[np.bool_] = fill % np.uint64(LINKING_ONE_IN) != 0
    return serves


def _unlinked(
    account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64], sketch: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    values, users = np.unique(fill, return_counts=True)
    keep = serves_tests(fill) | ~np.isin(fill, values[users >= 2])
    return account[keep], fill[keep], sketch[keep]


def pool_overlap(account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64]) -> float:
    """
    Return an upper bound of the share of its prompts that an account shares with one other account.

    With X coincidences in P pairs of prompts of different accounts, the rate is at most (X + 3 + 2√X) / P, and the
    share is that rate times the prompts of an account. Only prompts that linking cannot have used are compared.
    """
    everything = np.bincount(account).astype(np.float64)
    account, fill = account[serves_tests(fill)], fill[serves_tests(fill)]
    _, users = np.unique(fill, return_counts=True)
    coincidences = float((users * (users - 1) / 2).sum())
    counts = np.bincount(account, minlength=len(everything)).astype(np.float64)
    n = float(len(fill))
    pairs = (n * n - float((counts**2).sum())) / 2
    rate = (coincidences + 3 + 2 * np.sqrt(coincidences)) / max(pairs, 1.0)
    return float(rate * everything[everything > 0].mean()) if n else 0.0


def _scaled(sketch: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Centre over the strand (the template goes) and scale to unit length (long texts weigh no more)."""
    centred = sketch - sketch.mean(axis=0)
    length = np.linalg.norm(centred, axis=1)
    scaled: npt.NDArray[np.float64] = centred / np.where(length > 0, length, 1.0)[:, None]
    return scaled


def _alike(
    account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64], sketch: npt.NDArray[np.float64], seed: int
) -> tuple[float, float]:
    """Return how much a text and its nearest texts of other accounts have in common above the rest, and its z."""
    if len(account) > COMPARED:
        rows = np.sort(np.random.default_rng([seed, 4]).permutation(len(account))[:COMPARED])
        account, fill, sketch = account[rows], fill[rows], sketch[rows]
    half = sketch.shape[1] // 2
    found = np.zeros(len(account))
    for choose, measure in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        chosen, measured = sketch[:, choose], sketch[:, measure]
        baseline = measured.sum(axis=0)
        for start in range(0, len(account), 500):
            part = slice(start, start + 500)
            near = chosen[part] @ chosen.T
            near[(account[part, None] == account[None]) | (fill[part, None] == fill[None])] = -np.inf
            best = np.argpartition(-near, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
            common = np.einsum("ij,ikj->i", measured[part], measured[best]) / NEIGHBOURS
            found[part] += common - measured[part] @ baseline / len(account)
    return float(found.mean()), float(found.mean() / max(found.std() / np.sqrt(len(found)), 1e-12))


def _test(
    account: npt.NDArray[np.int64], sketch: npt.NDArray[np.float64], rho0: float, overlap: float, alike: float
) -> InterchangeTest:
    ids, position, m = np.unique(account, return_inverse=True, return_counts=True)
    total = np.zeros((len(ids), sketch.shape[1]))
    np.add.at(total, position, sketch)
    square = np.bincount(position, weights=(sketch**2).sum(axis=1))
    within = (total**2).sum(axis=1) - square
    n = float(len(position))
    everything = float((total.sum(axis=0) ** 2).sum())
    between = (everything - float((total**2).sum())) / (n * n - float((m.astype(np.float64) ** 2).sum()))
    excess = (within / (m - 1) - between * m) / alike
    rho, error, p_value = _below(excess, m, rho0)
    found = InterchangeTest(
        p_value=p_value, rho=rho, standard_error=error, overlap=overlap, accounts=len(ids), fills=int(n), alike=alike
    )  # fmt: skip
    quieter = m <= np.median(m)
    if quieter.all() or quieter.sum() < FEWEST_QUIETER:
        return found
    of_quieter, error, p_of_quieter = _below(excess[quieter], m[quieter], rho0)
    if rho > MOST_COHERENT * rho0:
        p_of_quieter = 1.0
    return replace(
        found,
        p_value=min(1.0, p_value / (1 - WEIGHT), p_of_quieter / WEIGHT),
        quieter_rho=of_quieter,
        quieter_standard_error=error,
        quieter_accounts=int(quieter.sum()),
        quieter_p_value=p_of_quieter,
    )


def _below(excess: npt.NDArray[np.float64], m: npt.NDArray[np.int64], rho0: float) -> tuple[float, float, float]:
    """Return ρ of some accounts from what each has in excess over its `m` texts, its standard error, and the p-value of ρ ≥ ρ0."""
    contribution = excess - rho0 * m
    k, n = len(m), float(m.sum())
    standard_error = float(np.std(contribution, ddof=1) * np.sqrt(k))
    p_value = float(student.cdf(float(contribution.sum()) / max(standard_error, 1e-12), df=k - 1))
    return float(excess.sum() / n), standard_error / n, max(SMALLEST_P, p_value)
