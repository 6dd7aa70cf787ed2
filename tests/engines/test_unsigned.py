"""Unsigned integers in the clothes of signed ones: there and back, and in the same order."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillhunt.engines.unsigned import signed, signed_schema, unsigned

HASH = st.integers(0, 2**64 - 1)
SCHEMA = pa.schema(
    [("h", pa.uint64()), ("marks", pa.list_(pa.uint64())), ("c", pa.uint8()), ("s", pa.binary(2)), ("t", pa.string())]
)
ROWS = st.lists(
    st.tuples(
        st.none() | HASH,
        st.none() | st.lists(st.none() | HASH, max_size=3),
        st.none() | st.integers(0, 255),
        st.none() | st.binary(min_size=2, max_size=2),
        st.none() | st.text(max_size=3),
    ),
    max_size=9,
)


@given(ROWS, st.integers(0, 9), st.integers(0, 9))
def test_there_and_back(rows: list[tuple[object, ...]], start: int, length: int) -> None:
    """Any part of any batch comes back as it was, with the types it had."""
    columns = [pa.array([row[k] for row in rows], field.type) for k, field in enumerate(SCHEMA)]
    batch = pa.RecordBatch.from_arrays(columns, schema=SCHEMA).slice(start, length)
    worn = signed(batch)
    assert worn.schema == signed_schema(SCHEMA)
    worn.validate(full=True)
    back = unsigned(pa.Table.from_batches([worn]), SCHEMA)
    back.validate(full=True)
    assert back.to_pylist() == batch.to_pylist()


@given(st.lists(HASH, min_size=1))
def test_order_is_kept(values: list[int]) -> None:
    """The signed numbers stand in the order of the unsigned ones."""
    worn = signed(pa.RecordBatch.from_arrays([pa.array(values, pa.uint64())], ["h"])).column(0).to_pylist()
    assert [v for _, v in sorted(zip(worn, values, strict=True))] == sorted(values)
