"""Coins: uniform, independent of the order of draws, one for each prompt and candidate set."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from trace_serving import MASTER, a_plan, chat, tossed

from stillhunt.trace.coins import coin_id, digest_text, opened, sampled, toss
from stillhunt.trace.serve.recording import Candidate, PlanKeys, toss_coin

PLAN = a_plan(coin={"share": 1.0, "k": 4})
KEYS = PlanKeys.of(MASTER, PLAN)
TEXTS = st.lists(st.text(), min_size=2, max_size=6)


@given(st.text(), TEXTS, st.randoms())
def test_coin_does_not_depend_on_the_order_of_draws(prompt: str, texts: list[str], random: object) -> None:
    """The answer that is served is a function of prompt and candidate set: the order in which draws arrive is nothing."""
    request, shuffled = chat(prompt), list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = toss_coin(PLAN, KEYS, request, "bad-1", [Candidate(text=text) for text in texts])
    other = toss_coin(PLAN, KEYS, request, "bad-1", [Candidate(text=text) for text in shuffled])
    assert (one is None) == (other is None) == (len(set(texts)) == 1)
    if one and other:
        assert texts[one[0]] == shuffled[other[0]]
        assert one[1].body["coin"] == other[1].body["coin"]


def test_every_draw_is_served_equally_often() -> None:
    """Over many prompts each of four draws, in the order of drawing, is served a quarter of the time (chi-square)."""
    served = [0, 0, 0, 0]
    for number in range(2000):
        texts = [f"answer {number}.{draw}" for draw in range(4)]
        served[texts.index(tossed(PLAN, KEYS, f"prompt {number}", texts)[0])] += 1
    assert stats.chisquare(served).pvalue > 1e-4, served


def test_equal_draws_keep_their_weight() -> None:
    """An answer that was drawn twice in three is served two times in three: serving stays an ordinary draw."""
    trials = 3000
    twice = sum(tossed(PLAN, KEYS, f"p{n}", [f"a{n}", f"b{n}", f"a{n}"])[0] == f"a{n}" for n in range(trials))
    assert stats.binomtest(twice, trials, 2 / 3).pvalue > 1e-4


def test_places_are_uniform_and_independent_for_neighbouring_coins() -> None:
    """The places on which coins fall are uniform, and one says nothing of the next, even for prompts that differ by a digit."""
    places = [tossed(PLAN, KEYS, f"{n}", ["yes", "no", "maybe", "later"])[1].body["served"] for n in range(4000)]
    table = [[0] * 4 for _ in range(4)]
    for one, other in pairwise(places):
        table[one][other] += 1
    assert stats.chi2_contingency(table).pvalue > 1e-4
    assert stats.chisquare([places.count(side) for side in range(4)]).pvalue > 1e-4


def test_another_epoch_tosses_anew() -> None:
    """With another epoch, or another campaign, the coins of the same exchanges agree with the old ones by chance only."""
    trials = 1000
    plans = [
        PLAN,
        a_plan(coin={"share": 1.0}, plan={"epoch": 2}),
        a_plan(coin={"share": 1.0}, plan={"campaign": "c18"}),
    ]
    picks = [[tossed(plan, PlanKeys.of(MASTER, plan), f"p{n}", ["a", "b"])[0] for n in range(trials)] for plan in plans]
    for other in picks[1:]:
        agree = sum(a == b for a, b in zip(picks[0], other, strict=True))
        assert stats.binomtest(agree, trials, 0.5).pvalue > 1e-4


def test_coin_names_part_what_could_be_run_together() -> None:
    """Two exchanges have one coin only where campaign, epoch, prompt and candidates are all equal."""
    names = {coin_id("c", 1, "p", ["a", "b"]), coin_id("c1", 1, "p", ["a", "b"]), coin_id("c", 11, "p", ["a", "b"])}
    names |= {coin_id("c", 1, "pa", ["b"]), coin_id("c", 1, "p", ["ab"]), coin_id("c", 1, "p", ["a", "b", "b"])}
    assert len(names) == 6
    assert coin_id("c", 1, "p", ["b", "a"]) in names


@given(st.text(), st.text())
def test_a_text_can_be_opened_without_the_key(text: str, other: str) -> None:
    """Text and salt give the digest back; another text does not, and equal texts have equal digests."""
    digest = digest_text(b"k" * 32, text)
    assert opened(digest.salt, text) == digest.hex
    assert digest.opens(text)
    assert digest.opens(other) == (text == other) == (digest_text(b"k" * 32, other) == digest)
    assert digest_text(b"l" * 32, text) != digest


def test_sampling_takes_the_share_it_was_asked_for() -> None:
    """A share of prompts is a share of prompts (exact binomial), and a prompt is in or out for good."""
    values = [sampled(b"s" * 32, f"{n:064x}") for n in range(4000)]
    assert stats.binomtest(sum(value < 0.2 for value in values), len(values), 0.2).pvalue > 1e-4
    assert values[:10] == [sampled(b"s" * 32, f"{n:064x}") for n in range(10)]


def test_a_coin_needs_a_side() -> None:
    """Tossing among nothing is a mistake of the caller."""
    try:
        toss(b"k" * 32, "00" * 32, 0)
    except ValueError as error:
        assert "side" in str(error)
    else:
        raise AssertionError("no error")
