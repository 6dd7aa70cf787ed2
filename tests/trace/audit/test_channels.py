"""Self-checks, references and verdicts: what must give nothing does, and where it does not, nothing is claimed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from stillhunt.trace.audit.channels import coin_channel, mark_channel, score_coins
from stillhunt.trace.audit.detectable import coin_share, scaled_share
from stillhunt.trace.audit.material import CoinMaterial
from stillhunt.trace.audit.null_sum import Tail
from stillhunt.trace.audit.result import MARKED, NOTHING, PROXY, TRAINED, VOID, ChannelTest, SelfCheck, reading
from stillhunt.trace.audit.spec import AuditSpec
from stillhunt.trace.audit.suspects.suspect import SAMPLES, SCORES, Prompt, Score
from stillhunt.trace.marks import MarkKey

SPEC = AuditSpec(suspect="s", references=(), own="own", campaigns=("c",), alpha=1e-5, unused_keys=49)


class Scoring:
    """A model that scores answers by a rule."""

    abilities = frozenset({SCORES})

    def __init__(self, name: str, rule: Callable[[str], float]) -> None:
        self.name, self.rule = name, rule

    def score(self, asked: Sequence[tuple[Prompt, str]]) -> list[Score | None]:
        """Return the rule's value."""
        return [Score(log_p=self.rule(answer), tokens=1) for _, answer in asked]

    def sample(self, prompts: Sequence[Prompt], *, n: int, max_tokens: int, seed: int) -> list[list[str]]:
        """Return nothing."""
        return [[] for _ in prompts]


class Writing(Scoring):
    """A model that writes words, each with likes of its own for what comes next, which all these models share."""

    abilities = frozenset({SAMPLES})
    words = tuple(f"w{i}" for i in range(30))

    def __init__(self, name: str, lean: MarkKey | None, seed: int) -> None:
        super().__init__(name, lambda _: 0.0)
        self.lean, self.rng = lean, np.random.default_rng(seed)
        likes = [np.random.default_rng([5, i]).permutation(1.0 / (1 + np.arange(30)) ** 1.5) for i in range(30)]
        self.after = {w: p / p.sum() for w, p in zip(self.words, likes, strict=True)}

    def sample(self, prompts: Sequence[Prompt], *, n: int, max_tokens: int, seed: int) -> list[list[str]]:
        """Return texts; where the model leans, a word that is not green is drawn again three times in ten."""
        out = []
        for _ in prompts:
            said = [self.words[int(self.rng.integers(30))]]
            for _ in range(30):
                word = str(self.rng.choice(self.words, p=self.after[said[-1]]))
                if self.lean and not self.lean.green_word((said[-1],), word) and self.rng.random() < 0.3:
                    word = str(self.rng.choice(self.words, p=self.after[said[-1]]))
                said.append(word)
            out.append([" ".join(said)])
        return out


def coins(n: int = 150, *, tilted: bool = False) -> list[CoinMaterial]:
    """Return n coins of three answers; where `tilted`, the served one was drawn under other settings: it is longer."""
    rng, out = np.random.default_rng(1), []
    for i in range(n):
        served = int(rng.integers(3))
        texts = [f"{i} {j} " + "x" * int(rng.integers(5, 30)) for j in range(3)]
        if tilted:
            texts[served] += "yyyyyyyyyyyy"
        out.append(
            CoinMaterial(
                prompt=Prompt.of(f"q{i}"),
                candidates=tuple(texts),
                served=served,
                account="a",
                conversation=f"{i}",
                exchange=f"e{i}",
            )
        )
    return out


def verdict(material: list[CoinMaterial], suspect: Scoring, own: Scoring | None) -> tuple[str, ChannelTest]:
    """Return the verdict of a coin channel alone, and the channel."""
    scores, how, _ = score_coins(material, suspect, (), spec=SPEC)
    channel = coin_channel(material, scores, how, own=own, spec=SPEC)
    return reading((channel,), SPEC.alpha)[0], channel


def noise(text: str) -> float:
    """Score a text by something that no coin knows."""
    return float(np.random.default_rng(list(text.encode())).normal())


