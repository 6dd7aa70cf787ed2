"""
What makes calls look like a harvest: five measures of each account, and how far two crowds of accounts lie apart in them.

    focus      chance that two of the account's calls ask for one capability (Simpson's index, unbiased)
    no return  share of its prompts that do not come back to what it asked before
    reasoning  reasoning tokens per token of answer
    hunger     tokens of answer per token of prompt
    repeats    share of its prompts that another account of its own crowd sent as well

None looks at what a prompt says, only at word-list classes, hashes and token counts. The effect size is the probability
that an account of the campaign lies above a matched one (Mann and Whitney's U over m n), with the score interval that
R. G. Newcombe recommends ("Confidence intervals for an effect size measure based on the Mann–Whitney statistic. Part 2",
Statistics in Medicine 25 (2006), method 5): it stays honest at 0 and 1, where others have no width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

from stillhunt.model import Contrast

MEASURES = ("focus", "no return", "reasoning", "hunger", "repeats")

FEWEST_CALLS = 5
"""An account with fewer calls has no measure."""

FEWEST_ACCOUNTS = 8
FIXED_PART = 0.5
"""A fingerprint in more of an account's prompts than this is its template, not its subject."""

COMES_BACK = 0.5
"""A prompt comes back when at least this share of its fingerprints, template apart, was there before."""

Values = Mapping[str, npt.NDArray[np.float64]]
"""Measure → one value for each account, NaN where it has none."""


def harvest_measures(calls: pa.Table) -> Values:
    """
    Return the measures of every account in some calls.

    `calls` has `account_id`, `started_at`, `prompt_h`, `shingles`, `capability` and the tokens. Accounts are those with
    at least `FEWEST_CALLS` calls, in the order of their ids.
    """
    calls = calls.sort_by([("account_id", "ascending"), ("started_at", "ascending"), ("prompt_h", "ascending")])
    names = calls.column("account_id").combine_chunks().dictionary_encode()
    account = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    kept = np.bincount(account) >= FEWEST_CALLS
    prompt = pc.fill_null(calls.column("prompt_h"), 0).to_numpy().astype(np.uint64)
    tokens = {name: pc.fill_null(calls.column(name), 0).to_numpy().astype(np.float64) for name in _TOKENS}
    total = {name: np.bincount(account, weights=column).astype(np.float64) for name, column in tokens.items()}
    found = {
        "focus": _focus(account, calls.column("capability")),
        "no return": _no_return(account, prompt, calls.column("shingles")),
        "reasoning": _ratio(total["tokens_reasoning"], total["tokens_out"]),
        "hunger": _ratio(total["tokens_out"], total["tokens_in"]),
        "repeats": _repeats(account, prompt),
    }
    return {name: values[kept] for name, values in found.items()}


def contrasts(campaign: Values, matched: Values) -> tuple[Contrast, ...]:
    """Return the contrast in every measure that enough accounts of both crowds have."""
    out = []
    for name in MEASURES:
        ours, theirs = (values[name][np.isfinite(values[name])] for values in (campaign, matched))
        if min(len(ours), len(theirs)) < FEWEST_ACCOUNTS:
            continue
        superiority = superiority_of(ours, theirs)
        low, high = score_interval(superiority, len(ours), len(theirs))
        out.append(
            Contrast(
                measure=name,
                campaign=float(np.median(ours)),
                matched=float(np.median(theirs)),
                superiority=superiority,
                low=low,
                high=high,
                accounts=len(ours),
                matched_accounts=len(theirs),
            )
        )
    return tuple(out)


_END = 1e-9
"""How near to 0 and 1, which are always solutions, the ends of an interval are looked for."""

_TOKENS = ("tokens_in", "tokens_out", "tokens_reasoning")


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ratio: npt.NDArray[np.float64] = np.where((below > 0) & (above > 0), above / np.maximum(below, 1.0), np.nan)
    return ratio


