"""Nulls as histograms that a report can draw, with the observed value in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import binom
from scipy.stats import t as student

from stillhunt.model import NullDistribution

BARS = 40
OF = 1000
"""Draws that the mass of an exact distribution is shown as."""


def interchange_null(rho0: float, standard_error: float, accounts: int) -> npt.NDArray[np.float64]:
    """Return quantiles of the subject coherence that an interchange test of so many accounts sees where it is ρ0."""
    found: npt.NDArray[np.float64] = rho0 + student.ppf(np.linspace(0.0005, 0.9995, 400), df=accounts - 1) * standard_error
    return found


def copies_null(hours: int, share: float) -> npt.NDArray[np.float64]:
    """Return quantiles of the hours in which most prompts are simultaneous, of so many, where the largest share allowed are."""
    found: npt.NDArray[np.float64] = binom.ppf(np.linspace(0.0005, 0.9995, 400), hours, share)
    return found


def of_draws(label: str, draws: npt.NDArray[np.float64], observed: float) -> NullDistribution:
    """Return the histogram of draws from the null; of whole numbers a bar for each, or for several in a row."""
    if float(observed).is_integer() and np.array_equal(draws, np.rint(draws)):
        least, most = int(min(draws.min(), observed)), int(max(draws.max(), observed))
        width = -(-(most - least + 1) // BARS)
        edges = least - 0.5 + width * np.arange(-(-(most - least + 1) // width) + 1, dtype=np.float64)
        return _drawn(label, edges, np.histogram(draws, bins=edges)[0], observed)
    low, high = float(min(draws.min(), observed)), float(max(draws.max(), observed))
    pad = 0.05 * max(high - low, 1e-9)
    counts, edges = np.histogram(draws, bins=BARS, range=(low - pad, high + pad))
    return _drawn(label, edges, counts, observed)


def of_mass(label: str, mass: npt.NDArray[np.float64], observed: int) -> NullDistribution:
    """Return the histogram of an exact distribution on 0, 1, …, one bar for each value or for several in a row."""
    upto = max(observed, int(np.flatnonzero(mass > 0.5 / OF).max(initial=0))) + 1
    width = -(-upto // BARS)
    shown = np.zeros(-(-upto // width) * width)
    shown[: min(len(mass), upto)] = mass[:upto]
    counts = np.rint(OF * shown.reshape(-1, width).sum(axis=1)).astype(np.int64)
    return _drawn(label, np.arange(len(counts) + 1, dtype=np.float64) * width - 0.5, counts, float(observed))


def _drawn(
    label: str, edges: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], observed: float
) -> NullDistribution:
    return NullDistribution(
        label=label,
        edges=tuple(round(float(e), 6) for e in edges),
        counts=tuple(int(c) for c in counts),
        observed=round(observed, 6),
    )
