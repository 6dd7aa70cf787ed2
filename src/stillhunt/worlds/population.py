"""
Customers who have nothing to do with each other: the population that everything else is hidden in.

Volumes are heavy-tailed, subjects are each customer's own, and what they share (apps, client libraries, mail
providers, crowded networks) is shared by popularity alone.
"""

from __future__ import annotations

import numpy as np

from stillhunt.worlds.catalogue import APPS, Catalogue, draw_stacks
from stillhunt.worlds.clock import DAY, DAYS, HOUR, START
from stillhunt.worlds.drafts import IPS, NO, Accounts
from stillhunt.worlds.ids import Bools, Floats, Hashes, Ints, mix
from stillhunt.worlds.network import (
    CLOUD,
    EGRESS,
    HOME,
    HOSTING,
    MAIN_LANGUAGE,
    MOBILE,
    OFFICE,
    UTC_OFFSET_H,
    VPN,
    address,
    draw_countries,
    draw_regions,
    neighbour,
)
from stillhunt.worlds.topics import TOPICS
from stillhunt.worlds.words import FREE_MAIL

MAILBOXES = len(FREE_MAIL.split())
MIXTURES: Floats = np.array(
    [
        [0.78, 0.08, 0.04, 0.01, 0.02, 0.00, 0.00, 0.07],
        [0.30, 0.52, 0.05, 0.02, 0.02, 0.00, 0.00, 0.09],
        [0.10, 0.02, 0.58, 0.05, 0.02, 0.01, 0.02, 0.20],
        [0.04, 0.02, 0.06, 0.60, 0.14, 0.03, 0.00, 0.11],
        [0.06, 0.03, 0.08, 0.12, 0.58, 0.02, 0.01, 0.10],
        [0.03, 0.03, 0.06, 0.10, 0.06, 0.60, 0.06, 0.06],
        [0.01, 0.00, 0.02, 0.00, 0.05, 0.03, 0.72, 0.17],
        [0.10, 0.03, 0.06, 0.02, 0.05, 0.02, 0.03, 0.69],
    ]
)
"""Share of each class of `frames.CLASSES` (columns) in the traffic of eight kinds of customer (rows)."""
_MIXTURE_SHARES = np.array([0.28, 0.10, 0.10, 0.04, 0.06, 0.02, 0.07, 0.33])
LICENCES = ("", "reseller", "distillation", "red_team")
PROGRAMMES = ("startup", "education", "research", "red_team")
PLANS = ("pay_as_you_go", "pro", "team", "enterprise", "free_trial")
CHANNELS = ("web", "console", "partner", "sales", "mobile")
BINS = 400


def numbers(rng: np.random.Generator, n: int) -> Ints:
    """Return `n` fresh identifiers of 62 bits."""
    return rng.integers(1 << 20, 1 << 62, n, dtype=np.int64)


def hashes(rng: np.random.Generator, n: int) -> Hashes:
    """Return `n` fresh 64-bit hashes."""
    return rng.integers(0, 1 << 63, n, dtype=np.uint64)


def flags(rng: np.random.Generator, n: int, share: float) -> Bools:
    """Return `n` coin tosses with the given chance of true."""
    return rng.random(n) < share


def volumes(rng: np.random.Generator, n: int, median: float, sigma: float, most: int = 4000) -> Ints:
    """Return log-normal numbers of calls, at least one and at most `most`."""
    return np.clip(np.rint(median * np.exp(sigma * rng.standard_normal(n))), 1, most).astype(np.int64)


def mailbox(rng: np.random.Generator, n: int) -> Ints:
    """Return public mailbox providers by popularity."""
    weight = 1.0 / np.arange(1, MAILBOXES + 1) ** 1.3
    return rng.choice(MAILBOXES, n, p=weight / weight.sum()).astype(np.int64)


def card_bins(rng: np.random.Generator, n: int) -> Ints:
    """Return issuer numbers with Zipf popularity."""
    weight = 1.0 / (np.arange(BINS) + 3.0)
    return rng.choice(BINS, n, p=weight / weight.sum()).astype(np.int64)


