"""
Did the suspect gain what the teacher can do? Items of a capability, answered by the base model, the suspect and the teacher.

**Gain**: base model against suspect, item by item, exact. It says that an ability moved, and not from where.

**Closed**: of the items that the teacher gets right and the base model does not, the share that the suspect now gets right.

**Towards the teacher**: gains fall on what the teacher can do after any good training, because easy items are easy for all. A
control, another model that nobody suspects to be the teacher, takes that away: among items that exactly one of teacher and control
gets right, which of the two it was does not depend on how hard the item is (G. Rasch, 1960: success depends on ability less
difficulty). If the suspect's answers follow nothing but difficulty, they are as often right where the teacher is the one as where
the control is; within what the base model got right and within what it got wrong the tail is exact. With several controls the
largest p counts: the teacher has to beat each. A capability that is no single scale breaks the assumption, so that this is an
indicator with an error rate under a stated model, and never evidence of what the suspect was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stillhunt.trace.compare.outcomes import Outcome, Outcomes
from stillhunt.trace.compare.paired import (
    LEVEL,
    Interval,
    Paired,
    Table,
    holm,
    paired,
    share_interval,
    smallest_seen,
    stratified_tail,
)

ALL = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Towards:
    """
    Teacher against one control: of `teacher_only` items that the teacher alone gets right the suspect has `with_teacher`, of
    `control_only` those of the control `with_control`; `p` is exact.
    """

    control: str
    teacher_only: int
    with_teacher: int
    control_only: int
    with_control: int
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """
    One capability; `teacher` and `gain.first`, `gain.second` count right answers of `gain.n` items.

    `advantage` counts items that the teacher has and the base model has not, `closed` those of them that the suspect has.
    `gain_p` is Holm's adjusted p-value over the capabilities tested, `towards_p` likewise over the largest p of the controls.
    `unseen` is the gain that would probably have been seen.
    """

    group: str
    tested: bool
    gain: Paired
    gain_p: float | None
    unseen: float
    teacher: int
    advantage: int
    closed: int
    closed_interval: Interval
    towards: tuple[Towards, ...]
    towards_p: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """The items that all models were put to, with each model's answers in the same order."""

    groups: tuple[str, ...]
    base: tuple[bool, ...]
    suspect: tuple[bool, ...]
    teacher: tuple[bool, ...]
    controls: Mapping[str, tuple[bool, ...]]


def items(base: Outcomes, suspect: Outcomes, teacher: Outcomes, controls: Sequence[Outcomes] = ()) -> Items:
    """Return the abilities' items that every model has; the group is the teacher's."""
    rows = [m.of("ability") for m in (base, suspect, teacher, *controls)]
    shared = [key for key in rows[0] if all(key in r for r in rows[1:])]

    def answers(of: Mapping[object, Outcome]) -> tuple[bool, ...]:
        return tuple(of[key].yes for key in shared)

    return Items(
        groups=tuple(rows[2][key].group for key in shared),
        base=answers(rows[0]),  # type: ignore[arg-type]
        suspect=answers(rows[1]),  # type: ignore[arg-type]
        teacher=answers(rows[2]),  # type: ignore[arg-type]
        controls={m.name: answers(r) for m, r in zip(controls, rows[3:], strict=True)},  # type: ignore[arg-type]
    )


def transfers(of: Items, *, focus: Sequence[str] = (), level: float = LEVEL) -> tuple[Transfer, ...]:
    """
    Return one row for each capability, those in `focus` first, and one for all together where there are several.

    Holm's adjustment runs over the capabilities in `focus`, or over all of them where none is named. Others, and the row for all,
    are shown without it: they were not what was to be tested.
    """
    names = sorted(set(of.groups))
    order = [*(g for g in focus if g in names), *(g for g in names if g not in focus)]
    tested = [g for g in order if g in focus] if focus else order
    rows = [_row(of, [g], name=g, level=level, tests=len(tested)) for g in order]
    if len(names) > 1:
        rows.append(_row(of, names, name=ALL, level=level, tests=1))
    gain_p = dict(zip(tested, holm([r.gain.p_more for r in rows if r.group in tested]), strict=True))
    worst = {r.group: max(t.p for t in r.towards) for r in rows if r.group in tested and r.towards}
    towards_p = dict(zip(worst, holm(list(worst.values())), strict=True))
    return tuple(_adjusted(r, gain_p.get(r.group), towards_p.get(r.group)) for r in rows)


def _row(of: Items, groups: Sequence[str], *, name: str, level: float, tests: int) -> Transfer:
    strata = np.array([groups.index(g) if g in groups else -1 for g in of.groups])
    mine = strata >= 0
    base, suspect, teacher = (np.array(x, dtype=bool)[mine] for x in (of.base, of.suspect, of.teacher))
    reach = teacher & ~base
    closed = int((reach & suspect).sum())
    return Transfer(
        group=name,
        tested=False,
        gain=paired(base.tolist(), suspect.tolist(), level=level),
        gain_p=None,
        unseen=smallest_seen(int(mine.sum()), level=(1 - level) / max(1, tests)),
        teacher=int(teacher.sum()),
        advantage=int(reach.sum()),
        closed=closed,
        closed_interval=share_interval(closed, int(reach.sum()), level=level),
        towards=tuple(
            _towards(control, strata[mine] * 2 + base, suspect, teacher, np.array(answers, dtype=bool)[mine])
            for control, answers in of.controls.items()
        ),
        towards_p=None,
    )


def _towards(control: str, strata: object, suspect: object, teacher: object, other: object) -> Towards:
    """Return the comparison with one control, within each stratum of capability and of what the base model got right."""
    s, own, alone, place = (np.asarray(x) for x in (suspect, teacher, other, strata))
    first, second = own & ~alone, alone & ~own
    tables: list[Table] = []
    for stratum in np.unique(place):
        here = place == stratum
        cells = [int((here & side & got).sum()) for side in (first, second) for got in (s, ~s)]
        tables.append((cells[0], cells[1], cells[2], cells[3]))
    return Towards(
        control=control,
        teacher_only=int(first.sum()),
        with_teacher=int((first & s).sum()),
        control_only=int(second.sum()),
        with_control=int((second & s).sum()),
        p=stratified_tail(tables),
    )


def _adjusted(row: Transfer, gain_p: float | None, towards_p: float | None) -> Transfer:
    return replace(row, tested=gain_p is not None, gain_p=gain_p, towards_p=towards_p)