def _focus(account: npt.NDArray[np.int64], capability: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    known = pc.is_valid(capability).to_numpy()
    kinds = capability.drop_null().to_numpy().astype(np.int64)
    width = int(kinds.max(initial=0)) + 1
    cells = np.bincount(account[known] * width + kinds, minlength=(int(account.max(initial=0)) + 1) * width)
    count = cells.reshape(-1, width).astype(np.float64)
    n = count.sum(axis=1)
    pairs = (count * (count - 1)).sum(axis=1)
    focus: npt.NDArray[np.float64] = np.where(n >= FEWEST_CALLS, pairs / np.maximum(n * (n - 1), 1.0), np.nan)
    return focus


def _repeats(account: npt.NDArray[np.int64], prompt: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    asked = prompt != 0
    pairs = np.unique(np.stack([prompt[asked], account[asked].astype(np.uint64)]), axis=1)
    values, senders = np.unique(pairs[0], return_counts=True)
    several = values[senders >= 2]
    n = int(account.max(initial=-1)) + 1
    own = np.bincount(pairs[1].astype(np.int64), minlength=n)
    shared = np.bincount(pairs[1][np.isin(pairs[0], several)].astype(np.int64), minlength=n)
    return np.where(own > 0, shared / np.maximum(own, 1), np.nan)


def _no_return(
    account: npt.NDArray[np.int64], prompt: npt.NDArray[np.uint64], shingles: pa.ChunkedArray
) -> npt.NDArray[np.float64]:
    """
    Return, per account, the share of its prompts but the first that do not come back to an earlier one.

    1. Leave the account's template aside: fingerprints in more than half of its prompts.
    2. A fingerprint was there before when the account's first call with it is an earlier one.
    3. A prompt comes back when half of what is left of it was there before, or when the whole prompt was.
    """
    n = int(account.max(initial=-1)) + 1
    lengths = pc.fill_null(pc.list_value_length(shingles), 0).to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(account)), lengths)
    value = pc.list_flatten(shingles).to_numpy().astype(np.uint64)
    pair, first, used = _pairs(account[row], value, row)
    asked = prompt != 0
    asks = np.bincount(account[asked], minlength=n)
    own = used[pair] <= FIXED_PART * np.maximum(asks[account[row]], 1) if len(row) else np.zeros(0, bool)  # 1.
    before = first[pair] < row if len(row) else np.zeros(0, bool)                                          # 2.
    left = np.bincount(row[own], minlength=len(account))
    met = np.bincount(row[own & before], minlength=len(account))
    whole, first_whole, _ = _pairs(account, prompt, np.arange(len(account)))
    again = first_whole[whole] < np.arange(len(account))
    returns = again | ((left > 0) & (met >= COMES_BACK * np.maximum(left, 1)))                             # 3.
    later = asked.copy()
    later[np.flatnonzero(asked)[np.unique(account[asked], return_index=True)[1]]] = False
    n_later = np.bincount(account[later], minlength=n)
    n_new = np.bincount(account[later & ~returns], minlength=n)
    return np.where(n_later >= FEWEST_CALLS - 1, n_new / np.maximum(n_later, 1), np.nan)


def _pairs(
    account: npt.NDArray[np.int64], value: npt.NDArray[np.uint64], row: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """
    Number the pairs (account, value): the number of each entry, the first row of each pair, how many rows it is in.

    `row` ascends, and the sort is stable.
    """
    order = np.lexsort((value, account))
    a, v = account[order], value[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (a[1:] != a[:-1]) | (v[1:] != v[:-1])
    number = np.cumsum(new) - 1
    pair = np.empty(len(order), dtype=np.int64)
    pair[order] = number
    first = row[order][new]
    another = new.copy()
    another[1:] |= row[order][1:] != row[order][:-1]
    return pair, first, np.bincount(number, weights=another).astype(np.int64)


def superiority_of(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    """Return how often one of ours lies above one of theirs, ties counted half (Mann and Whitney's U over m n)."""
    m, n = len(ours), len(theirs)
    ranks = rankdata(np.concatenate([ours, theirs]))
    return float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))


def score_interval(superiority: float, m: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a superiority; m and n are replaced by their mean less one, as Newcombe advises."""
    z = float(norm.ppf(0.5 + level / 2))
    star = (m + n) / 2 - 1

    def gap(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + star * (1 - theta) / (2 - theta) + star * theta / (1 + theta)) / (m * n)
        return abs(superiority - theta) - z * float(np.sqrt(spread))

    low = 0.0 if superiority <= 0 else float(brentq(gap, 0.0, min(superiority, 1.0 - _END)))
    high = 1.0 if superiority >= 1 else float(brentq(gap, max(superiority, _END), 1.0))
    return low, high
