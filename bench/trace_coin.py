"""
Coin, attribution and radioactivity with tiny transformers trained here: exchanges used, accounts named, marks inherited.

    python bench/trace_coin.py [--work DIR]        # about 40 minutes of one core the first time; goes on where it stopped

Writes `bench/results/trace_coin.md`. Needs `../shared/data` (public model outputs, never stored here) and what
`python3 bootstrap.py test-trace` installs.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from trace_lab import ANSWER, PROMPT, REHEARSED, RESULTS, TEMPERATURE, VOCABULARY, Lab, Pairs, commit, scored
from transformers import LogitsProcessor

from stillhunt.trace.audit.attribution import attribute
from stillhunt.trace.audit.coin import CoinScores, coin_test, with_coins
from stillhunt.trace.audit.detectable import coin_share, scaled_share
from stillhunt.trace.audit.overlap import overlaps
from stillhunt.trace.audit.radioactivity import TiltWeights, count_weights, radioactivity_test
from stillhunt.trace.audit.sequential import e_process
from stillhunt.trace.audit.suspects.open_weights import OpenWeights
from stillhunt.trace.marks import MarkKey

N, K, ACCOUNTS = 3000, 4, 16
SHARES = {"100 %": 1.0, "20 %": 0.2, "5 %": 0.05, "1 %": 0.01}
PROBES, UNUSED, DELTA, SPARE = 800, 200, 2.0, 750
FIRST_MARKED, FIRST_SEED = 105, 201
"""Of further students (`--students`), each with coins and a training of its own: how much of a row is luck."""

REHEARSED_ROWS = ("20 %", "5 %", "1 %")
"""Rows also given with the rehearsal; that of 100 % is among the further students."""

SUBSETS = 51
MARK = MarkKey(key=b"bench/trace_coin, a public mark key", context=1, gamma=0.5)


class Green(LogitsProcessor):  # type: ignore[misc]
    """Adds delta to the logits of green tokens after the last token."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the marked logits."""
        rows = [MARK.green((int(t),), VOCABULARY) for t in input_ids[:, -1]]
        return scores + DELTA * torch.tensor(np.stack(rows), dtype=scores.dtype)


def harvest(lab: Lab) -> dict[str, Any]:
    """Return N exchanges of K candidates, and for each prompt one more draw that was neither served nor a candidate."""
    made = lab.served("harvest", N, K + 1, seed=41)
    coins = np.random.default_rng(43).integers(0, K, N).tolist()
    return {
        "prompts": made["prompts"],
        "drawn": [d[:K] for d in made["drawn"]],
        "other": [d[K] for d in made["drawn"]],
        "coins": coins,
    }


def mixture(lab: Lab, answers: Pairs, share: float) -> Pairs:
    """Return N exchanges of which the first `share` are harvested and the rest is other text of the attacker's."""
    n = round(share * N)
    return answers[:n] + lab.pairs("attacker")[N : 2 * N - n]


def shuffled(answers: Pairs, seed: int) -> Pairs:
    """Return the answers in another order, so that another part of them is harvested first."""
    return [answers[i] for i in np.random.default_rng([50, seed]).permutation(len(answers))]


def edited(lab: Lab, answers: Pairs, part: float) -> Pairs:
    """Return answers of which a part of the tokens is drawn anew from the attacker's own base model."""
    rng, base, out = np.random.default_rng(44), lab.base(), []
    for (prompt, answer), log_p in zip(answers, base.distributions([p + a for p, a in answers]), strict=True):
        new = list(answer)
        for t in np.flatnonzero(rng.random(len(answer)) < part):
            p = np.exp(log_p[PROMPT + t - 1].astype(np.float64))
            new[t] = int(rng.choice(VOCABULARY, p=p / p.sum()))
        out.append((prompt, new))
    return out


def used(scores: CoinScores) -> tuple[str, str]:
    """Return the fewest exchanges with a median exact p below 1e-5 over random subsets, and (4.26 / gain)²."""
    whole = coin_test(scores, draws=0)
    planned = f"{(4.26 / whole.gain) ** 2:.0f}" if whole.gain > 0.02 else "–"
    if whole.tail.p_log10 > -5:
        return "not reached", planned
    orders = [np.random.default_rng(s).permutation(len(scores)) for s in range(SUBSETS)]

    def enough(n: int) -> bool:
        return bool(np.median([coin_test(scores.take(o[:n]), draws=0).tail.p_log10 for o in orders]) < -5)

    sizes = np.unique(np.geomspace(8, len(scores), 24).astype(int)).tolist()
    reached = next((i for i, n in enumerate(sizes) if enough(n)), None)
    if reached is None:
        return "not reached", planned
    between = range(sizes[reached - 1] + 1 if reached else 1, sizes[reached] + 1)
    return f"{next(n for n in between if n == sizes[reached] or enough(n))}", planned


