"""Hand-made logs, digested into an engine as a run would do it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from stillhunt.contract import ACCOUNTS, EXCHANGES
from stillhunt.digest import Digester, Key, ledger, traits
from stillhunt.engines import Engine
from stillhunt.model import LeftOut
from strategies import SECRET

START = datetime(2026, 3, 2, tzinfo=UTC)
KEY = Key(SECRET)


def at(hours: float) -> datetime:
    """Return a moment some hours after the start."""
    return START + timedelta(hours=hours)


def call(account: str, hours: float, **columns: Any) -> dict[str, Any]:
    """Return one exchange; its id is made of what it says, unless it is given."""
    row = {"account_id": account, "started_at": at(hours), **columns}
    return {"exchange_id": f"{account}-{hours}", **row}


def digest(engine: Engine, calls: list[dict[str, Any]], accounts: list[dict[str, Any]]) -> tuple[LeftOut, ...]:
    """Make the relations that come out of the digest, keeping every shingle; return what was left out."""
    table = pa.Table.from_pylist([{n: c.get(n) for n in EXCHANGES.names} for c in calls], schema=EXCHANGES)
    digester = Digester(KEY, one_in=1)
    engine.register("raw_call", pa.Table.from_batches([digester.calls(b) for b in table.to_batches()]))
    records = pa.Table.from_pylist([{n: a.get(n) for n in ACCOUNTS.names} for a in accounts], schema=ACCOUNTS)
    left_out = ledger.build(engine, records)
    engine.register("account_trait", traits.account_traits(records, KEY))
    traits.build(engine, n_shingles=1000)
    return left_out
