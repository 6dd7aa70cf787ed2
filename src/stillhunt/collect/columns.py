"""Values as JSON gives them become Arrow columns: the slow and obvious way, which takes any mixture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from stillhunt.collect.arrays import Column
from stillhunt.collect.conform import misfit
from stillhunt.collect.strings import list_in_text, list_of_text
from stillhunt.collect.tally import Tally
from stillhunt.collect.text import column_text, json_text, without_surrogates
from stillhunt.contract import TEXT


def batch_of(records: Sequence[dict[str, object]], schema: pa.Schema, tally: Tally) -> pa.RecordBatch:
    """
    Return the records' values under the names of `schema`, in types that `conform` can cast.

    Values that no cast could help are null, and counted in `tally`, as `conform` would count them.
    """
    held = zip(schema, values_under(schema.names, records), strict=True)
    return pa.RecordBatch.from_arrays([column_of(values, field, tally) for field, values in held], names=schema.names)


def values_under(names: Sequence[str], records: Sequence[Mapping[str, object]]) -> Iterable[Sequence[object]]:
    """Return the values of records under each name; record by record, for each is then fetched into the cache once."""
    if not records:
        return [()] * len(names)
    return zip(*[tuple(map(record.get, names)) for record in records], strict=True)


def column_of(values: Sequence[object], field: pa.Field[Any], tally: Tally) -> Column:
    """Return one column's values: as they are where they are alike, else as text that says the same."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    try:
        if kinds == {list} and pa.types.is_list(field.type):
            lists = pa.array(values, field.type)
            return lists if not lists.flatten().null_count else _lists(values, field, tally)
        if pa.types.is_list(field.type):
            return _lists(values, field, tally)
        if kinds == {str}:
            return pa.array(values, pa.string())
        if kinds == {int}:
            return pa.array(values, pa.int64())
        if kinds == {float} and not pa.types.is_string(field.type):
            return pa.array(values, pa.float64())
        if kinds <= {int, float} and not pa.types.is_string(field.type):
            return pa.array([None if v is None else float(v) for v in values], pa.float64())  # type: ignore[arg-type]
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        pass  # a number beyond 64 bits, half a character, a list of something else: one by one, as text
    if pa.types.is_list(field.type):
        return _lists(values, field, tally)
    return _texts(values, field, tally)


def _texts(values: Sequence[object], field: pa.Field[Any], tally: Tally) -> Column:
    texts = [_text(value, field) for value in values]
    lost = sum(1 for text, value in zip(texts, values, strict=True) if text is None and value is not None)
    tally.add("value", misfit(field), lost)
    return pa.array(texts, pa.string())


def _text(value: object, field: pa.Field[Any]) -> str | None:
    """Return one value as text from which `conform` reads the same; None where the column cannot hold it."""
    if value is None:
        return None
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, bool):
        return json_text(value) if pa.types.is_string(field.type) else None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value != value:  # not a number: missing
            return ""
        whole = value.is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else repr(value)
    if isinstance(value, list | dict):
        return column_text(value, field.name) if field.name in TEXT else None
    return str(value)  # a date or decimal out of a data frame: JSON has no other kinds


def _lists(values: Sequence[object], field: pa.Field[Any], tally: Tally) -> Column:
    found: list[list[str] | None] = []
    lost = 0
    for value in values:
        items: list[str] | None = None
        if isinstance(value, str):
            items = list_in_text(value)
            lost += items is None and bool(value.strip())
        elif isinstance(value, list):
            items = list_of_text(value)
            lost += items is None
        else:
            lost += value is not None
        found.append(None if items is None else [without_surrogates(item) for item in items])
    tally.add("value", misfit(field), lost)
    return pa.array(found, field.type)
