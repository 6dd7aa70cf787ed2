"""Reading in tests: where the samples are, and a file read whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from stillhunt import collect
from stillhunt.contract import EXCHANGES
from stillhunt.model import LeftOut
from stillhunt.plugs import Batch, Split

Rows = list[dict[str, object]]


SAMPLES = Path(__file__).resolve().parents[1] / "samples"


def read_whole(
    path: Path, format: str, *, part: int = 0, parts: int = 1
) -> tuple[Rows, dict[tuple[str, str], int], int]:
    """Return a file's exchanges as dicts, what was left out by `(what, reason)`, and the number of lines."""
    batches = list(collect.read(Split(path=str(path), format=format, part=part, parts=parts)))
    return rows_of(batches), counts(batches), sum(batch.lines for batch in batches)


def rows_of(batches: Sequence[Batch]) -> Rows:
    """Return the exchanges of batches, every contract column present."""
    tables = [pa.Table.from_batches([batch.exchanges]) for batch in batches]
    found = pa.concat_tables([EXCHANGES.empty_table(), *tables], promote_options="default")
    return found.to_pylist()


def counts(batches: Sequence[Batch]) -> dict[tuple[str, str], int]:
    """Return what was left out, by `(what, reason)`."""
    found: dict[tuple[str, str], int] = {}
    for one in left_out(batches):
        found[one.what, one.reason] = found.get((one.what, one.reason), 0) + one.count
    return found


def left_out(batches: Sequence[Batch]) -> list[LeftOut]:
    """Return everything that the batches leave out."""
    return [one for batch in batches for one in batch.left_out]
