"""
Strands: the part of a set's traffic that shares a template family.

A reseller or a stolen account carries honest calls beside harvested ones; the set is judged on, and its calls are
counted by, its strands. A strand is chosen by incidence (how many accounts use it, how often, how rarely others do),
never by the content that fills the template nor by time, because those are what the tests of joint operation look at.
Accounts that have no call in the first strand (a second pool with another template) are looked through for a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.judge.blinding import recoded

SHARE_OF_ACCOUNTS = 0.25
FEWEST_ACCOUNTS = 3
SAME_FAMILY = 0.5
FEWEST_LEFT = 8
"""Accounts without a strand that are looked through for one of their own, at least."""

MOST_STRANDS = 4
LEAST_SHARE = 0.15
"""A template that fewer of the set's calls carry is not what the set is about, unless it is widespread in it."""

WIDESPREAD = 0.5
LEAST_SHARE_WIDESPREAD = 0.03
LEAST_CALLS_WIDESPREAD = 5
"""A template that half of the accounts use, so often each, may be carried by few of the calls: the rest may be cover."""

AS_RARE = 1.25
"""A value belongs to the family only if it is not much more popular in the log than the family's key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strand:
    """
    The calls of one strand, by (account, time).

    `account` numbers the accounts of the set 0 … n_accounts-1; `fill` is a code of the whole prompt (0: none);
    `sketch` the split-half sketch; `rows` the positions in the table the strand was cut from; `key` a value that all
    of the family's users share, for finding other users of it (None: every call of the set is in the strand).
    """

    account: npt.NDArray[np.int32]
    at_us: npt.NDArray[np.int64]
    fill: npt.NDArray[np.uint64]
    sketch: npt.NDArray[np.int8]
    rows: npt.NDArray[np.int64]
    n_accounts: int
    key: tuple[str, int] | None
    description: str
    salt: bytes = b""
    """Under which fills are coded, and sketches are before they are compared (`blinding.py`)."""

    def of(self, calls: npt.NDArray[np.bool_]) -> Strand:
        """Return the strand with some of its calls only."""
        return replace(
            self,
            account=self.account[calls],
            at_us=self.at_us[calls],
            fill=self.fill[calls],
            sketch=self.sketch[calls],
            rows=self.rows[calls],
        )


Popularity = Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.float64]]
"""Calls of the whole log that carry each of some values (at least those counted in `trait`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StrandChoice:
    """Which of a set's calls are a strand: row positions, the template key, and the choice in words."""

    rows: npt.NDArray[np.int32]
    key: tuple[str, int] | None
    description: str


def choose_strands(calls: pa.Table, n_accounts: int, popularity: Popularity, n_calls: int) -> list[StrandChoice]:
    """
    Return which of a set's calls are its strands, at least one; no account has calls in two.

    After the first, `choose_strand` is put to the calls of the accounts that have none in a strand yet, until too few are
    left or `MOST_STRANDS` are found.
    """
    account = calls.column("account").to_numpy().astype(np.int32)
    left = np.arange(calls.num_rows)
    out: list[StrandChoice] = []
    while True:
        ids, dense = np.unique(account[left], return_inverse=True)
        if out and len(ids) < FEWEST_LEFT:
            break
        part = calls.take(pa.array(left)).set_column(
            calls.schema.get_field_index("account"), "account", pa.array(dense.astype(np.int32))
        ) if out else calls
        found = choose_strand(part, len(ids) if out else n_accounts, popularity, n_calls)
        rows = left[found.rows]
        out.append(StrandChoice(rows=rows.astype(np.int32), key=found.key, description=found.description))
        left = left[~np.isin(account[left], account[rows])]
        if len(out) == MOST_STRANDS:
            break
    return out


def choose_strand(calls: pa.Table, n_accounts: int, popularity: Popularity, n_calls: int) -> StrandChoice:
    """
    Return which of some calls are the main strand.

    `calls` has `account` (0 … n_accounts-1), `started_at`, `prompt_h`, `shingles`, `system_h`, `system_marks`, `sketch`.

    1. List the values (sampled shingles, system prompts and their parts) used by a quarter of the accounts.
    2. Take the one that most calls of the set carry beyond what the log's other calls would make one expect
       (k log(lift) of its k calls); its family are the values found in half of those calls that are as rare.
    3. The strand is every call with a value of the family; all calls when that is too few of them, or too few accounts.
    """
    account = calls.column("account").to_numpy().astype(np.int32)
    columns = ("shingles", "system_h", "system_marks")
    uses = [_uses(calls.column(name), name) for name in columns]
    row = np.concatenate([u[0] for u in uses])
    value = np.concatenate([u[1] for u in uses])
    column = np.concatenate([np.full(len(u[0]), number) for number, u in enumerate(uses)])
    key, chosen = None, np.ones(calls.num_rows, dtype=bool)
    common = _common_values(row, value, account, n_accounts)                              # 1.
    if len(common):
        inside = np.isin(value, common)
        values, calls_of = np.unique(value[inside], return_counts=True)
        in_log = np.maximum(popularity(values), calls_of)
        lift = (calls_of / calls.num_rows) / (in_log / n_calls)
        top = values[np.argmax(calls_of * np.log(np.maximum(lift, 1.0 + 1e-9)))]          # 2.
        in_log_of_top = in_log[values == top][0]
        with_top = np.zeros(calls.num_rows, dtype=bool)
        with_top[row[value == top]] = True
        family_values, together = np.unique(value[with_top[row] & inside], return_counts=True)
        as_rare = in_log[np.searchsorted(values, family_values)] <= AS_RARE * in_log_of_top
        family = family_values[(together >= SAME_FAMILY * with_top.sum()) & as_rare]
        carried = np.zeros(calls.num_rows, dtype=bool)                                    # 3.
        carried[row[np.isin(value, family)]] = True
        users = len(np.unique(account[carried]))
        widespread = users >= WIDESPREAD * n_accounts and carried.sum() >= LEAST_CALLS_WIDESPREAD * users
        if carried.mean() >= (LEAST_SHARE_WIDESPREAD if widespread else LEAST_SHARE):
            key, chosen = (columns[int(column[value == top][0])], int(top)), carried
    rows = np.flatnonzero(chosen)
    described = (
        f"calls with a template used by at least {SHARE_OF_ACCOUNTS:.0%} of the accounts"
        if key
        else f"all calls: no template is used by {SHARE_OF_ACCOUNTS:.0%} of the accounts"
    )
    return StrandChoice(rows=rows.astype(np.int32), key=key, description=described)


def _common_values(
    row: npt.NDArray[np.int64], value: npt.NDArray[np.uint64], account: npt.NDArray[np.int32], n_accounts: int
) -> npt.NDArray[np.uint64]:
    pairs = np.unique(np.stack([value, account[row].astype(np.uint64)]), axis=1) if len(row) else np.zeros((2, 0), "u8")
    values, users = np.unique(pairs[0], return_counts=True)
    return values[users >= max(FEWEST_ACCOUNTS, SHARE_OF_ACCOUNTS * n_accounts)]


def _uses(column: pa.ChunkedArray, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Return (row, value) of every value in a column of values or of lists."""
    if name == "system_h":
        valid = pc.is_valid(column).to_numpy()
        return np.flatnonzero(valid), column.filter(pc.is_valid(column)).to_numpy().astype(np.uint64)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    flat = pc.list_flatten(column).to_numpy()
    return np.repeat(np.arange(len(lengths)), lengths), flat.astype(np.uint64)


def cut(calls: pa.Table, choice: StrandChoice, n_accounts: int, salt: bytes = b"") -> Strand:
    """Return the strand that was chosen from these calls, its prompts coded under a salt."""
    account = calls.column("account").to_numpy().astype(np.int32)
    rows = choice.rows.astype(np.int64)
    part = calls.select(["started_at", "prompt_h", "sketch"]).take(pa.array(rows))
    at = part.column("started_at").cast(pa.int64()).to_numpy().astype(np.int64)
    fill = recoded(pc.fill_null(part.column("prompt_h"), 0).to_numpy().astype(np.uint64), salt)
    sketch = _sketches(part.column("sketch"))
    order = np.lexsort((fill, at, account[rows]))
    return Strand(
        account=account[rows][order],
        at_us=at[order],
        fill=fill[order],
        sketch=sketch[order],
        rows=rows[order],
        n_accounts=n_accounts,
        key=choice.key,
        description=choice.description,
        salt=salt,
    )


def _sketches(column: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """Return (rows, width) from a column of equally long byte strings; zeros where there was no text."""
    width = int(pc.max(pc.binary_length(column)).as_py() or 0)
    filled = pc.fill_null(column, bytes(width))
    joined = b"".join(filled.to_pylist()) if width else b""
    return np.frombuffer(joined, dtype=np.int8).reshape(len(column), width)
