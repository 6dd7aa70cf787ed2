"""
The four text columns of a set of calls: system prompt, prompt, earlier turns, answer.

A prompt is `[template before] opener task details code [answer to grade] constraint [template after]
[block that asks for written-out reasoning]`; every part is optional but the task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillhunt.worlds import grammar
from stillhunt.worlds.columns import Column, column, nullable
from stillhunt.worlds.columns import take as columns_take
from stillhunt.worlds.drafts import NO, Calls
from stillhunt.worlds.frames import CLASSES
from stillhunt.worlds.grammar import (
    Fill,
    Ragged,
    choose,
    choose_english,
    choose_several,
    expand,
    join,
    literal,
    render,
)
from stillhunt.worlds.ids import Bools, Hashes, Ints, below, mix, unit
from stillhunt.worlds.topics import TOPICS

SOFTWARE = 0
BEFORE, AFTER, ELICIT, SYSTEM_ELICIT = 1, 2, 4, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """
    Which calls carry earlier turns: `previous` and `before_that` index calls, -1 none; `foreign`
    were never served.
    """

    previous: Ints
    before_that: Ints
    foreign: Bools


def _only(frames: Ints, rows: Bools) -> Ints:
    return np.where(rows, frames, NO)


def _fixed(template: Ints) -> Fill:
    """Return the fill of a template: everything follows from its key, so all its users see the same words."""
    key = mix(template, 61)
    return Fill(key, below(mix(key, 1), TOPICS), np.zeros(len(key), dtype=np.int64), template)


def body(text: Hashes, work: Fill, kind: Ints) -> Ragged:
    """Return the part of each prompt that the customer wrote."""
    frames = np.full((len(text), 6), NO, dtype=np.int64)
    for number, name in enumerate(CLASSES):
        rows = np.flatnonzero(kind == number)
        frames[rows, 1] = choose(f"task:{name}", work.language[rows], mix(text[rows], 2))
    english = work.language == 0
    frames[:, 0] = _only(choose_english("opener", mix(text, 1)), english & (unit(mix(text, 101)) < 0.3))
    for place, chance in ((2, 0.9), (3, 0.6), (4, 0.3)):
        frames[:, place] = _only(
            choose("detail", work.language, mix(text, place + 1)), unit(mix(text, 100 + place)) < chance
        )
    code = (kind == SOFTWARE) & (unit(mix(text, 110)) < 0.6)
    frames[:, 5] = _only(choose_english("code", mix(text, 7)), code)
    return expand(frames, work)


def _ending(text: Hashes, work: Fill) -> Ragged:
    chosen = _only(choose("constraint", work.language, mix(text, 8)), unit(mix(text, 111)) < 0.7)
    return expand(chosen[:, None], Fill(mix(text, 9), work.topic, work.language, work.project))


def _template(calls: Calls) -> tuple[Ragged, Ragged]:
    """Return the template's text before and after what the customer wrote."""
    key, fill = mix(calls.template, 61), _fixed(calls.template)
    has = calls.template >= 0
    before, after = has & (calls.wrap & BEFORE > 0), has & (calls.wrap & AFTER > 0)
    elicit = has & (calls.wrap & ELICIT > 0)
    head = [_only(frames, before) for frames in choose_several("wrap_before", key, 2)]
    tail = [_only(choose_english("wrap_after", key), after), _only(choose_english("line", key), elicit)]
    tail += [_only(frames, elicit) for frames in choose_several("elicit", mix(key, 4), 4)]
    return expand(np.stack(head, axis=1), fill), expand(np.stack(tail, axis=1), fill)


