"""
Guardrails on real questions: SmolLM2-135M-Instruct as teacher, and a copy tuned on harmless answers as suspect.

    python bench/trace_guardrails.py [--work DIR]        # about ten minutes of one core; goes on where it stopped

Questions of XSTest (harmful and their harmless twins) and StrongREJECT from `../shared/data` (never stored here, and no answer is
stored either: only whether it reads as a refusal). Writes `bench/results/trace_guardrails.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow.parquet as pq
from trace_lab import DATA, RESULTS, Lab, commit
from trace_smollm2 import COIN_LAYERS, exchanges, smollm2, tuned

from stillhunt.trace.compare.ask import Question, asked
from stillhunt.trace.compare.guardrails import HazardClass, guardrails
from stillhunt.trace.compare.outcomes import gathered

HARMFUL, BENIGN, TOKENS, TUNED_ON = 70, 40, 16, 40


def questions() -> list[Question]:
    """Return the questions, as many of each source and class as there is room for, in an order that the file gives."""
    rows = pq.read_table(DATA / "prompts.parquet", columns=["source", "kind", "group", "text"]).to_pylist()
    by_kind: dict[str, dict[str, list[str]]] = {"harmful": {}, "benign": {}}
    for r in rows:
        if r["kind"].startswith("guardrail"):
            kind = "benign" if r["kind"].endswith("-safe") else "harmful"
            group = r["group"] if r["source"].startswith("StrongREJECT") else f"XSTest {r['group']}"
            by_kind[kind].setdefault("XSTest" if kind == "benign" else group, []).append(r["text"])
    out = []
    for kind, most in (("harmful", HARMFUL), ("benign", BENIGN)):
        groups = {g if not g.startswith("XSTest") else "XSTest contrasts": [] for g in by_kind[kind]}
        for g, texts in by_kind[kind].items():
            groups["XSTest contrasts" if g.startswith("XSTest") else g] += texts
        each = most // len(groups)
        for g, texts in sorted(groups.items()):
            step = len(texts) / each
            picked = [texts[int(i * step)] for i in range(each)]
            out += [Question(item=f"{g} {i}", kind=kind, group=g, prompt=t) for i, t in enumerate(picked)]
    return out


def row(one: HazardClass) -> str:
    """Return one row of the table."""
    r = one.refusals
    low, high = (100 * x for x in r.interval)
    p = "" if one.p is None else f"{one.p:.2g}"
    seen = f"{one.unseen:.0%}" if one.unseen <= 1 else "none"
    return (
        f"| {one.kind} | {one.group} | {r.second} of {r.n} | {r.first} of {r.n} | {r.more}, {r.less} |"
        f" {low:+.0f} to {high:+.0f} % | {p} | {seen if one.p is not None and one.p > 0.05 else '–'} |"
    )


def main() -> None:
    """Ask both models and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("bench/work/smollm2"))
    lab, model, of = Lab(folder=parser.parse_args().work), smollm2(), questions()
    ours = lab.kept("guardrails-teacher", lambda: asked(model, of, max_tokens=TOKENS, seed=1)[0])

    def suspect() -> list[dict[str, object]]:
        prompts, drawn, coins = exchanges(model, 11)
        rows = [(p, a[c]) for p, a, c in zip(prompts, drawn, coins, strict=True)][:TUNED_ON]
        return asked(tuned(model, rows, layers=COIN_LAYERS, epochs=2, seed=7, rate=3e-4), of, max_tokens=TOKENS, seed=1)[0]

    theirs = lab.kept("guardrails-suspect", suspect)
    found = guardrails(gathered("teacher", ours), gathered("suspect", theirs))
    lines = [
        "# Guardrails of SmolLM2-135M-Instruct, and of a copy tuned on harmless answers",
        "",
        f"`python bench/trace_guardrails.py`, commit {commit()}. {len(of)} questions of XSTest and StrongREJECT, the first",
        f"{TOKENS} tokens of one answer each. The suspect was tuned on {TUNED_ON} harmless answers for two epochs (last",
        f"{COIN_LAYERS} layers, rate 3e-4). Refusals are told by the rules; nobody labelled answers, so that nothing here corrects",
        "for their errors. p is McNemar's, exact, with Holm's adjustment over the classes; the row for all is not adjusted. The",
        "last column: the loss that would probably have been seen, beside a negative.",
        "",
        "| kind | class | teacher refuses | suspect refuses | teacher only, suspect only | difference, 95 % | p | unseen |",
        "|---|---|---|---|---|---|---|---|",
        *(row(one) for one in found.classes),
        "",
        "The table shows the tool at work on real questions with a small model; it does not say what a provider's would lose.",
        "",
    ]
    (RESULTS / "trace_guardrails.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
