"""What a report writes as JSON: plain values, in canonical form."""

from __future__ import annotations

import math
from collections.abc import Mapping

from stillhunt.seal.canonical import Json, canonical

SIGNIFICANT_DIGITS = 12


def encode(value: Json) -> bytes:
    r"""
    Return the canonical bytes (RFC 8785) of a value, and one newline.

    Floats are rounded to 12 significant digits, so that the last bits, in which machines differ, do
    not show. A float that is not finite has no place in JSON and becomes `null`. The bytes of a file
    name that is not UTF-8 are spelled `\udcNN`.
    """
    return canonical(plain(value)) + b"\n"


def plain(value: Json) -> Json:
    """Return a value that has canonical JSON and does not depend on the machine it was computed on."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(plain(str(k))): plain(v) for k, v in value.items()}
    return [plain(v) for v in value]
