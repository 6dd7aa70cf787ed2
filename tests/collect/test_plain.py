"""Records read together say what they say when each is read by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from bench import forms
from collect import fuzzing
from collect.reading import SAMPLES, counts, left_out, rows_of

from stillhunt import worlds
from stillhunt.collect import bedrock, captures, envoy, kong, litellm, records
from stillhunt.collect.plain import PEEKED_LINES, Plain
from stillhunt.collect.plain_bedrock import PLAIN as BEDROCK
from stillhunt.collect.plain_captures import PLAIN as CAPTURES
from stillhunt.collect.plain_envoy import PLAIN as ENVOY
from stillhunt.collect.plain_kong import PLAIN as KONG
from stillhunt.collect.plain_litellm import PLAIN as LITELLM
from stillhunt.plugs import Batch, Split

WAYS: dict[str, tuple[records.Convert, Plain]] = {
    "openai": (captures.exchange, CAPTURES),
    "anthropic": (captures.exchange, CAPTURES),
    "envoy": (envoy.convert, ENVOY),
    "litellm": (litellm.convert, LITELLM),
    "kong": (kong.convert, KONG),
    "bedrock": (lambda record, note: bedrock.exchange(record, note, Path("nowhere")), BEDROCK),
}


def both(path: Path, name: str) -> tuple[list[Batch], list[Batch]]:
    """Return what a log gives when plain records are read together, and when all are read one by one."""
    convert, plain = WAYS[name]
    split = Split(path=str(path), format=name)
    return list(records.read(split, convert, plain)), list(records.read(split, convert))


def check(path: Path, name: str) -> list[Batch]:
    """Compare the two ways: rows in their order, counts of what was left out, lines; return what came of it."""
    together, alone = both(path, name)
    assert rows_of(together) == rows_of(alone)
    assert counts(together) == counts(alone)
    assert sum(b.lines for b in together) == sum(b.lines for b in alone)
    assert {one.reason: len(one.examples) for one in left_out(together)} == {
        one.reason: len(one.examples) for one in left_out(alone)
    }
    for batch in together:
        lost = sum(one.count for one in batch.left_out if one.what == "line")
        assert batch.lines == batch.exchanges.num_rows + lost
    return together


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Return a part of a small world in every format."""
    world = worlds.make("small", 0)
    some = world.exchanges.take(list(range(0, world.exchanges.num_rows, 9)))
    folder = tmp_path_factory.mktemp("logs")
    return forms.files(worlds.World(**{**vars_of(world), "exchanges": some}), folder, WAYS)


def vars_of(world: worlds.World) -> dict[str, Any]:
    """Return the fields of a world by name."""
    return {name: getattr(world, name) for name in world.__dataclass_fields__}


@pytest.mark.parametrize("name", WAYS)
def test_a_world_is_read_alike_both_ways(name: str, logs: dict[str, tuple[Path, str]]) -> None:
    """Every column of every exchange is the same."""
    assert sum(b.exchanges.num_rows for b in check(logs[name][0], name)) > 500


