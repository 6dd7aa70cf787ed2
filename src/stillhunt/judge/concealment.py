"""
Key 3, concealment: the set presents itself as several unrelated customers. A definition, not a test.

    D_C = min over {card, e-mail domain} of the inverse Simpson index of its values among the owners

An address at a free-mail provider stands for a person of its own. D is observed, so it costs no error; the threshold
is policy and is published. Source of the index: E. H. Simpson, "Measurement of diversity", Nature 163 (1949).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST_CUSTOMERS = 4.0
FREE_MAIL_SHARE = 0.005
"""A domain used by more than this share of all owners is a free-mail provider for our purpose."""

KNOWN_SHARE = 0.5
"""An identity column counts only where it is known for at least this share of the owners."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Concealment:
    """How many unrelated customers a set presents itself as; None where no identity column could be read."""

    customers: float | None
    by_card: float | None
    by_domain: float | None


def inverse_simpson(values: npt.NDArray[np.uint64]) -> float:
    """Return the effective number of distinct values: 1 / Σ p²."""
    _, counts = np.unique(values, return_counts=True)
    share = counts / counts.sum()
    return float(1.0 / (share**2).sum())


def concealment(
    owners: npt.NDArray[np.int32],
    card_of: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    domain_of: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    n_owners: int,
    n_holders: npt.NDArray[np.float64],
) -> Concealment:
    """
    Return the effective number of declared customers of a set of owners.

    `card_of` and `domain_of` are (owner, value) rows of the whole population; `n_holders` is indexed by value.
    """
    by_card = _effective(owners, *card_of, free=None)
    free = n_holders > max(FREE_MAIL_SHARE * n_owners, 20.0)
    by_domain = _effective(owners, *domain_of, free=free)
    known = [d for d in (by_card, by_domain) if d is not None]
    return Concealment(customers=min(known) if known else None, by_card=by_card, by_domain=by_domain)


def _effective(
    owners: npt.NDArray[np.int32],
    owner: npt.NDArray[np.int32],
    value: npt.NDArray[np.int32],
    *,
    free: npt.NDArray[np.bool_] | None,
) -> float | None:
    inside = np.isin(owner, owners)
    holder, held = owner[inside].astype(np.int64), value[inside].astype(np.int64)
    if len(np.unique(holder)) < KNOWN_SHARE * len(owners) or not len(held):
        return None
    first = np.unique(holder, return_index=True)[1]
    holder, held = holder[first], held[first]
    if free is not None:
        held = np.where(free[held], -1 - holder, held)
    return inverse_simpson(held.astype(np.uint64))
