"""
Databricks: inference tables of AI Gateway endpoints, exported as Parquet, CSV or JSON.

Field names are those of the AI Gateway-enabled inference table as documented in 2026. Bodies stand in two columns of text,
as the caller sent them and as the model answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa

from stillhunt.collect import body_columns, tabular
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.json_columns import TEXT, fields, texts
from stillhunt.collect.strings import may_hold
from stillhunt.collect.tabular import Rows, Shape, first_named, named
from stillhunt.collect.tally import Tally
from stillhunt.plugs import Batch, Split

COLUMNS = (
    "databricks_request_id", "request_time", "status_code", "sampling_fraction", "execution_duration_ms", "request",
    "response", "served_entity_id", "logging_error_codes", "requester",
)  # fmt: skip
KEYS = ("databricks_request_id", "request_time", "request", "response")

NOT_A_CALL = "not a chat or completion call"
NOT_LOGGED = "body that Databricks did not log (`logging_error_codes`); its text is missing"
SAMPLED = "call of an endpoint of which only a share is logged (`sampling_fraction` below 1)"

MARKS = ('"list"', '"embedding"')
LISTS = pa.array(["list", "embedding"], TEXT)
"""What answers with embeddings say in `object`."""


def recognise(names: Collection[str]) -> str | None:
    """Return why the names are those of an inference table."""
    if not set(KEYS) <= set(names):
        return None
    return "It has the columns `databricks_request_id`, `request` and `response` of a Databricks inference table."


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of an exported inference table, and what was left out."""
    return tabular.read(split, SHAPE)


def not_ours(rows: Rows) -> Column:
    """Return why a row is no call of a model that answers with text; null where it is one."""
    said = texts(rows["response"])
    if not any(may_hold(said, mark) for mark in MARKS):
        return pa.nulls(len(said), TEXT)
    doubtful = pc.fill_null(pc.or_(*(pc.match_substring(said, mark) for mark in MARKS)), False)
    kind = fields(pc.if_else(doubtful, said, None), {"object": TEXT})["object"]
    return pc.if_else(pc.is_in(kind, LISTS), NOT_A_CALL, pa.scalar(None, TEXT))


def exchanges(rows: Rows, tally: Tally) -> dict[str, Column]:
    """Return the rows under the contract's names; count calls of which something was not logged."""
    asked = body_columns.of_requests(rows["request"], tally)
    answered = body_columns.of_responses(rows["response"], tally)
    lost = body_columns.present(texts(rows["logging_error_codes"]))
    tally.add("value", NOT_LOGGED, len(lost) - lost.null_count)
    share = pc.less(tabular.number(rows["sampling_fraction"]), 1.0)
    tally.add("value", SAMPLED, pc.sum(share).as_py() or 0)
    started = tabular.moment(rows["request_time"])
    took = pc.multiply(tabular.count(rows["execution_duration_ms"]), 1000).cast(pa.duration("us"))
    identities = (("requester", named(rows["requester"])), ("end user id", tabular.text(asked["end_user_id"])))
    models = (answered["model"], asked["model"])
    return {
        **asked,
        **answered,
        "exchange_id": named(rows["databricks_request_id"]),
        "account_id": first_named(identities, "`requester`", tally),
        "started_at": started,
        "ended_at": pc.add(started, took),
        "model": pc.coalesce(*(tabular.text(model) for model in models), named(rows["served_entity_id"])),
        "status": _status(rows),
    }


def _status(rows: Rows) -> Column:
    code = tabular.count(rows["status_code"])
    blocked = pc.or_(pc.equal(code, 403), pc.equal(code, 451))
    failed = pc.if_else(pc.equal(code, 429), "rate_limited", pc.if_else(blocked, "blocked", "error"))
    return pc.if_else(pc.less(code, 400), "ok", failed)


SHAPE = Shape(COLUMNS, not_ours, exchanges)