@pytest.mark.parametrize("name", WAYS)
def test_a_world_is_read_together_for_the_most_part(
    name: str, logs: dict[str, tuple[Path, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definition is asked for few records: else the fast way would prove nothing."""
    convert, plain = WAYS[name]
    asked: list[int] = []

    def counting(record: records.Row, note: records.Note) -> records.Row | str:
        asked.append(1)
        return convert(record, note)

    rows = sum(b.exchanges.num_rows for b in records.read(Split(path=str(logs[name][0]), format=name), counting, plain))
    assert len(asked) < rows / 10


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("seed", range(12))
def test_records_with_values_of_other_types_are_read_alike(
    seed: int, name: str, logs: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    """Values of any type in any place, broken lines, blank ones and doubled ones: both ways agree."""
    rng = random.Random(seed)
    lines = logs[name][0].read_bytes().split(b"\n")[:400]
    sample = next(SAMPLES.glob(f"{name}*.jsonl"), None)
    lines += sample.read_bytes().split(b"\n") if sample is not None else []
    rng.shuffle(lines)
    half = fuzzing.mistyped(rng, b"\n".join(lines[:200]), b"").split(b"\n")
    mixed = [*half, *lines[200:], b"", b"  ", b"{", b'{"a": 1}', b"[]", b'{"x": "\xff"}']
    rng.shuffle(mixed)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(mixed))
    check(path, name)


CHANGES: tuple[Callable[[dict[str, Any]], None], ...] = (
    lambda r: r.update(accountId="  other "),
    lambda r: r.pop("account_id", None),
    lambda r: r.update(path="/v1/embeddings"),
    lambda r: r.update(metadata={"user_id": "u"}),
    lambda r: r["request"].update(tools=[{"b": 1, "a": 2}]),
    lambda r: r["request"].update(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}]}]),
    lambda r: r["request"].update(messages=[{"role": "user", "content": None}, {"role": "tool", "content": "4"}]),
    lambda r: r["request"].update(messages=[]),
    lambda r: r["request"].update(metadata={"user_id": 7}, user=""),
    lambda r: r["response"].update(error={"type": "rate_limit_error"}),
    lambda r: r["response"].update(choices=[]),
    lambda r: r["response"].update(object="embedding"),
    lambda r: r["response"].update(usage={"input_tokens": 3, "cache_read_input_tokens": 2}),
    lambda r: r.update(api_key_id="sk-secret", client_ip=" 10.0.0.1, 10.0.0.2"),
    lambda r: r.update(headers={"User-Agent": "x"}),
    lambda r: r.update(started_at=None),
)


@pytest.mark.parametrize("change", range(len(CHANGES)))
def test_what_is_not_plain_is_read_alike(change: int, logs: dict[str, tuple[Path, str]], tmp_path: Path) -> None:
    """Each way in which a capture can be otherwise gives the same both ways, after lines that do not show it."""
    rows = [json.loads(line) for line in logs["openai"][0].read_bytes().split(b"\n")[: 3 * PEEKED_LINES]]
    for row in rows[1::2]:
        CHANGES[change](row)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    check(path, "openai")


def test_a_name_that_few_lines_have_is_learnt(logs: dict[str, tuple[Path, str]], tmp_path: Path) -> None:
    """A field that no line looked at beforehand has costs the lines that show it first, not all that come after."""
    convert, plain = WAYS["openai"]
    lines = (logs["openai"][0].read_bytes().split(b"\n")[:-1] * 4)[:2000]
    step = len(lines) // PEEKED_LINES
    rare = range(step // 2, len(lines), 2 * step)
    for number in rare:
        lines[number] = lines[number][:-1] + b', "ua": "rare/1.0"}'
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(lines))
    check(path, "openai")
    asked: list[bytes] = []

    def counting(record: records.Row, note: records.Note) -> records.Row | str:
        if "ua" in record:
            asked.append(b"")
        return convert(record, note)

    list(records.read(Split(path=str(path), format="openai"), counting, plain))
    assert 0 < len(asked) < len(rare)


@pytest.mark.parametrize("odd", [b"\\ud800", b"\\n", b'\\"', b"\\\\", b"\\u0000"])
@pytest.mark.parametrize("name", WAYS)
def test_names_that_no_type_can_have_are_read_alike(
    name: str, odd: bytes, logs: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    """A name with half a character or an escaped one, in the first line of a log, is no reason to fail."""
    lines = logs[name][0].read_bytes().split(b"\n")[:20]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([lines[0][:-1] + b', "' + odd + b'": 1}', *lines[1:]]))
    check(path, name)


def test_rows_of_several_types_become_one_column() -> None:
    """Where one part of a column holds numbers and another text, all become text that says the same."""
    from stillhunt.collect.plain import joined

    parts = [pa.array([1, None]), pa.array(["a"]), pa.nulls(1)]
    assert joined(parts).to_pylist() == ["1", None, "a", None]
