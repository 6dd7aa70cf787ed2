"""Traits: what each account has, how often, from when to when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from digest.logs import KEY, at, call, digest

from stillhunt.contract import ACCOUNTS, EXCHANGES
from stillhunt.digest import traits
from stillhunt.digest.siphash import keyed_hash
from stillhunt.engines.duckdb import DuckDBEngine
from stillhunt.model import LINKING_ONE_IN

FULL = {
    "client_ip": "192.0.2.1", "tls_ja4": "t13", "header_order": "a,b", "user_agent": "sdk/1", "tools_hash": "f00",
    "device_id": "phone", "system": "You grade answers, and nothing else than that.", "reasoning_presented": ["block"],
    "completion": "The answer is good.",
}  # fmt: skip
RECORD = {
    "created_at": at(-30.5), "payment_fingerprint": "card", "email_hash": "mail", "email_domain": "x.example",
    "phone_hash": "tel", "referral_code": "friend", "signup_ip": "198.51.100.7", "signup_device_id": "tablet",
}  # fmt: skip


def of_kind(engine: DuckDBEngine, kind: str) -> list[dict[str, Any]]:
    """Return the traits of one kind with the account's name."""
    found: list[dict[str, Any]] = engine.fetch(
        "SELECT account_id, value, first_seen, last_seen, n FROM trait JOIN account USING (acct)"
        f" WHERE kind = '{kind}' ORDER BY account_id, first_seen, value"
    ).to_pylist()
    return found


def test_every_kind_comes_from_somewhere(engine: DuckDBEngine) -> None:
    """A log that fills every column gives every kind of trait, and no other."""
    words = [f"word{n}" for n in range(20)]
    calls = [call(a, h, prompt=f"Rate this answer now please: {w}", **FULL) for a in "ab" for h, w in enumerate(words)]
    digest(engine, calls, [{"account_id": "a", **RECORD}])
    kinds = {row["kind"] for row in engine.fetch("SELECT DISTINCT kind FROM trait").to_pylist()}
    assert kinds == {kind.kind for kind in traits.KINDS}


@pytest.mark.parametrize("kind", ["network", "tls", "agent", "tools", "system", "device", "reasoning"])
def test_traits_of_calls_are_counted(engine: DuckDBEngine, kind: str) -> None:
    """A trait says in how many calls of the account its value was seen, first and last when."""
    calls = [call("a", h, **FULL) for h in (3, 1, 7)] + [call("a", 5), call("b", 9, **FULL)]
    digest(engine, calls, [])
    one, two = of_kind(engine, kind)
    assert (one["account_id"], one["n"], one["first_seen"], one["last_seen"]) == ("a", 3, at(1), at(7))
    assert (two["account_id"], two["n"], two["first_seen"], two["last_seen"]) == ("b", 1, at(9), at(9))
    assert one["value"] == two["value"]


def test_traits_of_records_are_dated_by_the_sign_up(engine: DuckDBEngine) -> None:
    """What an account record holds was seen once, when the account was made."""
    digest(engine, [call("a", 1), call("b", 2)], [{"account_id": "a", **RECORD}, {"account_id": "gone", **RECORD}])
    for kind in ("card", "email", "email_domain", "phone", "referral", "signup_hour", "network", "device"):
        (found,) = of_kind(engine, kind)
        assert (found["account_id"], found["n"], found["first_seen"]) == ("a", 1, RECORD["created_at"])


def test_a_value_seen_at_sign_up_and_in_calls_is_one_trait(engine: DuckDBEngine) -> None:
    """A device of the record that also calls is counted together; so are addresses of one network."""
    calls = [call("a", 1, device_id="phone", client_ip="192.0.2.1"), call("a", 2, client_ip="192.0.2.77")]
    record = {"account_id": "a", "created_at": at(-1), "signup_device_id": "phone", "signup_ip": "192.0.2.200"}
    digest(engine, calls, [record])
    (device,), (network,) = of_kind(engine, "device"), of_kind(engine, "network")
    assert (device["n"], device["first_seen"], device["last_seen"]) == (2, at(-1), at(1))
    assert (network["n"], network["first_seen"], network["last_seen"]) == (3, at(-1), at(2))


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [(at(-30.9), at(-30.1), True), (at(-30.1), at(-29.9), False), (at(-54.5), at(-30.5), False)],
)
def test_sign_ups_share_an_hour(engine: DuckDBEngine, one: datetime, two: datetime, same: bool) -> None:
    """Two accounts share the hour of sign-up when they were made in one hour of one day."""
    records = [{"account_id": "a", "created_at": one}, {"account_id": "b", "created_at": two}]
    digest(engine, [call("a", 1), call("b", 2)], records)
    assert (len({t["value"] for t in of_kind(engine, "signup_hour")}) == 1) == same


