"""The ledger: each exchange once, accounts and owners by first call."""

from __future__ import annotations

from typing import Any

from digest.logs import call, digest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillhunt.engines.duckdb import DuckDBEngine


def rows(engine: DuckDBEngine, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return [tuple(row.values()) for row in engine.fetch(sql).to_pylist()]


def test_of_repeated_exchanges_the_earliest_counts(engine: DuckDBEngine) -> None:
    """Of three exchanges with one id the earliest stays, and two are said to be left out."""
    calls = [
        call("late", 5, exchange_id="x", model="m5"),
        call("first", 1, exchange_id="x", model="m1"),
        call("again", 3, exchange_id="x", model="m3"),
        call("other", 2, exchange_id="y", model="m2"),
    ]
    (left,) = digest(engine, calls, [])
    assert (left.what, left.count, left.defect) == ("exchange", 2, False)
    assert rows(engine, "SELECT exchange_id, model FROM call ORDER BY 1") == [("x", "m1"), ("y", "m2")]
    assert rows(engine, "SELECT account_id FROM account ORDER BY acct") == [("first",), ("other",)]


def test_nothing_is_left_out_of_distinct_exchanges(engine: DuckDBEngine) -> None:
    """Without repeats every exchange is a call."""
    assert digest(engine, [call("a", n, exchange_id=f"x{n}") for n in range(9)], []) == ()
    assert rows(engine, "SELECT count(*) FROM call") == [(9,)]


def test_owners_are_declared_organisations(engine: DuckDBEngine) -> None:
    """Accounts of one organisation are one owner, named by the record before the call; others own themselves."""
    calls = [
        call("a", 1),
        call("b", 2, org_id="acme"),
        call("c", 3, org_id="other"),
        call("d", 4),
        call("e", 5, org_id=""),
    ]
    records = [
        {"account_id": "a", "org_id": "acme"},
        {"account_id": "c", "org_id": "acme", "licence": "bulk"},
        {"account_id": "d", "org_id": ""},
        {"account_id": "never called", "org_id": "acme"},
    ]
    digest(engine, calls, records)
    assert rows(engine, "SELECT account_id, owner FROM account ORDER BY acct") == [
        ("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 2)
    ]  # fmt: skip
    assert rows(engine, "SELECT owner, licence FROM owner ORDER BY owner") == [(0, "bulk"), (1, None), (2, None)]


def test_an_organisation_is_no_account_of_the_same_name(engine: DuckDBEngine) -> None:
    """An account that is called like an organisation is another owner."""
    digest(engine, [call("acme", 1), call("b", 2, org_id="acme")], [])
    assert rows(engine, "SELECT count(*) FROM owner") == [(2,)]


def test_the_country_of_an_owner_is_where_most_calls_come_from(engine: DuckDBEngine) -> None:
    """Owners with the same commonest country are in one stratum; owners without any are in one of their own."""
    calls = [
        *(call("a", n, country=c) for n, c in enumerate(["FR", "DE", "DE"])),
        *(call("b", 10 + n, country=c) for n, c in enumerate(["DE", None, None])),
        call("c", 20, country="FR"),
        call("d", 21),
    ]
    digest(engine, calls, [])
    a, b, c, d = (row[0] for row in rows(engine, "SELECT stratum FROM owner ORDER BY owner"))
    assert a == b
    assert len({a, c, d}) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.permutations(range(6)), st.permutations("uvwxyz"))
def test_numbers_go_by_first_call_not_by_name(engine: DuckDBEngine, order: list[int], names: list[str]) -> None:
    """Whatever accounts are called and however the log is ordered, they are numbered by their first call."""
    calls = [call(names[n], n // 2, exchange_id=f"x{n}") for n in order]
    calls += [call(names[n], 10 + n, exchange_id=f"y{n}") for n in order]
    digest(engine, calls, [])
    found = [row[0] for row in rows(engine, "SELECT account_id FROM account ORDER BY acct")]
    assert [names.index(name) // 2 for name in found] == [0, 0, 1, 1, 2, 2]
    assert [names.index(name) for name in found] == by_exchange(engine)
    assert rows(engine, "SELECT acct FROM account WHERE acct <> owner") == []


def by_exchange(engine: DuckDBEngine) -> list[int]:
    """Return which account made which first call, from exchange ids alone: by time, then by the ids' hashes."""
    found = rows(engine, "SELECT exchange_id[2:], started_at, exchange_h FROM call")
    accounts = {int(name) for name, _, _ in found}
    mine = {a: [(at, h) for name, at, h in found if int(name) == a] for a in accounts}
    return sorted(accounts, key=lambda a: (min(at for at, _ in mine[a]), min(h for _, h in mine[a])))
