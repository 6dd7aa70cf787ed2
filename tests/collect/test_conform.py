"""Any columns become the contract's columns."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.collect.conform import cast, conform, sliced
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch
from stillhunt.testing import check_batch

NOON = dt.datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=dt.UTC)
NOON_S = 1_772_452_800.25


def values(column: object, name: str) -> tuple[list[object], int]:
    """Return a column's values in the type of contract column `name`, and how many did not fit."""
    array = column if isinstance(column, pa.Array) else pa.array(column)
    fitted, misfits = cast(array, EXCHANGES.field(name))
    assert fitted.type == EXCHANGES.field(name).type
    return fitted.to_pylist(), misfits


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T12:00:00.25Z",
        "2026-03-02 12:00:00.250",
        "2026-03-02T13:00:00.250000+01:00",
        "2026-03-02 12:00:00.25 UTC",
        "2026-03-02 07:00:00.250-05",
        " 2026-03-02T12:00:00.250000999Z ",
        "1772452800.25",
        "1772452800250",
        "1772452800250000",
        "1772452800250000000",
        NOON_S,
        NOON_S * 1e3,
        1_772_452_800_250,
        1_772_452_800_250_000,
        1_772_452_800_250_000_000,
    ],
)
def test_one_moment_written_many_ways(written: str | float) -> None:
    """ISO text with any zone or none, and counts since 1970 in four units, say the same moment."""
    assert values([written], "started_at") == ([NOON], 0)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_arrow_times_of_any_unit_and_zone(unit: str, zone: str | None) -> None:
    """A timestamp column is the same moment in whatever unit and zone it is kept."""
    whole = NOON.replace(microsecond=0)
    column = pa.array([whole, None], pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"))
    column = column.cast(pa.timestamp(unit, zone) if zone else pa.timestamp(unit))
    assert values(column, "started_at") == ([whole, None], 0)


@pytest.mark.parametrize(
    "column",
    [
        ["yesterday"],
        ["2026-02-30"],
        ["2026-03-02T25:00:00Z"],
        [True],
        [{"at": 1}],
        [[1]],
        [1e300],
        [float("inf")],
    ],
)
def test_what_is_no_time_is_counted(column: list[object]) -> None:
    """A value that is no time becomes null and counts as one."""
    assert values(column, "started_at") == ([None], 1)


def test_times_beyond_the_calendar_are_none() -> None:
    """A timestamp that no calendar date can hold is null instead of wrapping around."""
    assert values(pa.array([2**62, -(2**62)], pa.timestamp("s")), "started_at") == ([None, None], 2)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a"], pa.large_string()), "a"),
        (pa.array(["a"], pa.string_view()), "a"),
        (pa.array(["a"]).dictionary_encode(), "a"),
        (pa.array([b"a"]), "a"),
        (pa.array([7], pa.uint64()), "7"),
        (pa.array([7.0]), "7"),
        (pa.array([7.5]), "7.5"),
        (pa.array([decimal.Decimal("7")]), "7"),
        (pa.array([uuid.UUID(int=7).bytes], pa.uuid()), str(uuid.UUID(int=7))),
    ],
)
def test_ids_of_any_type_are_text(column: pa.Array, expected: str) -> None:
    """Names kept as numbers, bytes, categories or UUIDs are text; a gap in a data frame adds no `.0`."""
    assert values(column, "account_id") == ([expected], 0)


