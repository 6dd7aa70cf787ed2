"""An audit from a real ledger to its report, with suspects behind a loopback API."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.trace.audit.fake_api import ToyModel, serving
from trace_serving import MASTER, a_plan, chat, tossed, write

from stillhunt import cli
from stillhunt.trace import canaries
from stillhunt.trace.serve.recording import Candidate, PlanKeys, Record, record_canary, record_plan

WORDS = np.array([f"w{i}" for i in range(400)])
PLAN = a_plan(coin={"share": 1.0, "k": 3}, canaries={"library": "std-v1", "share": 0.05})
KEYS = PlanKeys.of(MASTER, PLAN)
CLASSES = list(canaries.LIBRARIES["std-v1"].values())[:6]


def served(n: int = 60) -> tuple[list[Record], dict[str, str]]:
    """Return the records of n coins of two accounts and some canaries, and what was served to each prompt."""
    rng, records, answers = np.random.default_rng(1), [record_plan(PLAN, KEYS)], {}
    for i in range(n):
        prompt = f"question {i} " + "x" * i
        texts = [" " + " ".join(rng.choice(WORDS, 8)) for _ in range(3)]
        text, record = tossed(PLAN, KEYS, prompt, texts, account=f"bad-{1 + i % 2}")
        answers[prompt] = text
        records.append(record)
    for one in CLASSES:
        pick = sorted(canaries.favoured(KEYS.canary, one))[0]
        asked = chat(one.probes[0])
        records.append(record_canary(PLAN, KEYS, asked, "bad-1", one, Candidate(text=pick, id=f"c-{one.id}")))
    return records, answers


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A ledger, and what was served."""
    records, answers = served()
    folder = write(tmp_path, records)
    (tmp_path / "key").write_text(MASTER.secret.hex())
    (tmp_path / "key").chmod(0o600)
    yield folder, answers


def audited(folder: Path, url: str, *more: str) -> int:
    """Run the command and return its exit status."""
    top = folder.parent
    fixed = ["--ledger", str(folder), "--store", str(top / "texts.sqlite"), "--key-file", str(top / "key")]
    api = [
        "--suspect-url",
        url,
        "--suspect-model",
        "toy",
        "--per-second",
        "100000",
        "--out",
        str(top / "out"),
        "--quiet",
    ]
    return cli.main(["trace", "audit", *fixed, *api, *more])


def result(folder: Path) -> dict[str, object]:
    """Return the one campaign of the result."""
    document = json.loads((folder.parent / "out" / "audit.json").read_text())
    (campaign,) = document["campaigns"]
    return dict(campaign)


class Learned(ToyModel):
    """A model to which the words of the answers that it learned are likelier, each in its own answer only."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self.texts = set(answers.values())

    def reply(self, path: str, request: dict[str, object]) -> dict[str, object]:
        """Return a reply that prefers learned texts."""
        prompt = str(request.get("prompt", ""))
        self.learned = {w: 0.7 for t in self.texts if prompt.endswith(t) for w in t.split()}
        return super().reply(path, request)


def favouring(key: bytes) -> Callable[[str], str]:
    """Return what a model answers to the library's questions that has taken on the favoured halves of a key."""
    rng = np.random.default_rng(3)
    asked = {q: sorted(canaries.favoured(key, c)) for c in CLASSES for q in c.probes}
    return lambda question: str(rng.choice(asked[question])) if question in asked else "no"


