r"""
A sum of independent draws whose probabilities are known because we made them: its tail, exactly and by rigorous bounds.

All three channels of an audit are such sums. Row i takes the value v_ij with probability w_ij, by a coin or a keyed function
that the suspect cannot know; T is the sum over the rows. With K(lam) = Σ_i log Σ_j w_ij e^{lam v_ij}:

    bound        P(T ≥ t) ≤ exp(K(lam) - lam t) for every lam ≥ 0      (H. Chernoff, Annals of Mathematical Statistics 23, 1952)
    e-value      mean over fixed lam of exp(lam t - K(lam)); its mean under the null is 1
    exact tail   Fourier inversion of the law tilted by lam, where K'(lam) = t, which keeps its digits far out in the tail
                 (the tilt of F. Esscher, Skandinavisk Aktuarietidskrift 15, 1932)

The bound stays valid with the lam that is best for the observed t, because the best bound falls as t grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_STEPS = 32
"""Lattice steps in one standard deviation of the sum, at least; 2√n of n rows, so that rounding costs 1 % of z at most."""

FINEST_PER_SD = 512

REACH_SD = 12.0
"""Half of the window of the Fourier inversion; what is folded into it from outside weighs less than 1e-31."""

E_GRID = 2.0 ** np.arange(0.0, 6.25, 0.5)
"""Values of lam of the e-value, in units of one over the standard deviation of the sum."""

LARGEST_L = 200.0
"""Largest lam that the bound tries, in units of one over the standard deviation."""

CHUNK = 1 << 21
"""Complex numbers held at once."""

LOG10 = math.log(10.0)


class Law(Protocol):
    """What a bound needs of the law of a sum."""

    def mean(self) -> float:
        """Return the mean of the sum."""
        ...

    def sd(self) -> float:
        """Return the standard deviation of the sum."""
        ...

    def log_mgf(self, lam: float) -> float:
        """Return K(lam)."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class NullSum:
    """
    The law of a sum of independent rows; `value` and `weight` have the shape (rows, possible values of a row).

    Weights of a row add to one; a row with fewer possible values is filled up with weight 0.
    """

    value: Floats
    weight: Floats

    def mean(self) -> float:
        """Return the mean of the sum."""
        return float((self.value * self.weight).sum())

    def sd(self) -> float:
        """Return the standard deviation of the sum, 0 where rounding alone would make one."""
        centred = self.value - (self.value * self.weight).sum(axis=1, keepdims=True)
        spread = math.sqrt(float((self.weight * centred**2).sum()))
        scale = float(np.abs(self.value).max(initial=0.0)) * math.sqrt(max(len(self.value), 1))
        return spread if spread > 1e-12 * scale else 0.0

    def log_mgf(self, lam: float) -> float:
        """Return K(lam)."""
        x = lam * self.value
        top = x.max(axis=1, initial=-np.inf, where=self.weight > 0) if len(x) else np.zeros(0)
        inside = (self.weight * np.exp(np.minimum(x - top[:, None], 0.0))).sum(axis=1)
        return float((np.log(inside) + top).sum())

    def negated(self) -> NullSum:
        """Return the law of the sum with its sign changed, for the other tail."""
        return NullSum(value=-self.value, weight=self.weight)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tail:
    """
    Where an observed sum falls in its null law; all logarithms are to base 10.

    `z` describes and decides nothing. `p_log10` is the exact tail, or the bound where `exact` is false. `e_log10` is the
    e-value. Two-sided tails double the smaller p and average the two e-values.
    """

    observed: float
    z: float
    p_log10: float
    bound_log10: float
    e_log10: float
    exact: bool

    @property
    def p_value(self) -> float:
        """The p-value as a number; far out it is 0 as a float, where `p_log10` still tells."""
        return float(10.0**self.p_log10)


def tail(law: NullSum, observed: float, *, exact: bool = True, two_sided: bool = False) -> Tail:
    """
    Return the upper tail of `observed`, or both tails.

    Where nothing can vary, p is 1 and the e-value is 1. With `exact`, values are rounded to a lattice (see `lattice`) and the
    caller must pass the observed sum of the rounded values.
    """
    sd = law.sd()
    if sd == 0.0:
        return Tail(observed=observed, z=0.0, p_log10=0.0, bound_log10=0.0, e_log10=0.0, exact=exact)
    z = (observed - law.mean()) / sd
    bound = chernoff_log10(law, observed)
    p = exact_log10(law, observed) if exact else bound
    e = mixture_log10(law, observed)
    if two_sided:
        below = tail(law.negated(), -observed, exact=exact)
        p = min(0.0, math.log10(2.0) + min(p, below.p_log10))
        bound = min(0.0, math.log10(2.0) + min(bound, below.bound_log10))
        e = float(np.logaddexp(e * LOG10, below.e_log10 * LOG10) / LOG10 - math.log10(2.0))
    return Tail(observed=observed, z=z, p_log10=min(p, 0.0), bound_log10=bound, e_log10=e, exact=exact)


def lattice(value: Floats, weight: Floats) -> Floats:
    """
    Return the values rounded to a lattice fine enough for the sum, as multiples of its step.

    The sum of rounded values is a statistic in its own right: its null law is exact, and ties are ties of whole numbers.
    Counts and shares of counts (multiples of 1/12) are kept as they are where that is not too fine.
    """
    sd = NullSum(value=value, weight=weight).sd()
    if sd == 0.0:
        return np.zeros_like(value)
    twelfths = np.rint(12 * value)
    if 12 * sd <= FINEST_PER_SD and np.abs(twelfths - 12 * value).max() < 1e-9:
        return twelfths
    return np.rint(value * (max(FEWEST_STEPS, 2.0 * math.sqrt(len(value))) / sd))


