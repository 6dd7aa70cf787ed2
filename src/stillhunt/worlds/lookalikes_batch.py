"""
Honest customers that work off a list, one function per kind: coursework, benchmarks, annotation, licensed
harvests.
"""

from __future__ import annotations

import numpy as np

from stillhunt.worlds import clock, groups
from stillhunt.worlds.catalogue import Catalogue
from stillhunt.worlds.clock import CRON, DAY, EVENINGS, FLAT, HOUR, OFFICE_HOURS, START
from stillhunt.worlds.drafts import Accounts, Block, Calls, concat_calls
from stillhunt.worlds.ids import Ints
from stillhunt.worlds.lookalikes import Rng, some_time_ago
from stillhunt.worlds.population import MIXTURES, flags, hashes, strangers, volumes
from stillhunt.worlds.traffic import Tasks, calls_of, tasks


def round_robin(n: int, accounts: int, rng: Rng, orderly: bool) -> Ints:
    """Return whose turn each of `n` pieces of work is: in fixed rotation, or drawn at random."""
    if not orderly:
        return rng.integers(0, accounts, n)
    turn: Ints = rng.permutation(accounts)[np.arange(n) % accounts]
    return turn


def span(rng: Rng, least_days: float, most_days: float) -> tuple[int, int]:
    """Return two moments in the window that far apart."""
    length = int(rng.uniform(least_days, min(most_days, clock.DAYS - 0.5)) * DAY)
    first = START + int(rng.integers(0, clock.END - START - length))
    return first, first + length


def university_course(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """A class with the same exercises before the same deadlines, on the campus network and at home."""
    accounts = strangers(rng, size, cohort, things)
    groups.in_one_office(accounts, rng, float(rng.uniform(0.3, 0.7)), 6)
    groups.use_free_mail(accounts, rng, 1.0)
    if rng.random() < 0.6:
        rows = flags(rng, size, float(rng.uniform(0.5, 1.0)))
        accounts.email_domain[rows] = groups.one(rng)
    groups.sign_up(accounts, rng, START - int(rng.integers(2, 20)) * DAY, float(rng.choice([2, 72])), 0.8)
    accounts.programme = np.where(flags(rng, size, 0.7), 1, -1)
    accounts.rhythm[:] = EVENINGS
    accounts.calls = volumes(rng, size, 6.0, 1.0)
    own = [_exercise(accounts, rng, week) for week in rng.permutation(3)[: int(rng.integers(2, 4))]]
    return Block(accounts, concat_calls(own))


def _exercise(accounts: Accounts, rng: Rng, week: int) -> Calls:
    """
    Return one week's coursework: each student asks some of a dozen questions, most on the last two
    evenings.
    """
    n = len(accounts)
    each = rng.poisson(3.5, n)
    student = np.repeat(np.arange(n), each)
    questions = tasks(rng, int(rng.integers(6, 16)), MIXTURES[int(rng.choice([0, 2]))], topics=2, projects=1)
    chosen = questions.take(rng.integers(0, len(questions.text), len(student)))
    own_words = flags(rng, len(student), 0.4)
    chosen = chosen._replace(text=np.where(own_words, hashes(rng, len(student)), chosen.text))
    deadline = START + int(week) * 7 * DAY + 5 * DAY + 22 * HOUR - accounts.utc_offset_h[student] * HOUR
    early = rng.gamma(0.8, 20.0, len(student)) * HOUR
    at = np.clip(deadline - early.astype(np.int64), START, clock.END - 1)
    calls = calls_of(student, at, chosen, system=0)
    calls.single = flags(rng, len(student), 0.5)
    return calls


def eval_harness(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    An organisation that runs the public benchmark on the day a model comes out, split over its accounts.

    All such organisations of a world run the same items.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.on_servers(accounts, rng, 2)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.6), domain=bool(rng.random() < 0.6))
    groups.same_client(accounts, rng, 1.0)
    accounts.calls = volumes(rng, size, 5.0, 1.0)
    public = np.random.default_rng(int(things.app_template[0]) & 0xFFFFFFFF)
    items = tasks(public, 160, MIXTURES[2], topics=40, english=0.9)
    template = int(things.app_template[1]) ^ 0x55AA
    runs = [_run(accounts, items, template, things, rng) for _ in range(int(rng.integers(1, 4)))]
    return Block(accounts, concat_calls(runs))


