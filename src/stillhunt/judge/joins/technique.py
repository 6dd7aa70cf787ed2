"""
Technique search: many ways of asking, mostly refused, and then one way.

Who looks for a way around a refusal tries many forms for one goal; when one works, it is used from then on. In the calls of
a set, in the order of time, a *form* is the system prompt where there is one, else how the prompt begins. Looked for is the
moment after which forms are fewer and refusals rarer than before.

Null: the order of the calls says nothing (they are shuffled; p by resampling, with the best moment chosen in each draw).
Both must be seen: many forms that become few without refusals are somebody who writes a prompt; refusals that become fewer
with many forms still in use are somebody who learns what not to ask; and the p-value is the larger of the two. Registered
testers of safeguards search too, and do not collapse. An indicator: it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST_CALLS = 60
FEWEST_REFUSED = 15
LEAST_BEFORE = 0.1
"""The search is looked for in the first 10 % to 90 % of the calls."""

CUTS = 30
LEAST_DROP = 0.5
"""Of forms (in nats of entropy), at least, to be called a collapse."""

MOST_CALLS = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchTest:
    """The test: where the collapse lies (share of calls before it), forms and refusals before and after, and the null draws."""

    p_value: float
    before: float
    forms_before: float
    forms_after: float
    refused_before: float
    refused_after: float
    category: str
    category_share: float
    null: npt.NDArray[np.float64]
    drop: float
    form: npt.NDArray[np.int64]
    refused: npt.NDArray[np.bool_]
    categories: tuple[str, ...]
    """The calls that were looked at, in the order of time: all that the test depends on."""


def search_test(
    form: npt.NDArray[np.int64], refused: npt.NDArray[np.bool_], category: list[str], *, draws: int, seed: int
) -> SearchTest | None:
    """
    Return the test of a set's calls in the order of time; None when too few, or too few refused, or nothing collapses.

    `form` numbers the forms from 0; `category` is the category of each refused call, in the same order.

    1. At each possible moment: how much the entropy of forms falls, and the share of refusals.
    2. The moment at which entropy falls most; the same with the calls shuffled.
    """
    if len(form) > MOST_CALLS:
        kept = np.linspace(0, len(form) - 1, MOST_CALLS).astype(np.int64)
        category = [category[i] for i in np.flatnonzero(np.isin(np.flatnonzero(refused), kept)).tolist()]
        form, refused = form[kept], refused[kept]
    if len(form) < FEWEST_CALLS or int(refused.sum()) < FEWEST_REFUSED:
        return None
    cuts = np.unique(np.linspace(LEAST_BEFORE * len(form), (1 - LEAST_BEFORE) * len(form), CUTS).astype(np.int64))
    falls, eases = _at_cuts(form, refused, cuts)                                           # 1.
    best = int(np.argmax(falls))
    if falls[best] < LEAST_DROP or eases[best] <= 0:
        return None
    rng = np.random.default_rng([seed, 37])                                                # 2.
    fall_null, ease_null = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        order = rng.permutation(len(form))
        falling, easing = _at_cuts(form[order], refused[order], cuts)
        fall_null[draw], ease_null[draw] = falling.max(), easing.max()
    tails = [(1 + int((null >= seen).sum())) / (draws + 1)
             for null, seen in ((fall_null, falls[best]), (ease_null, eases[best]))]       # fmt: skip
    cut = int(cuts[best])
    top = max(sorted(set(category)), key=category.count)
    return SearchTest(
        p_value=float(max(tails)),
        before=cut / len(form),
        forms_before=float(np.exp(_entropy(np.bincount(form[:cut])))),
        forms_after=float(np.exp(_entropy(np.bincount(form[cut:])))),
        refused_before=float(refused[:cut].mean()),
        refused_after=float(refused[cut:].mean()),
        category=top,
        category_share=category.count(top) / len(category),
        null=fall_null,
        drop=float(falls[best]),
        form=form,
        refused=refused,
        categories=tuple(category),
    )


def _at_cuts(
    form: npt.NDArray[np.int64], refused: npt.NDArray[np.bool_], cuts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return, for each cut, the fall of the entropy of forms and of the share refused from before to after."""
    n_forms = int(form.max()) + 1
    pieces = np.searchsorted(cuts, np.arange(len(form)), side="right")
    counts = np.zeros((len(cuts) + 1, n_forms))
    np.add.at(counts, (pieces, form), 1.0)
    before = np.cumsum(counts, axis=0)[:-1]
    falls = _entropies(before) - _entropies(counts.sum(axis=0) - before)
    said_no = np.cumsum(np.bincount(pieces, weights=refused, minlength=len(cuts) + 1))[:-1]
    eases = said_no / cuts - (refused.sum() - said_no) / (len(form) - cuts)
    return falls, eases


def _entropies(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the entropy of each row of counts, in nats, corrected for small samples (G. Miller, 1955)."""
    total = counts.sum(axis=1, keepdims=True)
    p = counts / np.maximum(total, 1)
    plain = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
    corrected: npt.NDArray[np.float64] = plain + ((counts > 0).sum(axis=1) - 1) / (2 * np.maximum(total[:, 0], 1))
    return corrected


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    return float(_entropies(counts[None].astype(np.float64))[0])