def row(name: str, scores: CoinScores) -> str:
    """Return one row of the coin table."""
    found, game = coin_test(scores, draws=500), e_process(scores)
    reached, planned = used(scores)
    missed = _missed(len(scores)) if found.tail.p_log10 > -5 else "–"
    return (
        f"| {name} | {len(scores)} | {found.tail.z:.1f} | {found.gain:.2f} | 10^{found.tail.p_log10:.1f} | {reached} | {planned} |"
        f" {game.stopped or 'not reached'} | {np.std(found.null):.2f} | {missed} |"
    )


def coin_rows(lab: Lab, made: dict[str, Any], students: dict[str, OpenWeights]) -> list[str]:
    """Return the rows of the coin table."""
    base, teacher, rehearsal, out = lab.base(), lab.teacher(), lab.rehearsal(), []

    def add(name: str, part: dict[str, Any], student: OpenWeights, references: list[OpenWeights]) -> None:
        out.append(lab.kept(f"row-{name}", lambda: row(name, scored(part, student, references))))

    for name, student in students.items():
        n = next((round(s * N) for label, s in SHARES.items() if label in name), N)
        part = {k: v[:n] for k, v in made.items()}
        add(f"{name}: base + teacher + length", part, student, [base, teacher])
        if name in REHEARSED_ROWS:
            add(f"{name}: base + teacher + rehearsal + length", part, student, [base, teacher, rehearsal])
        if name in SHARES:
            add(f"{name}: teacher + length", part, student, [teacher])
        if name == "1 %":
            add("1 %, whole campaign tested: base + teacher + length", made, student, [base, teacher])
    return out


def seed_rows(lab: Lab, made: dict[str, Any], seeds: range) -> list[str]:
    """
    Return rows of further students at 20 % and 100 %, each with coins and a training of its own.

    The first 600 exchanges are tested in both cases: all of the harvest at 20 %, a part of it at 100 %.
    """
    base, teacher, rehearsal, out = lab.base(), lab.teacher(), lab.rehearsal(), []
    tested = round(SHARES["20 %"] * N)
    for name in ("20 %", "100 %"):
        for seed in seeds:
            share = SHARES[name]
            other = {**made, "coins": np.random.default_rng([49, seed]).integers(0, K, N).tolist()}
            served = [(p, d[c]) for p, d, c in zip(made["prompts"], made["drawn"], other["coins"], strict=True)]
            student = lab.student(f"student-{share}-{seed}", mixture(lab, served, share), seed=seed)
            part = {k: v[:tested] for k, v in other.items()}

            def make(
                with_: list[OpenWeights],
                told: str,
                part: Any = part,
                student: Any = student,
                head: str = f"{name} | {seed}",
            ) -> str:
                scores = scored(part, student, with_)
                found, (reached, planned) = coin_test(scores, draws=0), used(scores)
                return f"| {head} | {told} | {found.tail.z:.1f} | {found.gain:.2f} | {reached} | {planned} |"

            for told, references in (
                ("base + teacher + length", [base, teacher]),
                ("base + teacher + rehearsal + length", [base, teacher, rehearsal]),
            ):
                out.append(lab.kept(f"seed-{share}-{seed}-{len(references)}", partial(make, references, told)))
    return out


def attribution_rows(lab: Lab, made: dict[str, Any], students: dict[str, OpenWeights]) -> list[str]:
    """Return the rows of attribution: 16 accounts that were mixed, and 300 innocents with exchanges that were never used."""
    base, teacher = lab.base(), lab.teacher()

    def both() -> list[str]:
        return [attribution_row(lab, made, students[name], name, [base, teacher]) for name in ("100 %", "20 %")]

    rows: list[str] = lab.kept("table-attribution", both)
    with_ = [base, teacher, lab.rehearsal()]
    head = "20 %, with the rehearsal"
    return [
        *rows,
        lab.kept("attribution-20-rehearsal", lambda: attribution_row(lab, made, students["20 %"], head, with_)),
    ]


