"""
Accounts and calls become the tables of the log contract; what is observed of a call is drawn here, for all
alike.

Address, client, model, tokens, outcome and ids follow from the account and chance by the same rules for
honest customers and operators.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from stillhunt import contract
from stillhunt.worlds import clock, texts
from stillhunt.worlds.catalogue import MODELS, REASONS, Catalogue
from stillhunt.worlds.columns import (
    Column,
    byte_lengths,
    column,
    hex_strings,
    ip_strings,
    lists,
    names,
    nullable,
    org_strings,
    take,
)
from stillhunt.worlds.drafts import NO, Accounts, Calls
from stillhunt.worlds.grammar import render
from stillhunt.worlds.ids import Bools, Floats, Hashes, Ints, below, mix, unit
from stillhunt.worlds.network import CLOUD, COUNTRIES, EGRESS, HOME, MOBILE, VPN, address, asn_of, country_of
from stillhunt.worlds.population import flags, hashes
from stillhunt.worlds.traffic import customer_of

_SESSION_GAP = 30 * 60 * clock.SECOND
_REFUSALS = ("general_harms", "cyber", "bio", "reasoning_extraction", "frontier_llm")
_OUTCOMES = ("ok", "error", "rate_limited", "blocked")
_FINISH = ("stop", "length", "tool_calls", "refusal")
SAFETY, AGENTIC, GENERATION = 5, 1, 4
REFUSED = 4
"""How a call ends that is answered with a refusal (`Calls.ends`)."""
HOUR = clock.HOUR


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What is seen of each call, drawn once: `key` is the call's own hash, `session` a running number."""

    key: Hashes
    session: Ints
    previous: Ints
    model: Ints
    status: Ints
    refused: Bools
    temperature: Floats
    history: Bools


