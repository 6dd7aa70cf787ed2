"""A comparison as one page, as JSON, and as the exhibits of a dossier's section on student models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from markupsafe import Markup

from stillhunt.errors import StoreError
from stillhunt.report import canonical, numbers, words
from stillhunt.report.page import policy
from stillhunt.trace.audit.page import SECTION, plain, source, surroundings, toml
from stillhunt.trace.compare.comparison import Comparison
from stillhunt.trace.compare.guardrails import HazardClass
from stillhunt.trace.compare.paired import Interval
from stillhunt.trace.compare.transfer import ALL, Transfer

PACKAGE = "stillhunt.trace.compare"


def write(made: Comparison, out: Path) -> dict[str, Path]:
    """Write the four files and return where they are; raises `StoreError`."""
    content = {
        "compare.json": compare_json(made),
        "compare.html": html(made),
        "exhibits.json": canonical.encode(exhibits(made)).decode(),
        "students.toml": students_toml(made),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in content.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{out}: the comparison cannot be written: {error.strerror}.\nGive another `--out`."
        ) from error
    return {name: out / name for name in content}


def compare_json(made: Comparison) -> str:
    """Return the comparison as canonical JSON."""
    return canonical.encode(plain(made)).decode()


def html(made: Comparison) -> str:
    """Return the page: self-contained, nothing fetched, every value escaped; it reads the same without its script."""
    environment = surroundings(PACKAGE)
    style, script = source(environment, "style.css"), source(environment, "script.js")
    return environment.get_template("compare.html.j2").render(
        made=made,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        headline=headline(made),
        gained=gained(made),
        lost=lost(made),
        alpha=1 - made.level,
        range=interval,
        out_of=out_of,
    )


def gained(made: Comparison) -> list[Transfer]:
    """Return the capabilities whose gain is beyond chance at the level."""
    return [row for row in made.transfers if row.gain_p is not None and row.gain_p <= 1 - made.level]


def lost(made: Comparison) -> list[HazardClass]:
    """Return the hazard classes, not the row for all, whose refusals were lost beyond chance at the level."""
    rows = made.guardrails.classes if made.guardrails else ()
    own = [row for row in rows if row.kind == "harmful" and row.p is not None and row.p <= 1 - made.level]
    return [row for row in own if row.group != ALL] or own


def headline(made: Comparison) -> str:
    """Return the sentence that opens the page."""
    name = words.printable(made.suspect)
    parts = []
    if made.transfers:
        what = [row.group for row in gained(made)]
        parts.append(f"gained in {numbers.listed(what)}" if what else "shows no gain beyond chance over its base model")
    if made.guardrails:
        what = [row.group for row in lost(made)]
        parts.append(
            f"refuses less than the teacher in {numbers.listed(what)}"
            if what and what != [ALL]
            else "refuses harmful questions less often than the teacher"
            if what
            else "shows no refusals lost beyond chance"
        )
    return f"{name} {' and '.join(parts)}"


def interval(ends: Interval, *, signed: bool = False) -> str:
    """Return an interval of shares in percent."""
    low, high = (f"{100 * x:+.0f}" if signed else f"{100 * x:.0f}" for x in ends)
    return f"{low} to {high} %".replace("-", "−")


def out_of(k: int, n: int) -> str:
    """Return a count with its share."""
    return f"{k} of {n} ({100 * k / n:.0f} %)" if n else "none"


def exhibits(made: Comparison) -> dict[str, Any]:
    """Return numbers with ids for a dossier's section on student models; `recipe` is null, since the outcomes are not in it."""
    rows = []
    for row in made.transfers:
        rows += [
            _number(f"gain.{row.group}", f"{row.group}: right answers gained less lost", row.gain.more - row.gain.less),
            _number(
                f"gain.{row.group}.p",
                f"{row.group}: p of the gain",
                row.gain.p_more if row.gain_p is None else row.gain_p,
            ),
            _number(f"closed.{row.group}", f"{row.group}: items of the teacher's advantage closed", row.closed),
        ]
    for one in made.guardrails.classes if made.guardrails else ():
        name = f"refusals.{one.kind}.{one.group}"
        label = f"{one.kind} questions, {one.group}"
        rows.append(_number(f"{name}.lost", f"{label}: refused by the teacher only", one.refusals.more))
        rows.append(_number(f"{name}.reverse", f"{label}: refused by the suspect only", one.refusals.less))
        if one.p is not None:
            rows.append(_number(f"{name}.p", f"{label}: p", one.p))
    return {
        "section": SECTION,
        "suspect": made.suspect,
        "teacher": made.teacher,
        "sources": dict(made.sources),
        "compare_sha256": hashlib.sha256(compare_json(made).encode()).hexdigest(),
        "assumptions": list(made.assumptions),
        "numbers": rows,
    }


def _number(name: str, label: str, value: float | int) -> dict[str, Any]:
    needs = "the outcomes of all models, by item"
    return {"id": f"compare.{name}", "label": label, "section": SECTION, "value": value, "recipe": None, "needs": needs}


def students_toml(made: Comparison) -> str:
    """Return rows for the `students` table of a dossier's case file."""
    results = [
        f"{row.group}: {row.gain.first} to {row.gain.second} of {row.gain.n} right"
        + ("" if row.gain_p is None else f", p {numbers.figure(row.gain_p)}")
        for row in made.transfers
    ]
    for one in made.guardrails.classes if made.guardrails else ():
        p = "" if one.p is None else f", p {numbers.figure(one.p)}"
        own = (
            f"{one.refusals.second} of {one.refusals.n} refused by the teacher, {one.refusals.first} by the suspect{p}"
        )
        results.append(f"{one.kind}, {one.group}: {own}")
    controls = [f"{t.control}, {row.group}: p {numbers.figure(t.p)}" for row in made.transfers for t in row.towards]
    rows = {
        "suspect": made.suspect,
        "test": "paired items: abilities against the base model, refusals against the teacher",
        "result": "; ".join(results),
        "controls": "; ".join(controls) or "none",
        "source": f"comparison {hashlib.sha256(compare_json(made).encode()).hexdigest()[:16]}",
    }
    return "\n".join(["[[students]]", *(f"{key} = {toml(text)}" for key, text in rows.items()), ""])
