"""
Likeness of real outputs: who resembles whom on 805 prompts, and why a p-value of that would be wrong.

    python bench/trace_outputs.py        # about a minute

Eight models on the same prompts (AlpacaEval, in `../shared/data`, never stored here). Writes `bench/results/trace_outputs.md`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.stats import binom

from stillhunt.trace.audit.likeness import likeness, nearest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("STILLHUNT_SHARED", ROOT.parent / "shared")) / "data"
TEACHERS = ("text_davinci_003", "gpt-3.5-turbo-0301", "gpt4_0314")
KNOWN = {
    "alpaca-7b": ("text_davinci_003", "text_davinci_003 (documented)"),
    "wizardlm-13b": ("gpt-3.5-turbo-0301", "ChatGPT (documented)"),
    "ultralm-13b": ("gpt-3.5-turbo-0301", "ChatGPT (documented)"),
    "falcon-7b-instruct": ("gpt-3.5-turbo-0301", "mostly ChatGPT's (Baize and GPT4All, its model card says)"),
    "oasst-sft-llama-33b": (None, "people (OpenAssistant conversations)"),
    "text_davinci_003": (None, "people; it is older than the two others"),
    "gpt-3.5-turbo-0301": (None, "not published; older than GPT-4"),
    "gpt4_0314": (None, "not published"),
}
"""For each model as a suspect: the candidate that is documented as its teacher, and what it was tuned on."""


def answers() -> dict[str, list[str]]:
    """Return each model's answers to the prompts that all have, in the same order."""
    rows = pq.read_table(DATA / "model_outputs.parquet", columns=["model", "instruction", "output"]).to_pylist()
    by_model: dict[str, dict[str, str]] = {}
    for r in rows:
        by_model.setdefault(r["model"], {})[r["instruction"]] = r["output"]
    shared = sorted(set.intersection(*(set(m) for m in by_model.values())))
    return {name: [m[q] for q in shared] for name, m in by_model.items()}


def suspect_row(name: str, texts: dict[str, list[str]]) -> str:
    """Return how a sign test would have judged a suspect, beside what is documented."""
    candidates = {t: texts[t] for t in TEACHERS if t != name}
    wins = nearest(texts[name], candidates)
    first, second = sorted(wins, key=lambda t: -wins[t])[:2]
    p = float(binom.sf(wins[first] - 1, wins[first] + wins[second], 0.5))
    teacher, data = KNOWN[name]
    judged = "right" if first == teacher else "wrong: no such teacher" if teacher is None else f"wrong: it was {teacher}"
    shown = f"10^{np.log10(p):.0f}" if p < 1e-3 else f"{p:.2g}"
    judged = judged if p < 0.01 else "no verdict"
    return f"| {name} | {data} | {first}: {wins[first]} of {sum(wins.values())} | {shown} | {judged} |"


def main() -> None:
    """Compare all with all and write the page."""
    texts = answers()
    names = [n for n in KNOWN if n in texts]
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    matrix = {n: likeness(texts[n], {m: texts[m] for m in names if m != n}) for n in names}
    verdicts = [suspect_row(n, texts) for n in names]
    without = [n for n in names if KNOWN[n][0] is None]
    false = sum("wrong: no such teacher" in row for row in verdicts)
    lines = [
        "# Likeness of real outputs: indicators only",
        "",
        f"`python bench/trace_outputs.py`, commit {commit}. {len(names)} models, {len(texts[names[0]])} prompts each.",
        "",
        "## Mean overlap of answers (F1 of word n-grams, n = 1 to 4)",
        "",
        "| | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
        *("| " + n + " | " + " | ".join(f"{matrix[n][m]:.3f}" if m != n else "" for m in names) + " |" for n in names),
        "",
        "## What a p-value would have said",
        "",
        "For each model as a suspect: to which of three possible teachers is its answer the most alike, prompt by prompt? The “p”",
        "is of a sign test between the first and the second, under the null that either is as likely. **Stillhunt prints no such",
        "p-value.** It is here to show that it would be wrong.",
        "",
        "| suspect | tuned on | nearest teacher on | “p” | the verdict at 0.01 would be |",
        "|---|---|---|---|---|",
        *verdicts,
        "",
        f"Of {len(without)} models that have no known teacher among the three, {false} would be convicted. The null is false from",
        "the start: that a third model is equally like two others is something that nobody arranged. See",
        "[why likeness is no evidence](../../docs/why-likeness-is-no-evidence.md).",
        "",
    ]
    (ROOT / "bench" / "results" / "trace_outputs.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
