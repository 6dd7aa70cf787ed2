"""Canonical JSON: one value has one sequence of bytes, whatever built it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

SIGNIFICANT_DIGITS = 12


def encode(value: Json) -> bytes:
    r"""
    Equal values have equal bytes: keys sorted by code point, no spaces, UTF-8, one newline at the end.

    Floats are rounded to 12 significant digits, so that the last bits, in which machines differ, do
    not show. A float that is not finite has no place in JSON and becomes `null`. A file name that is
    not UTF-8 keeps its bytes as `\udcNN` escapes.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _plain(value: Json) -> Json:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value]
