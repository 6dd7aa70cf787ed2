"""The ledger: what was written is read, what was changed is seen, and no text is in it."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from trace_serving import MASTER, NOW, a_plan, chat, tossed, write

from stillhunt.errors import SealError, StoreError
from stillhunt.seal.journal import Journal
from stillhunt.seal.keys import generate
from stillhunt.trace import ledger
from stillhunt.trace.canaries import LIBRARIES
from stillhunt.trace.coins import digest_text, opened, tag, toss
from stillhunt.trace.days import DaySealer, seal_days, verify_days
from stillhunt.trace.keys import Master, commitment
from stillhunt.trace.serve.recording import (
    Candidate,
    PlanKeys,
    Record,
    choose_greenest,
    record_canary,
    record_plan,
    toss_coin,
)
from stillhunt.trace.store import Store, Text

PLAN = a_plan(coin={"share": 1.0}, best_of={"share": 0.0}, canaries={"library": "std-v1"})
KEYS = PlanKeys.of(MASTER, PLAN)


def records(n: int) -> list[Record]:
    """Return a plan and n coins of as many prompts."""
    return [record_plan(PLAN, KEYS), *(tossed(PLAN, KEYS, f"p{i}", [f"yes {i}", f"no {i}"])[1] for i in range(n))]


def test_what_was_tossed_is_what_is_read(tmp_path: Path) -> None:
    """Each coin comes back with its candidates, side, account and settings, and the texts lie in the store."""
    folder = write(tmp_path, records(5))
    coins = ledger.coins(folder)
    assert [coin.position for coin in coins] == [1, 2, 3, 4, 5]
    with Store.open(tmp_path / "texts.sqlite", MASTER) as store:
        for n, coin in enumerate(coins):
            served = tossed(PLAN, KEYS, f"p{n}", [f"yes {n}", f"no {n}"])[0]
            assert store.text(coin.candidates[coin.served]) == served
            assert {store.text(name) for name in coin.candidates} == {f"yes {n}", f"no {n}"}
            assert store.text(coin.account) == "bad-1"
            assert store.text(coin.prompt) == chat(f"p{n}").prompt
            assert coin.served == toss(KEYS.coin, coin.coin, 2)
            assert coin.settings == {"temperature": 0.7} and coin.history == () and coin.at == NOW


def test_the_ledger_shows_no_text_and_no_account(tmp_path: Path) -> None:
    """Digests, tags and numbers stand in the journal; prompts, answers and account ids do not, nor in the store in the clear."""
    served = [tossed(PLAN, KEYS, "a secret prompt", ["a secret answer", "other words"])[1]]
    folder = write(tmp_path, served)
    for path in (folder / "journal.jsonl", *tmp_path.glob("texts.sqlite*")):
        content = path.read_bytes()
        assert not any(word in content for word in (b"secret", b"other words", b"bad-1")), path
    assert (tmp_path / "texts.sqlite").stat().st_mode & 0o077 == 0


def test_equal_candidate_sets_share_one_coin(tmp_path: Path) -> None:
    """A prompt whose draws come out as before is one coin, counted once with its repeats; other draws are another."""
    one, other = ["yes", "no"], ["yes", "never"]
    folder = write(tmp_path, [tossed(PLAN, KEYS, "p", texts)[1] for texts in (one, other, one[::-1], one)])
    assert [(coin.repeats, coin.position) for coin in ledger.coins(folder)] == [(2, 0), (0, 1)]


def test_histories_join_the_coins_they_quote(tmp_path: Path) -> None:
    """When a later turn quotes what was served, its history holds the digest of that candidate, in order."""
    first, record = tossed(PLAN, KEYS, "hello", ["hi there", "good day"])
    later = chat("hello", first, "and now?")
    second = toss_coin(PLAN, KEYS, later, "bad-1", [Candidate(text="well"), Candidate(text="then")])
    assert second is not None
    folder = write(tmp_path, [record, second[1]])
    one, two = ledger.coins(folder)
    assert two.history == (one.candidates[one.served],)
    assert one.history == () and two.opening == one.opening


def test_ledgers_of_several_gateways_are_one(tmp_path: Path) -> None:
    """Coins of several ledgers are merged in the order of time, and one that is in both is one."""
    (tmp_path / "b").mkdir()
    one = write(tmp_path, records(2))
    two = write(tmp_path / "b", records(3), now=NOW - timedelta(hours=1))
    assert len(ledger.coins([one, two])) == 3
    assert [coin.repeats for coin in ledger.coins([one, two])] == [1, 1, 0]
    assert ledger.coins([one, two])[0].at == NOW - timedelta(hours=1)
    assert ledger.coins([one, two], campaign="c99") == []


def test_marks_and_canaries_come_back(tmp_path: Path) -> None:
    """A best-of-k mark serves its greenest candidate, a canary names its class; neither is a coin."""
    texts = [f"the {word} of many words and more" for word in ("song", "noise", "river", "stone")]
    chosen, mark = choose_greenest(PLAN, KEYS, chat("p"), "bad-2", [Candidate(text=text) for text in texts])
    canary = record_canary(PLAN, KEYS, chat("q"), "bad-2", LIBRARIES["std-v1"]["dog"], Candidate(text="Maple"))
    folder = write(tmp_path, [mark, canary])
    assert ledger.coins(folder) == []
    (entry,) = ledger.marks(folder)
    assert entry.served == chosen == max(range(4), key=lambda n: KEYS.mark.word_score(texts[n]))
    assert entry.scores[chosen] == max(entry.scores)
    (one,) = ledger.canary_exchanges(folder)
    assert (one.canary, one.answer) == ("dog", digest_text(KEYS.digest, "Maple").hex)
    assert one.account == tag(KEYS.account, "bad-2") == entry.account


def test_a_plan_commits_to_its_keys(tmp_path: Path) -> None:
    """The ledger holds the hashes of the campaign's keys: a key that is revealed later shows that the coins were its own."""
    (plan,) = ledger.plans(write(tmp_path, records(0)))
    assert plan.keys["coin"] == commitment(KEYS.coin) != commitment(KEYS.canary)
    assert (plan.approver, plan.accounts, plan.plan) == ("duty officer", 2, PLAN.digest)


