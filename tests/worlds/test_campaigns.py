"""What is promised of synthetic traffic: campaigns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stillhunt.worlds import campaigns, clock
from stillhunt.worlds.campaigns import KINDS, Plan, campaign, plan
from stillhunt.worlds.catalogue import catalogue
from stillhunt.worlds.drafts import Block, Calls
from stillhunt.worlds.ids import mix
from stillhunt.worlds.network import HOME, address

THINGS = catalogue(1)
HOMES = address(HOME, np.arange(480) % 24, mix(np.arange(480)))


def run(p: Plan, seed: int = 5) -> tuple[Block, Calls]:
    """Return one campaign and its harvested calls."""
    block = campaign(p, 3, 20, THINGS, HOMES, np.random.default_rng(seed))
    assert block.calls is not None
    return block, block.calls


def planned(kind: str, size: int = 80, seed: int = 1) -> Plan:
    """Return an operator of that kind."""
    return plan(kind, size, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_harvests_with_all_its_accounts(kind: str) -> None:
    """Each operator's calls are marked as harvest, spread over nearly all accounts, 15 to 65 calls each."""
    block, calls = run(replace(planned(kind), pools=1))
    assert (calls.harvest == 3).all() and (block.accounts.campaign == 3).all()
    each = np.bincount(calls.account, minlength=80)
    assert (each > 0).mean() > 0.95
    assert 15 <= each.mean() <= 65


@pytest.mark.parametrize("seed", range(8))
def test_plans_stay_in_their_ranges(seed: int) -> None:
    """Drawn parameters lie in the published ranges."""
    for kind in KINDS:
        p = planned(kind, seed=seed)
        assert 20 <= p.calls <= 60 and 2 <= p.cards_k <= 6 and 3 <= p.proxies_k <= 10
        assert 0.7 <= p.adopt <= 0.9 and 0 <= p.cover <= 0.7
        assert 0 <= p.first_h < p.last_h <= clock.DAYS * 24


def test_cards_are_shared_by_few() -> None:
    """With two accounts per card, most shared cards have at most five, and some have at least two."""
    block, _ = run(replace(planned("hydra", 200), cards_k=2))
    _, counts = np.unique(block.accounts.card, return_counts=True)
    assert counts.max() <= 9
    assert (counts >= 2).sum() > 20


def test_partitioned_queue_has_no_duplicates_and_a_steady_clock() -> None:
    """A partitioned queue hands out each task once, in rotation, at an even rate."""
    p = replace(planned("partitioned_queue"), pools=1, orderly=True)
    _, calls = run(p)
    assert len(np.unique(calls.text)) == len(calls)
    each = np.bincount(calls.account, minlength=p.size)
    assert np.ptp(each) <= 1


def test_best_of_k_sends_each_prompt_from_several_accounts() -> None:
    """
    Each prompt goes out k times, with a seed and a temperature above zero, mostly from different
    accounts.
    """
    p = replace(planned("best_of_k"), repeats=0.0, pools=1, samples=4)
    _, calls = run(p)
    _, counts = np.unique(calls.text, return_counts=True)
    assert (counts == 4).all()
    assert calls.seeded.all() and (calls.temperature > 0).all()
    first = calls.account[calls.text == calls.text[0]]
    assert len(set(first.tolist())) > 1


def test_injected_prompt_is_one_block_after_everything() -> None:
    """
    All requests of an injecting operator carry one template that ends in a request for written-out
    reasoning.
    """
    _, calls = run(planned("injected_prompt"))
    assert len(np.unique(calls.template)) == 1
    assert (calls.wrap & 4 > 0).all()


def test_accounts_are_handed_any_subject() -> None:
    """
    An account's harvested tasks cover nearly as many topics as it has calls: the queue ignores who
    works.
    """
    _, calls = run(replace(planned("hydra"), pools=1, repeats=0.0))
    mine = calls.topic[calls.account == 0]
    assert len(np.unique(mine)) > 0.6 * len(mine)


def test_second_pool_starts_after_the_ban_of_the_first() -> None:
    """With two pools half of the accounts are banned, and the others start within hours of it."""
    block, calls = run(replace(planned("hydra"), pools=2))
    banned = {account for account, _ in block.bans}
    assert len(banned) == 40
    ban = min(at for _, at in block.bans)
    second = calls.at[~np.isin(calls.account, list(banned))]
    assert second.min() > ban - 24 * clock.HOUR
    assert not set(calls.account[calls.at > ban + 2 * clock.DAY].tolist()) & banned


def test_low_and_slow_hides_in_its_own_traffic() -> None:
    """A slow operator's accounts make 30 to 50 % calls of their own."""
    block, calls = run(planned("low_and_slow", 150))
    own = block.accounts.calls.sum()
    assert 0.25 < own / (own + len(calls)) < 0.55


def test_operators_draw_from_the_published_sizes() -> None:
    """The smallest and largest campaign are 25 and 400 accounts."""
    assert (campaigns.SMALLEST, campaigns.LARGEST) == (25, 400)
