"""
DuckDB's SQL → Spark's, with the types that DuckDB gives to the result.

An empty DuckDB plans every query first, so that a result has the same columns and types on both engines; SQLGlot (MIT)
then writes it in Spark's dialect. 64-bit hashes are signed there (`unsigned.py`): what may be done with them is written
here, and everything else is refused, because it would give other numbers than DuckDB does.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import expressions as exp

from stillhunt.engines.unsigned import OFFSET
from stillhunt.errors import StoreError

FUNCTIONS = {"EPOCH_US": "UNIX_MICROS"}
"""Functions of DuckDB that SQLGlot leaves as they are → Spark's name for the same."""

_COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Is)
_HARMLESS = (
    *(exp.Alias, exp.Select, exp.Group, exp.Ordered, exp.Window, exp.Min, exp.Max, exp.Count, exp.Distinct, exp.Paren),
    *(exp.Explode, exp.Unnest, exp.ArrayContains, exp.Tuple, exp.Identifier, exp.Join),
)
"""Where a hash may stand: what keeps its value, or only looks at order and equality."""

_STILL_HASHES = (exp.Min, exp.Max, exp.Explode, exp.Unnest)
"""What makes a hash of hashes."""


class Catalogue:
    """The names and types of relations, without their rows."""

    def __init__(self) -> None:
        """Open an empty database in memory."""
        self._shadow = duckdb.connect(":memory:")
        self._shadow.execute("SET TimeZone = 'UTC'")

    def declare(self, relation: str, schema: pa.Schema) -> None:
        """Note a relation with these columns."""
        self._shadow.register("incoming", schema.empty_table())
        self._shadow.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM incoming")
        self._shadow.unregister("incoming")

    def create(self, relation: str, sql: str) -> None:
        """Note a relation with the columns of a query."""
        self._shadow.execute(f"CREATE OR REPLACE TABLE {relation} AS {sql}")

    def view(self, relation: str, sql: str) -> None:
        """Note a view."""
        self._shadow.execute(f"CREATE OR REPLACE VIEW {relation} AS {sql}")

    def drop(self, relation: str) -> None:
        """Forget a relation."""
        self._shadow.execute(f"DROP TABLE IF EXISTS {relation}")

    def schema_of(self, sql: str) -> pa.Schema:
        """Return the columns and types that DuckDB gives to the rows of a query."""
        return self._shadow.sql(sql).to_arrow_table().schema

    def close(self) -> None:
        """Free the database."""
        self._shadow.close()

    def spark(self, sql: str) -> str:
        """
        Return a query in Spark's dialect.

        Raises `StoreError` for one that would compute with a hash.
        """
        tree: Any = sqlglot.parse_one(sql, read="duckdb")
        hashes = _with_aliases(tree, self._hashes())
        for column in list(tree.find_all(exp.Column)):
            if column.name.lower() in hashes:
                _guard(column, sql)
        for call in list(tree.find_all(exp.Anonymous)):
            call.set("this", FUNCTIONS.get(str(call.this).upper(), call.this))
        return str(tree.sql(dialect="spark"))

    def _hashes(self) -> set[str]:
        """Return the names of all columns that hold 64-bit hashes, or lists of them."""
        rows = self._shadow.execute(
            "SELECT DISTINCT lower(column_name) FROM duckdb_columns() WHERE data_type IN ('UBIGINT', 'UBIGINT[]')"
        ).fetchall()
        return {str(name) for (name,) in rows}


def _with_aliases(tree: Any, hashes: set[str]) -> set[str]:
    """Return names of hashes, and the names that a query itself gives to a hash, its smallest or largest, or one of a list."""
    found = set(hashes)
    while True:
        named = {
            alias.alias.lower()
            for alias in tree.find_all(exp.Alias)
            if isinstance(of := alias.this.this if isinstance(alias.this, _STILL_HASHES) else alias.this, exp.Column)
            and of.name.lower() in found
        }
        if named <= found:
            return found
        found |= named


def _guard(column: Any, sql: str) -> None:
    """See that a hash is only looked at, and bring numbers that it is compared or divided with into its scale."""
    around = column.parent
    if isinstance(around, exp.Mod) and around.this is column and isinstance(around.parent, _COMPARED):
        around.replace(_remainder(column.copy(), int(around.expression.this)))
    elif isinstance(around, _COMPARED):
        for number in [n for n in around.find_all(exp.Literal) if n.parent is around and not n.is_string]:
            number.replace(sqlglot.parse_one(str(int(number.this) - OFFSET)))
    elif not isinstance(around, _HARMLESS):
        raise StoreError(
            f"This query computes with the hash `{column.name}`, which only DuckDB can: {sql}\n"
            "This is a fault of Stillhunt. Please report it, and use `--engine duckdb` meanwhile."
        )


def _remainder(column: Any, divisor: int) -> Any:
    """The remainder of the unsigned hash, from the signed one: ((s mod d) + (2^63 mod d)) mod d, all from 0 up."""
    inner = exp.Anonymous(this="PMOD", expressions=[column, exp.Literal.number(divisor)])
    shifted = exp.Add(this=inner, expression=exp.Literal.number(OFFSET % divisor))
    return exp.Anonymous(this="PMOD", expressions=[shifted, exp.Literal.number(divisor)])