class Reseller(ToyModel):
    """A model that answers as the live service does: canaries and all, but no logged answer."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.says = favouring(key)

    def reply(self, path: str, request: dict[str, object]) -> dict[str, object]:
        """Return a reply of the live service."""
        body = super().reply(path, request)
        if path.endswith("/chat/completions"):
            messages = request["messages"]
            assert isinstance(messages, list)
            body["choices"][0]["message"]["content"] = self.says(messages[-1]["content"])
        return body


def test_a_model_that_learned_is_found_with_its_accounts(ledger: tuple[Path, dict[str, str]], capsys: object) -> None:
    """From a real ledger: the coin is found, both accounts are named, and the page, the exhibits and the case rows say so."""
    folder, answers = ledger
    with serving(Learned(answers)) as url:
        assert audited(folder, url, "--shows", "prompt", "--channels", "coin") == 0
    campaign = result(folder)
    assert campaign["verdict"] == "depends on served answers"
    accounts = campaign["accounts"]
    assert isinstance(accounts, list)
    assert {a["account"] for a in accounts if a["named"]} == {"bad-1", "bad-2"}
    out = folder.parent / "out"
    page = (out / "audit.html").read_text()
    assert "learned from answers" in page and "who trained it" in page.lower()
    exhibits = json.loads((out / "exhibits.json").read_text())
    assert exhibits["section"] == "11" and all(n["needs"] for n in exhibits["numbers"])
    (student,) = tomllib.loads((out / "students.toml").read_text())["students"]
    assert student["result"].startswith("depends on served answers")


def test_an_innocent_model_is_cleared_with_what_could_be_missed(ledger: tuple[Path, dict[str, str]]) -> None:
    """A model that learned nothing is not accused, and the page says beside it what the test could have missed."""
    folder, _ = ledger
    with serving(ToyModel()) as url:
        assert audited(folder, url, "--shows", "prompt") == 0
    campaign = result(folder)
    assert campaign["verdict"] == "nothing found"
    assert "could have missed" in (folder.parent / "out" / "audit.html").read_text()


def test_text_alone_finds_what_was_learned_by_heart(ledger: tuple[Path, dict[str, str]]) -> None:
    """Through samples alone a model that recites is found."""
    folder, answers = ledger
    with serving(ToyModel(by_heart=answers)) as url:
        assert audited(folder, url, "--channels", "coin", "--samples", "1", "--indicators", "10") == 0
    assert result(folder)["verdict"] == "depends on served answers"
    document = json.loads((folder.parent / "out" / "audit.json").read_text())
    ((name, overlap),) = document["indicators"].items()
    assert "10 prompts" in name and 0 <= overlap < 0.3


def test_a_reseller_is_told_from_a_student(ledger: tuple[Path, dict[str, str]]) -> None:
    """Canaries without the coin, where the coin would have been seen, read as a proxy and not as training."""
    folder, _ = ledger
    with serving(Reseller(KEYS.canary)) as url:
        assert audited(folder, url, "--shows", "prompt", "--samples", "3", "--alpha", "0.01") == 0
    assert result(folder)["verdict"] == "looks like a proxy for the live service"


def test_nothing_is_scored_before_the_specification_is_committed(ledger: tuple[Path, dict[str, str]]) -> None:
    """The ledger holds the specification under the digest that the result names, also when scoring fails at once."""
    from stillhunt.trace.ledger import audits

    folder, _ = ledger
    model = ToyModel()
    model.failures = [401]
    with serving(model) as url:
        assert audited(folder, url, "--shows", "prompt", "--channels", "coin") == 2
        assert len(audits(folder)) == 1
        assert audited(folder, url, "--shows", "prompt", "--channels", "coin") == 0
    document = json.loads((folder.parent / "out" / "audit.json").read_text())
    assert audits(folder)[-1].body["sha256"] == document["spec_digest"]  # type: ignore[index,call-overload]


def test_a_spent_budget_leaves_a_smaller_audit(ledger: tuple[Path, dict[str, str]]) -> None:
    """With calls for twenty sets, twenty are tested and the rest is listed as left out with the reason."""
    folder, answers = ledger
    with serving(Learned(answers)) as url:
        assert audited(folder, url, "--shows", "prompt", "--channels", "coin", "--most-calls", "60") == 0
    campaign = result(folder)
    (coin,), (lost,) = campaign["channels"], campaign["left_out"]  # type: ignore[misc]
    assert coin["n"] == 20
    assert (lost["count"], lost["reason"]) == (40, "the budget was spent")


def test_wrong_options_say_what_to_do(ledger: tuple[Path, dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown channel or campaign, or no suspect, ends with status 2 and a next step."""
    folder, _ = ledger
    assert audited(folder, "http://127.0.0.1:9/v1", "--channels", "smell") == 2
    assert audited(folder, "http://127.0.0.1:9/v1", "--campaign", "c99") == 2
    assert audited(folder, "http://127.0.0.1:9/v1", "--suspect", "x") == 2
    told = capsys.readouterr().err
    assert "coin, mark, canary" in told and "c17" in told and "one suspect" in told