def test_candidates_drawn_under_other_settings_void_the_audit() -> None:
    """
    Where what was served differs in kind, our own model prefers it too: the self-check fails, and nothing is claimed although the
    suspect's p is tiny. Without our own model the same ledger would have accused it.
    """
    material = coins(tilted=True)
    longer = Scoring("suspect", lambda text: 2.0 * text.count("y") + noise(text))
    found, channel = verdict(material, longer, Scoring("own", lambda text: 1.0 * text.count("y") + noise(text)))
    assert found == VOID
    assert channel.tail is not None and channel.tail.p_log10 < -5
    assert [c.passed for c in channel.checks] == [True, False]
    assert verdict(material, longer, None)[0] == TRAINED


def test_a_sound_ledger_passes_its_checks() -> None:
    """With coins that nobody knows, redrawn coins and our own model give nothing, and a model that learned is found."""
    material = coins()
    served = {c.candidates[c.served] for c in material}
    found, channel = verdict(material, Scoring("s", lambda t: noise(t) + 2.0 * (t in served)), Scoring("own", noise))
    assert found == TRAINED and [c.passed for c in channel.checks] == [True, True]
    found, channel = verdict(material, Scoring("s", lambda t: noise(t + "!")), Scoring("own", noise))
    assert found == NOTHING and channel.detectable is not None and "%" in channel.detectable.sentence()


def channel(name: str, p_log10: float, **more: object) -> ChannelTest:
    """Return a channel with that result."""
    tail = Tail(observed=0.0, z=0.0, p_log10=p_log10, bound_log10=p_log10, e_log10=-p_log10 / 2, exact=True)
    return replace(ChannelTest(channel=name, how="", n=10, tail=tail), **more)  # type: ignore[arg-type]


ABLE, UNABLE = coin_share(5000, alpha=1e-5), coin_share(20, alpha=1e-5)
FAILED = SelfCheck(what="keys", found="p 1e-9", passed=False)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((channel("coin", -9), channel("mark", -9)), TRAINED),
        ((channel("coin", -0.1, detectable=ABLE), channel("mark", -9)), PROXY),
        ((channel("coin", -0.1, detectable=ABLE), channel("canary", -9)), PROXY),
        ((channel("coin", -0.1, detectable=UNABLE), channel("mark", -9)), MARKED),
        ((channel("mark", -9),), MARKED),
        ((channel("coin", -4, detectable=ABLE), channel("mark", -4)), NOTHING),
        ((channel("coin", -9), channel("mark", -9, checks=(FAILED,))), VOID),
        ((ChannelTest(channel="coin", how="", why="none"),), NOTHING),
    ],
)
def test_verdicts(channels: tuple[ChannelTest, ...], expected: str) -> None:
    """The coin says trained; mark or canary alone say proxy only where the coin could have been seen; a failed check voids."""
    assert reading(channels, 1e-5)[0] == expected


def test_samples_are_compared_with_a_reference() -> None:
    """A black-box mark is found after the words that a reference likes too are taken away, with more power than without."""
    key = MarkKey(key=b"k", context=1, gamma=0.5)
    probes = [f"probe {i}" for i in range(150)]
    setting = {"context": 1, "gamma": 0.5}

    def found(lean: MarkKey | None, reference: Writing | None) -> ChannelTest:
        return mark_channel(b"k", setting, Writing("s", lean, 1), probes, spec=SPEC, words=True, reference=reference)

    less, alone = found(key, Writing("base", None, 2)), found(key, None)
    assert less.tail is not None and alone.tail is not None
    assert less.tail.p_log10 < -5 and less.tail.z > alone.tail.z and "less those of base" in less.how
    innocent = found(None, Writing("base", None, 3))
    assert innocent.tail is not None and innocent.tail.p_log10 > -3


def test_every_negative_has_its_limit() -> None:
    """Whatever was at hand, what a negative could have missed is put in words, or said to be unknown on the page."""
    assert "power 80 % at p = 10^-5" in ABLE.sentence() and "0.004" in coin_share(5000, alpha=0.004).sentence()
    assert "says nothing" in UNABLE.sentence() and "%" in scaled_share(40.0, of="marked text", alpha=1e-5).sentence()
