"""
Which sets are reported, at what rate of error (Benjamini–Hochberg).

Source: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS-B 57 (1995); the rate holds under
independence and positive dependence (Y. Benjamini, D. Yekutieli, Annals of Statistics 29, 2001).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def adjusted(p_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Benjamini–Hochberg adjusted p-values: the smallest level at which each set would be reported."""
    m = len(p_values)
    if not m:
        return p_values.copy()
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * m / np.arange(1, m + 1)
    out = np.empty(m)
    out[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0)
    return out
