"""
Honest customers that look like a campaign, one function per kind: `kind(size, things, rng, cohort) -> Block`.

Each gives one group. They share cards, addresses, templates, prompts or clocks for the reasons real ones do.
This module holds those that have their own traffic; `lookalikes_batch` those that work off a list.
"""

from __future__ import annotations

import numpy as np

from stillhunt.worlds import groups
from stillhunt.worlds.catalogue import Catalogue
from stillhunt.worlds.clock import DAYS, END, EVENINGS, FLAT, HOUR, NIGHTS, OFFICE_HOURS, SECOND, START
from stillhunt.worlds.drafts import NO, Accounts, Block, concat_accounts
from stillhunt.worlds.ids import Ints
from stillhunt.worlds.network import CLOUD, VPN, address
from stillhunt.worlds.population import below_four, flags, hashes, numbers, strangers, volumes
from stillhunt.worlds.traffic import carried_over

Rng = np.random.Generator
_BEFORE_H = 24 * 200


def some_time_ago(rng: Rng) -> int:
    """Return a moment in the seven months before the window, in µs since 1970."""
    return START - int(rng.integers(48, _BEFORE_H)) * HOUR


def coding_app(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """One coding agent: thousands of strangers with the same template, tools and client."""
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    app = len(things.app_template) - 1 - int(rng.integers(0, 3))
    accounts.template[:] = things.app_template[app]
    accounts.system[:] = 2
    accounts.wrap[:] = below_four(things.app_template[[app]])
    accounts.stacks[:] = things.app_stack[app]
    accounts.mixture = rng.choice([0, 0, 1], size).astype(np.int64)
    accounts.tools[:] = groups.one(rng)
    accounts.calls = volumes(rng, size, 16.0, 1.2)
    accounts.history_share[:] = rng.beta(5.0, 2.0, size)
    accounts.adopts_h[:] = things.app_model_hour[app]
    return Block(accounts)


def explainability_logging(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    An app whose template asks for written-out reasoning in tags, for the audit logs of its
    unrelated customers.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    key = int(things.app_template[0]) ^ 0x77
    accounts.template[:] = key
    accounts.system[:] = 2
    accounts.wrap[:] = (8, 9, 4, 5)[key % 4]
    accounts.mixture = rng.choice([2, 3, 7, 7], size).astype(np.int64)
    accounts.stacks[:, 0] = accounts.stacks[0, 0]
    accounts.calls = volumes(rng, size, 14.0, 1.1)
    return Block(accounts)


def ci_fleet(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    Service accounts of one organisation on ephemeral runners: fresh addresses, all hours, the same
    jobs again.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.settle(accounts, rng)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.8))
    groups.work_on(accounts, rng, 3, 2)
    groups.same_client(accounts, rng, 1.0)
    groups.share_template(accounts, rng, 0.8, 1)
    groups.sign_up(accounts, rng, some_time_ago(rng), 24 * 60, 0.6)
    accounts.roam[:], accounts.roam_share[:] = CLOUD, 0.95
    accounts.rhythm = rng.choice([FLAT, OFFICE_HOURS], size).astype(np.int64)
    accounts.mixture[:] = 0
    accounts.repeat_share = rng.beta(5.0, 5.0, size)
    accounts.calls = volumes(rng, size, 55.0, 0.7)
    accounts.burst[:] = 6.0
    return Block(accounts)


def nat_company(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """A company behind one gateway; some of its people pay with their own cards and undeclared accounts."""
    accounts = strangers(rng, size, cohort, things)
    own_cards = bool(rng.random() < 0.4)
    groups.in_one_office(accounts, rng, float(rng.uniform(0.6, 0.95)), int(rng.integers(1, 5)))
    groups.employ(
        accounts,
        rng,
        declared=bool(rng.random() < 0.72),
        domain=bool(rng.random() < 0.85),
        card=0.25 if own_cards else 0.95,
    )
    groups.work_on(accounts, rng, 8, max(3, size // 6))
    groups.same_client(accounts, rng, float(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.5:
        groups.share_template(accounts, rng, float(rng.uniform(0.2, 0.7)), int(rng.choice([0, 1, 3])))
    groups.sign_up(
        accounts, rng, some_time_ago(rng), float(rng.choice([4, 24 * 30])), float(rng.uniform(0.1, 0.7))
    )
    accounts.rhythm[:] = OFFICE_HOURS
    accounts.adopts_h[:] = int(rng.integers(4, 400))
    accounts.calls = volumes(rng, size, 11.0, 1.1)
    return Block(accounts)


def _resell(accounts: Accounts, rng: Rng, most_users: int, median: float) -> None:
    size = len(accounts)
    groups.leave_apps(accounts, rng)
    accounts.end_users = rng.integers(8, most_users, size)
    accounts.rhythm[:] = FLAT
    accounts.burst[:] = 8.0
    accounts.calls = volumes(rng, size, median, 0.7)
    accounts.system[:] = 0


def licensed_aggregator(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    A router of requests with a reseller's contract: many upstream accounts, every subject and
    client behind each.
    """
    accounts = strangers(rng, size, cohort, things)
    _resell(accounts, rng, 120, 100.0)
    groups.on_servers(accounts, rng, 10)
    groups.employ(accounts, rng, declared=True, card=float(rng.choice([0.3, 1.0])))
    groups.same_client(accounts, rng, 1.0)
    groups.sign_up(accounts, rng, some_time_ago(rng), 72, 0.7)
    accounts.licence[:] = 1
    before = rng.integers(0, size, size * 6)
    after = (before + rng.integers(1, max(size, 2), len(before))) % size
    at = rng.integers(START, END - HOUR, len(before))
    later = at + rng.integers(5 * SECOND, HOUR // 2, len(before))
    return Block(accounts, carried_over(accounts, before, after, at, later, rng))


def white_label_reseller(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """An agency that pays for its clients' accounts with one card, mail and org often the clients' own."""
    accounts = strangers(rng, size, cohort, things)
    _resell(accounts, rng, 40, 60.0)
    groups.on_servers(accounts, rng, 4)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.6), domain=bool(rng.random() < 0.5))
    groups.share_template(accounts, rng, 0.9, int(rng.choice([0, 1, 3])))
    groups.same_client(accounts, rng, 1.0)
    return Block(accounts)


def vpn_users(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """Strangers behind the few exits of one VPN provider."""
    accounts = strangers(rng, size, cohort, things)
    exits = address(VPN, rng.integers(0, 12, 9), hashes(rng, 9))
    for slot in range(accounts.ips.shape[1]):
        hop = flags(rng, size, 0.7)
        accounts.ips[:, slot] = np.where(hop, exits[rng.integers(0, 9, size)], accounts.ips[:, slot])
    accounts.signup_ip = np.where(flags(rng, size, 0.8), exits[rng.integers(0, 9, size)], accounts.signup_ip)
    return Block(accounts)


def support_bot(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """One customer service in twelve languages, one account per shop or market, around the clock."""
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.on_servers(accounts, rng, 3)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.7), card=float(rng.choice([0.1, 1.0])))
    groups.work_on(accounts, rng, 2, 1)
    groups.share_template(accounts, rng, 1.0, int(rng.choice([0, 1, 3])))
    groups.same_client(accounts, rng, 1.0)
    accounts.any_language[:] = True
    accounts.mixture[:] = 7
    accounts.rhythm[:] = FLAT
    accounts.burst[:] = 12.0
    accounts.repeat_share = rng.beta(3.0, 8.0, size)
    accounts.calls = volumes(rng, size, 150.0, 0.5)
    return Block(accounts)


def key_migration(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    An organisation that moves to new accounts within a day: the same people, work and conversations
    go on.
    """
    old = max(size // 2, 2)
    accounts = strangers(rng, old, cohort, things)
    groups.in_one_office(accounts, rng, 0.7)
    groups.work_on(accounts, rng, 4, old)
    groups.same_client(accounts, rng, 0.7)
    groups.employ(accounts, rng, declared=True, card=1.0)
    accounts.calls = volumes(rng, old, 14.0, 0.9)
    new = accounts.take(np.arange(old))
    move_h = int(rng.integers(5, 16)) * 24 + 9
    accounts.last_h[:] = move_h
    groups.sign_up(new, rng, START + move_h * HOUR, 8)
    new.email = numbers(rng, old)
    new.email_domain[:] = accounts.email_domain if rng.random() < 0.5 else groups.one(rng)
    new.org[:] = accounts.org if rng.random() < 0.5 else groups.one(rng)
    new.card[:] = accounts.card if rng.random() < 0.5 else groups.one(rng)
    new.device = np.where(flags(rng, old, 0.5), accounts.device, NO)
    new.foreign_share[:] = 0.15
    people = np.repeat(np.arange(old), 2)
    at = START + move_h * HOUR - rng.integers(1, 12 * HOUR, len(people))
    later = START + (move_h + 8) * HOUR + rng.integers(1, 12 * HOUR, len(people))
    everyone = concat_accounts([accounts, new])
    return Block(everyone, carried_over(everyone, people, people + old, at, later, rng))


def red_team(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """Registered testers of the safeguards: many refusals, burner identities, permission on file."""
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.5), domain=False, card=0.5)
    groups.use_free_mail(accounts, rng, 0.9)
    groups.same_client(accounts, rng, 0.8)
    groups.sign_up(accounts, rng, some_time_ago(rng), 48, 0.8)
    accounts.programme[:] = 3
    accounts.licence[:] = 3
    accounts.mixture[:] = 5
    accounts.system[:] = 0
    accounts.calls = volumes(rng, size, 40.0, 0.7)
    return Block(accounts)


def overnight_agents(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """Unrelated people who let an agent loop until morning, or for days."""
    accounts = strangers(rng, size, cohort, things)
    accounts.rhythm = rng.choice([NIGHTS, FLAT, FLAT], size).astype(np.int64)
    accounts.mixture = rng.choice([0, 1], size).astype(np.int64)
    accounts.gap_s[:] = np.exp(2.5 + 0.5 * rng.standard_normal(size))
    accounts.session_length[:] = rng.uniform(10.0, 60.0, size)
    accounts.tools = np.where(accounts.tools < 0, numbers(rng, size), accounts.tools)
    accounts.history_share[:] = rng.beta(8.0, 2.0, size)
    accounts.burst[:] = rng.uniform(0.5, 8.0, size)
    accounts.calls = volumes(rng, size, 110.0, 0.8)
    return Block(accounts)


def hackathon(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    One weekend in one hall: same gateway, same hour of sign-up, same code, same starter template;
    own projects.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.in_one_office(accounts, rng, 0.85, 3)
    groups.use_free_mail(accounts, rng, 0.9)
    start = 24 * int(rng.choice([4, 11, 11, 18]))
    start_us = START + (start + 9) * HOUR
    groups.sign_up(accounts, rng, start_us, 4)
    groups.active(accounts, start, min(start + 72, DAYS * 24))
    groups.share_template(accounts, rng, 0.75, int(rng.choice([0, 1, 3])))
    groups.same_client(accounts, rng, 0.6)
    teams: Ints = rng.integers(0, max(size // 4, 1), size)
    accounts.project = numbers(rng, size)[teams]
    accounts.topics = rng.integers(0, 150, (size, 3))[teams]
    accounts.referral[:] = groups.one(rng)
    accounts.rhythm[:] = EVENINGS
    accounts.plan[:] = 4 if rng.random() < 0.5 else 0
    accounts.org[:] = NO
    accounts.calls = volumes(rng, size, 22.0, 0.8)
    accounts.burst[:] = 3.0
    return Block(accounts)
