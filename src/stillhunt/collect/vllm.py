"""
vLLM: the text of calls out of its own log, joined to a gateway's log of the same calls on `x-request-id`.

Lines are those of vLLM 0.8 to 0.16 with `--enable-log-requests` and `--enable-log-outputs`. vLLM knows no account, address
or key, so the gateway's record is the exchange and vLLM's lines add what was asked and answered. The path of a split
holds one file a line: gateways' as `format=path`, then vLLM's.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from stillhunt.collect import columns, documents, vllm_lines
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.conform import conform, nothing, sliced
from stillhunt.collect.tally import Tally
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, FormatReader, Split, load

GATEWAYS = {
    "envoy": "stillhunt.collect.envoy:read",
    "kong": "stillhunt.collect.kong:read",
    "ndjson": "stillhunt.collect.ndjson:read",
    "csv": "stillhunt.collect.delimited:read",
    "parquet": "stillhunt.collect.parquet:read",
}
"""Formats whose records a vLLM log is joined to: those with an `exchange_id` that is the `x-request-id`."""

OTHER = "a line of vLLM's log about something else than a request's text"
STREAMED = "a piece of a streamed answer, which is logged whole as well"
JOINED = "a line of vLLM's log that was joined to the gateway's record of its call"
UNKNOWN = "a line of vLLM's log about a call that no gateway log names: nobody knows whose it was"
ALONE = "a call in vLLM's log, which names no account: give the gateway's access log of the same calls with it"
NO_TEXT = "a call without text: vLLM's log has no line with its x-request-id"
WITHOUT_PROMPT = "a call without its prompt: vLLM logs prompts only at the level DEBUG"

TEXTS = ("system", "prompt", "history", "completion", "finish_reason")
NUMBERS = ("temperature", "top_p", "n", "seed", "max_tokens")
ADDED = (*TEXTS, *NUMBERS)

LOOKED_UP_AT_ONCE = 500

Row = tuple[object, ...]


def path_of(logs: Sequence[Path], gateways: Sequence[tuple[str, Path]]) -> str:
    """Return the path of the split that reads vLLM logs together with gateways' logs."""
    return "\n".join((*(f"{format}={path}" for format, path in gateways), *(str(path) for path in logs)))


def read(split: Split) -> Iterator[Batch]:
    """Yield the gateways' exchanges with the text that vLLM logged, and every line that is none."""
    if split.part:
        return
    *before, last = split.path.split("\n")
    gateways = [(line.split("=", 1)[0], line.split("=", 1)[1]) for line in before if line.split("=", 1)[0] in GATEWAYS]
    logs = [line for line in before if line.split("=", 1)[0] not in GATEWAYS] + [last]
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="stillhunt-vllm-") as folder:
        calls = _Calls(Path(folder) / "calls.sqlite")
        try:
            for log in logs:
                _gather(log, calls, tally)
            for format, path in gateways:
                reader: FormatReader = load(GATEWAYS[format])  # type: ignore[assignment]
                for batch in reader(Split(path=path, format=format)):
                    yield from sliced(_joined(batch, calls))
            told, alone = calls.lines()
            tally.add("line", JOINED, told)
            tally.add("line", UNKNOWN if gateways else ALONE, alone, defect=not gateways, places=[Path(logs[0]).name])
        finally:
            calls.close()
    yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)


def _gather(log: str, calls: _Calls, tally: Tally) -> None:
    """Take in what a vLLM log says of each request; its other lines are counted."""
    for block, _ in documents.line_blocks(Split(path=log, format="vllm"), tally):
        for line in block.data.split(b"\n"):
            if not line.strip():
                continue
            said = vllm_lines.said(line)
            if said is None:
                tally.add("line", OTHER)
            elif said.piece:
                tally.add("line", STREAMED)
            else:
                calls.add(said)
        calls.keep()


class _Calls:
    """What vLLM logged of each request, on disk: memory does not grow with the log."""

    def __init__(self, path: Path) -> None:
        """Start with nothing."""
        self._base = sqlite3.connect(path)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
            f"CREATE TABLE calls (id TEXT PRIMARY KEY, short TEXT, lines INT, used INT, {', '.join(ADDED)});"
            "CREATE INDEX short ON calls (short);"
        )

    def add(self, said: vllm_lines.Said) -> None:
        """Add one line to its call; the first line that says a thing is believed."""
        known = [name for name in ADDED if said.row.get(name) is not None]
        values = [said.row[name] for name in known]
        self._base.execute(
            f"INSERT INTO calls (id, short, lines, used{''.join(f', {name}' for name in known)})"
            f" VALUES (?, ?, 1, 0{', ?' * len(known)}) ON CONFLICT (id) DO UPDATE SET lines = lines + 1"
            + "".join(f", {name} = coalesce({name}, excluded.{name})" for name in known),
            (said.id, said.short, *values),
        )

    def keep(self) -> None:
        """Bring to disk what was added."""
        self._base.commit()

    def find(self, ids: Sequence[str | None]) -> list[Row | None]:
        """Return for each id what was said of its call, None where nothing was."""
        found: dict[str, Row] = {}
        bare = [None if name is None else vllm_lines.bare(name) for name in ids]
        wanted = sorted({name for name in bare if name})
        for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
            some = wanted[start : start + LOOKED_UP_AT_ONCE]
            marks = ", ".join("?" * len(some))
            for key in ("short", "id"):
                for name, *row in self._base.execute(
                    f"SELECT {key}, {', '.join(ADDED)} FROM calls WHERE {key} IN ({marks}) ORDER BY id DESC", some
                ):
                    found[name] = tuple(row)
                self._base.execute(f"UPDATE calls SET used = 1 WHERE {key} IN ({marks})", some)
        return [found.get(name) if name else None for name in bare]

    def lines(self) -> tuple[int, int]:
        """Return how many lines belong to calls that were looked up, and how many to others."""
        counts: dict[int, int] = dict(self._base.execute("SELECT used, sum(lines) FROM calls GROUP BY used"))
        return counts.get(1, 0), counts.get(0, 0)

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()


def _joined(batch: Batch, calls: _Calls) -> Batch:
    """Return a gateway's exchanges with vLLM's text where the gateway has none of its own."""
    rows = batch.exchanges
    if rows.num_rows == 0:
        return batch
    found = calls.find(rows.column("exchange_id").to_pylist())
    tally = Tally()
    tally.merge(batch.left_out)
    tally.add("value", NO_TEXT, sum(1 for one in found if one is None))
    tally.add("value", WITHOUT_PROMPT, sum(1 for one in found if one is not None and one[1] is None))
    made: dict[str, Column] = {name: rows.column(name) for name in rows.schema.names}
    for number, name in enumerate(ADDED):
        field = EXCHANGES.field(name)
        said = columns.column_of([None if one is None else one[number] for one in found], field, tally)
        said = conform(pa.RecordBatch.from_arrays([said], names=[name]), pa.schema([field]), (), str).exchanges.column(0)
        made[name] = pc.coalesce(made[name], said) if name in made else said
    table = pa.RecordBatch.from_arrays(list(made.values()), names=list(made))
    fitted = conform(table, EXCHANGES, REQUIRED, lambda row: f"record {row + 1}")
    return Batch(fitted.exchanges, tally.left_out(), batch.lines)


