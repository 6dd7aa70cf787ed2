"""Honest customers that hand things on, or bring them along: the look-alikes of the exact joins. For the world `joins`."""

from __future__ import annotations

import numpy as np

from stillhunt.worlds import groups
from stillhunt.worlds.catalogue import Catalogue
from stillhunt.worlds.clock import END, HOUR, OFFICE_HOURS, SECOND, START
from stillhunt.worlds.drafts import NO, Accounts, Block, concat_calls
from stillhunt.worlds.lookalikes import Rng, some_time_ago
from stillhunt.worlds.population import MIXTURES, flags, hashes, strangers, volumes
from stillhunt.worlds.traffic import calls_of, carried_over, tasks

MINUTE = 60 * SECOND
TEAM = 5


def _office(size: int, things: Catalogue, rng: Rng, cohort: int) -> Accounts:
    """Return people of one office who pay for themselves, undeclared, with mail of their own choice."""
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.in_one_office(accounts, rng, 0.6, 3)
    groups.employ(accounts, rng, declared=False, domain=False, card=0.0)
    groups.work_on(accounts, rng, 6, max(2, size // TEAM))
    groups.same_client(accounts, rng, 0.7)
    groups.sign_up(accounts, rng, some_time_ago(rng), 24 * 20, 0.6)
    accounts.rhythm[:] = OFFICE_HOURS
    return accounts


def transcript_store(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """Teams of five that keep their conversations in one store: whoever has time goes on where a colleague stopped."""
    accounts = _office(size, things, rng, cohort)
    groups.share_template(accounts, rng, 0.9, 1)
    accounts.model[:] = 2
    accounts.calls = volumes(rng, size, 25.0, 0.7)
    before = rng.integers(0, size, size * 12)
    after = before // TEAM * TEAM + rng.integers(0, TEAM, len(before))
    kept = (after < size) & (after != before)
    before, after = before[kept], after[kept]
    at = rng.integers(START, END - 3 * HOUR, len(before))
    later = at + rng.integers(5 * MINUTE, 3 * HOUR, len(before))
    calls = carried_over(accounts, before, after, at, later, rng)
    half = len(before)
    calls.quote[half:] = np.where(flags(rng, half, 0.5), np.arange(half), NO)
    return Block(accounts, calls)


def vendor_move(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """A company that has just come from another vendor and goes on with the conversations it had there."""
    accounts = _office(size, things, rng, cohort)
    accounts.foreign_share[:] = 0.8
    accounts.history_share[:] = 0.8
    accounts.session_length[:] = rng.uniform(3.0, 8.0, size)
    accounts.calls = volumes(rng, size, 30.0, 0.7)
    return Block(accounts)


def spare_accounts(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """A class in which everybody has two or three accounts and goes on with the next when one is at its limit."""
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.in_one_office(accounts, rng, 0.6, 4)
    groups.use_free_mail(accounts, rng, 1.0)
    groups.sign_up(accounts, rng, some_time_ago(rng), 48, 0.8)
    groups.share_template(accounts, rng, 0.9, 1)
    accounts.calls = volumes(rng, size, 10.0, 0.8)
    person = np.arange(size) // 3
    n = size * 12
    doer = rng.integers(0, size, n)
    work = tasks(rng, 300, MIXTURES[2], topics=8, projects=2)
    chosen = work.take(rng.integers(0, 300, n))
    chosen = chosen._replace(text=np.where(flags(rng, n, 0.7), hashes(rng, n), chosen.text))
    at = rng.integers(START, END - HOUR, n)
    template = int(accounts.template[accounts.template >= 0][0]) if (accounts.template >= 0).any() else groups.one(rng)
    calls = calls_of(doer, at, chosen, template=template, system=2, wrap=1)
    limited = flags(rng, n, 0.15)
    calls.ends = np.where(limited, 2, NO)
    again = calls.take(np.flatnonzero(limited))
    spare = person[again.account] * 3 + (again.account + rng.integers(1, 3, len(again))) % 3
    again.account = np.where(spare < size, spare, again.account)
    again.at = again.at + rng.integers(10 * SECOND, 5 * MINUTE, len(again))
    again.ends[:] = NO
    return Block(accounts, concat_calls([calls, again]))

