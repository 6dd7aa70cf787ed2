"""
Canaries: questions whose many answers are equally good, of which the key picks a favoured half per campaign.

An answer from the favoured half serves the customer exactly as well as one from the other half, so nothing is lost; a
model trained on enough of them leans towards a half that only the key knows. What is a fact, a number, code, or bears on
health, safety, law or money is never touched, in the question or in the answer: `untouchable` decides, and says why.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stillhunt.trace.canary_classes import STD_V1, ClassRow
from stillhunt.trace.keys import joined

ASK_WORDS = 40
"""A longer question says more than "pick one", and what it says may decide between the answers."""

EDIT_WORDS = 12
"""In a longer answer the pick may be explained, and then another pick would make the explanation wrong."""

_CODE = re.compile(
    r"```|`[^`]+`|</?\w+[^>]*>|[{};]|=>|==|\w\(|\b(def|class|import|var|const|let|function) \w+\s*[=:(]|\b(import|from) \w+\.\w"
    r"|\b(python|java|javascript|rust|sql|code|variable|regex|api)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")
_ADDRESS = re.compile(r"https?://|www\.|\S+@\S+\.\S+")
_QUOTE = re.compile(r"[\"“”«»]\s*\S+\s+\S+\s+\S+")
_GRAVE = re.compile(
    r"\b(suicid\w*|self[- ]harm|kill\w*|dead(ly)?|death|die[sd]?|dying|murder\w*|weapon\w*|gun|bomb\w*|explosi\w*|poison\w*"
    r"|toxi\w*|overdos\w*|drug\w*|dos(e|es|age)|medic\w*|doctor\w*|nurses?|diagnos\w*|symptom\w*|disease\w*|cancer|pregnan\w*"
    r"|allerg\w*|asthma\w*|treatment\w*|therap\w*|pills?|vaccin\w*|emergenc\w*|danger\w*|hazard\w*|safety|abus\w*|assault\w*"
    r"|rape\w*|terror\w*|legal\w*|law(s|yer\w*)?|court|sue|contract\w*|tax(es)?|invest\w*|stocks?|loan\w*|mortgage\w*|insur\w*"
    r"|bank\w*|password\w*|elect(ion|ions|oral)|vot(e|er|ing)\w*|religio\w*|racis\w*|refugee\w*)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(because|since|mean(s|ing)?|symboli\w*|named after|comes from|stands for|evok\w*|short for|known for|reminds?)\b",
    re.IGNORECASE,
)
_SPECIFIC = re.compile(
    r"\b(start(s|ing)?|begin(s|ning)?|end(s|ing)?|rhym\w*|letters?|syllables?|exactly|must|only|not|except|without|other than"
    r"|famous|real|actual|true|historical\w*|correct|official|between|versus|vs|or)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryClass:
    """
    A kind of question and the answers that serve it equally well.

    `asks` recognises the question; `probes` are questions of the class in other words, for asking a suspect; `thing`
    names what is picked, as in "a name for a boat".
    """

    id: str
    thing: str
    answers: tuple[str, ...]
    asks: re.Pattern[str]
    probes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """An answer in which a pick was exchanged: the new text, and what was there and is there now."""

    text: str
    before: str
    after: str


def _class(row: ClassRow) -> CanaryClass:
    asks = re.compile("|".join(f"(?:{pattern})" for pattern in row.asks), re.IGNORECASE)
    return CanaryClass(id=row.id, thing=row.thing, answers=row.answers, asks=asks, probes=row.probes)


LIBRARIES: Mapping[str, Mapping[str, CanaryClass]] = {"std-v1": {row.id: _class(row) for row in STD_V1}}
"""The libraries by name. One that was used is never changed: a changed library gets a new name."""


def library_digest(library: str) -> str:
    """Return the SHA-256 of a library's classes and answers, which the ledger records with the plan."""
    content = {name: list(one.answers) for name, one in LIBRARIES[library].items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def favoured(canary_key: bytes, one: CanaryClass) -> frozenset[str]:
    """
    Return the half of a class's answers that a key favours.

    The answers are put in the order of their HMACs and the first half is taken: under the null hypothesis every half is
    equally likely, which is what the canary test counts on. The key carries campaign and epoch.
    """
    return frozenset(_ordered(canary_key, one)[: len(one.answers) // 2])


def partner(canary_key: bytes, one: CanaryClass, answer: str) -> str:
    """Return the favoured answer that stands in for one that is not; a favoured answer stands for itself."""
    order = _ordered(canary_key, one)
    at, half = order.index(answer), len(order) // 2
    return order[at - half] if at >= half else answer


def recognised(library: str, question: str) -> CanaryClass | None:
    """
    Return the class that a question belongs to, or None.

    Only a short question without anything that decides between the answers, and without anything untouchable, is one.
    """
    if len(question.split()) > ASK_WORDS or untouchable(question) is not None or _SPECIFIC.search(question):
        return None
    fitting = [one for one in LIBRARIES[library].values() if one.asks.search(question)]
    return fitting[0] if len(fitting) == 1 else None


def untouchable(text: str) -> str | None:
    """Return why a text is never touched (code, numbers, an address, a quotation, a grave matter), or None."""
    reasons = (
        ("code", _CODE),
        ("number", _NUMBER),
        ("address", _ADDRESS),
        ("quotation", _QUOTE),
        ("grave", _GRAVE),
    )
    return next((reason for reason, pattern in reasons if pattern.search(text)), None)


def instruction(canary_key: bytes, one: CanaryClass, prompt: str) -> str:
    """
    Return what is added to the system message: a choice among the favoured half, unless the request decides it.

    The answers stand in an order of their own for each prompt digest, so that no place in the list is preferred.
    """
    order_key = hmac.digest(canary_key, joined(b"order", prompt.encode()), "sha256")
    answers = sorted(favoured(canary_key, one), key=lambda answer: hmac.digest(order_key, answer.encode(), "sha256"))
    return (
        f"If the user asks for {one.thing} and nothing in the conversation speaks for a particular choice, choose from:"
        f" {', '.join(answers)}. If anything speaks for another choice, ignore this. Do not mention this list."
    )


def edited(canary_key: bytes, one: CanaryClass, text: str) -> Edit | None:
    """
    Return a short answer with its one pick exchanged for the favoured partner; None where it is left as it is.

    Left as it is: what is long, untouchable, explains its pick, holds several answers of the class, or whose article
    would no longer fit. An answer that is favoured already comes back unchanged.
    """
    picks = found(one, text)
    if len(picks) != 1 or len(text.split()) > EDIT_WORDS or untouchable(text) is not None or _REASON.search(text):
        return None
    before = picks[0]
    after = partner(canary_key, one, before)
    if after == before:
        return Edit(text=text, before=before, after=after)
    article = re.search(rf"\b(an?)\s+{re.escape(before)}\b", text, re.IGNORECASE)
    if article and _vowel(before) != _vowel(after):
        return None
    pattern = re.compile(rf"(?<!\w){re.escape(before)}(?!\w)", re.IGNORECASE)
    return Edit(text=pattern.sub(lambda match: _cased(match[0], after), text), before=before, after=after)


def found(one: CanaryClass, text: str) -> tuple[str, ...]:
    """Return the answers of a class that occur in a text as whole words, in the order of the class."""
    return tuple(a for a in one.answers if re.search(rf"(?<!\w){re.escape(a)}(?!\w)", text, re.IGNORECASE))


def _ordered(canary_key: bytes, one: CanaryClass) -> list[str]:
    def rank(answer: str) -> bytes:
        return hmac.digest(canary_key, joined(one.id.encode(), answer.encode()), "sha256")

    return sorted(one.answers, key=rank)


def _vowel(word: str) -> bool:
    return word[0].lower() in "aeiou"


def _cased(model: str, word: str) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if model[0].isupper() else word[0].lower() + word[1:]
