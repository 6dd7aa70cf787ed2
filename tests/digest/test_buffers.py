"""Bare buffers say what the Arrow column says."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given

from stillhunt.digest.buffers import string_buffers
from strategies import string_columns


@given(string_columns())
def test_buffers_hold_the_values(column: tuple[pa.Array, list[str | None]]) -> None:
    """Cutting the bytes at the offsets gives the values; the mask marks null and empty ones."""
    array, values = column
    offsets, data, empty = string_buffers(array)
    cut = [data[offsets[i] : offsets[i + 1]].tobytes().decode() for i in range(len(values))]
    assert [text for text, gone in zip(cut, empty, strict=True) if not gone] == [v for v in values if v]
    assert empty.tolist() == [not v for v in values]


@pytest.mark.parametrize("array", [pa.array([], pa.string()), pa.nulls(3, pa.string()), pa.array(["", None])])
def test_columns_without_any_text_have_buffers(array: pa.Array) -> None:
    """Columns that hold no byte at all can be read like any other."""
    offsets, data, empty = string_buffers(array)
    assert len(offsets) == len(array) + 1
    assert data.size >= 1
    assert empty.all()