def in_order(calls: Calls, rows: Ints) -> Calls:
    """Return the calls in the given order, with what they quote and replay moved along."""
    place = np.full(len(calls) + 1, NO, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    moved = calls.take(rows)
    moved.quote = np.where(moved.quote >= 0, place[moved.quote], NO)
    moved.replay = np.where(moved.replay >= 0, place[moved.replay], NO)
    return moved


def drop_banned(calls: Calls, bans: list[tuple[int, int]], rng: np.random.Generator) -> tuple[Calls, Bools]:
    """
    Return the calls without most of those after their account's ban, and which of the rest were
    blocked.
    """
    until = np.full(int(calls.account.max()) + 1, clock.END, dtype=np.int64)
    for account, at in bans:
        if account < len(until):
            until[account] = at
    late = calls.at - until[calls.account]
    keep = (late < 0) | ((late < 2 * clock.DAY) & flags(rng, len(calls), 0.25))
    kept = in_order(calls, np.flatnonzero(keep))
    return kept, (late >= 0)[keep]


def observe(
    accounts: Accounts, calls: Calls, blocked: Bools, things: Catalogue, rng: np.random.Generator
) -> Observed:
    """Return what is seen of calls that are sorted by account, end user and time."""
    n = len(calls)
    owner = calls.account
    same = (owner[1:] == owner[:-1]) & (calls.end_user[1:] == calls.end_user[:-1])
    near = np.concatenate([[False], same & (np.diff(calls.at) < _SESSION_GAP)])
    key = hashes(rng, n)
    status = (rng.random(n)[:, None] > np.array([0.97, 0.984, 0.996])).sum(axis=1)
    outage = clock.START + things.outage_h * HOUR
    down = (calls.at >= outage) & (calls.at < outage + 2 * HOUR) & flags(rng, n, 0.6)
    status = np.where(blocked, 3, np.where(down, 1, status))
    status = np.where((calls.ends >= 0) & ~blocked, calls.ends % REFUSED, status)
    model = _models(accounts, calls, things)
    temperature = np.where(np.isnan(calls.temperature), accounts.temperature[owner], calls.temperature)
    previous = np.where(near, np.arange(n) - 1, NO)
    previous = np.where(status[previous] == 0, previous, NO)
    return Observed(
        key=key,
        session=np.cumsum(~near) - 1,
        previous=previous,
        model=model,
        status=status.astype(np.int64),
        refused=(_refused(calls, model, rng) | (calls.ends == REFUSED)) & (status == 0),
        temperature=temperature,
        history=(previous >= 0) & ~calls.single & (unit(mix(key, 2)) < accounts.history_share[owner]),
    )


def only_served(calls: Calls, seen: Observed) -> Calls:
    """Return the calls; what was never answered is neither quoted nor sent back."""
    ok = seen.status == 0
    quote = np.where((calls.quote >= 0) & ok[calls.quote], calls.quote, NO)
    replay = np.where((calls.replay >= 0) & ok[calls.replay], calls.replay, NO)
    return replace(calls, quote=quote, replay=replay)


def _models(accounts: Accounts, calls: Calls, things: Catalogue) -> Ints:
    """Return the model of each call: the account's habit, until it adopts a release."""
    owner = calls.account
    base = np.where(calls.model >= 0, calls.model, accounts.model[owner])
    since = (calls.at - clock.START) // HOUR - accounts.adopts_h[owner]
    successor = np.where(base == 0, 3, np.where(base == 2, 4, base))
    release = np.where(base == 0, things.released_h[0], things.released_h[1])
    return np.where((since >= release) & (successor != base), successor, base).astype(np.int64)


def _refused(calls: Calls, model: Ints, rng: np.random.Generator) -> Bools:
    elicits = calls.wrap & (texts.ELICIT | texts.SYSTEM_ELICIT) > 0
    chance = np.where(calls.kind == SAFETY, 0.22, 0.004) + np.where(elicits, 0.02 + 0.01 * (model >= 3), 0.0)
    return rng.random(len(calls)) < chance


def _addresses(accounts: Accounts, calls: Calls, session: Ints, salt: int) -> Ints:
    """Return the address of each call; it stays the same through a session."""
    owner = calls.account
    draw = mix(session * 131 + owner, salt)
    u = unit(mix(draw, 1))
    slot = np.minimum((accounts.ip_weight[owner] < u[:, None]).sum(axis=1), accounts.ips.shape[1] - 1)
    ip = accounts.ips[owner, slot]
    roams = (accounts.roam[owner] >= 0) & (unit(mix(draw, 2)) < accounts.roam_share[owner])
    for kind in (HOME, MOBILE, VPN, CLOUD, EGRESS):
        rows = np.flatnonzero(roams & (accounts.roam[owner] == kind))
        per_account = mix(owner[rows] * 7 + below(draw[rows], 6), salt + 1)
        fresh = mix(draw[rows], 3) if kind in (MOBILE, CLOUD, EGRESS) else per_account
        ip[rows] = address(kind, accounts.country[owner[rows]], fresh)
    found: Ints = ip
    return found


def _reasoning(seen: Observed, calls: Calls) -> tuple[Column, Column]:
    """Return the ids of reasoning blocks issued in each call and sent back in it."""
    issued = (REASONS[seen.model] & (seen.status == 0) & ~seen.refused).astype(np.int64)
    ids = hex_strings(seen.key[issued > 0], "rsn_", 5, 24)
    back = np.where(seen.history & (unit(mix(seen.key, 4)) < 0.8), seen.previous, NO)
    back = np.where(calls.replay >= 0, calls.replay, back)
    shown = ((back >= 0) & (issued[back] > 0)).astype(np.int64)
    return lists(ids, issued), lists(hex_strings(seen.key[back[shown > 0]], "rsn_", 5, 24), shown)


def _text_columns(calls: Calls, seen: Observed) -> dict[str, Column]:
    nonce = np.where(seen.temperature == 0.0, np.uint64(0), seen.key)
    answered = texts.answers(calls, nonce, seen.refused, seen.status == 0)
    prompt = texts.prompts(calls, answered)
    previous = np.where(seen.history, seen.previous, NO)
    previous = np.where(calls.replay >= 0, calls.replay, previous)
    turns = texts.Turns(
        previous=previous,
        before_that=np.where(seen.history & (calls.replay < 0), seen.previous[previous], NO),
        foreign=calls.foreign & seen.history & (calls.replay < 0),
    )
    completion = render(answered)
    return {
        "system": texts.systems(calls),
        "prompt": render(prompt),
        "history": texts.histories(turns, prompt, answered, calls),
        "completion": nullable(completion, seen.status == 0),
    }


def _usage(
    text: dict[str, Column], accounts: Accounts, calls: Calls, seen: Observed, rng: np.random.Generator
) -> dict[str, Column]:
    """Return token counts and the end of each call, consistent with the texts and the outcome."""
    n = len(calls)
    size = [byte_lengths(text[c]) for c in ("system", "prompt", "history")]
    tokens_in = (np.sum(size, axis=0) / 3.9).astype(np.int64) + 4
    done = seen.status == 0
    out = np.exp(5.2 + 0.9 * rng.standard_normal(n)) * np.where(calls.kind == 0, 1.6, 1.0)
    limit = accounts.max_tokens[calls.account]
    cut = (limit > 0) & (out > limit)
    out = np.where(seen.refused, 30, np.where(cut, limit, out)).astype(np.int64)
    thought = np.where(REASONS[seen.model] & done, np.exp(6.3 + 0.8 * rng.standard_normal(n)), 0).astype(
        np.int64
    )
    cached = np.where((seen.previous >= 0) & (tokens_in > 100), (size[0] / 3.9).astype(np.int64), 0)
    took = 0.4 + (out + thought) / 70.0 * np.exp(0.3 * rng.standard_normal(n))
    ended = calls.at + np.where(done, took * clock.SECOND, 0.2 * clock.SECOND).astype(np.int64)
    calls_tool = (
        (calls.kind == AGENTIC) & (accounts.tools[calls.account] >= 0) & (unit(mix(seen.key, 6)) < 0.6)
    )
    finish = np.where(seen.refused, 3, np.where(cut, 1, np.where(calls_tool, 2, 0)))
    return {
        "ended_at": column(ended, contract.TIMESTAMP),
        "tokens_in": column(tokens_in),
        "tokens_out": column(np.where(done, out, 0)),
        "tokens_reasoning": column(thought),
        "tokens_cached": column(cached),
        "finish_reason": names(_FINISH, np.where(done, finish, NO)),
    }


def _refusal_categories(calls: Calls, seen: Observed) -> Column:
    elicits = calls.wrap & (texts.ELICIT | texts.SYSTEM_ELICIT) > 0
    by_chance = below(mix(seen.key, 9), 3)
    category = np.where(elicits & (calls.kind != SAFETY), 3, np.where(calls.kind == GENERATION, 4, by_chance))
    return names(_REFUSALS, np.where(seen.refused, category, NO))


def _end_users(accounts: Accounts, calls: Calls, seen: Observed) -> Ints:
    """Return the end user that each call names: where an account names its own, the harvest goes by their names too."""
    users = accounts.end_users[calls.account]
    number = (unit(mix(seen.session, 97)) ** 2 * users).astype(np.int64)
    borrowed = customer_of(accounts, calls.account, number)
    return np.where((calls.end_user < 0) & (users > 0), borrowed, calls.end_user)


def exchange_table(
    accounts: Accounts,
    account_ids: Column,
    calls: Calls,
    seen: Observed,
    things: Catalogue,
    salt: int,
    rng: np.random.Generator,
) -> pa.Table:
    """Return the exchanges in the order of the calls."""
    owner = calls.account
    n = len(calls)
    ip = _addresses(accounts, calls, seen.session, salt)
    second = unit(mix(seen.session, salt + 3)) > accounts.stack_share[owner]
    stack = np.where(second, accounts.stacks[owner, 1], accounts.stacks[owner, 0])
    names_session = unit(mix(stack, 95)) < 0.6
    habit = mix(accounts.project[owner], 96)
    text = _text_columns(calls, seen)
    issued, presented = _reasoning(seen, calls)
    end_user = _end_users(accounts, calls, seen)
    fixed_seed = np.where(unit(habit) < 0.06, 42, NO)
    seed = np.where(calls.seeded, below(mix(seen.key, 7), 1 << 30), fixed_seed)
    thinks = REASONS[seen.model] & (unit(mix(habit, 1)) < 0.5)
    top_p = np.where(unit(mix(habit, 2)) < 0.2, 0.95, np.nan)
    limit = accounts.max_tokens[owner]
    columns = {
        "exchange_id": hex_strings(seen.key, "req_", 8),
        "account_id": take(account_ids, owner),
        "started_at": column(calls.at, contract.TIMESTAMP),
        "org_id": org_strings(accounts.org[owner]),
        "api_key_id": hex_strings(
            mix(accounts.email[owner], 13) + (unit(mix(seen.session, 14)) < 0.15), "key_", 15
        ),
        "session_id": nullable(hex_strings(seen.session, "ses_", salt + 16), names_session),
        "end_user_id": nullable(hex_strings(end_user, "usr_", 17, 12), end_user >= 0),
        "model": names(MODELS, seen.model),
        **text,
        "reasoning_issued": issued,
        "reasoning_presented": presented,
        "tools_hash": nullable(hex_strings(accounts.tools[owner], "tls_", 18), accounts.tools[owner] >= 0),
        "temperature": column(seen.temperature),
        "top_p": column(top_p),
        "n": column(np.ones(n, dtype=np.int64), mask=unit(mix(habit, 3)) > 0.3),
        "seed": column(seed, mask=seed < 0),
        "max_tokens": column(limit, mask=limit < 0),
        "reasoning_budget": column(np.full(n, 4096), mask=~thinks),
        **_usage(text, accounts, calls, seen, rng),
        "status": names(_OUTCOMES, seen.status),
        "refusal_category": _refusal_categories(calls, seen),
        "client_ip": ip_strings(ip),
        "asn": column(asn_of(ip)),
        "country": names(COUNTRIES, country_of(ip)),
        "tls_ja4": names(things.ja4, stack),
        "user_agent": names(things.user_agents, stack),
        "header_order": names(things.header_orders, stack),
        "device_id": nullable(hex_strings(accounts.device[owner], "dev_", 19), accounts.device[owner] >= 0),
    }
    return pa.table([columns[f.name].cast(f.type) for f in contract.EXCHANGES], schema=contract.EXCHANGES)