def draw_topics(rng: np.random.Generator, n: int) -> tuple[Ints, Floats]:
    """Return three topics and their cumulative Dirichlet weights for each of `n` customers."""
    topics = rng.integers(0, TOPICS, (n, 3), dtype=np.int64)
    weight = rng.gamma(np.array([[1.6, 0.5, 0.25]]), 1.0, (n, 3)) + 1e-9
    total = np.cumsum(weight, axis=1)
    return topics, total / total[:, -1:]


def home_addresses(rng: np.random.Generator, country: Ints) -> tuple[Ints, Floats, Ints, Floats]:
    """
    Return addresses, cumulative weights, and the roaming kind and share of ordinary customers.

    A third works from home, others from servers, serverless platforms, offices, VPNs or phones; most have a
    second place, and home addresses change a few times inside their /24.
    """
    n = len(country)
    kinds = np.array([HOME, CLOUD, EGRESS, OFFICE, VPN, MOBILE, HOSTING])
    shares = np.array([0.36, 0.27, 0.12, 0.10, 0.05, 0.05, 0.05])
    ips = np.zeros((n, IPS), dtype=np.int64)
    for slot in (0, 3):
        kind = rng.choice(kinds, n, p=shares)
        abroad = np.isin(kind, (CLOUD, EGRESS, VPN, HOSTING)) | flags(rng, n, 0.05)
        where = np.where(abroad, draw_regions(rng, country), country)
        for each in kinds:
            rows = np.flatnonzero(kind == each)
            ips[rows, slot] = address(int(each), where[rows], hashes(rng, len(rows)))
        moves = kind == HOME
        for extra in (1, 2):
            near = neighbour(ips[:, slot], hashes(rng, n))
            ips[:, slot + extra] = np.where(moves, near, ips[:, slot])
    weight = np.concatenate([rng.gamma(1.0, 1.0, (n, 3)), rng.gamma(0.3, 0.6, (n, 3))], axis=1) + 1e-9
    weight[:, 3:] *= flags(rng, n, 0.45)[:, None]
    total = np.cumsum(weight, axis=1)
    roam = np.where(flags(rng, n, 0.2), rng.choice([MOBILE, VPN, EGRESS], n), NO).astype(np.int64)
    return ips, total / total[:, -1:], roam, rng.beta(1.0, 4.0, n)


def signup_times(rng: np.random.Generator, n: int) -> Ints:
    """Return sign-up times spread over the fourteen months before the window, one in eight during it."""
    before = START - np.rint(rng.beta(1.0, 1.6, n) * 420 * DAY).astype(np.int64)
    during = START + rng.integers(0, (DAYS - 2) * DAY, n)
    return np.where(flags(rng, n, 0.13), during, before)


