"""
What makes strangers a group: one office, one card, one employer, one class, one hurry to sign up.

Each function changes some accounts in place.
"""

from __future__ import annotations

import numpy as np

from stillhunt.worlds.clock import HOUR
from stillhunt.worlds.drafts import Accounts
from stillhunt.worlds.ids import Ints, mix
from stillhunt.worlds.network import CLOUD, OFFICE, UTC_OFFSET_H, address, draw_countries
from stillhunt.worlds.population import flags, hashes, hours_since_start, mailbox, numbers
from stillhunt.worlds.topics import TOPICS


def one(rng: np.random.Generator) -> int:
    """Return one fresh identifier."""
    return int(numbers(rng, 1)[0])


def settle(accounts: Accounts, rng: np.random.Generator) -> int:
    """Put all accounts in one country and return it."""
    country = int(draw_countries(rng, 1)[0])
    accounts.country[:] = country
    accounts.billing[:] = country
    accounts.utc_offset_h[:] = UTC_OFFSET_H[country]
    return country


def behind(accounts: Accounts, rows: Ints, ips: Ints, share: float) -> None:
    """Send `share` of the calls of each account from its address in `ips`, the rest from where they were."""
    accounts.ips[rows, 0] = ips
    rest = accounts.ip_weight[rows]
    accounts.ip_weight[rows] = share + (1.0 - share) * rest
    accounts.ips[rows, 1] = np.where(rest[:, 0] > 0.5, ips, accounts.ips[rows, 1])


def in_one_office(accounts: Accounts, rng: np.random.Generator, share: float, hosts: int = 2) -> None:
    """Put the accounts behind one gateway with a few addresses, at sign-up too."""
    n = len(accounts)
    country = settle(accounts, rng)
    base = address(OFFICE, np.array([country]), hashes(rng, 1))[0] & ~np.int64(255)
    ips = base + 10 + rng.integers(0, hosts, n)
    behind(accounts, np.arange(n), ips, share)
    accounts.signup_ip = np.where(flags(rng, n, 0.75), ips, accounts.signup_ip)


def on_servers(accounts: Accounts, rng: np.random.Generator, machines: int, share: float = 0.97) -> None:
    """Send the calls from a few machines of one cloud region."""
    n = len(accounts)
    country = settle(accounts, rng)
    pool = address(CLOUD, np.full(machines, country), hashes(rng, machines))
    behind(accounts, np.arange(n), pool[rng.integers(0, machines, n)], share)


def pay_with(accounts: Accounts, rows: Ints, card: int, like: int) -> None:
    """Give the accounts one card; issuer, funding and country are those of account `like`."""
    accounts.card[rows] = card
    for name in ("card_bin", "funding", "billing"):
        column = getattr(accounts, name)
        column[rows] = column[like]


def employ(
    accounts: Accounts, rng: np.random.Generator, *, declared: bool, domain: bool = True, card: float = 1.0
) -> None:
    """
    Make the accounts one organisation.

    `declared` writes the org id; `domain` uses the employer's mail domain; `card` is the share that pays
    with the
    company card, the rest pay themselves.
    """
    n = len(accounts)
    accounts.org[:] = one(rng) if declared else -1
    if domain:
        accounts.email_domain[:] = one(rng)
    pays = np.flatnonzero(flags(rng, n, card))
    if len(pays):
        pay_with(accounts, pays, one(rng), int(pays[0]))


def work_on(
    accounts: Accounts, rng: np.random.Generator, subjects: int, projects: int, language: int | None = None
) -> None:
    """Give the accounts a company's subjects: topics from a few, identifiers from a few shared code bases."""
    n = len(accounts)
    pool = rng.integers(0, TOPICS, subjects)
    accounts.topics = pool[rng.integers(0, subjects, (n, 3))]
    accounts.project = numbers(rng, projects)[rng.integers(0, projects, n)]
    if language is not None:
        accounts.language[:] = language


def same_client(accounts: Accounts, rng: np.random.Generator, share: float) -> None:
    """Give `share` of the accounts the client stack of the first: one machine image, one internal package."""
    rows = flags(rng, len(accounts), share)
    accounts.stacks[rows] = accounts.stacks[0]
    accounts.stack_share[rows] = 0.98


def share_template(
    accounts: Accounts, rng: np.random.Generator, share: float, wrap: int, system: int = 2
) -> int:
    """Make `share` of the accounts call with one internal template and return its key."""
    key = one(rng)
    rows = flags(rng, len(accounts), share)
    accounts.template[rows] = key
    accounts.system[rows] = system
    accounts.wrap[rows] = wrap
    accounts.app[rows] = -1
    return key


def leave_apps(accounts: Accounts, rng: np.random.Generator) -> None:
    """Take the accounts out of the popular app they were drawn into."""
    rows = accounts.app >= 0
    accounts.app[rows] = -1
    accounts.template[rows] = -1
    accounts.system[rows] = (mix(accounts.project[rows], 77) % np.uint64(2)).astype(np.int64)
    accounts.wrap[rows] = 0
    accounts.adopts_h[rows] = rng.integers(0, 500, int(rows.sum()))


def sign_up(
    accounts: Accounts, rng: np.random.Generator, at: int, within_h: float, share: float = 1.0
) -> None:
    """Let `share` of the accounts sign up within some hours of one moment (µs since 1970)."""
    n = len(accounts)
    rows = flags(rng, n, share)
    burst = at + np.rint(rng.random(n) * within_h * HOUR).astype(np.int64)
    accounts.created = np.where(rows, burst, accounts.created)
    accounts.first_h = hours_since_start(accounts.created)


def active(accounts: Accounts, first_h: int, last_h: int) -> None:
    """Limit the accounts' own traffic to part of the window, in hours from its start."""
    accounts.first_h = np.maximum(accounts.first_h, first_h)
    accounts.last_h[:] = last_h


def use_free_mail(accounts: Accounts, rng: np.random.Generator, share: float) -> None:
    """Give `share` of the accounts a public mailbox."""
    rows = flags(rng, len(accounts), share)
    accounts.email_domain = np.where(rows, mailbox(rng, len(accounts)), accounts.email_domain)