def systems(calls: Calls) -> Column:
    """Return the system prompts: none, the account's own, or the template's."""
    own, shared = calls.system == 1, (calls.system == 2) & (calls.template >= 0)
    key = np.where(own, mix(calls.project, 71), mix(calls.template, 72))
    elicit = shared & (calls.wrap & SYSTEM_ELICIT > 0)
    role = _only(choose_english("roles", mix(key, 1)), shared)
    columns = [np.where(own, choose_english("own_system", mix(key, 1)), role)]
    rules = choose_several("rules", mix(key, 2), 5)
    columns += [_only(frames, shared | (own & (unit(mix(key, 20)) < 0.5))) for frames in rules[:2]]
    columns += [_only(frames, shared) for frames in rules[2:]]
    columns += [_only(frames, elicit) for frames in choose_several("elicit", mix(key, 7), 3)]
    topic = np.where(own, below(mix(calls.project, 73), TOPICS), below(mix(calls.template, 74), TOPICS))
    project = np.where(own, calls.project, calls.template)
    text = render(expand(np.stack(columns, axis=1), Fill(key, topic, np.zeros_like(topic), project)))
    return nullable(text, own | shared)


def answers(calls: Calls, nonce: Hashes, refused: Bools, served: Bools) -> Ragged:
    """Return the answers; empty where nothing was served."""
    key = mix(calls.text ^ nonce, 81)
    work = Fill(key, calls.topic, calls.language, calls.project)
    elicited = (calls.template >= 0) & (calls.wrap & (ELICIT | SYSTEM_ELICIT) > 0)
    answer, well = served & ~refused, served
    columns = [_only(choose_english("steps", mix(key, 1)), answer & elicited)]
    columns += [_only(choose_english("refusal", mix(key, 2)), well & refused)]
    columns += [
        _only(choose("answer", calls.language, mix(key, n)), answer & (unit(mix(key, 50 + n)) < p))
        for n, p in ((3, 1.0), (4, 0.8), (5, 0.4))
    ]
    columns += [_only(choose_english("code", mix(key, 6)), answer & (calls.kind == SOFTWARE))]
    return expand(np.stack(columns, axis=1), work)


def prompts(calls: Calls, answered: Ragged) -> Ragged:
    """Return the prompts; `answered` are all answers, of which some prompts quote one."""
    work = Fill(calls.text, calls.topic, calls.language, calls.project)
    before, after = _template(calls)
    quotes = calls.quote >= 0
    parts = [before, body(calls.text, work, calls.kind)]
    if quotes.any():
        parts += [literal(grammar.QUOTED, quotes), grammar.take(answered, calls.quote)]
    return join([*parts, _ending(calls.text, work), after])


def histories(turns: Turns, prompt: Ragged, answered: Ragged, calls: Calls) -> Column:
    """Return earlier turns as JSON, null where the caller sent none."""
    rows = np.flatnonzero(turns.previous >= 0)
    if not len(rows):
        return column([None] * len(turns.previous), pa.string())
    last, older = turns.previous[rows], turns.before_that[rows]
    foreign, two = turns.foreign[rows], older >= 0
    always = np.ones(len(rows), dtype=np.bool_)
    strange = mix(calls.text[last], 91)
    key = Fill(strange, calls.topic[last], calls.language[last], calls.project[last])
    own_prompt = grammar.take(prompt, np.where(foreign, NO, last))
    own_answer = grammar.take(answered, np.where(foreign, NO, last))
    nothing = np.full((len(rows), 1), NO, dtype=np.int64)
    asked = np.where(foreign, choose("task:other", key.language, mix(strange, 1)), NO)[:, None]
    said = np.where(foreign, choose("answer", key.language, mix(strange, 2)), NO)[:, None]
    parts = [literal(grammar.OPEN, always), literal(grammar.USER_TURN, two), grammar.take(prompt, older)]
    parts += [literal(grammar.ASSISTANT_TURN, two), grammar.take(answered, older), literal(grammar.NEXT, two)]
    parts += [
        literal(grammar.USER_TURN, always),
        own_prompt,
        expand(np.concatenate([asked, nothing], 1), key),
    ]
    parts += [
        literal(grammar.ASSISTANT_TURN, always),
        own_answer,
        expand(said, key),
        literal(grammar.CLOSE, always),
    ]
    text = render(join(parts), as_json=True)
    place = np.full(len(turns.previous), NO, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    placed: Column = columns_take(text, place, mask=place < 0)
    return placed
