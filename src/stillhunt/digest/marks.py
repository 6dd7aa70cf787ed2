"""
Marks of answers: what is kept of a completion, and of the assistant turn that a caller sends back.

A text's marks are the smallest few of its sampled shingles, made by the same pass, key and threshold as those of prompts
(`shingles.py`). So an answer that comes back in a prompt, or as a turn of a conversation, is known again. Answers can be
very long and are looked at for nothing else: only the beginning of each is read, which bounds what this costs.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillhunt.digest.buffers import string_buffers
from stillhunt.digest.shingles import Lexicon, fingerprint

MOST = 16
"""Marks of one text, at most: the smallest, so that equal texts keep equal marks."""

READ_BYTES = 2048
"""How much of an answer is read, from its beginning."""


def marks(texts: pa.Array, subkey: npt.NDArray[np.uint64], lexicon: Lexicon, *, one_in: int) -> pa.Array:
    """
    Return the marks of n texts as lists of uint64, null where there was no text.

    `one_in` is the sampling rate; the first and the last shingle of what is read are sampled in any case.
    """
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), pa.list_(pa.uint64()))
    beginnings = pc.binary_slice(texts.cast(pa.binary()), 0, READ_BYTES)
    found = fingerprint(beginnings, subkey, lexicon, one_in=one_in)
    out = np.empty(len(found.shingles), dtype=np.uint64)
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    used = _smallest(found.shingles, found.offsets, out, offsets)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=np.append(found.empty, False)), pa.array(out[:used]))


@njit(cache=True, nogil=True)
def _smallest(shingles, offsets, out, out_offsets):  # type: ignore[no-untyped-def]
    """Copy the `MOST` smallest shingles of each row, in ascending order; return how many there are."""
    used = 0
    out_offsets[0] = 0
    for row in range(offsets.shape[0] - 1):
        first = used
        for k in range(offsets[row], offsets[row + 1]):
            value = shingles[k]
            full = used - first == MOST
            if full and value >= out[used - 1]:
                continue
            at = used - 1 if full else used
            while at > first and out[at - 1] > value:
                out[at] = out[at - 1]
                at -= 1
            out[at] = value
            if not full:
                used += 1
        out_offsets[row + 1] = used
    return used


_OPENING = re.compile(rb'\{\s*"role"\s*:\s*\Z')


def last_answers(histories: pa.Array) -> pa.Array:
    """
    Return the text of the last assistant turn of each history, null where there is none.

    `histories` is JSON, `[{"role": …, "content": …}, …]`. The last turn is the one that this provider, if any, is most
    likely to have served inside the log, and the only one that is read: conversations are sent again and again, each time
    longer. Reading starts at the turn itself where its role comes first; what cannot be read has no answer.
    """
    offsets, data, empty = string_buffers(histories)
    raw = data.tobytes()
    bounds = offsets.tolist()
    found: list[str | None] = [None] * len(histories)
    for row in np.flatnonzero(~empty).tolist():
        start, stop = bounds[row], bounds[row + 1]
        # Inside a JSON string the closing quote would have a backslash before it: this is a role.
        at = raw.rfind(b'"assistant"', start, stop)
        if at < 0:
            at = raw.rfind(b'"model"', start, stop)
        if at >= 0:
            found[row] = _turn(raw, start, at, stop)
    return pa.array(found, pa.string())


def _turn(raw: bytes, start: int, at: int, stop: int) -> str | None:
    """Return the content of the last turn in `raw[start:stop]` in which a model speaks; its role begins at `at`."""
    head = max(start, at - 32)
    opening = _OPENING.search(raw[head:at])
    for begin, prefix in ((head + opening.start(), b"["), (start, b"")) if opening else ((start, b""),):
        try:
            turns = orjson.loads(prefix + raw[begin:stop])
        except orjson.JSONDecodeError:
            continue
        for turn in reversed(turns if isinstance(turns, list) else []):
            if isinstance(turn, dict) and turn.get("role") in ("assistant", "model"):
                return _text(turn.get("content"))
    return None


def _text(content: object) -> str | None:
    """Return the text of a turn's content: a string, or parts with text in them."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None
