"""
Calls and account records → traits: what an account has, in one relation of one shape.

A trait is `(acct, kind, value, first_seen, last_seen, n)`. `KINDS` is the table of kinds: adding a signal is adding
one row. `group` names the dependence group that a kind belongs to: kinds of one group may be caused by one thing
(one client program sets its TLS fingerprint, its user agent and its template), so they count as one witness.
A kind without a group is a trait but is not used for linking: the tests of joint operation use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.digest import transfers
from stillhunt.digest.keys import Key
from stillhunt.digest.siphash import keyed_hash
from stillhunt.engines import Engine
from stillhunt.model import LINKING_ONE_IN

TEMPLATE_CALLS = 3
"""A sampled shingle is part of an account's template when it is in this many of its calls, with as many prompts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TraitKind:
    """One kind of trait: where it comes from, what it is called in a report, which group it is a witness of."""

    kind: str
    group: str | None
    label: str
    call_column: str | None = None
    account_column: str | None = None
    purpose: str | None = None
    network: bool = False

    @property
    def wants(self) -> tuple[str, ...]:
        """The contract columns that fill this kind."""
        return _WANTS[self.kind]


KINDS: tuple[TraitKind, ...] = (
    TraitKind(kind="card", group="payment", label="payment card", account_column="payment_fingerprint"),
    TraitKind(kind="network", group="network", label="network (/24 or /48)", call_column="network_h",
              account_column="signup_ip", purpose="network", network=True),
    TraitKind(kind="tls", group="client", label="TLS fingerprint and header order", call_column="tls_h"),
    TraitKind(kind="agent", group="client", label="user agent", call_column="agent_h"),
    TraitKind(kind="tools", group="client", label="tool schema", call_column="tools_h"),
    TraitKind(kind="system", group="client", label="system prompt", call_column="system_h"),
    TraitKind(kind="system_mark", group="client", label="part of a system prompt"),
    TraitKind(kind="template", group="client", label="fixed part of the prompts"),
    TraitKind(kind="device", group="device", label="device", call_column="device_h",
              account_column="signup_device_id", purpose="device"),
    TraitKind(kind="email", group="contact", label="e-mail address", account_column="email_hash"),
    TraitKind(kind="email_domain", group="contact", label="e-mail domain", account_column="email_domain"),
    TraitKind(kind="phone", group="contact", label="phone number", account_column="phone_hash"),
    TraitKind(kind="referral", group="signup", label="referral code", account_column="referral_code"),
    TraitKind(kind="signup_hour", group="signup", label="hour of sign-up", account_column="created_at"),
    TraitKind(kind="reasoning", group="reasoning", label="protected reasoning block presented"),
    TraitKind(kind="answer", group="answers", label="answer, served to one and sent back by another"),
    TraitKind(kind="prompt", group="content", label="whole prompt"),
)  # fmt: skip

_WANTS = {
    "card": ("accounts.payment_fingerprint",),
    "network": ("client_ip", "accounts.signup_ip"),
    "tls": ("tls_ja4", "header_order"),
    "agent": ("user_agent",),
    "tools": ("tools_hash",),
    "system": ("system",),
    "system_mark": ("system",),
    "template": ("prompt",),
    "device": ("device_id", "accounts.signup_device_id"),
    "email": ("accounts.email_hash",),
    "email_domain": ("accounts.email_domain",),
    "phone": ("accounts.phone_hash",),
    "referral": ("accounts.referral_code",),
    "signup_hour": ("accounts.created_at",),
    "reasoning": ("reasoning_presented",),
    "answer": ("completion",),
    "prompt": ("prompt",),
}

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(k.group for k in KINDS if k.group))
"""Dependence groups in the order of `KINDS`."""

CALL_TRAITS = tuple(k for k in KINDS if k.call_column)
ACCOUNT_TRAITS = tuple(k for k in KINDS if k.account_column)


def account_traits(accounts: pa.Table, key: Key) -> pa.Table:
    """
    Return the traits that account records carry: `account_id`, `kind`, `value` (uint64), `started_at`.

    `accounts` has the contract's types. Every value is hashed under the key; the hour of sign-up too.
    """
    parts = []
    for kind in ACCOUNT_TRAITS:
        column = kind.account_column
        assert column is not None
        if column not in accounts.column_names:
            continue
        values = accounts.column(column).combine_chunks()
        if kind.kind == "signup_hour":
            values = pc.floor_temporal(values, unit="hour").cast(pa.int64()).cast(pa.string())
        hashed = keyed_hash(_one_chunk(values), key.words(kind.purpose or kind.kind), network=kind.network)
        parts.append(
            pa.table(
                {
                    "account_id": accounts.column("account_id"),
                    "kind": pa.array([kind.kind] * len(values), pa.string()),
                    "value": hashed,
                    "started_at": accounts.column("created_at") if "created_at" in accounts.column_names
                    else pa.nulls(len(values), pa.timestamp("us", tz="UTC")),
                }
            )
        )  # fmt: skip
    empty = pa.schema(
        [("account_id", pa.string()), ("kind", pa.string()), ("value", pa.uint64()), ("started_at", pa.timestamp("us", "UTC"))]
    )
    if not parts:
        return empty.empty_table()
    table = pa.concat_tables([part.cast(empty) for part in parts])
    return table.filter(pc.is_valid(table.column("value")))


