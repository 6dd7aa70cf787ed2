"""A model behind an API: scores, samples, budget, pace, resumption and failures, against a loopback server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.trace.audit.fake_api import ToyModel, near, serving

from stillhunt.errors import ConfigError, StoreError
from stillhunt.trace.audit.suspects.api import ApiSuspect, _positions
from stillhunt.trace.audit.suspects.cache import Budget, Cache
from stillhunt.trace.audit.suspects.suspect import SAMPLES, SCORES, Prompt

ASKED = [(Prompt.of("say something"), f" word{i} and more") for i in range(5)]
FAST = Budget(per_second=1e6)


def api(url: str, tmp_path: Path, **more: Any) -> ApiSuspect:
    """Return a suspect that never really waits; what it would have waited is in `waited`."""
    settings: dict[str, Any] = {"budget": FAST, "sleep": lambda _s: None} | more
    return ApiSuspect(url=url, model="toy", cache=Cache(tmp_path / "answers.sqlite"), **settings)


def test_prompt_log_probabilities_are_summed_over_the_answer_alone(tmp_path: Path) -> None:
    """The score is the sum over the answer's tokens: neither the prompt's nor the one written after it counts."""
    with serving(ToyModel({"word1": 2.0})) as url:
        scores = api(url, tmp_path, shows="prompt").score(ASKED)
    assert [s is not None and near(s.log_p, -15.0 + 2.0 * (i == 1)) for i, s in enumerate(scores)] == [True] * 5
    assert {s.tokens for s in scores if s} == {3}


def test_alternatives_are_read_off_at_the_positions(tmp_path: Path) -> None:
    """Where only alternatives are shown, words among them count with their value and others with a bound below all shown."""
    with serving(ToyModel({"word1": 2.0, "and": 1.0})) as url:
        known, unknown = api(url, tmp_path, shows="alternatives").score([ASKED[1], ASKED[2]])
    assert known is not None and near(known.log_p, (-3.0) + (-4.0) + (-4.0 - 1.0))
    assert unknown is not None and near(unknown.log_p, (-4.0 - 1.0) + (-4.0) + (-4.0 - 1.0))


def test_positions_are_few_and_at_words() -> None:
    """A long answer is looked at in eight places, each at a word; a short one at all of them."""
    text = " ".join(f"word{i}" for i in range(50))
    assert len(_positions(text)) == 8
    assert all(i == 0 or text[i] == " " for i in _positions(text))
    assert _positions("one two") == [0, 3]
    assert _positions("") == [0]


def test_text_only_has_samples_and_no_scores(tmp_path: Path) -> None:
    """An endpoint that shows text alone samples, and says so when it is asked for a score."""
    with serving(ToyModel(by_heart={"q": "by heart"})) as url:
        suspect = api(url, tmp_path)
        assert suspect.abilities == {SAMPLES}
        assert suspect.sample([Prompt.of("q"), Prompt.of("r")], n=2) == [["by heart"] * 2, ["answer 0", "answer 1"]]
        with pytest.raises(ConfigError, match="samples"):
            suspect.score(ASKED)
        assert SCORES in api(url, tmp_path, shows="prompt").abilities


def test_an_audit_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """What was answered is never asked again, in this run or the next, and the count of what was spent goes on."""
    model = ToyModel()
    with serving(model) as url:
        first = api(url, tmp_path, shows="prompt").score(ASKED[:3])
        suspect = api(url, tmp_path, shows="prompt")
        assert suspect.score(ASKED)[:3] == first
        assert len(model.asked) == 5
        assert suspect.cache.spent().calls == 5


@pytest.mark.parametrize(
    "budget",
    [
        Budget(calls=3, per_second=1e6),
        Budget(tokens=110, per_second=1e6),
        Budget(money=0.6, price_in=4500.0, per_second=1e6),
    ],
)
def test_no_budget_is_overrun(tmp_path: Path, budget: Budget) -> None:
    """Calls, tokens or money: the audit stops before the limit, returns what it has, and counts what it left out."""
    model = ToyModel()
    with serving(model) as url:
        suspect = api(url, tmp_path, shows="prompt", budget=budget)
        scores = suspect.score(ASKED * 2)
    spent = suspect.cache.spent()
    assert 0 < sum(s is not None for s in scores) < 10
    assert suspect.left_out["the budget was spent"] > 0
    assert budget.calls is None or spent.calls <= budget.calls
    assert budget.tokens is None or spent.tokens_in + spent.tokens_out <= budget.tokens
    assert budget.money is None or spent.money(budget) <= budget.money


def test_a_busy_server_is_waited_for_as_it_asks(tmp_path: Path) -> None:
    """A 429 is tried again after the time that it names, a 500 after a growing one; both attempts are counted."""
    model, waited = ToyModel(), list[float]()
    model.failures = [429, 500]
    with serving(model) as url:
        suspect = api(url, tmp_path, shows="prompt", sleep=waited.append, clock=lambda: 0.0)
        assert suspect.score(ASKED[:1])[0] is not None
    assert [w for w in waited if w >= 1] == [7.0, 2.0]
    assert suspect.cache.spent().calls == 3


def test_calls_are_paced(tmp_path: Path) -> None:
    """Between two calls lies the time that the rate asks for."""
    now, waited = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    with serving(ToyModel()) as url:
        budget = Budget(per_second=4.0)
        api(url, tmp_path, shows="prompt", budget=budget, sleep=sleep, clock=lambda: now[0]).score(ASKED[:3])
    assert waited == [0.25, 0.25]


def test_a_dead_server_is_given_up_and_counted(tmp_path: Path) -> None:
    """Where nothing answers, the items are left out with the reason; nothing is raised and nothing is kept."""
    suspect = api("http://127.0.0.1:9/v1", tmp_path, shows="prompt")
    assert suspect.score(ASKED[:1]) == [None]
    assert suspect.left_out == {"the server did not answer": 1}


def test_a_refusal_says_what_to_check(tmp_path: Path) -> None:
    """A wrong key or model name is an error at once, not a hundred lost calls; so is an address that is none."""
    model = ToyModel()
    model.failures = [401]
    with serving(model) as url, pytest.raises(ConfigError, match="key"):
        api(url, tmp_path, shows="prompt", key="secret").score(ASKED[:1])
    assert model.seen_keys == {"Bearer secret"}
    assert b"secret" not in (tmp_path / "answers.sqlite").read_bytes()
    with pytest.raises(ConfigError, match="address"):
        api("ftp://x", tmp_path)


def test_endpoints_that_show_less_than_they_should_are_left_out(tmp_path: Path) -> None:
    """An endpoint without log-probabilities in its reply loses its items with that reason."""
    with serving(ToyModel()) as url:
        suspect = api(url, tmp_path, shows="prompt", post=lambda *_: (200, {}, b'{"choices": [{"text": "x"}]}'))
        assert suspect.score(ASKED[:1]) == [None]
        assert suspect.left_out == {"the endpoint does not echo log-probabilities": 1}


def test_the_cache_is_its_owners_alone(tmp_path: Path) -> None:
    """Answers are text: nobody else may read the file; a place that cannot be written to is an error."""
    Cache(tmp_path / "a.sqlite").close()
    assert (tmp_path / "a.sqlite").stat().st_mode & 0o077 == 0
    with pytest.raises(StoreError):
        Cache(tmp_path / "a.sqlite" / "b")
