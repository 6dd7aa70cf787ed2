"""
Any Parquet, NDJSON or CSV log under names of its own, brought into the contract's by a mapping file.

Parquet and CSV stay columns throughout; of NDJSON, the values that the mapping names are taken out record by
record. A path that leads into text is followed where that text is JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.collect import columns, delimited, documents, parquet, tabular
from stillhunt.collect.arrays import Column, pc
from stillhunt.collect.bodies import Row, answered, asked, body_of, name_in
from stillhunt.collect.conform import cast, conform, misfit, nothing, sliced
from stillhunt.collect.mapping import Mapping, Source, file_of, missing, read_mapping
from stillhunt.collect.messages import hash_of
from stillhunt.collect.moments import in_unit
from stillhunt.collect.opening import head
from stillhunt.collect.strings import LISTS, plain, strings
from stillhunt.collect.tally import Place, Tally
from stillhunt.collect.text import json_text
from stillhunt.contract import EXCHANGES, REQUIRED
from stillhunt.plugs import Batch, Split

LOOKED_AT = 1000
"""Records of an NDJSON file that are looked at for the columns it has."""


def check(format: str, paths: Sequence[Path]) -> None:
    """
    Raise `ConfigError` where a mapping does not fit the first of the logs that it is for.

    A JSON log may lack what is not required: what no record holds is counted when it is read.
    """
    mapping = read_mapping(file_of(format) or "")
    for path in paths[:1]:
        has = columns_of(path)
        for source in mapping.sources:
            if tabular.kind_of(str(path)) == "json" and source.column not in REQUIRED:
                continue
            if has and not any(_reachable(name, has) for name in source.paths):
                raise missing(mapping, source, has)


def _reachable(path: str, has: Sequence[str]) -> bool:
    """Whether a path is a column, or leads into one that may hold JSON."""
    return any(path == name or path.startswith(f"{name}.") for name in has)


def columns_of(path: str | Path) -> list[str]:
    """Return the columns of a log: a nested one by its dotted path; of NDJSON those of its first records."""
    kind = tabular.kind_of(str(path))
    if kind == "parquet":
        try:
            with pq.ParquetFile(path) as file:
                return [name for field in file.schema_arrow for name in _dotted(field.name, field.type)]
        except (pa.ArrowException, OSError, ValueError):
            return []  # the reader says what is wrong with it
    if kind == "csv":
        return delimited.header_of(head(path, 2**20))
    return list(dict.fromkeys(name for record in first_records(path) for name in _keys(record)))


def first_records(path: str | Path) -> list[dict[str, object]]:
    """Return the first records of a JSON log: those of its first megabytes, a thousand at most."""
    for chunk in documents.chunks(Split(path=str(path), format="ndjson"), Tally()):
        return chunk.records[:LOOKED_AT]
    return []


def _dotted(name: str, kind: pa.DataType) -> Iterator[str]:
    if not pa.types.is_struct(kind):
        yield name
        return
    for field in kind:
        yield from _dotted(f"{name}.{field.name}", field.type)


def _keys(record: dict[str, object], before: str = "", depth: int = 0) -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value and depth < 8:
            yield from _keys(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}"


def read(split: Split) -> Iterator[Batch]:
    """Yield the exchanges of one split of a log that a mapping describes, and what was left out."""
    mapping = _mapping(file_of(split.format) or "")
    kind = tabular.kind_of(split.path)
    if kind == "json":
        yield from _of_json(split, mapping)
        return
    tops = list(dict.fromkeys(top for path in mapping.paths for top in _tops(path)))
    schema = pa.schema([(name, pa.null()) for name in tops])
    seen = _Seen()
    reader = parquet.read_with if kind == "parquet" else delimited.read_with
    for batch in reader(split, schema, lambda rows, place: fitted(rows, mapping, place, seen)):
        empty = batch.exchanges.num_rows == 0
        yield batch._replace(exchanges=nothing(EXCHANGES)) if empty else batch
    if split.parts == 1:  # what one part of a file lacks, another may hold
        yield from seen.told(mapping)


@lru_cache(maxsize=8)
def _mapping(path: str) -> Mapping:
    return read_mapping(path)


def _tops(path: str) -> Iterator[str]:
    """Yield the names under which a path may begin: `a.b.c`, `a.b`, `a`."""
    parts = path.split(".")
    for stop in range(len(parts), 0, -1):
        yield ".".join(parts[:stop])


class _Seen:
    """Which sources ever gave a value, over the rows of a split."""

    def __init__(self) -> None:
        self.rows = 0
        self._columns: set[str] = set()

    def note(self, column: str) -> None:
        """Remember that a column had a value."""
        self._columns.add(column)

    def told(self, mapping: Mapping) -> Iterator[Batch]:
        """Yield, with no rows, which sources gave nothing at all."""
        tally = Tally()
        for source in mapping.sources:
            if self.rows and source.column not in self._columns:
                paths = ", ".join(f"`{path}`" for path in source.paths)
                reason = (
                    f"column `{source.column}`: the log holds nothing under {paths} (line {source.line} of the mapping)"
                )
                tally.add("value", reason, self.rows)
        if tally.left_out():
            yield Batch(nothing(EXCHANGES), tally.left_out(), 0)


def _of_json(split: Split, mapping: Mapping) -> Iterator[Batch]:
    """Yield the exchanges of records: each path's values become a column, as alike as they are."""
    tally, seen = Tally(), _Seen()
    paths = mapping.paths
    whole = set(mapping.bodies.values())
    kinds = {path: _kind(mapping, path) for path in paths}

    short, long = [path for path in paths if "." not in path], [path for path in paths if "." in path]

    def each(record: dict[str, object]) -> dict[str, object]:
        found = {path: record.get(path) for path in short}
        for path in long:
            found[path] = _followed(record, path)
        for path in whole:
            if isinstance(found[path], dict | list):
                found[path] = json_text(found[path])
        return found

    def chunks() -> Iterator[tuple[pa.RecordBatch, Place]]:
        first = head(split.path)
        if whole or long or documents.layout(first) != "lines" or documents.refuse_wide(split, first, Tally()):
            for chunk in documents.chunks(split, tally, each):
                arrays = [columns.column_of([r[path] for r in chunk.records], kinds[path], tally) for path in paths]
                yield pa.RecordBatch.from_arrays(arrays, names=list(paths)), chunk.place
            return
        for block, origin in documents.line_blocks(split, tally):
            yield tabular.rows_placed(block, origin, paths, tally, [kinds[path] for path in paths])

    for rows, place in chunks():
        lost = tally.lines
        batch = fitted(rows, mapping, place, seen)
        tally.merge(batch.left_out)
        yield from sliced(Batch(batch.exchanges, tally.left_out(), batch.lines + lost))
        tally.clear()
    if tally.left_out():
        yield Batch(nothing(EXCHANGES), tally.left_out(), tally.lines)
    if split.parts == 1:
        yield from seen.told(mapping)


