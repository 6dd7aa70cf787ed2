"""
Texts from frames, all at once: a text is a run of tokens, and the bytes of a run of tokens are the text.

Every literal piece and every word is one entry of a lexicon. A column of texts is built by writing token
numbers into one flat array and taking them from the lexicon; nothing loops over texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stillhunt.worlds import frames, frames_intl, frames_system, words
from stillhunt.worlds.columns import Column, column, strings
from stillhunt.worlds.frames_intl import LANGUAGES
from stillhunt.worlds.ids import Hashes, Ints, below, mix, unit
from stillhunt.worlds.topics import TOPICS, subjects

SLOTS = "ndikvauwAg"
STICKY = "Ag"
VOCABULARY = 32
"""Identifiers in one project's own vocabulary."""


USER_TURN = '{"role": "user", "content": "'
ASSISTANT_TURN = '"}, {"role": "assistant", "content": "'
OPEN, CLOSE, NEXT = "[", '"}]', '"}, '
STRUCTURE = (USER_TURN, ASSISTANT_TURN, OPEN, CLOSE, NEXT)
"""Pieces of the JSON of earlier turns; never escaped."""
QUOTED = "\n\nResponse to grade:\n"


class Ragged(NamedTuple):
    """Token numbers of many texts: text `r` is `tokens[offsets[r]:offsets[r + 1]]`."""

    tokens: npt.NDArray[np.int32]
    offsets: Ints


class Fill(NamedTuple):
    """What fills the slots of each text: the hash that chooses, and topic, language and project."""

    key: Hashes
    topic: Ints
    language: Ints
    project: Ints


class Lexicon(NamedTuple):
    """
    Tokens and compiled frames.

    Frame `f` is `frame_tokens[frame_start[f]:][:frame_length[f]]`; a negative token `-1 - s` is slot
    `SLOTS[s]`.
    The last frame is empty, so that frame -1 means no sentence. `roles` maps `(role, language)` to the
    frames that can play it.
    """

    tokens: Column
    tokens_json: Column
    frame_tokens: npt.NDArray[np.int32]
    frame_start: Ints
    frame_length: Ints
    roles: dict[tuple[str, int], Ints]
    noun_start: Ints
    noun_count: Ints
    pools: dict[str, tuple[int, int]]


def _sources() -> list[tuple[str, str, Sequence[str]]]:
    """Return `(role, language, frames)` for every group of frames there is."""
    rows: list[tuple[str, str, Sequence[str]]] = [(f"task:{c}", "en", f) for c, f in frames.TASKS.items()]
    rows += [("opener", "en", frames.OPENERS), ("detail", "en", frames.DETAILS), ("code", "en", frames.CODE)]
    rows += [("constraint", "en", frames.CONSTRAINTS), ("answer", "en", frames.ANSWERS)]
    rows += [("steps", "en", frames.STEPS), ("refusal", "en", frames.REFUSALS)]
    for name in ("ROLES", "RULES", "OWN_SYSTEM", "WRAP_BEFORE", "WRAP_AFTER", "LINE", "ELICIT"):
        rows.append((name.lower(), "en", getattr(frames_system, name)))
    for language, by_class in frames_intl.TASKS_INTL.items():
        rows += [(f"task:{c}", language, by_class.get(c, by_class["other"])) for c in frames.CLASSES]
        rows.append(("detail", language, frames_intl.DETAILS_INTL[language]))
        rows.append(("constraint", language, frames_intl.CONSTRAINTS_INTL[language]))
        rows.append(("answer", language, frames_intl.ANSWERS_INTL[language]))
    return rows


