"""Damaged logs: whatever a file holds, reading ends with exchanges and reasons, or with an error that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collect import fuzzing

from stillhunt import collect

FORMATS = sorted(set(collect.formats()) - {"postgresql", "clickhouse"})


def test_damaged_logs_end_in_exchanges_or_reasons(tmp_path: Path) -> None:
    """Three hundred damaged samples, recognised or read as any format, give no traceback and lose no line."""
    samples = fuzzing.corpus()
    how: set[str] = set()
    for number in range(300):
        path, told = fuzzing.written(number, samples, tmp_path)
        for format in (None, FORMATS[number % len(FORMATS)]):
            try:
                how.add(fuzzing.outcome(path, format)[0])
            except Exception as error:
                raise AssertionError(f"input {number}, {told}, format {format}") from error
        path.unlink()
    assert {"read", "LogError"} <= how


def test_the_same_number_makes_the_same_input(tmp_path: Path) -> None:
    """An input is made again from its number alone."""
    samples = fuzzing.corpus()
    for number in range(20):
        path, told = fuzzing.written(number, samples, tmp_path)
        once = path.read_bytes()
        assert fuzzing.written(number, samples, tmp_path) == (path, told)
        assert path.read_bytes() == once


@pytest.mark.parametrize("odd", ([], {}, [[1]], {"a": 1}))
@pytest.mark.parametrize("name", ["openai.jsonl", "anthropic.jsonl", "anthropic-batch.jsonl", "litellm.jsonl", "otel.jsonl"])
def test_a_list_where_a_kind_is_expected_is_read_over(tmp_path: Path, name: str, odd: object) -> None:
    """`type`, `object`, `role` and the like may hold a list or an object: no lookup fails on it."""
    path = tmp_path / name
    lines = []
    for line in (fuzzing.SAMPLES / name).read_text().splitlines():
        record = json.loads(line)
        replace_kinds(record, odd)
        lines.append(json.dumps(record))
    path.write_text("\n".join(lines) + "\n")
    how, read, _ = fuzzing.outcome(path, name.split("-")[0].split(".")[0])
    assert how == "read"
    assert read >= len(lines)  # a line of OTLP holds many records


def replace_kinds(value: object, odd: object) -> None:
    """Put `odd` in place of every `type`, `object`, `role` and `kind`, however deep."""
    if isinstance(value, dict):
        for key in value:
            if key in ("type", "object", "role", "kind"):
                value[key] = odd
            else:
                replace_kinds(value[key], odd)
    elif isinstance(value, list):
        for one in value:
            replace_kinds(one, odd)
