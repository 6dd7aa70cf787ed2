"""What is promised of synthetic traffic: lookalikes."""

from __future__ import annotations

import numpy as np
import pytest

from stillhunt.worlds.catalogue import catalogue
from stillhunt.worlds.drafts import Block
from stillhunt.worlds.population import LICENCES, MAILBOXES
from stillhunt.worlds.worlds import COHORTS, LOOKALIKES

THINGS = catalogue(1)


def group(name: str, size: int, seed: int = 3) -> Block:
    """Return one group of that look-alike."""
    return LOOKALIKES[name](size, THINGS, np.random.default_rng(seed), COHORTS.index(name))


@pytest.mark.parametrize("name", list(LOOKALIKES))
@pytest.mark.parametrize("size", [1, 2, 30])
def test_every_lookalike_can_be_any_size(name: str, size: int) -> None:
    """Each kind gives a group of honest accounts of its own cohort, down to one account."""
    block = group(name, size)
    assert len(block.accounts) >= size - 1
    assert (block.accounts.cohort == COHORTS.index(name)).all()
    assert (block.accounts.campaign == -1).all()
    if block.calls is not None:
        assert block.calls.account.max() < len(block.accounts)
        assert (block.calls.harvest == -1).all()


def test_there_are_eighteen_lookalikes() -> None:
    """Seventeen known kinds of hard negative and the sharded batch."""
    assert len(LOOKALIKES) == 18


def test_sharded_batch_is_one_undeclared_customer() -> None:
    """A sharded batch has one card and one mail domain, no organisation, and hands out each task once."""
    block = group("sharded_batch", 12)
    assert len(np.unique(block.accounts.card)) == 1
    assert len(np.unique(block.accounts.email_domain)) == 1
    assert (block.accounts.org == -1).all()
    assert block.calls is not None
    assert len(np.unique(block.calls.text)) == len(block.calls)
    assert len(np.unique(block.calls.account)) == 12


def test_hackathon_looks_unrelated_on_paper() -> None:
    """
    Hackers have their own cards and free mail, yet one code, one gateway, one sign-up burst, own
    projects.
    """
    accounts = group("hackathon", 80).accounts
    assert len(np.unique(accounts.card)) == 80
    assert (accounts.email_domain < MAILBOXES).mean() > 0.85
    assert len(np.unique(accounts.referral)) == 1
    assert np.ptp(accounts.created) <= 4 * 3600 * 1_000_000
    assert len(np.unique(accounts.ips[:, 0])) <= 3
    assert len(np.unique(accounts.project)) > 5


def test_benchmark_is_the_same_for_unrelated_organisations() -> None:
    """
    Two organisations that evaluate a new model send the same items after a release, from different
    cards.
    """
    first, second = group("eval_harness", 2, 1), group("eval_harness", 3, 2)
    assert first.calls is not None and second.calls is not None
    assert set(first.calls.text) == set(second.calls.text)
    assert set(first.calls.template) == set(second.calls.template)
    assert not set(first.accounts.card) & set(second.accounts.card)


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("licensed_aggregator", "reseller"),
        ("licensed_distillation", "distillation"),
        ("red_team", "red_team"),
    ],
)
def test_licences_are_on_file(name: str, licence: str) -> None:
    """Customers with a contract carry it in the accounts table."""
    assert {LICENCES[i] for i in group(name, 10).accounts.licence} == {licence}


def test_coursework_is_shared_and_prompts_repeat_between_students() -> None:
    """
    Students ask the same questions in the same words: far fewer texts than calls, each by several
    students.
    """
    block = group("university_course", 60)
    assert block.calls is not None
    texts, counts = np.unique(block.calls.text, return_counts=True)
    assert len(texts) < 0.7 * len(block.calls)
    asked_by = len(np.unique(block.calls.account[block.calls.text == texts[counts.argmax()]]))
    assert asked_by >= 3


def test_migration_carries_conversations_to_new_accounts() -> None:
    """After a migration new accounts send back reasoning that the old ones were given."""
    block = group("key_migration", 20)
    assert block.calls is not None
    later = block.calls.replay >= 0
    assert later.any()
    old = len(block.accounts) // 2
    assert (block.calls.account[later] >= old).all()
    assert (block.calls.account[block.calls.replay[later]] < old).all()