def _kind(mapping: Mapping, path: str) -> pa.Field[Any]:
    """Return the field as which a path's JSON values are taken: lists where an item of one is asked for."""
    if path in mapping.bodies.values():
        return pa.field(path, pa.string())
    source = next(source for source in mapping.sources if path in source.paths)
    field = EXCHANGES.field(source.column)
    plain_text = source.split is not None or source.values is not None
    if source.item is not None and not plain_text:
        return pa.field(source.column, LISTS)
    return pa.field(source.column, pa.string()) if plain_text else field


def _followed(value: object, path: str) -> object:
    """Return what a dotted path leads to; a name that itself has dots is tried first, text is opened as JSON."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = orjson.loads(value)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return None
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    for top in _tops(path):
        if top != path and top in value:
            return _followed(value[top], path[len(top) + 1 :])
    return None


def fitted(rows: pa.RecordBatch, mapping: Mapping, place: Place, seen: _Seen) -> Batch:
    """
    Return rows under names of their own as exchanges.

    1. Each contract column is taken from the first of its paths that holds something.
    2. Where that is empty stands what the bodies say, and then a constant.
    3. The rest is what is done with any log.
    """
    tally = Tally()
    made: dict[str, Column] = {}
    seen.rows += rows.num_rows
    for source in mapping.sources:
        column = _taken(rows, source, tally)  # 1.
        made[source.column] = column
        if column.null_count < len(column):
            seen.note(source.column)
    for name, column in _of_bodies(rows, mapping, tally).items():  # 2.
        made[name] = _behind(made.get(name), column, name, tally)
    for name, value in mapping.constants.items():
        made[name] = _behind(made.get(name), pa.array([str(value)] * rows.num_rows, pa.string()), name, tally)
    batch = pa.RecordBatch.from_arrays(list(made.values()), names=list(made))
    done = conform(batch, EXCHANGES, REQUIRED, place)  # 3.
    tally.merge(done.left_out)
    return Batch(done.exchanges, tally.left_out(), done.lines)


def _behind(known: Column | None, other: Column, name: str, tally: Tally) -> Column:
    """Return a column with the other's values where it is empty."""
    field = EXCHANGES.field(name)
    if known is None:
        return other
    first, lost = cast(known, field)
    second, lost_too = cast(other, field)
    tally.add("value", misfit(field), lost + lost_too)
    return pc.coalesce(_filled(first), second)


def _of_bodies(rows: pa.RecordBatch, mapping: Mapping, tally: Tally) -> dict[str, Column]:
    """Return what the bodies of each row say, under the contract's names."""
    found: list[Row] = [{} for _ in range(rows.num_rows)] if mapping.bodies else []
    for side, path in mapping.bodies.items():
        column = _at(rows, path)
        for row, value in zip(found, column.to_pylist() if column is not None else [], strict=False):
            said = _request(value) if side == "request" else _response(value)
            row.update((name, value) for name, value in said.items() if value is not None)
    names = dict.fromkeys(name for row in found for name in row)
    return {name: columns.column_of([row.get(name) for row in found], EXCHANGES.field(name), tally) for name in names}


