"""The SQL of a question. Values are bound, names are checked against the schema.

A page is read in one of three ways, as measured on an inventory of 1,000,000 rows (``docs/benchmarks.md``):

- directly, where there is no sort: reading stops at the page's end;
- *late* with a sort: sort the keys alone, then fetch the page's rows by their number (86 ms, directly 306 ms);
- *counted* where a filter's total is not known: one scan gives the keys of all matches and their number.

Every sort ends with the row's place in its file: pages of equal keys neither repeat nor lose a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.base import errors, paths
from services.models.results import Filter, ResultQuery

_COMPARE = {"eq": "=", "ne": "IS DISTINCT FROM", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_WHOLE_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_PLACE = ("file_index", "file_row_number")
_IN_PATH = {"name", "extension"}
"""Parts of a path: what they contain, the path contains."""


@dataclass(frozen=True)
class Statement:
    """SQL and the values bound to it."""

    text: str
    values: tuple[Any, ...] | dict[str, Any] = ()


@dataclass(frozen=True)
class Schema:
    """A table's columns with DuckDB's types, and the file list to read."""

    types: dict[str, str]
    files: tuple[str, ...]

    @property
    def source(self) -> str:
        """The FROM clause; the paths are ours, quoted all the same."""
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in self.files)
        return f"read_parquet([{listed}])"

    def quoted(self, column: str) -> str:
        """Return a column's quoted name.

        Raises:
            InvalidOptionsError: the table has no such column.
        """
        if column not in self.types:
            known = ", ".join(self.types)
            raise errors.InvalidOptionsError(f"unknown column {column!r}; use one of: {known}", field="column")
        return '"' + column.replace('"', '""') + '"'


class Question:
    """A query to one table, its names checked.

    Attributes:
        columns: of the answer.
        where: the condition; equal conditions have equal totals.
    """

    def __init__(self, schema: Schema, query: ResultQuery, limit: int) -> None:
        """Check the names and values.

        Raises:
            InvalidOptionsError: a column, filter or sort is not acceptable.
        """
        self.columns = list(query.columns) or list(schema.types)
        self._schema = schema
        self._names = [schema.quoted(name) for name in self.columns]
        self._keys = [_key(schema, term) for term in query.sort]
        self._limit = limit
        self._offset = query.offset
        self.where = where(schema, query)

    def count(self) -> Statement:
        """Return the statement for the number of matching rows."""
        return Statement(f"SELECT count(*) FROM {self._schema.source} {self.where.text}", self.where.values)

    def everything(self) -> Statement:
        """Return the statement for all matching rows."""
        text = f"SELECT {', '.join(self._names)} FROM {self._schema.source} {self.where.text} {self._order()}"
        return Statement(text, self.where.values)

    def page(self) -> Statement:
        """Return the statement for the page's rows."""
        if self._keys:
            return self._late()
        text = f"SELECT {self._shown()} FROM {self._schema.source} {self.where.text} {self._cut()}"
        return Statement(text, self.where.values)

    def counted_page(self) -> Statement:
        """Return the statement for the page's rows, each followed by the number of matching rows."""
        keys = [f"{name} AS key{place}" for place, (name, _) in enumerate(self._keys)]
        order = ", ".join([*(f"key{place} {way}" for place, (_, way) in enumerate(self._keys)), *_PLACE])
        text = f"""
            WITH matches AS MATERIALIZED (
                SELECT {", ".join([*_PLACE, *keys])} FROM {self._schema.source} {self.where.text}
            ), page AS (
                SELECT *, (SELECT count(*) FROM matches) AS total FROM matches ORDER BY {order} {self._cut()}
            )
            SELECT {self._shown("source.")}, page.total FROM {self._schema.source} AS source
            JOIN page ON {_join()} ORDER BY {", ".join(f"page.{part.strip()}" for part in order.split(","))}"""
        return Statement(text, self.where.values)

    def _late(self) -> Statement:
        chosen = (
            f"SELECT {', '.join(_PLACE)} FROM {self._schema.source} {self.where.text} {self._order()} {self._cut()}"
        )
        text = f"""
            WITH page AS (SELECT *, row_number() OVER () AS place FROM ({chosen}))
            SELECT {self._shown("source.")} FROM {self._schema.source} AS source
            JOIN page ON {_join()} ORDER BY page.place"""
        return Statement(text, self.where.values)

    def _shown(self, table: str = "") -> str:
        # Python's times hold microseconds; as text they keep the nanoseconds.
        kinds = (self._schema.types[column] for column in self.columns)
        shown = zip(self._names, kinds, strict=True)
        return ", ".join(f"{table}{n}::VARCHAR" if k.startswith("TIMESTAMP") else f"{table}{n}" for n, k in shown)

    def _order(self) -> str:
        keys = [f"{name} {way}" for name, way in self._keys]
        return f"ORDER BY {', '.join([*keys, *_PLACE])}" if keys else ""

    def _cut(self) -> str:
        return f"LIMIT {int(self._limit)} OFFSET {int(self._offset)}"


