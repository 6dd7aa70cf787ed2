"""
Envoy AI Gateway: its access log as JSON lines. Metadata only; no prompt and no completion is ever in it.

Field names are those of the AI Gateway 1.1 (the `genai_*` fields of its guide) and the `gen_ai.*` names that others
use in the same place. The operator chooses the fields, so each is looked for under several names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stillhunt.collect import edge, records
from stillhunt.collect.plain_envoy import IDS, MODEL, PLAIN, ROUTE, STATUS, TOKENS, WANTED
from stillhunt.collect.records import Note, Row, first
from stillhunt.plugs import Batch, Split

ENVOYS_OWN = ("response_flags", "upstream_cluster", "upstream_host", "route_name", "downstream_remote_address",
              "response_code_details", "x-envoy-origin-path")  # fmt: skip


def recognise(record: Mapping[str, object]) -> str | None:
    """Return why a record is a line of an Envoy access log with an AI Gateway's fields in it."""
    own = [name for name in ENVOYS_OWN if name in record]
    told = [name for names in (MODEL, *TOKENS.values()) for name in names if name in record]
    if "start_time" not in record or len(own) < 2 or not told:
        return None
    return f"Its records have `start_time`, `{own[0]}` and `{told[0]}`, as Envoy AI Gateway writes them."


def read(split: Split) -> Iterator[Batch]:
    """Yield the calls of one split of an Envoy AI Gateway access log, and what was left out."""
    return records.read(split, convert, PLAIN)


def convert(record: Row, note: Note) -> Row | str:
    """Return one line under the contract's names, or why it is no call of a model."""
    fields = edge.lowered(record)
    model = first(fields, MODEL)
    call = edge.text_call(edge.text(first(fields, ROUTE)))
    if call is False or edge.text(fields.get("mcp_method")) or (call is None and model is None):
        return edge.NOT_A_CALL
    who = edge.ids(fields)
    candidates = tuple((label, who[column]) for column, label in edge.LABELS.items())
    return {
        **who,
        **edge.fingerprints(fields),
        **{column: first(fields, names) for column, names in TOKENS.items()},
        "exchange_id": first(fields, IDS),
        "account_id": records.account(candidates, WANTED, note),
        "started_at": fields.get("start_time"),
        "ended_at": ended(fields.get("start_time"), fields.get("duration")),
        "model": model,
        "status": edge.status(first(fields, STATUS)),
        "client_ip": edge.address(fields.get("downstream_remote_address"), fields.get("x-forwarded-for")),
    }


def ended(start: object, milliseconds: object) -> str | None:
    """Return the moment so many milliseconds after a start written as ISO 8601, or None."""
    moment = records.iso(start)
    span = records.number(milliseconds)
    return None if moment is None or span is None else records.later(moment, span)
