"""How LiteLLM lays out its payloads: objects in S3 and GCS, and the generic callback's three forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collect.reading import SAMPLES, counts, rows_of

from stillhunt import collect

PAYLOADS = [json.loads(line) for line in (SAMPLES / "litellm.jsonl").read_text(encoding="utf-8").splitlines()]

Files = dict[str, str]


def _each(name: str) -> Files:
    return {name.format(number): json.dumps(payload) for number, payload in enumerate(PAYLOADS)}


LAYOUTS: dict[str, Files] = {
    "S3, an object for each call": _each("2026-03-02/time-09-05-0{0}-250000_chatcmpl-{0}.json"),
    "S3, an hour's folder and a prefix": _each("logs/team-2/2026-03-02/09/time-09-05-0{0}_chatcmpl-{0}.json"),
    "S3, a flush in one file": {
        "2026-03-02/batch-1.jsonl": "\n".join(map(json.dumps, PAYLOADS[:6])),
        "2026-03-02/batch-2.jsonl": "\n".join(map(json.dumps, PAYLOADS[6:])),
    },
    "GCS, an object for each call, without suffix": _each("2026-03-02/chatcmpl-{0}"),
    "GCS, a flush in one file": {"2026-03-02/batch-9f.ndjson": "\n".join(map(json.dumps, PAYLOADS))},
    "generic callback, json_array": {"body.json": json.dumps(PAYLOADS)},
    "generic callback, ndjson": {"body.log": "\n".join(map(json.dumps, PAYLOADS))},
    "generic callback, single": _each("{0}.json"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same(layout: str, tmp_path: Path) -> None:
    """A folder in any layout gives the calls of the sample, recognised without being named."""
    (tmp_path / "README").write_text("Logs of the proxy.")
    for name, content in LAYOUTS[layout].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    batches = [batch for split in collect.plan([tmp_path]) for batch in collect.read(split)]
    whole = [batch for split in collect.plan([SAMPLES / "litellm.jsonl"]) for batch in collect.read(split)]
    assert sum(batch.lines for batch in batches) == len(PAYLOADS)
    assert rows_of(batches) == rows_of(whole)
    assert counts(batches) == counts(whole)


def test_prompts_alone_are_calls_without_answers(tmp_path: Path) -> None:
    """With `s3_log_prompts_only` the response is null: the call is read, its completion is missing."""
    path = tmp_path / "log.json"
    path.write_text(json.dumps({**PAYLOADS[0], "response": None}))
    (row,) = [row for split in collect.plan([path]) for row in rows_of(list(collect.read(split)))]
    assert (row["prompt"], row["completion"]) == ("What is a groyne?", None)
