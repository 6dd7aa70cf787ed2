"""
Canonical JSON (RFC 8785): one value has one sequence of bytes, whatever built it.

Source: A. Rundgren, B. Jordan, S. Erdtman, "JSON Canonicalization Scheme (JCS)", RFC 8785 (2020).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import rfc8785

from stillhunt.errors import SealError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def canonical(value: Json) -> bytes:
    """
    Return the RFC 8785 bytes of a value.

    Raises `SealError` for what I-JSON cannot hold: floats that are not finite, integers beyond ±(2^53 - 1), text that
    is not Unicode.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise SealError(f"A value has no canonical JSON: {error}.\nIts owner must write it in another way.") from error


def read(data: bytes, place: str) -> Json:
    """
    Return the value whose canonical bytes these are; `place` names them in the message.

    Raises `SealError` when they are not JSON or are not canonical: a value then has a second spelling, which a hash of
    the value would not notice.
    """
    try:
        value: Json = json.loads(data)
        same = canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise SealError(f"{place}: this is not JSON.\nIt was changed or cut off; get the file anew.") from error
    if not same:
        raise SealError(f"{place}: this is not canonical JSON (RFC 8785).\nIt was changed; get the file anew.")
    return value


def text_of(value: Json, place: str) -> str:
    """Return a value that must be a string, else raise `SealError`."""
    if isinstance(value, str):
        return value
    raise SealError(f"{place}: a text is expected here.\nThe file was changed or is of another version.")


def number_of(value: Json, place: str) -> int:
    """Return a value that must be a whole number, else raise `SealError`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise SealError(f"{place}: a whole number is expected here.\nThe file was changed or is of another version.")


def mapping_of(value: Json, place: str) -> Mapping[str, Json]:
    """Return a value that must be an object, else raise `SealError`."""
    if isinstance(value, Mapping):
        return value
    raise SealError(f"{place}: an object is expected here.\nThe file was changed or is of another version.")


def list_of(value: Json, place: str) -> Sequence[Json]:
    """Return a value that must be a list, else raise `SealError`."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise SealError(f"{place}: a list is expected here.\nThe file was changed or is of another version.")
