"""The watermark processor inside `transformers`' own generation."""

from __future__ import annotations

import pytest

from stillhunt.trace.marks import MarkKey
from stillhunt.trace.serve.kgw import KgwProcessor

pytestmark = pytest.mark.models
torch = pytest.importorskip("torch", reason="needs torch: python3 bootstrap.py test-trace")
transformers = pytest.importorskip("transformers", reason="needs transformers: python3 bootstrap.py test-trace")


def test_generated_text_is_green_under_its_key_and_no_other() -> None:
    """A model that generates with the processor writes far more green tokens than half, under another key about half."""
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.LlamaConfig(vocab_size=200, bos_token_id=None, eos_token_id=0, pad_token_id=0, **sizes)
    model = transformers.LlamaForCausalLM(config).eval()
    key, other = MarkKey(key=b"k" * 32), MarkKey(key=b"o" * 32)
    made = model.generate(
        input_ids=torch.ones((8, 4), dtype=torch.long),
        attention_mask=torch.ones((8, 4), dtype=torch.long),
        max_new_tokens=60,
        do_sample=True,
        top_k=0,
        logits_processor=transformers.LogitsProcessorList([KgwProcessor(key=key, delta=2.0, untouched=(0,))]),
    ).tolist()
    pairs = [(row[at - 1], row[at]) for row in made for at in range(4, len(row)) if row[at]]
    shares = [sum(mark.green([one], 200)[token] for one, token in pairs) / len(pairs) for mark in (key, other)]
    assert len(pairs) > 100
    assert shares[0] > 0.75 and 0.35 < shares[1] < 0.65
