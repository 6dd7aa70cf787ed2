"""
Campaigns planted into a copy of an operator's own digested log: real accounts are copied and overwritten.

A planted account is the copy of an honest one: its country, e-mail domain, sign-up and client stay. Overwritten are what the
operator of a campaign buys or writes once for many (cards, networks, program, template), by how much is shared, and when and
what is called: the queue is a draw of calls that honest accounts made, dealt out to the hands in order or each by its own
clock. There is no text anywhere: what is copied are fingerprints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.digest import CALLS
from stillhunt.engines import Engine

SHARING = {
    "much": "three accounts to a card, three to a network, one program and one template",
    "some": "four accounts to a card, four to a network, one template",
    "little": "four accounts to a network, one template; a card of its own for each",
}
"""How much the accounts of a campaign share, most first."""

SCHEDULERS = {
    "one queue": "calls evenly over the days, dealt to the accounts in turn",
    "own clocks": "each account calls when some honest account calls",
}

HOUR_US = 3_600_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One kind of campaign: its accounts, how much they share, calls of each, and who keeps the time."""

    size: int
    sharing: str
    calls: int
    scheduler: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Donors:
    """Honest accounts that may be copied, with the times of their calls; and calls that may be dealt out as work."""

    accounts: npt.NDArray[np.object_]
    start: npt.NDArray[np.int64]
    """(accounts + 1,) where each account's calls begin in `at_us` and `call`."""
    at_us: npt.NDArray[np.int64]
    call: npt.NDArray[np.uint64]
    """Hash of each call's id, to find it by."""
    work: npt.NDArray[np.uint64]
    first_us: int
    last_us: int


