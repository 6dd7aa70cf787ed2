"""Bedrock's invocation log: the mapping for each kind of body, and bodies in files of their own."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from collect.reading import SAMPLES, read_whole

from stillhunt import collect
from stillhunt.collect import bedrock, cloudwatch
from stillhunt.collect.guess import guess
from stillhunt.testing import check_format

BASE: list[dict[str, Any]] = [json.loads(line) for line in (SAMPLES / "bedrock.jsonl").read_text().splitlines()]


def one(tmp_path: Path, record: dict[str, Any]) -> tuple[dict[str, Any], dict[tuple[str, str], int]]:
    """Return the one exchange that a record gives, without what is null, and what was left out."""
    path = tmp_path / "log.json"
    path.write_text(json.dumps(record) + "\n")
    rows, left, lines = read_whole(path, "bedrock")
    assert lines == 1
    return {name: value for name, value in rows[0].items() if value is not None} if rows else {}, left


def test_sample_is_read_as_written() -> None:
    """Of seven records six are exchanges and one is an embedding; missing bodies are counted."""
    rows, left, lines = read_whole(SAMPLES / "bedrock.jsonl", "bedrock")
    assert [row["exchange_id"] for row in rows] == ["b-1", "b-2", "b-3", "b-4", "b-5", "b-6"]
    assert lines == 7
    assert left == {
        ("line", bedrock.NOT_A_CALL): 1,
        ("value", bedrock.ELSEWHERE): 1,
        ("value", bedrock.NO_BODY): 2,
    }
    assert [row["status"] for row in rows] == ["ok"] * 5 + ["rate_limited"]


def test_converse_says_what_the_models_own_api_says(tmp_path: Path) -> None:
    """The same call through `InvokeModel` and through `Converse` has the same text and reasoning."""
    invoked, _ = one(tmp_path, BASE[0])
    conversed, _ = one(tmp_path, BASE[1])
    same = ("system", "prompt", "history", "completion", "reasoning_issued", "reasoning_presented", "reasoning_budget")
    assert {name: invoked[name] for name in same} == {name: conversed[name] for name in same}
    assert conversed["model"] == "eu.anthropic.c-large-4-v1:0"
    assert (conversed["temperature"], conversed["top_p"], conversed["max_tokens"]) == (0.2, 0.9, 400)
    assert (conversed["session_id"], conversed["end_user_id"]) == ("s-7", "seat-3")
    assert len(conversed["tools_hash"]) == 32


@pytest.mark.parametrize(
    ("number", "prompt", "completion"), [(2, "Name a cape.", " Cape Wrath."), (3, "Name another.", "Cape Cornwall.")]
)
def test_other_models_bodies_are_read(number: int, prompt: str, completion: str, tmp_path: Path) -> None:
    """Titan's stream and Llama's answer have a prompt, a completion and a bound on tokens."""
    row, _ = one(tmp_path, BASE[number])
    assert (row["prompt"], row["completion"]) == (prompt, completion)
    assert row["max_tokens"] in (64, 128)


def test_tokens_in_count_the_cache(tmp_path: Path) -> None:
    """Tokens read from and written to the cache are part of the tokens in."""
    row, _ = one(tmp_path, BASE[0])
    assert (row["tokens_in"], row["tokens_cached"], row["tokens_out"]) == (125, 100, 30)


def test_the_caller_is_the_account_and_the_aws_account_stands_in(tmp_path: Path) -> None:
    """`identity.arn` is the account; without it the AWS account is, and that is counted."""
    row, left = one(tmp_path, BASE[2])
    assert row["account_id"] == "arn:aws:sts::111122223333:assumed-role/harbour/tern"
    assert not left
    row, left = one(tmp_path, {**BASE[2], "identity": None})
    assert row["account_id"] == "111122223333"
    assert left == {("value", bedrock.NO_ARN): 1}


def test_tags_tell_apart_whom_one_signer_serves(tmp_path: Path) -> None:
    """An application that signs for its customers names them in tags; that this was taken for the account is counted."""
    tags = {"tenant_id": "t-1", "org_id": "o-1", "api_key_id": "k-1", "user_id": "seat-9", "conversation_id": "c-1"}
    row, left = one(tmp_path, {**BASE[2], "requestMetadata": tags})
    assert (row["account_id"], row["org_id"], row["api_key_id"]) == ("t-1", "o-1", "k-1")
    assert (row["end_user_id"], row["session_id"]) == ("seat-9", "c-1")
    assert left == {("value", bedrock.BY_TAG): 1}


def test_the_aws_account_is_no_organisation(tmp_path: Path) -> None:
    """It holds the log and is the same for all in it: as an owner it would make one of everybody."""
    assert "org_id" not in one(tmp_path, BASE[2])[0]


def test_large_bodies_are_read_from_the_folder_beside_the_log(tmp_path: Path) -> None:
    """A body in a file of its own is read where that file was copied beside the log, and only there."""
    (tmp_path / "data").mkdir()
    body = json.dumps(BASE[0]["input"]["inputBodyJson"]).encode()
    (tmp_path / "data" / "b-5_input.json.gz").write_bytes(gzip.compress(body))
    row, left = one(tmp_path, BASE[4])
    assert (row["prompt"], left) == ("When is high water at Wick?", {})
    for path in ("s3://logs/data/..", "s3://logs/data/", "s3://logs/none.json.gz"):
        row, left = one(tmp_path, {**BASE[4], "input": {"inputBodyS3Path": path}})
        assert ("value", bedrock.ELSEWHERE) in left


def test_guardrails_are_a_category_of_refusal(tmp_path: Path) -> None:
    """An answer that a guardrail stopped is a refusal of that kind."""
    output = {"outputBodyJson": {**BASE[1]["output"]["outputBodyJson"], "stopReason": "guardrail_intervened"}}
    row, _ = one(tmp_path, {**BASE[1], "output": output})
    assert row["refusal_category"] == "guardrail_intervened"


def test_packed_logs_as_they_are_delivered(tmp_path: Path) -> None:
    """A `.json.gz` of the log is recognised and read; its folder of large bodies is passed over."""
    day = tmp_path / "2026" / "03"
    (day / "data").mkdir(parents=True)
    with gzip.open(day / "20260302T0900_a.json.gz", "wb") as packed:
        packed.write((SAMPLES / "bedrock.jsonl").read_bytes())
    body = {"model": "c", **BASE[0]["input"]["inputBodyJson"]}
    (day / "data" / "x_input.json.gz").write_bytes(gzip.compress(json.dumps(body).encode()))
    (split,) = collect.plan([tmp_path])
    assert split.format == "bedrock"
    shutil.copy(SAMPLES / "bedrock.jsonl", tmp_path / "any.name")
    assert guess(tmp_path / "any.name").format == "bedrock"


def test_the_format_keeps_its_contract(tmp_path: Path) -> None:
    """Every line is accounted for, parts make the whole, and damage never raises."""
    assert check_format(collect.FORMATS["bedrock"], SAMPLES / "bedrock.jsonl", tmp_path) == 6


def subscribed(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return records as a subscription of CloudWatch Logs hands them on."""
    events = [{"id": f"3{number}", "timestamp": 1772442300250, "message": json.dumps(one)} for number, one in enumerate(records)]
    named = {"owner": "111122223333", "logGroup": "/bedrock", "logStream": "aws/bedrock/modelinvocations"}
    return {"messageType": "DATA_MESSAGE", **named, "subscriptionFilters": ["all"], "logEvents": events}


