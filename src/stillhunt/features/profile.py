"""What a set of calls looks like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.model import Profile, Tokens

_DAY_US = 86_400_000_000


def profile(calls: pa.Table, *, classes: Sequence[str], method: str) -> Profile:
    """
    Return the profile of at least one call.

    `calls` has the columns `account_id`, `started_at`, `capability` (index into `classes`), `model`, `status` and tokens.
    Shares of capabilities are over calls with text; empty when there is no text.
    """
    at = calls.column("started_at").cast(pa.int64()).to_numpy()
    first, last = int(at.min()), int(at.max())
    capability = calls.column("capability").drop_null().to_numpy()
    shares = np.bincount(capability, minlength=len(classes)) / max(1, len(capability))
    return Profile(
        n_accounts=len(calls.column("account_id").unique()),
        n_exchanges=calls.num_rows,
        first_seen=_moment(first),
        last_seen=_moment(last),
        capabilities={name: float(shares[i]) for i, name in enumerate(classes) if shares[i] > 0},
        capability_method=method if len(capability) else "no text in the log",
        models=_counts(calls.column("model"), "(not recorded)"),
        tokens=Tokens(
            tokens_in=_total(calls, "tokens_in"),
            tokens_out=_total(calls, "tokens_out"),
            tokens_reasoning=_total(calls, "tokens_reasoning"),
        ),
        per_day=per_day(at // _DAY_US),
        status=_counts(calls.column("status"), "(not recorded)"),
    )


def per_day(days: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> dict[str, int]:
    """Return ISO date → calls for every day between the first and the last, from days since 1970."""
    if not len(days):
        return {}
    first = int(days.min())
    counts = np.bincount(days - first)
    return {(date(1970, 1, 1) + timedelta(days=first + i)).isoformat(): int(n) for i, n in enumerate(counts)}


def _moment(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def _counts(column: pa.ChunkedArray, unknown: str) -> dict[str, int]:
    counted = pc.value_counts(pc.fill_null(column.combine_chunks(), unknown)).to_pylist()
    return {c["values"]: int(c["counts"]) for c in sorted(counted, key=lambda c: (-c["counts"], c["values"]))}


def _total(calls: pa.Table, name: str) -> int:
    return int(pc.sum(calls.column(name)).as_py() or 0)
