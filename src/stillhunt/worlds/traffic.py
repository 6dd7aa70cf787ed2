"""
The calls customers make of their own accord: sessions in bursts, about their own subjects, some repeated.

Also `tasks`, from which queues of work, coursework and benchmarks are built.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.worlds import clock
from stillhunt.worlds.catalogue import Catalogue
from stillhunt.worlds.drafts import NO, Accounts, Calls
from stillhunt.worlds.frames_intl import LANGUAGES
from stillhunt.worlds.ids import Bools, Floats, Hashes, Ints, below, mix, unit
from stillhunt.worlds.population import MIXTURES, below_four, flags, hashes, numbers
from stillhunt.worlds.topics import TOPICS

_CUMULATIVE = np.cumsum(MIXTURES, axis=1)
GRADING = 3


class Tasks(NamedTuple):
    """Pieces of work that anybody can be handed: equal rows are the same words."""

    text: Hashes
    topic: Ints
    language: Ints
    kind: Ints
    project: Ints

    def take(self, rows: Ints) -> Tasks:
        """Return the tasks of the given rows."""
        return Tasks(
            self.text[rows], self.topic[rows], self.language[rows], self.kind[rows], self.project[rows]
        )


def tasks(
    rng: np.random.Generator,
    n: int,
    mixture: Floats,
    *,
    topics: int = TOPICS,
    projects: int = 0,
    english: float = 1.0,
) -> Tasks:
    """
    Return `n` different tasks on many topics.

    `mixture` holds the share of each request class; `projects` > 0 draws identifiers from that many projects,
    0 gives each task its own; `english` is the share of English, the rest is spread over the other languages.
    """
    pool = rng.permutation(TOPICS)[:topics]
    kind = np.minimum((np.cumsum(mixture) < rng.random(n)[:, None]).sum(axis=1), len(mixture) - 1)
    language = np.where(flags(rng, n, english), 0, rng.integers(1, 6, n))
    project = numbers(rng, n) if projects == 0 else numbers(rng, projects)[rng.integers(0, projects, n)]
    return Tasks(
        hashes(rng, n), rng.choice(pool, n).astype(np.int64), language, kind.astype(np.int64), project
    )


def calls_of(
    account: Ints, at: Ints, work: Tasks, *, template: int = NO, system: int = 0, wrap: int = 0
) -> Calls:
    """Return calls by the given accounts at the given times with the given work, one template for all."""
    n = len(account)

    def every(value: int) -> Ints:
        return np.full(n, value, dtype=np.int64)

    return Calls(
        account=account.astype(np.int64),
        at=at,
        end_user=every(NO),
        text=work.text,
        topic=work.topic,
        language=work.language,
        kind=work.kind,
        project=work.project,
        template=every(template),
        system=every(system),
        wrap=every(wrap),
        harvest=every(NO),
        temperature=np.full(n, np.nan),
        seeded=flags_off(n),
        single=~flags_off(n),
        foreign=flags_off(n),
        quote=every(NO),
        replay=every(NO),
        model=every(NO),
        ends=every(NO),
    )


def flags_off(n: int) -> Bools:
    """Return `n` times false."""
    return np.zeros(n, dtype=np.bool_)


def _sessions(accounts: Accounts, owner: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the time and the session number of each call; sessions are runs of calls of one account."""
    n = len(owner)
    starts_new = np.empty(n, dtype=np.bool_)
    starts_new[0] = True
    starts_new[1:] = owner[1:] != owner[:-1]
    starts_new |= rng.random(n) < 1.0 / accounts.session_length[owner]
    session = np.cumsum(starts_new) - 1
    days = clock.day_weights(accounts.rhythm, accounts.burst, accounts.first_h, accounts.last_h, rng)
    rows = owner[starts_new]
    begin = clock.session_starts(rows, days, accounts.rhythm, accounts.utc_offset_h, rng)
    cron = accounts.rhythm[rows] == clock.CRON
    minute = below(mix(accounts.project[rows], 41), 60) * 60 * clock.SECOND
    begin = np.where(cron, begin // clock.HOUR * clock.HOUR + minute + begin % (20 * clock.SECOND), begin)
    gap = accounts.gap_s[owner] * np.exp(1.3 * rng.standard_normal(n))
    gap[starts_new] = 0.0
    elapsed = np.cumsum(gap)
    elapsed -= elapsed[starts_new][session]
    return begin[session] + np.rint(elapsed * clock.SECOND).astype(np.int64), session


def _subjects(accounts: Accounts, owner: Ints, end_user: Ints, rng: np.random.Generator) -> Tasks:
    """Return what each call is about: the account's own subjects, or those of the end user it is made for."""
    n = len(owner)
    which = (accounts.topic_weight[owner] < rng.random(n)[:, None]).sum(axis=1)
    topic = accounts.topics[owner, np.minimum(which, 2)]
    mixture = accounts.mixture[owner]
    project = accounts.project[owner]
    language = np.where(flags(rng, n, 0.06), 0, accounts.language[owner])
    language = np.where(accounts.any_language[owner], rng.integers(0, len(LANGUAGES), n), language)
    served = end_user >= 0
    customer = mix(end_user, 51)
    topic = np.where(served, below(mix(customer, 2 + 0), TOPICS), topic)
    second = served & flags(rng, n, 0.25)
    topic = np.where(second, below(mix(customer, 4), TOPICS), topic)
    mixture = np.where(served, below(mix(customer, 5), len(MIXTURES)), mixture)
    project = np.where(served, (customer >> np.uint64(2)).astype(np.int64), project)
    foreign_tongue = served & (unit(mix(customer, 6)) < 0.5)
    language = np.where(foreign_tongue, below(mix(customer, 7), len(LANGUAGES)), language)
    kind = np.minimum((_CUMULATIVE[mixture] < rng.random(n)[:, None]).sum(axis=1), 7)
    return Tasks(hashes(rng, n), topic, language, kind.astype(np.int64), project)


def _repeats(accounts: Accounts, owner: Ints, rng: np.random.Generator) -> Ints:
    """
    Return for each call the call whose words it has: mostly itself, else one of the account's last
    twenty.
    """
    n = len(owner)
    first = np.concatenate([[0], np.cumsum(accounts.calls)[:-1]])[owner]
    position = np.arange(n) - first
    again = (rng.random(n) < accounts.repeat_share[owner]) & (position > 0)
    back = 1 + (rng.random(n) ** 2 * np.minimum(position, 20)).astype(np.int64)
    source = np.where(again, np.arange(n) - np.minimum(back, position), np.arange(n))
    for _ in range(3):
        source = source[source]
    return source


def customer_of(accounts: Accounts, owner: Ints, number: Ints) -> Ints:
    """Return the id of the end user of a number of each account: those that share a card have the same end users."""
    found: Ints = (mix(accounts.card[owner] * 4096 + number, 53) >> np.uint64(2)).astype(np.int64)
    return found


def own_calls(accounts: Accounts, things: Catalogue, rng: np.random.Generator) -> Calls:
    """
    Return the calls that accounts make of their own accord, `accounts.calls` each, less those after
    the window.
    """
    owner = np.repeat(np.arange(len(accounts)), accounts.calls)
    n = len(owner)
    at, session = _sessions(accounts, owner, rng)
    users = accounts.end_users[owner]
    number = (rng.random(n) ** 2 * users).astype(np.int64)
    end_user = np.where(users > 0, customer_of(accounts, owner, number), NO)
    work = _subjects(accounts, owner, end_user, rng)
    source = _repeats(accounts, owner, rng)
    work, end_user = work.take(source), end_user[source]
    calls = calls_of(owner, at, work)
    calls.end_user = end_user
    calls.single = np.zeros(n, dtype=np.bool_)
    calls.foreign = rng.random(n) < accounts.foreign_share[owner]
    _templates(calls, accounts, owner, things)
    judges = (work.kind == GRADING) & flags(rng, n, 0.5)
    follows = np.concatenate([[False], (session[1:] == session[:-1])])
    calls.quote = np.where(judges & follows & (source == np.arange(n)), np.arange(n) - 1, NO)
    return inside_window(calls, accounts)


def _templates(calls: Calls, accounts: Accounts, owner: Ints, things: Catalogue) -> None:
    """Write each call in its account's template, or in the app that its end user uses."""
    calls.template = accounts.template[owner]
    calls.system = accounts.system[owner]
    calls.wrap = accounts.wrap[owner]
    customer = mix(calls.end_user, 57)
    through_app = (calls.end_user >= 0) & (unit(customer) < 0.45) & (calls.template < 0)
    app = things.app_template[(unit(mix(customer, 58)) ** 2 * len(things.app_template)).astype(np.int64)]
    calls.template = np.where(through_app, app, calls.template)
    calls.system = np.where(through_app, 2, calls.system)
    calls.wrap = np.where(through_app, below_four(app), calls.wrap)


def inside_window(calls: Calls, accounts: Accounts) -> Calls:
    """Return the calls inside the window and after their account's sign-up; a lost quote becomes none."""
    keep: Bools = (calls.at >= np.maximum(clock.START, accounts.created[calls.account])) & (
        calls.at < clock.END
    )
    place = np.where(keep, np.cumsum(keep) - 1, NO)
    kept = calls.take(np.flatnonzero(keep))
    kept.quote = np.where(kept.quote >= 0, place[kept.quote], NO)
    kept.replay = np.where(kept.replay >= 0, place[kept.replay], NO)
    return kept


def carried_over(
    accounts: Accounts, before: Ints, after: Ints, at: Ints, later: Ints, rng: np.random.Generator
) -> Calls:
    """
    Return conversations that begin on one account and go on from another, in pairs.

    Account `before[i]` calls at `at[i]`; account `after[i]` calls at `later[i]` with that turn as its
    history and
    that turn's reasoning block sent back.
    """
    n = len(before)
    twice = np.concatenate([before, before])
    kind = MIXTURES[accounts.mixture[twice]].argmax(axis=1).astype(np.int64)
    work = Tasks(
        hashes(rng, 2 * n), accounts.topics[twice, 0], accounts.language[twice], kind, accounts.project[twice]
    )
    calls = calls_of(np.concatenate([before, after]), np.concatenate([at, later]), work, system=1)
    calls.replay[n:] = np.arange(n)
    return calls