def attribution_row(
    lab: Lab, made: dict[str, Any], student: OpenWeights, head: str, references: list[OpenWeights]
) -> str:
    """Return one row of attribution; `head` begins with the share that was harvested."""
    spare = lab.served("spare", SPARE, K, seed=47, first=N)
    n = round(SHARES[head.split(",")[0]] * N)
    scores = scored({k: v[:n] for k, v in made.items()}, student, references, accounts=ACCOUNTS)
    guilty = attribute(scores)
    pool = scored(spare, student, references)
    innocents = []
    for i in range(300):
        rng = np.random.default_rng([48, i])
        each = with_coins(pool.take(rng.choice(len(pool), 150, replace=False)), 1000 + i)
        names = {"account": (f"innocent-{i}",) * 150}
        innocents.append(CoinScores(**{f: getattr(each, f) for f in each.__dataclass_fields__} | names))
    everyone = attribute(_joined([scores, *innocents]))
    named = [r.account for r in everyone if r.named]
    by_e = [r.account for r in everyone if r.named_by_e]
    z = [r.tail.z for r in everyone if r.account.startswith("innocent")]
    count = lambda names, kind: sum(a.startswith(kind) for a in names)  # noqa: E731
    return (
        f"| {head} | {n // ACCOUNTS} | {count(named, 'account')} of {ACCOUNTS} | {count(by_e, 'account')} of {ACCOUNTS} |"
        f" {count(named, 'innocent')} of 300 | {count(by_e, 'innocent')} of 300 | {np.median([r.tail.z for r in guilty]):.1f} |"
        f" {np.mean(z):.2f}, {np.std(z):.2f} |"
    )


def _joined(parts: list[CoinScores]) -> CoinScores:
    starts = np.cumsum([0, *(p.start[-1] for p in parts)])
    return CoinScores(
        start=np.concatenate([[0], *(p.start[1:] + s for p, s in zip(parts, starts, strict=False))]).astype(np.int64),
        served=np.concatenate([p.served for p in parts]),
        score=np.concatenate([p.score for p in parts]),
        references=np.concatenate([p.references for p in parts]),
        account=tuple(a for p in parts for a in p.account),
        conversation=tuple(f"{i}-{c}" for i, p in enumerate(parts) for c in p.conversation),
        exchange_id=tuple(f"{i}-{c}" for i, p in enumerate(parts) for c in p.exchange_id),
    )


def black_box_coin(made: dict[str, Any], students: dict[str, OpenWeights], n: int = 400, r: int = 4) -> list[str]:
    """Return rows of the coin test on samples alone."""
    out = []
    for name in ("100 %", "no harvest"):
        student = students[name]
        rows = [p for p in made["prompts"][:n] for _ in range(r)]
        samples = student.continued(rows, max_tokens=ANSWER, seed=51, temperature=TEMPERATURE)
        decode = partial(student.tokenizer.decode, skip_special_tokens=True)
        texts = [[decode(x) for x in samples[i * r : i * r + r]] for i in range(n)]
        drawn = [[decode(a) for a in d] for d in made["drawn"][:n]]
        found = coin_test(overlaps(drawn, texts, made["coins"][:n]), draws=0)
        out.append(
            f"| {name} | {n} × {r} | {found.tail.z:.1f} | {found.gain:.3f} | 10^{found.tail.p_log10:.1f} |"
            f" {f'{(4.26 / found.gain) ** 2:.0f}' if found.gain > 0.02 else '–'} | {_missed(len(drawn))} |"
        )
    return out


def _missed(n: int) -> str:
    shares = coin_share(n, alpha=1e-5).share
    return "; ".join(
        f"{s:.0%} ({d.split(' ')[0]})" if s <= 1 else f"none ({d.split(' ')[0]})" for d, s in shares.items()
    )


def radioactivity_rows(lab: Lab, students: dict[str, OpenWeights]) -> list[str]:
    """Return rows of radioactivity: open weights with two references, and samples."""
    probes = [p + a for p, a in lab.pairs("attacker")[3 * N : 3 * N + PROBES] if len(a) == ANSWER]
    unused = [MarkKey(key=b"unused %d" % i, context=1, gamma=0.5).green for i in range(UNUSED)]
    base, teacher, out, at_full = lab.base(), lab.teacher(), [], {}
    for name, student in students.items():
        for kind, reference in (("base", base), ("teacher", teacher)):
            tilt = TiltWeights(vocabulary=VOCABULARY)
            for tokens, own, other in zip(
                probes, student.distributions(probes), reference.distributions(probes), strict=True
            ):
                tilt.add(tokens, own, other)
            found = radioactivity_test(tilt.weights(), MARK.green, unused=unused)
            at_full.setdefault(kind, found.tail.z)
            share = (
                scaled_share(at_full[kind], of="marked", alpha=1e-5).share["marked"]
                if found.tail.p_log10 > -5
                else None
            )
            out.append(_mark_row(name, f"open weights, reference {kind}", found, share))
        if not name.startswith("marked 5 %"):
            prompts = [p for p, _ in lab.pairs("attacker")[3 * N : 3 * N + 1000]]
            own = student.continued(prompts, max_tokens=ANSWER, seed=61, temperature=1.0)
            other = base.continued(prompts, max_tokens=ANSWER, seed=62, temperature=1.0)
            weights = count_weights(
                zip(prompts, own, strict=True), vocabulary=VOCABULARY, reference=zip(prompts, other, strict=True)
            )
            found = radioactivity_test(weights, MARK.green, unused=unused)
            out.append(_mark_row(name, f"samples, {sum(map(len, own)) // 1000}k tokens, less the base's", found, None))
    return out


