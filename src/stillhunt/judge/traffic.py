"""
Sets → their traffic: the calls of each set, the strands of them that are judged, and what others fill their templates with.

The log is passed over twice whatever the number of sets: once for the calls of all sets, once for the other users of
their templates. Sets are then read one by one, so that memory holds the calls of one set at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.engines import Engine
from stillhunt.judge.blinding import recoded
from stillhunt.judge.joins.dealings import NOTHING, Dealings, dealings, prepare
from stillhunt.judge.strands import Strand, StrandChoice, choose_strands, cut

OTHERS = 3000
"""Other users of a template that are looked at, at most (the first by number: a choice blind to behaviour)."""

COLUMNS = (
    "account_id", "exchange_id", "started_at", "model", "status", "tokens_in", "tokens_out", "tokens_reasoning",
    "prompt_h", "shingles", "sketch", "capability", "system_h", "system_marks", "refusal",
)  # fmt: skip

_KIND = {"shingles": "template", "system_h": "system", "system_marks": "system_mark"}
_FILLED = (
    "CASE k.kind WHEN 'system' THEN c.system_h = k.value"
    " WHEN 'system_mark' THEN list_contains(c.system_marks, k.value)"
    " ELSE list_contains(c.shingles, k.value) END"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Harvest:
    """
    One strand of a set, who else fills its template with what, and what the set's accounts passed on among themselves.

    `others` has the distinct pairs `owner`, `prompt_h` of other users, coded as the strand's are (`blinding.py`); None where
    the strand has no template.
    """

    strand: Strand
    others: pa.Table | None
    passed: Dealings = NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """
    The calls of one set, and its strands, each with accounts of its own.

    `calls` is ordered by time; its column `account` numbers the set's owners in ascending order.
    """

    calls: pa.Table
    harvests: tuple[Harvest, ...]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The positions in `calls` of all calls in a strand, ascending."""
        return np.sort(np.concatenate([harvest.strand.rows for harvest in self.harvests]))


Salted = Callable[[list[str]], bytes]
"""The salt of a set, from the ids of its exchanges."""


