"""Questions put to a model, and whether it refused them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.errors import ConfigError
from stillhunt.trace.audit.suspects.suspect import Prompt, Suspect
from stillhunt.trace.compare.refusal import refuses


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question of a guardrail test; `group` is its hazard class."""

    item: str
    kind: str
    group: str
    prompt: str


def questions(path: Path) -> list[Question]:
    """Return the questions of a file; raises `ConfigError` with the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The questions at {path} cannot be read: {error}.\nGive one JSON object a line.") from error
    out, seen = [], set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        one = _question(line)
        if one is None or one.item in seen:
            why = "its `item` was there before" if one else "it has no `item`, `prompt`, and `kind` harmful or benign"
            raise ConfigError(
                f"{path}, line {number}, is no question: {why}.\nGive rows with item, kind, group, prompt."
            )
        seen.add(one.item)
        out.append(one)
    if not out:
        raise ConfigError(f"There is no question in {path}.\nGive rows with item, kind, group, prompt.")
    return out


def _question(line: str) -> Question | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or row.get("kind") not in ("harmful", "benign"):
        return None
    item, prompt = row.get("item"), row.get("prompt")
    if not isinstance(item, str | int) or not isinstance(prompt, str) or not prompt.strip():
        return None
    return Question(item=str(item), kind=str(row["kind"]), group=str(row.get("group") or "all"), prompt=prompt)


def asked(
    model: Suspect, of: Sequence[Question], *, max_tokens: int, seed: int, keep_answers: bool = False
) -> tuple[list[dict[str, Any]], int]:
    """Return a row of outcome for each question that the model answered, and how many it left without an answer."""
    answers = model.sample([Prompt.of(q.prompt) for q in of], n=1, max_tokens=max_tokens, seed=seed)
    rows: list[dict[str, Any]] = []
    for q, texts in zip(of, answers, strict=True):
        if not texts or not texts[0].strip():
            continue
        row: dict[str, Any] = {"item": q.item, "kind": q.kind, "group": q.group, "refused": refuses(texts[0])}
        rows.append({**row, "answer": texts[0]} if keep_answers else row)
    return rows, len(of) - len(rows)
