"""
A model whose weights we hold, read with `transformers` from a folder or a GGUF file; no network is used.

Needs the extra `[trace-models]`. Answers are scored in batches of like length; a score is the sum of the log-probabilities
of its tokens after the prompt, the end-of-turn token excluded.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.suspects.suspect import DISTRIBUTIONS, SAMPLES, SCORES, Prompt, Score

BATCH_TOKENS = 4096
WANTS = "Install the models' extra: pip install 'stillhunt[trace-models]'."


class OpenWeights:
    """
    A causal language model in memory; `model` and `tokenizer` are those of `transformers`.

    `digest` is that of the files it was loaded from, empty for a model that was made in memory.
    """

    abilities = frozenset({SCORES, SAMPLES, DISTRIBUTIONS})

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        most_tokens: int = 2048,
        batch_tokens: int = BATCH_TOKENS,
        temperature: float = 1.0,
    ) -> None:
        self.name = name
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.most_tokens = most_tokens
        self.batch_tokens = batch_tokens
        self.temperature = temperature
        self.vocabulary = int(model.config.vocab_size)
        self.digest = ""
        self._templated = bool(getattr(tokenizer, "chat_template", None))

    @classmethod
    def load(cls, path: Path, *, name: str | None = None, most_tokens: int = 2048) -> OpenWeights:
        """Load a folder of `transformers`, or one GGUF file; raises `ConfigError` where it cannot be loaded."""
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as missing:
            raise ConfigError(f"Open weights need a package that is not here: {missing.name}.\n{WANTS}") from missing
        if not path.exists():
            raise ConfigError(f"There is no model at {path}.\nGive a folder of transformers or a .gguf file.")
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        where, more = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
        try:
            tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=True, **more)
            model = AutoModelForCausalLM.from_pretrained(where, local_files_only=True, dtype=torch.float32, **more)
        except (OSError, ValueError, KeyError, ImportError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"The model at {path} could not be loaded: {first}\nCheck its files. {WANTS}") from error
        loaded = cls(model, tokenizer, name=name or path.name, most_tokens=most_tokens)
        loaded.digest = digest_of(path)
        return loaded

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without special ones."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """Return the token ids up to where the answer begins."""
        if not self._templated:
            return self.encode(prompt.plain())
        text = self.tokenizer.apply_chat_template(prompt.chat(), tokenize=False, add_generation_prompt=True)
        return self.encode(text)

    def score(self, asked: Sequence[tuple[Prompt, str]]) -> list[Score | None]:
        """Return each answer's log-probability; an answer of no tokens scores 0, one that is too long is cut at the end."""
        pairs = [(self.prompt_ids(prompt), self.encode(answer)) for prompt, answer in asked]
        pairs = [(p[-max(1, self.most_tokens - len(a)) :], a[: self.most_tokens - 1]) for p, a in pairs]
        out: list[Score | None] = [Score(log_p=0.0, tokens=0)] * len(pairs)
        for places in _batches([len(p) + len(a) for p, a in pairs], self.batch_tokens):
            rows = [pairs[i] for i in places]
            for i, value in zip(places, self._sums(rows), strict=True):
                out[i] = Score(log_p=value, tokens=len(pairs[i][1]))
        return out

    def _sums(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        import torch

        logits, ids = self._logits([p + a for p, a in rows])
        sums = []
        for i, (p, a) in enumerate(rows):
            at = slice(len(p) - 1, len(p) + len(a) - 1)
            logs = torch.log_softmax(logits[i, at].float(), dim=-1)
            target = ids[i, len(p) : len(p) + len(a)]
            sums.append(float(logs.gather(1, target[:, None]).double().sum()))
        return sums

    def _logits(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Return logits and ids, rows filled up on the right, where a causal model does not look."""
        import torch

        width = max(len(r) for r in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(list(row))
            mask[i, : len(row)] = 1
        with torch.inference_mode():
            return self.model(input_ids=ids, attention_mask=mask).logits, ids

    def distributions(self, texts: Sequence[Sequence[int]]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield log-probabilities of the whole vocabulary, text by text."""
        import torch

        step = max(1, self.batch_tokens // max((len(t) for t in texts), default=1))
        for first in range(0, len(texts), step):
            rows = texts[first : first + step]
            logits, _ = self._logits(rows)
            for i, row in enumerate(rows):
                yield torch.log_softmax(logits[i, : len(row)].float(), dim=-1).numpy()

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        n: int = 1,
        max_tokens: int = 64,
        seed: int = 0,
        temperature: float | None = None,
    ) -> list[list[str]]:
        """Return n sampled answers for each prompt, from a seed; without a temperature at the model's own, greedy at 0."""
        rows = [self.prompt_ids(p) for p in prompts for _ in range(n)]
        warm = self.temperature if temperature is None else temperature
        answers = self.continued(rows, max_tokens=max_tokens, seed=seed, temperature=warm)
        texts = [self.tokenizer.decode(a, skip_special_tokens=True) for a in answers]
        return [texts[i * n : (i + 1) * n] for i in range(len(prompts))]

    def continued(
        self,
        rows: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        seed: int,
        temperature: float = 1.0,
        processors: Sequence[Any] = (),
    ) -> list[list[int]]:
        """Return the token ids that follow each row; rows are batched by equal length, so that none is filled up."""
        import torch

        torch.manual_seed(seed)
        out: list[list[int]] = [[] for _ in rows]
        by_length: dict[int, list[int]] = {}
        for i, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(i)
        stop = self.tokenizer.eos_token_id
        how: dict[str, Any] = (
            {"do_sample": False} if temperature == 0 else {"do_sample": True, "top_k": 0, "top_p": 1.0}
        )
        if temperature:
            how["temperature"] = temperature
        for length, places in sorted(by_length.items()):
            step = max(1, self.batch_tokens // (length + max_tokens))
            for first in range(0, len(places), step):
                here = places[first : first + step]
                ids = torch.tensor([list(rows[i]) for i in here])
                with torch.inference_mode():
                    made = self.model.generate(
                        input_ids=ids,
                        attention_mask=torch.ones_like(ids),
                        max_new_tokens=max_tokens,
                        pad_token_id=stop if stop is not None else 0,
                        logits_processor=list(processors) or None,
                        **how,
                    )
                for i, row in zip(here, made[:, length:].tolist(), strict=True):
                    out[i] = row[: row.index(stop)] if stop in row else row
        return out


def digest_of(path: Path) -> str:
    """
    Return the SHA-256 of a model: of its GGUF file, or of the names and contents of the files right in its folder.

    Hidden files and text meant for people (`.md`) do not count.
    """
    if path.is_file():
        return _sha256(path)
    files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith(".") and f.suffix != ".md")
    listed = "".join(f"{_sha256(f)}  {f.name}\n" for f in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield places of rows of like length, so that a batch holds at most `most` tokens with its filling."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    batch: list[int] = []
    for i in order:
        if batch and lengths[i] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
