"""
The campaign's watermark for `transformers`: adds `delta` to the logits of green tokens (Kirchenbauer et al., 2301.10226).

    model.generate(..., logits_processor=LogitsProcessorList([KgwProcessor(key=mark_key, delta=1.0, untouched=(eos,))]))

The green lists are those of `stillhunt.trace.marks`; neither this module nor that one imports torch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from stillhunt.errors import ConfigError
from stillhunt.trace.marks import MarkKey

LARGEST_DELTA = 2.0
"""Beyond it answers change visibly; what a student picks up does not grow in step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KgwProcessor:
    """
    A logits processor for one campaign: call it with token ids (batch × length) and logits (batch × vocabulary).

    `untouched` tokens, as the one that ends an answer, get the average shift, so that answers keep their length. Raises
    `ConfigError` for a `delta` that is not above 0 and at most 2.
    """

    key: MarkKey
    delta: float = 1.0
    untouched: Collection[int] = ()

    def __post_init__(self) -> None:
        if not 0.0 < self.delta <= LARGEST_DELTA:
            raise ConfigError(
                f"A watermark with delta {self.delta} was asked for.\nGive one above 0 and at most 2, as 1.0."
            )

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the logits with the mark; rows whose text is shorter than the context are left as they are."""
        context = self.key.context
        if input_ids.shape[-1] < context:
            return scores
        vocabulary = int(scores.shape[-1])
        endings = input_ids[:, -context:].tolist()
        shift = np.stack([self.key.green(ending, vocabulary) for ending in endings]).astype(np.float32) * self.delta
        for token in self.untouched:
            shift[:, token] = self.delta * self.key.gamma
        return scores + scores.new_tensor(shift)