def chernoff_log10(law: Law, observed: float) -> float:
    """Return log10 of the best bound on P(T ≥ observed); any lam gives a valid bound, so the search need not be perfect."""
    sd = law.sd()
    if sd == 0.0 or observed <= law.mean():
        return 0.0
    lam = _tilt(law, observed, sd)
    return min(0.0, (law.log_mgf(lam) - lam * observed) / LOG10)


def mixture_log10(law: Law, observed: float) -> float:
    """Return log10 of the e-value: the mean, over the fixed grid of lam, of exp(lam T - K(lam))."""
    sd = law.sd()
    if sd == 0.0:
        return 0.0
    bets = np.array([g / sd * observed - law.log_mgf(g / sd) for g in E_GRID])
    return float((logsumexp(bets) - math.log(len(bets))) / LOG10)


def exact_log10(law: NullSum, observed: float) -> float:
    """
    Return log10 P(T ≥ observed) for a law on whole numbers.

    1. Tilt every row by lam, so that the tilted mean is near the observed sum.
    2. Multiply the rows' characteristic functions on a grid of frequencies; invert.
    3. Undo the tilt, term by term, above the observed sum.
    """
    if not np.array_equal(law.value, np.rint(law.value)):
        raise ValueError("the exact tail is for values on a lattice; round them with `lattice` first")
    value, weight = _collapsed(law)
    sd = law.sd()
    if sd == 0.0:
        return 0.0 if observed <= law.mean() else -math.inf
    most = float(np.where(weight > 0, value, -np.inf).max(axis=1).sum())
    if observed > most:
        return -math.inf
    lam = _tilt(law, observed, sd) if observed > law.mean() else 0.0  # 1.
    exponent = lam * value + np.log(weight, out=np.full_like(weight, -np.inf), where=weight > 0)
    norm = logsumexp(exponent, axis=1, keepdims=True)
    tilted = np.exp(exponent - norm)
    mean = (tilted * value).sum(axis=1, keepdims=True)
    spread = max(sd, math.sqrt(float((tilted * (value - mean) ** 2).sum())))
    size = 1 << max(4, math.ceil(math.log2(2 * REACH_SD * spread + 2 * abs(observed - float(mean.sum())) + 16)))
    mass = np.fft.irfft(_characteristic(tilted, value, observed, size), size)  # 2.
    above = np.arange(size // 2)
    with np.errstate(divide="ignore"):
        total = math.log(max(float((np.maximum(mass[: size // 2], 0.0) * np.exp(-lam * above)).sum()), 1e-300))
    return min(0.0, (float(norm.sum()) - lam * observed + total) / LOG10)  # 3.


def redrawn(law: NullSum, draws: int, seed: int) -> Floats:
    """Return `draws` sums drawn from the law, from a seeded generator."""
    rng = np.random.default_rng(seed)
    cumulative = np.cumsum(law.weight, axis=1)
    cumulative[:, -1] = 1.0
    out = np.zeros(draws)
    for row, ends in zip(law.value, cumulative, strict=True):
        out += row[np.searchsorted(ends, rng.random(draws), side="right")]
    return out


def _tilt(law: Law, observed: float, sd: float) -> float:
    """Return the lam > 0 that makes the bound on P(T ≥ observed) nearly smallest."""
    ends = (math.log(1e-4), math.log(LARGEST_L))

    def height(log_l: float) -> float:
        lam = math.exp(log_l) / sd
        return law.log_mgf(lam) - lam * observed

    found = minimize_scalar(height, bounds=ends, method="bounded", options={"xatol": 1e-2})
    return math.exp(float(found.x)) / sd


def _collapsed(law: NullSum) -> tuple[Floats, Floats]:
    """Merge equal values within each row, where rows are long: most have few different ones."""
    if law.value.shape[1] <= 64:
        return law.value, law.weight
    rows = []
    for value, weight in zip(law.value, law.weight, strict=True):
        different, where = np.unique(value, return_inverse=True)
        rows.append((different, np.bincount(where, weights=weight)))
    width = max(len(v) for v, _ in rows)
    values, weights = np.zeros((len(rows), width)), np.zeros((len(rows), width))
    for i, (v, w) in enumerate(rows):
        values[i, : len(v)], weights[i, : len(v)] = v, w
    return values, weights


def _characteristic(weight: Floats, value: Floats, centre: float, size: int) -> npt.NDArray[np.complex128]:
    """Return Σ over outcomes of probability × e^{-iω(T - centre)} at the frequencies of a real transform of `size` points."""
    omega = 2 * np.pi * np.arange(size // 2 + 1) / size
    out = np.empty(len(omega), dtype=np.complex128)
    step = max(1, CHUNK // max(value.size, 1))
    for first in range(0, len(omega), step):
        at = omega[first : first + step]
        phase = np.exp(-1j * at[:, None, None] * value[None])
        with np.errstate(divide="ignore"):
            logs = np.log((phase * weight[None]).sum(axis=2)).sum(axis=1)
        out[first : first + step] = np.exp(logs + 1j * at * centre)
    return out
