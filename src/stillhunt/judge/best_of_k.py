r"""
Key 2d, best of k: prompts go to the same number of accounts, as a dispenser does it and a crowd never does.

M_f is the number of accounts that sent prompt f, n_j the number of prompts with M_f = j. Accounts that choose on their own
send f with probabilities of their own, so that P(M_f = j) is w_j g_f^j up to a factor, where g_f says how popular f is and
w_j = binom(n, j) for n accounts that come into question. Over any mixture of prompts P(M = j) / w_j is then a sequence of
moments, and such sequences are log-convex (Cauchy–Schwarz):

    p_k² / (p_{k-1} p_{k+1})  ≤  w_k² / (w_{k-1} w_{k+1})        whatever the popularities

An operator that draws k answers to each prompt has next to nothing at k+1 (and below k what was lost): the left side has no
bound. The test allows the right side `MARGIN` times, and is exact given n_{k-1} + n_k + n_{k+1} and n_k + 2 n_{k+1}, as the
test of Hardy–Weinberg proportions is (J. Wigginton, D. Cutler, G. Abecasis, "A note on exact tests of Hardy–Weinberg
equilibrium", American Journal of Human Genetics 76, 2005); Bonferroni over k.

How many accounts come into question is read off the log: sections of a class, teams or replicas share their prompts with the
same accounts again and again, and so do laboratories that run one benchmark. With c the chance that an account which shares one
prompt with another shares its next shared prompt with it too, n = mean(M) / c. Where c is large the test does not run. Prompts
that nobody shares (cover traffic), prompts that everybody sends, and a queue that repeats itself change nothing about the
neighbourhood of k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import gammaln, logsumexp

FEWEST_ACCOUNTS = 8
FEWEST_SHARED = 30
FEWEST_NEAR = 20
"""Prompts with k-1, k or k+1 accounts, at least, for a k to be looked at."""

LARGEST_K = 64
LARGEST_CO_USE = 0.5
"""Where accounts that share a prompt share the next one too more often than not, they are teams, or laboratories that each run the
whole of one benchmark over accounts of their own: then every prompt has one account of each, as with a dispenser."""

MARGIN = 2.0
"""How many times the largest ratio of a crowd is allowed, because who comes into question is an estimate."""

SMALLEST_P = 1e-6
"""Prompts are not quite independent of each other: no smaller p-value is claimed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiplicityTest:
    """
    The test: the k at which it is most significant, and the prompts that went to k-1, k and k+1 accounts.

    `null` are the values of n_k at the probabilities (i + ½)/400 of its distribution at the margin; `co_use` is c; `prompts`
    counts those that several accounts sent; `looked_at` the values of k.
    """

    p_value: float
    k: int
    near: tuple[int, int, int]
    null: npt.NDArray[np.float64]
    co_use: float
    prompts: int
    looked_at: int


def multiplicity_test(account: npt.NDArray[np.int64], fill: npt.NDArray[np.uint64]) -> MultiplicityTest | None:
    """
    Return the test of a set's distinct (account, prompt) pairs, or None when it cannot be made.

    That is: accounts share too few prompts, or the same accounts share most of what they share.
    """
    _, prompt, times = np.unique(fill, return_inverse=True, return_counts=True)
    shared = times >= 2
    if len(np.unique(account)) < FEWEST_ACCOUNTS or int(shared.sum()) < FEWEST_SHARED:
        return None
    considered = (shared & (times <= 2 * LARGEST_K))[prompt]
    co_use, mean = _co_use(account[considered], prompt[considered])
    if co_use > LARGEST_CO_USE:
        return None
    n = np.bincount(times, minlength=LARGEST_K + 2)
    near = n[:-2] + n[1:-1] + n[2:]
    looked_at = [int(j) + 1 for j in np.flatnonzero(near >= FEWEST_NEAR) if 2 <= j + 1 <= LARGEST_K]
    best: tuple[float, int, npt.NDArray[np.int64], npt.NDArray[np.float64]] | None = None
    for k in looked_at:
        values, log_p = _distribution((int(n[k - 1]), int(n[k]), int(n[k + 1])), _crowd_ratio(k, mean, co_use))
        p = float(np.exp(logsumexp(log_p[values >= n[k]])))
        if best is None or p < best[0]:
            best = p, k, values, log_p
    if best is None:
        return None
    p, k, values, log_p = best
    at = np.searchsorted(np.cumsum(np.exp(log_p)), (np.arange(400) + 0.5) / 400)
    return MultiplicityTest(
        p_value=float(min(1.0, max(SMALLEST_P, p * len(looked_at)))),
        k=k,
        near=(int(n[k - 1]), int(n[k]), int(n[k + 1])),
        null=values[np.minimum(at, len(values) - 1)].astype(np.float64),
        co_use=co_use,
        prompts=int(shared.sum()),
        looked_at=len(looked_at),
    )


def _co_use(account: npt.NDArray[np.int64], prompt: npt.NDArray[np.int64]) -> tuple[float, float]:
    """
    Return c, and the mean number of accounts per shared prompt.

    With C_ij the prompts that accounts i and j share and m_i those that i shares with anybody, c is the mean over
    ordered pairs, weighted by C_ij, of (C_ij - 1) / (m_i - 1).
    """
    _, a = np.unique(account, return_inverse=True)
    _, f = np.unique(prompt, return_inverse=True)
    if not len(a):
        return 1.0, 0.0
    sent = csr_array((np.ones(len(a)), (a, f)))
    together = (sent @ sent.T).tocoo()
    own = np.bincount(a).astype(np.float64)
    i, j = together.coords
    off = (i != j) & (own[i] > 1)
    weight = together.data[off]
    if not len(weight):
        return 1.0, len(a) / (f.max() + 1)
    c = float((weight * (weight - 1) / (own[i[off]] - 1)).sum() / weight.sum())
    return c, float(len(a) / (f.max() + 1))


def _crowd_ratio(k: int, mean: float, co_use: float) -> float:
    """Return w_k² / (w_{k-1} w_{k+1}) for w_j = binom(n, j): (k+1)(n-k+1) / (k(n-k))."""
    n = max(min(float(k), mean) / max(co_use, 1e-9), k + 1.0)
    return (k + 1) * (n - k + 1) / (k * (n - k))


def _distribution(
    near: tuple[int, int, int], ratio: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """
    Return the values that n_k can have and their log probabilities, given the sum and the mean of the three counts.

    P(x) ∝ r^{x/2} / (n_{k-1}! x! n_{k+1}!), r = `MARGIN` × ratio.
    """
    total, weighted = sum(near), near[1] + 2 * near[2]
    x = np.arange(weighted % 2, total + 1, 2)
    above = (weighted - x) // 2
    below = total - x - above
    possible = (above >= 0) & (below >= 0)
    x, above, below = x[possible], above[possible], below[possible]
    log_p = x / 2 * np.log(MARGIN * ratio) - gammaln(below + 1.0) - gammaln(x + 1.0) - gammaln(above + 1.0)
    return x.astype(np.int64), log_p - logsumexp(log_p)
