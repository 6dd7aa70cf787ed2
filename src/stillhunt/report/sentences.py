"""A hunt and its campaigns in a few sentences, right for none, one and many."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from stillhunt.model import Campaign, Hunt
from stillhunt.report.numbers import count, counted, listed, share, span
from stillhunt.report.words import COLUMNS, plain

UNTOLD = frozenset({"other", "unknown", "unclassified", "none", ""})
NAMED_FROM = 0.1
NAMED_AT_MOST = 2
MOSTLY = 0.5


def summary_sentences(hunt: Hunt) -> list[str]:
    """
    What a hunt found, in sentences: the whole first, then one for each campaign.

    A hunt without campaigns says what was looked at, and what could and could not be seen.
    """
    if not hunt.n_exchanges:
        return ["No call was read, so nothing was looked at and nothing can be said."]
    if not hunt.campaigns:
        return nothing_found(hunt)
    return [*found(hunt), *(f"{c.id}: {campaign_sentence(c)}" for c in hunt.campaigns)]


def found(hunt: Hunt) -> list[str]:
    """The accused accounts and their calls, then how much of the log that is, then who is not accused."""
    n_accounts = len(set(chain.from_iterable(c.accounts for c in hunt.campaigns)))
    n_calls = sum(c.profile.n_exchanges for c in hunt.campaigns)
    where = "one campaign" if len(hunt.campaigns) == 1 else f"{count(len(hunt.campaigns))} campaigns"
    when = span(min(c.profile.first_seen for c in hunt.campaigns), max(c.profile.last_seen for c in hunt.campaigns))
    what = capabilities_clause(pooled_capabilities(hunt))
    sentences = [
        f"{counted(n_accounts, 'account')} in {where} made {counted(n_calls, 'call')} {when}{what}.",
        f"That is {share(n_calls / hunt.n_exchanges)} of the {counted(hunt.n_exchanges, 'call')} and "
        f"{share(n_accounts / max(hunt.n_accounts, 1))} of the {counted(hunt.n_accounts, 'account')} "
        "in the log.",
    ]
    if hunt.linked:
        sentences.append(linked_sentence(hunt))
    return sentences


def nothing_found(hunt: Hunt) -> list[str]:
    """No campaign: what was looked at, what was linked all the same, what could and could not be seen."""
    when = "" if hunt.first_seen is None or hunt.last_seen is None else " " + span(hunt.first_seen, hunt.last_seen)
    sentences = [
        f"No campaign was found in {counted(hunt.n_exchanges, 'call')} "
        f"by {counted(hunt.n_accounts, 'account')} of {counted(hunt.n_owners, 'owner')}{when}.",
        linked_sentence(hunt) if hunt.linked else "No set of accounts shares more than chance allows.",
    ]
    seen, unseen = visible(hunt)
    if seen:
        sentences.append(f"The run could see {listed(seen)}.")
    if unseen:
        sentences.append(f"The log does not hold {listed(unseen, 'or')}, so nothing was looked for there.")
    sentences.append(
        "That nothing was found is not proof that nothing is there: campaigns too small, too quiet or "
        "without a trait in common cannot be told from chance."
    )
    return sentences


def campaign_sentence(campaign: Campaign) -> str:
    """One campaign in one sentence: how many accounts, how many calls, when, of what kind."""
    profile = campaign.profile
    return (
        f"{counted(profile.n_accounts, 'account')} made {counted(profile.n_exchanges, 'call')} "
        f"{span(profile.first_seen, profile.last_seen)}{capabilities_clause(profile.capabilities)}."
    )


def linked_sentence(hunt: Hunt) -> str:
    """Sets of accounts that are linked, and that nobody in them is accused."""
    n = len(hunt.linked)
    further = "further " if hunt.campaigns else ""
    verb, them = ("is", "it") if n == 1 else ("are", "them")
    return f"{counted(n, further + 'set')} of accounts {verb} linked, and nobody in {them} is accused."


def capabilities_clause(capabilities: Mapping[str, float]) -> str:
    """The largest kinds of call, from a tenth of all upwards, as the end of a sentence, if known."""
    ranked = sorted(capabilities.items(), key=lambda item: (-item[1], item[0]))
    told = [(plain(k), v) for k, v in ranked if k not in UNTOLD and v >= NAMED_FROM][:NAMED_AT_MOST]
    if not told:
        return ""
    said = [f"{share(v)} {k}" for k, v in told]
    untold = sum(v for k, v in ranked if k in UNTOLD)
    if untold >= MOSTLY:
        said.append(f"{share(untold)} of other kinds")
    return f", {listed(said)}"


def pooled_capabilities(hunt: Hunt) -> Mapping[str, float]:
    """The kinds of call of all campaigns together, each campaign weighing as many calls as it made."""
    total = sum(c.profile.n_exchanges for c in hunt.campaigns)
    pooled: dict[str, float] = {}
    for campaign in hunt.campaigns:
        weight = campaign.profile.n_exchanges / max(total, 1)
        for label, part in campaign.profile.capabilities.items():
            pooled[label] = pooled.get(label, 0.0) + weight * part
    return pooled


def visible(hunt: Hunt) -> tuple[list[str], list[str]]:
    """The kinds of information that the log holds, and those that it does not, in plain words."""
    present = {c.column for c in hunt.coverage if c.present}
    absent = {c.column for c in hunt.coverage} - present
    return (
        [words for column, words in COLUMNS.items() if column in present],
        [words for column, words in COLUMNS.items() if column in absent],
    )