def further_marks(lab: Lab, students: dict[str, OpenWeights]) -> list[str]:
    """Return rows of radioactivity at 5 % of several students, with the base model and with the rehearsal as reference."""
    probes = [p + a for p, a in lab.pairs("attacker")[3 * N : 3 * N + PROBES] if len(a) == ANSWER]
    base, rehearsal, out = lab.base(), lab.rehearsal(), []
    read: dict[str, list[Any]] = {}

    def read_by(model: OpenWeights) -> list[Any]:
        if model.name not in read:
            read[model.name] = list(model.distributions(probes))
        return read[model.name]

    def make(student: OpenWeights, reference: OpenWeights, name: str, kind: str) -> str:
        tilt = TiltWeights(vocabulary=VOCABULARY)
        for tokens, own, other in zip(probes, student.distributions(probes), read_by(reference), strict=True):
            tilt.add(tokens, own, other)
        found = radioactivity_test(tilt.weights(), MARK.green)
        return f"| {name} | {kind} | {found.pairs:.0f} | {found.tail.z:.2f} | 10^{found.tail.p_log10:.1f} |"

    for name, student in students.items():
        for kind, reference in (("base", base), ("rehearsal", rehearsal)):
            made = partial(make, student, reference, name, kind)
            out.append(lab.kept(f"mark-{name}-{kind}", made))
    return out


def _mark_row(name: str, how: str, found: Any, share: float | None) -> str:
    missed = "–" if share is None else f"{share:.0%}" if share <= 1 else "none"
    return (
        f"| {name} | {how} | {found.pairs:.0f} | {found.tail.z:.2f} | 10^{found.tail.p_log10:.1f} | {found.rank_p:.3f} |"
        f" {np.mean(found.unused):.2f}, {np.std(found.unused):.2f}, {max(found.unused):.1f} | {missed} |"
    )


