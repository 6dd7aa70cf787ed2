"""Exchanges become calls: one row each, in order, and no text in any of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.contract import EXCHANGES, TEXT
from stillhunt.digest import CALLS, Digester, Key
from stillhunt.digest.calls import SYSTEM_MARKS
from strategies import SECRET, texts

DIGESTER = Digester(Key(SECRET), one_in=2)
CANARY = "quetzal zyxomma vortigern"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def exchanges(*rows: dict[str, Any], columns: tuple[str, ...] = tuple(EXCHANGES.names)) -> pa.RecordBatch:
    """Return exchanges with what a row does not name left null."""
    schema = pa.schema([EXCHANGES.field(name) for name in columns])
    named = [{"exchange_id": f"x{n}", "account_id": "a", "started_at": NOON, **row} for n, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist([{name: row.get(name) for name in columns} for row in named], schema=schema)


def plain(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return calls as plain rows; a list without entries says what a missing list says."""
    return [
        {name: value or None if isinstance(value, list) else value for name, value in call.items()}
        for call in DIGESTER.calls(batch).to_pylist()
    ]


def test_no_text_is_left_in_a_call() -> None:
    """Of a text in any column that holds text, no word stands in what comes out."""
    row = {name: f"{CANARY} said in {name}" for name in TEXT} | {
        "reasoning_presented": [CANARY], "reasoning_issued": [CANARY], "tools_hash": CANARY, "device_id": CANARY,
        "user_agent": CANARY, "header_order": CANARY, "tls_ja4": CANARY, "client_ip": CANARY, "model": "m-1",
    }  # fmt: skip
    calls = DIGESTER.calls(exchanges(row))
    shown = repr(calls.to_pydict()).encode() + b"".join(
        bytes(b) for c in calls.columns for b in c.buffers() if b is not None
    )
    assert b"m-1" in shown
    assert not [word for word in CANARY.split() if word.encode() in shown]


rows = st.fixed_dictionaries(
    {
        "prompt": st.none() | texts(6),
        "system": st.none() | st.sampled_from(("", "Be brief.", "Judge the answer, now.")),
    },
    optional={
        "client_ip": st.sampled_from(("192.0.2.1", "192.0.2.9", "2001:db8::1")),
        "tls_ja4": st.sampled_from(("", "t13")),
        "header_order": st.sampled_from(("", "a,b")),
        "device_id": st.none() | st.just("d"),
        "reasoning_presented": st.none() | st.lists(st.sampled_from(("r1", "r2", "")), max_size=2),
        "tokens_in": st.none() | st.integers(0, 9),
    },
)


@given(st.lists(rows, max_size=7), st.integers(0, 3))
def test_rows_are_digested_one_by_one(found: list[dict[str, Any]], start: int) -> None:
    """A batch, a slice of a batch and its rows alone give the same calls, in the same order."""
    batch = exchanges(*found)
    together = plain(batch)
    assert [call["exchange_id"] for call in together] == [f"x{n}" for n in range(len(found))]
    assert plain(batch.slice(start)) == together[start:]
    assert [plain(batch.slice(n, 1))[0] for n in range(len(found))] == together


@given(st.lists(rows, min_size=1, max_size=4))
def test_missing_columns_are_null(found: list[dict[str, Any]]) -> None:
    """Columns the source does not have give the calls that null columns would; three columns are enough."""
    few = plain(exchanges(*found, columns=("exchange_id", "account_id", "started_at")))
    nothing = plain(exchanges(*({} for _ in found)))
    assert few == nothing
    empty = {"exchange_id", "exchange_h", "account_id", "started_at"}
    assert all(value is None for call in few for name, value in call.items() if name not in empty)


def test_calls_have_the_schema() -> None:
    """Calls have the columns and types of `CALLS`, with no exchange too."""
    assert DIGESTER.calls(exchanges()).schema == CALLS
    assert DIGESTER.calls(exchanges({"prompt": "hello"})).schema == CALLS


def test_empty_texts_say_nothing() -> None:
    """An empty or missing prompt has no hash, no shingles, no sketch and no class."""
    for call in plain(exchanges({"prompt": ""}, {"prompt": None}, {"prompt": "a"})):
        given_text = call["exchange_id"] == "x2"
        for name in ("prompt_h", "shingles", "sketch", "capability"):
            assert (call[name] is not None) == given_text


def test_equal_values_in_two_columns_have_two_hashes() -> None:
    """One string as device, agent and tool schema is three values."""
    (call,) = plain(exchanges({"device_id": "same", "user_agent": "same", "tools_hash": "same"}))
    assert len({call["device_h"], call["agent_h"], call["tools_h"]}) == 3


def test_fingerprint_and_header_order_count_together() -> None:
    """The TLS value is known where either part is, and is the same where both are."""
    both = {"tls_ja4": "t13", "header_order": "host,accept"}
    one, two, only, none, swapped = plain(
        exchanges(both, both, {"tls_ja4": "t13"}, {}, {"tls_ja4": "host,accept", "header_order": "t13"})
    )
    assert one["tls_h"] == two["tls_h"]
    assert len({one["tls_h"], only["tls_h"], swapped["tls_h"], None}) == 4
    assert none["tls_h"] is None


def test_near_equal_system_prompts_share_their_marks() -> None:
    """System prompts that differ in one late word differ as a whole and share most of their marks."""
    words = " ".join(f"rule{chr(97 + n % 26)}{chr(97 + n // 26)} stays" for n in range(200))
    one, two, other = plain(
        exchanges({"system": words}, {"system": words + " always"}, {"system": "Quite another one, and short it is."})
    )
    assert one["system_h"] != two["system_h"]
    assert len(set(one["system_marks"]) & set(two["system_marks"])) >= SYSTEM_MARKS - 1
    assert not set(one["system_marks"]) & set(other["system_marks"])
    assert len(one["system_marks"]) == SYSTEM_MARKS


def test_reasoning_blocks_are_hashed_one_by_one() -> None:
    """The same block presented in two lists has the same hash in both."""
    one, two, none = plain(
        exchanges({"reasoning_presented": ["r1", "r2"]}, {"reasoning_presented": ["r2"]}, {"reasoning_presented": None})
    )
    assert len(one["reasoning_h"]) == 2
    assert one["reasoning_h"][1:] == two["reasoning_h"]
    assert not none["reasoning_h"]


@pytest.mark.parametrize("after", [timedelta(0), timedelta(days=1, microseconds=7)])
def test_what_is_kept_is_kept_as_it_stands(after: timedelta) -> None:
    """Who, when, which model, how it ended and how many tokens are copied."""
    kept = {"org_id": "o", "model": "m", "status": "ok", "tokens_in": 1, "tokens_out": 2, "tokens_reasoning": 3,
            "country": "DE", "started_at": NOON + after, "account_id": "b"}  # fmt: skip
    (call,) = plain(exchanges(kept))
    assert {name: call[name] for name in kept} == kept
