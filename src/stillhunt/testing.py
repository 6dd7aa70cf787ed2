"""
The contract of each kind of plug, as a function to call in a test.

    from stillhunt.testing import check_format

    def test_acme_logs_keep_the_contract(tmp_path):
        check_format("acme_logs.stillhunt:read", "tests/acme.log", tmp_path)

A plug that breaks its contract raises `PlugError`, which says how.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pyarrow as pa

from stillhunt import plugs
from stillhunt.contract import EXCHANGES, REQUIRED, TEXT
from stillhunt.errors import PlugError
from stillhunt.plugs import Batch, FormatReader, Split

MOST_ROWS = 65_536

SHORTEST_SECRET = 12
"""Pieces of text at least this long must not turn up in what a reader says about what it left out."""


def check_format(row: str, sample: str | Path, workspace: str | Path, *, seed: int = 0) -> int:
    """
    Check that a log format keeps its contract; return the number of exchanges in `sample`.

    `row` is the plug's `"module:name"`, `sample` a small log in the format with at least one exchange,
    `workspace` an empty folder to write broken copies of it into.

    1. Each batch keeps the contract: names, types, required values, and every line accounted for.
    2. Reading again, in another thread, and from a split that travelled gives the same.
    3. Parts together give what the whole gives.
    4. Whatever the file holds, reading does not raise: cut short, damaged, empty, arbitrary bytes, missing.
    5. No text of the log turns up in what is said about lines left out.

    Raises `PlugError` when one of these does not hold.
    """
    reader = cast(FormatReader, plugs.load(row))
    path = Path(sample)
    whole = Split(path=str(path), format=row)
    batches = _read(reader, whole, "the sample")  # 1.
    exchanges: int = sum(batch.exchanges.num_rows for batch in batches)
    _demand(exchanges > 0, f"the sample {path} gives no exchange")
    _same_again(reader, whole, batches)  # 2.
    _parts_make_the_whole(reader, whole, batches)  # 3.
    secrets = _secrets(batches)
    for what, broken in _broken_copies(path, Path(workspace), random.Random(seed)):  # 4.
        for batch in _read(reader, Split(path=str(broken), format=row), what):
            _keeps_secrets(batch, secrets, what)  # 5.
    return exchanges


def check_batch(batch: Batch, what: str = "a batch") -> None:
    """
    Check that one batch keeps the contract of log formats.

    Raises `PlugError` when a column has another name or type than the contract's, a required value is
    missing, a line is neither an exchange nor left out, or the batch is too large.
    """
    rows = batch.exchanges
    for field in rows.schema:
        known = field.name in EXCHANGES.names
        _demand(known, f"{what} has a column `{field.name}`, which the log contract has not")
        wanted = EXCHANGES.field(field.name).type
        _demand(field.type == wanted, f"in {what} `{field.name}` is {field.type}; the contract says {wanted}")
    for name in REQUIRED:
        _demand(name in rows.schema.names, f"{what} has no column `{name}`")
        _demand(rows.column(name).null_count == 0, f"in {what} an exchange has no `{name}`")
    left_out = sum(one.count for one in batch.left_out if one.what == "line")
    _demand(
        batch.lines == rows.num_rows + left_out,
        f"{what} has {batch.lines} lines, but {rows.num_rows} exchanges and {left_out} lines left out",
    )
    _demand(rows.num_rows <= MOST_ROWS, f"{what} has {rows.num_rows} rows, more than {MOST_ROWS}")
    for one in batch.left_out:
        _demand(
            one.count > 0 and bool(one.reason), f"{what} leaves something out without a count or a reason"
        )
    try:
        rows.validate(full=True)
    except (pa.ArrowInvalid, ValueError) as error:
        raise PlugError(f"{what} holds values that Arrow calls invalid: {error}") from error


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise PlugError(f"The log format breaks its contract: {otherwise}.\nSee `stillhunt.plugs.Batch`.")


def _read(reader: FormatReader, split: Split, what: str) -> list[Batch]:
    """Return the batches of a split, each checked."""
    try:
        batches = list(reader(split))
    except Exception as error:
        raise PlugError(
            f"The log format breaks its contract: reading {what} raised {type(error).__name__}: {error}.\n"
            "What a log holds must not raise: give a `LeftOut` instead."
        ) from error
    for batch in batches:
        check_batch(batch, what)
    return batches


def _same_again(reader: FormatReader, whole: Split, batches: list[Batch]) -> None:
    travelled = cast(Split, pickle.loads(pickle.dumps(whole)))
    with ThreadPoolExecutor(max_workers=2) as pool:
        again = list(pool.map(lambda split: _read(reader, split, "the sample, again"), [whole, travelled]))
    for other in again:
        alike = len(other) == len(batches) and all(
            one.exchanges.equals(two.exchanges) and one.left_out == two.left_out and one.lines == two.lines
            for one, two in zip(batches, other, strict=True)
        )
        _demand(alike, "reading the same split twice gives two results")


def _parts_make_the_whole(reader: FormatReader, whole: Split, batches: list[Batch]) -> None:
    wanted = sorted(_ids(batches))
    for parts in (2, 3, 7):
        found: list[str] = []
        lines = 0
        for part in range(parts):
            split = Split(path=whole.path, format=whole.format, part=part, parts=parts)
            read = _read(reader, split, f"part {part} of {parts}")
            found += _ids(read)
            lines += sum(batch.lines for batch in read)
        _demand(sorted(found) == wanted, f"{parts} parts together do not give the exchanges of the whole")
        _demand(lines == sum(b.lines for b in batches), f"{parts} parts together have not the whole's lines")


def _ids(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch.exchanges.column("exchange_id").to_pylist()]


def _secrets(batches: list[Batch]) -> set[str]:
    """Return pieces of the sample's text, account names and times apart."""
    found: set[str] = set()
    for batch in batches:
        for name in TEXT:
            if name in batch.exchanges.schema.names:
                for text in batch.exchanges.column(name).to_pylist():
                    if text and len(text) >= SHORTEST_SECRET:
                        found.add(text[:SHORTEST_SECRET])
                        found.add(text[-SHORTEST_SECRET:])
    return found


def _keeps_secrets(batch: Batch, secrets: set[str], what: str) -> None:
    said = "\n".join(f"{one.reason}\n{' '.join(one.examples)}" for one in batch.left_out)
    _demand(
        not any(secret in said for secret in secrets), f"text of the log is shown in what {what} leaves out"
    )


def _broken_copies(sample: Path, workspace: Path, chance: random.Random) -> Iterator[tuple[str, Path]]:
    """Yield broken copies of the sample, with a name for each, under the sample's file name."""
    body = sample.read_bytes()
    copies: dict[str, bytes] = {
        "an empty file": b"",
        "a file of zeros": bytes(4096),
        "line ends only": b"\n" * 9,
    }
    for number in range(8):
        copies[f"a copy cut short ({number})"] = body[: chance.randrange(len(body) + 1)]
        damaged = bytearray(body)
        for _ in range(1 + number * 3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        copies[f"a damaged copy ({number})"] = bytes(damaged)
        copies[f"arbitrary bytes ({number})"] = chance.randbytes(chance.randrange(1, 2000))
        start = chance.randrange(len(body))
        copies[f"a copy that starts late ({number})"] = body[start:]
    for number, (what, content) in enumerate(copies.items()):
        folder = workspace / f"broken-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / sample.name
        path.write_bytes(content)
        yield what, path
    yield "a file that is not there", workspace / "nowhere" / sample.name
