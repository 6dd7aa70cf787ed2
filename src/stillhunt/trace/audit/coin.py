"""
The coin test: was the answer that we served likelier to the suspect than those we drew and did not serve?

For an exchange, k candidate answers were drawn alike and a secret coin served one of them. Whatever the suspect is, if it never
learned from what we served, the coin is independent of its scores. With s_ij the suspect's score of candidate j of exchange i:

    u_ij = s_ij - b · R_ij, less its mean within the set;   T = Σ_i u_{i,c_i}

R are scores of the same candidates that know nothing of the coin: those of the suspect's base model, of the teacher, of the base
model trained on other draws of the teacher for other prompts (a rehearsal, which drifts as a student does), and the length. b is
fitted on the candidates without the coins (least squares within sets), so that it may use all of them. Under the null T is a sum of
independent uniform draws from known values. Candidates may be equal, k may differ, and no model of the scores is assumed.

Several turns of one conversation quote earlier served answers, which gives earlier coins away: `first_turns` keeps one turn of
each, and `sequential.e_process` uses all of them in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.null_sum import Floats, Ints, NullSum, Tail, lattice, redrawn, tail

DRAWS = 4000
"""Redrawn coins behind the histogram."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CoinScores:
    """
    Exchanges in the order of time with the scores of their candidates.

    `score` (one for each candidate, sets one after another) and `references` (candidates × references) are in nats or any
    other unit; set i has the candidates `start[i]` to `start[i+1]`; `served` is the place within the set of the one served.
    `account` and `conversation` name each exchange's; `exchange_id` points to the ledger.
    """

    start: Ints
    served: Ints
    score: Floats
    references: Floats
    account: tuple[str, ...]
    conversation: tuple[str, ...]
    exchange_id: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse sets that no coin can have decided."""
        n, sizes = len(self.served), np.diff(self.start)
        alike = n == len(self.start) - 1 == len(self.account) == len(self.conversation) == len(self.exchange_id)
        if not alike or len(self.score) != self.start[-1] or len(self.references) != len(self.score):
            raise ConfigError(
                "The parts of the coin scores differ in length.\nGive one entry for each exchange and candidate."
            )
        if n and (sizes.min() < 2 or (self.served < 0).any() or (self.served >= sizes).any()):
            raise ConfigError(
                "A set has fewer than two candidates, or serves one that it does not have.\nLeave it out."
            )
        if not (np.isfinite(self.score).all() and np.isfinite(self.references).all()):
            raise ConfigError(
                "A score is not finite.\nLeave out the whole set of a candidate that could not be scored."
            )

    def __len__(self) -> int:
        """Return the number of exchanges."""
        return len(self.served)

    def take(self, chosen: npt.ArrayLike) -> CoinScores:
        """Return these exchanges only, given by place or by mask; the order is kept as given."""
        places = np.arange(len(self))[np.asarray(chosen)]
        candidates = [np.arange(self.start[i], self.start[i + 1]) for i in places]
        rows = np.concatenate([*candidates, np.empty(0, dtype=np.int64)]).astype(np.int64)
        return CoinScores(
            start=np.concatenate([[0], np.cumsum([len(c) for c in candidates])]).astype(np.int64),
            served=self.served[places],
            score=self.score[rows],
            references=self.references[rows],
            account=tuple(self.account[i] for i in places),
            conversation=tuple(self.conversation[i] for i in places),
            exchange_id=tuple(self.exchange_id[i] for i in places),
        )


def coin_scores(
    scores: Sequence[Sequence[float]],
    served: Sequence[int],
    references: Sequence[Sequence[Sequence[float]]] = (),
    *,
    account: Sequence[str] | None = None,
    conversation: Sequence[str] | None = None,
    exchange_id: Sequence[str] | None = None,
) -> CoinScores:
    """
    Build coin scores from lists: `scores[i][j]`, and `references[r][i][j]` for each reference r.

    Without `conversation`, every exchange is one of its own. Raises `ConfigError` where the parts do not fit.
    """
    names = [f"{i}" for i in range(len(scores))]
    flat = [np.array([x for row in part for x in row], dtype=np.float64) for part in (scores, *references)]
    if any(len(part) != len(flat[0]) for part in flat):
        raise ConfigError("A reference scores other candidates than the suspect.\nScore the same sets with both.")
    return CoinScores(
        start=np.concatenate([[0], np.cumsum([len(row) for row in scores])]).astype(np.int64),
        served=np.asarray(served, dtype=np.int64),
        score=flat[0],
        references=np.stack(flat[1:], axis=1) if references else np.empty((len(flat[0]), 0)),
        account=tuple(account or [""] * len(scores)),
        conversation=tuple(conversation or names),
        exchange_id=tuple(exchange_id or names),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CoinTest:
    """
    The result: `tail` of T, `gain` the mean standardised gain of an exchange (z / √n), `preferred` how often the served one of
    the `n` exchanges scored highest (ties share), `coefficient` b, and `null` sums with redrawn coins in units of their sd.
    """

    n: int
    tail: Tail
    gain: float
    preferred: float
    coefficient: Floats
    null: Floats


def coin_test(scores: CoinScores, *, seed: int = 0, two_sided: bool = False, draws: int = DRAWS) -> CoinTest:
    """
    Return the coin test over all exchanges; p is exact.

    Valid when no two exchanges share a conversation (see `first_turns`); raises `ConfigError` when some do.
    """
    if len(set(scores.conversation)) < len(scores):
        raise ConfigError(
            "Some exchanges share a conversation, so their coins cannot be redrawn.\n"
            "Keep `first_turns` of them, or use `e_process`."
        )
    u, b = residuals(scores)
    table, weight = padded(scores, u)
    rounded = lattice(table, weight)
    law = NullSum(value=rounded, weight=weight)
    observed = float(rounded[np.arange(len(scores)), scores.served].sum())
    found = tail(law, observed, two_sided=two_sided)
    sd = law.sd()
    null = (redrawn(law, draws, seed) - law.mean()) / sd if sd and draws else np.empty(0)
    return CoinTest(
        n=len(scores),
        tail=found,
        gain=found.z / len(scores) ** 0.5 if len(scores) else 0.0,
        preferred=_preferred(table, weight, scores.served),
        coefficient=b,
        null=null,
    )


def residuals(scores: CoinScores) -> tuple[Floats, Floats]:
    """Return u (one for each candidate, mean zero within its set) and b; neither looks at the coins."""
    s, r = within_sets(scores, scores.score), within_sets(scores, scores.references)
    b = np.asarray(np.linalg.lstsq(r, s, rcond=1e-10)[0] if len(s) else np.zeros(r.shape[1]), dtype=np.float64)
    return s - r @ b, b


def within_sets(scores: CoinScores, x: Floats) -> Floats:
    """Return `x` (candidates, or candidates × columns) less its mean within each set."""
    if not len(x):
        return x.copy()
    sizes = np.diff(scores.start)
    mean = np.add.reduceat(x, scores.start[:-1], axis=0) / (sizes if x.ndim == 1 else sizes[:, None])
    return np.asarray(x - np.repeat(mean, sizes, axis=0))


def padded(scores: CoinScores, x: Floats) -> tuple[Floats, Floats]:
    """Return `x` as (exchanges × largest k) and the weights 1/k, both filled with zeros."""
    sizes = np.diff(scores.start)
    there = np.arange(max(sizes, default=2))[None] < sizes[:, None]
    table, weight = np.zeros(there.shape), np.zeros(there.shape)
    table[there] = x
    weight[there] = np.repeat(1.0 / sizes, sizes)
    return table, weight


def first_turns(scores: CoinScores) -> CoinScores:
    """Return the first exchange of each conversation: its prompt quotes no answer that a coin of ours chose."""
    seen: set[str] = set()
    mask = [not (c in seen or seen.add(c)) for c in scores.conversation]  # type: ignore[func-returns-value]
    return scores.take(np.array(mask, dtype=bool))


def with_coins(scores: CoinScores, seed: int) -> CoinScores:
    """Return the same sets with coins thrown anew: a self-check, since these served nothing."""
    rng = np.random.default_rng(seed)
    return replace(scores, served=rng.integers(0, np.diff(scores.start)))


def _preferred(table: Floats, weight: Floats, served: Ints) -> float:
    if not len(served):
        return 0.0
    shown = np.where(weight > 0, table, -np.inf)
    best = shown >= shown.max(axis=1, keepdims=True) - 1e-12 * np.abs(table).max(initial=1.0)
    return float((best[np.arange(len(served)), served] / best.sum(axis=1)).sum())
