"""What was left out, counted by reason while a piece of a log is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stillhunt.model import LeftOut

Place = Callable[[int], str]
"""Where row `i` of a batch comes from, as `march.jsonl:418` or `march.parquet row 418`."""

MOST_EXAMPLES = 5


class Tally:
    """Counts per `(what, reason)`, each with the first few places; order of first appearance is kept."""

    def __init__(self) -> None:
        """Start with nothing left out."""
        self._counts: dict[tuple[str, str, bool], int] = {}
        self._places: dict[tuple[str, str, bool], list[str]] = {}
        self._noted: list[tuple[str, str, bool]] = []

    def add(
        self, what: str, reason: str, count: int = 1, *, defect: bool = False, places: Iterable[str] = ()
    ) -> None:
        """Count `count` more of `what` for `reason`; `places` beyond the first five are not kept."""
        if count <= 0:
            return
        key = (what, reason, defect)
        self._counts[key] = self._counts.get(key, 0) + count
        kept = self._places.setdefault(key, [])
        for place in places:
            if len(kept) >= MOST_EXAMPLES:
                break
            kept.append(place)

    def wants_place(self, what: str, reason: str, *, defect: bool = False) -> bool:
        """Whether another example would be kept: a place can be dear to work out."""
        return len(self._places.get((what, reason, defect), ())) < MOST_EXAMPLES

    def note(self, reason: str, what: str = "value", *, defect: bool = False, count: int = 1) -> None:
        """Count values (or other things) of the record that is being read; where that is, `noted_at` tells."""
        self.add(what, reason, count, defect=defect)
        if self.wants_place(what, reason, defect=defect):
            self._noted.append((what, reason, defect))

    def noted_at(self, place: Place, row: int) -> None:
        """Say where what was noted since the last time is: at row `row` of `place`."""
        for what, reason, defect in dict.fromkeys(self._noted):
            if self.wants_place(what, reason, defect=defect):
                self._places[what, reason, defect].append(place(row))
        self._noted.clear()

    @property
    def noted(self) -> bool:
        """Whether values were noted whose place is not known yet."""
        return bool(self._noted)

    def line(self, reason: str, place: Place, row: int) -> None:
        """Count one broken line, at row `row` of `place`."""
        places = [place(row)] if self.wants_place("line", reason, defect=True) else []
        self.add("line", reason, defect=True, places=places)

    def merge(self, left_out: Sequence[LeftOut]) -> None:
        """Add what another count holds."""
        for one in left_out:
            self.add(one.what, one.reason, one.count, defect=one.defect, places=one.examples)

    def clear(self) -> None:
        """Start anew."""
        self._counts.clear()
        self._places.clear()
        self._noted.clear()

    @property
    def lines(self) -> int:
        """How many lines were left out so far."""
        return sum(count for (what, _, _), count in self._counts.items() if what == "line")

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the counts as values."""
        return tuple(
            LeftOut(
                what=what,
                reason=reason,
                count=count,
                defect=defect,
                examples=tuple(self._places[what, reason, defect]),
            )
            for (what, reason, defect), count in self._counts.items()
        )
