"""vLLM's log joined to a gateway's, and what happens where one side is missing."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from collect.reading import SAMPLES, counts, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt import collect
from stillhunt.collect import vllm, vllm_lines
from stillhunt.plugs import Batch, Split
from stillhunt.testing import check_batch

LOG, GATEWAY = SAMPLES / "vllm.log", SAMPLES / "envoy.jsonl"


def read(*logs: Path) -> list[Batch]:
    """Return the batches of some logs, planned together."""
    batches = [batch for split in collect.plan(list(logs)) for batch in collect.read(split)]
    for batch in batches:
        check_batch(batch)
    return batches


def test_text_is_joined_to_the_gateways_record() -> None:
    """The gateway says who and when, vLLM what was asked and answered; every line of both is accounted for."""
    batches = read(GATEWAY, LOG)
    rows = {row["exchange_id"]: row for row in rows_of(batches)}
    assert len(rows) == 4
    first = rows["83b63da3-45a9-4196-98b8-1a7f697d6d8d"]
    assert (first["account_id"], first["client_ip"], first["tokens_in"]) == ("u-tern", "203.0.113.5", 15)
    assert (first["system"], first["prompt"]) == ("Answer in one line.", "What's a \"groyne\"?")
    assert (first["completion"], first["finish_reason"]) == ("A wall that keeps sand in place.", "stop")
    assert [first[name] for name in ("temperature", "top_p", "n", "seed", "max_tokens")] == [0.3, 0.95, 1, 7, 64]
    second = rows["83b63da3-0000-4196-98b8-1a7f697d6d8d"]
    assert (second["prompt"], second["completion"], second["finish_reason"]) == ("Once", " upon a time", "length")
    left = counts(batches)
    assert sum(batch.lines for batch in batches) == 8 + 9
    assert left["line", vllm.JOINED] == 5
    assert left["line", vllm.STREAMED] == 1
    assert left["line", vllm.OTHER] == 2
    assert left["line", vllm.UNKNOWN] == 1
    assert left["value", vllm.NO_TEXT] == 2


def test_the_order_and_the_folder_do_not_matter(tmp_path: Path) -> None:
    """The logs may be named in either order or lie in one folder."""
    for log in (LOG, GATEWAY):
        shutil.copy(log, tmp_path)
    assert rows_of(read(LOG, GATEWAY)) == rows_of(read(GATEWAY, LOG)) == rows_of(read(tmp_path))


def test_without_a_gateways_log_nobody_is_known() -> None:
    """Alone, vLLM's calls are left out as defects, with the reason that says what to give."""
    batches = read(LOG)
    assert rows_of(batches) == []
    assert counts(batches)["line", vllm.ALONE] == 6
    assert any(one.defect for batch in batches for one in batch.left_out if one.reason == vllm.ALONE)


def test_without_vllms_log_the_calls_have_no_text() -> None:
    """Alone, the gateway's calls are exchanges without text."""
    rows = rows_of(read(GATEWAY))
    assert len(rows) == 4 and {row["prompt"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\n", ("S", "Q")),
        ("<bos><start_of_turn>user\nQ<end_of_turn>\n<start_of_turn>model\n", (None, "Q")),
        ("No template at all", (None, "No template at all")),
    ],
)  # fmt: skip
def test_chat_templates_are_taken_apart(prompt: str, turns: tuple[str | None, str]) -> None:
    """Marks of known chat templates become turns; other prompts stay whole."""
    said = vllm_lines.said(f"INFO Received request chatcmpl-a: prompt: {prompt!r}, params: SamplingParams(n=2)".encode())
    assert said is not None
    assert (said.id, said.row.get("system"), said.row["prompt"], said.row["n"]) == ("a", *turns, "2")


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60), name=st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True))
def test_any_text_comes_back_as_it_was(text: str, name: str) -> None:
    """Quotes, line ends and words of the log itself inside a text do not confuse the reading."""
    tricky = f"{text}'\"Generated response x: output: 'y', finish_reason: z"
    line = f"INFO 08-30 [logger.py] Generated response chatcmpl-{name}: output: {tricky!r}, finish_reason: stop"
    said = vllm_lines.said(line.encode("utf-8", "replace"))
    assert said is not None
    assert (said.id, said.row) == (name, {"completion": tricky, "finish_reason": "stop"})


@settings(max_examples=60, deadline=None)
@given(data=st.lists(st.binary(max_size=60) | st.sampled_from(LOG.read_bytes().split(b"\n")), max_size=8))
def test_any_lines_are_accounted_for(data: list[bytes]) -> None:
    """Whatever lines a log holds, each is counted once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vllm.log"
        path.write_bytes(b"\n".join(data))
        batches = list(collect.read(Split(path=f"envoy={GATEWAY}\n{path}", format="vllm")))
        for batch in batches:
            check_batch(batch)
        kept = [line for line in b"\n".join(data).split(b"\n") if line.strip()]
        assert sum(batch.lines for batch in batches) == len(kept) + 8