def _run(accounts: Accounts, items: Tasks, template: int, things: Catalogue, rng: Rng) -> Calls:
    n = len(items.text)
    which = int(rng.integers(0, 2))
    first = START + int(things.released_h[which]) * HOUR + int(rng.uniform(1, 20) * HOUR)
    at = clock.regulated(n, first, first + int(rng.uniform(0.3, 6) * HOUR), 0.5, rng)
    doer = round_robin(n, len(accounts), rng, bool(rng.random() < 0.5))
    calls = calls_of(doer, at, items.take(rng.permutation(n)), template=template, system=0, wrap=3)
    calls.temperature[:] = float(rng.choice([0.0, 0.0, 0.7]))
    calls.model[:] = 3 + which
    return calls


def labelling_firm(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    A firm whose annotators each pull the next unlabelled item: a de-duplicated queue, one
    organisation and card.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.in_one_office(accounts, rng, 0.7, 3)
    groups.employ(accounts, rng, declared=True)
    groups.same_client(accounts, rng, 0.9)
    accounts.calls = volumes(rng, size, 4.0, 0.8)
    n = size * int(rng.integers(30, 70)) * things.volume
    first, last = span(rng, 8, 18)
    at = clock.with_working_hours(
        clock.regulated(n, first, last, 0.6, rng), OFFICE_HOURS, int(accounts.utc_offset_h[0])
    )
    work = tasks(rng, n, MIXTURES[3], topics=12, english=0.7)
    calls = calls_of(rng.integers(0, size, n), at, work, template=groups.one(rng), system=2, wrap=1)
    return Block(accounts, calls)


def licensed_distillation(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """A customer with a contract to train on answers: behaves like a campaign and says so."""
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.on_servers(accounts, rng, max(size // 5, 2), 0.9)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.5), domain=bool(rng.random() < 0.5), card=0.6)
    groups.same_client(accounts, rng, 0.9)
    groups.sign_up(accounts, rng, some_time_ago(rng), 24, 0.9)
    accounts.licence[:] = 2
    accounts.calls = volumes(rng, size, 3.0, 0.8)
    n = size * int(rng.integers(25, 60)) * things.volume
    first, last = span(rng, 8, 20)
    at = clock.regulated(n, first, last, 0.1, rng)
    work = tasks(rng, n, MIXTURES[int(rng.choice([0, 2, 4]))], english=0.7)
    doer = round_robin(n, size, rng, bool(rng.random() < 0.6))
    return Block(
        accounts,
        calls_of(doer, at, work, template=groups.one(rng), system=2, wrap=int(rng.choice([1, 5, 7]))),
    )


def rag_backfill(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    A company that puts its whole archive through the model once, chunk by chunk, as fast as limits
    allow.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.on_servers(accounts, rng, 4)
    groups.employ(accounts, rng, declared=bool(rng.random() < 0.6))
    groups.work_on(accounts, rng, 3, 3)
    groups.same_client(accounts, rng, 1.0)
    accounts.calls = volumes(rng, size, 8.0, 0.8)
    n = size * int(rng.integers(120, 300)) * things.volume
    first, last = span(rng, 0.5, 4)
    work = tasks(rng, n, MIXTURES[7], topics=5, projects=4)
    doer = round_robin(n, size, rng, bool(rng.random() < 0.7))
    calls = calls_of(
        doer, clock.regulated(n, first, last, 0.2, rng), work, template=groups.one(rng), system=2, wrap=1
    )
    calls.temperature[:] = 0.0
    return Block(accounts, calls)


def sharded_batch(size: int, things: Catalogue, rng: Rng, cohort: int) -> Block:
    """
    One honest customer that spreads one de-duplicated batch over its accounts for the rate limits;
    same card and domain.
    """
    accounts = strangers(rng, size, cohort, things)
    groups.leave_apps(accounts, rng)
    groups.on_servers(accounts, rng, int(rng.integers(1, 5)), 0.9)
    groups.employ(accounts, rng, declared=False)
    groups.same_client(accounts, rng, 0.9)
    groups.sign_up(accounts, rng, some_time_ago(rng), 24, 0.7)
    accounts.calls = volumes(rng, size, 4.0, 0.8)
    accounts.rhythm[:] = CRON if rng.random() < 0.5 else FLAT
    n = size * int(rng.integers(15, 50)) * things.volume
    first, last = span(rng, 3, 16)
    work = tasks(
        rng,
        n,
        MIXTURES[int(rng.choice([0, 4, 7]))],
        topics=int(rng.integers(4, 60)),
        projects=int(rng.integers(2, 40)),
    )
    doer = round_robin(n, size, rng, bool(rng.random() < 0.5))
    at = clock.regulated(n, first, last, 0.1, rng)
    return Block(
        accounts, calls_of(doer, at, work, template=groups.one(rng), system=int(rng.choice([0, 2])), wrap=1)
    )
