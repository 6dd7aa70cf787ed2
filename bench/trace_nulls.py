"""
The coin test on students that never saw what was served: hundreds of them, each trained here, each with coins of its own.

    python bench/trace_nulls.py [--work DIR]        # about 20 minutes of one core; goes on where it stopped

Students are trained on other draws of the same teacher for the same prompts, or on other text; thirty more, on the served answers,
show that the test could have found something. The numbers of the second and third run were fixed before they began, with one look
at the end of each; what the third is asked is written in `ASKED`.
Writes `bench/results/trace_nulls.md`.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, chisquare, kstest, norm
from trace_lab import RESULTS, Lab, OpenWeights, Pairs, commit, fresh, scored, trained

from stillhunt.trace.audit.coin import CoinScores, coin_test, padded, residuals
from stillhunt.trace.audit.null_sum import NullSum, lattice, tail
from stillhunt.trace.audit.sequential import e_process

K, EXCHANGES, POOL = 3, 48, 2400
FIRST = {"other draws": range(250), "other text": range(100), "served": range(30)}
SECOND = {"other draws": range(1000, 1120), "other text": range(1000, 1080)}
THIRD = {"other draws": range(2000, 2120), "other text": range(2000, 2120)}
ASKED = (
    "fixed before the run: 120 + 120 students, seeds 2000 to 2119; uniform by the exact KS test on p with the chance of exactly "
    "what was observed split at random (a p-value of a sum that takes steps is not uniform itself), level 0.05; mean z below 0, "
    "one-sided, because both runs before were; none at 1e-4"
)
REDRAWS = 200
"""Vectors of coins thrown anew for each student of the third run, on the scores that it has."""

KINDS = ("other draws", "other text", "served")


def student(lab: Lab, pairs: Pairs, seed: int) -> OpenWeights:
    """Return a small model, fine-tuned for three epochs."""
    start = lab.model(
        "null-start", lambda: trained(fresh(48, 2, seed=5), lab.pairs("attacker")[9000:], epochs=1, lr=3e-3, seed=5)
    )
    return OpenWeights(
        trained(start.model, pairs, epochs=3, lr=1e-3, seed=seed, batch=16), lab.tokenizer(), name="student"
    )


def one(lab: Lab, made: dict[str, Any], kind: str, seed: int) -> dict[str, Any]:
    """Return what the test says of one student: its own prompts, coins and training."""
    chosen, coins, rng = exchanges(kind, seed)
    part = {
        "prompts": [made["prompts"][i] for i in chosen],
        "drawn": [made["drawn"][i][:K] for i in chosen],
        "coins": coins,
    }
    learned: Pairs
    if kind == "other text":
        other = lab.pairs("attacker")[6000:9000]
        learned = [other[i] for i in rng.choice(len(other), EXCHANGES, replace=False)]
    elif kind == "other draws":
        learned = [(made["prompts"][i], made["drawn"][i][K]) for i in chosen]
    else:
        learned = [(p, d[c]) for p, d, c in zip(part["prompts"], part["drawn"], part["coins"], strict=True)]
    scores = scored(part, student(lab, learned, seed), [reference(lab)])
    found = coin_test(scores, draws=0)
    at, beyond = tails(scores)
    spread = float(beyond + rng.random() * (at - beyond))
    thrown = coin_test(scores, draws=REDRAWS, seed=seed).null
    return {
        "thrown": [float(np.mean(thrown)), float(np.mean(thrown >= found.tail.z - 1e-9))],
        "kind": kind,
        "p": found.tail.p_value,
        "z": found.tail.z,
        "e": float(e_process(scores).log10.max()),
        "spread": spread,
        "atom": float(at - beyond),
    }


_START: dict[Path, OpenWeights] = {}


def reference(lab: Lab) -> OpenWeights:
    """Return the students' start, one object for all of them, so that what it has scored is not scored again."""
    if lab.folder not in _START:
        _START[lab.folder] = lab.model("null-start", lambda: None)  # made by `student` before
    return _START[lab.folder]


def tails(scores: CoinScores) -> tuple[float, float]:
    """Return P(T ≥ t) and P(T > t) of the test: they differ by the chance of exactly what was observed."""
    u, _ = residuals(scores)
    table, weight = padded(scores, u)
    rounded = lattice(table, weight)
    law = NullSum(value=rounded, weight=weight)
    observed = float(rounded[np.arange(len(scores)), scores.served].sum())
    return tail(law, observed).p_value, tail(law, observed + 1.0).p_value


def row(name: str, found: list[dict[str, Any]]) -> str:
    """Return one row of the table."""
    p = np.array([f["p"] for f in found])
    z = np.array([f["z"] for f in found])
    parts = [f"{name} | {len(p)} | {z.mean():.2f}, {z.std():.2f}"]
    for level in (0.05, 0.01, 1e-4):
        hits = int((p <= level).sum())
        parts.append(f"{hits} (chance {binom.sf(hits - 1, len(p), level):.2f})" if name != "served" else f"{hits}")
    parts.append(f"{kstest(p, 'uniform', method='exact').pvalue:.2g}")
    known = [f["spread"] for f in found if "spread" in f]
    parts.append(f"{kstest(known, 'uniform', method='exact').pvalue:.2g}" if len(known) == len(p) else "not kept")
    parts.append(f"{sum(f['e'] >= 2 for f in found)}")
    return "| " + " | ".join(parts) + " |"


