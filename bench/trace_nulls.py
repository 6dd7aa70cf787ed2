"""
The coin test on students that never saw what was served: hundreds of them, each trained here, each with coins of its own.

    python bench/trace_nulls.py [--work DIR]        # about 15 minutes of one core; goes on where it stopped

Students are trained on other draws of the same teacher for the same prompts, or on other text; thirty more, on the served answers,
show that the test could have found something. The second run's number was fixed before it began, with one look at its end.
Writes `bench/results/trace_nulls.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, kstest, norm
from trace_lab import RESULTS, Lab, OpenWeights, Pairs, commit, fresh, scored, trained

from stillhunt.trace.audit.coin import CoinScores, coin_test, padded, residuals
from stillhunt.trace.audit.null_sum import NullSum, lattice, tail
from stillhunt.trace.audit.sequential import e_process

K, EXCHANGES, POOL = 3, 48, 2400
FIRST = {"other draws": range(250), "other text": range(100), "served": range(30)}
SECOND = {"other draws": range(1000, 1120), "other text": range(1000, 1080)}
KINDS = ("other draws", "other text", "served")


def student(lab: Lab, pairs: Pairs, seed: int) -> OpenWeights:
    """Return a small model, fine-tuned for three epochs."""
    start = lab.model("null-start", lambda: trained(fresh(48, 2, seed=5), lab.pairs("attacker")[9000:], epochs=1, lr=3e-3, seed=5))
    return OpenWeights(trained(start.model, pairs, epochs=3, lr=1e-3, seed=seed, batch=16), lab.tokenizer(), name="student")


def one(lab: Lab, made: dict[str, Any], kind: str, seed: int) -> dict[str, Any]:
    """Return what the test says of one student: its own prompts, coins and training."""
    rng = np.random.default_rng([71, KINDS.index(kind), seed])
    chosen = rng.choice(POOL, EXCHANGES, replace=False)
    part = {
        "prompts": [made["prompts"][i] for i in chosen],
        "drawn": [made["drawn"][i][:K] for i in chosen],
        "coins": rng.integers(0, K, EXCHANGES).tolist(),
    }
    learned: Pairs
    if kind == "other text":
        other = lab.pairs("attacker")[6000:9000]
        learned = [other[i] for i in rng.choice(len(other), EXCHANGES, replace=False)]
    elif kind == "other draws":
        learned = [(made["prompts"][i], made["drawn"][i][K]) for i in chosen]
    else:
        learned = [(p, d[c]) for p, d, c in zip(part["prompts"], part["drawn"], part["coins"], strict=True)]
    start = lab.model("null-start", lambda: None)  # made by `student` before
    scores = scored(part, student(lab, learned, seed), [start])
    found = coin_test(scores, draws=0)
    at, beyond = tails(scores)
    spread = float(beyond + rng.random() * (at - beyond))
    return {
        "kind": kind,
        "p": found.tail.p_value,
        "z": found.tail.z,
        "e": float(e_process(scores).log10.max()),
        "spread": spread,
        "atom": float(at - beyond),
    }


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

    first = {kind: ran(kind, seeds) for kind, seeds in FIRST.items()}
    second = {kind: ran(kind, seeds) for kind, seeds in SECOND.items()}
    draws, text = (first[k] + second[k] for k in ("other draws", "other text"))
    atoms = [f["atom"] for rows in second.values() for f in rows]
    (RESULTS / "trace_nulls.md").write_text("\n".join(page(first, second, draws, text, float(np.max(atoms)))))


def page(
    first: dict[str, list[dict[str, Any]]],
    second: dict[str, list[dict[str, Any]]],
    draws: list[dict[str, Any]],
    text: list[dict[str, Any]],
    atom: float,
) -> list[str]:
    """Return the lines of the result page."""
    z = np.array([f["z"] for f in draws + text])
    low = 2 * float(norm.sf(abs(z.mean()) * len(z) ** 0.5))
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
        row("first run: other draws for the same prompts", first["other draws"]),
        row("first run: other text", first["other text"]),
        row("first run: both", first["other draws"] + first["other text"]),
        row("second run: other draws for the same prompts", second["other draws"]),
        row("second run: other text", second["other text"]),
        row("second run: both", second["other draws"] + second["other text"]),
        row("all of both runs", draws + text),
        row("served", first["served"]),
        "",
        "The first run was not uniform at the 5 % level: it leans to the safe side, with too many large p. It was also looked",
        "at half-way (KS p 0.04 at 100 + 100), which a KS p does not allow for. The second run has seeds of its own, a number",
        "of students that was fixed before it began, and one look. A p-value of a sum on a lattice takes steps: P(T ≥ t) is",
        f"uniform only up to the chance of exactly t, here at most {atom:.3f}. For the last KS column, and nowhere else, that",
        "chance is split by a random number. Given the scores, each p-value is uniform up to that step by construction,",
        "whatever the scores are, and coins of different students are independent; what is left for a run to show is that no",
        "coin leaked into the training.",
        f"Mean z of all is {z.mean():.2f} ± {z.std() / len(z) ** 0.5:.2f} (two-sided p {low:.2g}). A leak would make it positive.",
        "Nothing in the design could make it negative, so that this is read as luck of the draw; it is not explained otherwise.",
        "",
    ]


if __name__ == "__main__":
    main()
