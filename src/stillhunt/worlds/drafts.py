"""
Accounts and calls before they become Arrow: plain arrays, one entry per account or call.

Every customer, honest or not, is one row with the same fields, filled by `population.strangers` first and
changed by what makes a cohort special. So nothing but behaviour can tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from stillhunt.worlds.ids import Bools, Floats, Hashes, Ints

IPS = 6
NO = -1


@dataclass(kw_only=True, slots=True)
class Accounts:
    """
    Accounts as parallel arrays; -1 is "none" throughout, times are µs since 1970, identifiers are 62-bit
    numbers.

    `mixture` is the index of the mixture of request classes; `ips` has shape (n, 6) with weights `ip_weight`;
    `roam` is the kind of network from which each session draws a fresh address with chance `roam_share`.
    """

    cohort: Ints
    campaign: Ints
    verified: Bools
    created: Ints
    org: Ints
    plan: Ints
    programme: Ints
    channel: Ints
    referral: Ints
    email: Ints
    email_domain: Ints
    phone: Ints
    card: Ints
    card_bin: Ints
    funding: Ints
    billing: Ints
    signup_ip: Ints
    signup_device: Ints
    licence: Ints
    country: Ints
    utc_offset_h: Ints
    language: Ints
    any_language: Bools
    topics: Ints
    topic_weight: Floats
    project: Ints
    mixture: Ints
    app: Ints
    template: Ints
    system: Ints
    wrap: Ints
    stacks: Ints
    stack_share: Floats
    ips: Ints
    ip_weight: Floats
    roam: Ints
    roam_share: Floats
    device: Ints
    end_users: Ints
    model: Ints
    adopts_h: Ints
    temperature: Floats
    max_tokens: Ints
    tools: Ints
    history_share: Floats
    foreign_share: Floats
    repeat_share: Floats
    rhythm: Ints
    session_length: Floats
    gap_s: Floats
    burst: Floats
    calls: Ints
    first_h: Ints
    last_h: Ints

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.cohort)

    def take(self, rows: Ints) -> Accounts:
        """Return copies of the given accounts."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(kw_only=True, slots=True)
class Calls:
    """
    Calls as parallel arrays; `account` indexes the accounts of the same block.

    `system` is 0 none, 1 the account's own words, 2 the template's; `wrap` adds 1 text before, 2 text after,
    4 a reasoning request after, 8 a reasoning request in the system prompt. `quote` and `replay` are
    indices of
    calls in the same block: whose answer the prompt quotes, whose reasoning block is presented. `ends` is how
    the call ends: -1 by chance, 1 error, 2 rate limited, 3 blocked, 4 refused.
    """

    account: Ints
    at: Ints
    end_user: Ints
    text: Hashes
    topic: Ints
    language: Ints
    kind: Ints
    project: Ints
    template: Ints
    system: Ints
    wrap: Ints
    harvest: Ints
    temperature: Floats
    seeded: Bools
    single: Bools
    foreign: Bools
    quote: Ints
    replay: Ints
    model: Ints
    ends: Ints

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.account)

    def take(self, rows: Ints) -> Calls:
        """
        Return the given calls; what they quote or replay must be -1 or is looked up again by the
        caller.
        """
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(slots=True)
class Block:
    """
    Accounts that belong together, the calls that make them special, and the accounts banned, with
    times.
    """

    accounts: Accounts
    calls: Calls | None = None
    bans: tuple[tuple[int, int], ...] = ()
    """`(account index in the block, µs since 1970)`."""


def concat_accounts(parts: Sequence[Accounts]) -> Accounts:
    """Return all accounts one after the other."""
    return Accounts(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Accounts)})


def concat_calls(parts: Sequence[Calls]) -> Calls:
    """Return all calls one after the other; `quote` and `replay` are moved along."""
    joined = Calls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Calls)})
    shift = np.repeat(np.cumsum([0] + [len(p) for p in parts[:-1]]), [len(p) for p in parts])
    joined.quote = np.where(joined.quote >= 0, joined.quote + shift, NO)
    joined.replay = np.where(joined.replay >= 0, joined.replay + shift, NO)
    return joined


def concat_blocks(blocks: Sequence[Block]) -> tuple[Accounts, list[Calls], list[tuple[int, int]]]:
    """Return all accounts, the special calls with account numbers moved along, and the bans."""
    calls: list[Calls] = []
    bans: list[tuple[int, int]] = []
    first = 0
    for block in blocks:
        if block.calls is not None:
            calls.append(replace(block.calls, account=block.calls.account + first))
        bans += [(account + first, at) for account, at in block.bans]
        first += len(block.accounts)
    return concat_accounts([b.accounts for b in blocks]), calls, bans