def build(engine: Engine, *, n_shingles: int) -> None:
    """
    Make the relation `trait` from `call`, `account` and `account_trait`, and `handed` and `turn` (`transfers.py`).

    1. Traits of calls: one group-by per kind.
    2. Traits of account records.
    3. The sampled parts of system prompts; blocks of protected reasoning and answers that came back, of which one half
       of those handed from one owner to another are left for the tests of joint operation.
    4. Parts of prompts that an account repeats with different content: its templates. Counted in parts by hash.
    5. Whole prompts that more than one account sent, of those that serve linking.
    """
    parts = max(1, -(-n_shingles // engine.group_rows))
    transfers.build(engine, parts=parts)
    queries = [_call_query(k.kind, str(k.call_column)) for k in CALL_TRAITS]                         # 1.
    queries.append(                                                                                  # 2.
        "SELECT a.acct, t.kind, t.value, t.started_at AS first_seen, t.started_at AS last_seen, 1 AS n"
        " FROM account_trait t JOIN account a USING (account_id)"
    )  # fmt: skip
    queries += [_list_query("system_mark", "system_marks"), *transfers.TRAITS]                       # 3.
    queries += [_template_query(part, parts) for part in range(parts)]                               # 4.
    for part in range(parts):                                                                        # 5.
        engine.create(f"shared_prompt_{part}", _shared_query(part, parts))
        queries.append(_prompt_query(part, parts))
    for number, query in enumerate(queries):
        engine.create(f"trait_{number}", query, once=True)
    engine.create(
        "trait",
        "SELECT acct, kind, value, min(first_seen) AS first_seen, max(last_seen) AS last_seen,"
        " sum(n)::BIGINT AS n FROM ("
        + " UNION ALL ".join(f"SELECT * FROM trait_{number}" for number in range(len(queries)))
        + ") GROUP BY acct, kind, value",
    )
    for used in (*(f"trait_{number}" for number in range(len(queries))), *(f"shared_prompt_{part}" for part in range(parts))):
        engine.drop(used)


def _call_query(kind: str, column: str) -> str:
    return (
        f"SELECT acct, '{kind}' AS kind, {column} AS value, min(started_at) AS first_seen,"
        " max(started_at) AS last_seen, count(*) AS n"
        f" FROM call WHERE {column} IS NOT NULL GROUP BY acct, {column}"
    )


def _list_query(kind: str, column: str) -> str:
    return (
        f"SELECT acct, '{kind}' AS kind, value, min(started_at) AS first_seen, max(started_at) AS last_seen, count(*) AS n FROM"
        f" ({transfers.listed(column, 'started_at')})"
        " GROUP BY acct, value"
    )


def _template_query(part: int, parts: int) -> str:
    return (
        "SELECT acct, 'template' AS kind, value, min(started_at) AS first_seen, max(started_at) AS last_seen,"
        f" count(*) AS n FROM ({transfers.listed('shingles', 'started_at, prompt_h', f'value % {parts} = {part}')})"
        " GROUP BY acct, value"
        f" HAVING count(*) >= {TEMPLATE_CALLS} AND count(DISTINCT prompt_h) >= {TEMPLATE_CALLS}"
    )


def _chosen(part: int, parts: int) -> str:
    return f"prompt_h % {LINKING_ONE_IN * parts} = {LINKING_ONE_IN * part}"


def _shared_query(part: int, parts: int) -> str:
    """Each prompt that several accounts sent, once: a relation of its own, so that a cluster can cut a popular one into tasks."""
    return f"SELECT prompt_h FROM call WHERE {_chosen(part, parts)} GROUP BY prompt_h HAVING min(acct) < max(acct)"


def _prompt_query(part: int, parts: int) -> str:
    return (
        "SELECT acct, 'prompt' AS kind, prompt_h AS value, min(started_at) AS first_seen,"
        " max(started_at) AS last_seen, count(*) AS n"
        f" FROM call WHERE {_chosen(part, parts)} AND prompt_h IN (SELECT prompt_h FROM shared_prompt_{part})"
        " GROUP BY acct, prompt_h"
    )


def _one_chunk(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