def main() -> None:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("bench/work/lab"))
    arguments = parser.parse_args()
    lab = Lab(folder=arguments.work)
    made = lab.served("null-draws", POOL, K + 1, seed=72, teacher=lab.base())
    student(lab, lab.pairs("attacker")[:16], 0)

    def ran(kind: str, seeds: range) -> list[dict[str, Any]]:
        return [lab.kept(f"nulls/{kind}-{s}", lambda s=s: one(lab, made, kind, s)) for s in seeds]

    runs = [{kind: ran(kind, seeds) for kind, seeds in run.items()} for run in (FIRST, SECOND, THIRD)]
    (RESULTS / "trace_nulls.md").write_text("\n".join(page(*runs)))


Run = dict[str, list[dict[str, Any]]]


def page(first: Run, second: Run, third: Run) -> list[str]:
    """Return the lines of the result page."""
    everything = [f for run in (first, second, third) for kind in KINDS[:2] for f in run[kind]]
    rows = []
    for name, run in (("first", first), ("second", second), ("third", third)):
        rows.append(row(f"{name} run: other draws for the same prompts", run["other draws"]))
        rows.append(row(f"{name} run: other text", run["other text"]))
        rows.append(row(f"{name} run: both", run["other draws"] + run["other text"]))
    both = third["other draws"] + third["other text"]
    atom = max(f["atom"] for run in (second, third) for kind in KINDS[:2] for f in run[kind])
    thrown = np.array([f["thrown"] for f in both])
    exact = np.array([f["p"] for f in both])
    apart = float(np.abs(thrown[:, 1] - exact).max())
    return [
        "# The coin test on students that never saw what was served",
        "",
        f"`python bench/trace_nulls.py`, commit {commit()}. Each student is trained on its own: {EXCHANGES} exchanges of",
        f"{POOL:,} with {K} candidates, coins of its own, three epochs, then scored with its start as reference. The teacher here",
        "is the public base model of `trace_coin.py`. p is exact; “chance” is the probability of so many at that level.",
        "",
        "| students trained on | n | z: mean, sd | p ≤ 0.05 | p ≤ 0.01 | p ≤ 1e-4 | uniform? exact KS p |"
        " KS p, discreteness taken out | e-process ever ≥ 100 |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        row("all of the three runs", everything),
        row("served", first["served"]),
        "",
        *answer(first, second, both, everything),
        "A p-value of a sum on a lattice takes steps: P(T ≥ t) is uniform only up to the chance of exactly t, here at most",
        f"{atom:.3f}. For the last KS column, and nowhere else, that chance is split by a random number.",
        f"On each student of the third run the coins were also thrown anew {REDRAWS} times, on the scores it has: the mean of z",
        f"is {thrown[:, 0].mean():.3f} ± {1 / (REDRAWS * len(both)) ** 0.5:.3f}, and the share of sums at or above the",
        f"observed one differs from the exact p by at most {apart:.2f} (chance allows {3.5 * (0.25 / REDRAWS) ** 0.5:.2f}).",
        "So the law that p comes from is the law of the coins.",
        "Given the scores, each p is uniform up to the step by construction, and coins of different students are independent,",
        "also where two students share prompts; what a run can show beyond that is that no coin leaked into the training.",
        "",
    ]


def thrown_by_seed(kind: str) -> list[int]:
    """Return the coins of all students of a kind, as `one` threw them."""
    coins: list[int] = []
    for seed in (*FIRST[kind], *SECOND[kind], *THIRD[kind]):
        coins += exchanges(kind, seed)[1]
    return coins


def exchanges(kind: str, seed: int) -> tuple[Any, list[int], np.random.Generator]:
    """Return which exchanges a student is tested on, their coins, and the generator for what follows."""
    rng = np.random.default_rng([71, KINDS.index(kind), seed])
    chosen = rng.choice(POOL, EXCHANGES, replace=False)
    return chosen, rng.integers(0, K, EXCHANGES).tolist(), rng


def answer(first: Run, second: Run, both: list[dict[str, Any]], everything: list[dict[str, Any]]) -> list[str]:
    """Return what the third run was asked, and what came out."""
    before = np.array([f["z"] for run in (first, second) for kind in KINDS[:2] for f in run[kind]])
    old = [f["p"] for run in (first, second) for kind in KINDS[:2] for f in run[kind]]
    z = np.array([f["z"] for f in both])
    draws = np.array([f["z"] for f in everything if f["kind"] == "other draws"])
    even = chisquare(np.bincount(thrown_by_seed("other draws"))).pvalue
    uniform = kstest([f["spread"] for f in both], "uniform", method="exact").pvalue
    low = float(norm.cdf(z.mean() * len(z) ** 0.5))
    small = sum(f["p"] <= 1e-4 for f in everything)
    mean = np.array([f["z"] for f in everything]).mean()
    return [
        f"The first two runs together had a mean z of {before.mean():.2f} ± {len(before) ** -0.5:.2f} and too many large p (KS p",
        f"{kstest(old, 'uniform', method='exact').pvalue:.2g}): on the safe side, since a leak would make z positive.",
        "The first run had also been looked at half-way, which a KS p does not allow for. The third run was to tell chance",
        "from a fault.",
        "",
        *textwrap.wrap(f"*What it was asked*: {ASKED}.", 120),
        "",
        f"*What came out*: KS p {uniform:.2g}; mean z {z.mean():.2f} ± {len(z) ** -0.5:.2f}, one-sided p {low:.2g};",
        f"{small} of all {len(everything)} at 1e-4; over all three runs the mean z is {mean:.2f} ± {len(everything) ** -0.5:.2f}.",
        f"Students on other draws stay at {draws.mean():.2f} ± {len(draws) ** -0.5:.2f} over the three runs; their coins fall",
        f"evenly on the places (χ², p {even:.2g}). No fault was found, and the leaning is to the safe side: it is read as chance.",
        "",
    ]


if __name__ == "__main__":
    main()