def hours_since_start(at: Ints) -> Ints:
    """Return whole hours from the start of the window, zero for times before it."""
    return np.maximum((at - START) // HOUR, 0)


def strangers(rng: np.random.Generator, n: int, cohort: int, things: Catalogue) -> Accounts:
    """Return `n` customers who share nothing but what is popular."""
    country = draw_countries(rng, n)
    offset = UTC_OFFSET_H[country]
    ips, ip_weight, roam, roam_share = home_addresses(rng, country)
    topics, topic_weight = draw_topics(rng, n)
    created = signup_times(rng, n)
    first_h = hours_since_start(created)
    in_app = flags(rng, n, 0.27)
    weight = 1.0 / np.arange(1, APPS + 1)
    app = np.where(in_app, rng.choice(APPS, n, p=weight / weight.sum()), NO).astype(np.int64)
    own_domain = flags(rng, n, 0.16)
    org = np.where(flags(rng, n, 0.14), numbers(rng, n), NO)
    stacks = np.stack([draw_stacks(rng, n), draw_stacks(rng, n)], axis=1)
    accounts = Accounts(
        cohort=np.full(n, cohort, dtype=np.int64),
        campaign=np.full(n, NO, dtype=np.int64),
        verified=flags(rng, n, 0.0),
        created=created,
        org=org,
        plan=rng.choice(5, n, p=[0.5, 0.2, 0.12, 0.05, 0.13]).astype(np.int64),
        programme=np.where(flags(rng, n, 0.06), rng.integers(0, 3, n), NO).astype(np.int64),
        channel=rng.choice(5, n, p=[0.5, 0.25, 0.08, 0.05, 0.12]).astype(np.int64),
        referral=np.where(flags(rng, n, 0.07), rng.integers(1, max(n // 12, 2), n), NO).astype(np.int64),
        email=numbers(rng, n),
        email_domain=np.where(own_domain, numbers(rng, n), mailbox(rng, n)),
        phone=np.where(flags(rng, n, 0.55), numbers(rng, n), NO),
        card=numbers(rng, n),
        card_bin=card_bins(rng, n),
        funding=rng.choice(4, n, p=[0.5, 0.3, 0.14, 0.06]).astype(np.int64),
        billing=country.copy(),
        signup_ip=np.where(flags(rng, n, 0.7), ips[:, 0], ips[:, 3]),
        signup_device=np.where(flags(rng, n, 0.8), numbers(rng, n), NO),
        licence=np.zeros(n, dtype=np.int64),
        country=country,
        utc_offset_h=offset,
        language=np.where(flags(rng, n, 0.45), MAIN_LANGUAGE[country], 0),
        any_language=flags(rng, n, 0.0),
        topics=topics,
        topic_weight=topic_weight,
        project=numbers(rng, n),
        mixture=rng.choice(8, n, p=_MIXTURE_SHARES).astype(np.int64),
        app=app,
        template=np.full(n, NO, dtype=np.int64),
        system=(flags(rng, n, 0.6)).astype(np.int64),
        wrap=np.zeros(n, dtype=np.int64),
        stacks=stacks,
        stack_share=rng.beta(6.0, 1.0, n),
        ips=ips,
        ip_weight=ip_weight,
        roam=roam,
        roam_share=roam_share,
        device=np.where(flags(rng, n, 0.35), numbers(rng, n), NO),
        end_users=np.where(flags(rng, n, 0.03), rng.integers(3, 60, n), 0),
        model=rng.choice(3, n, p=[0.5, 0.3, 0.2]).astype(np.int64),
        adopts_h=np.rint(rng.exponential(200.0, n)).astype(np.int64)
        + np.where(flags(rng, n, 0.5), 0, 10_000),
        temperature=np.where(
            flags(rng, n, 0.45), np.round(rng.choice([0.0, 0.2, 0.5, 0.7, 0.8, 1.0], n), 2), np.nan
        ),
        max_tokens=np.where(flags(rng, n, 0.5), rng.choice([512, 1024, 2048, 4096, 8192], n), NO).astype(
            np.int64
        ),
        tools=np.where(flags(rng, n, 0.15), numbers(rng, n), NO),
        history_share=np.where(flags(rng, n, 0.45), rng.beta(4.0, 1.5, n), 0.0),
        foreign_share=np.where(flags(rng, n, 0.05), 0.3, 0.0),
        repeat_share=rng.beta(0.6, 7.0, n),
        rhythm=rng.choice(5, n, p=[0.48, 0.24, 0.12, 0.1, 0.06]).astype(np.int64),
        session_length=1.0 + np.exp(0.9 + 0.8 * rng.standard_normal(n)),
        gap_s=np.exp(3.8 + 1.0 * rng.standard_normal(n)),
        burst=np.exp(-0.3 + 1.0 * rng.standard_normal(n)),
        calls=volumes(rng, n, 8.0, 1.5),
        first_h=first_h,
        last_h=np.full(n, DAYS * 24, dtype=np.int64),
    )
    join_apps(accounts, np.flatnonzero(in_app), things)
    flat = np.isin(accounts.rhythm, (2, 3))
    accounts.burst[flat] *= 6.0
    accounts.gap_s[flat] *= 0.2
    return accounts


def join_apps(accounts: Accounts, rows: Ints, things: Catalogue) -> None:
    """Give the users of an app its template, its client stack and most of its subject matter."""
    app = accounts.app[rows]
    accounts.template[rows] = things.app_template[app]
    accounts.system[rows] = 2
    accounts.wrap[rows] = below_four(things.app_template[app])
    accounts.stacks[rows] = things.app_stack[app][:, None]
    accounts.mixture[rows] = things.app_class[app]
    accounts.adopts_h[rows] = things.app_model_hour[app]
    accounts.model[rows] = things.app_template[app] % 3
    accounts.tools[rows] = np.where(things.app_class[app] <= 1, things.app_template[app], NO)


def below_four(keys: Ints) -> Ints:
    """Return how an app wraps a request: with text before it, after it, both or neither."""
    return (mix(keys, 31) % np.uint64(4)).astype(np.int64)