class _Entries:
    """The tokens so far; equal literals share one entry."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.known: dict[str, int] = {}

    def literal(self, text: str) -> int:
        if text not in self.known:
            self.known[text] = len(self.texts)
            self.texts.append(text)
        return self.known[text]

    def pool(self, texts: Sequence[str]) -> tuple[int, int]:
        self.texts.extend(texts)
        return len(self.texts) - len(texts), len(texts)


def _compile(frame: str, entries: _Entries) -> list[int]:
    parts = re.split(r"\{([" + SLOTS + r"])\}", frame)
    return [
        -1 - SLOTS.index(part) if odd else entries.literal(part)
        for position, part in enumerate(parts)
        for odd in (position % 2,)
        if part
    ]


def _pools(entries: _Entries) -> dict[str, tuple[int, int]]:
    syllables = words.SYLLABLES["en"].split()
    names = [(a + b).capitalize() for a in syllables for b in syllables]
    names = [n + s for n in names for s in ("", "AI", "Desk", "Flow", "ly", "Works", "IQ", "Hub")]
    numbers = [str(k) for k in (*range(2, 100), *range(100, 2000, 7))]
    return {
        "d": entries.pool(subjects().titles),
        "i": entries.pool(subjects().identifiers),
        "k": entries.pool(numbers),
        "v": entries.pool(words.VERBS.split()),
        "a": entries.pool(words.ADJECTIVES.split()),
        "u": entries.pool(words.UNITS.split("|")),
        "w": entries.pool(words.PEOPLE.split()),
        "A": entries.pool(names),
        "g": entries.pool(words.TAGS.split()),
    }


def _escaped(texts: list[str]) -> list[str]:
    return [json.dumps(t, ensure_ascii=False)[1:-1] if set(t) & set('"\\\n') else t for t in texts]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Return the lexicon; the same in every world and every run."""
    entries = _Entries()
    structure = entries.pool(STRUCTURE)[1]
    entries.literal(QUOTED)
    compiled: list[list[int]] = []
    roles: dict[tuple[str, int], Ints] = {}
    for role, language, texts in _sources():
        first = len(compiled)
        compiled += [_compile(text, entries) for text in texts]
        roles[role, LANGUAGES.index(language)] = np.arange(first, len(compiled), dtype=np.int64)
    spans = [[entries.pool(nouns) for nouns in language] for language in subjects().nouns]
    pools = _pools(entries)
    compiled.append([])
    length = np.array([len(c) for c in compiled], dtype=np.int64)
    span = np.array(spans, dtype=np.int64).reshape(len(LANGUAGES) * TOPICS, 2)
    return Lexicon(
        tokens=column(entries.texts),
        tokens_json=column([*STRUCTURE, *_escaped(entries.texts[structure:])]),
        frame_tokens=np.array([t for c in compiled for t in c], dtype=np.int32),
        frame_start=np.cumsum(length) - length,
        frame_length=length,
        roles=roles,
        noun_start=span[:, 0].copy(),
        noun_count=span[:, 1].copy(),
        pools=pools,
    )


def choose(role: str, languages: Ints, hashes: Hashes) -> Ints:
    """Return a frame of `role` for each text, in its language; -1 where the language has no such frame."""
    lex = lexicon()
    frame = np.full(len(languages), -1, dtype=np.int64)
    for language in range(len(LANGUAGES)):
        found = lex.roles.get((role, language))
        rows = languages == language
        if found is not None and rows.any():
            frame[rows] = found[below(hashes[rows], len(found))]
    return frame


def choose_english(role: str, hashes: Hashes) -> Ints:
    """Return an English frame of `role` for each text."""
    found = lexicon().roles[role, 0]
    chosen: Ints = found[below(hashes, len(found))]
    return chosen


def choose_several(role: str, hashes: Hashes, count: int) -> list[Ints]:
    """Return `count` different English frames of `role` for each text, in an order of the text's own."""
    found = lexicon().roles[role, 0]
    first, step = below(hashes, len(found)), np.array([1, 7, 11, 13])[below(mix(hashes, 1), 4)]
    return [found[(first + turn * step) % len(found)] for turn in range(count)]


