"""Canonical JSON: one value, one sequence of bytes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stillhunt.report.canonical import encode
from stillhunt.seal.canonical import Json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_can_be_read_back(value: Json) -> None:
    """Values without floats survive unchanged, one line with one newline at its end."""
    written = encode(value)
    assert json.loads(written) == value
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")


def test_the_order_of_keys_does_not_matter() -> None:
    """Two mappings that are equal have equal bytes."""
    assert encode({"b": 1, "a": {"d": 2, "c": 3}}) == encode({"a": {"c": 3, "d": 2}, "b": 1})


def test_the_last_bits_of_a_float_do_not_show() -> None:
    """0.1 + 0.2 and 0.3 are written alike, and so are the two noughts."""
    assert encode([0.1 + 0.2, -0.0]) == encode([0.3, 0.0]) == b"[0.3,0]\n"


def test_a_number_that_is_not_finite_is_null() -> None:
    """JSON has no infinity, and a reader must not fail over one."""
    assert encode([float("inf"), float("nan")]) == b"[null,null]\n"


def test_a_file_name_that_is_not_text_is_still_valid_json() -> None:
    """A byte that is not UTF-8 is spelled out, because I-JSON holds Unicode only."""
    assert json.loads(encode("caf\udce9.jsonl")) == "caf\\udce9.jsonl"
