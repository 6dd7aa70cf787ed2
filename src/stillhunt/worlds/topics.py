"""
The subjects of a world: 150 topics, each with its own words in twelve languages.

Six topics come from each field of work. A topic shares a third of its English words with its field, so
neighbouring topics overlap as they do in life; the rest are its own compounds and coined terms.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import NamedTuple

from stillhunt.worlds import words
from stillhunt.worlds.frames_intl import LANGUAGES

TOPICS = len(words.FIELDS) * 6
IDENTIFIERS = 24_000


class Subjects(NamedTuple):
    """`nouns[language][topic]` is a tuple of words, `titles[topic]` a short English name."""

    nouns: tuple[tuple[tuple[str, ...], ...], ...]
    titles: tuple[str, ...]
    identifiers: tuple[str, ...]


_SYLLABLES = {language: text.split() for language, text in words.SYLLABLES.items()}


def _coined(draw: random.Random, language: str, least: int, most: int) -> str:
    syllables = _SYLLABLES[language]
    return "".join(draw.choice(syllables) for _ in range(draw.randint(least, most)))


def _english(draw: random.Random, field: list[str]) -> tuple[str, ...]:
    """Return about 80 nouns: 20 from the field, 30 compounds, 30 coined, in an order of the topic's own."""
    tech = words.TECH.split()
    own = draw.sample(field, 20)
    compounds = [f"{draw.choice(field)} {draw.choice(tech)}" for _ in range(30)]
    coined = [_coined(draw, "en", 2, 3) for _ in range(30)]
    nouns = list(dict.fromkeys(own + compounds + coined))
    draw.shuffle(nouns)
    return tuple(nouns)


def _identifier(draw: random.Random, parts: list[str]) -> str:
    a, b = draw.choice(parts), draw.choice(parts)
    style = draw.random()
    if style < 0.5:
        return f"{a}_{b}"
    if style < 0.8:
        return f"{a}{b.capitalize()}"
    return f"{a.capitalize()}{b.capitalize()}{draw.choice(('', 'Service', 'Job', 'View', 'Store'))}"


@lru_cache(maxsize=1)
def subjects() -> Subjects:
    """Return the topics; the same in every world and every run."""
    draw = random.Random("stillhunt topics")
    tech = words.TECH.split()
    english: list[tuple[str, ...]] = []
    titles: list[str] = []
    for field, text in words.FIELDS.items():
        for _ in range(6):
            english.append(_english(draw, text.split()))
            titles.append(f"{field} {draw.choice(tech)}")
    other = [
        tuple(tuple(_coined(draw, language, 2, 4) for _ in range(24)) for _ in range(TOPICS))
        for language in LANGUAGES[1:]
    ]
    parts = tech + words.VERBS.split() + [w for t in words.FIELDS.values() for w in t.split()]
    parts += [_coined(draw, "en", 2, 2) for _ in range(900)]
    identifiers = tuple(_identifier(draw, parts) for _ in range(IDENTIFIERS))
    return Subjects((tuple(english), *other), tuple(titles), identifiers)
