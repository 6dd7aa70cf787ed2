"""
Operators who run many accounts as one, six kinds of them, with everything else drawn at random.

What an operator does is a `Plan`; `campaign` carries it out. Accounts start as strangers like all others, and
adopt each shared thing (card, proxy, client, mail domain) with a chance below one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillhunt.worlds import clock, groups
from stillhunt.worlds.catalogue import Catalogue
from stillhunt.worlds.clock import DAY, DAYS, EVENINGS, FLAT, HOUR, OFFICE_HOURS, START
from stillhunt.worlds.drafts import NO, Accounts, Block, Calls, concat_calls
from stillhunt.worlds.ids import Bools, Ints
from stillhunt.worlds.lookalikes_batch import round_robin
from stillhunt.worlds.network import CLOUD, HOME, HOSTING, address, country_of, draw_countries, neighbour
from stillhunt.worlds.population import (
    MIXTURES,
    below_four,
    flags,
    hashes,
    hours_since_start,
    numbers,
    strangers,
    volumes,
)
from stillhunt.worlds.traffic import Tasks, calls_of, tasks

KINDS = ("hydra", "injected_prompt", "partitioned_queue", "best_of_k", "reseller_pool", "low_and_slow")
SMALLEST, LARGEST = 25, 400
Rng = np.random.Generator
MINUTE = 60 * clock.SECOND


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """
    How one operator works.

    `cards_k` accounts share a card, `proxies_k` a proxy, `domains_k` a mail domain (0: public mailboxes);
    `adopt` is the chance that an account takes each shared thing; `cover` the share of an account's calls
    that
    are its own; `wrap` and `hidden_in` say in which template tasks go out; `pools` is 2 when half of the
    accounts
    take over after the others are banned; `samples` is how many accounts get the same prompt.
    """

    kind: str
    size: int
    calls: int
    cards_k: int
    proxies_k: int
    domains_k: int
    adopt: float
    residential: float
    cover: float
    wrap: int
    hidden_in: int
    regulated: bool
    orderly: bool
    repeats: float
    mixture: int
    english: float
    first_h: int
    last_h: int
    signup_burst: bool
    pools: int
    pivots: bool
    samples: int
    judges: float


def plan(kind: str, size: int, rng: Rng) -> Plan:
    """Return an operator of that kind and size, everything else drawn."""
    slow = kind == "low_and_slow"
    days = DAYS - 1 if slow else int(rng.integers(9, DAYS))
    first_h = int(rng.integers(0, (DAYS - days) * 24 + 1))
    hidden = kind not in ("injected_prompt", "partitioned_queue") and rng.random() < 0.4
    cover = {"low_and_slow": rng.uniform(0.3, 0.5), "reseller_pool": rng.uniform(0.5, 0.7)}
    repeats = 0.0 if kind == "partitioned_queue" or rng.random() < 0.5 else float(rng.uniform(0.05, 0.2))
    return Plan(
        kind=kind,
        size=size,
        calls=int(rng.integers(20, 35 if slow else 61)),
        cards_k=int(rng.integers(2, 7)),
        proxies_k=int(rng.integers(3, 11)),
        domains_k=int(rng.choice([0, 0, 4, 8, 15])),
        adopt=float(rng.uniform(0.7, 0.9)),
        residential=0.5,
        cover=float(cover.get(kind, rng.uniform(0.05, 0.25))),
        wrap=int(rng.choice([4, 5])) if kind == "injected_prompt" else int(rng.choice([1, 3, 5, 7])),
        hidden_in=int(rng.integers(0, 6)) if hidden else NO,
        regulated=kind == "partitioned_queue" or rng.random() < 0.6,
        orderly=rng.random() < 0.6,
        repeats=repeats,
        mixture=int(rng.choice([0, 1, 2, 3, 4, 4, 2, 0])),
        english=float(rng.uniform(0.4, 1.0)),
        first_h=first_h,
        last_h=first_h + days * 24,
        signup_burst=bool(rng.random() < 0.5),
        pools=2 if size >= 60 and kind != "low_and_slow" and rng.random() < 0.3 else 1,
        pivots=bool(rng.random() < 0.5),
        samples=int(rng.integers(3, 7)) if kind == "best_of_k" else 1,
        judges=float(rng.choice([0.0, 0.0, 0.08])),
    )


def pooled(n: int, k: float, rng: Rng) -> Ints:
    """Return for each of `n` accounts one of so many shared things that `k` accounts share each."""
    return rng.integers(0, max(round(n / k), 1), n)


def _disguise(accounts: Accounts, p: Plan, rng: Rng) -> None:
    """Give the accounts their cards, mail domains and sign-up times."""
    n = len(accounts)
    accounts.org = np.where(flags(rng, n, 0.1), numbers(rng, n), NO)
    cards = pooled(n, p.cards_k, rng)
    rows = np.flatnonzero(flags(rng, n, p.adopt))
    first: dict[int, int] = {}
    fresh = numbers(rng, int(cards.max()) + 1)
    for row in rows.tolist():
        like = first.setdefault(int(cards[row]), row)
        groups.pay_with(accounts, np.array([row]), int(fresh[cards[row]]), like)
    groups.use_free_mail(accounts, rng, 1.0)
    if p.domains_k:
        # Disguise is part of what a campaign is: its domains look like those of at least eight customers.
        k = min(p.domains_k, n / 8)
        mine = numbers(rng, max(round(n / k), 1))[pooled(n, k, rng)]
        accounts.email_domain = np.where(flags(rng, n, p.adopt), mine, accounts.email_domain)
    start = START + p.first_h * HOUR - int(rng.integers(1, 60)) * DAY
    groups.sign_up(accounts, rng, start, 6.0 if p.signup_burst else 24 * 50.0, 0.85)
    accounts.created = np.minimum(accounts.created, START + p.first_h * HOUR - HOUR)
    accounts.first_h = hours_since_start(accounts.created)


def _proxies(accounts: Accounts, p: Plan, homes: Ints, rng: Rng) -> None:
    """Send the accounts through rotating proxies: each account its own random few, part of them in homes."""
    n = len(accounts)
    each = int(rng.integers(2, 5))
    count = max(round(n * each / p.proxies_k), each)
    where = draw_countries(rng, int(rng.choice([1, 1, 2, 3])))
    country = where[rng.integers(0, len(where), count)]
    accounts.billing = np.where(flags(rng, n, 0.7), where[rng.integers(0, len(where), n)], accounts.billing)
    home = flags(rng, count, p.residential)
    kind = int(rng.choice([HOSTING, CLOUD]))
    hosted = address(kind, country, hashes(rng, count))
    pool = np.where(home, _households(homes, country, rng), hosted)
    use = flags(rng, n, p.adopt)
    for slot in range(each):
        exits = pool[rng.integers(0, count, n)]
        exits = np.where(flags(rng, n, 0.3), neighbour(exits, hashes(rng, n)), exits)
        accounts.ips[:, slot] = np.where(use, exits, accounts.ips[:, slot])
    weight = np.cumsum(rng.gamma(2.0, 1.0, (n, accounts.ips.shape[1])) * (np.arange(6) < each), axis=1)
    accounts.ip_weight = np.where(use[:, None], weight / weight[:, -1:], accounts.ip_weight)
    accounts.roam = np.where(use, NO, accounts.roam)
    accounts.signup_ip = np.where(use & flags(rng, n, 0.6), accounts.ips[:, 0], accounts.signup_ip)


def _households(homes: Ints, country: Ints, rng: Rng) -> Ints:
    """Return one home proxy per country asked for: a customer's own line or one nearby where there is one."""
    n = len(country)
    found = address(HOME, country, hashes(rng, n))
    where = country_of(homes)
    for each in np.unique(country):
        lines = homes[where == each]
        rows = np.flatnonzero((country == each) & flags(rng, n, 0.7))
        if len(lines):
            found[rows] = lines[rng.integers(0, len(lines), len(rows))]
    return np.where(flags(rng, n, 0.4), neighbour(found, hashes(rng, n)), found)


