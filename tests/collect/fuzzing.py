"""Damaged logs made from the samples: one numbered input after the other, the same for the same number."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt import collect
from stillhunt.contract import EXCHANGES
from stillhunt.errors import StillhuntError
from stillhunt.plugs import Split

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**63, 10**400, 1e300, -1e-300, "", " ", "\x00", "-", "null", "NaN", "9" * 400),
    *([], {}, [[]], [{}], {"a": {"b": []}}, [None] * 3, "2026-13-45T99:99:99Z", "0000-00-00", "-1", "9999999999999999999"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 253402300800, "1772442300250000000", "\U0001f600", "\ufeff", "{", "[1"),
)
Mutation = Callable[[random.Random, bytes, bytes], bytes]


def truncated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Cut anywhere."""
    return data[: rng.randrange(len(data) + 1)]


def interleaved(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Mix the lines of two logs."""
    lines = data.split(b"\n") + other.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def flipped(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Change some bytes."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        if out:
            out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def nested(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Put deep nesting in place of a value."""
    depth = rng.choice((10, 200, 1024, 2000, 50_000))
    deep = (b"[" * depth + b"]" * depth) if rng.random() < 0.5 else b'{"a":' * depth + b"1" + b"}" * depth
    at = data.find(b":", rng.randrange(len(data) + 1))
    return data[: at + 1] + deep + data[at + 1 :]


def mistyped(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Give values of other types, doubled ids and absurd times in the lines that are JSON."""
    lines = []
    for line in data.split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            lines.append(line)
            continue
        for _ in range(rng.randint(1, 4)):
            _replace(rng, record)
        lines.append(json.dumps(record, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
        if rng.random() < 0.3:
            lines.append(lines[-1])
    return b"\n".join(lines)


def _replace(rng: random.Random, value: Any) -> None:
    while isinstance(value, dict | list) and value:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if not isinstance(value[key], dict | list) or not value[key] or rng.random() < 0.3:
            value[key] = copy.deepcopy(rng.choice((*ODD, "\ud83d", float("inf"), float("nan"))))
            return
        value = value[key]


def not_text(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Put in bytes that are no UTF-8, NULs, marks and odd line ends."""
    for odd in rng.choices((b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\xc3", b"\x1a"), k=3):
        at = rng.randrange(len(data) + 1)
        data = data[:at] + odd + data[at:]
    return data


def packed(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Pack, then cut, join or damage the stream."""
    out = gzip.compress(data, mtime=0) if rng.random() < 0.5 else pa.compress(data, codec="zstd", asbytes=True)
    out = rng.choice((out, out + out, out + data, truncated(rng, out, b""), flipped(rng, out, b"")))
    return bytes(out)


def emptied(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Leave nothing, or nothing but blanks."""
    return rng.choice((b"", b"\n" * rng.randint(1, 500), b" \t\r\n", b"\x00" * 100, b"{}", b"[]", b"{}\n{}", b"PAR1", b"null\n"))


def stretched(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Make a long line, or a string that never ends."""
    at = data.find(b'"', rng.randrange(len(data) + 1))
    return data[: at + 1] + b"x" * rng.choice((1_000, 100_000)) + data[at + 1 :]


MUTATIONS: tuple[Mutation, ...] = (
    truncated, interleaved, flipped, nested, mistyped, not_text, packed, emptied, stretched,
)  # fmt: skip


def corpus() -> list[tuple[str, bytes]]:
    """Return names and contents of the samples, in order."""
    return [(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir()) if path.suffix != ".md"]


def written(number: int, samples: list[tuple[str, bytes]], folder: Path) -> tuple[Path, str]:
    """Write input `number`; return its path and what was done to which sample."""
    rng = random.Random(number)
    name, data = rng.choice(samples)
    told = []
    for mutation in rng.choices(MUTATIONS, k=rng.choice((1, 1, 2, 3))):
        data = mutation(rng, data, rng.choice(samples)[1])
        told.append(mutation.__name__)
    suffix = Path(name).suffix if rng.random() < 0.8 else rng.choice((".jsonl", ".csv", ".parquet", ".gz", ".log", ""))
    path = folder / f"{Path(name).stem}{suffix}"
    path.write_bytes(data)
    return path, f"{'+'.join(told)} of {name} as {path.name}"


def outcome(path: Path, format: str | None) -> tuple[str, int, int]:
    """
    Read a file; return how it went, its lines, and its exchanges.

    Raises `AssertionError` where a line is neither an exchange nor left out, or a type is not the contract's; anything else
    than Stillhunt's own errors comes through.
    """
    lines = exchanges = 0
    try:
        for split in collect.plan([path], format):
            assert isinstance(split, Split)
            for batch in collect.read(split):
                lost = sum(one.count for one in batch.left_out if one.what == "line")
                assert batch.lines == batch.exchanges.num_rows + lost, (batch.lines, batch.exchanges.num_rows, lost)
                for field in batch.exchanges.schema:
                    assert field.type == EXCHANGES.field(field.name).type, field
                batch.exchanges.validate(full=True)
                lines += batch.lines
                exchanges += batch.exchanges.num_rows
    except StillhuntError as error:
        return type(error).__name__, lines, exchanges
    return "read", lines, exchanges
