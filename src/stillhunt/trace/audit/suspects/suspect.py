"""What a test may ask of a model: how likely is this answer, what would you say, which tokens come next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

SCORES = "scores"
"""The model gives the log-probability of an answer that it did not write (open weights, prompt log-probabilities, or token by
token where a continuation may be forced and its alternatives are shown)."""

SAMPLES = "samples"
"""The model writes answers."""

DISTRIBUTIONS = "distributions"
"""The model gives the probabilities of the whole vocabulary at each position (open weights only)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """
    What was asked: messages of (role, content), the last one the user's.

    `plain` joins the contents without a chat template, for models that have none.
    """

    messages: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Mapping[str, object] | str) -> Prompt:
        """Return the prompt of a request body with `messages`, or of one user's text."""
        if isinstance(request, str):
            return cls(messages=(("user", request),))
        messages = request.get("messages")
        rows = messages if isinstance(messages, Sequence) and not isinstance(messages, str) else ()
        pairs = [(m.get("role"), m.get("content")) for m in rows if isinstance(m, Mapping)]
        return cls(messages=tuple((str(role), content if isinstance(content, str) else "") for role, content in pairs))

    def plain(self) -> str:
        """Return the contents, one after another."""
        return "\n".join(content for _, content in self.messages)

    def chat(self) -> list[dict[str, str]]:
        """Return the messages as a request has them."""
        return [{"role": role, "content": content} for role, content in self.messages]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """The log-probability of an answer in nats, and over how many of its tokens it was taken."""

    log_p: float
    tokens: int


class Suspect(Protocol):
    """A model under test, or a reference."""

    @property
    def name(self) -> str:
        """What the model is called in reports."""
        ...

    @property
    def abilities(self) -> frozenset[str]:
        """What can be asked of it."""
        ...

    def score(self, asked: Sequence[tuple[Prompt, str]]) -> list[Score | None]:
        """Return the score of each answer after its prompt; None where the budget ended or the model refused."""
        ...

    def sample(self, prompts: Sequence[Prompt], *, n: int, max_tokens: int, seed: int) -> list[list[str]]:
        """Return up to n answers for each prompt; fewer where the budget ended."""
        ...


class OpenSuspect(Suspect, Protocol):
    """A model whose distributions can be read."""

    vocabulary: int

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        ...

    def distributions(self, texts: Sequence[Sequence[int]]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield, for each text of token ids, log-probabilities: row t predicts token t+1."""
        ...
