"""Anthropic messages, captured and in batches: the mapping, and each trap."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from collect.reading import SAMPLES, read_whole

from stillhunt import collect
from stillhunt.collect import batch_inputs, captures
from stillhunt.collect.guess import guess
from stillhunt.testing import check_format

BASE: list[dict[str, Any]] = [json.loads(line) for line in (SAMPLES / "anthropic.jsonl").read_text().splitlines()]


def one(tmp_path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return the one exchange that a record gives, without what is null."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(record) + "\n")
    rows, _, lines = read_whole(path, "anthropic")
    assert lines == 1
    return {name: value for name, value in rows[0].items() if value is not None}


def hashed(text: str) -> str:
    """Return the name of a reasoning block with this signature."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def test_sample_is_read_as_written() -> None:
    """Of six captures five are exchanges and one counts tokens."""
    rows, left, lines = read_whole(SAMPLES / "anthropic.jsonl", "anthropic")
    assert [row["exchange_id"] for row in rows] == ["msg_1", "msg_2", "msg_3", "req-4", "msg_5"]
    assert (lines, left) == (6, {("line", captures.NOT_A_CALL): 1})
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "rate_limited", "ok"]


def test_thinking_is_named_by_its_signature_on_both_sides(tmp_path: Path) -> None:
    """Blocks in the history were presented, blocks in the answer were issued; the thoughts are no completion."""
    row = one(tmp_path, BASE[0])
    assert row["reasoning_presented"] == [hashed("sig-one")]
    assert row["reasoning_issued"] == [hashed("sig-two")]
    assert row["completion"] == "At 14:05."
    assert "table" not in row["history"]
    assert one(tmp_path, BASE[2])["reasoning_issued"] == [hashed("sealed-three")]


def test_requests_fill_system_knobs_and_end_user(tmp_path: Path) -> None:
    """The system blocks, the thinking budget, tools and `metadata.user_id` arrive; a tool's result is no prompt."""
    row = one(tmp_path, BASE[0])
    assert (row["system"], row["prompt"]) == ("Answer in one line.", "When is high water at Wick?")
    assert (row["reasoning_budget"], row["max_tokens"], row["end_user_id"]) == (1024, 400, "seat-3")
    assert len(row["tools_hash"]) == 32
    assert json.loads(row["history"])[1] == {"role": "user", "content": "14:05"}


def test_tokens_in_count_the_cache_as_other_providers_do(tmp_path: Path) -> None:
    """Anthropic counts input without what came from the cache or went into it; the contract counts all of it."""
    row = one(tmp_path, BASE[0])
    assert (row["tokens_in"], row["tokens_cached"], row["tokens_out"], row["tokens_reasoning"]) == (125, 100, 30, 12)


@pytest.mark.parametrize("category", ["frontier_llm", "reasoning_extraction", "cyber", None])
def test_refusals_keep_the_providers_category(category: str | None, tmp_path: Path) -> None:
    """`stop_details.category` is the category; a refusal without one is `refusal`."""
    response = {**BASE[1]["response"], "stop_details": {"type": "refusal", "category": category}}
    assert one(tmp_path, {**BASE[1], "response": response})["refusal_category"] == (category or "refusal")


def test_tool_calls_stand_after_the_text(tmp_path: Path) -> None:
    """A tool call is part of the completion, by name and arguments, without the id that is new each time."""
    assert one(tmp_path, BASE[2])["completion"] == 'Calling.\n[{"arguments":{"port":"Oban"},"name":"tides"}]'


def test_streams_are_put_together(tmp_path: Path) -> None:
    """Events give the text, the signature and the usage of an unstreamed answer; a stream cut short what there is."""
    row = one(tmp_path, BASE[4])
    assert (row["completion"], row["reasoning_issued"], row["tokens_out"]) == ("Salt marsh.", [hashed("sig-five")], 33)
    cut = BASE[4]["response"].split("event: content_block_stop")[1]
    assert one(tmp_path, {**BASE[4], "response": cut, "request_id": "r"})["completion"] == "Salt marsh."


def test_batch_results_are_recognised_and_read(tmp_path: Path) -> None:
    """Results name neither account nor time; folders that do make the succeeded, errored and expired ones exchanges."""
    assert guess(SAMPLES / "anthropic-batch.jsonl").format == "anthropic"
    path = tmp_path / "account_id=u-tern" / "started_at=2026-03-02" / "results.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes((SAMPLES / "anthropic-batch.jsonl").read_bytes())
    rows, left, lines = read_whole(path, "anthropic")
    assert (lines, left) == (3, {("value", batch_inputs.NOT_BESIDE): 3})
    assert [(row["exchange_id"], row["status"]) for row in rows] == [
        ("msg_b1", "ok"),
        ("row-2", "error"),
        ("row-3", "error"),
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"custom_id": "a", "params": BASE[0]["request"]},
        {"request": {"method": "POST", "path": "/v1/messages", "body": {"model": "c", "messages": []}}},
        {"request": BASE[0]["request"]},
        {"response": BASE[0]["response"]},
        BASE[0]["response"],
    ],
)
def test_one_side_is_enough_to_recognise(record: dict[str, Any], tmp_path: Path) -> None:
    """A record with a request or an answer alone is known for Anthropic's."""
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert guess(path).format == "anthropic"


def test_the_format_keeps_its_contract(tmp_path: Path) -> None:
    """Every line is accounted for, parts make the whole, and damage never raises."""
    assert check_format(collect.FORMATS["anthropic"], SAMPLES / "anthropic.jsonl", tmp_path) == 5
