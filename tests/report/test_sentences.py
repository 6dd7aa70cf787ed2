"""A hunt in sentences, for none, one and many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stillhunt.model import Campaign, Hunt
from stillhunt.report.sentences import campaign_sentence, capabilities_clause, summary_sentences


def sized(campaign: Campaign, accounts: int, calls: int) -> Campaign:
    """The same campaign with other counts."""
    profile = replace(campaign.profile, n_accounts=accounts, n_exchanges=calls)
    return replace(campaign, profile=profile, members=campaign.members[:accounts])


def test_many_campaigns_are_told_as_a_whole_and_one_by_one(hunt: Hunt) -> None:
    """Accounts, calls, window and the largest kinds of call, pooled by calls; then one sentence each."""
    whole, share, linked, *each = summary_sentences(hunt)
    assert whole == (
        "450 accounts in 3 campaigns made 85,217 calls between 22 April and 5 June 2026, "
        "56 % software engineering and 21 % agentic reasoning."
    )
    assert share == "That is 4 % of the 2.1 million calls and 1.4 % of the 31,555 accounts in the log."
    assert linked == "8 further sets of accounts are linked, and nobody in them is accused."
    assert each[1] == (
        "C-2: 38 accounts made 7,186 calls between 12 May and 5 June 2026, "
        "72 % mathematics and 20 % software engineering."
    )


def test_one_campaign_of_one_account_and_one_call_is_in_the_singular(hunt: Hunt) -> None:
    """Nouns and verbs agree with one."""
    single = replace(hunt, campaigns=(sized(hunt.campaigns[2], 1, 1),), linked=hunt.linked[:1])
    whole, _, linked, _ = summary_sentences(single)
    assert whole.startswith("1 account in one campaign made 1 call between")
    assert linked == "1 further set of accounts is linked, and nobody in it is accused."


def test_millions_of_calls_are_rounded(hunt: Hunt) -> None:
    """28,800,000 calls read 28.8 million."""
    big = sized(hunt.campaigns[0], 24_871, 28_800_000)
    assert campaign_sentence(big) == (
        "24,871 accounts made 28.8 million calls between 22 April and 5 June 2026, "
        "61 % software engineering and 24 % agentic reasoning."
    )


def test_nothing_found_says_what_could_and_could_not_be_seen(quiet: Hunt) -> None:
    """The log of this hunt holds no earlier turns and no answers."""
    said = summary_sentences(quiet)
    assert said[0] == (
        "No campaign was found in 2.1 million calls by 31,555 accounts of 27,902 owners "
        "between 22 April and 5 June 2026."
    )
    assert said[1] == "No set of accounts shares more than chance allows."
    assert said[2].startswith("The run could see system prompts, prompt text, ")
    assert said[3] == "The log does not hold earlier turns or answers, so nothing was looked for there."
    assert "not proof" in said[4]


def test_nothing_found_still_names_what_is_linked(hunt: Hunt) -> None:
    """Linked sets without a campaign are told, and not as further ones."""
    said = summary_sentences(replace(hunt, campaigns=()))
    assert said[1] == "8 sets of accounts are linked, and nobody in them is accused."


def test_nothing_read_claims_nothing(void: Hunt) -> None:
    """Without a call there is one sentence, and it says so."""
    assert summary_sentences(void) == ["No call was read, so nothing was looked at and nothing can be said."]


@pytest.mark.parametrize(
    ("capabilities", "clause"),
    [
        ({}, ""),
        ({"other": 0.9, "unknown": 0.1}, ""),
        ({"translation": 1.0}, ", 100 % translation"),
        ({"a_b": 0.5, "c": 0.5}, ", 50 % a b and 50 % c"),
        ({"a": 0.95, "b": 0.05}, ", 95 % a"),
        ({"a": 0.15, "other": 0.81, "unknown": 0.04}, ", 15 % a and 85 % of other kinds"),
    ],
)
def test_only_known_kinds_of_call_from_a_tenth_upwards_are_told(capabilities: dict[str, float], clause: str) -> None:
    """What the classifier could not tell is told only where it is most, and a sprinkle never."""
    assert capabilities_clause(capabilities) == clause
