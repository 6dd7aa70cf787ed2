"""Profiles count what is there."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.digest.calls import CALLS
from stillhunt.features import profile
from stillhunt.features.profile import per_day

CLASSES = ("coding", "reasoning", "other")
COLUMNS = ("account_id", "started_at", "capability", "model", "status", "tokens_in", "tokens_out", "tokens_reasoning")
SCHEMA = pa.schema([CALLS.field(name) for name in COLUMNS])

calls = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from("abc"),
        "started_at": st.datetimes(datetime(2026, 2, 27), datetime(2026, 3, 4)).map(lambda t: t.replace(tzinfo=UTC)),
        "capability": st.none() | st.integers(0, 2),
        "model": st.none() | st.sampled_from(("m1", "m2")),
        "status": st.none() | st.just("ok"),
        "tokens_in": st.none() | st.integers(0, 10**12),
        "tokens_out": st.none() | st.integers(0, 5),
        "tokens_reasoning": st.none(),
    }
)


@given(st.lists(calls, min_size=1, max_size=12))
def test_a_profile_counts_its_calls(rows: list[dict[str, Any]]) -> None:
    """Accounts, times, models, tokens, days and shares are those that plain counting gives."""
    found = profile(pa.Table.from_pylist(rows, schema=SCHEMA), classes=CLASSES, method="by hand")
    times = [row["started_at"] for row in rows]
    assert (found.n_accounts, found.n_exchanges) == (len({row["account_id"] for row in rows}), len(rows))
    assert (found.first_seen, found.last_seen) == (min(times), max(times))
    assert found.models == Counter(row["model"] or "(not recorded)" for row in rows)
    assert found.status == Counter(row["status"] or "(not recorded)" for row in rows)
    assert found.tokens.tokens_in == sum(row["tokens_in"] or 0 for row in rows)
    assert found.tokens.tokens_out == sum(row["tokens_out"] or 0 for row in rows)
    assert found.tokens.tokens_reasoning == 0
    assert sum(found.per_day.values()) == len(rows)
    assert {day: n for day, n in found.per_day.items() if n} == Counter(t.date().isoformat() for t in times)
    known = [row["capability"] for row in rows if row["capability"] is not None]
    assert set(found.capabilities) == {CLASSES[c] for c in known}
    assert all(abs(found.capabilities[CLASSES[c]] - known.count(c) / len(known)) < 1e-12 for c in known)
    assert (found.capability_method == "by hand") == bool(known)


@given(st.lists(st.integers(-1000, 30_000), max_size=5).filter(lambda d: not d or max(d) - min(d) < 3000))
def test_every_day_is_there(days: list[int]) -> None:
    """Days without calls stand between the first and the last with a zero, each day once, in order."""
    found = per_day(np.array(days, dtype=np.int64))
    span = range(min(days), max(days) + 1) if days else range(0)
    assert list(found) == [(date(1970, 1, 1) + timedelta(days=d)).isoformat() for d in span]
    assert list(found.values()) == [days.count(d) for d in span]
