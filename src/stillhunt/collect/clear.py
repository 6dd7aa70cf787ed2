"""Values that should not stand in the clear: e-mail addresses, card and phone numbers, API keys."""

from __future__ import annotations

import re

import pyarrow as pa

from stillhunt.collect.arrays import Column, pc

EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
PHONE = r"\+[1-9][0-9]{0,2}[ .()-]{0,2}[0-9](?:[ .()-]{0,2}[0-9]){6,12}"
CARD = r"[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}"
KEY = r"\bsk-[A-Za-z0-9_-]{16,}"

KINDS = {"e-mail address": EMAIL, "card number": CARD, "phone number": PHONE, "API key": KEY}


def in_the_clear(column: Column, *, inside: bool) -> dict[str, int]:
    """
    Return how many values of a text column are (or, with `inside`, hold) each kind of personal data in the clear.

    A card number must have the check digit that cards have.
    """
    found: dict[str, int] = {}
    if not pa.types.is_string(column.type):
        return found
    for kind, pattern in KINDS.items():
        whole = pattern if inside or kind == "API key" else rf"^\s*(?:{pattern})\s*$"
        hits = pc.fill_null(pc.match_substring_regex(column, whole), False)
        count = pc.sum(hits).as_py() or 0
        if count and kind == "card number":
            count = sum(1 for text in column.filter(hits).to_pylist() if _has_card(text))
        if count:
            found[kind] = count
    return found


def _has_card(text: str) -> bool:
    return any(_checks(re.sub(r"[ -]", "", match.group())) for match in re.finditer(CARD, text))


def _checks(digits: str) -> bool:
    """Whether a number has 13 to 19 digits of which the last is Luhn's check digit."""
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