CONTROL = {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logEvents": [{"id": "", "message": "CWL CONTROL MESSAGE"}]}


def wrappings() -> dict[str, bytes]:
    """Return the sample in each wrapping in which it comes out of CloudWatch."""
    half, rest = subscribed(BASE[:4]), subscribed(BASE[4:])
    printed = {"events": [{"logStreamName": "s", **one} for one in subscribed(BASE)["logEvents"]], "searchedLogStreams": []}
    return {
        "lines": b"".join(json.dumps(one).encode() + b"\n" for one in (half, rest)),
        "in a row": b"".join(json.dumps(one).encode() for one in (half, rest)),
        "gzip in a row": b"".join(gzip.compress(json.dumps(one).encode()) for one in (half, rest)),
        "printed": json.dumps(printed, indent=4).encode(),
        "exported": b"".join(b"2026-03-02T09:05:00.250Z " + json.dumps(one).encode() + b"\n" for one in BASE),
    }


def test_the_wrapped_sample_is_the_sample() -> None:
    """A subscription's documents give what the bare records give, and the control message between them is no defect."""
    bare, left, lines = read_whole(SAMPLES / "bedrock.jsonl", "bedrock")
    wrapped = read_whole(SAMPLES / "bedrock-cloudwatch.jsonl", "bedrock")
    assert wrapped == (bare, {**left, ("line", cloudwatch.NO_EVENTS): 1}, lines + 1)


@pytest.mark.parametrize("how", wrappings())
def test_what_comes_out_of_cloudwatch_is_the_same_log(how: str, tmp_path: Path) -> None:
    """In each wrapping the log is recognised, and gives the exchanges and counts that the bare records give."""
    path = tmp_path / "log.json"
    path.write_bytes(wrappings()[how])
    assert guess(path).format == "bedrock"
    (split,) = collect.plan([path])
    bare = read_whole(SAMPLES / "bedrock.jsonl", "bedrock")
    assert read_whole(path, split.format) == bare
    (tmp_path / "broken").mkdir()
    assert check_format("stillhunt.collect.bedrock:read", path, tmp_path / "broken") == 6


def test_log_events_that_are_no_records_are_counted(tmp_path: Path) -> None:
    """A control message is one line and no defect; messages that are no JSON, or missing, are each a line and a defect."""
    odd = subscribed(BASE[:1])
    odd["logEvents"] += [{"id": "4", "message": "START RequestId"}, {"id": "5"}]
    path = tmp_path / "log.json"
    path.write_text("\n".join(map(json.dumps, (CONTROL, odd, BASE[1]))) + "\n" + json.dumps(odd) + json.dumps(odd)[:-9] + "\n")
    rows, left, lines = read_whole(path, "bedrock")
    assert [row["exchange_id"] for row in rows] == ["b-1", "b-2", "b-1"]
    assert {reason: count for (what, reason), count in left.items() if what == "line"} == {
        cloudwatch.NO_EVENTS: 1, "not JSON": 2, cloudwatch.NO_MESSAGE: 2, cloudwatch.BROKEN: 1,
    }  # fmt: skip
    assert lines == 9


def test_a_subscription_too_large_to_look_at_is_recognised(tmp_path: Path) -> None:
    """A document of more than is looked at says by its opening and its first message what it is; other logs do not."""
    path = tmp_path / "log"
    path.write_text(json.dumps(subscribed(BASE * 400)))
    assert path.stat().st_size > 2**20
    assert guess(path).format == "bedrock"
    path.write_text(json.dumps({**subscribed([]), "logEvents": [{"id": "1", "message": "{}"}]}))
    assert guess(path).format is None