def _clients(accounts: Accounts, p: Plan, things: Catalogue, rng: Rng) -> None:
    """Give the accounts the operator's one or two client stacks, or those of the app they hide in."""
    n = len(accounts)
    stacks = (
        things.app_stack[[p.hidden_in]] if p.hidden_in >= 0 else accounts.stacks[: int(rng.integers(1, 3)), 0]
    )
    use = flags(rng, n, p.adopt)
    accounts.stacks[use] = stacks[rng.integers(0, len(stacks), int(use.sum()))][:, None]
    accounts.temperature[:] = float(rng.choice([0.7, 0.8, 1.0])) if rng.random() < 0.5 else np.nan
    accounts.rhythm = np.where(flags(rng, n, 0.4), FLAT, accounts.rhythm)
    if p.pivots:
        accounts.adopts_h[:] = rng.integers(1, 20)
        accounts.model[:] = int(rng.choice([0, 2]))


def _queue(p: Plan, n: int, rng: Rng) -> Tasks:
    """
    Return the work to hand out: generated tasks on many topics, some of them twice where the plan
    repeats.
    """
    projects = int(rng.choice([0, 0, 400]))
    work = tasks(
        rng, n, MIXTURES[p.mixture], topics=int(rng.integers(60, 151)), projects=projects, english=p.english
    )
    again = flags(rng, n, p.repeats)
    source = np.where(again, rng.integers(0, n, n), np.arange(n))
    return work.take(source)