def _word(slot: str, h: Hashes, fill: Fill) -> Ints:
    """
    Return the token for one kind of slot; nouns and identifiers follow a Zipf-like law of the
    project's own.
    """
    lex = lexicon()
    if slot == "n":
        row = fill.language * TOPICS + fill.topic
        count = lex.noun_count[row]
        rank = (unit(h) ** 2 * count).astype(np.int64)
        favourite = below(mix(fill.project, 3), count)
        nouns: Ints = lex.noun_start[row] + (rank * 7 + favourite) % count
        return nouns
    start, count_all = lex.pools[slot]
    if slot == "d":
        return start + fill.topic
    if slot == "i":
        rank = (unit(h) ** 1.7 * VOCABULARY).astype(np.uint64)
        return start + below(mix(fill.project.astype(np.uint64) * np.uint64(VOCABULARY) + rank, 5), count_all)
    return start + below(h, count_all)


def expand(matrix: Ints, fill: Fill) -> Ragged:
    """
    Return one text per row of a matrix of frames, slots filled.

    `matrix` has shape (texts, sentences); -1 is no sentence. Equal rows with equal fills give equal texts.
    """
    lex = lexicon()
    texts, sentences = matrix.shape
    flat = matrix.ravel()
    lengths = lex.frame_length[flat]
    ends = np.cumsum(lengths)
    offsets = np.zeros(texts + 1, dtype=np.int64)
    offsets[1:] = ends.reshape(texts, sentences)[:, -1] if texts else 0
    shift = lex.frame_start[flat] - (ends - lengths)
    total = int(offsets[-1])
    tokens = lex.frame_tokens[np.arange(total) + np.repeat(shift, lengths)]
    open_slots = np.flatnonzero(tokens < 0)
    row = np.repeat(np.arange(texts), np.diff(offsets))[open_slots]
    kind = -1 - tokens[open_slots]
    place = open_slots - offsets[row]
    for number, slot in enumerate(SLOTS):
        mine = np.flatnonzero(kind == number)
        if not len(mine):
            continue
        rows = row[mine]
        salt = 0 if slot in STICKY else place[mine].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        h = mix(fill.key[rows] + np.uint64(number) + salt, 11)
        part = Fill(fill.key[rows], fill.topic[rows], fill.language[rows], fill.project[rows])
        tokens[open_slots[mine]] = _word(slot, h, part)
    return Ragged(tokens, offsets)


def join(parts: Sequence[Ragged]) -> Ragged:
    """Return texts made of the parts' texts one after the other; all parts have as many texts."""
    sizes = np.stack([np.diff(p.offsets) for p in parts], axis=1)
    ends = np.cumsum(sizes.ravel())
    starts = (ends - sizes.ravel()).reshape(sizes.shape)
    tokens = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.int32)
    for place, part in enumerate(parts):
        shift = np.repeat(starts[:, place] - part.offsets[:-1], sizes[:, place])
        tokens[np.arange(len(part.tokens)) + shift] = part.tokens
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum(sizes.sum(axis=1))
    return Ragged(tokens, offsets)


def take(texts: Ragged, rows: Ints) -> Ragged:
    """Return the texts of the given rows; row -1 is an empty text."""
    sizes = np.where(rows >= 0, np.diff(texts.offsets)[rows], 0)
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum(sizes)
    shift = np.repeat(texts.offsets[rows] - offsets[:-1], sizes)
    return Ragged(texts.tokens[np.arange(int(offsets[-1])) + shift], offsets)


def literal(text: str, rows: npt.NDArray[np.bool_]) -> Ragged:
    """
    Return the single-token text `text` where `rows` is true, else nothing; `text` must be in the
    lexicon.
    """
    token = lexicon().tokens.index(text).as_py()
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum(rows)
    return Ragged(np.full(int(offsets[-1]), token, dtype=np.int32), offsets)


def render(texts: Ragged, *, as_json: bool = False) -> Column:
    """Return the texts as a string array; `as_json` escapes them for the inside of a JSON string."""
    lex = lexicon()
    taken: Any = (lex.tokens_json if as_json else lex.tokens).take(column(texts.tokens))
    _, starts, data = taken.buffers()
    bounds = np.frombuffer(memoryview(starts), np.int32)[taken.offset : taken.offset + len(taken) + 1]
    return strings(bounds[texts.offsets], data)
