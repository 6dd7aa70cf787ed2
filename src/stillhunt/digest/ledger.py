"""
Digested calls and account records → the relations `call`, `account`, `owner`.

Each exchange counts once: of calls with one exchange id, the earliest is kept and the rest are left out.
"""

from __future__ import annotations

import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.model import LeftOut


def build(engine: Engine, accounts: pa.Table) -> tuple[LeftOut, ...]:
    """
    Make `call`, `account` and `owner` from `raw_call` and the account records; return what was left out.

    1. Drop repeats of an exchange id.
    2. Number accounts by first call (at the same moment: by the hash of an exchange id, so that names do not matter);
       the owner is the declared organisation, else the account.
    3. Number owners by first call, with the country most of their calls come from.
    """
    left_out = _deduplicate(engine)                                                      # 1.
    left_out += _records(engine, accounts)
    engine.create(                                                                       # 2.
        "seen",
        "SELECT account_id, min(started_at) AS first_at, min(exchange_h) AS first_h, max(org_id) AS org_id"
        " FROM distinct_call GROUP BY account_id",
        once=True,
    )
    engine.create(
        "account",
        "SELECT (row_number() OVER (ORDER BY first_at, first_h) - 1)::INTEGER AS acct, account_id, first_at, first_h,"
        " coalesce('org:' || nullif(r.org_id, ''), 'org:' || nullif(s.org_id, ''), 'account:' || account_id) AS owner_name,"
        " nullif(r.licence, '') AS licence FROM seen s LEFT JOIN account_record r USING (account_id)",
    )
    engine.create(
        "account_country",
        "SELECT account_id, country FROM (SELECT account_id, country, row_number() OVER (PARTITION BY account_id"
        " ORDER BY count(*) DESC, country) AS rank FROM distinct_call WHERE country IS NOT NULL"
        " GROUP BY account_id, country) WHERE rank = 1",
        once=True,
    )
    _number_owners(engine)                                                               # 3.
    return left_out


def undeclare(engine: Engine, accounts: pa.Array) -> int:
    """
    Forget what is declared about some accounts, as if none of their owners had said so; return how many lost anything.

    Each becomes an owner of its own without a licence, and owners are numbered anew. What was read from `account`, `owner`
    or anything made of them before is of the numbering before.
    """
    engine.register("undeclared", pa.table({"account_id": accounts}))
    changed = engine.fetch(
        "SELECT count(*) AS n FROM account WHERE account_id IN (SELECT account_id FROM undeclared)"
        " AND (licence IS NOT NULL OR owner_name <> 'account:' || account_id)"
    )
    n = int(changed.column("n")[0].as_py())
    if n:
        engine.create(
            "account",
            "SELECT acct, account_id, first_at, first_h, CASE WHEN u.account_id IS NULL THEN owner_name"
            " ELSE 'account:' || account_id END AS owner_name, CASE WHEN u.account_id IS NULL THEN licence END AS licence"
            " FROM account LEFT JOIN undeclared u USING (account_id)",
        )
        _number_owners(engine)
    engine.drop("undeclared")
    return n


def _number_owners(engine: Engine) -> None:
    """Make `owner` from `account`, and give `account` their numbers."""
    engine.create(
        "owner",
        "SELECT (row_number() OVER (ORDER BY first_at, first_h) - 1)::INTEGER AS owner, owner_name,"
        " (dense_rank() OVER (ORDER BY country NULLS FIRST) - 1)::SMALLINT AS stratum, licence FROM"
        " (SELECT owner_name, min(a.first_at) AS first_at, min(a.first_h) AS first_h, min(c.country) AS country,"
        " max(a.licence) AS licence"
        " FROM account a LEFT JOIN account_country c USING (account_id) GROUP BY owner_name)",
    )
    engine.create("account", "SELECT a.*, o.owner FROM account a JOIN owner o USING (owner_name)")
    engine.view("call", "SELECT c.*, a.acct FROM distinct_call c JOIN account a USING (account_id)")


def _deduplicate(engine: Engine) -> tuple[LeftOut, ...]:
    engine.create("repeated", "SELECT exchange_h, count(*) AS n FROM raw_call GROUP BY exchange_h HAVING count(*) > 1")
    counts = engine.fetch("SELECT coalesce(sum(n), 0)::BIGINT - count(*) AS extra FROM repeated").to_pylist()[0]
    if not counts["extra"]:
        engine.view("distinct_call", "SELECT * FROM raw_call")
        return ()
    engine.create(
        "kept_repeat",
        "SELECT * EXCLUDE (rank) FROM (SELECT *, row_number() OVER (PARTITION BY exchange_h ORDER BY started_at, account_id, model)"
        " AS rank FROM raw_call WHERE exchange_h IN (SELECT exchange_h FROM repeated)) WHERE rank = 1",
    )
    engine.view(
        "distinct_call",
        "SELECT * FROM raw_call r WHERE NOT EXISTS (SELECT 1 FROM repeated x WHERE x.exchange_h = r.exchange_h)"
        " UNION ALL SELECT * FROM kept_repeat",
    )
    return (LeftOut(what="exchange", reason="its exchange id was read before: only the earliest counts", count=counts["extra"]),)


def _records(engine: Engine, accounts: pa.Table) -> tuple[LeftOut, ...]:
    """Make `account_record`: the first record of each account."""
    n = accounts.num_rows
    names = ("account_id", "org_id", "licence")
    columns = {c: accounts.column(c) if c in accounts.column_names else pa.nulls(n, pa.string()) for c in names}
    records = pa.table({"row": pa.array(range(n), pa.int64()), **columns})
    first = records.group_by("account_id").aggregate([("row", "min")]).column("row_min")
    engine.register("account_record", records.take(first).drop("row"))
    extra = n - len(first)
    if not extra:
        return ()
    return (LeftOut(what="account", reason="another row for the same `account_id` came first", count=extra, defect=True),)