def _times(p: Plan, accounts: Accounts, doer: Ints, first: int, last: int, rng: Rng) -> Ints:
    """Return when each task is sent: by one regulated clock, or by each account's own in human hours."""
    n = len(doer)
    human = bool(rng.random() < 0.5)
    offset = int(rng.choice([-6, 1, 8, 8]))
    if p.regulated:
        at = clock.regulated(n, first, last, float(rng.uniform(0.02, 0.4)), rng)
    else:
        at = first + np.rint(np.sort(rng.random(n)) * (last - first)).astype(np.int64)
    if not human:
        return at
    warped = clock.with_working_hours(at, int(rng.choice([OFFICE_HOURS, EVENINGS])), offset)
    return np.clip(warped, START, clock.END - 1)


def _harvest(
    p: Plan, accounts: Accounts, members: Ints, span: tuple[int, int], template: int, number: int, rng: Rng
) -> Calls:
    """Return the harvested calls of some of the accounts in part of the window."""
    prompts = max(len(members) * p.calls // p.samples, 2)
    work = _queue(p, prompts, rng)
    n = prompts * p.samples
    turn = round_robin(n, len(members), rng, p.orderly) if p.regulated else rng.integers(0, len(members), n)
    doer = members[turn]
    at = np.repeat(_times(p, accounts, doer[:: p.samples], *span, rng), p.samples)
    at += np.rint(rng.exponential(40.0, n) * (p.samples > 1) * clock.SECOND).astype(np.int64)
    work = work.take(np.repeat(np.arange(prompts), p.samples))
    system = 1 if p.kind == "injected_prompt" else int(rng.choice([0, 2]))
    wrap = p.wrap
    if p.hidden_in >= 0:
        system, wrap = 2, int(below_four(np.array([template]))[0])
    calls = calls_of(
        doer, np.clip(at, START, clock.END - 1), work, template=template, system=system, wrap=wrap
    )
    calls.harvest[:] = number
    if p.samples > 1:
        calls.seeded[:] = True
        calls.temperature[:] = float(rng.choice([0.7, 0.9, 1.0]))
    _feed_back(calls, p, rng)
    return calls


def _feed_back(calls: Calls, p: Plan, rng: Rng) -> None:
    """
    Let some tasks grade an answer that another account was given, and some send its reasoning block
    back.
    """
    n = len(calls)
    order = np.argsort(calls.at, kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    earlier = order[np.maximum(place - rng.integers(1, 200, n), 0)]
    can: Bools = (calls.at[earlier] + 3 * MINUTE < calls.at) & (p.judges > 0)
    calls.quote = np.where(can & flags(rng, n, p.judges), earlier, NO)
    calls.kind = np.where(calls.quote >= 0, 3, calls.kind)
    calls.replay = np.where(can & flags(rng, n, p.judges), earlier, NO)


def campaign(p: Plan, number: int, cohort: int, things: Catalogue, homes: Ints, rng: Rng) -> Block:
    """Return accounts and harvested calls of one operator: campaign `number`, with proxies near `homes`."""
    accounts = strangers(rng, p.size, cohort, things)
    accounts.campaign[:] = number
    _proxies(accounts, p, homes, rng)
    _disguise(accounts, p, rng)
    _clients(accounts, p, things, rng)
    _cover(accounts, p, rng)
    template = int(things.app_template[p.hidden_in]) if p.hidden_in >= 0 else groups.one(rng)
    first, last = START + p.first_h * HOUR, START + min(p.last_h, DAYS * 24) * HOUR
    everyone = np.arange(p.size)
    if p.pools == 1:
        return Block(accounts, _harvest(p, accounts, everyone, (first, last), template, number, rng))
    half = rng.permutation(p.size)[: p.size // 2]
    rest = np.setdiff1d(everyone, half)
    ban = first + int((last - first) * rng.uniform(0.4, 0.6))
    resume = ban + int(rng.uniform(0.5, 8) * HOUR)
    parts = [_harvest(p, accounts, half, (first, ban + HOUR), template, number, rng)]
    parts.append(_harvest(p, accounts, rest, (resume, last), template, number, rng))
    bans = tuple((int(a), ban + int(rng.uniform(0, 2) * HOUR)) for a in half)
    return Block(accounts, concat_calls(parts), bans)


def _cover(accounts: Accounts, p: Plan, rng: Rng) -> None:
    """
    Give the accounts traffic of their own beside the harvest; a reseller's accounts carry real
    customers.
    """
    n = len(accounts)
    mean = p.calls * p.cover / (1.0 - p.cover)
    accounts.calls = volumes(rng, n, max(mean * 0.85, 1.0), 0.6)
    idle = flags(rng, n, 0.4 if p.cover < 0.25 else 0.0)
    accounts.calls[idle] = 0
    if p.kind == "reseller_pool":
        groups.leave_apps(accounts, rng)
        accounts.end_users = rng.integers(4, 25, n)
        accounts.system[:] = 0
