"""Envoy AI Gateway and Kong: access logs with what gateways know of a call."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from collect.reading import SAMPLES, counts, read_whole, rows_of
from collect.test_litellm_spend import VALUES
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import edge, kong
from stillhunt.collect.guess import guess
from stillhunt.plugs import Split
from stillhunt.testing import check_batch

Read = tuple[dict[str, Any], dict[tuple[str, str], int]]
BASES = {name: json.loads((SAMPLES / f"{name}.jsonl").read_text().splitlines()[0]) for name in ("envoy", "kong")}
JA4 = "t13d1516h2_8daaf6152771"
HEADER = "an account's header in the log"


def one(name: str, tmp_path: Path, record: dict[str, Any]) -> Read:
    """Return the one exchange that a record gives (empty for none), and what was left out."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(record) + "\n")
    rows, left, lines = read_whole(path, name)
    assert lines == 1
    return (rows[0] if rows else {}), left


def filled(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that are filled, times apart."""
    return {name: value for name, value in row.items() if value is not None and not name.endswith("_at")}


def test_envoy_sample_is_read_as_written() -> None:
    """Of eight lines four are calls, three are other traffic, one names nobody; no text is ever there."""
    rows, left, lines = read_whole(SAMPLES / "envoy.jsonl", "envoy")
    assert lines == 8 and guess(SAMPLES / "envoy.jsonl").format == "envoy"
    assert filled(rows[0]) == {
        "exchange_id": "83b63da3-45a9-4196-98b8-1a7f697d6d8d",
        "account_id": "u-tern",
        "org_id": "org-shore",
        "api_key_id": "8a1f",
        "session_id": "s-1",
        "model": "m-large",
        "tokens_in": 15,
        "tokens_out": 7,
        "status": "ok",
        "client_ip": "203.0.113.5",
        "tls_ja4": JA4,
        "user_agent": "shore/1.0",
    }
    assert (rows[0]["ended_at"] - rows[0]["started_at"]).total_seconds() == 1.526
    assert [row["status"] for row in rows] == ["ok", "rate_limited", "blocked", "error"]
    assert [row["client_ip"] for row in rows[2:]] == ["198.51.100.7", "2001:db8::7"]
    assert [row["account_id"] for row in rows] == ["u-tern", "u-tern", "org-shore", "8a1f"]
    assert left == {
        ("line", edge.NOT_A_CALL): 3,
        ("line", "no usable `account_id`"): 1,
        ("value", f"account is the organisation id, for want of {HEADER}"): 1,
        ("value", f"account is the API key hash, for want of {HEADER}"): 1,
    }


def test_envoy_fields_have_other_names_elsewhere(tmp_path: Path) -> None:
    """The operator names the fields: the `gen_ai.*` names of others are read, too, and the override wins."""
    record = {name: value for name, value in BASES["envoy"].items() if not name.startswith("genai_")}
    record |= {"gen_ai.request.model": "asked", "gen_ai.response.model": "served", "gen_ai.usage.input_tokens": "15",
               "gen_ai.usage.cached_input_tokens": 4, "gen_ai.usage.reasoning_tokens": 2, "X-JA4": "upper"}  # fmt: skip
    row, _ = one("envoy", tmp_path, record)
    assert (row["model"], row["tokens_in"], row["tokens_cached"], row["tokens_reasoning"]) == ("served", 15, 4, 2)
    row, _ = one("envoy", tmp_path, {**BASES["envoy"], "genai_model_name_override": "other"})
    assert row["model"] == "other"


def test_kong_sample_is_read_as_written() -> None:
    """Of nine records five are calls, two passed no AI proxy, one is an embedding, one names nobody."""
    rows, left, lines = read_whole(SAMPLES / "kong.jsonl", "kong")
    assert lines == 9 and guess(SAMPLES / "kong.jsonl").format == "kong"
    assert [row["exchange_id"] for row in rows] == ["7c11", "7c12", "7c13", "7c14", "7c15"]
    assert [row["account_id"] for row in rows] == ["c-tern", "c-tern", "c-tern", "cred-1", "org-shore"]
    assert left == {
        ("line", kong.NO_PROXY): 2,
        ("line", edge.NOT_A_CALL): 1,
        ("line", "no usable `account_id`"): 1,
        ("value", "account is the API key hash, for want of a Kong consumer"): 1,
        ("value", "account is the organisation id, for want of a Kong consumer"): 1,
    }


def test_kongs_two_spellings_are_one_call() -> None:
    """`ai.ai-proxy.usage.prompt_token` and `ai.proxy.usage.prompt_tokens`, payloads and all, say the same."""
    rows, _, _ = read_whole(SAMPLES / "kong.jsonl", "kong")
    old, new, flat = rows[0], rows[1], rows[4]
    assert filled(old) == {
        "exchange_id": "7c11",
        "account_id": "c-tern",
        "api_key_id": "cred-1",
        "model": "m-large-2026",
        "system": "Answer in one line.",
        "prompt": "What is a groyne?",
        "completion": "A wall that keeps sand in place.",
        "temperature": 0.3,
        "max_tokens": 64,
        "tokens_in": 12,
        "tokens_out": 9,
        "finish_reason": "stop",
        "status": "ok",
        "client_ip": "203.0.113.9",
        "tls_ja4": JA4,
        "user_agent": "shore/1.0",
    }
    assert {**filled(new), "exchange_id": "7c11"} == {**filled(old), "tokens_cached": 8, "tokens_reasoning": 4}
    assert (flat["model"], flat["tokens_in"], flat["tokens_out"]) == ("m-large", 12, 9)
    assert (old["ended_at"] - old["started_at"]).total_seconds() == 2.25


def test_kong_without_payloads_is_metadata(tmp_path: Path) -> None:
    """Without `log_payloads` there is no text, and the call is still one."""
    row, _ = one("kong", tmp_path, {**BASES["kong"], "ai": {"proxy": {"usage": {"prompt_tokens": 3}}}})
    assert (row["prompt"], row["completion"], row["tokens_in"]) == (None, None, 3)


def test_kong_streams_are_put_together(tmp_path: Path) -> None:
    """A payload that is the events of a stream is read as the answer that they make."""
    events = "".join(
        f'data: {{"choices":[{{"index":0,"delta":{{"content":"{piece}"}}}}]}}\n\n' for piece in ("A ", "wall")
    )
    ai = {"proxy": {"payload": {"response": events + "data: [DONE]\n\n"}}}
    row, _ = one("kong", tmp_path, {**BASES["kong"], "ai": ai})
    assert row["completion"] == "A wall"


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.5:443", None, "203.0.113.5"),
        ("8.8.8.8:443", "1.1.1.1", "8.8.8.8"),
        ("10.0.0.1:443", "198.51.100.7, 10.0.0.1", "198.51.100.7"),
        ("[2001:db8::7]:443", None, "2001:db8::7"),
        ("2001:db8::7", "-", "2001:db8::7"),
        ("-", "unknown", None),
        (None, "9.9.9.9:1234", "9.9.9.9"),
        (5, ["x"], None),
    ],
)
def test_addresses(peer: object, forwarded: object, found: str | None) -> None:
    """A public peer is believed; behind a balancer's private address the first forwarded one is taken."""
    assert edge.address(peer, forwarded) == found


@pytest.mark.parametrize("name", ["envoy", "kong"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_values_of_any_kind_never_raise(name: str, data: st.DataObject) -> None:
    """Whatever the fields hold, every record is an exchange or left out."""
    keys = [*BASES[name], "ai.proxy", "ai.proxy.usage.prompt_tokens", "ai.x.y.z.a.b"]
    changes = data.draw(st.lists(st.dictionaries(st.sampled_from(keys), VALUES, max_size=6), min_size=1, max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_text("".join(json.dumps({**BASES[name], **change}) + "\n" for change in changes))
        batches = list(collect.read(Split(path=str(path), format=name)))
        for batch in batches:
            check_batch(batch)
        assert sum(batch.lines for batch in batches) == len(changes)


def test_a_call_that_would_end_beyond_the_calendar_has_no_end(tmp_path: Path) -> None:
    """A line whose duration leads beyond the year 9999 is a call without an end; the others beside it have theirs."""
    line = {"start_time": "9999-12-31T23:59:59Z", "x-account-id": "a", "genai_model_name": "m", "response_code": 200}
    path = tmp_path / "access.jsonl"
    path.write_text("\n".join(json.dumps({**line, "x-request-id": str(took), "duration": took}) for took in (5000, 9)))
    batches = list(collect.read(Split(path=str(path), format="envoy")))
    assert [row.get("ended_at") is None for row in rows_of(batches)] == [True, False]
    assert not counts(batches)