def _join() -> str:
    return " AND ".join(f"source.{name} = page.{name}" for name in _PLACE)


def _key(schema: Schema, term: str) -> tuple[str, str]:
    way = "DESC" if term.startswith("-") else "ASC"
    return schema.quoted(term.removeprefix("-")), f"{way} NULLS LAST"


def where(schema: Schema, query: ResultQuery) -> Statement:
    """Return the condition of a query's filters and search, empty without any.

    Raises:
        InvalidOptionsError: a filter is not acceptable.
    """
    clauses: list[str] = []
    values: list[Any] = []
    for condition in query.filters:
        clause, bound = _condition(schema, condition)
        clauses.append(clause)
        values.extend(bound)
    if query.search:
        known = _IN_PATH if "path" in schema.types else set()
        texts = [schema.quoted(name) for name, kind in schema.types.items() if kind == "VARCHAR" and name not in known]
        found_in = " OR ".join(f"contains(lower({text}), lower(?))" for text in texts)
        clauses.append(f"({found_in})" if texts else "false")
        values.extend([query.search] * len(texts))
    return Statement(f"WHERE {' AND '.join(clauses)}" if clauses else "", tuple(values))


def _condition(schema: Schema, condition: Filter) -> tuple[str, tuple[Any, ...]]:
    name = schema.quoted(condition.column)
    kind = schema.types[condition.column]
    if condition.operator == "is_null":
        return f"{name} IS NULL", ()
    if condition.operator == "not_null":
        return f"{name} IS NOT NULL", ()
    if condition.operator in {"contains", "starts_with"}:
        if kind == "BLOB":
            raise errors.InvalidOptionsError(
                f"{condition.column} contains bytes; filter it by eq or in", field="filter"
            )
        if condition.operator == "contains":
            return f"contains(lower({name}::VARCHAR), lower(?))", (condition.value,)
        return f"starts_with({name}::VARCHAR, ?)", (condition.value,)
    if condition.operator == "in":
        wanted = condition.value.split(",")
        marks = ", ".join(_mark(kind) for _ in wanted)
        return f"{name} IN ({marks})", tuple(_typed(condition.column, kind, one) for one in wanted)
    typed = _typed(condition.column, kind, condition.value)
    return f"{name} {_COMPARE[condition.operator]} {_mark(kind)}", (typed,)


def _mark(kind: str) -> str:
    """Return the place of a value; whole numbers keep their own type, so that one out of range just never matches."""
    return "?" if kind in {"VARCHAR", "BLOB", *_WHOLE_NUMBERS} else f"?::{kind}"


def _typed(column: str, kind: str, value: str) -> Any:
    if kind == "BLOB":
        return paths.unescape(value)
    if kind == "DOUBLE":
        try:
            return float(value)
        except ValueError:
            raise errors.InvalidOptionsError(f"{column} must be a number, not {value!r}", field=column) from None
    if kind not in _WHOLE_NUMBERS:
        return value
    try:
        return int(value)
    except ValueError:
        raise errors.InvalidOptionsError(f"{column} must be a whole number, not {value!r}", field=column) from None