def donors(engine: Engine, never: list[str]) -> Donors:
    """
    Return who may be copied, from the relations `base_call` and `account`: accounts of their own, not licensed, not in `never`.

    Work are calls with a prompt of such accounts.
    """
    engine.register("never", pa.table({"account_id": pa.array(never, pa.string())}))
    rows = engine.fetch(
        "SELECT c.account_id, epoch_us(c.started_at) AS at_us, c.exchange_h, c.prompt_h IS NOT NULL AS work FROM base_call c"
        " JOIN account a USING (account_id) WHERE a.licence IS NULL AND a.owner_name = 'account:' || c.account_id"
        " AND c.account_id NOT IN (SELECT account_id FROM never) ORDER BY c.account_id, c.started_at, c.exchange_h"
    )
    engine.drop("never")
    names = np.array(rows.column("account_id").to_pylist(), dtype=object)
    accounts, start = np.unique(names, return_index=True)
    at_us = rows.column("at_us").to_numpy().astype(np.int64)
    calls = rows.column("exchange_h").to_numpy().astype(np.uint64)
    return Donors(
        accounts=accounts,
        start=np.append(start, len(names)),
        at_us=at_us,
        call=calls,
        work=np.sort(calls[rows.column("work").to_numpy(zero_copy_only=False)]),
        first_us=int(at_us.min()) if len(at_us) else 0,
        last_us=int(at_us.max()) if len(at_us) else 0,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """One planted campaign: its kind and its accounts; `calls` and `records` are rows for the log and the accounts table."""

    cell: Cell
    account_ids: tuple[str, ...]
    calls: pa.Table
    records: pa.Table


def plant(cell: Cell, number: int, found: Donors, accounts: pa.Table, rng: np.random.Generator) -> Planted:
    """
    Return a campaign of one kind, made of copies of honest accounts.

    1. Who is copied, and what the pool shares.
    2. When they call, and which calls they make.
    3. Their records: the donors', with cards of the pool and nothing that identifies a donor.
    """
    copied = rng.choice(len(found.accounts), cell.size, replace=False)                                     # 1.
    names = tuple(f"planted-{number:04d}-{hand:05d}" for hand in range(cell.size))
    per_network = 3 if cell.sharing == "much" else 4
    pool = rng.integers(1, 2**63, max(2, -(-cell.size // per_network)), dtype=np.uint64)
    networks = pool[rng.integers(len(pool), size=(cell.size, 2))]
    at_us, hand = _times(cell, found, rng)                                                                 # 2.
    work = rng.choice(found.work, len(at_us), replace=len(at_us) > len(found.work))
    donor_call = found.call[found.start[copied[hand]]]
    template, program, salt = (int(v) for v in rng.integers(1, 2**63, 3, dtype=np.uint64))
    calls = pa.table(
        {
            "source": work,
            "donor": donor_call,
            "account_id": pa.array([names[h] for h in hand.tolist()], pa.string()),
            "exchange_id": pa.array([f"planted-{number:04d}-{k:07d}" for k in range(len(hand))], pa.string()),
            "exchange_h": rng.integers(1, 2**63, len(hand), dtype=np.uint64),
            "at_us": at_us,
            "network": networks[hand, rng.integers(2, size=len(hand))],
            "template": np.full(len(hand), template, np.uint64),
            "program": pa.array([program if cell.sharing == "much" else None] * len(hand), pa.uint64()),
            "salt": np.full(len(hand), salt, np.uint64),
        }
    )
    return Planted(
        cell=cell,
        account_ids=names,
        calls=calls,
        records=_records(cell, number, names, found.accounts[copied].tolist(), accounts, rng),               # 3.
    )


def _times(
    cell: Cell, found: Donors, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return when each call is made, and by which hand."""
    n = cell.size * cell.calls
    if cell.scheduler == "one queue":
        step = (found.last_us - found.first_us) / n
        at = found.first_us + step * (np.arange(n) + rng.random(n))
        hand = np.concatenate([rng.permutation(cell.size) for _ in range(cell.calls)])
        return at.astype(np.int64), hand
    keeps = rng.integers(len(found.accounts), size=cell.size)
    hand = np.repeat(np.arange(cell.size), cell.calls)
    low, high = found.start[keeps[hand]], found.start[keeps[hand] + 1]
    at = found.at_us[(low + rng.random(n) * (high - low)).astype(np.int64)]
    at = np.clip(at + rng.integers(-HOUR_US // 2, HOUR_US // 2, n), found.first_us, found.last_us)
    return at.astype(np.int64), hand


def _records(
    cell: Cell, number: int, names: tuple[str, ...], copied: list[str], accounts: pa.Table, rng: np.random.Generator
) -> pa.Table:
    place = {name: row for row, name in enumerate(accounts.column("account_id").to_pylist())}
    rows = accounts.take(pa.array([place.get(name) for name in copied], pa.int64()))
    per_card = {"much": 3, "some": 4, "little": 1}[cell.sharing]
    cards = rng.permutation(len(names)) // per_card
    given: dict[str, pa.Array] = {
        "account_id": pa.array(names, pa.string()),
        "payment_fingerprint": pa.array([f"planted-card-{number}-{c}" for c in cards.tolist()], pa.string()),
        "email_hash": pa.array([f"planted-mail-{name}" for name in names], pa.string()),
    }
    gone = ("org_id", "licence", "phone_hash", "signup_ip", "signup_device_id", "referral_code")
    for name in rows.column_names:
        if name in given and (name == "account_id" or accounts.column(name).null_count < accounts.num_rows):
            rows = rows.set_column(rows.column_names.index(name), name, given[name])
        elif name in gone:
            rows = rows.set_column(rows.column_names.index(name), name, pa.nulls(len(names), rows.schema.field(name).type))
    return rows


def lay_out(engine: Engine, planted: list[Planted]) -> None:
    """Make `raw_call` the log's own calls, kept in `base_call`, and those of the planted campaigns."""
    engine.register("plant", pa.concat_tables([one.calls for one in planted]))
    taken = {
        "exchange_id": "p.exchange_id",
        "exchange_h": "p.exchange_h",
        "account_id": "p.account_id",
        "org_id": "NULL::VARCHAR",
        "started_at": "make_timestamptz(p.at_us)",
        "country": "d.country",
        "prompt_h": "xor(s.prompt_h, p.salt)",
        "shingles": "list_append(s.shingles, p.template)",
        "system_h": "p.template",
        "system_marks": "[p.template]",
        "network_h": "p.network",
        "tls_h": "coalesce(p.program, d.tls_h)",
        "agent_h": "coalesce(p.program, d.agent_h)",
        "tools_h": "NULL::UBIGINT",
        "device_h": "NULL::UBIGINT",
        "reasoning_h": "NULL::UBIGINT[]",
        # What was answered to others would link the copies to those who were answered.
        "issued_h": "NULL::UBIGINT[]",
        "answer_marks": "NULL::UBIGINT[]",
        "turn_marks": "NULL::UBIGINT[]",
    }
    columns = ", ".join(f"{taken.get(name, 's.' + name)} AS {name}" for name in CALLS.names)
    engine.create(
        "planted_call",
        f"SELECT {columns} FROM plant p JOIN base_call s ON s.exchange_h = p.source JOIN base_call d ON d.exchange_h = p.donor",
    )
    names = ", ".join(CALLS.names)
    engine.view("raw_call", f"SELECT {names} FROM base_call UNION ALL SELECT {names} FROM planted_call")
    engine.drop("plant")