@pytest.mark.parametrize("change", [(b'"served":0', b'"served":1'), (b'"served":1', b'"served":0'), (b"c17", b"c18")])
def test_a_changed_coin_is_seen(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    """Turning one coin over, or moving it to another campaign, breaks the chain."""
    folder = write(tmp_path, records(8))
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(*change, 1))
    with pytest.raises(SealError, match=r"follow|changed"):
        ledger.coins(folder)


def test_a_coin_that_is_not_what_it_names_is_refused(tmp_path: Path) -> None:
    """A whole journal that was written anew, but with other candidates under a coin's name, does not pass either."""
    record = tossed(PLAN, KEYS, "p", ["yes", "no"])[1]
    forged: dict[str, Any] = {**record.body, "candidates": sorted(["0" * 64, "1" * 64])}
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        journal.append("coin", forged, at=NOW)
    with pytest.raises(SealError, match="not the one it names"):
        ledger.coins(tmp_path)


def test_a_torn_last_line_is_not_read(tmp_path: Path) -> None:
    """While a gateway is writing, or after it was killed, what has no end yet is not there; the next writer goes on."""
    folder = write(tmp_path, records(3))
    with (folder / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"body":{"camp')
    assert len(ledger.coins(folder)) == 3
    write(tmp_path, records(4)[4:])
    assert len(ledger.coins(folder)) == 4


def test_no_ledger_is_an_error_that_says_so(tmp_path: Path) -> None:
    """A folder without a journal is no empty ledger."""
    with pytest.raises(StoreError, match="no ledger here"):
        ledger.coins(tmp_path)


def test_audits_are_committed_to_the_head_of_the_ledger(tmp_path: Path) -> None:
    """An audit specification names the journal as it was, so that it cannot be backdated before a coin or after a score."""
    folder = write(tmp_path, records(3))
    digest = ledger.commit_audit(folder, {"tests": ["coin"], "alpha": 1e-5}, at=NOW)
    (entry,) = ledger.audits(folder)
    with Journal.open(folder / "journal.jsonl") as journal:
        assert entry.body == {
            "sha256": digest,
            "specification": {"tests": ["coin"], "alpha": 1e-5},
            "ledger": {"entries": 4, "head": journal.head.hex()},
        }
    assert digest == hashlib.sha256(b'{"alpha":0.00001,"tests":["coin"]}').hexdigest()


def test_finished_days_are_signed_once_and_verify(tmp_path: Path) -> None:
    """Each finished day gets one signed root; the running day gets none; a line that changes after it is seen."""
    signer = generate(tmp_path / "key.pem", None)
    folder = tmp_path / "ledger"
    sealer = DaySealer(folder, signer)
    with Journal.open(folder / "journal.jsonl") as journal:
        for day in range(3):
            moment = NOW + timedelta(days=day)
            journal.append("counts", {"greedy": day}, at=moment)
            journal.append("counts", {"late": day}, at=moment)
            sealer(journal, moment)
        assert seal_days(folder, journal, signer, today=date(2026, 5, 6)) == []
    days = verify_days(folder, [signer.public])
    assert [(day.day, day.size, day.keyid) for day in days] == [
        (date(2026, 5, 4), 2, signer.public.keyid),
        (date(2026, 5, 5), 2, signer.public.keyid),
    ]
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().split(b"\n", 1)[0] + b"\n")
    with pytest.raises(SealError, match="not those that were signed"):
        verify_days(folder, [signer.public])
    other = generate(tmp_path / "other.pem", None)
    with pytest.raises(SealError, match="not known"):
        verify_days(folder, [other.public])


def test_texts_are_bound_to_their_key_and_name(tmp_path: Path) -> None:
    """Another master key opens no text; an erased text is gone while the ledger stays; a salt opens one digest."""
    digest = digest_text(KEYS.digest, "words")
    with Store.open(tmp_path / "s", MASTER) as store:
        store.keep([Text(digest.hex, "answer", digest.salt, "words")] * 2)
        salt = store.salt(digest.hex)
        assert salt is not None
        assert opened(salt, "words") == digest.hex
    with Store.open(tmp_path / "s", Master(b"x" * 32)) as store, pytest.raises(StoreError, match="master key"):
        store.text(digest.hex)
    with Store.open(tmp_path / "s", MASTER) as store:
        assert store.forget([digest.hex, "nothing"]) == 1
        assert store.text(digest.hex) is None and store.salt(digest.hex) is None


def test_counts_add_up_over_runs(tmp_path: Path) -> None:
    """What was served without a coin is counted in the ledger by reason."""
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        journal.append_all([("counts", {"greedy": 2}), ("counts", {"greedy": 1, "late": 1})], at=datetime.now(UTC))
    assert ledger.counts(tmp_path) == {"greedy": 3, "late": 1}
