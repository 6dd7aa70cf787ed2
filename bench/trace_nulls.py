"""
The coin test on students that never saw what was served: two hundred of them, each trained here, each with coins of its own.

    python bench/trace_nulls.py [--work DIR]        # about 10 minutes of one core; goes on where it stopped

Half of the students are trained on other draws of the same teacher for the same prompts, half on other text; thirty more, on the
served answers, show that the test could have found something. Writes `bench/results/trace_nulls.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, kstest
from trace_lab import RESULTS, Lab, OpenWeights, Pairs, commit, fresh, scored, trained

from stillhunt.trace.audit.coin import coin_test
from stillhunt.trace.audit.sequential import e_process

K, EXCHANGES, POOL = 3, 48, 2400
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
    return {"kind": kind, "p": found.tail.p_value, "z": found.tail.z, "e": float(e_process(scores).log10.max())}


def row(name: str, found: list[dict[str, Any]]) -> str:
    """Return one row of the table."""
    p = np.array([f["p"] for f in found])
    parts = [f"{name} | {len(p)} | {np.mean([f['z'] for f in found]):.2f}, {np.std([f['z'] for f in found]):.2f}"]
    for level in (0.05, 0.01, 1e-4):
        hits = int((p <= level).sum())
        parts.append(f"{hits} (chance {binom.sf(hits - 1, len(p), level):.2f})" if name != "served" else f"{hits}")
    parts.append(f"{kstest(p, 'uniform', method='exact').pvalue:.2g}")
    parts.append(f"{sum(f['e'] >= 2 for f in found)}")
    return "| " + " | ".join(parts) + " |"


def main() -> None:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("bench/work/lab"))
    parser.add_argument("--other-draws", type=int, metavar="N", default=250)
    parser.add_argument("--other-text", type=int, metavar="N", default=100)
    arguments = parser.parse_args()
    lab = Lab(folder=arguments.work)
    made = lab.served("null-draws", POOL, K + 1, seed=72, teacher=lab.base())
    student(lab, lab.pairs("attacker")[:16], 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in KINDS:
        n = {"served": 30, "other draws": arguments.other_draws, "other text": arguments.other_text}[kind]
        found[kind] = [lab.kept(f"nulls/{kind}-{s}", lambda kind=kind, s=s: one(lab, made, kind, s)) for s in range(n)]
    never = found["other draws"] + found["other text"]
    lines = [
        "# The coin test on students that never saw what was served",
        "",
        f"`python bench/trace_nulls.py`, commit {commit()}. Each student is trained on its own: {EXCHANGES} exchanges of",
        f"{POOL:,} with {K} candidates, coins of its own, three epochs, then scored with its start as reference. The teacher here",
        "is the public base model of `trace_coin.py`. p is exact; “chance” is the probability of so many at that level. A first",
        "look at 100 + 100 students had an exact KS p of 0.04 for both together, so more were run: all are in the table.",
        "",
        "| students trained on | n | z: mean, sd | p ≤ 0.05 | p ≤ 0.01 | p ≤ 1e-4 | uniform? exact KS p | e-process ever ≥ 100 |",
        "|---|---|---|---|---|---|---|---|",
        row("other draws for the same prompts", found["other draws"]),
        row("other text", found["other text"]),
        row("both together", never),
        row("served", found["served"]),
        "",
    ]
    (RESULTS / "trace_nulls.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
