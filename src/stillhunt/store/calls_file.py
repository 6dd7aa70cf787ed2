"""
A file of digested calls, written so that it is small.

Hashes do not compress and a dictionary of them is larger than they are, so they go without one. What an account repeats (its
client, its template, words of its prompts) compresses when its calls stand side by side: the calls of a row group are put in the
order of accounts. Nothing that reads a store depends on the order of its calls.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.digest import CALLS

ROW_GROUP = 131_072
LEVEL = 3
"""Of zstd: the next ones save a hundredth more and cost twice the time."""

_DISTINCT = ("exchange_id", "exchange_h", "started_at", "prompt_h", "sketch", "content_h", "answer_marks.list.element")
_DICTIONARY = [
    name
    for name in (f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in CALLS)
    if name not in (*_DISTINCT, "shingles.list.element")
]
_ENCODING = {"started_at": "DELTA_BINARY_PACKED", "exchange_id": "DELTA_BYTE_ARRAY"}


class CallsFile:
    """A file that is being written; a row group is held until it is full. Close it to have all of it on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = pq.ParquetWriter(
            path, CALLS, compression="zstd", compression_level=LEVEL, use_dictionary=_DICTIONARY, column_encoding=_ENCODING
        )
        self._held: list[pa.RecordBatch] = []
        self.held = 0
        """Calls that are not in the file yet."""

    def write(self, calls: pa.RecordBatch) -> None:
        """Add some calls."""
        self._held.append(calls)
        self.held += calls.num_rows
        if self.held >= ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is held, as a row group."""
        if self._held:
            self._writer.write_table(by_account(pa.Table.from_batches(self._held, CALLS)), row_group_size=2 * ROW_GROUP)
        self._held, self.held = [], 0

    def close(self) -> None:
        """Write what is held, and the end of the file."""
        self.flush()
        self._writer.close()


def by_account(calls: pa.Table) -> pa.Table:
    """Return the calls account by account, in the order in which accounts first come; those of an account by time."""
    calls = calls.combine_chunks()
    account = calls.column("account_id").combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((calls.column("started_at").cast(pa.int64()).to_numpy(), account))
    return calls.take(pa.array(order))
