"""Batches: results find their requests in the files beside them, and never another batch's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from collect.reading import read_whole

import stillhunt
from stillhunt import collect
from stillhunt.collect import batch_inputs


def asked(number: int, prompt: str) -> dict[str, Any]:
    """Return a line of an OpenAI batch's input."""
    body = {"model": "m-1", "messages": [{"role": "user", "content": prompt}], "user": "u-9"}
    return {"custom_id": f"row-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


def answered(number: int) -> dict[str, Any]:
    """Return a line of its output."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"Answer {number}."}}
    body = {"id": f"c-{number}", "object": "chat.completion", "created": 1772442300 + number, "model": "m-1", "choices": [choice]}
    return {"id": f"b-{number}", "custom_id": f"row-{number}", "response": {"status_code": 200, "body": body}, "error": None}


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    """Write records, one a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the folder of an account's batches, with one batch in it."""
    made = tmp_path / "account_id=acme"
    written(made / "in.jsonl", [asked(n, f"Question {n}?") for n in range(3)])
    written(made / "out.jsonl", [answered(n) for n in (2, 0, 1)])
    return made


def test_results_have_the_text_of_their_requests(folder: Path) -> None:
    """The order of results is not that of the requests; each finds its own."""
    rows, left, lines = read_whole(folder / "out.jsonl", "openai")
    assert (lines, left) == (3, {})
    assert [(row["prompt"], row["completion"]) for row in rows] == [(f"Question {n}?", f"Answer {n}.") for n in (2, 0, 1)]
    assert {row["end_user_id"] for row in rows} == {"u-9"}


def test_input_lines_are_left_out_without_being_a_defect(folder: Path) -> None:
    """A folder with both files is read as it lies: what was asked is no second exchange."""
    rows, left, lines = read_whole(folder / "in.jsonl", "openai")
    assert (rows, left, lines) == ([], {("line", batch_inputs.INPUT): 3}, 3)
    splits = collect.plan([folder])
    assert {split.format for split in splits} == {"openai"}
    found = stillhunt.hunt(folder, key=b"a key of sixteen bytes or more")
    assert (found.n_lines, found.n_exchanges) == (6, 3)


def test_an_id_of_two_batches_is_not_joined(folder: Path) -> None:
    """The wrong prompt is worse than none: what two input files of a folder ask under one id is counted."""
    written(folder / "in-2.jsonl", [asked(1, "Something else?")])
    rows, left, _ = read_whole(folder / "out.jsonl", "openai")
    assert [row["prompt"] for row in rows] == ["Question 2?", "Question 0?", None]
    assert left == {("value", batch_inputs.AMBIGUOUS): 1}


def test_a_result_without_its_request_is_counted(folder: Path) -> None:
    """A folder without the input, or with one that lacks a line, says how many texts are missing."""
    written(folder / "in.jsonl", [asked(0, "Question 0?")])
    rows, left, _ = read_whole(folder / "out.jsonl", "openai")
    assert [row["prompt"] for row in rows] == [None, "Question 0?", None]
    assert left == {("value", batch_inputs.NOT_BESIDE): 2}


def test_anthropic_results_find_their_parameters(tmp_path: Path) -> None:
    """Anthropic calls the request `params` and the answer `result`."""
    folder = tmp_path / "account_id=acme" / "started_at=2026-03-02"
    params = {"model": "m-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Why?"}]}
    message = {"id": "m1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "So."}]}
    written(folder / "requests.jsonl", [{"custom_id": "a", "params": params}])
    written(folder / "results.jsonl", [{"custom_id": "a", "result": {"type": "succeeded", "message": message}}])
    rows, left, _ = read_whole(folder / "results.jsonl", "anthropic")
    assert left == {}
    assert [(row["prompt"], row["completion"], row["max_tokens"]) for row in rows] == [("Why?", "So.", 9)]


def test_damaged_input_files_cost_only_their_own_lines(folder: Path) -> None:
    """A line that is no JSON, bytes that are no text and an empty file beside the results never raise."""
    whole = (folder / "in.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "in.jsonl").write_bytes(whole[0] + b"{broken\n\xff\xfe\n" + whole[2])
    (folder / "empty.jsonl").write_bytes(b"")
    rows, left, _ = read_whole(folder / "out.jsonl", "openai")
    assert [row["prompt"] for row in rows] == ["Question 2?", "Question 0?", None]
    assert left == {("value", batch_inputs.NOT_BESIDE): 1}
