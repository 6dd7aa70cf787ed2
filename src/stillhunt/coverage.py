"""What the log can show: how full each column is, and what cannot run for want of which."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from stillhunt import contract
from stillhunt.digest import traits
from stillhunt.model import Coverage, Unavailable

JOINS = (
    ("reasoning blocks presented by others", ("reasoning_issued", "reasoning_presented"),
     "blocks of protected reasoning that pass between accounts are not seen"),
    ("answers sent back by others", ("completion", "prompt"), "answers that pass between accounts are not seen"),
    ("failed prompts taken over by others", ("status", "prompt"), "prompts that one account takes over from another are not seen"),
    ("histories this provider never served", ("history", "completion"),
     "stored conversations of another product are not told from this provider's own"),
    ("technique search", ("refusal_category", "prompt"), "searches for a way around refusals are not seen"),
)  # fmt: skip
"""The exact joins: name, columns that all must be there, and what is lost without them."""


def unavailable_for(
    present: Mapping[str, int], accounts: pa.Table, events: pa.Table | None = None
) -> tuple[Unavailable, ...]:
    """
    Return which kinds of trait, tests and keys cannot run for want of columns; `present` counts filled rows by column.

    `events` is the table of events; None where it is not known whether there is one.
    """
    has = {name for name, count in present.items() if count}
    has |= {f"accounts.{c}" for c in accounts.column_names if accounts.num_rows > accounts.column(c).null_count}
    out = []
    for kind in traits.KINDS:
        if not has & set(kind.wants):
            out.append(
                Unavailable(
                    what=f"trait: {kind.label}",
                    wants=kind.wants,
                    consequence="accounts that share it are not linked by it",
                )
            )
    if "prompt" not in has:
        lost = "accounts fed from one queue are told apart by time only; strands and capabilities cannot be told"
        for test in ("interchangeable workers", "de-duplicated queue", "best of k", "simultaneous copies"):
            out.append(Unavailable(what=f"test: {test}", wants=("prompt",), consequence=lost))
    out += [
        Unavailable(what=f"test: {test}", wants=wants, consequence=lost) for test, wants, lost in JOINS if not set(wants) <= has
    ]
    if events is not None:
        kinds = set(events.column("kind").unique().to_pylist()) if events.num_rows else set()
        for test, event in (("accounts that wake after a ban", "ban"), ("move to a new model", "model_release")):
            if event not in kinds:
                out.append(
                    Unavailable(what=f"test: {test}", wants=("events",), consequence=f"no event of kind `{event}` is given")
                )
    identity = {"accounts.payment_fingerprint", "accounts.email_domain"}
    if not has & identity:
        out.append(
            Unavailable(
                what="key 3: concealment",
                wants=tuple(sorted(identity)),
                consequence="nobody is accused of disguise: linked sets are listed as not examined",
            )
        )
    if "org_id" not in has and "accounts.org_id" not in has:
        out.append(
            Unavailable(
                what="owners",
                wants=("org_id", "accounts.org_id"),
                consequence="every account counts as an owner of its own; seats of one company may be linked",
            )
        )
    if "accounts.licence" not in has:
        out.append(
            Unavailable(
                what="licensed use",
                wants=("accounts.licence",),
                consequence="contracts that allow bulk or distillation use are unknown here: check before you act",
            )
        )
    return tuple(out)


def coverage(present: Mapping[str, int], rows: int, accounts: pa.Table) -> tuple[Coverage, ...]:
    """Return how full each column of the contract is, for exchanges and accounts."""
    exchange = [
        Coverage(table="exchanges", column=name, present=present.get(name, 0), rows=rows)
        for name in contract.EXCHANGES.names
    ]
    account = [
        Coverage(
            table="accounts",
            column=name,
            present=accounts.num_rows - accounts.column(name).null_count if name in accounts.column_names else 0,
            rows=accounts.num_rows,
        )
        for name in contract.ACCOUNTS.names
    ]
    return (*exchange, *account)