TEMPLATE = "Grade the answer below from one to ten and say why:"


@pytest.mark.parametrize(
    ("contents", "kept"),
    [
        (("apple", "pear", "plum"), 7),
        (("apple", "pear"), 0),
        (("apple", "apple", "apple"), 0),
        (("apple",) * 9 + ("fig",), 0),
    ],
)
def test_templates_are_repeated_with_other_content(engine: DuckDBEngine, contents: tuple[str, ...], kept: int) -> None:
    """Parts of prompts are a template from three different prompts on; sending one prompt often makes none."""
    digest(engine, [call("a", n, prompt=f"{TEMPLATE} {word}") for n, word in enumerate(contents)], [])
    found = of_kind(engine, "template")
    assert len(found) == kept  # of eleven words, seven fives in a row hold no content
    assert all((t["n"], t["first_seen"], t["last_seen"]) == (3, at(0), at(2)) for t in found)


def test_templates_are_counted_alike_in_any_number_of_parts(
    engine: DuckDBEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting the shingles in many parts gives the relation that counting them at once gives."""
    calls = [call(a, n, prompt=f"{TEMPLATE} {word}") for a in "ab" for n, word in enumerate(("x", "y", "z", "x"))]
    ordered = "SELECT * FROM trait ORDER BY ALL"
    digest(engine, calls, [])
    at_once = engine.fetch(ordered)
    monkeypatch.setattr(engine, "group_rows", 40)
    digest(engine, calls, [])
    assert at_once.num_rows > 10
    assert engine.fetch(ordered).equals(at_once)


def test_some_prompts_are_traits_when_two_accounts_sent_them(engine: DuckDBEngine) -> None:
    """Of prompts by two accounts a quarter, by hash, are traits of each; a prompt that one account repeats is not."""
    shared = [f"both of us ask about thing number {n}" for n in range(200)]
    alone = [f"only I ask about thing number {n}" for n in range(40)]
    said = {"a": [*shared, *alone, *alone], "b": [*shared, *shared]}
    digest(engine, [call(a, n / 10, prompt=p) for a, prompts in said.items() for n, p in enumerate(prompts)], [])
    found = of_kind(engine, "prompt")
    values = {name: [t["value"] for t in found if t["account_id"] == name] for name in said}
    assert sorted(values["a"]) == sorted(values["b"])
    assert all(value % LINKING_ONE_IN == 0 for value in values["a"])
    assert 0.15 * len(shared) < len(values["a"]) < 0.35 * len(shared)
    assert {(t["account_id"], t["n"]) for t in found} == {("a", 1), ("b", 2)}


def test_values_of_records_are_hashed_under_the_key() -> None:
    """A trait's value is the keyed hash of what the record says, and null says nothing."""
    records = pa.Table.from_pylist(
        [{"account_id": "a", "referral_code": "friend"}, {"account_id": "b", "referral_code": ""}],
        schema=pa.schema([ACCOUNTS.field("account_id"), ACCOUNTS.field("referral_code")]),
    )
    (found,) = traits.account_traits(records, KEY).to_pylist()
    assert found["value"] == keyed_hash(pa.array(["friend"]), KEY.words("referral"))[0].as_py()
    assert (found["account_id"], found["kind"], found["started_at"]) == ("a", "referral", None)


def test_without_records_there_are_no_traits_of_records() -> None:
    """A table that names accounts and nothing else gives no trait."""
    assert traits.account_traits(ACCOUNTS.empty_table().select(["account_id"]), KEY).num_rows == 0


def test_every_kind_names_the_columns_it_wants() -> None:
    """What a kind is said to come from are columns of the contract, and its groups are all the groups there are."""
    known = {*EXCHANGES.names, *(f"accounts.{name}" for name in ACCOUNTS.names)}
    for kind in traits.KINDS:
        assert kind.wants and set(kind.wants) <= known
    assert set(traits.GROUPS) == {kind.group for kind in traits.KINDS if kind.group}