class Suspects:
    """
    The sets that are put to key 2, with access to the traffic of each.

    Leaves the relations `suspect_call`, `suspect_handed` and `template_fill` in the engine until `forget`.
    """

    def __init__(
        self,
        engine: Engine,
        sets: Sequence[npt.NDArray[np.int32]],
        linked: npt.NDArray[np.int32],
        salted: Salted = lambda ids: b"",
    ) -> None:
        """`linked` are all owners that are linked to anybody: they are nobody's innocent others."""
        self._engine = engine
        self._salted = salted
        self._sizes = [len(owners) for owners in sets]
        engine.register("linked_owner", pa.table({"owner": np.unique(linked).astype(np.int32)}))
        self._fetch_calls(sets)
        self._choices = [self._choose(number) for number in range(len(sets))]
        self._fetch_others()

    def traffic(self, number: int) -> Traffic:
        """Return the traffic of the set with this number."""
        calls = self._calls(number)
        salt = self._salted(calls.column("exchange_id").to_pylist())
        passed = dealings(self._engine, number, calls)
        return Traffic(
            calls=calls,
            harvests=tuple(
                Harvest(
                    strand=cut(calls, choice, self._sizes[number], salt), others=self._others(choice, salt), passed=passed
                )
                for choice in self._choices[number]
            ),
        )

    def _others(self, choice: StrandChoice, salt: bytes) -> pa.Table | None:
        """Return who else fills a template with what; prompts and owners are coded, and in the order of their codes."""
        if choice.key is None:
            return None
        rows = self._engine.fetch(
            f"SELECT owner, prompt_h FROM template_fill WHERE value = {choice.key[1]} AND kind = '{_KIND[choice.key[0]]}'"
        )
        _, owner = np.unique(recoded(rows.column("owner").to_numpy().astype(np.uint64) + np.uint64(1), salt), return_inverse=True)
        prompt = recoded(rows.column("prompt_h").to_numpy().astype(np.uint64), salt)
        order = np.lexsort((prompt, owner))
        return pa.table({"owner": owner[order], "prompt_h": prompt[order]})

    def forget(self) -> None:
        """Free what the engine holds for the sets."""
        for relation in (
            "suspect", "linked_owner", "suspect_call", "suspect_handed", "template_calls", "template_key", "template_fill",
        ):  # fmt: skip
            self._engine.drop(relation)

    def _fetch_calls(self, sets: Sequence[npt.NDArray[np.int32]]) -> None:
        self._engine.register(
            "suspect",
            pa.table(
                {
                    "number": np.repeat(np.arange(len(sets), dtype=np.int32), self._sizes),
                    "owner": np.concatenate([np.zeros(0, np.int32), *sets]).astype(np.int32),
                    "account": np.concatenate([np.zeros(0, np.int32), *(np.arange(len(s)) for s in sets)]).astype(np.int32),
                }
            ),
        )
        columns = ", ".join(f"c.{name}" for name in COLUMNS)
        self._engine.create(
            "suspect_call",
            f"SELECT s.number, s.account, c.exchange_h, {columns} FROM call c JOIN account a ON a.acct = c.acct"
            " JOIN suspect s ON s.owner = a.owner ORDER BY s.number",
        )
        self._engine.create(
            "template_calls",
            "SELECT value, sum(n)::BIGINT AS n FROM trait WHERE kind IN ('system', 'system_mark', 'template') GROUP BY value",
        )
        prepare(self._engine)
        self._log_calls = int(self._engine.fetch("SELECT count(*) AS n FROM distinct_call").column("n")[0].as_py())

    def _calls(self, number: int) -> pa.Table:
        columns = ", ".join(COLUMNS)
        return self._engine.fetch(
            f"SELECT account, exchange_h, {columns} FROM suspect_call WHERE number = {number} ORDER BY started_at, exchange_h"
        )

    def _choose(self, number: int) -> list[StrandChoice]:
        return choose_strands(self._calls(number), self._sizes[number], self._calls_with, self._log_calls)

    def _calls_with(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """Return how many calls of the log carry each value as a template, a system prompt or a part of one."""
        self._engine.register("asked", pa.table({"value": values}))
        rows = self._engine.fetch(
            "SELECT k.value, coalesce(t.n, 0)::BIGINT AS n FROM asked k LEFT JOIN template_calls t USING (value) ORDER BY k.value"
        )
        at = np.searchsorted(rows.column("value").to_numpy(), values)
        calls: npt.NDArray[np.float64] = rows.column("n").to_numpy()[at].astype(np.float64)
        return calls

    def _fetch_others(self) -> None:
        keys = sorted({(_KIND[c.key[0]], c.key[1]) for choices in self._choices for c in choices if c.key is not None})
        self._engine.register(
            "template_key",
            pa.table({"kind": pa.array([k for k, _ in keys], pa.string()), "value": pa.array([v for _, v in keys], pa.uint64())}),
        )
        self._engine.create(
            "template_fill",
            "WITH users AS (SELECT k.kind, k.value, a.owner,"
            " dense_rank() OVER (PARTITION BY k.kind, k.value ORDER BY a.owner) AS place"
            " FROM template_key k JOIN trait t USING (kind, value) JOIN account a USING (acct)"
            " WHERE a.licence IS NULL AND NOT EXISTS (SELECT 1 FROM linked_owner l WHERE l.owner = a.owner)),"
            f" chosen AS (SELECT DISTINCT kind, value, owner FROM users WHERE place <= {OTHERS})"
            " SELECT DISTINCT k.kind, k.value, k.owner, c.prompt_h FROM call c JOIN account a ON a.acct = c.acct"
            f" JOIN chosen k ON k.owner = a.owner WHERE c.prompt_h IS NOT NULL AND {_FILLED}",
        )
