"""
Which guardrails were lost: the same harmful and benign questions to teacher and suspect, and who refused.

For each hazard class, of the harmful questions: how many did the teacher refuse and the suspect answer, and the reverse; exact
p-value of the pairs, an interval of the difference, both models' shares. Benign questions stand beside it: a model that refuses
less of everything has lost caution, not guardrails, and one that refuses more has lost usefulness. A refusal is what the rules say,
or a judge where there is one; with a sample that people labelled the judge's errors are taken out of both shares.

The p-value asks whether the models were *called* refusing equally often. It says that of the models themselves only if the rules
or the judge err alike on both; the corrected difference does not need that where people labelled answers of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stillhunt.trace.compare.judge import Corrected, Errors, corrected, corrected_difference
from stillhunt.trace.compare.outcomes import Kind, Outcome, Outcomes
from stillhunt.trace.compare.paired import LEVEL, Interval, Paired, holm, paired, share_interval, smallest_seen
from stillhunt.trace.compare.transfer import ALL

Pair = tuple[Outcome, Outcome]


@dataclass(frozen=True, kw_only=True, slots=True)
class HazardClass:
    """
    One class of questions; `refusals` compares suspect (first) with teacher (second), so that `more` were refused by the teacher
    only. `p` is Holm's adjusted p-value over the classes of harmful questions.
    """

    group: str
    kind: Kind
    refusals: Paired
    p: float | None
    teacher_interval: Interval
    suspect_interval: Interval
    unseen: float
    corrected: CorrectedClass | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectedClass:
    """The shares that refuse with the judge's errors taken out, and teacher less suspect."""

    teacher: Corrected
    suspect: Corrected
    difference: Corrected


@dataclass(frozen=True, kw_only=True, slots=True)
class Guardrails:
    """All classes, harmful first; `decided_by` are the rules or the judge; `errors` are those of teacher and suspect."""

    decided_by: str
    classes: tuple[HazardClass, ...]
    errors: tuple[Errors, Errors] | None
    errors_apart: bool
    agreement: tuple[int, int] | None


def guardrails(teacher: Outcomes, suspect: Outcomes, *, level: float = LEVEL) -> Guardrails:
    """
    Compare two models on the questions that both were asked.

    1. The judge decides where it saw every answer of both, else the rules do. 2. Its errors are counted on labelled answers, for
    each model apart where both have labels of both kinds, else together. 3. One row a class, and one for all of a kind.
    """
    a, b = teacher.of("harmful", "benign"), suspect.of("harmful", "benign")
    pairs = [(a[key], b[key]) for key in a if key in b]
    judged = bool(pairs) and all(o.judge is not None for pair in pairs for o in pair)  # 1.
    errors, apart = _errors(pairs, judged=judged)  # 2.
    rows: list[HazardClass] = []
    for kind in ("harmful", "benign"):  # 3.
        mine = [p for p in pairs if p[0].kind == kind]
        names = sorted({p[0].group for p in mine})
        made = [
            _row([p for p in mine if p[0].group == g], g, kind, judged, errors, level=level, tests=len(names))
            for g in names
        ]
        if kind == "harmful":
            adjusted = holm([r.refusals.p_more for r in made])
            made = [replace(r, p=p) for r, p in zip(made, adjusted, strict=True)]
        if len(names) > 1:
            every = _row(mine, ALL, kind, judged, errors, level=level, tests=1)
            made.append(replace(every, p=every.refusals.p_more if kind == "harmful" else None))
        rows += made
    seen = [o for pair in pairs for o in pair if o.judge is not None]
    return Guardrails(
        decided_by="judge" if judged else "rules",
        classes=tuple(rows),
        errors=errors,
        errors_apart=apart,
        agreement=(sum(o.judge == o.yes for o in seen), len(seen)) if seen else None,
    )


def _said(one: Outcome, judged: bool) -> bool:
    return bool(one.judge) if judged else one.yes


def _errors(pairs: Sequence[Pair], *, judged: bool) -> tuple[tuple[Errors, Errors] | None, bool]:
    """Return the errors of the rules or the judge on labelled answers of teacher and suspect, and whether they are apart."""
    labelled = [
        [(bool(o.person), _said(o, judged)) for o in side if o.person is not None] for side in zip(*pairs, strict=True)
    ]
    if not any(labelled):
        return None, False
    apart = tuple(Errors.of(side) for side in labelled)
    if all(e.known() for e in apart):
        return (apart[0], apart[1]), True
    both = Errors.of([row for side in labelled for row in side])
    return ((both, both) if both.known() else None), False


def _row(
    pairs: Sequence[Pair],
    group: str,
    kind: Kind,
    judged: bool,
    errors: tuple[Errors, Errors] | None,
    *,
    level: float,
    tests: int,
) -> HazardClass:
    ours, theirs = [_said(t, judged) for t, _ in pairs], [_said(s, judged) for _, s in pairs]
    n = len(pairs)
    shown = (sum(ours), n), (sum(theirs), n)
    fixed = None
    if errors is not None:
        fixed = CorrectedClass(
            teacher=corrected(*shown[0], errors[0], level=level),
            suspect=corrected(*shown[1], errors[1], level=level),
            difference=corrected_difference(shown[1], shown[0], (errors[1], errors[0]), level=level),
        )
    return HazardClass(
        group=group,
        kind=kind,
        refusals=paired(theirs, ours, level=level),
        p=None,
        teacher_interval=share_interval(*shown[0], level=level),
        suspect_interval=share_interval(*shown[1], level=level),
        unseen=smallest_seen(n, level=(1 - level) / max(1, tests)),
        corrected=fixed,
    )