@pytest.mark.parametrize(
    ("name", "column", "expected", "misfits"),
    [
        ("temperature", ["0.7", "warm", "", None, "1e999"], [0.7, None, None, None, None], 2),
        ("temperature", [0.7, float("nan"), float("inf")], [0.7, None, None], 1),
        (
            "tokens_in",
            ["12", "12.0", "12.5", "9223372036854775807", "1e30"],
            [12, 12, None, 2**63 - 1, None],
            2,
        ),
        ("tokens_in", [12.0, 12.5, float("nan")], [12, None, None], 1),
        ("asn", ["AS64500", "64500", "as1"], [64500, 64500, 1], 0),
        ("account_id", [{"id": 1}], [None], 1),
        ("account_id", [b"\xff", b"a"], [None, "a"], 1),
        ("history", [[{"role": "user", "content": "x"}]], ['[{"content":"x","role":"user"}]'], 0),
        ("prompt", [[{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]], ["x\ny"], 0),
        ("reasoning_issued", [["a", None, "b"], None, []], [["a", "b"], None, []], 0),
        ("reasoning_issued", ['["a"]', "b", "[1", ""], [["a"], ["b"], None, None], 1),
        ("reasoning_issued", [[1, 2]], [["1", "2"]], 0),
        ("reasoning_issued", [5], [None], 1),
    ],
)
def test_values_that_do_not_fit_are_null_and_counted(
    name: str, column: list[object], expected: list[object], misfits: int
) -> None:
    """What a column cannot hold is null and counted; what is merely missing is not."""
    assert values(column, name) == (expected, misfits)


def batch_of(**columns: object) -> Batch:
    """Return the batch that these columns make."""
    rows = pa.RecordBatch.from_arrays(
        [c if isinstance(c, pa.Array) else pa.array(c) for c in columns.values()], names=list(columns)
    )
    return conform(rows, EXCHANGES, REQUIRED, lambda row: f"log:{row + 1}")


def test_a_row_without_a_required_value_is_left_out_with_its_place() -> None:
    """Null, empty and blank ids and impossible times leave a row out once, for the first that it lacks."""
    batch = batch_of(
        exchange_id=["e1", "", "e3", None, "e5"],
        account_id=["a", "a", "  ", None, "a"],
        started_at=[1, 1, 1, 1, float("nan")],
        colour=["blue"] * 5,
    )
    check_batch(batch)
    assert batch.exchanges.column("exchange_id").to_pylist() == ["e1"]
    assert {(one.reason, one.count, one.examples, one.defect) for one in batch.left_out} == {
        ("no usable `exchange_id`", 2, ("log:2", "log:4"), True),
        ("no usable `account_id`", 1, ("log:3",), True),
        ("no usable `started_at`", 1, ("log:5",), True),
    }


def test_missing_required_columns_leave_every_row_out() -> None:
    """A table without accounts gives no exchange, and at most five examples."""
    batch = batch_of(exchange_id=[str(i) for i in range(9)], started_at=[1] * 9)
    assert batch.exchanges.num_rows == 0
    (one,) = batch.left_out
    assert (one.count, len(one.examples)) == (9, 5)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.datetimes(),
    st.dates(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    st.lists(st.one_of(st.none(), st.integers(0, 9), st.text(max_size=5)), max_size=3),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 9), max_size=2),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(EXCHANGES.names),
    column=st.one_of(*(st.lists(st.one_of(st.none(), kind), max_size=6) for kind in [anything])),
)
def test_no_column_raises(name: str, column: list[object]) -> None:
    """Whatever Arrow column stands under a contract name, the result is a whole batch of the contract."""
    try:
        array = pa.array(column)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return
    columns: dict[str, object] = {"exchange_id": ["e"] * len(array), "account_id": ["a"] * len(array)}
    columns["started_at"] = [1] * len(array)
    columns[name] = array
    check_batch(batch_of(**columns))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(moment=st.datetimes(min_value=dt.datetime(1980, 1, 1), max_value=dt.datetime(2200, 1, 1)))
def test_times_survive_their_spellings(moment: dt.datetime) -> None:
    """A moment comes back the same from ISO text, from whole microseconds, and from Arrow."""
    aware = moment.replace(tzinfo=dt.UTC)
    micros = (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    for column in ([moment.isoformat()], [aware.isoformat()], [micros], [str(micros)], [moment]):
        assert values(column, "started_at") == ([aware], 0)


def test_large_batches_are_sliced() -> None:
    """No batch has more than 65,536 rows or much more than 64 MB, and nothing is lost in slicing."""
    count = 70_000
    ids = [str(i) for i in range(count)] + [None]
    batch = batch_of(exchange_id=ids, account_id=["a"] * (count + 1), started_at=[1] * (count + 1))
    slices = list(sliced(batch))
    assert [one.exchanges.num_rows for one in slices] == [65_536, count - 65_536]
    assert sum(one.lines for one in slices) == count + 1
    for one in slices:
        check_batch(one)
    big = batch_of(
        exchange_id=["1", "2", "3", "4"],
        account_id=["a"] * 4,
        started_at=[1] * 4,
        prompt=["x" * (30 * 2**20)] * 4,
    )
    assert max(one.exchanges.nbytes for one in sliced(big)) <= 64 * 2**20