def _request(value: object) -> Row:
    """Return what a request says: a body, a list of turns, or the newest turn as bare text."""
    value = _opened(value)
    if isinstance(value, list | str):
        return asked({"messages": value})
    body = body_of(value)
    return {} if body is None else asked(body)


def _response(value: object) -> Row:
    """Return what an answer says: a body, the events of a stream, or bare text."""
    body = body_of(value)
    if body is None:
        return {"completion": value} if isinstance(value, str) else {}
    return {"exchange_id": name_in(body.get("id")), **answered(body)}


def _opened(value: object) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return value
    return value


def _taken(rows: pa.RecordBatch, source: Source, tally: Tally) -> Column:
    """Return the column that a source describes; where several paths are given, which one won is counted for accounts."""
    found = [(path, _changed(column, source)) for path in source.paths if (column := _at(rows, path)) is not None]
    if len(found) <= 1:
        return found[0][1] if found else pa.nulls(rows.num_rows)
    field = EXCHANGES.field(source.column)
    result: Column = pa.nulls(rows.num_rows, field.type)
    for path, column in found:
        fit, lost = cast(column, field)
        tally.add("value", misfit(field), lost)
        fit = _filled(fit)
        if source.column == "account_id" and path != source.paths[0]:
            won = pc.and_(pc.is_null(result), pc.is_valid(fit))
            reason = f"account is `{path}`, for want of `{source.paths[0]}`"
            tally.add("value", reason, pc.sum(won).as_py() or 0)
        result = pc.coalesce(result, fit)
    return result


def _filled(column: Column) -> Column:
    """Return the column with empty text as null."""
    if not pa.types.is_string(column.type):
        return column
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, pa.string()), column)


def _at(rows: pa.RecordBatch, path: str) -> Column | None:
    """Return the column that a path leads to; None where the rows have none such."""
    names = rows.schema.names
    top = next((top for top in _tops(path) if top in names), None)
    if top is None:
        return None
    column, rest = plain(rows.column(names.index(top))), path[len(top) + 1 :]
    while rest:
        if not pa.types.is_struct(column.type):
            values = column.to_pylist() if pa.types.is_string(column.type) or pa.types.is_map(column.type) else []
            inner = [_followed(dict(v) if isinstance(v, list) else v, rest) for v in values]
            return _of_values(inner) if values else None
        fields = [field.name for field in column.type]
        step = next((step for step in _tops(rest) if step in fields), None)
        if step is None:
            return None
        column, rest = plain(pc.struct_field(column, step)), rest[len(step) + 1 :]
    return column


def _of_values(values: list[object]) -> Column:
    """Return JSON values as a column: of their own type where they are alike, else as text."""
    kind = pa.list_(pa.string()) if any(isinstance(value, list) for value in values) else pa.string()
    alike = {type(value) for value in values if value is not None}
    field = pa.field("history", pa.float64()) if alike <= {int, float} else pa.field("history", kind)
    return columns.column_of(values, field, Tally())


def _changed(column: Column, source: Source) -> Column:
    """Return the column after what the mapping asks for: parts, an item, other values, a hash, a unit."""
    if source.split is not None:
        column = pc.split_pattern(strings(plain(column)), source.split)
        column = _relisted(column, pc.utf8_trim_whitespace(column.values))
    if source.item is not None:
        column = _item(plain(column), source.item)
    if source.values is not None:
        text = strings(plain(column))
        at = pc.index_in(text, value_set=pa.array(list(source.values), pa.string()))
        column = pc.coalesce(pa.array(list(source.values.values()), pa.string()).take(at), text)
    if source.hashed:
        distinct = pc.dictionary_encode(strings(plain(column)))
        hashes = [None if value is None else hash_of(value) for value in distinct.dictionary.to_pylist()]
        column = pa.array(hashes, pa.string()).take(distinct.indices)
    return column if source.unit is None else in_unit(plain(column), source.unit)


def _relisted(column: Column, values: Column) -> Column:
    """Return the list column with other items in place of its own."""
    offsets = pa.array(column.offsets.to_numpy(), pa.int32(), mask=None)
    lists = pa.ListArray.from_arrays(offsets, values)
    return pc.if_else(pc.is_valid(column), lists, None) if column.null_count else lists


def _item(column: Column, item: int) -> Column:
    """Return one item of each list, counted from its end where negative; null where it has none such."""
    if pa.types.is_string(column.type):  # text that is JSON of a list
        column, _ = cast(column, pa.field("", LISTS))
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return column
    offsets = column.offsets.to_numpy().astype(np.int64)
    lengths = offsets[1:] - offsets[:-1]
    at = item if item >= 0 else lengths + item
    inside = (at >= 0) & (at < lengths) & column.is_valid().to_numpy(zero_copy_only=False)
    return column.values.take(pa.array(offsets[:-1] + at, pa.int64(), mask=~inside))
