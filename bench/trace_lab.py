"""
Tiny teachers and students for the benches of `stillhunt trace audit`: trained here, on a CPU, in minutes.

Text is cut from public model outputs in `../shared/data` (never stored here) into prompts of 24 and answers of up to 48 tokens of a
BPE of 1,024, split by instruction between teacher, public base model and attacker. The teacher serves at temperature 0.7; a
student is the base model fine-tuned on what the attacker harvested, mixed with other text. Every step is seeded and kept in the
work folder, so that a bench goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from stillhunt.trace.audit.coin import CoinScores, coin_scores
from stillhunt.trace.audit.suspects.open_weights import OpenWeights

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
DATA = Path(os.environ.get("STILLHUNT_SHARED", ROOT.parent / "shared")) / "data"
VOCABULARY = 1024
PROMPT, ANSWER = 24, 48
TEMPERATURE = 0.7
REHEARSED, REHEARSED_FROM = 750, 11_000
Pairs = list[tuple[list[int], list[int]]]

torch.set_num_threads(1)
transformers_logging.set_verbosity_error()


def commit() -> str:
    """Return the commit that is run, marked where sources were changed since."""
    git = ("git", "-C", str(ROOT))
    head = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "src"], check=False).returncode
    return head + (" with changes" if changed else "")


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A work folder with what was made so far."""

    folder: Path

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` returns, from the folder where it was made before (JSON)."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            value = make()
            path.with_suffix(".part").write_text(json.dumps(value))
            path.with_suffix(".part").rename(path)
        return json.loads(path.read_text())

    def model(self, name: str, make: Callable[[], LlamaForCausalLM]) -> OpenWeights:
        """Return a model of that name, trained by `make` unless it is in the folder."""
        path = self.folder / name
        if not (path / "done").exists():
            model = make()
            model.save_pretrained(path)
            (path / "done").touch()
        return OpenWeights(LlamaForCausalLM.from_pretrained(path), self.tokenizer(), name=name, batch_tokens=32_768)

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Return the BPE of 1,024 tokens, trained on the teacher's part of the text."""
        path = self.folder / "tokenizer.json"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            bpe = Tokenizer(models.BPE())
            bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            bpe.decoder = decoders.ByteLevel()
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, special_tokens=["<end>"])
            bpe.train_from_iterator([text for part, text in documents() if part == "teacher"], trainer)
            bpe.save(str(path))
        return PreTrainedTokenizerFast(tokenizer_file=str(path), eos_token="<end>")

    def pairs(self, part: str) -> Pairs:
        """Return the (prompt, answer) pairs of one part of the text, in a seeded order."""

        def make() -> Pairs:
            tokenizer, out = self.tokenizer(), []
            for name, text in documents():
                if name == part:
                    ids = tokenizer.encode(text)
                    for at in range(0, len(ids) - PROMPT - 16, PROMPT + ANSWER):
                        out.append((ids[at : at + PROMPT], ids[at + PROMPT : at + PROMPT + ANSWER]))
            order = np.random.default_rng(1).permutation(len(out))
            return [out[i] for i in order]

        return self.kept(f"pairs-{part}", make)

    def teacher(self) -> OpenWeights:
        """Return the teacher."""
        return self.model(
            "teacher", lambda: trained(fresh(96, 4, seed=1), self.pairs("teacher")[:22_000], epochs=2, lr=3e-3, seed=1)
        )

    def base(self) -> OpenWeights:
        """Return the public base model of the students: smaller, other text, other seed."""
        return self.model(
            "base", lambda: trained(fresh(64, 3, seed=2), self.pairs("base")[:14_000], epochs=2, lr=3e-3, seed=2)
        )

    def rehearsal(self) -> OpenWeights:
        """
        Return a rehearsal: the public base model fine-tuned on what the teacher says to other prompts, drawn for this purpose.

        No student saw these prompts or draws, and none of them was decided by a coin or a key.
        """
        draws = lambda: self.served("rehearsal-draws", REHEARSED, 4, seed=46, first=REHEARSED_FROM)  # noqa: E731
        return self.student("rehearsal", lambda: pairs_of(draws()), seed=21)

    def student(
        self,
        name: str,
        pairs: Pairs | Callable[[], Pairs],
        *,
        epochs: int = 2,
        seed: int = 3,
        start: OpenWeights | None = None,
    ) -> OpenWeights:
        """Return the base model (or `start`) fine-tuned on pairs, or on what a function returns when they are needed."""

        def make() -> LlamaForCausalLM:
            source = start or self.base()
            copy = LlamaForCausalLM(source.model.config)
            copy.load_state_dict(source.model.state_dict())
            rows = pairs() if callable(pairs) else pairs
            return trained(copy, rows, epochs=epochs, lr=1e-3, seed=seed)

        return self.model(name, make)

    def served(
        self,
        name: str,
        n: int,
        k: int,
        *,
        seed: int,
        first: int = 0,
        teacher: OpenWeights | None = None,
        processors: Sequence[Any] = (),
    ) -> dict[str, Any]:
        """Return n attacker prompts with k drawn answers each, and the coins."""

        def make() -> dict[str, Any]:
            prompts = [p for p, _ in self.pairs("attacker")[first : first + n]]
            rows = [p for p in prompts for _ in range(k)]
            drawn = (teacher or self.teacher()).continued(
                rows, max_tokens=ANSWER, seed=seed, temperature=TEMPERATURE, processors=processors
            )
            coins = np.random.default_rng(seed).integers(0, k, n).tolist()
            return {"prompts": prompts, "drawn": [drawn[i * k : i * k + k] for i in range(n)], "coins": coins}

        return self.kept(name, make)


def pairs_of(made: dict[str, Any]) -> Pairs:
    """Return each prompt with each of its drawn answers."""
    return [(p, a) for p, drawn in zip(made["prompts"], made["drawn"], strict=True) for a in drawn]


def documents() -> list[tuple[str, str]]:
    """Return (part, text): 45 % of instructions to the teacher, 30 % to the base model, 25 % to the attacker."""
    outputs = pq.read_table(DATA / "model_outputs.parquet", columns=["instruction", "output"]).to_pylist()
    prompts = pq.read_table(DATA / "prompts.parquet", columns=["text", "answer", "source"]).to_pylist()
    rows = [(r["instruction"], r["output"]) for r in outputs]
    rows += [
        (r["text"], r["answer"]) for r in prompts if r["answer"] and r["source"].startswith(("teknium", "nickrosh"))
    ]
    out = []
    for instruction, text in rows:
        place = hashlib.sha256(instruction.encode()).digest()[0] / 256
        out.append(("teacher" if place < 0.45 else "base" if place < 0.75 else "attacker", f"{instruction}\n{text}"))
    return out


def fresh(width: int, layers: int, *, seed: int) -> LlamaForCausalLM:
    """Return a transformer with random weights."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=width,
            intermediate_size=width * 8 // 3 // 8 * 8,
            num_hidden_layers=layers,
            num_attention_heads=4,
            max_position_embeddings=160,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=0,
        )
    )


def trained(
    model: LlamaForCausalLM, pairs: Pairs, *, epochs: float, lr: float, seed: int, batch: int = 32
) -> LlamaForCausalLM:
    """Train on the tokens of pairs with AdamW and a cosine schedule."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    steps = max(1, round(epochs * len(pairs) / batch))
    order = np.concatenate([rng.permutation(len(pairs)) for _ in range(int(np.ceil(epochs)) + 1)])
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / (0.05 * steps + 1)) * 0.5 * (1 + np.cos(np.pi * step / steps))
        rows = [pairs[i][0] + pairs[i][1] for i in order[step * batch : step * batch + batch]]
        width = max(map(len, rows))
        ids = torch.tensor([r + [0] * (width - len(r)) for r in rows])
        labels = torch.tensor([r + [-100] * (width - len(r)) for r in rows])
        loss = model(input_ids=ids, labels=labels).loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 0:
            print(f"  step {step} of {steps}: loss {float(loss.detach()):.3f}", flush=True)
    return model.eval()


def log_p(model: OpenWeights, rows: Pairs) -> list[float]:
    """Return the log-probability of each answer after its prompt; what a model has scored is not scored again."""
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = model.__dict__.setdefault("known", {})
    names = [(tuple(p), tuple(a)) for p, a in rows]
    missing = [n for n in dict.fromkeys(names) if n not in known]
    for first in range(0, len(missing), 64):
        part = missing[first : first + 64]
        known.update(zip(part, model._sums([(list(p), list(a)) for p, a in part]), strict=True))
    return [known[n] for n in names]


def scored(
    served: dict[str, Any], suspect: OpenWeights, references: Sequence[OpenWeights], *, accounts: int = 1
) -> CoinScores:
    """Return the coin scores of what was served; the length is always among the references."""
    sets = [[a for a in drawn] for drawn in served["drawn"]]
    rows: Pairs = [(p, a) for p, drawn in zip(served["prompts"], sets, strict=True) for a in drawn]
    k = len(sets[0])

    def table(values: Sequence[float]) -> list[list[float]]:
        return [list(values[i : i + k]) for i in range(0, len(values), k)]

    columns = [table(log_p(m, rows)) for m in references] + [[[float(len(a)) for a in drawn] for drawn in sets]]
    return coin_scores(
        table(log_p(suspect, rows)),
        served["coins"],
        columns,
        account=[f"account-{i % accounts}" for i in range(len(sets))],
    )