def main() -> None:
    """Train what is missing, measure, and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("bench/work/lab"))
    parser.add_argument(
        "--students", type=int, metavar="N", default=0, help="further students, to see how much is luck"
    )
    arguments = parser.parse_args()
    lab, seeds = Lab(folder=arguments.work), range(FIRST_SEED, FIRST_SEED + arguments.students)
    made = harvest(lab)
    served: Pairs = [(p, d[c]) for p, d, c in zip(made["prompts"], made["drawn"], made["coins"], strict=True)]
    students = {name: lab.student(f"student-{share}", mixture(lab, served, share)) for name, share in SHARES.items()}
    students["no harvest"] = lab.student("student-0", mixture(lab, served, 0.0))
    students["other draws"] = lab.student("student-other", list(zip(made["prompts"], made["other"], strict=True)))
    students["100 %, 30 % of tokens rewritten"] = lab.student("student-edited", edited(lab, served, 0.3))
    clean = lab.pairs("attacker")[2 * N : 3 * N]
    students["100 %, then clean fine-tuning"] = lab.student("student-clean", clean, start=students["100 %"], seed=9)
    marked_made = lab.served("marked", N, 1, seed=45, processors=[Green()])
    marked: Pairs = [(p, d[0]) for p, d in zip(marked_made["prompts"], marked_made["drawn"], strict=True)]
    marks = {
        "marked 100 %": lab.student("marked-1.0", marked),
        "marked 5 %": lab.student("marked-0.05", mixture(lab, marked, 0.05)),
        "never marked": students["100 %"],
    }
    further_marked = {
        "marked 5 %": marks["marked 5 %"],
        **{
            f"marked 5 %, seed {seed}": lab.student(
                f"marked-0.05-{seed}", mixture(lab, shuffled(marked, seed), 0.05), seed=seed
            )
            for seed in range(FIRST_MARKED, FIRST_MARKED + arguments.students)
        },
        "never marked": marks["never marked"],
    }
    tables = {
        "coin": coin_rows(lab, made, students),
        "seeds": seed_rows(lab, made, seeds),
        "attribution": attribution_rows(lab, made, students),
        "samples": lab.kept("table-samples", lambda: black_box_coin(made, students)),
        "marks": lab.kept("table-marks", lambda: radioactivity_rows(lab, marks)),
        "further marks": further_marks(lab, further_marked) if seeds else [],
    }
    size = lambda m: sum(p.numel() for p in m.model.parameters()) / 1e6  # noqa: E731
    (RESULTS / "trace_coin.md").write_text("\n".join(page(tables, size(lab.teacher()), size(lab.base()))))


def further(rows: list[str]) -> list[str]:
    """Return the section on further students, where there are any."""
    if not rows:
        return []
    return [
        "### Further students: coins and training of their own",
        "",
        "Seeds and number were fixed before any of them was trained; 600 exchanges are tested in each case.",
        "",
        "| harvested | seed | references | z | gain | exchanges for 1e-5 | (4.26/gain)² |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def marked_further(rows: list[str]) -> list[str]:
    """Return the section on further marked students, where there are any."""
    if not rows:
        return []
    return [
        "### Further students at 5 %: another part of the marked answers, another training; the rehearsal as reference",
        "",
        "Seeds and number were fixed before any of them was scored. What was asked is z ≥ 4.5. Over keys z has a standard",
        "deviation of one, so that a mean near 4 reaches it in about a third of students. As a reference of the mark the",
        "rehearsal is worse than the base model: it leaves few pairs that weigh anything.",
        "",
        "| student | reference | effective pairs | z | bound on p |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def page(tables: dict[str, list[str]], teacher: float, base: float) -> list[str]:
    """Return the lines of the result page."""
    return [
        "# Coin, attribution and radioactivity with tiny transformers",
        "",
        f"`python bench/trace_coin.py`, commit {commit()}. Teacher {teacher:.2f} million parameters, students {base:.2f}",
        f"million (another base, other text); {N:,} exchanges of {PROMPT} + up to {ANSWER} tokens, {K} candidates at temperature",
        f"{TEMPERATURE}; students trained two epochs. One student a row, one seed: a row is one draw, not a mean. Text is of high",
        "entropy: marks show more here than on a chat model, learning by heart less.",
        "",
        "## Coin, open weights",
        "",
        f"“Exchanges” is the smallest n at which the median exact p of {SUBSETS} random subsets is below 1e-5; (4.26/gain)² is the",
        "planning figure. The last column is printed where p > 1e-5: the smallest share that would be seen with 80 % power, for",
        "weak, middling and strong learning. The rehearsal is the public base model fine-tuned on the teacher's draws for",
        f"{REHEARSED} other prompts, four each, which no student saw and no coin decided: it drifts as a student does.",
        "",
        "| student: references | tested | z | gain | exact p | exchanges for 1e-5 | (4.26/gain)² |"
        " e-process reaches 1e5 after | sd of z, coins redrawn | detectable share |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *tables["coin"],
        "",
        *further(tables["seeds"]),
        "## Attribution: 16 accounts mixed into one training set, 300 innocents of 150 exchanges each, tested together",
        "",
        f"Innocents draw their exchanges from {SPARE} sets that no student saw, each with coins of its own.",
        "",
        "| harvested | exchanges each | named, Holm 5 % | named, e-BH 5 % | innocents named, Holm | e-BH |"
        " median z of the 16 | z of innocents: mean, sd |",
        "|---|---|---|---|---|---|---|---|",
        *tables["attribution"],
        "",
        "## Coin, black box (samples only)",
        "",
        "| student | prompts × samples | z | gain | exact p | (4.26/gain)² | detectable share |",
        "|---|---|---|---|---|---|---|",
        *tables["samples"],
        "",
        f"## Radioactivity: KGW, context 1, delta {DELTA:g}, gamma 0.5, {PROBES} probe texts of other authors",
        "",
        "p is a Chernoff bound; rank p is exact among 200 unused keys.",
        "",
        "| student | how | effective pairs | z | bound on p | rank p | unused keys: mean, sd, largest z | detectable share |",
        "|---|---|---|---|---|---|---|---|",
        *tables["marks"],
        "",
        *marked_further(tables["further marks"]),
    ]


if __name__ == "__main__":
    main()
