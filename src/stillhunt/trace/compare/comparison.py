"""A comparison of models as one noun: abilities, guardrails, where the outcomes came from, and what was left out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stillhunt.errors import ConfigError
from stillhunt.model import LeftOut
from stillhunt.trace.compare.guardrails import Guardrails, guardrails
from stillhunt.trace.compare.outcomes import Outcomes, read
from stillhunt.trace.compare.paired import LEVEL
from stillhunt.trace.compare.transfer import Transfer, items, transfers

ASSUMPTIONS = (
    "all models were put to the same items in the same way, with the same settings and the same marking",
    "the items are a sample of what is claimed about: items picked after looking at the answers prove nothing",
    "rules and judge err alike on teacher and suspect, except where their errors were measured on each",
    "towards the teacher: within a capability one scale of difficulty says how hard an item is for every model",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """
    The result; `sources` gives each file's SHA-256 by its part. Without a base model `transfers` is empty, without questions
    `guardrails` is None.
    """

    teacher: str
    suspect: str
    base: str | None
    controls: tuple[str, ...]
    sources: Mapping[str, str]
    level: float
    focus: tuple[str, ...]
    transfers: tuple[Transfer, ...]
    guardrails: Guardrails | None
    left_out: tuple[LeftOut, ...]
    assumptions: tuple[str, ...]


def compared(
    teacher: Path,
    suspect: Path,
    *,
    base: Path | None = None,
    controls: Sequence[Path] = (),
    focus: Sequence[str] = (),
    level: float = LEVEL,
) -> Comparison:
    """Read the outcomes and compare the models; raises `ConfigError` where they share no item."""
    if not 0.5 < level < 1:
        raise ConfigError(f"--level is {level:g}.\nGive a level between 0.5 and 1, such as 0.95.")
    paths = {"teacher": teacher, "suspect": suspect, **({"base": base} if base else {})}
    paths |= {f"control {i}": path for i, path in enumerate(controls, start=1)}
    read_in = {part: read(path) for part, path in paths.items()}
    others = _apart([read_in[f"control {i}"] for i in range(1, len(controls) + 1)])
    rows = _transfers(read_in, others, focus, level)
    refusals = guardrails(read_in["teacher"], read_in["suspect"], level=level)
    if not rows and not refusals.classes:
        raise ConfigError(
            "The models have no item in common that could be compared.\n"
            "Use the same `item` and `kind` in every file; abilities also need `--base`."
        )
    names = {row.group for row in rows}
    for name in focus:
        if rows and name not in names:
            raise ConfigError(f"No item is of the capability {name!r}.\nThose there are: {', '.join(sorted(names))}.")
    return Comparison(
        teacher=read_in["teacher"].name,
        suspect=read_in["suspect"].name,
        base=read_in["base"].name if base else None,
        controls=tuple(c.name for c in others),
        sources={part: hashlib.sha256(path.read_bytes()).hexdigest() for part, path in paths.items()},
        level=level,
        focus=tuple(focus),
        transfers=rows,
        guardrails=refusals if refusals.classes else None,
        left_out=_left_out(read_in),
        assumptions=ASSUMPTIONS,
    )


def _transfers(
    read_in: Mapping[str, Outcomes], controls: Sequence[Outcomes], focus: Sequence[str], level: float
) -> tuple[Transfer, ...]:
    if "base" not in read_in:
        return ()
    of = items(read_in["base"], read_in["suspect"], read_in["teacher"], controls)
    return transfers(of, focus=focus, level=level) if of.groups else ()


def _apart(controls: Sequence[Outcomes]) -> list[Outcomes]:
    """Return the controls under names that differ."""
    seen: Counter[str] = Counter()
    out = []
    for one in controls:
        seen[one.name] += 1
        out.append(one if seen[one.name] == 1 else replace(one, name=f"{one.name} ({seen[one.name]})"))
    return out


def _left_out(read_in: Mapping[str, Outcomes]) -> tuple[LeftOut, ...]:
    """Return what reading left out, and outcomes that not every model has."""
    rows = [
        LeftOut(what=f"row of {part}", reason=row.reason, count=row.count)
        for part, model in read_in.items()
        for row in model.left_out
    ]
    both = [set(read_in[part].of("harmful", "benign")) for part in ("teacher", "suspect")]
    apart = len(both[0] ^ both[1])
    if apart:
        rows.append(LeftOut(what="question", reason="teacher or suspect has no outcome for it", count=apart))
    abilities = [set(model.of("ability")) for model in read_in.values()]
    every = set().union(*abilities)
    if "base" not in read_in:
        reason, count = "abilities need the base model", len(every)
    else:
        reason, count = "not every model has an outcome for it", len(every - abilities[0].intersection(*abilities))
    if count:
        rows.append(LeftOut(what="ability item", reason=reason, count=count))
    return tuple(rows)
