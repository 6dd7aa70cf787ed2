"""
One exchange → one call: the row without text that everything later reads.

A call keeps who, when, on which model, how it ended and how many tokens; every other column becomes a keyed hash,
and the text becomes fingerprints (`shingles.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.contract import EXCHANGES, TEXT, TIMESTAMP
from stillhunt.digest.capabilities import classify, word_lists
from stillhunt.digest.keys import Key
from stillhunt.digest.marks import last_answers, marks
from stillhunt.digest.shingles import HALF, Fingerprints, build_lexicon, fingerprint
from stillhunt.digest.siphash import keyed_hash

DEFINITION = 1
"""
Number of the definition of digests: the same text, key and sampling rate give the same digests under the same number.

A change of any of them needs another number: stored digests are refused then, instead of compared with what they cannot
match.
"""

SYSTEM_MARKS = 4
"""Sampled shingles kept of a system prompt: the smallest ones, so that near-equal system prompts share them."""

CALLS = pa.schema(
    [
        ("exchange_id", pa.string()),
        ("exchange_h", pa.uint64()),
        ("account_id", pa.string()),
        ("org_id", pa.string()),
        ("started_at", TIMESTAMP),
        ("model", pa.string()),
        ("status", pa.string()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("tokens_reasoning", pa.int64()),
        ("country", pa.string()),
        ("prompt_h", pa.uint64()),
        ("shingles", pa.list_(pa.uint64())),
        ("sketch", pa.binary(2 * HALF)),
        ("capability", pa.uint8()),
        ("system_h", pa.uint64()),
        ("system_marks", pa.list_(pa.uint64())),
        ("network_h", pa.uint64()),
        ("tls_h", pa.uint64()),
        ("agent_h", pa.uint64()),
        ("tools_h", pa.uint64()),
        ("device_h", pa.uint64()),
        ("reasoning_h", pa.list_(pa.uint64())),
        ("issued_h", pa.list_(pa.uint64())),
        ("answer_marks", pa.list_(pa.uint64())),
        ("turn_marks", pa.list_(pa.uint64())),
        ("refusal", pa.string()),
        ("content_h", pa.binary(32)),
    ]
)

ONE_HISTORY_IN = 4
"""One in so many histories is read: reading them costs more than anything else per call, and shares need no more."""

REFUSED = ("refusal", "content_filter")
"""Values of `finish_reason` that say that an answer was refused, where there is no category."""

_KEPT = ("org_id", "model", "status", "tokens_in", "tokens_out", "tokens_reasoning", "country")


class Digester:
    """
    Digests batches of exchanges under one key.

    `one_in` is the sampling rate of shingles; with `bind`, a call also carries a digest that commits to all its texts, which
    can be opened to an outsider later. Holds no text and no state between batches; safe to share by threads.
    """

    def __init__(self, key: Key, *, one_in: int, bind: bool = False) -> None:
        self._key = key if bind else None
        self._text = key.words("text")
        self._subkeys = {
            purpose: key.words(purpose)
            for purpose in ("exchange", "network", "tls", "agent", "tools", "device", "reasoning")
        }
        self._one_in = one_in
        self._lexicon = build_lexicon(word_lists(), self._text)

    def calls(self, exchanges: pa.RecordBatch) -> pa.RecordBatch:
        """Return one row of `CALLS` per exchange, in the same order."""
        n = exchanges.num_rows
        columns: dict[str, pa.Array] = {
            "exchange_id": exchanges.column("exchange_id"),
            "exchange_h": keyed_hash(exchanges.column("exchange_id"), self._subkeys["exchange"]),
            "account_id": exchanges.column("account_id"),
            "started_at": exchanges.column("started_at"),
        }
        columns |= {name: _column(exchanges, name) for name in _KEPT}
        columns |= self._prompt(_column(exchanges, "prompt"))
        columns |= self._system(_column(exchanges, "system"))
        columns["network_h"] = keyed_hash(_column(exchanges, "client_ip"), self._subkeys["network"], network=True)
        columns["tls_h"] = self._hash("tls", [_column(exchanges, "tls_ja4"), _column(exchanges, "header_order")])
        columns["agent_h"] = self._hash("agent", [_column(exchanges, "user_agent")])
        columns["tools_h"] = self._hash("tools", [_column(exchanges, "tools_hash")])
        columns["device_h"] = self._hash("device", [_column(exchanges, "device_id")])
        columns["reasoning_h"] = self._list_hash("reasoning", _column(exchanges, "reasoning_presented"))
        columns["issued_h"] = self._list_hash("reasoning", _column(exchanges, "reasoning_issued"))
        columns["answer_marks"] = self._marks(_column(exchanges, "completion"))
        columns["turn_marks"] = self._marks(last_answers(_some(_column(exchanges, "history"), columns["exchange_h"])))
        columns["refusal"] = _refusal(exchanges)
        if self._key is not None:
            texts = zip(*(_column(exchanges, name).to_pylist() for name in TEXT), strict=True)
            columns["content_h"] = pa.array([self._key.digest("content", parts) for parts in texts], pa.binary(32))
        return pa.RecordBatch.from_arrays(
            [columns[f.name] if f.name in columns else pa.nulls(n, f.type) for f in CALLS], schema=CALLS
        )

    def _prompt(self, texts: pa.Array) -> dict[str, pa.Array]:
        found = fingerprint(texts, self._text, self._lexicon, one_in=self._one_in)
        offsets = pa.array(found.offsets, mask=np.append(found.empty, False))
        return {
            "prompt_h": pa.array(found.whole, mask=found.empty),
            "shingles": pa.ListArray.from_arrays(offsets, pa.array(found.shingles)),
            "sketch": _sketches(found),
            "capability": pa.array(classify(found.lexicon), mask=found.empty),
        }

    def _system(self, texts: pa.Array) -> dict[str, pa.Array]:
        coded = texts.dictionary_encode()
        found = fingerprint(coded.dictionary, self._text, self._lexicon, one_in=self._one_in)
        marks = [
            np.sort(found.shingles[found.offsets[i] : found.offsets[i + 1]])[:SYSTEM_MARKS]
            for i in range(len(coded.dictionary))
        ]
        whole = pa.array(found.whole, mask=found.empty)
        return {
            "system_h": whole.take(coded.indices),
            "system_marks": pa.array(marks, pa.list_(pa.uint64())).take(coded.indices),
        }

    def _marks(self, texts: pa.Array) -> pa.Array:
        return marks(texts, self._text, self._lexicon, one_in=self._one_in)

    def _hash(self, purpose: str, parts: Sequence[pa.Array]) -> pa.Array:
        coded = _joined(parts).dictionary_encode()
        return keyed_hash(coded.dictionary, self._subkeys[purpose]).take(coded.indices)

    def _list_hash(self, purpose: str, lists: pa.Array) -> pa.Array:
        if lists.null_count == len(lists):
            return pa.nulls(len(lists), pa.list_(pa.uint64()))
        hashed = keyed_hash(lists.flatten(), self._subkeys[purpose])
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), hashed)


def _some(histories: pa.Array, exchange_h: pa.Array) -> pa.Array:
    """Return the histories of one call in `ONE_HISTORY_IN`, by the hash of its id; null for the others."""
    if histories.null_count == len(histories):
        return histories
    chosen = exchange_h.to_numpy() % np.uint64(ONE_HISTORY_IN) == 0
    return pc.if_else(pa.array(chosen), histories, None)


def _refusal(exchanges: pa.RecordBatch) -> pa.Array:
    """Return the category of a refusal, else how the answer says that it is one, else null."""
    category, finish = _column(exchanges, "refusal_category"), _column(exchanges, "finish_reason")
    said = pc.if_else(pc.is_in(finish, value_set=pa.array(REFUSED)), finish, None)
    return pc.coalesce(pc.if_else(pc.equal(category, ""), None, category), said)


def _sketches(found: Fingerprints) -> pa.Array:
    buffer = pa.py_buffer(np.ascontiguousarray(found.sketch))
    validity = pa.array(~found.empty).buffers()[1]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(2 * HALF), len(found.whole), [validity, buffer])


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """Join the parts with a unit separator; null only where every part is null."""
    if len(parts) == 1:
        return parts[0]
    filled = [pc.fill_null(part, "") for part in parts]
    joined = pc.binary_join_element_wise(*filled, "\x1f")
    return pc.if_else(pc.equal(joined, "\x1f" * (len(parts) - 1)), None, joined)


def _column(exchanges: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column of the contract, all null where the source does not have it."""
    index = exchanges.schema.get_field_index(name)
    return exchanges.column(index) if index >= 0 else pa.nulls(exchanges.num_rows, EXCHANGES.field(name).type)
